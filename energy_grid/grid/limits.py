"""Nominal values and limits of a zone, as `contracts/types/GridLimits.sol`; bounds, presets.

Frequency in mHz, voltage in 1/10,000 of nominal, line loading in 1/10,000 of the rating.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Any, Final

from energy_grid.errors import InvalidValueError


class GridState(IntEnum):
    """State of a zone's grid."""

    NORMAL = 0
    ALERT = 1
    EMERGENCY = 2
    BLACKOUT = 3
    RESTORATION = 4


class Watch(IntFlag):
    """Quantities that decide about a state."""

    FREQUENCY = 1
    VOLTAGE = 2
    LOADING = 4
    ALL = 7


class GridPreset(IntEnum):
    """Limits after published standards."""

    EN_50160_50HZ = 0
    ANSI_C84_1_60HZ = 1


@dataclass(frozen=True, slots=True)
class Band:
    """How far a quantity may be from nominal; a level begins at its threshold.

    Attributes:
        alert: deviation at which ALERT begins.
        emergency: deviation at which EMERGENCY begins.
        blackout: deviation at which BLACKOUT begins; 0: never.
        hysteresis: how far below a threshold a value speaks for a lower state.
    """

    alert: int
    emergency: int
    blackout: int
    hysteresis: int

    def as_tuple(self) -> tuple[int, int, int, int]:
        """Fields in the contract's order."""
        return (self.alert, self.emergency, self.blackout, self.hysteresis)


@dataclass(frozen=True, slots=True)
class GridLimits:
    """Limits of a zone.

    Attributes:
        nominal_voltage_millivolts: nominal voltage at the zone's reference bus.
        nominal_frequency_millihz: 50,000 or 60,000.
        watched: which quantities decide.
        calm_rounds: confirmed rounds in a row before the state is lowered by one level.
        halt_seconds: lifetime of a halt in the market.
        frequency: to either side, in mHz.
        voltage_low: below nominal, in basis points.
        voltage_high: above nominal, in basis points.
        loading: of the most loaded line, in basis points of its rating.
    """

    nominal_voltage_millivolts: int
    nominal_frequency_millihz: int
    watched: Watch
    calm_rounds: int
    halt_seconds: int
    frequency: Band
    voltage_low: Band
    voltage_high: Band
    loading: Band

    @classmethod
    def of_answer(cls, answer: Sequence[Any]) -> GridLimits | None:
        """The contract's answer to `gridLimits`; None for a zone without limits."""
        voltage, frequency, watched, calm, halt, *bands = answer
        if not voltage:
            return None
        return cls(
            int(voltage),
            int(frequency),
            Watch(int(watched)),
            int(calm),
            int(halt),
            *(Band(*(int(value) for value in band)) for band in bands),
        )

    @property
    def bands(self) -> tuple[Band, Band, Band, Band]:
        """Bands in the contract's order."""
        return (self.frequency, self.voltage_low, self.voltage_high, self.loading)

    def as_tuple(self) -> tuple[Any, ...]:
        """Fields in the contract's order."""
        head = (
            self.nominal_voltage_millivolts,
            self.nominal_frequency_millihz,
            int(self.watched),
            self.calm_rounds,
            self.halt_seconds,
        )
        return (*head, *(band.as_tuple() for band in self.bands))

    def require_bounds(self) -> None:
        """Check the contract's hard bounds (`GridLimitRules`).

        Raises:
            InvalidValueError: a value lies outside.
        """
        for field, given, lowest, highest in self._bounds():
            if not lowest <= given <= highest:
                raise InvalidValueError(
                    f"{field} of a zone's grid limits",
                    expected=f"{lowest} to {highest}",
                    found=given,
                )

    def _bounds(self) -> Iterator[tuple[str, int, int, int]]:
        yield "nominal voltage in mV", self.nominal_voltage_millivolts, 50_000, 1_200_000_000
        if self.nominal_frequency_millihz != _HZ_50:
            yield "nominal frequency in mHz", self.nominal_frequency_millihz, _HZ_60, _HZ_60
        yield "watched quantities", int(self.watched), 1, int(Watch.ALL)
        yield "calm rounds", self.calm_rounds, 2, 20
        yield "life of a halt in seconds", self.halt_seconds, 300, 3_600
        for name, band, lowest, highest in (
            ("frequency", self.frequency, 10, (500, 1_000, 3_000)),
            ("low voltage", self.voltage_low, 100, (1_500, 2_000, 10_000)),
            ("high voltage", self.voltage_high, 100, (1_500, 2_000, 10_000)),
            ("loading", self.loading, 5_000, (10_000, 20_000, 30_000)),
        ):
            yield f"alert threshold, {name},", band.alert, lowest, highest[0]
            yield f"emergency threshold, {name},", band.emergency, band.alert + 1, highest[1]
            if name == "frequency" or band.blackout:
                yield f"blackout threshold, {name},", band.blackout, band.emergency + 1, highest[2]
            yield f"hysteresis, {name},", band.hysteresis, 1, band.alert - 1


_HZ_50: Final = 50_000
_HZ_60: Final = 60_000
_LOADING: Final = Band(8_000, 12_000, 0, 500)


def preset_limits(preset: GridPreset, nominal_voltage_millivolts: int) -> GridLimits:
    """Limits after a standard; figures and sources: `contracts/libraries/GridPresets.sol`."""
    if preset is GridPreset.EN_50160_50HZ:
        frequency, bands = (
            _HZ_50,
            (
                Band(50, 200, 500, 20),
                Band(500, 1_000, 9_500, 100),
                Band(500, 1_000, 0, 100),
            ),
        )
    else:
        frequency, bands = (
            _HZ_60,
            (
                Band(36, 200, 500, 20),
                Band(500, 833, 9_000, 50),
                Band(500, 583, 0, 50),
            ),
        )
    return GridLimits(nominal_voltage_millivolts, frequency, Watch.ALL, 3, 1_800, *bands, _LOADING)
