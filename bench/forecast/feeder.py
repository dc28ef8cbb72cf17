"""Load and panels of one benchmark feeder over its year, in whole watts a slot."""

from __future__ import annotations

import numpy as np

from energy_grid.forecast import PowerSeries
from energy_grid.units import Slot, Watt
from simulation.market_day.options import CACHE_FOLDER
from simulation.physics.calendar import FIRST_SLOT, ROWS_OF_YEAR, FloatArray
from simulation.physics.grids import load_grid

_W_PER_MW = 1e6


def feeder_series(grid_name: str) -> dict[str, PowerSeries]:
    """What all loads of a grid draw and what all its panels give.

    Raises:
        SimulationError: no such grid.
    """
    grid = load_grid(grid_name, CACHE_FOLDER)
    net = grid.net
    load_w, panels_w = np.zeros(ROWS_OF_YEAR), np.zeros(ROWS_OF_YEAR)
    for row in net.load.index:
        profile = grid.profile(f"{net.load.profile[row]}_pload")
        load_w += float(net.load.p_mw[row]) * _W_PER_MW * profile
    for row in net.sgen.index:
        panels_w += float(net.sgen.p_mw[row]) * _W_PER_MW * grid.profile(net.sgen.profile[row])
    return {"load": _series(load_w), "panels": _series(panels_w)}


def _series(power_w: FloatArray) -> PowerSeries:
    whole = np.rint(power_w).astype(np.int64).tolist()
    return PowerSeries(Slot(FIRST_SLOT), tuple(Watt(power) for power in whole))
