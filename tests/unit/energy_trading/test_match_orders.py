"""matchOrders, matchMany
├── not a buy and a sell: NotABuyAndASell; two products: ProductsDiffer
├── matching halted: TradingHalted
├── one of them: OrderUnknown, OrderNotOpen, OrderExpired, GateClosed
├── limits: PricesDoNotCross, NotBestBid, NotBestAsk
├── many: LengthsDiffer; pairs that do not match are skipped
└── else: smaller remainder at the earlier limit, locks unchanged, anyone may call
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.energy_trading.book import (
    BUY,
    DAY,
    HALT_MATCH,
    HALT_PLACE,
    SELL,
    TICK_SIZE,
    ZONE,
    gate_of,
    only_event,
    product_id,
    transaction_id,
)


@pytest.mark.parametrize("buy_first", [True, False])
def test_match_orders__crossing__trade_at_the_earlier_limit(
    market, place, buyer, seller, stranger, product, balances, buy_first
):
    if buy_first:
        buy, sell = place(buyer, BUY, 110, 70), place(seller, SELL, 100, 50)
    else:
        sell, buy = place(seller, SELL, 100, 50), place(buyer, BUY, 110, 70)
    tick = 110 if buy_first else 100
    locks = balances(buyer), balances(seller)

    receipt = market.matchOrders(buy, sell, sender=stranger)

    event = only_event(receipt, market.OrdersMatched)
    assert (event.buyOrderId, event.sellOrderId) == (buy, sell)
    assert event.transactionId == transaction_id(product, 1, 2)
    assert (event.amount, event.pricePerKWh) == (50, tick * TICK_SIZE)
    assert (balances(buyer), balances(seller)) == locks
    bought, sold = market.orderRecord(buy), market.orderRecord(sell)
    assert (bought.openLots, bought.filledLots, bought.filledTicks) == (20, 50, 50 * tick)
    assert bought.improvementTicks == 50 * (110 - tick)
    assert (sold.openLots, sold.filledLots, sold.filledTicks) == (0, 50, 50 * tick)
    assert sold.improvementTicks == 50 * (tick - 100)
    assert bought.lockedPerSlot == locks[0][1]
    assert sold.lockedPerSlot == locks[1][1]
    assert tuple(market.bestBid(product)) == (110 * TICK_SIZE, 20)
    assert tuple(market.bestAsk(product)) == (0, 0)
    assert market.matchedLots(product) == 50


def test_match_orders__day__amount_counts_every_slot(market, place, buyer, seller, monday):
    day = product_id(monday + 96, DAY)
    buy, sell = place(buyer, product=day), place(seller, SELL, product=day)

    receipt = market.matchOrders(buy, sell, sender=buyer)

    assert only_event(receipt, market.OrdersMatched).amount == 50 * 96


def test_match_orders__partial_fills__only_grow(
    market, place, buyer, seller, other_seller, product
):
    buy = place(buyer, BUY, 100, 100)
    for filled, (account, lots) in enumerate([(seller, 30), (other_seller, 30), (seller, 30)], 1):
        market.matchOrders(buy, place(account, SELL, 100, lots), sender=buyer)
        record = market.orderRecord(buy)
        assert (record.filledLots, record.openLots) == (30 * filled, 100 - 30 * filled)
    market.matchOrders(buy, place(seller, SELL, 90, 50), sender=buyer)
    assert market.orderRecord(buy).openLots == 0
    assert market.matchedLots(product) == 100


def test_match_orders__better_order__comes_first(market, place, buyer, seller, other_seller):
    buy, better_buy = place(buyer, BUY, 110, 50), place(buyer, BUY, 111, 50)
    sell, better_sell = place(seller, SELL, 100, 50), place(other_seller, SELL, 80, 50)
    with ape.reverts(market.NotBestBid, givenTick=110, bestTick=111):
        market.matchOrders(buy, better_sell, sender=buyer)
    with ape.reverts(market.NotBestAsk, givenTick=100, bestTick=80):
        market.matchOrders(better_buy, sell, sender=buyer)

    market.matchOrders(better_buy, better_sell, sender=buyer)
    market.matchOrders(buy, sell, sender=buyer)


@pytest.mark.parametrize("distance", [1, 2, 7, 8, 9, 64, 300])
def test_match_orders__better_order_anywhere__is_found(
    market, place, buyer, seller, other_seller, distance
):
    buy, better_buy = place(buyer, BUY, 150, 50), place(buyer, BUY, 150 + distance, 50)
    sell = place(seller, SELL, 150, 50)
    with ape.reverts(market.NotBestBid, givenTick=150, bestTick=150 + distance):
        market.matchOrders(buy, sell, sender=buyer)
    market.cancelOrder(better_buy, sender=buyer)
    lower = max(1, 150 - distance)
    place(other_seller, SELL, lower, 50)
    with ape.reverts(market.NotBestAsk, givenTick=150, bestTick=lower):
        market.matchOrders(buy, sell, sender=buyer)


def test_match_orders__not_crossing__is_refused(market, place, buyer, seller):
    buy, sell = place(buyer, BUY, 99), place(seller, SELL, 100)

    with ape.reverts(market.PricesDoNotCross, buyTick=99, sellTick=100):
        market.matchOrders(buy, sell, sender=buyer)


def test_match_orders__wrong_pair__is_refused(market, place, buyer, seller, product):
    buy, sell = place(buyer, BUY, 100), place(seller, SELL, 100)
    other = place(seller, SELL, 100, product=product + 1)
    for pair in ((sell, buy), (buy, buy), (sell, sell), (buy, sell | 2 << 32)):
        with ape.reverts(market.NotABuyAndASell, buyOrderId=pair[0], sellOrderId=pair[1]):
            market.matchOrders(*pair, sender=buyer)
    with ape.reverts(market.ProductsDiffer, buyProduct=product, sellProduct=product + 1):
        market.matchOrders(buy, other, sender=buyer)
    for pair, unknown in (
        ((buy + 8, sell), buy + 8),
        ((buy, sell + 8), sell + 8),
        ((buy | 1 << 130, sell), buy | 1 << 130),
        ((buy, sell | 1 << 255), sell | 1 << 255),
    ):
        with ape.reverts(market.OrderUnknown, orderId=unknown):
            market.matchOrders(*pair, sender=buyer)


def test_match_orders__nothing_open__is_refused(market, place, buyer, seller):
    buy, sell = place(buyer, BUY, 100, 60), place(seller, SELL, 100, 50)
    market.matchOrders(buy, sell, sender=buyer)
    with ape.reverts(market.OrderNotOpen, orderId=sell):
        market.matchOrders(buy, sell, sender=buyer)
    market.cancelOrder(buy, sender=buyer)
    with ape.reverts(market.OrderNotOpen, orderId=buy):
        market.matchOrders(buy, sell, sender=buyer)


@pytest.mark.parametrize("expiring", [BUY, SELL])
def test_match_orders__expired__is_refused(market, place, buyer, seller, product, at, expiring):
    expires_at = gate_of(product) - 100
    buy = place(buyer, BUY, expires_at=expires_at if expiring == BUY else 0)
    sell = place(seller, SELL, expires_at=expires_at if expiring == SELL else 0)
    at(expires_at)
    with ape.reverts(market.OrderExpired, orderId=(buy, sell)[expiring], expiredAt=expires_at):
        market.matchOrders(buy, sell, sender=buyer)
    gate = gate_of(product)
    at(gate)
    with ape.reverts(market.GateClosed, nowSeconds=gate, gateAt=gate):
        market.matchOrders(buy, sell, sender=buyer)


def test_match_orders__halted__is_refused(market, place, buyer, seller, guardian, slot, chain):
    buy, sell = place(buyer), place(seller, SELL)
    expires_at = chain.pending_timestamp + 600
    market.haltZone(ZONE, HALT_MATCH, slot, slot + 1, expires_at, sender=guardian)
    with ape.reverts(market.TradingHalted, zone=ZONE, expiresAt=expires_at):
        market.matchOrders(buy, sell, sender=buyer)
    chain.pending_timestamp = expires_at

    market.matchOrders(buy, sell, sender=buyer)


def test_match_orders__placing_halted__still_matches(
    market, place, buyer, seller, guardian, slot, chain
):
    buy, sell = place(buyer), place(seller, SELL)
    expires_at = chain.pending_timestamp + 600
    market.haltZone(ZONE, HALT_PLACE, slot, slot + 1, expires_at, sender=guardian)

    market.matchOrders(buy, sell, sender=buyer)


def test_match_many__some_do_not_match__are_skipped(
    market, place, buyer, seller, product, stranger, guardian, chain, slot
):
    products = [product_id(slot + i) for i in range(4)]
    buys = [place(buyer, BUY, 100, 50, product=each) for each in products]
    sells = [place(seller, SELL, 100, 50, product=each) for each in products]
    expires_at = chain.pending_timestamp + 600
    market.haltZone(ZONE, HALT_MATCH, slot + 3, slot + 4, expires_at, sender=guardian)

    receipt = market.matchMany(
        [buys[0], buys[0], sells[1], buys[1], buys[2], buys[3]],
        [sells[0], sells[0], buys[1], sells[2], sells[2], sells[3]],
        sender=stranger,
    )

    assert receipt.return_value == 2
    matched = list(receipt.decode_logs(market.OrdersMatched))
    assert [event.buyOrderId for event in matched] == [buys[0], buys[2]]
    assert [market.matchedLots(each) for each in products] == [50, 0, 50, 0]
    assert market.orderRecord(buys[1]).openLots == market.orderRecord(sells[1]).openLots == 50


def test_match_many__best_price_missed__changes_nothing(
    market, place, buyer, seller, other_seller, product
):
    buy, sell = place(buyer, BUY, 110), place(seller, SELL, 100)
    place(other_seller, SELL, 90)

    assert market.matchMany([buy], [sell], sender=buyer).return_value == 0
    assert tuple(market.bestBid(product)) == (110 * TICK_SIZE, 50)
    assert market.matchedLots(product) == 0


def test_match_many__lengths_differ__is_refused(market, place, buyer):
    order = place(buyer)
    with ape.reverts(market.LengthsDiffer, orderIds=1, quotes=0):
        market.matchMany([order], [], sender=buyer)
    assert market.matchMany([], [], sender=buyer).return_value == 0
