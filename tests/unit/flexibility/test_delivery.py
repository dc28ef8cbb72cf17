"""Settlement of deliveries, and attempts to be paid for nothing; each shown in money.

settle
├── readings not final, meter in quarantine: waits
├── share at and beside its thresholds: as the model
├── once an event; closes with the last participant
└── after the deadline: missing is not delivered; after closing: nobody is paid
gaming: inflated baseline, load moved in front of the event, two events at once, meter swapped,
offer withdrawn after allocation, wash between own meters
"""

from __future__ import annotations

import pytest

from energy_grid.grid.flexibility import Direction, deliver
from tests.unit.flexibility.checks import refused
from tests.utils.flexibility import (
    ANYBODY,
    COIN,
    DAY,
    ESTIMATED,
    GOVERNOR,
    MISSING,
    MORNING,
    OPERATOR,
    PENALTY,
    TODAY,
    ZONE,
    FlexStage,
    Phase,
    Standing,
    slot_at,
    stake_of,
)

FROM = slot_at(TODAY, 18)
TO = slot_at(TODAY, 20)
PRICE = 400_000
RETAIL = 300_000
BASE_WH = 1_000
SLOTS = range(FROM, TO)
ALL = 8
PER_SLOT = 500 * PRICE // 1_000
"""Paid for 500 Wh."""


@pytest.fixture
def stage() -> FlexStage:
    stage = FlexStage()
    stage.fund()
    return stage


def gain(stage: FlexStage, owner: str) -> int:
    """What an account has more than the 1,000 coins it came with."""
    return stage.free(owner) - 1_000 * COIN


def settled(stage: FlexStage, request_id: int, *offers: int) -> None:
    """Let readings be final, settle and release all stakes."""
    stage.after_deadline()
    assert stage.settle(request_id, *offers) == len(offers)
    for offer_id in offers:
        stage.flex.send(ANYBODY, "releaseStake", offer_id)
    stage.require_balanced()


# --- settlement -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metered_wh", [0, 499, 500, 501, 549, 550, 551, 600, 700, 749, 750, 751, 999, 1_000, 1_400]
)
def test_settle__one_slot__as_the_model_and_never_more_than_delivered(
    stage: FlexStage, metered_wh: int
) -> None:
    home = stage.home(import_wh=BASE_WH)
    offer_id = stage.offer(home, 2_000, PRICE, FROM, FROM + 1)
    request_id = stage.call(2_000, FROM, FROM + 1, PRICE)
    stage.write(home, [FROM], metered_wh)
    expected = deliver(Direction.UP, -BASE_WH, -metered_wh, 500, PRICE, PENALTY)
    budget = stage.flex.ask("budgetOf", ZONE)

    (shown,) = stage.flex.ask("deliveryOf", request_id, offer_id)
    settled(stage, request_id, offer_id)

    assert (shown.payment, shown.penalty) == (expected.payment, expected.penalty)
    assert gain(stage, home.owner) == expected.payment - expected.penalty
    assert stage.flex.ask("budgetOf", ZONE) == budget + PER_SLOT - gain(stage, home.owner)
    assert expected.payment * 1_000 <= max(0, BASE_WH - metered_wh) * PRICE


def test_settle__down__more_draw_is_paid(stage: FlexStage) -> None:
    home = stage.home(import_wh=BASE_WH)
    offer_id = stage.offer(home, 2_000, PRICE, FROM, TO, direction=Direction.DOWN)
    request_id = stage.call(2_000, FROM, TO, PRICE, direction=Direction.DOWN)
    stage.write(home, SLOTS, BASE_WH + 500)

    settled(stage, request_id, offer_id)

    assert gain(stage, home.owner) == ALL * PER_SLOT


def test_settle__called_in_the_middle_of_a_slot__paid_from_then_on(stage: FlexStage) -> None:
    home = stage.home(import_wh=BASE_WH)
    offer_id = stage.offer(home, 2_000, PRICE, FROM, TO)
    stage.chain.at(FROM * 900 + 450)
    request_id = stage.call(2_000, FROM, TO, PRICE)
    stage.write(home, SLOTS, 500)

    first, second, *_ = stage.flex.ask("deliveryOf", request_id, offer_id)

    assert (first.acceptedWh, second.acceptedWh) == (250, 500)
    settled(stage, request_id, offer_id)
    assert gain(stage, home.owner) == (ALL - 1) * PER_SLOT + PER_SLOT // 2


def test_settle__readings_complete__at_once_and_only_once(stage: FlexStage) -> None:
    home = stage.home()
    offer_id = stage.offer(home, 2_000, PRICE, FROM, TO)
    request_id = stage.call(2_000, FROM, TO, PRICE)
    assert stage.flex.ask("standingOf", request_id, offer_id) == Standing.WAITING
    assert stage.settle(request_id, offer_id) == 0
    stage.chain.at(TO * 900)
    with refused("EventsNotSettled"):
        stage.flex.send(ANYBODY, "releaseStake", offer_id)
    stage.write(home, SLOTS, 500)
    assert stage.flex.ask("standingOf", request_id, offer_id) == Standing.READY

    assert stage.settle(request_id, offer_id, offer_id) == 1

    assert stage.flex.ask("standingOf", request_id, offer_id) == Standing.SETTLED
    assert stage.settle(request_id, offer_id) == 0
    request = stage.flex.ask("requestOf", request_id)
    assert (request.phase, request.reserved) == (Phase.CLOSED, 0)
    assert gain(stage, home.owner) == ALL * PER_SLOT - stake_of(2_000, ALL)
    stage.require_balanced()


@pytest.mark.parametrize("quality", [MISSING, ESTIMATED])
def test_settle__not_measured__not_delivered(stage: FlexStage, quality: int) -> None:
    home = stage.home()
    offer_id = stage.offer(home, 2_000, PRICE, FROM, TO)
    request_id = stage.call(2_000, FROM, TO, PRICE)
    stage.write(home, SLOTS, 0, quality)

    settled(stage, request_id, offer_id)

    assert gain(stage, home.owner) == -ALL * 500 * PENALTY // 1_000


def test_close__a_week_after_the_readings__rest_is_back_and_nobody_is_paid(
    stage: FlexStage,
) -> None:
    home = stage.home()
    offer_id = stage.offer(home, 2_000, PRICE, FROM, TO)
    request_id = stage.call(2_000, FROM, TO, PRICE)
    stage.write(home, SLOTS, 0)
    earliest = (TODAY + 2 + 7) * DAY
    assert stage.flex.ask("closesAt", request_id) == earliest
    stage.chain.at(earliest - 1)
    with refused("CloseTooEarly", earliest=earliest):
        stage.flex.send(ANYBODY, "closeRequest", request_id)
    stage.chain.at(earliest)

    stage.flex.send(ANYBODY, "closeRequest", request_id)

    assert stage.flex.ask("budgetOf", ZONE) == 1_000 * COIN
    assert stage.settle(request_id, offer_id) == 1
    stage.flex.send(ANYBODY, "releaseStake", offer_id)
    assert gain(stage, home.owner) == -ALL * 500 * PENALTY // 1_000
    stage.require_balanced()


def test_settle__offer_too_dear__nothing_owed_and_stake_free(stage: FlexStage) -> None:
    cheap, dear = stage.home(), stage.home()
    stage.offer(cheap, 2_000, 1, FROM, TO)
    offer_id = stage.offer(dear, 2_000, 2, FROM, TO)
    request_id = stage.call(2_000, FROM, TO, 1)
    stage.flex.send(dear.owner, "removeOffer", offer_id)
    with refused("EventsNotSettled"):
        stage.flex.send(ANYBODY, "releaseStake", offer_id)

    assert stage.settle(request_id, offer_id) == 1

    stage.flex.send(ANYBODY, "releaseStake", offer_id)
    assert gain(stage, dear.owner) == 0


# --- gaming ---------------------------------------------------------------------------------------


def inflate(stage: FlexStage, home: object, days: int) -> int:
    """Waste 500 Wh in every slot of the event on the last working days. Returns what it cost."""
    wasted, day = 0, TODAY - 2
    while wasted < days:
        if (day + 3) % 7 < 5:
            slots = range(day * 96 + FROM % 96, day * 96 + TO % 96)
            stage.write(home, slots, BASE_WH + 500)  # type: ignore[arg-type]
            wasted += 1
        day -= 1
    return days * ALL * 500 * RETAIL // 1_000


@pytest.mark.parametrize("days", [1, 4, 5, 6, 10])
def test_gaming__inflated_baseline__costs_more_than_it_brings(stage: FlexStage, days: int) -> None:
    home = stage.home(import_wh=BASE_WH)
    cost = inflate(stage, home, days)
    offer_id = stage.offer(home, 2_000, PRICE, FROM, TO)
    request_id = stage.call(2_000, FROM, TO, PRICE)
    stage.write(home, SLOTS, BASE_WH)  # as always: nothing is reduced

    settled(stage, request_id, offer_id)

    if days < 5:  # the median does not move
        assert gain(stage, home.owner) == -ALL * 500 * PENALTY // 1_000
    assert gain(stage, home.owner) < cost


def test_gaming__inflated_for_many_events__the_fifth_is_refused(stage: FlexStage) -> None:
    home = stage.home(import_wh=BASE_WH)
    cost = inflate(stage, home, 6)
    won, day, events = 0, TODAY, 0
    while True:
        from_slot, to_slot = slot_at(day, 18), slot_at(day, 20)
        if (day + 3) % 7 < 5:
            try:
                offer_id = stage.offer(home, 2_000, PRICE, from_slot, to_slot, place=0)
            except Exception as error:
                assert "TooManyEventDays" in str(error)
                break
            request_id = stage.call(2_000, from_slot, to_slot, PRICE)
            stage.write(home, range(from_slot, to_slot), BASE_WH)
            stage.chain.at(to_slot * 900)
            stage.settle(request_id, offer_id)
            won += ALL * PER_SLOT
            events += 1
        day += 1
        # An event day is seen once it is final: later offers are made two days on.
        stage.chain.at((day - TODAY) * DAY + MORNING)
        assert events < 12

    assert won / events < cost
    stage.require_balanced()


def test_gaming__load_moved_in_front_of_the_event__earns_only_the_reduction(
    stage: FlexStage,
) -> None:
    mover, honest = stage.home(import_wh=BASE_WH), stage.home(import_wh=BASE_WH)
    stage.write(mover, range(FROM - 8, FROM), 5 * BASE_WH)
    before = stage.flex.ask("previewBaseline", honest.meter_id, Direction.UP, FROM, TO)
    assert stage.flex.ask("previewBaseline", mover.meter_id, Direction.UP, FROM, TO) == before
    offers = [stage.offer(one, 2_000, PRICE, FROM, TO) for one in (mover, honest)]
    request_id = stage.call(4_000, FROM, TO, PRICE)
    for one in (mover, honest):
        stage.write(one, SLOTS, BASE_WH - 500)

    settled(stage, request_id, *offers)

    assert gain(stage, mover.owner) == gain(stage, honest.owner) == ALL * PER_SLOT
    # A day on which somebody moved load for an event is in no later baseline.
    stage.chain.at(MORNING + 2 * DAY)
    stage.world.send(GOVERNOR, "setProfile", mover.owner, BASE_WH, 0, (TODAY + 2) * 96)
    stage.write(mover, range(TODAY * 96 + 84, TODAY * 96 + 92), 9 * BASE_WH)
    later = slot_at(TODAY + 2, 21)
    after = stage.flex.ask("previewBaseline", mover.meter_id, Direction.UP, later, later + 8)
    assert list(after) == [-BASE_WH] * 8


def test_gaming__two_events_at_once__refused(stage: FlexStage) -> None:
    home = stage.home()
    stage.offer(home, 2_000, PRICE, FROM, TO)
    stage.call(2_000, FROM, TO, PRICE)

    request_id = stage.request(2_000, FROM, TO)
    with refused("ZoneBusy"):
        stage.flex.send(ANYBODY, "allocate", request_id, PRICE)


@pytest.mark.parametrize("status", [2, 3])
def test_gaming__meter_swapped_or_gone__nothing_paid(stage: FlexStage, status: int) -> None:
    home = stage.home()
    offer_id = stage.offer(home, 2_000, PRICE, FROM, TO)
    request_id = stage.call(2_000, FROM, TO, PRICE)
    stage.write(home, SLOTS, 0)
    stage.world.send(GOVERNOR, "setStatus", home.meter_id, status)
    if status == 3:
        stage.world.send(GOVERNOR, "addMeter", home.owner, ZONE, FROM)
    stage.after_deadline()
    if status == 2:  # judged first; unpaid a week later all the same
        assert stage.settle(request_id, offer_id) == 0
        stage.chain.at((TODAY + 9) * DAY)
        stage.flex.send(ANYBODY, "closeRequest", request_id)

    assert stage.settle(request_id, offer_id) == 1
    stage.flex.send(ANYBODY, "releaseStake", offer_id)

    assert gain(stage, home.owner) == -ALL * 500 * PENALTY // 1_000


def test_gaming__new_meter_before_the_offer__its_own_days_count_only(stage: FlexStage) -> None:
    home = stage.home()
    stage.world.send(GOVERNOR, "setStatus", home.meter_id, 3)
    meter_id = stage.world.send(GOVERNOR, "addMeter", home.owner, ZONE, (TODAY - 4) * 96)
    resource = stage.world.send(GOVERNOR, "addResource", home.owner, ZONE, meter_id, 9_000, 0)

    with refused("BaselineTooShort", given=1):
        stage.flex.send(home.owner, "placeOffer", (resource, Direction.UP, 2_000, 1, FROM, TO, 0))


def test_gaming__offer_withdrawn_after_allocation__stays_bound(stage: FlexStage) -> None:
    home = stage.home()
    offer_id = stage.offer(home, 2_000, PRICE, FROM, TO)
    request_id = stage.call(2_000, FROM, TO, PRICE)
    stage.flex.send(home.owner, "removeOffer", offer_id)
    with refused("EventsNotSettled"):
        stage.flex.send(ANYBODY, "releaseStake", offer_id)
    with refused("MeterTaken"):
        stage.offer(home, 2_000, PRICE, FROM, TO)
    stage.write(home, SLOTS, BASE_WH)

    settled(stage, request_id, offer_id)

    assert gain(stage, home.owner) == -ALL * 500 * PENALTY // 1_000


@pytest.mark.parametrize("moved_wh", [25, 50, 100, 250, 500])
def test_gaming__wash_between_own_meters__brings_nothing(stage: FlexStage, moved_wh: int) -> None:
    first, second = stage.home(import_wh=BASE_WH), stage.home(import_wh=BASE_WH)
    offers = [stage.offer(one, 2_000, PRICE, FROM, TO) for one in (first, second)]
    request_id = stage.call(4_000, FROM, TO, PRICE)
    stage.write(first, SLOTS, 500 - moved_wh)
    stage.write(second, SLOTS, 500 + moved_wh)

    settled(stage, request_id, *offers)

    both = gain(stage, first.owner) + gain(stage, second.owner)
    assert both < 2 * ALL * PER_SLOT  # what they get without moving anything


def test_gaming__wash_up_against_down__never_both(stage: FlexStage) -> None:
    first, second = stage.home(), stage.home()
    stage.offer(first, 2_000, PRICE, FROM, TO)
    stage.offer(second, 2_000, PRICE, FROM, TO, direction=Direction.DOWN)
    stage.call(2_000, FROM, TO, PRICE)

    request_id = stage.request(2_000, FROM, TO, direction=Direction.DOWN)
    with refused("ZoneBusy"):
        stage.flex.send(OPERATOR, "allocate", request_id, PRICE)


def test_settle__request_unknown_or_not_allocated__refused(stage: FlexStage) -> None:
    request_id = stage.request(1_000, FROM, TO, allocate_from=stage.chain.now + 60)

    with refused("UnknownRequest", requestId=request_id + 1):
        stage.settle(request_id + 1)
    with refused("RequestNotAllocated", requestId=request_id):
        stage.settle(request_id)
