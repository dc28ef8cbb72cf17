"""What a home expects of its next slots, from what its own meters have shown so far.

Consumption is expected as the mean of the same slot yesterday and a week ago, sunshine as
yesterday's; both are drawn towards what the last hour showed, and blurred, since no forecast is
right. How far off it may be is told by how much one day of the past week differed from the next.
A home with a battery knows its content and rolls it forward. Nothing here can see later
measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from energy_grid.units import SLOTS_PER_DAY, SLOTS_PER_WEEK
from simulation.physics.battery import Battery, step
from simulation.physics.behind_meter import HomeEnergies
from simulation.physics.calendar import FloatArray, IntArray

_RECENT_SLOTS: Final = 4
_DECAY_SLOTS: Final = 8.0
_LEAST_RATIO: Final = 0.4
_GREATEST_RATIO: Final = 4.0
_NOISE: Final = 0.06
_FORECAST_STREAM: Final = 0x464F5245

LEVEL_PERCENTS: Final = (10, 25, 50, 75, 90)
"""Chances, in percent, that less is fed in (or more drawn) than a level of the outlook says."""
MEDIAN: Final = LEVEL_PERCENTS.index(50)
_LEVEL_DEVIATIONS: Final = (-1.2816, -0.6745, 0.0, 0.6745, 1.2816)
"""The same levels of a normal distribution, in standard deviations."""
_SURE_SOON: Final = 0.6
"""Part of the uncertainty that what the last hour showed takes away from the next slot."""
_SLOTS_AROUND: Final = 2


@dataclass(frozen=True)
class Observations:
    """What a home has measured up to an instant; there is nothing later in it.

    Attributes:
        until_slot: first slot not yet measured.
        consumption_wh: by slot, the last entry is slot `until_slot - 1`.
        production_wh: likewise.
        stored_wh: content of the battery now.
        battery: the home's battery, None without.
    """

    until_slot: int
    consumption_wh: IntArray
    production_wh: IntArray
    stored_wh: int
    battery: Battery | None


def observe(history: HomeEnergies, until_slot: int) -> Observations:
    """Cut a home's history off at the present: slots from `until_slot` on are not copied.

    Raises:
        IndexError: less than a week lies before `until_slot`, or it is beyond the simulation.
    """
    count = until_slot - history.first_slot
    if not SLOTS_PER_WEEK <= count <= len(history.import_wh):
        raise IndexError(f"slot {until_slot} has no full week of history")
    home = history.home
    battery = Battery(home.battery_wh, home.battery_w) if home.battery_wh else None
    return Observations(
        until_slot=until_slot,
        consumption_wh=history.consumption_wh[:count].copy(),
        production_wh=history.production_wh[:count].copy(),
        stored_wh=int(history.stored_wh[count - 1]),
        battery=battery,
    )


def forecast_levels(seen: Observations, count: int, *, seed: int, home_number: int) -> IntArray:
    """Feed-in (positive) or demand (negative) of the next slots in Wh, from a bad to a good day.

    Row by row for `LEVEL_PERCENTS`: each is a whole day that goes a little worse or better than
    expected, rolled through the battery; the row `MEDIAN` is what is expected.

    Args:
        seen: measurements up to now.
        count: number of slots from `seen.until_slot` on; at most a day and a half.
        seed: seed of the run.
        home_number: whose forecast this is; with the seed and the time it fixes the blur.
    """
    random = np.random.default_rng([seed, _FORECAST_STREAM, home_number, seen.until_slot])
    lead = np.arange(1, count + 1)
    pull = np.exp(-lead / _DECAY_SLOTS)
    consumption = _persisted(seen.consumption_wh, count, week_share=0.5)
    production = _persisted(seen.production_wh, count, week_share=0.0)
    consumption *= 1 + (_recent_ratio(seen.consumption_wh, week_share=0.5) - 1) * pull
    production *= 1 + (_recent_ratio(seen.production_wh, week_share=0.0) - 1) * pull
    consumption *= np.clip(random.normal(1.0, _NOISE, count), 0.5, 1.5)
    production *= np.clip(random.normal(1.0, _NOISE, count), 0.5, 1.5)
    deviation = _deviation(seen, count) * (1 - _SURE_SOON * pull)
    levels = []
    for distance in _LEVEL_DEVIATIONS:
        surplus = np.rint(production - consumption + distance * deviation).astype(np.int64)
        # Without panels nothing is ever fed in, whatever the blur says.
        surplus = np.where(production > 0, surplus, np.minimum(surplus, 0))
        if seen.battery is not None:
            surplus = _behind_battery(seen, seen.battery, surplus)
        levels.append(surplus)
    return np.sort(np.array(levels), axis=0)


def _deviation(seen: Observations, count: int) -> FloatArray:
    """How far the same time of two days in a row lay apart in the past week, smoothed."""
    surplus = (seen.production_wh - seen.consumption_wh).astype(np.float64)
    days = surplus[-SLOTS_PER_WEEK:].reshape(-1, SLOTS_PER_DAY)
    square = np.mean(np.diff(days, axis=0) ** 2, axis=0)
    shifts = range(-_SLOTS_AROUND, _SLOTS_AROUND + 1)
    around: FloatArray = np.mean([np.roll(square, shift) for shift in shifts], axis=0)
    # Two days differ by two errors: the square of one is half of it.
    return np.resize(np.sqrt(around / 2), count)


def _persisted(measured: IntArray, count: int, week_share: float) -> FloatArray:
    """The same slots of the last day and of the last week, mixed."""
    daily = _repeat(measured, SLOTS_PER_DAY, count)
    if not week_share:
        return daily
    weekly = _repeat(measured, SLOTS_PER_WEEK, count)
    return (1 - week_share) * daily + week_share * weekly


def _repeat(measured: IntArray, cycle: int, count: int) -> FloatArray:
    last_cycle = measured[-cycle:].astype(np.float64)
    return np.resize(last_cycle, count)


def _recent_ratio(measured: IntArray, week_share: float) -> float:
    """How the last hour compares with what would have been expected of it."""
    actual = float(measured[-_RECENT_SLOTS:].sum())
    expected = float(_persisted(measured[:-_RECENT_SLOTS], _RECENT_SLOTS, week_share).sum())
    if expected <= 0:
        return 1.0
    return min(max(actual / expected, _LEAST_RATIO), _GREATEST_RATIO)


def _behind_battery(seen: Observations, battery: Battery, surplus: IntArray) -> IntArray:
    stored = seen.stored_wh
    remaining = np.zeros_like(surplus)
    for index, energy in enumerate(surplus):
        done = step(battery, stored, int(energy))
        stored = done.stored_wh
        remaining[index] = int(energy) - done.charge_wh + done.discharge_wh
    return remaining
