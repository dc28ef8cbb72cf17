"""One market in one zone; every test gets it as it was deployed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from energy_grid.products import Product
from tests.utils.auction_market import MONDAY, Account, AuctionMarket


@pytest.fixture(scope="session")
def deployed() -> AuctionMarket:
    market = AuctionMarket()
    for _ in range(5):
        market.enrol()
    return market


@pytest.fixture
def market(deployed: AuctionMarket) -> Iterator[AuctionMarket]:
    before, now = deployed.chain.snapshot(), deployed.chain.now
    yield deployed
    deployed.chain.revert(before)
    deployed.chain.at(now)


@pytest.fixture
def product(market: AuctionMarket) -> Product:
    """An hour, open to orders."""
    hour = market.product(MONDAY)
    market.at_gate(hour, -3_600)
    return hour


@pytest.fixture
def anna(market: AuctionMarket) -> Account:
    return market.accounts[0]


@pytest.fixture
def ben(market: AuctionMarket) -> Account:
    return market.accounts[1]


@pytest.fixture
def cleo(market: AuctionMarket) -> Account:
    return market.accounts[2]


@pytest.fixture
def dora(market: AuctionMarket) -> Account:
    return market.accounts[3]
