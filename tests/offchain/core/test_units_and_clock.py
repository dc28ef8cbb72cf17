"""Units, slots, products and ids: exact, reversible, and clear about what they refuse."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid import slots, units
from energy_grid.errors import EnergyGridError, InvalidValueError
from energy_grid.ids import OrderId, Side, TransactionId
from energy_grid.products import (
    COUPLED_WINDOW_SECONDS,
    Period,
    Product,
    Session,
    hour_product_for_expiry,
)

NOON = 1_700_000_000 - 1_700_000_000 % 86_400 + 43_200


# --- Money ----------------------------------------------------------------------------------------


def test_money__one_kwh_at_a_price__is_the_price():
    assert units.money(1_000, 250_000) == 250_000
    assert units.money(1, 1_000) == 1


def test_money__price_off_the_tick_grid__refused():
    with pytest.raises(InvalidValueError, match="expected a price that is a multiple of 1000"):
        units.money(1, 1_500)


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_money__roundings__enclose_the_exact_value(energy_wh, price):
    low, high = units.money_down(energy_wh, price), units.money_up(energy_wh, price)

    assert low * 1_000 <= energy_wh * price <= high * 1_000
    assert high - low <= 1
    if low == high:
        assert units.money(energy_wh, price) == low


@given(st.integers(0, 2**60), st.integers(0, 10_000))
def test_share__roundings__enclose_the_exact_value(amount, bps):
    low, high = units.share_down(amount, bps), units.share_up(amount, bps)

    assert low * 10_000 <= amount * bps <= high * 10_000
    assert high - low <= 1


# --- Slots ----------------------------------------------------------------------------------------


@given(st.integers(0, 2**36))
def test_slot__contains_its_instant(unix):
    slot = slots.slot_of(unix)

    assert slots.slot_start(slot) <= unix < slots.slot_end(slot)
    assert slots.is_aligned(slots.slot_start(slot))
    assert slots.hour_start(slot) <= slot < slots.hour_start(slot) + 4
    assert slots.day_start(slot) <= slot < slots.day_start(slot) + 96
    assert slots.week_start(slot) <= slot < slots.week_start(slot) + 672


def test_week__starts_on_monday_midnight():
    slot = slots.week_start(slots.slot_of(NOON))

    start = slots.to_datetime(slots.slot_start(slot))

    assert (start.weekday(), start.hour, start.minute) == (0, 0, 0)


def test_reading_deadline__24_h_after_the_end_of_the_utc_day():
    slot = slots.slot_of(NOON)

    deadline = slots.to_datetime(slots.reading_deadline(slot))

    day = slots.to_datetime(NOON).replace(hour=0, minute=0, second=0)
    assert deadline == day + timedelta(days=2)


def test_daylight_saving__hours_keep_four_slots():
    cest, cet = timezone(timedelta(hours=2)), timezone(timedelta(hours=1))
    before = slots.from_datetime(datetime(2025, 10, 26, 2, 30, tzinfo=cest))
    after = slots.from_datetime(datetime(2025, 10, 26, 2, 30, tzinfo=cet))

    assert slots.slot_of(after) - slots.slot_of(before) == 4


def test_from_datetime__naive__refused():
    with pytest.raises(InvalidValueError, match="without a zone"):
        slots.from_datetime(datetime(2025, 1, 1))
    assert slots.from_datetime(datetime(1970, 1, 1, 0, 15, tzinfo=UTC)) == 900


# --- Products -------------------------------------------------------------------------------------


@st.composite
def products(draw):
    period = draw(st.sampled_from(Period))
    first = 384 if period is Period.WEEK else 0
    start = first + period.slots * draw(st.integers(0, (2**28 - 1_000) // period.slots))
    return Product(draw(st.integers(1, 65_535)), period, draw(st.sampled_from(Session)), start)


@given(products())
def test_product__id__comes_back(product):
    assert Product.from_id(product.id) == product
    assert product.id == (
        product.zone << 40 | int(product.period) << 36 | int(product.session) << 32
        | product.start_slot
    )  # fmt: skip
    assert len(product.slots) == product.slot_count
    assert product.ends_at - product.starts_at == 900 * product.slot_count


@given(products())
def test_product__clock__opens_then_closes_before_delivery(product):
    assert product.opens_at < product.gate_at < product.starts_at
    assert product.is_open(product.opens_at)
    assert not product.is_open(product.opens_at - 1)
    assert product.is_open(product.gate_at - 1)
    assert not product.is_open(product.gate_at)


@pytest.mark.parametrize(
    ("period", "opens_before", "auction_gate_before", "continuous_gate_before"),
    [
        (Period.QUARTER_HOUR, 2 * 86_400, 1_800, 300),
        (Period.HOUR, 7 * 86_400, 3_600, 300),
        (Period.DAY, 30 * 86_400, 43_200, 3_600),
        (Period.WEEK, 60 * 86_400, 129_600, 43_200),
    ],
)
def test_product__clock__as_tabled(
    period, opens_before, auction_gate_before, continuous_gate_before
):
    start = slots.week_start(slots.slot_of(NOON))
    auction = Product.auction(1, period, start)
    continuous = Product.continuous(1, period, start)

    assert (auction.starts_at - auction.opens_at) == opens_before
    assert (continuous.starts_at - continuous.opens_at) == opens_before
    assert auction.starts_at - auction.gate_at == auction_gate_before
    assert continuous.starts_at - continuous.gate_at == continuous_gate_before


@given(products())
def test_product__auction__extension_and_coupled_window_end_before_delivery(product):
    auction = product.in_session(Session.AUCTION)

    assert auction.extended_gate_at == auction.gate_at + 300
    assert auction.extended_gate_at + COUPLED_WINDOW_SECONDS < auction.starts_at


def test_product__windows_of_overlapping_products__end_before_shorter_ones_begin():
    # What longer products left of an interconnector is known when a shorter one is cleared.
    start = slots.week_start(slots.slot_of(NOON))
    for longer, shorter in itertools.pairwise(sorted(Period, reverse=True)):
        extended_gate = Product.auction(1, longer, start).extended_gate_at
        assert extended_gate + COUPLED_WINDOW_SECONDS < Product.auction(1, shorter, start).gate_at


def test_product__other_zone_or_session__same_delivery():
    product = Product.auction(1, Period.HOUR, 8)

    assert product.in_zone(5) == Product.auction(5, Period.HOUR, 8)
    assert product.in_session(Session.CONTINUOUS) == Product.continuous(1, Period.HOUR, 8)


@pytest.mark.parametrize(
    ("zone", "period", "start"),
    [
        (0, Period.HOUR, 4),
        (65_536, Period.HOUR, 4),
        (1, Period.HOUR, 5),
        (1, Period.DAY, 95),
        (1, Period.WEEK, 672),
        (1, Period.QUARTER_HOUR, 2**32),
        (1, Period.QUARTER_HOUR, -1),
    ],
)
def test_product__not_possible__refused(zone, period, start):
    with pytest.raises(InvalidValueError):
        Product.continuous(zone, period, start)


@pytest.mark.parametrize("number", [-1, 2**56, 1 << 40 | 4 << 36, 1 << 40 | 2 << 32])
def test_product_id__unknown__refused(number):
    with pytest.raises(InvalidValueError):
        Product.from_id(number)


@pytest.mark.parametrize(
    ("expiry", "starts_at"), [(7_200, 7_200), (7_201, 10_800), (10_799, 10_800)]
)
def test_create_order__hour_that_starts_at_expiry_rounded_up(expiry, starts_at):
    assert hour_product_for_expiry(1, expiry).starts_at == starts_at


# --- Ids ------------------------------------------------------------------------------------------


@given(
    products(),
    st.integers(1, 2**24 - 1),
    st.integers(0, 255),
    st.sampled_from(Side),
    st.integers(1, 2**32 - 1),
)
def test_order_id__comes_back(product, account, record, side, sequence):
    order = OrderId(product.id, account, record, side, sequence)

    number = order.pack()

    assert number < 2**128
    assert OrderId.unpack(number) == order
    assert order.product == product
    assert number == (
        product.id << 72 | account << 48 | record << 40 | int(side) << 32 | sequence
    )  # fmt: skip


@given(products(), st.integers(1, 2**24 - 1), st.integers(1, 2**24 - 1))
def test_transaction_id__comes_back(product, buyer, seller):
    transaction = TransactionId(product.id, buyer, seller)

    assert TransactionId.unpack(transaction.pack()) == transaction
    assert transaction.pack() == product.id << 48 | buyer << 24 | seller


@pytest.mark.parametrize("number", [-1, 0, 2**128, 1 << 48 | 2 << 32 | 1])
def test_order_id__malformed__refused(number):
    with pytest.raises(InvalidValueError):
        OrderId.unpack(number)


@pytest.mark.parametrize("number", [-1, 0, 2**104, 1 << 24])
def test_transaction_id__malformed__refused(number):
    with pytest.raises(InvalidValueError):
        TransactionId.unpack(number)


# --- Errors ---------------------------------------------------------------------------------------


def test_error__message__says_problem_expected_found_remedy():
    error = EnergyGridError("bad thing", expected=1, found=2, remedy="Do this")

    assert str(error) == "bad thing: expected 1, found 2. Do this"
    assert (error.expected, error.found) == (1, 2)
