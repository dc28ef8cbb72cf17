"""setReferencePrice, collars, extended gates, feed-in over both sessions
├── reference: only the price feed, on ticks, at most 1,023 of them, not for zone 0
├── the first order of a product, of either session, freezes the collar for both
├── outside of it: PriceOutsideCollar; where a level word is in use nothing is asked again
├── extended: only additions, until the new gate
└── sells of both sessions together within the rated feed-in, less what is bought for sure
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.call_auction.curves import (
    EXTENSION_SECONDS,
    auction_gate_of,
    auction_id,
    curve,
    levels,
)
from tests.unit.energy_trading.book import (
    BUY,
    CAPACITY_WH,
    SELL,
    TICK_SIZE,
    ZONE,
    only_event,
    quote,
)

REFERENCE_TICK = 80
LOWEST, HIGHEST = 16, 407
"""20 % and 500 % of the reference, 16 and 400, on whole words of 8 ticks."""


@pytest.fixture
def reference(set_reference):
    set_reference(ZONE, REFERENCE_TICK * TICK_SIZE)


# --- Reference prices -----------------------------------------------------------------------------


def test_set_reference_price__price_feed__is_on_record(market, set_reference, chain):
    receipt = set_reference(ZONE, 80_000)

    event = only_event(receipt, market.ReferencePriceSet)
    assert (event.zone, event.oldPricePerKWh, event.newPricePerKWh) == (ZONE, 0, 80_000)
    moment = chain.blocks[receipt.block_number].timestamp
    assert tuple(market.referencePrice(ZONE)) == (80_000, moment)
    event = only_event(set_reference(ZONE, 0), market.ReferencePriceSet)
    assert (event.oldPricePerKWh, event.newPricePerKWh) == (80_000, 0)


def test_set_reference_price__wrong_price_or_caller__is_refused(
    market, set_reference, governor, guardian, buyer
):
    with ape.reverts(market.PriceOffTick, given=80_001, tickSize=TICK_SIZE):
        set_reference(ZONE, 80_001)
    with ape.reverts(market.ReferenceTooHigh, givenTicks=1_024, allowedTicks=1_023):
        set_reference(ZONE, 1_024_000)
    with ape.reverts(market.ZoneZero):
        set_reference(0, 80_000)
    for caller in (governor, guardian, buyer):
        with ape.reverts(market.AccessManagedUnauthorized, caller=caller):
            market.setReferencePrice(ZONE, 80_000, sender=caller)


# --- Collars --------------------------------------------------------------------------------------


def test_collar__first_order__freezes_it_for_both_sessions(
    market, buyer, auction, product, place, place_curve, set_reference, reference
):
    assert not market.openingOf(auction).opened

    receipt = place_curve(buyer, (BUY, LOWEST, 50), (BUY, HIGHEST, 50))

    event = only_event(receipt, market.CollarFrozen)
    assert (event.product, event.referenceTick) == (auction, REFERENCE_TICK)
    assert (event.lowestTick, event.highestTick) == (LOWEST, HIGHEST)
    set_reference(ZONE, 0)
    for session in (auction, product):
        opening = market.openingOf(session)
        assert (opening.opened, opening.extended) == (True, False)
        assert opening.referenceTick == REFERENCE_TICK
        assert (opening.lowestTick, opening.highestTick) == (LOWEST, HIGHEST)
    outside = {"lowestTick": LOWEST, "highestTick": HIGHEST}
    with ape.reverts(market.PriceOutsideCollar, givenTick=LOWEST - 1, **outside):
        place(buyer, BUY, LOWEST - 1, 50)
    with ape.reverts(market.PriceOutsideCollar, givenTick=HIGHEST + 1, **outside):
        place_curve(buyer, (BUY, LOWEST, 50), (BUY, HIGHEST + 1, 50))
    place(buyer, BUY, LOWEST, 50)
    order = place(buyer, BUY, 100, 50)
    with ape.reverts(market.PriceOutsideCollar, givenTick=HIGHEST + 1, **outside):
        market.replaceOrder(order, quote(product, BUY, HIGHEST + 1, 50), sender=buyer)


def test_collar__continuous_order_first__binds_the_auction(
    market, buyer, seller, auction, place, place_curve, reference
):
    place(buyer, BUY, 100, 50)

    with ape.reverts(
        market.PriceOutsideCollar, givenTick=408, lowestTick=LOWEST, highestTick=HIGHEST
    ):
        place_curve(seller, (SELL, 408, 50))


def test_collar__no_reference__none_even_if_one_comes_later(
    market, buyer, auction, place_curve, set_reference
):
    receipt = place_curve(buyer, (BUY, 1, 50))
    set_reference(ZONE, 80_000)

    place_curve(buyer, (BUY, 1, 50), (BUY, 500, 50))

    assert list(receipt.decode_logs(market.CollarFrozen)) == []
    opening = market.openingOf(auction)
    assert (opening.opened, opening.referenceTick) == (True, 0)
    assert (opening.lowestTick, opening.highestTick) == (1, 1_023)


@pytest.mark.parametrize(
    ("tick", "lowest", "highest"),
    [
        (1, 1, 7),
        (39, 1, 199),
        (40, 8, 207),
        (200, 40, 1_007),
        (300, 56, 1_023),
        (1_023, 200, 1_023),
    ],
)
def test_collar__share_of_the_reference__on_whole_words(
    market, buyer, slot, set_reference, tick, lowest, highest
):
    set_reference(ZONE, tick * TICK_SIZE)

    market.placeCurve(curve(auction_id(slot), (BUY, max(lowest, 5), 50)), sender=buyer)

    opening = market.openingOf(auction_id(slot))
    assert (opening.lowestTick, opening.highestTick) == (lowest, highest)


# --- Extended gate --------------------------------------------------------------------------------


@pytest.fixture
def extended(market, buyer, seller, auction, at, place_curve, reference):
    """An auction whose price, 130, was more than 50 % above the reference; the new gate."""
    place_curve(buyer, (BUY, 130, 50), (BUY, 140, 20))
    place_curve(seller, (SELL, 130, 60))
    gate = auction_gate_of(auction)
    at(gate + 10)
    market.clear(auction, 130, 130, sender=buyer)
    assert market.openingOf(auction).extended
    assert market.gateOf(auction) == gate + EXTENSION_SECONDS
    return gate + EXTENSION_SECONDS


def test_extension__additions__are_taken(
    market, buyer, seller, other_seller, auction, place_curve, extended
):
    place_curve(buyer, (BUY, 120, 10), (BUY, 130, 50), (BUY, 140, 30))
    place_curve(other_seller, (SELL, 100, 40))

    assert market.bookLevels(auction, BUY) == levels((120, 10), (130, 50), (140, 30))
    assert market.bookLevels(auction, SELL) == levels((100, 40), (130, 60))


@pytest.mark.parametrize(
    ("steps", "tick", "given_lots", "old_lots"),
    [
        ([(BUY, 130, 49), (BUY, 140, 20)], 130, 49, 50),
        ([(BUY, 130, 50)], 140, 0, 20),
        ([(BUY, 130, 50), (BUY, 141, 20)], 140, 0, 20),
        ([], 130, 0, 50),
    ],
)
def test_extension__anything_less__is_refused(
    market, buyer, auction, place_curve, extended, steps, tick, given_lots, old_lots
):
    with ape.reverts(
        market.OnlyAdditions, side=BUY, limitTick=tick, givenLots=given_lots, oldLots=old_lots
    ):
        place_curve(buyer, *steps)


def test_extension__cancelling__is_skipped(market, buyer, auction, balances, extended):
    locked = balances(buyer)[1]

    receipt = market.cancelCurves([auction], sender=buyer)

    assert receipt.return_value == 0
    assert balances(buyer)[1] == locked


def test_extension__new_gate__closes(market, buyer, at, place_curve, extended):
    at(extended - 1)
    place_curve(buyer, (BUY, 130, 50), (BUY, 140, 21))
    at(extended)
    with ape.reverts(market.GateClosed, nowSeconds=extended, gateAt=extended):
        place_curve(buyer, (BUY, 130, 50), (BUY, 140, 22))


# --- Feed-in over both sessions -------------------------------------------------------------------


def test_feed_in__curve_alone__is_the_limit(market, seller, buyer, place_curve):
    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 1, allowed=CAPACITY_WH):
        place_curve(seller, (SELL, 100, 1_000), (SELL, 101, CAPACITY_WH - 999))
    place_curve(seller, (SELL, 100, 1_000), (SELL, 101, CAPACITY_WH - 1_000))
    with ape.reverts(market.CapacityExceeded, given=10, allowed=0):
        place_curve(buyer, (SELL, 100, 10))


def test_feed_in__curve_then_orders__together_within_it(
    market, seller, product, place, place_curve
):
    place_curve(seller, (SELL, 100, 1_500))
    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 1, allowed=CAPACITY_WH):
        place(seller, SELL, 200, 501)
    order = place(seller, SELL, 200, 400)
    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 10, allowed=CAPACITY_WH):
        place(seller, SELL, 201, 110)
    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 1, allowed=CAPACITY_WH):
        market.replaceOrder(order, quote(product, SELL, 200, 501), sender=seller)
    market.replaceOrder(order, quote(product, SELL, 200, 500), sender=seller)


def test_feed_in__orders_then_curve__together_within_it(
    market, seller, other_seller, buyer, auction, place, place_curve
):
    place(seller, SELL, 200, 1_200)
    sold = place(seller, SELL, 150, 300)
    market.matchOrders(place(buyer, BUY, 150, 300), sold, sender=buyer)
    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 1, allowed=CAPACITY_WH):
        place_curve(seller, (SELL, 100, 501))
    place_curve(seller, (SELL, 100, 500))
    # What was bought in the continuous session may be sold in the auction, by a trader too.
    with ape.reverts(market.CapacityExceeded, given=1, allowed=0):
        place_curve(buyer, (SELL, 100, 301))
    place_curve(buyer, (SELL, 100, 300))


def test_feed_in__fill_on_record__counts_as_it_is(
    market, buyer, seller, auction, at, place, place_curve
):
    place_curve(seller, (SELL, 100, 1_500))
    place_curve(buyer, (BUY, 100, 600))
    at(auction_gate_of(auction))
    market.clear(auction, 100, 100, sender=buyer)
    # Not claimed: the curve counts in full, the purchase not at all.
    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 10, allowed=CAPACITY_WH):
        place(seller, SELL, 200, 510)
    with ape.reverts(market.CapacityExceeded, given=600, allowed=0):
        place(buyer, SELL, 200, 600)

    market.claim(auction, [buyer, seller], sender=buyer)

    place(seller, SELL, 200, CAPACITY_WH - 600)
    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 10, allowed=CAPACITY_WH):
        place(seller, SELL, 201, 10)
    place(buyer, SELL, 200, 600)
    with ape.reverts(market.CapacityExceeded, given=10, allowed=0):
        place(buyer, SELL, 201, 10)
