"""What a day was like, in figures: pure functions of what was measured.

Voltage counts in means of ten minutes as in EN 50160, a bus that is dark counts as interrupted and
not as too low. Loadings count step by step, frequency second by second.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from simulation.physics.calendar import BoolArray, FloatArray

MEAN_SECONDS: Final = 600
USUAL_BAND_PU: Final = (0.90, 1.10)
"""EN 50160, 4.2.2: 95 % of the ten-minute means of a week."""
ALWAYS_BAND_PU: Final = (0.85, 1.10)
"""EN 50160, 4.2.2: all ten-minute means."""
FREQUENCY_BAND_HZ: Final = 0.2
_PRECISION_PU: Final = 1e-9


@dataclass(frozen=True, slots=True)
class VoltageMetrics:
    """Minutes outside EN 50160, in ten-minute means.

    Attributes:
        minutes_outside_usual: in which any bus was outside +-10 %.
        minutes_outside_always: in which any bus was outside +10 % and -15 %.
        bus_minutes_outside_usual: the same, summed over buses.
        bus_minutes_outside_always: the same, summed over buses.
        minutes_above: of the first, too high.
        minutes_below: of the first, too low.
        worst_bus_minutes: minutes of the bus with most of them.
        interrupted_bus_minutes: bus-minutes without supply.
        lowest_pu: lowest mean.
        highest_pu: highest mean.
    """

    minutes_outside_usual: int
    minutes_outside_always: int
    bus_minutes_outside_usual: int
    bus_minutes_outside_always: int
    minutes_above: int
    minutes_below: int
    worst_bus_minutes: int
    interrupted_bus_minutes: int
    lowest_pu: float
    highest_pu: float


@dataclass(frozen=True, slots=True)
class LoadingMetrics:
    """Overload, in steps above the rating.

    Attributes:
        minutes_overloaded: in which any line or the transformer was overloaded.
        line_minutes: overload summed over lines.
        transformer_minutes: overload of the transformer.
        highest_line_percent: highest loading of a line.
        highest_transformer_percent: highest loading of the transformer.
    """

    minutes_overloaded: float
    line_minutes: float
    transformer_minutes: float
    highest_line_percent: float
    highest_transformer_percent: float


@dataclass(frozen=True, slots=True)
class FrequencyMetrics:
    """Frequency; while the zone is dark it counts as outside.

    Attributes:
        nadir_hz: lowest value before the zone went dark, if it did.
        zenith_hz: highest value.
        seconds_outside: outside 49.8 to 50.2 Hz.
        dark_seconds: of these, without supply.
    """

    nadir_hz: float
    zenith_hz: float
    seconds_outside: float
    dark_seconds: float


@dataclass(frozen=True, slots=True)
class EnergyMetrics:
    """Energy of the whole zone, in Wh.

    Attributes:
        available_pv_wh: what sun and panels could have given.
        curtailed_wh: of this, not fed in.
        unserved_wh: consumption of homes and businesses that was not served.
        car_short_wh: what cars lack when they leave, or will lack even at full power.
        car_open_wh: what is still to be charged at the end of the window, with time left.
        heat_short_wh: heat that houses lacked, as electricity.
        loss_wh: lost in lines and transformer.
        from_upstream_wh: taken from the upstream grid.
        to_upstream_wh: given to it.
        generator_wh: given by the zone's own generating set.
        battery_stored_wh: content of all batteries at the end.
    """

    available_pv_wh: float
    curtailed_wh: float
    unserved_wh: float
    car_short_wh: float
    car_open_wh: float
    heat_short_wh: float
    loss_wh: float
    from_upstream_wh: float
    to_upstream_wh: float
    generator_wh: float
    battery_stored_wh: float


@dataclass(frozen=True, slots=True)
class DayMetrics:
    """All figures of one run."""

    voltage: VoltageMetrics
    loading: LoadingMetrics
    frequency: FrequencyMetrics
    energy: EnergyMetrics

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def ten_minute_means(voltage_pu: FloatArray, step_seconds: int) -> FloatArray:
    """Means of what was supplied, interval by bus; 0 where a bus was dark throughout.

    Args:
        voltage_pu: step by bus, 0 while dark.
        step_seconds: length of a step.
    """
    per_mean = MEAN_SECONDS // step_seconds
    starts = np.arange(0, len(voltage_pu), per_mean)
    sums = np.add.reduceat(voltage_pu, starts, axis=0)
    counts = np.add.reduceat((voltage_pu > 0.0).astype(np.float64), starts, axis=0)
    return np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)


def voltage_metrics(voltage_pu: FloatArray, step_seconds: int) -> VoltageMetrics:
    """Figures of voltages, step by bus, 0 while dark; a last interval may be shorter."""
    means = ten_minute_means(voltage_pu, step_seconds)
    per_mean = MEAN_SECONDS // step_seconds
    lengths = np.full(len(means), per_mean)
    lengths[-1] = len(voltage_pu) - per_mean * (len(means) - 1)
    minutes = lengths * step_seconds // 60
    live = means > 0.0
    above = live & (means > USUAL_BAND_PU[1] + _PRECISION_PU)
    below = live & (means < USUAL_BAND_PU[0] - _PRECISION_PU)
    far = above | (live & (means < ALWAYS_BAND_PU[0] - _PRECISION_PU))
    outside = above | below

    def any_bus(mask: BoolArray) -> int:
        return int(minutes[mask.any(axis=1)].sum())

    def all_buses(mask: BoolArray) -> int:
        return int((mask * minutes[:, None]).sum())

    supplied = means[live]
    return VoltageMetrics(
        minutes_outside_usual=any_bus(outside),
        minutes_outside_always=any_bus(far),
        bus_minutes_outside_usual=all_buses(outside),
        bus_minutes_outside_always=all_buses(far),
        minutes_above=any_bus(above),
        minutes_below=any_bus(below),
        worst_bus_minutes=int((outside * minutes[:, None]).sum(axis=0).max(initial=0)),
        interrupted_bus_minutes=int((voltage_pu == 0.0).sum() * step_seconds // 60),
        lowest_pu=float(supplied.min()) if supplied.size else 0.0,
        highest_pu=float(supplied.max()) if supplied.size else 0.0,
    )


def loading_metrics(
    line_loading: FloatArray, transformer_loading: FloatArray, step_seconds: int
) -> LoadingMetrics:
    """Figures of loadings, 1 being the rating: lines step by line, the transformer by step."""
    minutes = step_seconds / 60
    lines, transformer = line_loading > 1.0, transformer_loading > 1.0
    return LoadingMetrics(
        minutes_overloaded=float((lines.any(axis=1) | transformer).sum() * minutes),
        line_minutes=float(lines.sum() * minutes),
        transformer_minutes=float(transformer.sum() * minutes),
        highest_line_percent=float(line_loading.max(initial=0.0) * 100),
        highest_transformer_percent=float(transformer_loading.max(initial=0.0) * 100),
    )


class FrequencyRecord:
    """Counts the frequency of one step after the other."""

    def __init__(self) -> None:
        self._lowest = self._highest = 0.0
        self._outside = self._dark = 0.0

    def add(self, deviation_hz: FloatArray, inner_seconds: float) -> None:
        """One step, by inner steps."""
        self._lowest = min(self._lowest, float(deviation_hz.min()))
        self._highest = max(self._highest, float(deviation_hz.max()))
        outside = np.abs(deviation_hz) > FREQUENCY_BAND_HZ + _PRECISION_PU
        self._outside += float(outside.sum()) * inner_seconds

    def add_dark(self, seconds: float) -> None:
        """Some time without supply."""
        self._outside += seconds
        self._dark += seconds

    def metrics(self, nominal_hz: float = 50.0) -> FrequencyMetrics:
        """The figures so far."""
        return FrequencyMetrics(
            nadir_hz=nominal_hz + self._lowest,
            zenith_hz=nominal_hz + self._highest,
            seconds_outside=round(self._outside, 3),
            dark_seconds=round(self._dark, 3),
        )


def reduction_percent(without: float, managed: float) -> float:
    """How far a violation fell, in percent of what it was; 100 where there was none at all."""
    if without == 0.0:
        return 100.0 if managed == 0.0 else 0.0
    return 100.0 * (1.0 - managed / without)
