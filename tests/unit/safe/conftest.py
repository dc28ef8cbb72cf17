"""A Safe of three owners for each test; contracts are deployed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.safe.stage import SafeStage


@pytest.fixture(scope="session")
def deployed_safe() -> SafeStage:
    return SafeStage()


@pytest.fixture
def stage(deployed_safe: SafeStage) -> Iterator[SafeStage]:
    origin = deployed_safe.chain.snapshot()
    yield deployed_safe
    deployed_safe.chain.revert(origin)
