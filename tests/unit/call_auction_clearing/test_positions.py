"""What auctions tell settlement: `slotPositions`, `takePositions`, `auctionPrices`, `tradedWh`.

branches:
├── slotPositions: open, claimed, shared by settlement, void, other slots, other sessions too
├── takePositions: by anybody but the ledger → NotTheLedger; fixes the share at the price once
├── auctionPrices: none, one, several periods; too many slots → TooManySlots
├── coveringPrices: the same, and the quote of a slot where no auction published a price
├── quoteSlot: the next slot only, once, at least a tick, by the price feed; sets the reference too
└── tradedWh: both sessions and all periods
"""

from __future__ import annotations

import pytest

from energy_grid.curves import Step
from energy_grid.products import Period, Product
from tests.utils.auction_market import (
    ANYBODY,
    FREE,
    GOVERNOR,
    MONDAY,
    TICK_SIZE,
    ZONE,
    Account,
    AuctionMarket,
    fill_lock,
    steps_lock,
)
from tests.utils.revm import Refused

buy, sell = Step.buy, Step.sell
NOTHING = {
    "boughtWh": 0,
    "soldWh": 0,
    "cost": 0,
    "proceeds": 0,
    "networkFee": 0,
    "tradingFee": 0,
    "unlocked": 0,
}


@pytest.fixture
def cleared(
    market: AuctionMarket, product: Product, anna: Account, ben: Account, cleo: Account
) -> Product:
    """Price 100; anna buys 30, ben and cleo sell 30 of 60 together."""
    market.place(anna, product, buy(120, 30), sell(130, 10))
    market.place(ben, product, sell(100, 20))
    market.place(cleo, product, sell(100, 40))
    market.at_gate(product)
    market.clear(product, 100, 100)
    return product


def test_slot_positions__not_claimed__fill_of_now_and_lock_of_the_steps(
    market: AuctionMarket, cleared: Product, anna: Account, ben: Account
) -> None:
    assert market.position(ben, MONDAY + 3) == {
        **NOTHING,
        "soldWh": 10,
        "proceeds": 1_000,
        "unlocked": steps_lock([sell(100, 20)]),
    }
    position = market.position(anna, MONDAY)
    assert (position["boughtWh"], position["cost"]) == (30, 3_000)
    assert position["unlocked"] == steps_lock([buy(120, 30), sell(130, 10)])


def test_slot_positions__claimed__lock_of_the_fill(
    market: AuctionMarket, cleared: Product, anna: Account
) -> None:
    before = market.position(anna, MONDAY)
    market.claim(cleared, [anna])
    after = market.position(anna, MONDAY)
    assert after == {**before, "unlocked": after["unlocked"]}
    assert after["unlocked"] == fill_lock(buy(100, 30).side, 30, 100)
    assert after["unlocked"] >= after["cost"] + after["networkFee"] + after["tradingFee"]


def test_slot_positions__trading_fee__shared_over_the_slots_exactly(
    market: AuctionMarket, product: Product, anna: Account, ben: Account
) -> None:
    market.place(anna, product, buy(101, 37))
    market.place(ben, product, sell(101, 37))
    market.at_gate(product)
    market.clear(product, 101, 101)
    fees = [market.position(anna, MONDAY + slot)["tradingFee"] for slot in range(4)]
    assert sum(fees) == 37 * 101 * 4 * 25 // 10_000
    assert max(fees) - min(fees) <= 1


def test_slot_positions__other_slots__nothing(
    market: AuctionMarket, cleared: Product, ben: Account
) -> None:
    assert market.position(ben, MONDAY - 1) == market.position(ben, MONDAY + 4) == NOTHING


def test_slot_positions__not_cleared_and_void__lock_alone(
    market: AuctionMarket, product: Product, ben: Account
) -> None:
    market.place(ben, product, sell(100, 20))
    expected = {**NOTHING, "unlocked": steps_lock([sell(100, 20)])}
    assert market.position(ben, MONDAY) == expected
    market.chain.at(product.starts_at)
    assert market.position(ben, MONDAY) == expected
    market.claim(product, [ben])
    assert market.position(ben, MONDAY) == NOTHING


def test_slot_positions__auctions_of_all_periods_and_the_other_session__added_up(
    market: AuctionMarket, anna: Account, ben: Account
) -> None:
    lots = {Period.QUARTER_HOUR: 11, Period.HOUR: 13, Period.DAY: 17, Period.WEEK: 19}
    for period in reversed(Period):
        product = market.product(MONDAY, period)
        market.at_gate(product, -60)
        market.place(anna, product, buy(100, lots[period]))
        market.place(ben, product, sell(100, lots[period]))
        market.at_gate(product, 300)
        market.clear(product, 100, 100)
    continuous = market.product(MONDAY, Period.QUARTER_HOUR).id | 1 << 32
    quotes = [continuous << 56 | side << 48 | 90 << 32 | 23 for side in (0, 1)]
    ids = [
        market.market.send(account.address, "placeOrder", quote)
        for account, quote in zip((anna, ben), quotes, strict=True)
    ]
    market.market.send(ANYBODY, "matchOrders", *ids)
    assert market.position(anna, MONDAY)["boughtWh"] == sum(lots.values()) + 23
    assert market.position(ben, MONDAY + 95)["soldWh"] == 17 + 19
    assert market.market.ask("tradedWh", ZONE, MONDAY) == sum(lots.values()) + 23
    assert market.market.ask("tradedWh", ZONE, MONDAY + 1) == 13 + 17 + 19


def test_take_positions__not_the_ledger__refused(
    market: AuctionMarket, cleared: Product, ben: Account
) -> None:
    for caller in (ANYBODY, GOVERNOR, ben.address):
        with pytest.raises(Refused) as caught:
            market.market.send(caller, "takePositions", ben.id, ZONE, MONDAY, 1)
        assert caught.value.name == "NotTheLedger"
        assert caught.value.arguments["caller"].lower() == caller.lower()


def take(market: AuctionMarket, account: Account, slots: int = 1) -> None:
    """Let the ledger take the positions of the product's first slots and settle them."""
    market.ledger.send(GOVERNOR, "setFinalUntil", MONDAY + slots)
    market.ledger.send(ANYBODY, "settleUpTo", account.address, MONDAY + slots)


def test_take_positions__share_at_the_price__fixed_for_good(
    market: AuctionMarket, cleared: Product, ben: Account, cleo: Account
) -> None:
    take(market, ben)
    view = market.market.ask("curveOf", ben.id, cleared.id)
    assert (view.state, view.filledLots, view.filledTick) == (1, 10, 100)
    assert view.lockedPerSlot == steps_lock([sell(100, 20)])
    take(market, cleo)
    assert market.market.ask("curveOf", cleo.id, cleared.id).filledLots == 20
    assert market.position(ben, MONDAY)["soldWh"] == 10
    for account, sold in ((ben, 10), (cleo, 20)):
        take(market, account, 4)
        assert market.balances(account) == (FREE + 4 * sold * 100, 0)


def test_take_positions__then_a_claim_of_another__the_rest_of_the_share(
    market: AuctionMarket, cleared: Product, ben: Account, cleo: Account
) -> None:
    take(market, cleo)
    assert [fill.lots for fill in market.claim(cleared, [cleo, ben])] == [10]
    assert market.position(cleo, MONDAY)["soldWh"] == 20


def test_take_positions__slots_not_settled_after_all__claim_gives_what_was_fixed(
    market: AuctionMarket, cleared: Product, ben: Account, cleo: Account
) -> None:
    take(market, ben)
    market.ledger.send(GOVERNOR, "setSettledUntil", ben.address, MONDAY)
    assert [fill.lots for fill in market.claim(cleared, [cleo, ben])] == [20, 10]
    assert market.market.ask("curveOf", ben.id, cleared.id).state == 2


def test_take_positions__better_than_the_price__record_stays_as_it_is(
    market: AuctionMarket, cleared: Product, anna: Account
) -> None:
    take(market, anna)
    assert market.market.ask("curveOf", anna.id, cleared.id).state == 0


def test_auction_prices__several_periods__highest_and_lowest(
    market: AuctionMarket, anna: Account, ben: Account
) -> None:
    for period, tick in ((Period.DAY, 200), (Period.HOUR, 150), (Period.QUARTER_HOUR, 180)):
        product = market.product(MONDAY, period)
        market.at_gate(product, -60)
        market.place(anna, product, buy(tick, 20))
        market.place(ben, product, sell(tick, 20))
        market.at_gate(product, 300)
        market.clear(product, tick, tick)

    prices = market.market.ask("auctionPrices", ZONE, MONDAY - 1, 7)

    pairs = [(price >> 128, price & 2**128 - 1) for price in prices]
    one, two = (200 * TICK_SIZE, 150 * TICK_SIZE), (200 * TICK_SIZE, 200 * TICK_SIZE)
    assert pairs == [(0, 0), one, one, one, one, two, two]


def test_auction_prices__more_than_a_week__refused(market: AuctionMarket) -> None:
    with pytest.raises(Refused) as caught:
        market.market.ask("auctionPrices", ZONE, MONDAY, 673)
    assert (caught.value.name, caught.value.arguments) == (
        "TooManySlots",
        {"given": 673, "allowed": 672},
    )


def test_covering_prices__quotes__only_where_no_auction_published(
    market: AuctionMarket, cleared: Product
) -> None:
    first = cleared.start_slot - 2
    for slot, tick in ((first, 70), (first + 1, 80), (first + 2, 90), (first + 25, 95)):
        market.chain.at((slot - 1) * 900 + 300)
        market.govern("quoteSlot", ZONE, slot, tick * TICK_SIZE)

    prices = market.market.ask("coveringPrices", ZONE, first, 28)

    auctioned = market.market.ask("auctionPrices", ZONE, first, 28)
    assert auctioned[2] == 100 * TICK_SIZE << 128 | 100 * TICK_SIZE
    expected = list(auctioned)
    for at, tick in ((0, 70), (1, 80), (25, 95)):
        assert auctioned[at] == 0
        expected[at] = tick * TICK_SIZE << 128 | tick * TICK_SIZE
    assert prices == expected
    assert [market.market.ask("slotQuote", ZONE, first + at) for at in (0, 2, 3)] == [
        70 * TICK_SIZE,
        90 * TICK_SIZE,
        0,
    ]
    assert market.market.ask("slotQuote", ZONE + 1, first) == 0


def test_covering_prices__no_price_feed__as_the_auctions(
    market: AuctionMarket, cleared: Product
) -> None:
    first = cleared.start_slot - 20
    assert market.market.ask("coveringPrices", ZONE, first, 40) == market.market.ask(
        "auctionPrices", ZONE, first, 40
    )


def test_quote_slot__next_slot__on_record_and_the_reference(market: AuctionMarket) -> None:
    market.chain.at(MONDAY * 900 - 1)
    market.govern("quoteSlot", ZONE, MONDAY, 1_023 * TICK_SIZE)

    assert market.market.events("SlotQuoted")[0].arguments == {
        "zone": ZONE,
        "slot": MONDAY,
        "pricePerKWh": 1_023 * TICK_SIZE,
    }
    assert market.market.events("ReferencePriceSet")[0].arguments["newPricePerKWh"] == (
        1_023 * TICK_SIZE
    )
    assert tuple(market.market.ask("referencePrice", ZONE)) == (
        1_023 * TICK_SIZE,
        MONDAY * 900 - 1,
    )
    market.chain.at(MONDAY * 900 + 5_000)
    market.govern("setReferencePrice", ZONE, 50 * TICK_SIZE)
    assert market.market.ask("slotQuote", ZONE, MONDAY) == 1_023 * TICK_SIZE


@pytest.mark.parametrize(
    ("at", "slot", "price", "error", "arguments"),
    [
        (900, MONDAY + 1, 80_000, "NotTheNextSlot", {"given": MONDAY + 1, "allowed": MONDAY + 2}),
        (899, MONDAY, 80_000, "NotTheNextSlot", {"given": MONDAY, "allowed": MONDAY + 1}),
        (899, MONDAY + 2, 80_000, "NotTheNextSlot", {"given": MONDAY + 2, "allowed": MONDAY + 1}),
        (899, MONDAY + 1, 0, "QuoteZero", {}),
        (899, MONDAY + 1, 80_500, "PriceOffTick", {"given": 80_500, "tickSize": TICK_SIZE}),
        (
            899,
            MONDAY + 1,
            1_024_000,
            "ReferenceTooHigh",
            {"givenTicks": 1_024, "allowedTicks": 1_023},
        ),
    ],
)
def test_quote_slot__what_is_no_quote__refused(
    market: AuctionMarket, at: int, slot: int, price: int, error: str, arguments: dict[str, int]
) -> None:
    market.chain.at(MONDAY * 900 + at)
    with pytest.raises(Refused) as caught:
        market.govern("quoteSlot", ZONE, slot, price)
    assert (caught.value.name, caught.value.arguments) == (error, arguments)


def test_quote_slot__a_second_time_or_by_anybody__refused(market: AuctionMarket) -> None:
    market.chain.at(MONDAY * 900 - 900)
    market.govern("quoteSlot", ZONE, MONDAY, 80_000)
    with pytest.raises(Refused) as caught:
        market.govern("quoteSlot", ZONE, MONDAY, 90_000)
    assert caught.value.arguments == {"zone": ZONE, "slot": MONDAY}
    assert caught.value.name == "SlotQuotedAlready"
    with pytest.raises(Refused) as caught:
        market.market.send(ANYBODY, "quoteSlot", ZONE + 1, MONDAY, 80_000)
    assert caught.value.name == "AccessManagedUnauthorized"
    with pytest.raises(Refused) as caught:
        market.govern("quoteSlot", 0, MONDAY, 80_000)
    assert caught.value.name == "ZoneZero"


def test_results__one_turn_of_the_ring_later__still_there(
    market: AuctionMarket, cleared: Product, anna: Account, ben: Account
) -> None:
    later = market.product(MONDAY + 4_096)
    market.at_gate(later)
    market.clear(later, 1, 1023)
    assert market.position(anna, MONDAY)["boughtWh"] == 30
    assert market.market.ask("auctionPrices", ZONE, MONDAY, 1) == [
        100 * TICK_SIZE << 128 | 100 * TICK_SIZE
    ]
    assert [fill.lots for fill in market.claim(cleared, [ben])] == [10]
