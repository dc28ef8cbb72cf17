"""A governed grid for each test; contracts are deployed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.governance.stage import GovernanceStage


@pytest.fixture(scope="session")
def deployed_stage() -> GovernanceStage:
    return GovernanceStage()


@pytest.fixture
def stage(deployed_stage: GovernanceStage) -> Iterator[GovernanceStage]:
    origin = deployed_stage.remember()
    yield deployed_stage
    deployed_stage.restore(origin)
