"""Grids from the cache, and short scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulation.physics.grids import Grid, load_grid

CACHE = Path(__file__).resolve().parents[3] / "cache" / "simulation"


@pytest.fixture(scope="session")
def cache() -> Path:
    return CACHE


@pytest.fixture(scope="session")
def weak_grid() -> Grid:
    return load_grid("rural2", CACHE)


@pytest.fixture(scope="session")
def strong_grid() -> Grid:
    return load_grid("semiurb4", CACHE)
