"""createOrder, packQuote, getOrder
├── expiry past: ExpiryPassed; beyond 40 bits: ExpiryTooFar
├── amount not whole lots: AmountNotInLots; beyond 32 bits: TooManyLots
├── price off tick: PriceOffTick; above 1,023 ticks: PriceAboveCap
├── product unknown: as placeOrder
├── caller not enrolled: NotEnrolled
└── else: the hour that starts at expiry rounded up
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.energy_trading.book import (
    ACTIVE,
    BUY,
    CANCELLED,
    CAP_TICKS,
    FILLED,
    HOUR,
    QUARTER_HOUR,
    SELL,
    SLOT_SECONDS,
    TICK_SIZE,
    ZONE,
    buy_lock,
    only_event,
    order_id,
    product_id,
    quote,
    sell_lock,
)

HOUR_SECONDS = 3_600


@pytest.mark.parametrize(
    ("early", "expires"), [(0, -300), (299, -300), (301, -301), (3_599, -3_599)]
)
def test_create_order__expiry__rounds_up_to_the_hour(market, buyer, slot, balances, early, expires):
    delivery = slot * SLOT_SECONDS
    hour = product_id(slot, HOUR)

    receipt = market.createOrder(200, 80 * TICK_SIZE, delivery - early, BUY, sender=buyer)

    order = order_id(hour, 1, 0, BUY, 1)
    assert receipt.return_value == order
    assert only_event(receipt, market.OrderPlaced).quote == (
        quote(hour, BUY, 80, 50, delivery - early)
    )
    assert balances(buyer)[1] == 4 * buy_lock(50, 80)
    assert tuple(market.getOrder(order)) == (
        buyer.address,
        200,
        80 * TICK_SIZE,
        delivery + expires,
        BUY,
        ACTIVE,
    )


def test_create_order__one_second_after_the_hour__takes_the_next(market, seller, slot, balances):
    expiry = slot * SLOT_SECONDS + 1

    receipt = market.createOrder(200, 80 * TICK_SIZE, expiry, SELL, sender=seller)

    assert receipt.return_value == order_id(product_id(slot + 4, HOUR), 2, 0, SELL, 1)
    assert market.getOrder(receipt.return_value).expiry == expiry
    assert balances(seller)[1] == 4 * sell_lock(50, 80)


def test_create_order__bad_units__are_refused(market, buyer, slot):
    expiry = slot * SLOT_SECONDS
    price = 80 * TICK_SIZE
    with ape.reverts(market.AmountNotInLots, given=201, unit=4):
        market.createOrder(201, price, expiry, BUY, sender=buyer)
    with ape.reverts(market.TooFewLots, given=9, allowed=10):
        market.createOrder(36, price, expiry, BUY, sender=buyer)
    with ape.reverts(market.TooManyLots, given=2**32, allowed=2**32 - 1):
        market.createOrder(4 * 2**32, price, expiry, BUY, sender=buyer)
    with ape.reverts(market.PriceOffTick, given=price + 1, tickSize=TICK_SIZE):
        market.createOrder(200, price + 1, expiry, BUY, sender=buyer)
    with ape.reverts(market.PriceTooLow, givenTicks=0, allowedTicks=1):
        market.createOrder(200, 0, expiry, BUY, sender=buyer)
    with ape.reverts(market.PriceAboveCap, givenTicks=501, allowedTicks=CAP_TICKS):
        market.createOrder(200, 501 * TICK_SIZE, expiry, BUY, sender=buyer)
    with ape.reverts(market.PriceAboveCap, givenTicks=1_024, allowedTicks=1_023):
        market.createOrder(200, 1_024 * TICK_SIZE, expiry, BUY, sender=buyer)


def test_create_order__bad_expiry__is_refused(market, buyer, slot, at):
    now = slot * SLOT_SECONDS - 240
    at(now)
    with ape.reverts(market.ExpiryPassed, given=now, nowSeconds=now):
        market.createOrder(200, 80 * TICK_SIZE, now, BUY, sender=buyer)
    at(now + 1)
    with ape.reverts(market.GateClosed, nowSeconds=now + 1, gateAt=now - 60):
        market.createOrder(200, 80 * TICK_SIZE, slot * SLOT_SECONDS, BUY, sender=buyer)
    with ape.reverts(market.ExpiryTooFar, given=2**40, allowed=2**40 - 1):
        market.createOrder(200, 80 * TICK_SIZE, 2**40, BUY, sender=buyer)


def test_create_order__stranger__is_refused(project, market, stranger, slot):
    with ape.reverts(project.EnergyTrading.NotEnrolled, account=stranger):
        market.createOrder(200, 80 * TICK_SIZE, slot * SLOT_SECONDS, BUY, sender=stranger)


def test_pack_quote__plain_units__become_fields(market, slot):
    product = product_id(slot, HOUR)

    assert market.packQuote(product, SELL, 400, 55 * TICK_SIZE, 77) == (
        quote(product, SELL, 55, 100, 77)
    )
    assert market.packQuote(product, BUY, 4 * (2**32 - 1), 1_023 * TICK_SIZE, 2**40 - 1) == (
        quote(product, BUY, 1_023, 2**32 - 1, 2**40 - 1)
    )
    with ape.reverts(market.ExpiryTooFar, given=2**40, allowed=2**40 - 1):
        market.packQuote(product, BUY, 400, TICK_SIZE, 2**40)
    with ape.reverts(market.StartMisaligned, startSlot=slot + 1, next=slot + 4):
        market.packQuote(product_id(slot + 1, HOUR), BUY, 400, TICK_SIZE, 0)


def test_get_order__life__shows_in_the_status(market, place, buyer, seller, product, at):
    filled = place(buyer, BUY, 100, 50)
    cancelled = place(buyer, BUY, 90, 50)
    expires_at = (product & 0xFFFF_FFFF) * SLOT_SECONDS - 1_000
    expired = place(buyer, BUY, 80, 50, expires_at=expires_at)
    market.matchOrders(filled, place(seller, SELL, 100, 60), sender=seller)
    market.cancelOrder(cancelled, sender=buyer)

    assert market.getOrder(filled).status == FILLED
    assert market.getOrder(cancelled).status == CANCELLED
    assert market.getOrder(cancelled).amount == 50
    assert market.getOrder(expired).status == ACTIVE
    partly = order_id(product, 2, 0, SELL, 4)
    assert (market.getOrder(partly).status, market.getOrder(partly).amount) == (ACTIVE, 60)
    at(expires_at)
    market.nameDelegate(seller, sender=buyer)  # a block at that time
    assert market.getOrder(expired).status == CANCELLED


def test_get_order__unknown_ids__are_refused(market, place, buyer, slot, product):
    known = place(buyer)
    wrong = [
        known + 1,
        known | 1 << 32,
        known | 1 << 39,
        known | 1 << 40,
        known | 1 << 128,
        known | 1 << 255,
        known ^ 3 << 48,
        order_id(product_id(slot + 4_096), 1, 0, BUY, 1),
        order_id(product_id(slot, QUARTER_HOUR, ZONE + 1), 1, 0, BUY, 1),
    ]
    for unknown in wrong:
        with ape.reverts(market.OrderUnknown, orderId=unknown):
            market.getOrder(unknown)
        with ape.reverts(market.OrderUnknown, orderId=unknown):
            market.orderRecord(unknown)
