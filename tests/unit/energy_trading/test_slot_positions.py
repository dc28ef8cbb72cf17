"""slotPositions, tradedWh
├── more than 672 slots: TooManySlots
├── nothing agreed: zeros
└── else: every period adds its share to each slot; fees by the cursor; locks add up
"""

from __future__ import annotations

import ape

from tests.unit.energy_trading.book import (
    BUY,
    DAY,
    DAY_SECONDS,
    HOUR,
    LENGTH_SLOTS,
    SELL,
    SLOT_SECONDS,
    TRADING_FEE_BPS,
    WEEK,
    ZONE,
    buy_lock,
    product_id,
    sell_lock,
)


def rows(market, account_id, first, count):
    return [tuple(row) for row in market.slotPositions(account_id, ZONE, first, count)]


def test_slot_positions__nothing_agreed__is_zero(market, slot):
    assert rows(market, 1, slot, 3) == [(0,) * 7] * 3
    assert rows(market, 1, slot, 0) == []
    with ape.reverts(market.TooManySlots, given=673, allowed=672):
        market.slotPositions(1, ZONE, slot, 673)


def test_slot_positions__open_orders__only_lock(market, place, buyer, seller, product, slot):
    place(buyer, BUY, 100, 50)
    place(buyer, BUY, 90, 30)
    place(seller, SELL, 200, 50)

    assert rows(market, 1, slot - 1, 3) == [
        (0,) * 7,
        (0, 0, 0, 0, 0, 0, buy_lock(50, 100) + buy_lock(30, 90)),
        (0,) * 7,
    ]
    assert rows(market, 2, slot, 1) == [(0, 0, 0, 0, 0, 0, sell_lock(50, 200))]


def test_slot_positions__trade__shows_both_sides(market, place, buyer, seller, product, slot):
    buy, sell = place(buyer, BUY, 110, 70), place(seller, SELL, 100, 50)
    market.matchOrders(buy, sell, sender=buyer)
    cost = 50 * 110

    fee = cost * TRADING_FEE_BPS // 10_000
    assert rows(market, 1, slot, 1) == [(50, 0, cost, 0, 1_000, fee, buy_lock(70, 110))]
    assert rows(market, 2, slot, 1) == [(0, 50, 0, cost, 0, 0, sell_lock(50, 100))]
    assert market.tradedWh(ZONE, slot) == 50
    assert market.tradedWh(ZONE, slot + 1) == 0


def test_slot_positions__hour__fee_is_shared_by_the_cursor(market, place, buyer, seller, slot):
    hour = product_id(slot, HOUR)
    buy, sell = place(buyer, BUY, 37, 13, product=hour), place(seller, SELL, 37, 13, product=hour)
    market.matchOrders(buy, sell, sender=buyer)

    result = rows(market, 1, slot, 4)

    fee = 4 * 13 * 37 * TRADING_FEE_BPS // 10_000
    assert [row[5] for row in result] == [fee * (k + 1) // 4 - fee * k // 4 for k in range(4)]
    assert sum(row[5] for row in result) == fee
    assert all(row[6] == buy_lock(13, 37) for row in result)
    assert all(row[6] >= row[2] + row[4] + row[5] for row in result)


def test_slot_positions__all_periods__add_up_in_every_slot(
    market, place, buyer, seller, other_seller, monday, balances, at
):
    """One week with an order of each kind: the slots' shares are the whole lock, to the unit."""
    week_start = monday + 672
    at(week_start * SLOT_SECONDS - DAY_SECONDS)
    products = [
        product_id(week_start + 200),
        product_id(week_start + 200, HOUR),
        product_id(week_start + 192, DAY),
        product_id(week_start, WEEK),
    ]
    for number, product in enumerate(products[2:]):
        place(buyer, BUY, 120, 31 + number, product=product)
    at((week_start + 200) * SLOT_SECONDS - DAY_SECONDS)
    for number, product in enumerate(products[:2]):
        sell = place(seller, SELL, 100 + number, 41, product=product)
        buy = place(buyer, BUY, 130, 77, product=product)
        market.matchOrders(buy, sell, sender=buyer)
        again = place(other_seller, SELL, 125, 20, product=product)
        market.matchOrders(buy, again, sender=buyer)

    result = rows(market, 1, week_start, 672)

    for column in range(7):
        parts = rows(market, 1, week_start, 300) + rows(market, 1, week_start + 300, 372)
        assert [row[column] for row in parts] == [row[column] for row in result]
    assert sum(row[6] for row in result) == balances(buyer)[1]
    assert sum(row[0] for row in result) == (41 + 20) * (1 + 4)
    both = result[200]
    assert both[0] == 2 * 61
    assert both[6] == buy_lock(31, 120) + buy_lock(32, 120) + sum(
        market.orderRecord(market.recordsOf(1, product)[0].orderId).lockedPerSlot
        for product in products[:2]
    )
    sold = sum(sum(row[1] for row in rows(market, i, week_start, 672)) for i in (2, 3))
    assert sold == sum(row[0] for row in result)
    traded = [market.tradedWh(ZONE, week_start + i) for i in (199, 200, 203, 204)]
    assert traded == [0, 122, 61, 0]
    everybody = [row for i in (1, 2, 3) for row in rows(market, i, week_start, 672)]
    assert sum(row[2] for row in everybody) == sum(row[3] for row in everybody) > 0
    for number, account in enumerate((buyer, seller, other_seller), 1):
        assert sum(row[6] for row in rows(market, number, week_start, 672)) == balances(account)[1]


def test_slot_positions__replaced_order__counts_once(market, place, buyer, seller, product, slot):
    buy, sell = place(buyer, BUY, 110, 70), place(seller, SELL, 100, 50)
    market.matchOrders(buy, sell, sender=buyer)
    from_quote = market.packQuote(product, BUY, 40, 90_000, 0)
    market.replaceOrder(buy, from_quote, sender=buyer)

    (row,) = rows(market, 1, slot, 1)

    assert row[:3] == (50, 0, 5_500)
    assert row[6] == buy_lock(40, 90, 50, 5_500)


def test_traded_wh__covers_every_period(market, place, buyer, seller, monday):
    day_start = monday + 96
    expected = 0
    for period in (HOUR, DAY):
        product = product_id(day_start, period)
        buy, sell = place(buyer, product=product), place(seller, SELL, product=product)
        market.matchOrders(buy, sell, sender=buyer)
        expected += 50
        assert market.tradedWh(ZONE, day_start) == expected
        last = day_start + LENGTH_SLOTS[period]
        assert market.tradedWh(ZONE, last - 1) == market.tradedWh(ZONE, last) + 50
