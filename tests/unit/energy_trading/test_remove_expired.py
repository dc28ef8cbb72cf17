"""removeExpired
├── unknown, not open, not expired, settlement reached the product: skipped
└── else: remainder and improvement freed, level smaller, event; anyone, also after the gate
"""

from __future__ import annotations

from tests.unit.energy_trading.book import (
    BUY,
    FREE,
    RING_SLOTS,
    SELL,
    SLOT_SECONDS,
    buy_lock,
    gate_of,
    only_event,
    quote,
)


def test_remove_expired__stranger__frees_the_remainder(
    market, place, buyer, seller, stranger, product, balances, at
):
    expires_at = gate_of(product) - 60
    sell = place(seller, SELL, 90, 20)
    order = place(buyer, BUY, 100, 50, expires_at=expires_at)
    market.matchOrders(order, sell, sender=stranger)
    at(expires_at)

    receipt = market.removeExpired([order, order], sender=stranger)

    assert receipt.return_value == 1
    event = only_event(receipt, market.ExpiredOrderRemoved)
    assert (event.orderId, event.lots) == (order, 30)
    lock = buy_lock(0, 0, 20, 20 * 90)
    assert balances(buyer) == (FREE - lock, lock)
    assert tuple(market.bestBid(product)) == (0, 0)


def test_remove_expired__best_order__lets_the_next_match(market, place, buyer, seller, product, at):
    expires_at = gate_of(product) - 60
    best = place(buyer, BUY, 110, 50, expires_at=expires_at)
    following = place(buyer, BUY, 100, 50)
    sell = place(seller, SELL, 100, 50)
    at(expires_at)
    assert market.matchMany([following], [sell], sender=buyer).return_value == 0

    market.removeExpired([best], sender=seller)

    assert market.matchMany([following], [sell], sender=buyer).return_value == 1


def test_remove_expired__cannot_be_removed__is_skipped(market, place, buyer, product, balances):
    alive, cancelled = place(buyer, BUY, 100), place(buyer, BUY, 99)
    market.cancelOrder(cancelled, sender=buyer)

    receipt = market.removeExpired([alive, cancelled, alive + 5], sender=buyer)

    assert receipt.return_value == 0
    assert market.orderRecord(alive).openLots == 50
    assert balances(buyer)[1] == buy_lock(50, 100)
    assert market.removeExpired([], sender=buyer).return_value == 0


def test_remove_expired__after_delivery__until_settlement_comes(
    market, ledger, place, seller, stranger, product, slot, balances, at
):
    first, second = place(seller, SELL, 100, 50), place(seller, SELL, 101, 60)
    at((slot + 300) * SLOT_SECONDS)
    assert market.removeExpired([first], sender=stranger).return_value == 1
    ledger.setFinalUntil(slot + 1, sender=stranger)
    ledger.settleUpTo(seller, slot + 1, sender=stranger)
    assert balances(seller) == (FREE, 0)

    assert market.removeExpired([second], sender=stranger).return_value == 0

    assert balances(seller) == (FREE, 0)
    assert market.orderRecord(second).openLots == 60


def test_remove_expired__level_word_of_a_later_product__is_left_alone(
    market, place, buyer, seller, stranger, product, balances, at, slot
):
    order = place(buyer, BUY, 100, 50)
    later = product + RING_SLOTS
    at((slot + RING_SLOTS - 8) * SLOT_SECONDS)
    market.placeOrder(quote(later, BUY, 100, 70), sender=seller)

    assert market.removeExpired([order], sender=stranger).return_value == 1

    assert balances(buyer) == (FREE, 0)
    assert market.levelLots(later, BUY, 100) == 70
    assert market.levelLots(product, BUY, 100) == 0
    assert tuple(market.bestBid(later)) == (100_000, 70)
