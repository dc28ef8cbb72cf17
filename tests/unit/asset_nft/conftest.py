"""An empty world of assets for each test; contracts are deployed once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.asset_nft.stage import AssetStage


@pytest.fixture(scope="session")
def deployed_stage() -> AssetStage:
    return AssetStage()


@pytest.fixture
def stage(deployed_stage: AssetStage) -> Iterator[AssetStage]:
    origin = deployed_stage.remember()
    yield deployed_stage
    deployed_stage.restore(origin)
