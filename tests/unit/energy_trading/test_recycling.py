"""Records, level words and heads serve again 4,096 slots later
├── unsettled order of the earlier turn: SettleFirst, also if it was cancelled
├── settled: overwritten, nothing of it remains
└── book of the earlier turn: empty for the later product
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.energy_trading.book import (
    BUY,
    FREE,
    HOUR,
    RING_SLOTS,
    SELL,
    SLOT_SECONDS,
    ZONE,
    buy_lock,
    product_id,
    quote,
)


@pytest.fixture
def later(slot, product, at):
    """Go to the time when the product of the next turn trades; return it."""

    def travel(of: int = product) -> int:
        at((slot + RING_SLOTS - 8) * SLOT_SECONDS)
        return of + RING_SLOTS

    return travel


def test_recycling__unsettled_order__must_be_settled_first(
    market, ledger, place, buyer, slot, later, balances
):
    place(buyer, BUY, 100, 50, product=product_id(slot, HOUR))
    terms = quote(later(product_id(slot, HOUR)), BUY, 120, 60)
    with ape.reverts(market.SettleFirst, slot=slot + 4):
        market.placeOrder(terms, sender=buyer)
    ledger.setFinalUntil(slot + RING_SLOTS, sender=buyer)
    ledger.settleUpTo(buyer, slot + 3, sender=buyer)
    with ape.reverts(market.SettleFirst, slot=slot + 4):
        market.placeOrder(terms, sender=buyer)

    ledger.settleUpTo(buyer, slot + 4, sender=buyer)
    market.placeOrder(terms, sender=buyer)

    assert balances(buyer) == (FREE - 4 * buy_lock(60, 120), 4 * buy_lock(60, 120))


def test_recycling__other_record_of_the_earlier_turn__needs_no_more(
    market, ledger, place, seller, slot, later
):
    """One settled record of a product stands for all: they were of the same slots."""
    for tick in (100, 101, 102):
        market.cancelOrder(place(seller, BUY, tick, 50), sender=seller)
    product = later()
    with ape.reverts(market.SettleFirst, slot=slot + 1):
        market.placeOrder(quote(product, BUY, 120, 60), sender=seller)
    ledger.setSettledUntil(seller, slot + 1, sender=seller)

    for tick in (120, 121, 122, 123):
        market.placeOrder(quote(product, BUY, tick, 60), sender=seller)

    assert len(market.recordsOf(2, product)) == 4


def test_recycling__trader_without_locks__goes_on_at_once(market, place, buyer, later):
    market.cancelOrder(place(buyer), sender=buyer)

    market.placeOrder(quote(later(), BUY, 120, 60), sender=buyer)


def test_recycling__book_of_the_earlier_turn__is_empty(
    market, ledger, place, buyer, seller, slot, product, later, at
):
    buy = place(buyer, BUY, 100, 50)
    place(seller, SELL, 100, 30)
    rest = place(seller, SELL, 104, 40)
    market.matchOrders(buy, market.recordsOf(2, product)[0].orderId, sender=buyer)
    assert market.matchedLots(product) == 30

    again = later()

    assert tuple(market.bestBid(again)) == tuple(market.bestAsk(again)) == (0, 0)
    assert market.levelLots(again, SELL, 104) == market.matchedLots(again) == 0
    assert market.recordsOf(2, again) == []
    assert market.tradedWh(ZONE, slot + RING_SLOTS) == 0
    with ape.reverts(market.OrderUnknown, orderId=rest + (RING_SLOTS << 72)):
        market.getOrder(rest + (RING_SLOTS << 72))
    ledger.setSettledUntil(seller, slot + RING_SLOTS - 10, sender=buyer)
    market.placeOrder(quote(again, SELL, 105, 50), sender=seller)
    assert market.levelLots(again, SELL, 104) == 0
    assert tuple(market.bestAsk(again)) == (105_000, 50)
    assert tuple(market.bestAsk(product)) == (0, 0)
    with ape.reverts(market.OrderUnknown, orderId=rest - (1 << 40)):
        market.getOrder(rest - (1 << 40))


def test_recycling__settled_positions__are_gone(market, ledger, place, buyer, seller, slot, later):
    market.matchOrders(place(buyer, BUY, 100, 50), place(seller, SELL, 100, 50), sender=buyer)
    product = later()
    ledger.setFinalUntil(slot + 1, sender=buyer)
    for account in (buyer, seller):
        ledger.settleUpTo(account, slot + 1, sender=buyer)
    market.placeOrder(quote(product, BUY, 90, 60), sender=buyer)

    assert tuple(market.slotPositions(1, ZONE, slot, 1)[0]) == (0,) * 7
    assert market.slotPositions(1, ZONE, slot + RING_SLOTS, 1)[0].unlocked == buy_lock(60, 90)
