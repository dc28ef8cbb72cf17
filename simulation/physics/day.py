"""The simulated day as a whole: homes with some days of history, and the grid on the day itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from energy_grid.units import SLOTS_PER_DAY, Watt
from simulation.physics.behind_meter import HomeEnergies, simulate_home
from simulation.physics.calendar import first_slot_of
from simulation.physics.grids import Grid, load_grid
from simulation.physics.homes import Home, choose_homes
from simulation.physics.powerflow import GridDay, run_power_flow
from simulation.physics.zones import ZoneSplit, market_capacity_w, split_zones

HISTORY_DAYS: Final = 8
"""Days before the simulated one that agents may learn from: a week and one day."""


@dataclass(frozen=True)
class PhysicalDay:
    """What happens on the simulated day.

    Attributes:
        grid_name: short name of the grid.
        day: the UTC day.
        first_slot: its first slot.
        homes: the homes that are members, in order of their numbers.
        history: energies of each home from `HISTORY_DAYS` before the day to its end.
        energies: energies of each home on the day alone.
        grid: voltages, loadings and losses on the day.
        zones: how the grid falls into two market zones.
        line_w: what the market may send between them, either way.
    """

    grid_name: str
    day: date
    first_slot: int
    homes: tuple[Home, ...]
    history: tuple[HomeEnergies, ...]
    energies: tuple[HomeEnergies, ...]
    grid: GridDay
    zones: ZoneSplit
    line_w: Watt


def simulate_day(
    grid_name: str, day: date, home_count: int | None, cache_folder: Path
) -> PhysicalDay:
    """Simulate a day of a grid.

    Raises:
        SimulationError: unknown grid, too many homes, or a date without data.
    """
    first_slot = first_slot_of(day)
    grid: Grid = load_grid(grid_name, cache_folder)
    homes = choose_homes(grid, home_count)
    zones = split_zones(grid, homes)
    start = first_slot - HISTORY_DAYS * SLOTS_PER_DAY
    count = (HISTORY_DAYS + 1) * SLOTS_PER_DAY
    history = tuple(simulate_home(grid, home, start, count) for home in homes)
    energies = tuple(home.window(first_slot, SLOTS_PER_DAY) for home in history)
    return PhysicalDay(
        grid_name=grid_name,
        day=day,
        first_slot=first_slot,
        homes=homes,
        history=history,
        energies=energies,
        grid=run_power_flow(grid, list(energies)),
        zones=zones,
        line_w=market_capacity_w(zones, history, first_slot),
    )
