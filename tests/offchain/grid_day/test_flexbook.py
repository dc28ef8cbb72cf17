"""Offers and calls: in merit order, one event a zone and slot, renewed before they end."""

from __future__ import annotations

import pytest

from simulation.grid_day.balancing import Direction, Need
from simulation.grid_day.control import DeviceClass, DeviceSpec, DeviceState
from simulation.grid_day.flexbook import (
    Ask,
    FlexBook,
    Offer,
    Potential,
    merit_order,
    offers_of,
    parts_of,
    price_of,
)
from tests.offchain.grid_day.test_balancing import seen

UP, DOWN = Direction.UP, Direction.DOWN
SLOT = 1_000
SLOT_START = SLOT * 900


def offer(device, power, price=40_000, *, direction=UP, zone=2, slots=(SLOT, SLOT + 4)):
    return Offer(device, device, zone, direction, power, price, *slots)


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


def potential(*devices, minutes=60):
    kept = Potential()
    for minute in range(minutes):
        states = tuple(state(number, *powers(minute)) for number, powers in enumerate(devices, 1))
        kept.add(seen(unix=SLOT_START + 60 * (minute + 1), devices=states))
    return kept


def test_parts_of__window__four_parts_of_whole_slots_without_gap():
    assert parts_of(10, 19) == [(10, 12), (12, 14), (14, 16), (16, 19)]
    assert parts_of(10, 12) == [(10, 11), (11, 12)]


def test_certain_w__powers_of_a_usual_day__what_four_fifths_of_the_steps_reach():
    kept = potential(lambda minute: (1_000 if minute < 10 else 4_000, 0))

    assert kept.certain_w(SLOT, SLOT + 4)[UP] == [4_000]
    assert kept.certain_w(SLOT, SLOT + 1)[UP] == [1_000]


def test_offers_of__devices__best_value_a_meter_direction_and_part_in_whole_steps():
    devices = (
        spec(1, 1),
        spec(2, 1, DeviceClass.PV, 14),
        spec(3, 2, DeviceClass.EV, 4),
        spec(4, 3),
    )
    kept = potential(
        lambda _: (2_350, 1_000),
        lambda _: (0, 7_420),
        lambda _: (9_000, 9_000),
        lambda _: (499, 0),
    )

    found = offers_of(devices, dict.fromkeys((1, 2, 3, 4), 2), kept, SLOT, SLOT + 2)

    assert found == [
        Offer(1, 1, 2, UP, 2_300, price_of(devices[0]), SLOT, SLOT + 1),
        Offer(2, 1, 2, DOWN, 7_400, price_of(devices[1]), SLOT, SLOT + 1),
        Offer(1, 1, 2, UP, 2_300, price_of(devices[0]), SLOT + 1, SLOT + 2),
        Offer(2, 1, 2, DOWN, 7_400, price_of(devices[1]), SLOT + 1, SLOT + 2),
    ]


def test_price_of__same_class__own_prices_in_the_same_order_of_classes():
    prices = [price_of(spec(number, number, DeviceClass.BATTERY, 6)) for number in range(1, 60)]

    assert len(set(prices)) > 50
    assert all(60_000 <= price < 70_000 for price in prices)


# --- Calls ----------------------------------------------------------------------------------------


def test_take__called__zone_has_no_other_event_in_that_slot():
    book = FlexBook()
    book.add([offer(1, 5_000), offer(2, 2_000), offer(3, 1_000, zone=3)])
    need = Need(2, UP, 4_000, "line")
    (ask,) = book.asks([need], SLOT_START + 60)

    book.take(ask, {1: 4_000})

    assert ask == Ask(2, UP, 4_000, SLOT, "line")
    assert book.asks([need], SLOT_START + 120) == []
    assert book.offers_for(2, UP, SLOT) == []
    assert book.available_w(SLOT) == {(3, UP): 1_000}
    assert book.available_w(SLOT + 1) == {(2, UP): 7_000, (3, UP): 1_000}
    assert (book.dispatched_w(SLOT), book.dispatched_w(SLOT + 1)) == ({1: 4_000}, {})


def test_offers_for__slot__those_whose_window_covers_it():
    book = FlexBook()
    book.add([offer(1, 5_000), offer(2, 5_000, slots=(SLOT + 4, SLOT + 8))])
    book.add([offer(3, 900, direction=DOWN), offer(4, 900, zone=3)])

    assert [one.device_id for one in book.offers_for(2, UP, SLOT + 3)] == [1]
    assert [one.device_id for one in book.offers_for(2, UP, SLOT + 4)] == [2]


def test_take__down__devices_are_called_below_what_is_usual():
    book = FlexBook()
    book.add([offer(1, 5_000, direction=DOWN)])

    book.take(Ask(2, DOWN, 3_000, SLOT, "voltage"), {1: 3_000})

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
    book.take(Ask(2, UP, 4_000, SLOT, "line"), {1: 4_000})

    assert book.held_w(SLOT) == {2: 4_000}
    assert book.renewals([Need(2, UP, 4_600, "line"), Need(3, UP, 499, "line")], SLOT_START) == [
        Ask(2, UP, 4_600, SLOT + 1, "line")
    ]


@pytest.mark.parametrize("cause", ["voltage", "frequency"])
def test_renewals__voltage_and_frequency__are_let_go_in_steps_and_lines_at_once(cause):
    book = FlexBook()
    book.add([offer(1, 5_000, direction=DOWN), offer(2, 5_000, zone=3)])
    book.take(Ask(2, DOWN, 4_000, SLOT, cause), {1: 4_000})
    book.take(Ask(3, UP, 4_000, SLOT, "line"), {2: 4_000})

    assert book.held_w(SLOT) == {2: -4_000, 3: 4_000}
    assert book.renewals([], SLOT_START) == [Ask(2, DOWN, 3_000, SLOT + 1, cause)]


def test_spent__battery_that_cannot_last_a_slot__takes_its_offer_back():
    book = FlexBook()
    book.add([offer(1, 3_000), offer(2, 3_000), offer(2, 2_000, direction=DOWN)])
    held = (
        DeviceState(1, 0, 0, 0, -5_000, 5_000, 5_000, 5_000, 700),
        DeviceState(2, 0, 0, 0, -5_000, 5_000, 5_000, 5_000, 8_800),
    )

    gone = book.spent({1: spec(1, 1), 2: spec(2, 2)}, seen(devices=held), SLOT)

    # 700 Wh give 2,660 W for a quarter hour: four fifths of 3,000 W. 200 Wh of room take 840 W.
    assert [(one.device_id, one.direction) for one in gone] == [(2, DOWN)]
    assert [one.device_id for one in book.offers_for(2, UP, SLOT)] == [1, 2]
    assert book.spent({1: spec(1, 1), 2: spec(2, 2)}, seen(devices=held), SLOT + 9) == []


def test_renews_soon__owners_look_in_the_minute_before():
    book = FlexBook()
    minutes = [book.renews_soon(SLOT_START + minute * 60) for minute in range(15)]

    assert minutes.index(True) == 12
    assert minutes.count(True) == 1
