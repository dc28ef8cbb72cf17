"""Curves of the auction: canonical form, packing, and the readable units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.curves import (
    MAX_STEP_LOTS,
    MIN_STEP_LOTS,
    STEP_BITS,
    Curve,
    MarketUnits,
    Step,
)
from energy_grid.errors import InvalidValueError
from energy_grid.ids import Side
from energy_grid.products import Period, Product

QUARTER = Product.auction(7, Period.QUARTER_HOUR, 1_920_001)
HOUR = Product.auction(7, Period.HOUR, 1_920_000)


@st.composite
def curves(draw, product=QUARTER):
    ticks = sorted(draw(st.sets(st.integers(1, 1_023), max_size=4)))
    buys = draw(st.integers(0, len(ticks)))
    lots = st.integers(MIN_STEP_LOTS, MAX_STEP_LOTS)
    return Curve(
        product,
        tuple(
            Step(Side.BUY if i < buys else Side.SELL, tick, draw(lots))
            for i, tick in enumerate(ticks)
        ),
    )


def is_canonical(steps):
    """Told another way: every pair of steps is in order, and no buy meets a sell."""
    pairs = [(a, b) for i, a in enumerate(steps) for b in steps[i + 1 :]]
    ascending = all(a.limit_tick < b.limit_tick for a, b in pairs)
    buys = [step.limit_tick for step in steps if step.side is Side.BUY]
    sells = [step.limit_tick for step in steps if step.side is Side.SELL]
    return ascending and (not buys or not sells or max(buys) < min(sells))


@given(curves())
def test_curve__packed__comes_back(curve):
    word = curve.pack()

    assert word < 2**216
    assert Curve.unpack(word) == curve
    assert word >> 156 == QUARTER.id
    for i, step in enumerate(curve.steps):
        lane = word >> STEP_BITS * i & 2**39 - 1
        assert (lane >> 38, lane >> 28 & 1_023, lane & 2**28 - 1) == (
            int(step.side), step.limit_tick, step.lots,
        )  # fmt: skip


@given(
    st.lists(
        st.builds(Step, st.sampled_from(Side), st.integers(1, 6), st.integers(10, 20)),
        max_size=4,
    )
)
def test_curve__any_steps__accepted_iff_canonical(steps):
    if is_canonical(steps):
        assert Curve(QUARTER, tuple(steps)).steps == tuple(steps)
    else:
        with pytest.raises(InvalidValueError, match="canonical"):
            Curve(QUARTER, tuple(steps))


@pytest.mark.parametrize(
    "steps",
    [
        [0, Step.buy(5, 10).pack()],  # a gap before a step
        [Step.buy(5, 10).pack(), 0, Step.sell(6, 10).pack()],
        [Step.buy(5, 10).pack() - 1],  # nine lots
        [Step.sell(6, 10).pack(), Step.sell(5, 10).pack()],
        [Step.sell(5, 10).pack(), Step.buy(6, 10).pack()],
        [10],  # tick 0
    ],
)
def test_unpack__not_canonical__refused(steps):
    word = QUARTER.id << 156 | sum(one << STEP_BITS * i for i, one in enumerate(steps))

    with pytest.raises(InvalidValueError):
        Curve.unpack(word)


@pytest.mark.parametrize(
    "word", [-1, 2**216, 0, Product.continuous(7, Period.QUARTER_HOUR, 3).id << 156]
)
def test_unpack__no_curve_of_an_auction__refused(word):
    with pytest.raises(InvalidValueError):
        Curve.unpack(word)


def test_curve__fifth_step__refused():
    with pytest.raises(InvalidValueError, match="too many steps"):
        Curve(QUARTER, tuple(Step.buy(tick, 10) for tick in range(1, 6)))


def test_of__steps_in_any_order__sorted():
    steps = (Step.sell(9, 10), Step.buy(3, 20), Step.sell(7, 30))

    assert Curve.of(QUARTER, steps).steps == (steps[1], steps[2], steps[0])
    with pytest.raises(InvalidValueError, match="canonical"):
        Curve.of(QUARTER, (Step.sell(5, 10), Step.buy(5, 10)))


def test_curve__empty__withdraws_and_packs_to_the_product_alone():
    curve = Curve(HOUR)

    assert curve.is_empty
    assert curve.pack() == HOUR.id << 156
    assert (curve.lots(Side.BUY), curve.lots(Side.SELL)) == (0, 0)


def test_lots__by_side():
    curve = Curve(HOUR, (Step.buy(3, 20), Step.sell(7, 30), Step.sell(9, 10)))

    assert (curve.lots(Side.BUY), curve.lots(Side.SELL)) == (20, 40)


@pytest.mark.parametrize(
    ("later", "adds"),
    [
        ((Step.buy(3, 20), Step.sell(7, 30)), True),
        ((Step.buy(3, 21), Step.sell(7, 30), Step.sell(9, 10)), True),
        ((Step.buy(3, 19), Step.sell(7, 30)), False),
        ((Step.buy(4, 20), Step.sell(7, 30)), False),
        ((Step.sell(3, 20), Step.sell(7, 30)), False),
        ((Step.sell(7, 30),), False),
        ((), False),
    ],
)
def test_only_adds_to__as_the_extension_asks(later, adds):
    earlier = Curve(HOUR, (Step.buy(3, 20), Step.sell(7, 30)))

    assert Curve(HOUR, later).only_adds_to(earlier) is adds


def test_units__hour__energy_and_price_and_back():
    units = MarketUnits(lot_wh=10, tick_size=2_000)

    assert units.lots(2_000, HOUR) == 50
    assert units.energy_wh(50, HOUR) == 2_000
    assert units.tick(150_000) == 75
    assert units.price_per_kwh(75) == 150_000
    assert units.value(50, 75, 4) == 2_000 * 150_000 // 1_000


def test_units__off_the_grid__refused():
    units = MarketUnits()

    with pytest.raises(InvalidValueError, match="multiple of 4 Wh"):
        units.lots(1_001, HOUR)
    with pytest.raises(InvalidValueError, match="multiple of 1000"):
        units.tick(150_500)
    for lot_wh, tick_size in [(0, 1_000), (1, 0), (1, 1_500)]:
        with pytest.raises(InvalidValueError, match="units of a market"):
            MarketUnits(lot_wh, tick_size)
