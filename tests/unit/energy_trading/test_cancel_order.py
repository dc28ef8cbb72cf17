"""cancelOrder, cancelOrders, cancelOrdersFor
├── no such order: OrderUnknown; nothing open: OrderNotOpen
├── past the gate: GateClosed
├── another's order: NotOrderOwner; caller not the delegate: NotDelegate
├── account settled past the start: SettlementReached
├── several: what is not open or past its gate is skipped; NothingGiven
└── else: lock and improvement back, level smaller, event; halts do not matter
"""

from __future__ import annotations

import ape

from tests.unit.energy_trading.book import (
    BUY,
    FREE,
    HALT_BOTH,
    SELL,
    ZONE,
    buy_lock,
    gate_of,
    not_order_owner,
    only_event,
    product_id,
    refusal,
    sell_lock,
)


def test_cancel_order__untouched__frees_everything(market, place, buyer, product, balances):
    order = place(buyer, BUY, 100, 50)
    place(buyer, BUY, 99, 30)

    receipt = market.cancelOrder(order, sender=buyer)

    event = only_event(receipt, market.OrderCancelled)
    assert (event.orderId, event.lots) == (order, 50)
    lock = buy_lock(30, 99)
    assert balances(buyer) == (FREE - lock, lock)
    assert market.levelLots(product, BUY, 100) == 0
    assert tuple(market.bestBid(product)) == (99_000, 30)
    record = market.orderRecord(order)
    assert (record.openLots, record.cancelledLots, record.lockedPerSlot) == (0, 50, 0)


def test_cancel_order__last_of_the_side__empties_the_book(market, place, seller, product):
    market.cancelOrder(place(seller, SELL, 100, 50), sender=seller)

    assert tuple(market.bestAsk(product)) == (0, 0)


def test_cancel_order__partly_filled__keeps_the_fills_and_returns_the_improvement(
    market, place, buyer, seller, balances
):
    sell = place(seller, SELL, 90, 20)
    buy = place(buyer, BUY, 100, 50)
    market.matchOrders(buy, sell, sender=seller)
    assert balances(buyer)[1] == buy_lock(50, 100)

    market.cancelOrder(buy, sender=buyer)

    assert balances(buyer)[1] == buy_lock(0, 100, 20, 20 * 90)
    record = market.orderRecord(buy)
    assert (record.filledLots, record.filledTicks, record.improvementTicks) == (20, 1_800, 0)
    assert (record.openLots, record.cancelledLots) == (0, 30)


def test_cancel_order__partly_filled_sell__keeps_what_it_may_owe(
    market, place, buyer, seller, balances
):
    buy = place(buyer, BUY, 110, 20)
    sell = place(seller, SELL, 100, 50)
    market.matchOrders(buy, sell, sender=seller)
    assert balances(seller)[1] == sell_lock(50, 100)

    market.cancelOrder(sell, sender=seller)

    assert balances(seller)[1] == sell_lock(0, 100, 20, 20 * 110)


def test_cancel_order__under_a_halt__works(market, place, buyer, guardian, chain, slot):
    order = place(buyer)
    expires_at = chain.pending_timestamp + 3_600
    market.haltZone(ZONE, HALT_BOTH, slot, slot + 1, expires_at, sender=guardian)

    market.cancelOrder(order, sender=buyer)

    assert market.orderRecord(order).openLots == 0


def test_cancel_order__not_open__is_refused(market, place, buyer, seller, product):
    order = place(buyer, BUY, 100, 50)
    with ape.reverts(market.OrderUnknown, orderId=order + 1):
        market.cancelOrder(order + 1, sender=buyer)
    market.matchOrders(order, place(seller, SELL, 100, 50), sender=buyer)
    with ape.reverts(market.OrderNotOpen, orderId=order):
        market.cancelOrder(order, sender=buyer)
    other = place(buyer, BUY, 100, 50)
    market.cancelOrder(other, sender=buyer)
    with ape.reverts(market.OrderNotOpen, orderId=other):
        market.cancelOrder(other, sender=buyer)


def test_cancel_order__past_the_gate__is_refused(market, place, buyer, product, at):
    order = place(buyer)
    gate = gate_of(product)
    at(gate)
    with ape.reverts(market.GateClosed, nowSeconds=gate, gateAt=gate):
        market.cancelOrder(order, sender=buyer)


def test_cancel_order__of_another__is_refused(
    market, place, buyer, seller, stranger, delegate, balances
):
    order = place(buyer)
    market.nameDelegate(delegate, sender=buyer)
    place(seller, BUY, 200, 50)
    with ape.reverts(market.NotOrderOwner, orderId=order, account=seller):
        market.cancelOrder(order, sender=seller)
    for caller in (delegate, stranger):  # nothing locked: the ledger itself stumbles
        data = refusal(market, market.cancelOrder.encode_input(order), caller)
        assert data == not_order_owner(order, caller.address)

    assert market.orderRecord(order).openLots == 50
    assert balances(buyer)[1] == buy_lock(50, 100)


def test_cancel_order__settlement_went_past__is_refused(market, ledger, place, seller, slot):
    order = place(seller, SELL)
    ledger.setSettledUntil(seller, slot + 1, sender=seller)

    with ape.reverts(market.SettlementReached, settledUntil=slot + 1, startSlot=slot):
        market.cancelOrder(order, sender=seller)


def test_cancel_orders__some_no_longer_open__skips_them(
    market, place, buyer, seller, product, slot, balances, at
):
    filled = place(buyer, BUY, 100, 50)
    market.matchOrders(filled, place(seller, SELL, 100, 50), sender=buyer)
    closed = place(buyer, BUY, 90, 50)
    later = [place(buyer, BUY, 80 + i, 50, product=product_id(slot + 1 + i)) for i in range(3)]
    at(gate_of(product))

    receipt = market.cancelOrders([filled, closed, *later, later[0], later[0] + 1], sender=buyer)

    assert receipt.return_value == 3
    assert [event.orderId for event in receipt.decode_logs(market.OrderCancelled)] == later
    assert balances(buyer)[1] == buy_lock(0, 0, 50, 5_000) + buy_lock(50, 90)


def test_cancel_orders__nothing_left__does_nothing(market, place, buyer, stranger):
    order = place(buyer)
    market.cancelOrder(order, sender=buyer)

    receipt = market.cancelOrders([order], sender=stranger)

    assert receipt.return_value == 0
    with ape.reverts(market.NothingGiven):
        market.cancelOrders([], sender=buyer)


def test_cancel_orders__one_of_another__none_is_cancelled(market, place, buyer, seller):
    own, foreign = place(buyer), place(seller)
    with ape.reverts(market.NotOrderOwner, orderId=foreign, account=buyer):
        market.cancelOrders([own, foreign], sender=buyer)
    with ape.reverts(market.NotOrderOwner, orderId=foreign, account=buyer):
        market.cancelOrders([foreign], sender=buyer)
    assert market.orderRecord(own).openLots == 50


def test_cancel_orders_for__delegate__cancels(market, place, buyer, seller, delegate, balances):
    order = place(buyer)
    with ape.reverts(market.NotDelegate, account=buyer, caller=delegate):
        market.cancelOrdersFor(buyer, [order], sender=delegate)
    market.nameDelegate(delegate, sender=buyer)

    receipt = market.cancelOrdersFor(buyer, [order], sender=delegate)

    assert receipt.return_value == 1
    assert balances(buyer) == (FREE, 0)
    foreign = place(seller)
    data = refusal(market, market.cancelOrdersFor.encode_input(buyer, [foreign]), delegate)
    assert data == not_order_owner(foreign, buyer.address)
