"""Grid management of two zones, for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.grid_management.stage import GridStage


@pytest.fixture(scope="module")
def built() -> GridStage:
    return GridStage()


@pytest.fixture
def stage(built: GridStage) -> Iterator[GridStage]:
    now, values = built.chain.now, built.values
    snapshot = built.chain.snapshot()
    yield built
    built.chain.revert(snapshot)
    built.chain.at(now)
    built.values = values
