"""Offers and calls: in merit order, one event a meter and slot, renewed before they end."""

from __future__ import annotations

import pytest

from simulation.grid_day.balancing import Direction, Need
from simulation.grid_day.control import DeviceClass, DeviceSpec, DeviceState
from simulation.grid_day.flexbook import (
    Ask,
    FlexBook,
    Offer,
    merit_order,
    offers_of,
    price_of,
)
from tests.offchain.grid_day.test_balancing import seen

UP, DOWN = Direction.UP, Direction.DOWN
SLOT = 1_000
SLOT_START = SLOT * 900


def offer(device, power, price=40_000, *, connection=None, direction=UP, zone=2, slot=SLOT):
    return Offer(device, connection or device, zone, direction, power, price, slot)


def spec(device, connection, device_class=DeviceClass.BATTERY, cents=6):
    return DeviceSpec(device, device_class, connection, 11, 1, 5_000, 5_000, 0, 9_000, 100, cents)


def state(device, up, down):
    return DeviceState(device, 0, 0, 0, -5_000, 5_000, up, down, 0)


# --- Merit order ----------------------------------------------------------------------------------


def test_merit_order__cheapest_first__price_of_the_last_needed():
    offers = [offer(1, 3_000, 90_000), offer(2, 2_000, 40_000), offer(3, 4_000, 60_000)]

    assert merit_order(offers, 5_000) == (60_000, {2: 2_000, 3: 3_000})


def test_merit_order__several_at_the_margin__share_by_size_rounded_down():
    offers = [offer(1, 1_000), offer(2, 2_000)]

    assert merit_order(offers, 1_000) == (40_000, {1: 333, 2: 666})


@pytest.mark.parametrize("need", [3_000, 9_000])
def test_merit_order__exactly_enough_or_too_little__everybody(need):
    assert merit_order([offer(1, 1_000), offer(2, 2_000, 50_000)], need) == (
        50_000,
        {1: 1_000, 2: 2_000},
    )


def test_merit_order__nobody_offers__nothing():
    assert merit_order([], 5_000) == (0, {})


# --- Offers ---------------------------------------------------------------------------------------


def test_offers_of__devices__best_value_a_meter_and_direction_in_whole_steps():
    devices = (
        spec(1, 1),
        spec(2, 1, DeviceClass.EV, 4),
        spec(3, 2, DeviceClass.LOAD),
        spec(4, 3),
    )
    measured = seen(
        devices=(
            state(1, 2_350, 1_000),
            state(2, 7_420, 0),
            state(3, 9_000, 9_000),
            state(4, 499, 0),
        )
    )

    found = offers_of(devices, dict.fromkeys((1, 2, 3, 4), 2), measured, SLOT)

    assert found == [
        Offer(2, 1, 2, UP, 7_400, price_of(devices[1]), SLOT),
        Offer(1, 1, 2, DOWN, 1_000, price_of(devices[0]), SLOT),
    ]


def test_wants_offers__shortly_before_the_next_slot__once():
    book = FlexBook()

    answers = [book.wants_offers(SLOT_START + minute * 60) for minute in range(15)]

    assert [answer for answer in answers if answer] == [SLOT + 1]
    assert answers.index(SLOT + 1) == 11


# --- Calls ----------------------------------------------------------------------------------------


def test_asks__need__is_called_at_once_then_given_time_to_act():
    book = FlexBook()
    book.add([offer(1, 5_000), offer(2, 5_000)])
    need = Need(2, UP, 4_000, "line")
    now = SLOT_START + 60

    (ask,) = book.asks([need], now)
    book.take(ask, {1: 4_000}, now)

    assert ask == Ask(2, UP, 4_000, SLOT, "line")
    assert book.asks([need], now + 60) == book.asks([need], now + 120) == []
    assert book.asks([need], now + 180) == [ask]


def test_take__accepted__meter_is_out_of_the_book_for_that_slot_alone():
    book = FlexBook()
    book.add([offer(1, 5_000, connection=7), offer(2, 900, connection=7, direction=DOWN)])
    book.add([offer(3, 2_000, connection=8), offer(1, 5_000, connection=7, slot=SLOT + 1)])

    book.take(Ask(2, UP, 4_000, SLOT, "line"), {1: 4_000}, SLOT_START)

    assert book.available_w(SLOT) == {(2, UP): 2_000}
    assert book.available_w(SLOT + 1) == {(2, UP): 5_000}
    assert book.dispatched_w(SLOT) == {1: 4_000}
    assert book.dispatched_w(SLOT + 1) == {}


def test_take__down__devices_are_called_below_what_is_usual():
    book = FlexBook()
    book.add([offer(1, 5_000, direction=DOWN)])

    book.take(Ask(2, DOWN, 3_000, SLOT, "voltage"), {1: 3_000}, SLOT_START)

    assert book.dispatched_w(SLOT) == {1: -3_000}


def test_renews__end_of_the_slot__once_and_nothing_else_is_called_then():
    book = FlexBook()
    end = SLOT_START + 900 - 120

    assert [book.renews(SLOT_START + minute * 60) for minute in range(15)].count(True) == 1
    assert book.asks([Need(2, UP, 600, "line")], end - 60) != []
    assert book.asks([Need(2, UP, 600, "line")], end) == []


def test_renewals__lines__all_that_is_needed_once_the_slot_has_ended():
    book = FlexBook()
    book.add([offer(1, 5_000)])
    book.take(Ask(2, UP, 4_000, SLOT, "line"), {1: 4_000}, SLOT_START)

    assert book.held_w(SLOT) == {2: 4_000}
    assert book.renewals([Need(2, UP, 4_600, "line"), Need(3, UP, 499, "line")], SLOT_START) == [
        Ask(2, UP, 4_600, SLOT + 1, "line")
    ]


def test_renewals__voltage__is_let_go_step_by_step_and_lines_at_once():
    book = FlexBook()
    book.add([offer(1, 5_000, direction=DOWN), offer(2, 5_000, zone=3)])
    book.take(Ask(2, DOWN, 4_000, SLOT, "voltage"), {1: 4_000}, SLOT_START)
    book.take(Ask(3, UP, 4_000, SLOT, "line"), {2: 4_000}, SLOT_START)

    assert book.held_w(SLOT) == {2: -4_000, 3: 4_000}
    assert book.renewals([], SLOT_START) == [Ask(2, DOWN, 3_000, SLOT + 1, "voltage")]


def test_price_of__same_class__own_prices_in_the_same_order_of_classes():
    cars = [price_of(spec(number, number, DeviceClass.EV, 4)) for number in range(1, 60)]

    assert len(set(cars)) > 50
    assert all(40_000 <= price < 50_000 for price in cars)
