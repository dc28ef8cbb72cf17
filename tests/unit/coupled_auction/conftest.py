"""Three zones of one region, a loop of interconnectors; every test gets them as deployed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from energy_grid.products import Product
from tests.utils.auction_market import MONDAY, OWNER, AuctionMarket
from tests.utils.auction_region import LINKS, ZONES, Region


@pytest.fixture(scope="session")
def deployed() -> AuctionMarket:
    market = AuctionMarket(zones=())
    head, *others = ZONES
    for zone in others:
        market.govern("joinRegion", zone, head)
    market.set_terms(*ZONES)
    for link in LINKS:
        market.govern("addInterconnector", *link, OWNER)
    for zone in ZONES:
        for _ in range(3):
            market.enrol(zone)
    return market


@pytest.fixture
def market(deployed: AuctionMarket) -> Iterator[AuctionMarket]:
    before, now = deployed.chain.snapshot(), deployed.chain.now
    yield deployed
    deployed.chain.revert(before)
    deployed.chain.at(now)


@pytest.fixture
def product(market: AuctionMarket) -> Product:
    """An hour of the head zone, open to orders."""
    hour = market.product(MONDAY, zone=ZONES[0])
    market.at_gate(hour, -3_600)
    return hour


@pytest.fixture
def region(market: AuctionMarket) -> Region:
    return Region(market)
