"""replaceOrder, replaceOrders, replaceOrdersFor
├── the old order: OrderUnknown, OrderNotOpen, NotOrderOwner
├── other product or side: ReplacementDiffers
├── the new quote: the errors of placeOrder, TooManyLots with the fills
├── several: NothingGiven, LengthsDiffer; what is no longer open is skipped
├── caller not the delegate: NotDelegate
└── else: new id and sequence, same record, fills kept, improvement back
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.energy_trading.book import (
    ACTIVE,
    BUY,
    CAPACITY_WH,
    FREE,
    MAX_LOTS,
    SELL,
    ZONE,
    buy_lock,
    gate_of,
    only_event,
    order_id,
    product_id,
    quote,
    sell_lock,
)


@pytest.mark.parametrize("tick", [100, 101, 99, 200, 1])
def test_replace_order__untouched__moves_lock_and_level(
    market, place, buyer, product, balances, tick
):
    old = place(buyer, BUY, 100, 50)
    terms = quote(product, BUY, tick, 70)

    receipt = market.replaceOrder(old, terms, sender=buyer)

    new = order_id(product, 1, 0, BUY, 2)
    assert receipt.return_value == new
    event = only_event(receipt, market.OrderReplaced)
    assert (event.orderId, event.newOrderId, event.quote) == (old, new, terms)
    lock = buy_lock(70, tick)
    assert balances(buyer) == (FREE - lock, lock)
    assert market.levelLots(product, BUY, tick) == 70
    assert tick == 100 or market.levelLots(product, BUY, 100) == 0
    assert tuple(market.bestBid(product)) == (tick * 1_000, 70)
    with ape.reverts(market.OrderUnknown, orderId=old):
        market.getOrder(old)
    assert market.nextSequence(ZONE) == 3


def test_replace_order__after_partial_fill__keeps_fills_and_returns_improvement(
    market, place, buyer, seller, product, balances
):
    sell = place(seller, SELL, 90, 20)
    buy = place(buyer, BUY, 100, 50)
    market.matchOrders(buy, sell, sender=buyer)

    new = market.replaceOrder(buy, quote(product, BUY, 95, 40), sender=buyer).return_value

    record = market.orderRecord(new)
    assert (record.openLots, record.filledLots, record.filledTicks) == (40, 20, 1_800)
    assert record.improvementTicks == 0
    assert balances(buyer)[1] == buy_lock(40, 95, 20, 1_800)
    assert tuple(market.getOrder(new))[1:3] == (60, 95_000)
    assert market.getOrder(new).status == ACTIVE
    market.matchOrders(new, place(seller, SELL, 80, 40), sender=buyer)
    assert market.orderRecord(new).filledTicks == 1_800 + 40 * 95


def test_replace_order__first_of_several__keeps_the_count(market, place, seller, product, balances):
    first = place(seller, SELL, 200, 50)
    second = place(seller, SELL, 201, 50)

    market.replaceOrder(first, quote(product, SELL, 202, 60), sender=seller)
    market.replaceOrder(second, quote(product, SELL, 203, 70), sender=seller)

    assert [record.openLots for record in market.recordsOf(2, product)] == [60, 70]
    assert balances(seller)[1] == sell_lock(60, 202) + sell_lock(70, 203)


def test_replace_order__expired__lives_again(market, place, buyer, product, at):
    expires_at = gate_of(product) - 60
    old = place(buyer, expires_at=expires_at)
    at(expires_at + 1)

    new = market.replaceOrder(old, quote(product, BUY, 100, 50), sender=buyer).return_value

    assert market.getOrder(new).status == ACTIVE


def test_replace_order__not_ones_own_or_not_open__is_refused(market, place, buyer, seller, product):
    old = place(buyer)
    terms = quote(product, BUY, 101, 50)
    with ape.reverts(market.OrderUnknown, orderId=old + 1):
        market.replaceOrder(old + 1, terms, sender=buyer)
    with ape.reverts(market.NotOrderOwner, orderId=old, account=seller):
        market.replaceOrder(old, terms, sender=seller)
    market.cancelOrder(old, sender=buyer)
    with ape.reverts(market.OrderNotOpen, orderId=old):
        market.replaceOrder(old, terms, sender=buyer)


def test_replace_order__other_product_or_side__is_refused(market, place, buyer, product):
    old = place(buyer)
    for terms in (quote(product + 1, BUY, 100, 50), quote(product, SELL, 300, 50)):
        with ape.reverts(market.ReplacementDiffers, orderId=old, quote=terms):
            market.replaceOrder(old, terms, sender=buyer)


def test_replace_order__new_quote__obeys_the_rules(market, place, buyer, seller, product, at):
    own_sell = place(seller, SELL, 200, 1_000)
    own_buy = place(seller, BUY, 100, 50)
    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 1, allowed=CAPACITY_WH):
        market.replaceOrder(own_sell, quote(product, SELL, 200, CAPACITY_WH + 1), sender=seller)
    with ape.reverts(market.SelfCross, ownOrderId=own_sell):
        market.replaceOrder(own_buy, quote(product, BUY, 200, 50), sender=seller)
    with ape.reverts(market.SelfCross, ownOrderId=own_buy):
        market.replaceOrder(own_sell, quote(product, SELL, 100, 50), sender=seller)
    with ape.reverts(market.TooFewLots, given=9, allowed=10):
        market.replaceOrder(own_buy, quote(product, BUY, 100, 9), sender=seller)
    buy = place(buyer, BUY, 200, 50)
    market.matchOrders(buy, own_sell, sender=buyer)
    partly = place(buyer, BUY, 100, 20)
    sell = market.replaceOrder(own_sell, quote(product, SELL, 201, 10), sender=seller).return_value
    with ape.reverts(market.TooManyLots, given=MAX_LOTS + 50, allowed=MAX_LOTS):
        market.replaceOrder(sell, quote(product, SELL, 201, MAX_LOTS), sender=seller)
    gate = gate_of(product)
    at(gate)
    with ape.reverts(market.GateClosed, nowSeconds=gate, gateAt=gate):
        market.replaceOrder(partly, quote(product, BUY, 100, 50), sender=buyer)


def test_replace_order__sells_with_fills__count_towards_capacity(
    market, place, buyer, seller, product
):
    sell = place(seller, SELL, 200, 1_500)
    market.matchOrders(place(buyer, BUY, 200, 500), sell, sender=buyer)

    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 1, allowed=CAPACITY_WH):
        market.replaceOrder(sell, quote(product, SELL, 200, 1_501), sender=seller)
    market.replaceOrder(sell, quote(product, SELL, 200, 1_500), sender=seller)


def test_replace_order__beyond_balance__is_refused(market, ledger, place, buyer, product, balances):
    old = place(buyer, BUY, 100, 50)
    needed = buy_lock(MAX_LOTS, 500) - buy_lock(50, 100)
    ledger.enrol(buyer, ZONE, 0, 0, 0, 0, sender=buyer)  # a fresh account word without money
    with ape.reverts(ledger.InsufficientFree, needed=needed, available=0):
        market.replaceOrder(old, quote(product, BUY, 500, MAX_LOTS), sender=buyer)


def test_replace_orders__some_no_longer_open__skips_them(
    market, place, buyer, seller, product, slot, balances
):
    filled = place(buyer, BUY, 100, 50)
    market.matchOrders(filled, place(seller, SELL, 100, 50), sender=buyer)
    products = [product_id(slot + 1 + i) for i in range(3)]
    old = [place(buyer, BUY, 80, 50, product=each) for each in products]
    quotes = [quote(each, BUY, 85, 60) for each in products]
    sequence = market.nextSequence(ZONE)

    receipt = market.replaceOrders(
        [filled, *old], [quote(product, BUY, 99, 50), *quotes], sender=buyer
    )

    assert receipt.return_value == 3
    events = list(receipt.decode_logs(market.OrderReplaced))
    assert [event.orderId for event in events] == old
    assert [event.newOrderId & 0xFFFF_FFFF for event in events] == list(
        range(sequence, sequence + 3)
    )
    assert balances(buyer)[1] == buy_lock(0, 0, 50, 5_000) + 3 * buy_lock(60, 85)


def test_replace_orders__malformed_calls__are_refused(market, place, buyer, seller, product):
    own, foreign = place(buyer), place(seller)
    terms = quote(product, BUY, 101, 50)
    with ape.reverts(market.NothingGiven):
        market.replaceOrders([], [], sender=buyer)
    with ape.reverts(market.LengthsDiffer, orderIds=1, quotes=2):
        market.replaceOrders([own], [terms, terms], sender=buyer)
    with ape.reverts(market.NotOrderOwner, orderId=foreign, account=buyer):
        market.replaceOrders([own, foreign], [terms, terms], sender=buyer)
    with ape.reverts(market.TooFewLots, given=9, allowed=10):
        market.replaceOrders([own], [quote(product, BUY, 101, 9)], sender=buyer)
    assert market.replaceOrders([own + 9], [terms], sender=buyer).return_value == 0


def test_replace_orders_for__delegate__replaces(market, place, buyer, delegate, product, balances):
    old = place(buyer)
    terms = quote(product, BUY, 101, 50)
    with ape.reverts(market.NotDelegate, account=buyer, caller=delegate):
        market.replaceOrdersFor(buyer, [old], [terms], sender=delegate)
    market.nameDelegate(delegate, sender=buyer)

    receipt = market.replaceOrdersFor(buyer, [old], [terms], sender=delegate)

    assert receipt.return_value == 1
    assert balances(buyer)[1] == buy_lock(50, 101)
