"""`collectRent(regionProduct, index)`.

branches:
├── no auction product → SessionUnavailable
├── delivery not over → DeliveryNotOver
├── not cleared together, no such line, no flow, equal prices, member zone, collected → NoRent
└── paid: flow times difference of prices over all slots, once; all money adds up
"""

from __future__ import annotations

from typing import Any

import pytest

from energy_grid.curves import Step
from energy_grid.products import Product
from tests.utils.auction_market import (
    ANYBODY,
    COUPLED_SECONDS,
    EXTENSION_SECONDS,
    GOVERNOR,
    LAST_TICK,
    OWNER,
    AuctionMarket,
)
from tests.utils.auction_region import ZONES, Region
from tests.utils.revm import Refused

buy, sell = Step.buy, Step.sell
NORTH, CENTRE, SOUTH = ZONES
SLOTS = 4


@pytest.fixture
def cleared(market: AuctionMarket, region: Region, product: Product) -> Product:
    """100 lots over the centre and 30 directly, prices 50, 70 and 90."""
    region.place(product, NORTH, sell(50, 1_000))
    region.place(product, SOUTH, buy(90, 1_000))
    market.at_gate(product, EXTENSION_SECONDS)
    region.clear(product)
    market.chain.at(product.ends_at)
    return product


def collect(market: AuctionMarket, product_id: int, index: int) -> int:
    return int(market.market.send(ANYBODY, "collectRent", product_id, index))


def refusal(market: AuctionMarket, product_id: int, index: int) -> tuple[str, dict[str, Any]]:
    with pytest.raises(Refused) as caught:
        collect(market, product_id, index)
    return caught.value.name, caught.value.arguments


def test_collect_rent__each_line_once__prices_times_flows(
    market: AuctionMarket, cleared: Product
) -> None:
    expected = [100 * 20 * SLOTS, 100 * 20 * SLOTS, 30 * 40 * SLOTS]
    for index, amount in enumerate(expected):
        assert collect(market, cleared.id, index) == amount
        (event,) = market.market.events("RentCollected")
        assert {**event.arguments, "owner": event.owner.lower()} == {
            "regionProduct": cleared.id,
            "index": index,
            "owner": OWNER,
            "amount": amount,
        }
        assert refusal(market, cleared.id, index) == (
            "NoRent",
            {"regionProduct": cleared.id, "index": index},
        )
    assert market.ledger.ask("freeOf", OWNER) == sum(expected)


def test_collect_rent__with_all_trades_settled__all_money_adds_up(
    market: AuctionMarket, cleared: Product
) -> None:
    end = cleared.start_slot + SLOTS
    market.ledger.send(GOVERNOR, "setFinalUntil", end)
    for account in market.accounts:
        market.ledger.send(ANYBODY, "settleUpTo", account.address, end)
    rent = sum(collect(market, cleared.id, index) for index in range(3))
    assert rent == 130 * 40 * SLOTS
    assert market.ledger.ask("clearing") == 0


def test_collect_rent__delivery_not_over__refused(market: AuctionMarket, cleared: Product) -> None:
    market.chain.at(cleared.ends_at - 1)
    assert refusal(market, cleared.id, 0) == (
        "DeliveryNotOver",
        {"nowSeconds": cleared.ends_at - 1, "endsAt": cleared.ends_at},
    )


def test_collect_rent__nothing_to_collect__refused(
    market: AuctionMarket, region: Region, cleared: Product
) -> None:
    assert refusal(market, cleared.id, 3)[0] == "NoRent"
    assert refusal(market, cleared.id, 2**255)[0] == "NoRent"
    assert refusal(market, region.in_zone(cleared, CENTRE).id, 0)[0] == "NoRent"
    assert refusal(market, cleared.id + 4, 0)[0] == "DeliveryNotOver"
    assert refusal(market, cleared.id - 4, 0)[0] == "NoRent"
    assert refusal(market, cleared.id | 1 << 32, 0)[0] == "SessionUnavailable"


def test_collect_rent__one_price_everywhere__refused(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    region.place(product, NORTH, sell(80, 50))
    region.place(product, SOUTH, buy(80, 50))
    market.at_gate(product, EXTENSION_SECONDS)
    region.clear(product)
    market.chain.at(product.ends_at)
    assert sum(region.flows(product)[index] for index in (0, 2)) == 50
    for index in range(3):
        assert refusal(market, product.id, index)[0] == "NoRent"


def test_collect_rent__cleared_one_by_one__refused(
    market: AuctionMarket, region: Region, product: Product
) -> None:
    region.place(product, NORTH, sell(50, 20))
    region.place(product, SOUTH, buy(90, 20))
    market.at_gate(product, COUPLED_SECONDS)
    market.clear(product, 1, 50)
    market.clear(region.in_zone(product, SOUTH), 90, LAST_TICK)
    market.chain.at(product.ends_at)
    assert refusal(market, product.id, 0)[0] == "NoRent"


def test_collect_rent__capacity_changed_since__what_flowed_counts(
    market: AuctionMarket, cleared: Product
) -> None:
    market.govern("setCapacity", NORTH, 0, 0, 0)
    assert collect(market, cleared.id, 0) == 100 * 20 * SLOTS
