"""placeOrder, lockFor
├── quote malformed: QuoteMalformed
├── product: PeriodUnknown, SessionUnavailable, StartMisaligned, NotOpenYet, GateClosed
├── zone without terms: ZoneNotOpen; not the home zone: NotHomeZone
├── lots: TooFewLots, TooManyLots; price: PriceTooLow, PriceAboveCap; ExpiryPassed
├── capacity of the account in the product: CapacityExceeded
├── own opposite order would trade: SelfCross
├── 16 records hold something: RecordsExhausted
├── level full: LevelFull
├── account settled past the start: SettlementReached
├── ledger refuses: NotEnrolled, InsufficientFree, SecurityDepositMissing, ArrearsOutstanding
└── else: record, level, lock, event, sequence
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.energy_trading.book import (
    AUCTION,
    BUY,
    CAP_TICKS,
    CAPACITY_WH,
    DAY,
    FREE,
    GATE_SECONDS,
    HOUR,
    LENGTH_SLOTS,
    MAX_LOTS,
    OPENS_SECONDS,
    OTHER_ZONE,
    SELL,
    SLOT_SECONDS,
    TICK_SIZE,
    WEEK,
    ZONE,
    buy_lock,
    gate_of,
    only_event,
    order_id,
    product_id,
    quote,
    sell_lock,
)


def test_place_order__buy__locks_cost_and_fees(market, buyer, product, balances):
    terms = quote(product, BUY, 123, 77)
    sequence = market.nextSequence(ZONE)

    receipt = market.placeOrder(terms, sender=buyer)

    expected = order_id(product, 1, 0, BUY, sequence)
    event = only_event(receipt, market.OrderPlaced)
    assert (event.orderId, event.quote) == (expected, terms)
    assert receipt.return_value == expected
    assert market.nextSequence(ZONE) == sequence + 1
    lock = buy_lock(77, 123)
    assert market.lockFor(terms) == lock
    assert balances(buyer) == (FREE - lock, lock)
    record = market.orderRecord(expected)
    assert record.trader == buyer
    assert (record.openLots, record.filledLots, record.cancelledLots) == (77, 0, 0)
    assert (record.limitTick, record.expiresAt) == (123, gate_of(product))
    assert record.lockedPerSlot == lock
    assert market.levelLots(product, BUY, 123) == 77
    assert tuple(market.bestBid(product)) == (123 * TICK_SIZE, 77)


def test_place_order__sell__locks_what_non_delivery_costs(market, seller, product, balances):
    terms = quote(product, SELL, 123, 77)

    receipt = market.placeOrder(terms, sender=seller)

    lock = sell_lock(77, 123)
    assert market.lockFor(terms) == lock
    assert balances(seller) == (FREE - lock, lock)
    assert market.orderRecord(receipt.return_value).lockedPerSlot == lock
    assert tuple(market.bestAsk(product)) == (123 * TICK_SIZE, 77)


def test_place_order__day__locks_every_slot(market, seller, buyer, monday, balances):
    day = product_id(monday + 96, DAY)

    market.placeOrder(quote(day, SELL, 300, 40), sender=seller)
    market.placeOrder(quote(day, BUY, 200, 40), sender=buyer)

    assert balances(seller)[1] == 96 * sell_lock(40, 300)
    assert balances(buyer)[1] == 96 * buy_lock(40, 200)


def test_place_order__expiry__is_kept_up_to_the_gate(market, place, buyer, product):
    gate = gate_of(product)

    early = place(buyer, expires_at=gate - 1)
    late = place(buyer, expires_at=gate + 1)

    assert market.orderRecord(early).expiresAt == gate - 1
    assert market.orderRecord(late).expiresAt == gate


def test_place_order__several__use_records_in_turn(market, place, buyer, product):
    ids = [place(buyer, tick=100 + i) for i in range(3)]

    assert [i >> 40 & 0xFF for i in ids] == [0, 1, 2]
    records = market.recordsOf(1, product)
    assert [record.orderId for record in records] == ids
    assert tuple(market.bestBid(product)) == (102 * TICK_SIZE, 50)


def test_place_order__cancelled_without_fills__record_is_used_again(market, place, buyer, product):
    place(buyer, tick=100)
    cancelled = place(buyer, tick=101)
    place(buyer, tick=102)
    market.cancelOrder(cancelled, sender=buyer)

    again = place(buyer, tick=103)

    assert again >> 40 & 0xFF == 1
    assert len(market.recordsOf(1, product)) == 3


def test_place_order__cancelled_first_record__keeps_the_count(market, place, buyer, product):
    first = place(buyer, tick=100)
    place(buyer, tick=101)
    market.cancelOrder(first, sender=buyer)

    again = place(buyer, tick=102)

    assert again >> 40 & 0xFF == 0
    assert len(market.recordsOf(1, product)) == 2


@pytest.mark.parametrize("period", range(4))
def test_place_order__first_and_last_second__are_accepted(
    market, buyer, monday, at, balances, period
):
    start = monday + 672 * 10
    delivery = start * SLOT_SECONDS
    terms = quote(product_id(start, period), BUY, 10, 10)

    at(delivery - OPENS_SECONDS[period])
    market.placeOrder(terms, sender=buyer)
    at(delivery - GATE_SECONDS[period] - 1)
    market.placeOrder(terms, sender=buyer)

    assert len(market.recordsOf(1, product_id(start, period))) == 2
    assert balances(buyer)[1] == 2 * LENGTH_SLOTS[period] * buy_lock(10, 10)


@pytest.mark.parametrize("period", range(4))
def test_place_order__outside_trading_time__is_refused(market, buyer, monday, at, period):
    start = monday + 672 * 10
    delivery = start * SLOT_SECONDS
    opens, gate = delivery - OPENS_SECONDS[period], delivery - GATE_SECONDS[period]
    terms = quote(product_id(start, period), BUY, 10, 10)

    at(opens - 1)
    with ape.reverts(market.NotOpenYet, nowSeconds=opens - 1, opensAt=opens):
        market.placeOrder(terms, sender=buyer)
    at(gate)
    with ape.reverts(market.GateClosed, nowSeconds=gate, gateAt=gate):
        market.placeOrder(terms, sender=buyer)


@pytest.mark.parametrize("flaw", [1 << 152, 1 << 223, 2 << 48, 0x80 << 48])
def test_place_order__bits_outside_fields__are_refused(market, buyer, product, flaw):
    terms = quote(product, BUY, 100, 50) | flaw

    with ape.reverts(market.QuoteMalformed, given=terms):
        market.placeOrder(terms, sender=buyer)


def test_place_order__no_such_product__is_refused(market, buyer, slot):
    with ape.reverts(market.PeriodUnknown, given=4, allowed=3):
        market.placeOrder(quote(product_id(slot, period=4), BUY, 100, 50), sender=buyer)
    with ape.reverts(market.SessionUnavailable, given=AUCTION, allowed=1):
        market.placeOrder(quote(product_id(slot, session=AUCTION), BUY, 100, 50), sender=buyer)
    with ape.reverts(market.StartMisaligned, startSlot=slot + 1, next=slot + 4):
        market.placeOrder(quote(product_id(slot + 1, HOUR), BUY, 100, 50), sender=buyer)


def test_place_order__misaligned_week__names_the_next_monday(market, buyer, monday):
    with ape.reverts(market.StartMisaligned, startSlot=monday + 700, next=monday + 1_344):
        market.placeOrder(quote(product_id(monday + 700, WEEK), BUY, 100, 50), sender=buyer)


def test_place_order__zone_without_terms__is_refused(market, buyer, slot):
    with ape.reverts(market.ZoneNotOpen, zone=OTHER_ZONE):
        market.placeOrder(quote(product_id(slot, zone=OTHER_ZONE), BUY, 100, 50), sender=buyer)


def test_place_order__foreign_zone__is_refused(market, foreigner, product):
    with ape.reverts(market.NotHomeZone, given=ZONE, allowed=OTHER_ZONE):
        market.placeOrder(quote(product, BUY, 100, 50), sender=foreigner)


def test_place_order__lots__have_bounds(market, buyer, product):
    with ape.reverts(market.TooFewLots, given=9, allowed=10):
        market.placeOrder(quote(product, BUY, 100, 9), sender=buyer)
    with ape.reverts(market.TooManyLots, given=MAX_LOTS + 1, allowed=MAX_LOTS):
        market.placeOrder(quote(product, BUY, 100, MAX_LOTS + 1), sender=buyer)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_place_order__price__has_bounds(market, seller, product, side):
    with ape.reverts(market.PriceTooLow, givenTicks=0, allowedTicks=1):
        market.placeOrder(quote(product, side, 0, 50), sender=seller)
    with ape.reverts(market.PriceAboveCap, givenTicks=CAP_TICKS + 1, allowedTicks=CAP_TICKS):
        market.placeOrder(quote(product, side, CAP_TICKS + 1, 50), sender=seller)
    market.placeOrder(quote(product, side, CAP_TICKS, 50), sender=seller)


def test_place_order__expired__is_refused(market, buyer, product, at, slot):
    now = (slot - 4) * SLOT_SECONDS
    at(now)
    with ape.reverts(market.ExpiryPassed, given=now, nowSeconds=now):
        market.placeOrder(quote(product, BUY, 100, 50, now), sender=buyer)


def test_place_order__sells__stay_within_capacity(market, place, seller, product):
    place(seller, SELL, 200, CAPACITY_WH - 10)
    place(seller, SELL, 210, 10)

    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 10, allowed=CAPACITY_WH):
        market.placeOrder(quote(product, SELL, 220, 10), sender=seller)
    with ape.reverts(market.CapacityExceeded, given=CAPACITY_WH + 1, allowed=CAPACITY_WH):
        market.placeOrder(quote(product + 1, SELL, 220, CAPACITY_WH + 1), sender=seller)


def test_place_order__trader__sells_only_what_it_bought(market, place, buyer, seller, product):
    with ape.reverts(market.CapacityExceeded, given=10, allowed=0):
        market.placeOrder(quote(product, SELL, 300, 10), sender=buyer)
    market.matchOrders(place(buyer, BUY, 100, 40), place(seller, SELL, 100, 40), sender=seller)

    place(buyer, SELL, 300, 40)

    with ape.reverts(market.CapacityExceeded, given=10, allowed=0):
        market.placeOrder(quote(product, SELL, 300, 10), sender=buyer)


@pytest.mark.parametrize(("first", "tick", "second"), [(BUY, 100, SELL), (SELL, 100, BUY)])
def test_place_order__own_opposite_order__never_crosses(
    market, place, seller, product, first, tick, second
):
    own = place(seller, first, tick)

    with ape.reverts(market.SelfCross, ownOrderId=own):
        market.placeOrder(quote(product, second, tick, 50), sender=seller)
    place(seller, second, tick + (1 if second == SELL else -1))
    market.cancelOrder(own, sender=seller)
    place(seller, first, 50 if first == BUY else 400)


def test_place_order__seventeenth_record__is_refused(market, place, buyer, product):
    for tick in range(1, 17):
        place(buyer, BUY, tick, 10)

    with ape.reverts(market.RecordsExhausted, given=17, allowed=16):
        market.placeOrder(quote(product, BUY, 17, 10), sender=buyer)


def test_place_order__full_level__is_refused(market, place, buyer, product):
    place(buyer, BUY, 1, MAX_LOTS)

    with ape.reverts(market.LevelFull, given=MAX_LOTS + 10, allowed=MAX_LOTS):
        market.placeOrder(quote(product, BUY, 1, 10), sender=buyer)
    place(buyer, BUY, 2, 10)
    assert market.levelLots(product, BUY, 1) == MAX_LOTS


def test_place_order__settled_past_the_start__is_refused(market, ledger, seller, product, slot):
    ledger.setSettledUntil(seller, slot + 1, sender=seller)

    with ape.reverts(market.SettlementReached, settledUntil=slot + 1, startSlot=slot):
        market.placeOrder(quote(product, SELL, 100, 50), sender=seller)


def test_place_order__ledger_refuses__nothing_changes(market, ledger, seller, stranger, product):
    terms = quote(product, SELL, 100, 50)
    with ape.reverts(ledger.NotEnrolled, account=stranger):
        market.placeOrder(terms, sender=stranger)
    ledger.setFlag(seller, 2, False, sender=seller)
    with ape.reverts(ledger.SecurityDepositMissing, account=seller):
        market.placeOrder(terms, sender=seller)
    ledger.setFlag(seller, 2, True, sender=seller)
    ledger.setOwed(seller, 5, sender=seller)
    with ape.reverts(ledger.ArrearsOutstanding, account=seller, owed=5):
        market.placeOrder(terms, sender=seller)

    assert market.nextSequence(ZONE) == 1
    assert market.levelLots(product, SELL, 100) == 0


def test_place_order__beyond_balance__is_refused(market, ledger, buyer, monday):
    week = product_id(monday + 672, WEEK)
    needed = 672 * buy_lock(MAX_LOTS, CAP_TICKS)

    with ape.reverts(ledger.InsufficientFree, needed=needed, available=FREE):
        market.placeOrder(quote(week, BUY, CAP_TICKS, MAX_LOTS), sender=buyer)
