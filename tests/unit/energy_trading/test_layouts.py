"""Round trips of the packed words: every field keeps its value and touches no other."""

from __future__ import annotations

import random

import ape
import pytest

from tests.unit.energy_trading.book import (
    BUY,
    DAY,
    DAY_SECONDS,
    GATE_SECONDS,
    HOUR,
    LENGTH_SLOTS,
    MAX_LOTS,
    OPENS_SECONDS,
    RING_SLOTS,
    SELL,
    SLOT_SECONDS,
    WEEK,
    ZONE,
    order_id,
    product_id,
)

TAG = 483 << 240


@pytest.fixture(scope="session")
def harness(project, governor):
    return governor.deploy(project.MarketLibrariesHarness)


def test_order_record__largest_values__stay_in_their_fields(harness):
    record = harness.createRecord(2**16 - 1, 2**40 - 1, SELL, 1_023, MAX_LOTS, 2**32 - 1, 16)

    fields = harness.readRecord(record)

    assert tuple(fields) == (
        2**16 - 1, 2**40 - 1, 2**32 - 1, 16, False, SELL, 1_023, 0, 0, 0, MAX_LOTS, MAX_LOTS, False,
    )  # fmt: skip
    filled = harness.readRecord(harness.fillRecord(record, MAX_LOTS, 1_023, 1_022))
    assert (filled.filled, filled.unfilled, filled.open) == (MAX_LOTS, 0, 0)
    assert (filled.filledTicks, filled.improvementTicks) == (MAX_LOTS * 1_023, MAX_LOTS * 1_022)
    assert tuple(filled)[:7] == tuple(fields)[:7]


def test_order_record__fills_cancel_replace__keep_the_other_fields(harness):
    dice = random.Random(2)
    for _ in range(20):
        lots = dice.randrange(10, 2**27)
        tick = dice.randrange(1, 1_024)
        record = harness.createRecord(5, dice.randrange(2**40), BUY, tick, lots, 7, 3)
        fill = dice.randrange(1, lots)
        price = dice.randrange(1, tick + 1)
        filled = harness.fillRecord(record, fill, price, tick - price)
        cancelled = harness.readRecord(harness.cancelRecord(filled))
        assert (cancelled.filled, cancelled.unfilled, cancelled.open) == (fill, lots - fill, 0)
        assert (cancelled.filledTicks, cancelled.improvementTicks) == (fill * price, 0)
        assert cancelled.cancelled and not cancelled.reusable
        assert (cancelled.sequence, cancelled.count, cancelled.limitTick) == (7, 3, tick)
        following = harness.createRecord(5, 99, BUY, 8, 11, 12, 0)
        replaced = harness.readRecord(harness.replaceRecord(filled, following))
        assert tuple(replaced) == (
            5, 99, 12, 3, False, BUY, 8, 0, fill * price, fill, 11, 11, False,
        )  # fmt: skip
    assert harness.readRecord(harness.cancelRecord(record)).reusable


def test_order_record__holds__exactly_its_order(harness):
    record = harness.createRecord(483, 0, SELL, 5, 10, 77, 1)
    order = order_id(product_id(482 * RING_SLOTS), 1, 0, SELL, 77)
    assert harness.recordHolds(record, order, 483)
    assert not harness.recordHolds(record, order, 484)
    for bit in (0, 31, 32, 33, 39, 128, 255):
        assert not harness.recordHolds(record, order ^ 1 << bit, 483)


def test_level_word__lanes__do_not_touch_each_other(harness):
    word = TAG
    for tick in range(8):
        word = harness.levelPlus(word, 40 + tick, MAX_LOTS - tick)
    assert word >> 240 == 483
    assert word >> 224 & 0xFFFF == 0
    for tick in range(8):
        assert harness.readLevel(word, 40 + tick)[0] == MAX_LOTS - tick
    for tick in (3, 0, 7, 1, 6, 2, 5, 4):
        word = harness.levelMinus(word, 40 + tick, MAX_LOTS - tick)
    assert word == TAG
    assert harness.readLevel(word, 40)[3]
    with ape.reverts():
        harness.levelMinus(harness.levelPlus(TAG, 3, 10), 3, 11)


def test_level_word__above_and_below__see_every_lane(harness):
    for own in range(8):
        for other in range(8):
            word = harness.levelPlus(TAG, other, 1)
            lots, above, below, empty = harness.readLevel(word, own)
            assert (lots, above, below, empty) == (own == other, other > own, other < own, False)
            assert harness.bestLane(word, True) == harness.bestLane(word, False) == other


@pytest.mark.parametrize("tick", [0, 1, 7, 8, 511, 512, 1_015, 1_016, 1_023])
def test_book_head__words__are_found(harness, tick):
    head = harness.headMatched(harness.headWith(TAG, tick), 2**40)
    assert harness.bestWord(head, True) == harness.bestWord(head, False) == tick // 8
    both = harness.headWith(harness.headWith(head, 0), 1_023)
    assert (harness.bestWord(both, True), harness.bestWord(both, False)) == (127, 0)
    bits, matched, above, below = harness.readHead(both, tick)
    assert bits == 1 | 1 << 127 | 1 << tick // 8
    assert (matched, above, below) == (2**40, tick // 8 < 127, tick // 8 > 0)
    assert harness.headWithout(head, tick) == TAG | 2**40 << 128


def test_zone_word__fields__keep_their_values(harness):
    current, following = (1_023_000, 65_535_000, 100), (5_000, 7_000, 3)
    halt = (3, 2**28 - 2, 2**28 - 1, 2**40 - 1)
    word = harness.zoneHalt(
        harness.zoneTerms(2**32 - 2, current, 2**28 - 3, following, 2**28 - 4, 1_000), halt
    )
    read = harness.readZone(harness.zoneSequence(word), 1_000)
    assert read[0] == 2**32 - 1
    assert (tuple(read[1]), read[2]) == (current, 2**28 - 3)
    assert (tuple(read[3]), read[4]) == (following, 2**28 - 4)
    assert tuple(read[5]) == halt
    cleared = harness.zoneHalt(word, (0, 0, 0, 0))
    assert tuple(harness.readZone(cleared, 1_000)[5]) == (0, 0, 0, 0)
    assert tuple(harness.readZone(cleared, 1_000)[1]) == current


def test_products__clock__follows_the_table(harness, monday):
    for period in range(4):
        start = monday + 672
        length, opens, gate, tag = harness.clock(product_id(start, period))
        delivery = start * SLOT_SECONDS
        assert length == LENGTH_SLOTS[period]
        assert opens == delivery - OPENS_SECONDS[period]
        assert gate == delivery - GATE_SECONDS[period]
        assert tag == start // RING_SLOTS + 1
        assert harness.startOfTurn(product_id(start, period), tag) == start
    assert harness.clock(product_id(0, WEEK))[1:3] == (0, 0)


def test_products__covering_start__is_aligned(harness, monday):
    for offset in (0, 1, 3, 4, 95, 96, 671):
        slot = monday + offset
        assert harness.startCovering(0, slot) == slot
        assert harness.startCovering(HOUR, slot) == slot // 4 * 4
        assert harness.startCovering(DAY, slot) == slot // 96 * 96
        assert harness.startCovering(WEEK, slot) == monday
        assert harness.weekStartFrom(slot) == monday + (672 if offset else 0)
    assert monday * SLOT_SECONDS // DAY_SECONDS % 7 == 4  # day 0 was a Thursday
    assert harness.startCovering(WEEK, 5) == 0


def test_keys__differ_by_every_part(harness, slot):
    base = harness.keys(product_id(slot), BUY, 8, 1, 0)
    assert base[0] == (ZONE << 8 | 1) << 12 | slot % RING_SLOTS
    seen = {tuple(base)}
    for product, side, tick, account, index in (
        (product_id(slot + 1), BUY, 8, 1, 0),
        (product_id(slot, HOUR), BUY, 8, 1, 0),
        (product_id(slot, zone=ZONE + 1), BUY, 8, 1, 0),
        (product_id(slot), SELL, 8, 1, 0),
        (product_id(slot), BUY, 16, 1, 0),
        (product_id(slot), BUY, 8, 2, 0),
        (product_id(slot), BUY, 8, 1, 1),
    ):
        seen.add(tuple(harness.keys(product, side, tick, account, index)))
    assert len(seen) == 8
    again = harness.keys(product_id(slot + RING_SLOTS), BUY, 8, 1, 0)
    assert tuple(again) == tuple(base)
