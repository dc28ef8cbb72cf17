"""An empty world of vaults for each test; contracts are deployed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.asset_shares.stage import ShareStage


@pytest.fixture(scope="session")
def deployed_share_stage() -> ShareStage:
    return ShareStage()


@pytest.fixture
def stage(deployed_share_stage: ShareStage) -> Iterator[ShareStage]:
    origin = deployed_share_stage.remember()
    yield deployed_share_stage
    deployed_share_stage.restore(origin)
