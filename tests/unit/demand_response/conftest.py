"""Demand response, anew for every test."""

from __future__ import annotations

import pytest

from tests.utils.demand import DemandStage


@pytest.fixture
def stage() -> DemandStage:
    return DemandStage()
