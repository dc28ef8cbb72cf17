"""`clear(product, lowTick, highTick)`.

branches:
├── period, session or start unknown → PeriodUnknown, SessionUnavailable, StartMisaligned
├── before the gate → GateStillOpen; while extended until the moved gate
├── from the start of delivery on → DeliveryStarted
├── cleared before → AlreadyCleared
├── trading halted → TradingHalted
├── not the interval → NotTheClearingInterval
├── price far from the reference within 300 s → gate extended, nothing cleared, once
└── cleared: one price, many prices, rationed side, one side only, nobody, nothing crosses
"""

from __future__ import annotations

from typing import Any

import pytest

from energy_grid.curves import Step
from energy_grid.products import Period, Product
from tests.utils.auction_market import (
    EXTENSION_SECONDS,
    GOVERNOR,
    LAST_TICK,
    MONDAY,
    TICK_SIZE,
    ZONE,
    Account,
    AuctionMarket,
)
from tests.utils.revm import Refused

buy, sell = Step.buy, Step.sell


def refusal(market: AuctionMarket, product: Product, low: int, high: int) -> tuple[str, Any]:
    with pytest.raises(Refused) as caught:
        market.clear(product, low, high)
    return caught.value.name, caught.value.arguments


# --- when ---


def test_clear__before_the_gate__refused(market: AuctionMarket, product: Product) -> None:
    market.at_gate(product, -1)
    assert refusal(market, product, 1, LAST_TICK) == (
        "GateStillOpen",
        {"nowSeconds": product.gate_at - 1, "gateAt": product.gate_at},
    )


@pytest.mark.parametrize("seconds", [0, 1, 3_599])
def test_clear__from_the_gate_until_delivery__cleared(
    market: AuctionMarket, product: Product, seconds: int
) -> None:
    market.at_gate(product, seconds)
    market.clear(product, 1, LAST_TICK)
    assert market.result(product).cleared


def test_clear__delivery_has_started__refused(market: AuctionMarket, product: Product) -> None:
    market.chain.at(product.starts_at)
    assert refusal(market, product, 1, LAST_TICK) == (
        "DeliveryStarted",
        {"nowSeconds": product.starts_at, "startsAt": product.starts_at},
    )


def test_clear__cleared_before__refused(
    market: AuctionMarket, product: Product, anna: Account, ben: Account
) -> None:
    market.place(anna, product, buy(100, 50))
    market.place(ben, product, sell(100, 50))
    market.at_gate(product)
    market.clear(product, 100, 100)
    before = market.result(product)

    assert refusal(market, product, 100, 100) == ("AlreadyCleared", {"product": product.id})

    assert market.result(product) == before


@pytest.mark.parametrize(
    ("period", "seconds_ahead"),
    [
        (Period.QUARTER_HOUR, 1_800),
        (Period.HOUR, 3_600),
        (Period.DAY, 12 * 3_600),
        (Period.WEEK, 36 * 3_600),
    ],
)
def test_clear__every_period__from_its_own_gate(
    market: AuctionMarket, period: Period, seconds_ahead: int
) -> None:
    product = market.product(MONDAY, period)
    market.chain.at(product.starts_at - seconds_ahead - 1)
    assert refusal(market, product, 1, LAST_TICK)[0] == "GateStillOpen"
    market.chain.at(product.starts_at - seconds_ahead)
    market.clear(product, 1, LAST_TICK)
    assert market.result(product).cleared


def test_clear__no_auction_product__refused(market: AuctionMarket, product: Product) -> None:
    market.at_gate(product)
    for wrong, error in (
        (product.id | 1 << 32, "SessionUnavailable"),
        (product.id | 4 << 36, "PeriodUnknown"),
        (product.id + 1, "StartMisaligned"),
    ):
        with pytest.raises(Refused) as caught:
            market.market.send(GOVERNOR, "clear", wrong, 1, LAST_TICK)
        assert caught.value.name == error


def test_clear__halted__refused_until_the_halt_ends(
    market: AuctionMarket, product: Product
) -> None:
    market.at_gate(product)
    until = product.gate_at + 60
    market.govern("haltZone", ZONE, 2, product.start_slot + 3, product.start_slot + 4, until)
    assert refusal(market, product, 1, LAST_TICK) == (
        "TradingHalted",
        {"zone": ZONE, "expiresAt": until},
    )
    market.chain.at(until)
    market.clear(product, 1, LAST_TICK)


def test_clear__placing_halted__cleared_all_the_same(
    market: AuctionMarket, product: Product
) -> None:
    market.at_gate(product)
    market.govern(
        "haltZone", ZONE, 1, product.start_slot, product.start_slot + 4, product.gate_at + 60
    )
    market.clear(product, 1, LAST_TICK)


# --- what ---


def cleared(market: AuctionMarket, product: Product, low: int, high: int) -> dict[str, Any]:
    """Clear after the time of extensions; price, volume and rationing."""
    market.at_gate(product, EXTENSION_SECONDS)
    market.clear(product, low, high)
    result = market.result(product)
    assert result.cleared and result.boughtLots == result.soldLots
    return {
        "price": result.priceTick,
        "volume": result.boughtLots,
        "rationed": (result.rationedSell, result.dueLots, result.tickLots),
    }


def test_clear__sells_left_over_at_the_price__sells_rationed(
    market: AuctionMarket, product: Product, anna: Account, ben: Account, cleo: Account
) -> None:
    market.place(anna, product, buy(120, 50))
    market.place(ben, product, sell(80, 20))
    market.place(cleo, product, sell(100, 40))
    assert cleared(market, product, 100, 100) == {
        "price": 100,
        "volume": 50,
        "rationed": (True, 30, 40),
    }


def test_clear__buys_left_over_at_the_price__buys_rationed(
    market: AuctionMarket, product: Product, anna: Account, ben: Account, cleo: Account
) -> None:
    market.place(anna, product, buy(120, 30))
    market.place(ben, product, buy(100, 40))
    market.place(cleo, product, sell(90, 55))
    assert cleared(market, product, 100, 100) == {
        "price": 100,
        "volume": 55,
        "rationed": (False, 25, 40),
    }


@pytest.mark.parametrize(("high", "price"), [(110, 105), (111, 105), (101, 100)])
def test_clear__many_prices__the_middle_rounded_down(
    market: AuctionMarket, product: Product, anna: Account, ben: Account, high: int, price: int
) -> None:
    market.place(anna, product, buy(high, 50))
    market.place(ben, product, sell(100, 50))
    expected = {"price": price, "volume": 50, "rationed": (False, 0, 0)}
    assert cleared(market, product, 100, high) == expected


def test_clear__next_tick_up_is_the_other_end__who_stands_at_the_price_gets_nothing(
    market: AuctionMarket, product: Product, anna: Account, ben: Account, cleo: Account
) -> None:
    market.place(anna, product, buy(101, 50))
    market.place(ben, product, sell(90, 50))
    market.place(cleo, product, buy(100, 30))
    assert cleared(market, product, 100, 101) == {
        "price": 100,
        "volume": 50,
        "rationed": (False, 0, 30),
    }
    fills = market.claim(product, [cleo, anna, ben])
    assert [fill.lots for fill in fills] == [0, 50, 50]


@pytest.mark.parametrize(
    ("steps", "low", "high"),
    [
        ((), 1, LAST_TICK),
        ((buy(300, 50),), 300, LAST_TICK),
        ((sell(300, 50),), 1, 300),
        ((buy(LAST_TICK, 50),), LAST_TICK, LAST_TICK),
        ((sell(1, 50),), 1, 1),
        ((buy(300, 50), sell(400, 50)), 300, 400),
    ],
)
def test_clear__nothing_crosses__closed_without_a_price(
    market: AuctionMarket,
    product: Product,
    anna: Account,
    steps: tuple[Step, ...],
    low: int,
    high: int,
) -> None:
    if steps:
        market.place(anna, product, *steps)
    assert cleared(market, product, low, high)["volume"] == 0
    assert market.result(product).priceTick == 0
    assert market.market.ask("auctionPrices", ZONE, MONDAY, 4) == [0] * 4
    if steps:
        assert [fill.lots for fill in market.claim(product, [anna])] == [0]
        assert market.balances(anna)[1] == 0


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (99, 110),
        (101, 110),
        (100, 109),
        (100, 111),
        (100, 100),
        (110, 110),
        (105, 105),
        (101, 109),
        (110, 100),
        (1, LAST_TICK),
        (0, 110),
        (0, 0),
        (100, LAST_TICK + 1),
        (2**255, 2**255),
    ],
)
def test_clear__any_other_interval__refused(
    market: AuctionMarket, product: Product, anna: Account, ben: Account, low: int, high: int
) -> None:
    market.place(anna, product, buy(110, 50))
    market.place(ben, product, sell(100, 50))
    market.at_gate(product)
    assert refusal(market, product, low, high) == (
        "NotTheClearingInterval",
        {"lowTick": low, "highTick": high},
    )
    assert not market.result(product).cleared


def test_clear__books_of_other_zones_periods_and_turns__not_touched(
    market: AuctionMarket, product: Product, anna: Account, ben: Account
) -> None:
    market.place(anna, product, buy(100, 50))
    market.place(ben, market.product(MONDAY, Period.QUARTER_HOUR), sell(100, 50))
    later = market.product(MONDAY + 4_096)
    market.at_gate(product)
    market.clear(product, 100, LAST_TICK)
    # The same place of the ring one turn later is empty again.
    market.at_gate(later)
    market.clear(later, 1, LAST_TICK)
    assert market.result(product).cleared and market.result(later).cleared


def test_clear__anybody__event_tells_all(
    market: AuctionMarket, product: Product, anna: Account, ben: Account
) -> None:
    market.place(anna, product, buy(110, 50))
    market.place(ben, product, sell(100, 50))
    market.at_gate(product)
    market.clear(product, 100, 110)
    (event,) = market.market.events("AuctionCleared")
    assert dict(event.arguments) == {
        "product": product.id,
        "lowTick": 100,
        "highTick": 110,
        "priceTick": 105,
        "tradedLots": 50,
    }


# --- extension ---


@pytest.fixture
def jumped(market: AuctionMarket, product: Product, anna: Account, ben: Account) -> AuctionMarket:
    """A reference of 100 ticks and an auction that comes to 151."""
    market.govern("setReferencePrice", ZONE, 100 * TICK_SIZE)
    market.place(anna, product, buy(151, 50))
    market.place(ben, product, sell(151, 60))
    return market


def test_clear__far_from_the_reference__gate_moves_once(
    jumped: AuctionMarket, product: Product, cleo: Account
) -> None:
    jumped.at_gate(product, 299)
    jumped.clear(product, 151, 151)

    (event,) = jumped.market.events("GateExtended")
    moved = product.gate_at + EXTENSION_SECONDS
    assert dict(event.arguments) == {"product": product.id, "gateAt": moved}
    assert not jumped.result(product).cleared
    assert jumped.market.ask("gateOf", product.id) == moved
    assert refusal(jumped, product, 151, 151) == (
        "GateStillOpen",
        {"nowSeconds": product.gate_at + 299, "gateAt": moved},
    )
    jumped.place(cleo, product, buy(152, 20))
    jumped.chain.at(moved)
    with pytest.raises(Refused, match="GateClosed"):
        jumped.place(cleo, product, buy(152, 30))
    jumped.clear(product, 151, 151)
    assert jumped.result(product).boughtLots == 60


def test_clear__half_away_from_the_reference_exactly__cleared(
    market: AuctionMarket, product: Product, anna: Account, ben: Account
) -> None:
    market.govern("setReferencePrice", ZONE, 100 * TICK_SIZE)
    market.place(anna, product, buy(150, 50))
    market.place(ben, product, sell(150, 50))
    market.at_gate(product)
    market.clear(product, 150, 150)
    assert market.result(product).priceTick == 150


def test_clear__far_below_the_reference__gate_moves(
    market: AuctionMarket, product: Product, anna: Account, ben: Account
) -> None:
    market.govern("setReferencePrice", ZONE, 100 * TICK_SIZE)
    market.place(anna, product, buy(49, 50))
    market.place(ben, product, sell(49, 50))
    market.at_gate(product)
    market.clear(product, 49, 49)
    assert len(market.market.events("GateExtended")) == 1
    assert not market.result(product).cleared


def test_clear__far_from_the_reference_but_300_seconds_late__cleared(
    jumped: AuctionMarket, product: Product
) -> None:
    jumped.at_gate(product, 300)
    jumped.clear(product, 151, 151)
    assert jumped.result(product).priceTick == 151


def test_clear__wrong_interval_far_from_the_reference__does_not_move_the_gate(
    jumped: AuctionMarket, product: Product
) -> None:
    jumped.at_gate(product)
    assert refusal(jumped, product, 150, 151)[0] == "NotTheClearingInterval"
    assert jumped.market.ask("gateOf", product.id) == product.gate_at


def test_clear__nothing_traded__no_extension(
    market: AuctionMarket, product: Product, anna: Account
) -> None:
    market.govern("setReferencePrice", ZONE, 100 * TICK_SIZE)
    market.place(anna, product, buy(30, 50))
    market.at_gate(product)
    market.clear(product, 30, LAST_TICK)
    assert market.result(product).cleared
