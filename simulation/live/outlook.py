"""Forecasts of a zone's demand and supply, learned from the weeks before the day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from energy_grid.forecast import Forecaster, ForecastSettings, HorizonGroup, PowerSeries
from energy_grid.units import SLOTS_PER_DAY, SLOTS_PER_WEEK, Slot, Watt
from simulation.physics.behind_meter import HomeEnergies
from simulation.physics.calendar import IntArray, rows_of
from simulation.physics.day import PhysicalDay
from simulation.physics.grids import Grid
from simulation.physics.homes import Home
from simulation.physics.zones import ZONES

_WEEKS: Final = 12
_SETTINGS: Final = ForecastSettings(
    groups=(HorizonGroup(1, 8), HorizonGroup(9, 96)), trees=60, leaves=15
)

Outlook = tuple[PowerSeries, PowerSeries, Forecaster, Forecaster]


def fit_outlooks(grid: Grid, day: PhysicalDay, seed: int) -> dict[int, Outlook]:
    """Demand and supply of each zone up to the end of the day, and what forecasts them."""
    settings = ForecastSettings(
        groups=_SETTINGS.groups, trees=_SETTINGS.trees, leaves=_SETTINGS.leaves, seed=seed
    )
    start = day.first_slot - _WEEKS * SLOTS_PER_WEEK
    count = day.first_slot + SLOTS_PER_DAY - start
    found = {}
    for zone in ZONES:
        homes = [home for home in day.history if day.zones.zone_of(home.home) == zone]
        demand, supply = (
            PowerSeries(Slot(start), tuple(Watt(int(power)) for power in powers))
            for powers in _powers(grid, homes, start, count)
        )
        found[zone] = (
            demand,
            supply,
            Forecaster.fit(demand.until(day.first_slot), settings),
            Forecaster.fit(supply.until(day.first_slot), settings),
        )
    return found


def _powers(grid: Grid, homes: list[HomeEnergies], start: int, count: int) -> Iterator[IntArray]:
    """What the members of a zone use and what their panels give, in whole watts a slot."""
    used, given = np.zeros(count), np.zeros(count)
    for energies in homes:
        home: Home = energies.home
        for load in home.loads:
            rated_w = float(grid.net.load.p_mw[load.row]) * 1e6
            rows = rows_of(start, count, load.shift_weeks)
            used += rated_w * grid.profile(f"{load.profile}_pload")[rows]
        if home.pv_w:
            given += home.pv_w * grid.profile(home.pv_profile)[rows_of(start, count)]
    yield np.rint(np.maximum(used, 0.0)).astype(np.int64)
    yield np.rint(np.maximum(given, 0.0)).astype(np.int64)
