"""placeOrders, placeOrdersFor
├── nothing given: NothingGiven
├── one quote wrong: the error of placeOrder, nothing is placed
├── quotes of two zones: NotHomeZone
├── caller neither account nor delegate: NotDelegate
└── else: consecutive sequences, one lock
"""

from __future__ import annotations

import ape

from tests.unit.energy_trading.book import (
    BUY,
    FREE,
    OTHER_ZONE,
    SELL,
    ZERO_ADDRESS,
    ZONE,
    buy_lock,
    order_id,
    product_id,
    quote,
    sell_lock,
)


def test_place_orders__many__lock_their_sum(market, seller, slot, balances):
    quotes = [quote(product_id(slot + i), SELL, 100 + i, 50 + i) for i in range(12)]
    quotes += [quote(product_id(slot + i), BUY, 50 + i, 20) for i in range(12)]

    receipt = market.placeOrders(quotes, sender=seller)

    assert receipt.return_value == 1
    assert market.nextSequence(ZONE) == 25
    expected = [order_id(product_id(slot + i), 2, 0, SELL, 1 + i) for i in range(12)]
    expected += [order_id(product_id(slot + i), 2, 1, BUY, 13 + i) for i in range(12)]
    events = list(receipt.decode_logs(market.OrderPlaced))
    assert [event.orderId for event in events] == expected
    assert [event.quote for event in events] == quotes
    lock = sum(sell_lock(50 + i, 100 + i) + buy_lock(20, 50 + i) for i in range(12))
    assert balances(seller) == (FREE - lock, lock)


def test_place_orders__one_wrong__none_is_placed(market, buyer, product, balances):
    with ape.reverts(market.TooFewLots, given=9, allowed=10):
        market.placeOrders(
            [quote(product, BUY, 100, 50), quote(product, BUY, 100, 9)], sender=buyer
        )

    assert market.nextSequence(ZONE) == 1
    assert balances(buyer) == (FREE, 0)


def test_place_orders__two_quotes_of_one_product__do_not_cross(market, seller, product):
    with ape.reverts(market.SelfCross, ownOrderId=order_id(product, 2, 0, BUY, 1)):
        market.placeOrders(
            [quote(product, BUY, 100, 50), quote(product, SELL, 100, 50)], sender=seller
        )


def test_place_orders__nothing_or_two_zones__is_refused(market, buyer, slot):
    with ape.reverts(market.NothingGiven):
        market.placeOrders([], sender=buyer)
    two_zones = [quote(product_id(slot, zone=zone), BUY, 100, 50) for zone in (ZONE, OTHER_ZONE)]
    with ape.reverts(market.NotHomeZone, given=OTHER_ZONE, allowed=ZONE):
        market.placeOrders(two_zones, sender=buyer)


def test_place_orders_for__delegate_and_account__place(market, buyer, delegate, product, balances):
    market.nameDelegate(delegate, sender=buyer)

    market.placeOrdersFor(buyer, [quote(product, BUY, 100, 50)], sender=delegate)
    market.placeOrdersFor(buyer, [quote(product, BUY, 101, 50)], sender=buyer)

    assert balances(buyer)[1] == buy_lock(50, 100) + buy_lock(50, 101)
    assert [record.trader for record in market.recordsOf(1, product)] == [buyer, buyer]


def test_place_orders_for__others__are_refused(market, buyer, seller, delegate, product):
    quotes = [quote(product, BUY, 100, 50)]
    with ape.reverts(market.NotDelegate, account=buyer, caller=delegate):
        market.placeOrdersFor(buyer, quotes, sender=delegate)
    market.nameDelegate(delegate, sender=buyer)
    market.nameDelegate(ZERO_ADDRESS, sender=buyer)
    for caller in (delegate, seller):
        with ape.reverts(market.NotDelegate, account=buyer, caller=caller):
            market.placeOrdersFor(buyer, quotes, sender=caller)
