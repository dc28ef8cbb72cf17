"""The clearing interval from levels, against the reference model's search over every tick."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.clearing.single import Clearing, Level, solve
from energy_grid.errors import InvalidValueError
from energy_grid.model.call_auction import (
    Curves,
    Interval,
    clearing_interval,
    is_clearing_interval,
    outcome,
)

FIRST, LAST = 1, 16

side = st.dictionaries(st.integers(FIRST, LAST), st.integers(1, 30), max_size=8)


def levels(lots):
    return [Level(tick, of_tick) for tick, of_tick in lots.items()]


@given(side, side)
def test_solve__any_book__what_a_search_over_all_ticks_finds(buys, sells):
    curves = Curves(buys, sells, FIRST, LAST)

    found = solve(levels(buys), levels(sells), FIRST, LAST)

    assert Interval(found.low, found.high) == clearing_interval(curves)
    assert is_clearing_interval(curves, found.low, found.high)
    result = outcome(curves, Interval(found.low, found.high))
    assert found.lots == result.bought_lots == result.sold_lots
    assert found.price == (result.price_tick if result.publishes_price else None)


@pytest.mark.parametrize(
    ("buys", "sells", "expected"),
    [
        ({}, {}, Clearing(1, 1_023, None, 0)),
        ({9: 100}, {}, Clearing(9, 1_023, None, 0)),
        ({}, {4: 100}, Clearing(1, 4, None, 0)),
        ({3: 10}, {8: 10}, Clearing(3, 8, None, 0)),
        ({9: 100}, {4: 100}, Clearing(4, 9, 6, 100)),
        ({10: 60, 7: 80}, {2: 100}, Clearing(7, 7, 7, 100)),
        ({1_023: 5}, {1: 5}, Clearing(1, 1_023, 512, 5)),
        ({5: 2**28 - 1}, {5: 10}, Clearing(5, 5, 5, 10)),
    ],
)
def test_solve__by_hand(buys, sells, expected):
    assert solve(levels(buys), levels(sells), 1, 1_023) == expected


def test_solve__levels_without_lots__as_if_not_there():
    assert solve([Level(9, 0)], [Level(4, 0)], 1, 20) == solve([], [], 1, 20)


@pytest.mark.parametrize("tick", [0, 21])
def test_solve__level_outside_the_range__refused(tick):
    with pytest.raises(InvalidValueError, match="price range"):
        solve([Level(tick, 10)], [], 1, 20)
