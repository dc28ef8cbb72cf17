"""A register of its own for each test."""

from __future__ import annotations

import pytest

from tests.unit.grid_resources.stage import ResourceStage


@pytest.fixture
def stage() -> ResourceStage:
    return ResourceStage()


@pytest.fixture
def asset_stage() -> ResourceStage:
    return ResourceStage(with_assets=True)
