"""settleTransaction
├── not an id, or no such trade: TransactionUnknown; no such product: PeriodUnknown, ...
└── else: both parties settled to the product's end; again: nothing
"""

from __future__ import annotations

import ape

from tests.unit.energy_trading.book import (
    BUY,
    FREE,
    HOUR,
    RING_SLOTS,
    SELL,
    SLOT_SECONDS,
    buy_lock,
    product_id,
    quote,
    sell_lock,
    transaction_id,
)


def trade(market, place, buyer, seller, product):
    buy, sell = (
        place(buyer, BUY, 100, 50, product=product),
        place(seller, SELL, 90, 50, product=product),
    )
    market.matchOrders(buy, sell, sender=buyer)
    return transaction_id(product, 1, 2)


def test_settle_transaction__delivered__settles_both_once(
    market, ledger, place, buyer, seller, stranger, slot, balances, at
):
    transaction = trade(market, place, buyer, seller, product_id(slot, HOUR))
    at((slot + 10) * SLOT_SECONDS)
    ledger.setFinalUntil(slot + 9, sender=stranger)

    market.settleTransaction(transaction, sender=stranger)

    cost = 4 * 50 * 100
    fees = 4 * 50 * 20 + cost * 25 // 10_000
    settled = (FREE - cost - fees, 0), (FREE + cost, 0)
    assert (balances(buyer), balances(seller)) == settled
    assert (ledger.clearing(), ledger.fees()) == (0, fees)
    assert ledger.settledUntilOf(buyer) == ledger.settledUntilOf(seller) == slot + 4
    market.settleTransaction(transaction, sender=stranger)
    assert (balances(buyer), balances(seller)) == settled
    assert ledger.settledUntilOf(buyer) == slot + 4


def test_settle_transaction__readings_missing__settles_as_far_as_they_go(
    market, ledger, place, buyer, seller, slot, balances, at
):
    transaction = trade(market, place, buyer, seller, product_id(slot, HOUR))
    at((slot + 10) * SLOT_SECONDS)
    ledger.setFinalUntil(slot + 1, sender=buyer)

    market.settleTransaction(transaction, sender=buyer)

    assert ledger.settledUntilOf(seller) == slot + 1
    assert balances(buyer)[1] == 3 * buy_lock(50, 100)
    assert balances(seller)[1] == 3 * sell_lock(50, 90)


def test_settle_transaction__record_serves_a_later_product__does_nothing(
    market, ledger, place, buyer, seller, product, slot, at, balances
):
    transaction = trade(market, place, buyer, seller, product)
    at((slot + RING_SLOTS - 8) * SLOT_SECONDS)
    ledger.setFinalUntil(slot + 1, sender=buyer)
    market.settleTransaction(transaction, sender=buyer)
    for account in (buyer, seller):
        market.placeOrder(quote(product + RING_SLOTS, BUY, 10, 10), sender=account)
    before = balances(buyer), balances(seller)

    market.settleTransaction(transaction, sender=buyer)

    assert (balances(buyer), balances(seller)) == before


def test_settle_transaction__no_such_trade__is_refused(market, place, buyer, seller, product, slot):
    transaction = trade(market, place, buyer, seller, product)
    place(buyer, BUY, 10, 50, product=product + 1)
    place(seller, SELL, 400, 50, product=product + 1)
    unknown = [
        transaction | 1 << 104,
        transaction_id(product, 2, 1),
        transaction_id(product, 1, 3),
        transaction_id(product, 0, 2),
        transaction_id(product + 1, 1, 2),
        transaction_id(product + RING_SLOTS, 1, 2),
    ]
    for each in unknown:
        with ape.reverts(market.TransactionUnknown, transactionId=each):
            market.settleTransaction(each, sender=buyer)
    with ape.reverts(market.PeriodUnknown, given=9, allowed=3):
        market.settleTransaction(transaction_id(product_id(slot, 9), 1, 2), sender=buyer)
