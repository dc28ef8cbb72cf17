"""A guarded grid for each test; contracts are deployed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.guardian.stage import GuardianStage


@pytest.fixture(scope="session")
def deployed_stage() -> GuardianStage:
    return GuardianStage()


@pytest.fixture
def stage(deployed_stage: GuardianStage) -> Iterator[GuardianStage]:
    origin = deployed_stage.remember()
    yield deployed_stage
    deployed_stage.restore(origin)
