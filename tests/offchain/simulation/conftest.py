"""One simulated summer day of the default grid, and its homes, for all tests of the simulation."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from simulation.agents.terms import MarketView
from simulation.physics.day import PhysicalDay, simulate_day
from simulation.physics.grids import DEFAULT_GRID, Grid, load_grid

CACHE = Path(__file__).resolve().parents[3] / "cache" / "simulation"
SUMMER = date(2016, 6, 21)


@pytest.fixture(scope="session")
def cache() -> Path:
    return CACHE


@pytest.fixture(scope="session")
def grid() -> Grid:
    return load_grid(DEFAULT_GRID, CACHE)


@pytest.fixture(scope="session")
def summer_day() -> PhysicalDay:
    return simulate_day(DEFAULT_GRID, SUMMER, None, CACHE)


@pytest.fixture(scope="session")
def market() -> MarketView:
    return MarketView(
        zone=1,
        tick_size=1_000,
        lot_wh=1,
        retail_tick=320,
        feed_in_tick=80,
        cap_tick=320,
        network_fee_per_kwh=20_000,
        trading_fee_bps=20,
    )
