"""Layouts and sums of the auctions' libraries, against the plain way to do it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.artifacts import Artifacts
from tests.utils.auction_market import GOVERNOR
from tests.utils.revm import Contract, Revm

MASK_28, MASK_38 = 2**28 - 1, 2**38 - 1
flows = st.integers(-(2**38), 2**38 - 1)
uint16 = st.integers(1, 2**16 - 1)


@pytest.fixture(scope="module")
def harness() -> Contract:
    chain = Revm(Artifacts.load(), GOVERNOR)
    chain.at(1)
    return chain.deploy("AuctionLibrariesHarness")


@given(
    price=st.integers(1, 1023),
    bought=st.integers(0, MASK_38),
    sold=st.integers(0, MASK_38),
    side=st.integers(0, 1),
    due=st.integers(0, MASK_28),
    tied=st.integers(0, MASK_28),
    flow=st.tuples(flows, flows),
    data=st.data(),
)
def test_auction_result__round_trip(harness: Contract, data: st.DataObject, **given_: Any) -> None:
    price, bought, sold = given_["price"], given_["bought"], given_["sold"]
    side, due, tied, flow = given_["side"], given_["due"], given_["tied"], given_["flow"]
    cursor = data.draw(st.integers(0, tied))
    word = harness.ask("createResult", price, bought, sold)
    word = harness.ask("withRationing", word, side, due, tied)
    for lane in (0, 1):
        word = harness.ask("withFlow", word, lane, flow[lane])
    word = harness.ask("withCursorMoved", word, cursor)

    fields = harness.ask("resultFields", word)

    published = price if bought or sold else 0
    assert tuple(fields) == (
        *(True, published, price, bought, sold, side, due, tied, cursor),
        *(*flow, False, False),
    )
    assert word == (
        cursor
        | tied << 28
        | due << 56
        | sold << 84
        | bought << 122
        | price << 160
        | side << 170
        | 1 << 171
        | (flow[0] & 2**39 - 1) << 172
        | (flow[1] & 2**39 - 1) << 212
    )
    paid = harness.ask("withRentCollected", word, 1)
    assert tuple(harness.ask("resultFields", paid)) == (*fields[:-1], True)
    paid = harness.ask("withRentCollected", word, 0)
    assert tuple(harness.ask("resultFields", paid)) == (*fields[:-2], True, False)


def test_auction_result__zero__not_cleared(harness: Contract) -> None:
    assert not harness.ask("resultFields", 0).cleared


@given(zones=st.lists(uint16, min_size=2, max_size=7, unique=True), links=st.integers(0, 12))
def test_region__round_trip(harness: Contract, zones: list[int], links: int) -> None:
    head, *members = zones
    word = 0
    fields = harness.ask("regionFields", word, head)
    assert (fields.alone, fields.head, fields.zoneCount, fields.linkCount) == (True, True, 1, 0)
    assert fields.zones[0] == head
    for member in members:
        word = harness.ask("withZone", word, head, member)
    for _ in range(links):
        word = harness.ask("withLink", word)
    fields = harness.ask("regionFields", word, head)
    assert (fields.alone, fields.head) == (False, True)
    assert (fields.zoneCount, fields.linkCount) == (len(zones), links)
    assert list(fields.zones)[: len(zones)] == zones
    assert harness.ask("headOf", word, head) == head
    for member in members:
        joined = harness.ask("memberOf", head)
        assert harness.ask("headOf", joined, member) == head
        assert not harness.ask("regionFields", joined, head).head
    assert harness.ask("headOf", 0, members[0]) == members[0]


@given(
    ends=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    powers=st.tuples(*[st.integers(0, 2**39 - 1)] * 4),
    owner=st.integers(1, 2**160 - 1),
)
def test_interconnector__round_trip(
    harness: Contract, ends: tuple[int, int], powers: tuple[int, ...], owner: int
) -> None:
    address = f"0x{owner:040x}"
    word = harness.ask("createInterconnector", *ends, *powers[:2], address)
    fields = tuple(harness.ask("interconnectorFields", word))
    assert (*fields[:4], fields[4].lower()) == (*ends, *powers[:2], address)
    changed = harness.ask("withCapacity", word, *powers[2:])
    fields = tuple(harness.ask("interconnectorFields", changed))
    assert (*fields[:4], fields[4].lower()) == (*ends, *powers[2:], address)


LANE = st.sampled_from([0, 1, MASK_28]) | st.integers(0, MASK_28)


@given(
    levels=st.dictionaries(st.integers(1, 1023), LANE, max_size=40),
    ticks=st.lists(st.integers(1, 1023), min_size=1, max_size=6),
    tag=st.integers(0, 2**16 - 1),
)
def test_level_sums__any_side__as_adding_one_by_one(
    harness: Contract, levels: dict[int, int], ticks: list[int], tag: int
) -> None:
    check_sums(harness, levels, ticks, tag)


def test_level_sums__every_level_full__no_carry(harness: Contract) -> None:
    check_sums(harness, dict.fromkeys(range(1, 1024), MASK_28), [1, 7, 8, 512, 1016, 1023], 65_535)


def check_sums(harness: Contract, levels: dict[int, int], ticks: list[int], tag: int) -> None:
    before = harness.chain.snapshot()
    try:
        key, words = 5, 0
        for number in sorted({tick // 8 for tick in levels}):
            lanes = sum(levels.get(8 * number + lane, 0) << 28 * lane for lane in range(8))
            if lanes:
                words |= 1 << number
                harness.send(GOVERNOR, "setLevels", key, number, tag << 240 | lanes)
        for tick in [*ticks, *list(levels)[:4]]:
            equal = levels.get(tick, 0)
            higher = sum(lots for at, lots in levels.items() if at > tick)
            lower = sum(lots for at, lots in levels.items() if at < tick)
            assert tuple(harness.ask("sumAbove", words, key, tick)) == (higher, equal)
            assert tuple(harness.ask("sumBelow", words, key, tick)) == (lower, equal)
            for other in ticks:
                first, last = sorted((tick, other))
                within = any(levels.get(at) for at in range(first, last + 1))
                assert harness.ask("anyWithin", words, key, first, last) == within
            assert not harness.ask("anyWithin", words, key, tick + 1, tick)
    finally:
        harness.chain.revert(before)


def step(side: int, tick: int, lots: int) -> int:
    return side << 38 | tick << 28 | lots


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], (0, 0, 0)),
        ([(0, 99, 10)], (0, 0, 0)),
        ([(0, 101, 10)], (0, 10, 0)),
        ([(0, 100, 10)], (0, 10, 0)),
        ([(1, 101, 10)], (0, 0, 0)),
        ([(1, 99, 10)], (1, 10, 0)),
        ([(1, 100, 10)], (1, 3, 10)),
        ([(0, 50, 10), (1, 60, 20), (1, 70, 30), (1, 100, 10)], (1, 53, 10)),
        ([(0, 90, 10), (0, 100, 20), (0, 110, 30), (1, 120, 10)], (0, 50, 0)),
    ],
)
def test_fill__sells_rationed_at_100__steps_against_the_price(
    harness: Contract, steps: list[tuple[int, int, int]], expected: tuple[int, int, int]
) -> None:
    # 33 of 100 sells at the price; those that claimed before had 10.
    word = harness.ask("withRationing", harness.ask("createResult", 100, 500, 500), 1, 33, 100)
    word = harness.ask("withCursorMoved", word, 10)
    packed = sum(step(*one) << 39 * index for index, one in enumerate(steps))
    assert tuple(harness.ask("fill", packed, word)) == expected


def test_fill__nothing_traded__nothing_though_there_is_a_price(harness: Contract) -> None:
    word = harness.ask("createResult", 100, 0, 0)
    assert tuple(harness.ask("fill", step(0, 100, 10), word)) == (0, 0, 0)
    assert tuple(harness.ask("fill", step(0, 100, 10), 0)) == (0, 0, 0)
