"""A GridOracle with five reporters (f = 1, three answers) and two feeds, for each test."""

from __future__ import annotations

import pytest

from tests.utils.oracles import OracleStage


@pytest.fixture
def stage() -> OracleStage:
    return OracleStage()
