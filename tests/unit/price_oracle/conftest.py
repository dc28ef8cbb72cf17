"""One priced market, brought back to its beginning before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.price_oracle.stage import START, PricedMarket


@pytest.fixture(scope="module")
def whole_stage() -> PricedMarket:
    return PricedMarket()


@pytest.fixture
def stage(whole_stage: PricedMarket) -> Iterator[PricedMarket]:
    snapshot = whole_stage.chain.snapshot()
    accounts = len(whole_stage.accounts)
    whole_stage.chain.at(START * 900 + 60)
    yield whole_stage
    whole_stage.chain.revert(snapshot)
    del whole_stage.accounts[accounts:]
