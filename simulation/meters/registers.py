"""The registers of a meter: running totals in whole Wh, split by tariff as in a Dutch home."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from energy_grid.slots import slot_of, slot_start
from energy_grid.units import SLOT_SECONDS
from simulation.errors import SimulationError
from simulation.physics.calendar import IntArray

LOCAL_ZONE = ZoneInfo("Europe/Amsterdam")
_DAY_TARIFF_HOURS = range(7, 23)
_SATURDAY = 5
LOW_TARIFF, NORMAL_TARIFF = 0, 1


@dataclass(frozen=True, slots=True)
class RegisterValues:
    """Registers at one instant, in Wh; index 0 is the low tariff, 1 the normal one.

    Attributes:
        import_wh: energy taken, by tariff.
        export_wh: energy fed in, by tariff.
        tariff: index of the tariff that counts now.
        import_w: mean power taken in the current slot.
        export_w: mean power fed in in the current slot.
    """

    import_wh: tuple[int, int]
    export_wh: tuple[int, int]
    tariff: int
    import_w: int
    export_w: int

    @property
    def total_import_wh(self) -> int:
        """Energy taken over all tariffs."""
        return sum(self.import_wh)

    @property
    def total_export_wh(self) -> int:
        """Energy fed in over all tariffs."""
        return sum(self.export_wh)


class RegisterTrack:
    """Registers of one meter over a run of slots.

    Args:
        first_slot: slot of the first energies.
        import_wh: energy taken by slot.
        export_wh: energy fed in by slot.
        start_wh: import and export total at the start of the first slot.
    """

    def __init__(
        self, first_slot: int, import_wh: IntArray, export_wh: IntArray, start_wh: tuple[int, int]
    ) -> None:
        self._first_slot = first_slot
        self._energies = (np.asarray(import_wh), np.asarray(export_wh))
        tariffs = [tariff_of(slot_start(first_slot + index)) for index in range(len(import_wh))]
        self._tariffs = tariffs
        self._totals = [
            [_running(energies, tariffs, tariff, start) for tariff in (LOW_TARIFF, NORMAL_TARIFF)]
            for energies, start in zip(self._energies, start_wh, strict=True)
        ]

    def at(self, unix: int) -> RegisterValues:
        """Registers at an instant; inside a slot they grow evenly, rounded down.

        Raises:
            SimulationError: the instant is not simulated.
        """
        index = slot_of(unix) - self._first_slot
        count = len(self._tariffs)
        if index == count and unix == slot_start(slot_of(unix)):
            return self._values(count, count - 1, 0)
        if not 0 <= index < count:
            raise SimulationError(
                "the meter is not simulated at this time",
                expected=f"slots {self._first_slot} to {self._first_slot + count - 1}",
                found=slot_of(unix),
            )
        return self._values(index, index, unix - slot_start(slot_of(unix)))

    def _values(self, row: int, slot_index: int, seconds: int) -> RegisterValues:
        tariff = self._tariffs[slot_index]
        readings = []
        for energies, totals in zip(self._energies, self._totals, strict=True):
            inside = int(energies[slot_index]) * seconds // SLOT_SECONDS
            readings.append(
                (
                    int(totals[LOW_TARIFF][row]) + (inside if tariff == LOW_TARIFF else 0),
                    int(totals[NORMAL_TARIFF][row]) + (inside if tariff == NORMAL_TARIFF else 0),
                )
            )
        powers = [int(energies[slot_index]) * 3_600 // SLOT_SECONDS for energies in self._energies]
        return RegisterValues(readings[0], readings[1], tariff, powers[0], powers[1])


def tariff_of(unix: int) -> int:
    """Tariff by local time: the normal one on weekdays from 7 to 23, else the low one."""
    local = datetime.fromtimestamp(unix, UTC).astimezone(LOCAL_ZONE)
    normal = local.weekday() < _SATURDAY and local.hour in _DAY_TARIFF_HOURS
    return NORMAL_TARIFF if normal else LOW_TARIFF


def _running(energies: IntArray, tariffs: list[int], tariff: int, start_wh: int) -> IntArray:
    """Totals of one tariff at every boundary; what was counted before is split two to one."""
    low_start = start_wh // 3
    start = low_start if tariff == LOW_TARIFF else start_wh - low_start
    counted = np.where(np.asarray(tariffs) == tariff, energies, 0)
    return np.concatenate(([0], np.cumsum(counted))).astype(np.int64) + start


def start_registers(seed: int, meter_number: int, produces: bool) -> tuple[int, int]:
    """Plausible totals of a meter that has been hanging there for some years."""
    random = np.random.default_rng([seed, 0x52454749, meter_number])
    imported = int(random.integers(2_000_000, 30_000_000))
    exported = int(random.integers(1_000_000, 20_000_000)) if produces else 0
    return imported, exported
