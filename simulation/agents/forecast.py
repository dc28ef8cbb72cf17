"""What a home expects of its next slots, from what its own meters have shown so far.

Consumption is expected as the mean of the same slot yesterday and a week ago, sunshine as
yesterday's; both are drawn towards what the last hour showed, and blurred, since no forecast is
right. A home with a battery knows its content and rolls it forward. Nothing here can see later
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
_GREATEST_RATIO: Final = 2.0
_NOISE: Final = 0.06
_FORECAST_STREAM: Final = 0x464F5245


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


def forecast_surplus(seen: Observations, count: int, *, seed: int, home_number: int) -> IntArray:
    """Expected feed-in (positive) or demand (negative) of the next slots, in Wh.

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
    surplus = np.rint(production - consumption).astype(np.int64)
    return surplus if seen.battery is None else _behind_battery(seen, seen.battery, surplus)


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
