"""The physical side of a live day, computed once and read by every process that needs it."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

from energy_grid.forecast import Forecaster, PowerSeries
from energy_grid.units import SLOTS_PER_DAY
from simulation.live.files import write_atomically
from simulation.live.outlook import fit_outlooks
from simulation.live.plan import LivePlan
from simulation.market_day.fleet import FleetMeter, build_fleet
from simulation.market_day.keys import DayKeys
from simulation.market_day.options import CACHE_FOLDER
from simulation.physics.calendar import FloatArray, rows_of
from simulation.physics.day import HISTORY_DAYS, PhysicalDay, simulate_day
from simulation.physics.grids import load_grid

_FILE = "world.pickle"


@dataclass(frozen=True)
class ZoneOutlook:
    """What reporters may forecast for one zone.

    Attributes:
        demand: powers up to the end of the day; only what is past may be looked at.
        supply: likewise.
        demand_forecaster: learned from what lies before the day.
        supply_forecaster: likewise.
    """

    demand: PowerSeries
    supply: PowerSeries
    demand_forecaster: Forecaster
    supply_forecaster: Forecaster


@dataclass(frozen=True)
class World:
    """What happens on the day.

    Attributes:
        day: homes, their energies, the grid.
        sun: per-unit output of panels by slot, from a week before the day to its end.
        outlooks: by zone.
    """

    day: PhysicalDay
    sun: FloatArray
    outlooks: dict[int, ZoneOutlook]


def build_world(plan: LivePlan) -> World:
    """Simulate the day and put it on disk; what is there already is taken.

    Raises:
        SimulationError: what the plan asks for cannot be simulated.
    """
    file = plan.folder / _FILE
    if file.exists():
        return load_world(plan)
    day = simulate_day(plan.grid, plan.date, plan.homes, CACHE_FOLDER)
    grid = load_grid(plan.grid, CACHE_FOLDER)
    start = day.first_slot - HISTORY_DAYS * SLOTS_PER_DAY
    profile = next((home.pv_profile for home in day.homes if home.pv_profile), "PV5")
    sun = grid.profile(profile)[rows_of(start, (HISTORY_DAYS + 1) * SLOTS_PER_DAY)]
    outlooks = {
        zone: ZoneOutlook(*parts) for zone, parts in fit_outlooks(grid, day, plan.seed).items()
    }
    world = World(day, sun, outlooks)
    write_atomically(file, pickle.dumps(world))
    return world


def load_world(plan: LivePlan) -> World:
    """What `build_world` has put on disk."""
    content: World = pickle.loads((plan.folder / _FILE).read_bytes())  # noqa: S301 - our own file
    return content


def keys_of(plan: LivePlan) -> DayKeys:
    """Keys of everybody."""
    return DayKeys.derive(plan.seed, plan.homes)


def fleet_of(plan: LivePlan, world: World) -> tuple[FleetMeter, ...]:
    """The meters, registered from the first slot that is traded."""
    return build_fleet(world.day, keys_of(plan).members, plan.seed, plan.slots.start)
