"""Who takes part: joining, leaving, enrolment, the calendar, and who sees what.

join, leave
├── by another than the owner, after the start, of an event that was cancelled: refused
├── resource that the event is not for, meter that is taken: refused
└── else: slots of the meter reserved or given back, both logged
enrol
├── of an OPT_IN event, after the start, more than 64: refused
└── else: who can takes part, who cannot is passed over
release
├── of an event that was not stopped, of a meter that is not reserved: refused
└── else: slots from the next one on are free
"""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.utils.demand import (
    ALICE,
    ALL_KINDS,
    ANYBODY,
    BOB,
    CAROL,
    GOVERNOR,
    NOW_SLOT,
    OPERATOR,
    OTHER_OPERATOR,
    OTHER_ZONE,
    PV_ONLY,
    ZONE,
    Choice,
    DemandStage,
    Mode,
    Status,
)
from tests.utils.revm import Refused

PV, BATTERY, BOBS_PV, HEAT_PUMP, CAROLS_PV = 1, 2, 3, 4, 5
METER, BOBS_METER = 1, 2
EVENT = (NOW_SLOT + 2, NOW_SLOT + 4)


def refused(error: pytest.ExceptionInfo[Refused], name: str, **arguments: object) -> None:
    assert error.value.name == name
    assert error.value.arguments == arguments


def test_join__by_the_owner__takes_part_and_its_meter_is_taken(stage: DemandStage) -> None:
    event_id = stage.publish()

    stage.response.send(ALICE, "join", event_id, PV)

    logged = stage.logged("ResourceJoined")
    assert (logged.eventId, logged.resourceId, logged.meterId, logged.enrolled) == (
        event_id,
        PV,
        METER,
        False,
    )
    assert stage.choice(event_id, PV) is Choice.JOINED
    assert stage.response.ask("isParticipating", event_id, PV)
    assert not stage.response.ask("isParticipating", event_id, BOBS_PV)
    for slot in range(*EVENT):
        assert not stage.is_free(METER, slot, slot + 1)
    assert stage.is_free(METER, EVENT[0] - 1, EVENT[0])
    assert stage.is_free(METER, EVENT[1], EVENT[1] + 1)


def test_leave__and_join_again__until_the_start(stage: DemandStage) -> None:
    event_id = stage.publish()
    stage.response.send(ALICE, "join", event_id, PV)

    stage.response.send(ALICE, "leave", event_id, PV)

    logged = stage.logged("ResourceLeft")
    assert (logged.eventId, logged.resourceId, logged.meterId) == (event_id, PV, METER)
    assert stage.choice(event_id, PV) is Choice.LEFT
    assert stage.is_free(METER, *EVENT)
    stage.at_slot(NOW_SLOT + 2, -1)
    stage.response.send(ALICE, "join", event_id, PV)
    assert stage.response.ask("isParticipating", event_id, PV)


@pytest.mark.parametrize("function", ["join", "leave"])
@pytest.mark.parametrize("caller", [BOB, ANYBODY, OPERATOR, GOVERNOR])
def test_choosing__for_somebody_else__refused(
    stage: DemandStage, function: str, caller: str
) -> None:
    event_id = stage.publish()

    with pytest.raises(Refused) as error:
        stage.response.send(caller, function, event_id, PV)

    refused(error, "NotResourceOwner", caller=caller, owner=ALICE)


@pytest.mark.parametrize("function", ["join", "leave"])
def test_choosing__twice__refused(stage: DemandStage, function: str) -> None:
    event_id = stage.publish()
    stage.response.send(ALICE, function, event_id, PV)

    with pytest.raises(Refused) as error:
        stage.response.send(ALICE, function, event_id, PV)

    given = Choice.JOINED if function == "join" else Choice.LEFT
    refused(error, "AlreadyDecided", eventId=event_id, resourceId=PV, given=given)


@pytest.mark.parametrize("function", ["join", "leave"])
def test_choosing__once_it_runs_or_is_cancelled__refused(stage: DemandStage, function: str) -> None:
    running, cancelled = stage.publish(), stage.publish(from_slot=NOW_SLOT + 3)
    stage.response.send(OPERATOR, "cancelEvent", cancelled)
    stage.at_slot(NOW_SLOT + 2)

    for event_id, given in ((running, Status.ACTIVE), (cancelled, Status.CANCELLED)):
        with pytest.raises(Refused) as error:
            stage.response.send(ALICE, function, event_id, PV)
        refused(
            error,
            "WrongEventStatus",
            eventId=event_id,
            given=given,
            needed=Status.UPCOMING,
        )


@pytest.mark.parametrize("function", ["join", "leave"])
def test_choosing__in_an_event_for_others__refused(stage: DemandStage, function: str) -> None:
    by_class, by_name = stage.publish(), stage.publish(participants=[BOBS_PV])
    elsewhere = stage.publish(OTHER_OPERATOR, zone=OTHER_ZONE)

    for event_id, resource in ((by_class, BATTERY), (by_name, PV), (elsewhere, PV)):
        with pytest.raises(Refused) as error:
            stage.response.send(ALICE, function, event_id, resource)
        refused(error, "NotTargeted", eventId=event_id, resourceId=resource)


def test_join__inactive_or_without_meter__refused(stage: DemandStage) -> None:
    event_id = stage.publish()

    stage.world.send(GOVERNOR, "setActive", PV, False)
    with pytest.raises(Refused) as error:
        stage.response.send(ALICE, "join", event_id, PV)
    refused(error, "NotTargeted", eventId=event_id, resourceId=PV)

    stage.world.send(GOVERNOR, "setMeter", BOBS_PV, 0)
    with pytest.raises(Refused) as error:
        stage.response.send(BOB, "join", event_id, BOBS_PV)
    refused(error, "NotTargeted", eventId=event_id, resourceId=BOBS_PV)


def test_leave__inactive_or_behind_another_meter_since__gives_back_what_was_reserved(
    stage: DemandStage,
) -> None:
    event_id = stage.publish()
    stage.response.send(ALICE, "join", event_id, PV)
    stage.world.send(GOVERNOR, "setActive", PV, False)
    stage.world.send(GOVERNOR, "setMeter", PV, 9)

    stage.response.send(ALICE, "leave", event_id, PV)

    assert stage.logged("ResourceLeft").meterId == METER
    assert stage.is_free(METER, *EVENT)


def test_join__two_of_one_meter__reserved_once_and_given_back_by_the_last(
    stage: DemandStage,
) -> None:
    event_id = stage.publish(classes=ALL_KINDS)
    stage.response.send(ALICE, "join", event_id, PV)
    stage.response.send(ALICE, "join", event_id, BATTERY)

    stage.response.send(ALICE, "leave", event_id, PV)
    assert not stage.is_free(METER, EVENT[0], EVENT[0] + 1)
    stage.response.send(ALICE, "leave", event_id, BATTERY)

    assert stage.is_free(METER, *EVENT)


@pytest.mark.parametrize(("from_slot", "to_slot"), [(2, 3), (3, 4), (1, 5), (3, 6)])
def test_join__second_event_of_the_meter_in_one_slot__refused(
    stage: DemandStage, from_slot: int, to_slot: int
) -> None:
    first = stage.publish()
    second = stage.publish(
        classes=ALL_KINDS, from_slot=NOW_SLOT + from_slot, to_slot=NOW_SLOT + to_slot
    )
    stage.response.send(ALICE, "join", first, PV)

    with pytest.raises(Refused) as error:
        stage.response.send(ALICE, "join", second, BATTERY)

    taken = max(NOW_SLOT + from_slot, EVENT[0])
    # The calendar's own error comes through as it is.
    selector = keccak(text="SlotTaken(uint32,uint32)")[:4].hex()
    expected = f"{selector}{METER:064x}{taken:064x}"
    assert expected in error.value.arguments["message"]
    assert stage.choice(second, BATTERY) is Choice.NONE


def test_join__slots_taken_by_flexibility__refused(stage: DemandStage) -> None:
    event_id = stage.publish()
    stage.calendar.send(ANYBODY, "reserve", METER, EVENT[1] - 1, EVENT[1])

    with pytest.raises(Refused):
        stage.response.send(ALICE, "join", event_id, PV)

    assert stage.choice(event_id, PV) is Choice.NONE


def test_enrol__who_can_takes_part_and_the_rest_is_passed_over(stage: DemandStage) -> None:
    first = stage.publish(mode=Mode.OPT_OUT, classes=ALL_KINDS)
    stage.response.send(BOB, "leave", first, BOBS_PV)

    enrolled = stage.response.send(ANYBODY, "enrol", first, [0, PV, BATTERY, BOBS_PV, PV, 5, 6])

    logged = stage.response.events("ResourceJoined")
    assert enrolled == 2
    assert [(one.resourceId, one.meterId, one.enrolled) for one in logged] == [
        (PV, METER, True),
        (BATTERY, METER, True),
    ]
    assert stage.choice(first, BOBS_PV) is Choice.LEFT
    second = stage.publish(mode=Mode.OPT_OUT, classes=ALL_KINDS)
    assert stage.response.send(ANYBODY, "enrol", second, [PV, BATTERY, HEAT_PUMP]) == 1
    assert stage.choice(second, HEAT_PUMP) is Choice.JOINED
    stage.response.send(ALICE, "leave", first, PV)
    stage.response.send(ALICE, "leave", first, BATTERY)
    assert stage.response.send(ANYBODY, "enrol", second, [BATTERY]) == 1


def test_enrol__named_participants_only(stage: DemandStage) -> None:
    event_id = stage.publish(mode=Mode.OPT_OUT, participants=[PV, CAROLS_PV])

    assert stage.response.send(ANYBODY, "enrol", event_id, [PV, BOBS_PV, CAROLS_PV]) == 1

    assert stage.choice(event_id, PV) is Choice.JOINED


def test_enrol__what_it_is_not_for__refused(stage: DemandStage) -> None:
    opt_in, opt_out = stage.publish(), stage.publish(mode=Mode.OPT_OUT)

    with pytest.raises(Refused) as error:
        stage.response.send(OPERATOR, "enrol", opt_in, [PV])
    refused(error, "NotOptOut", eventId=opt_in)
    with pytest.raises(Refused) as error:
        stage.response.send(OPERATOR, "enrol", opt_out, [PV] * 65)
    refused(error, "TooManyResources", given=65, allowed=64)
    stage.at_slot(NOW_SLOT + 2)
    with pytest.raises(Refused) as error:
        stage.response.send(OPERATOR, "enrol", opt_out, [PV])
    refused(
        error,
        "WrongEventStatus",
        eventId=opt_out,
        given=Status.ACTIVE,
        needed=Status.UPCOMING,
    )


@pytest.mark.parametrize(
    ("stopped_in", "function", "free_from"),
    [(0, "cancelEvent", 2), (1, "cancelEvent", 2), (2, "endEvent", 3), (3, "endEvent", 4)],
)
def test_release__after_a_stop__frees_what_is_not_needed(
    stage: DemandStage, stopped_in: int, function: str, free_from: int
) -> None:
    event_id = stage.publish()
    stage.response.send(ALICE, "join", event_id, PV)
    with pytest.raises(Refused) as error:
        stage.response.send(ANYBODY, "release", event_id, [METER])
    refused(error, "EventNotStopped", eventId=event_id)
    stage.at_slot(NOW_SLOT + stopped_in)
    stage.response.send(OPERATOR, function, event_id)

    stage.response.send(ANYBODY, "release", event_id, [METER])

    logged = stage.logged("MeterReleased")
    assert (logged.eventId, logged.meterId, logged.fromSlot) == (
        event_id,
        METER,
        NOW_SLOT + free_from,
    )
    assert stage.is_free(METER, NOW_SLOT + free_from, EVENT[1])
    for slot in range(EVENT[0], NOW_SLOT + free_from):
        assert not stage.is_free(METER, slot, slot + 1)
    for again in (METER, BOBS_METER):
        with pytest.raises(Refused) as error:
            stage.response.send(ANYBODY, "release", event_id, [again])
        refused(error, "MeterNotReserved", eventId=event_id, meterId=again)
    with pytest.raises(Refused) as error:
        stage.response.send(ANYBODY, "release", event_id, [METER] * 65)
    refused(error, "TooManyResources", given=65, allowed=64)


def test_participation__in_a_cancelled_event__is_none(stage: DemandStage) -> None:
    event_id = stage.publish()
    stage.response.send(ALICE, "join", event_id, PV)

    stage.response.send(OPERATOR, "cancelEvent", event_id)

    assert not stage.response.ask("isParticipating", event_id, PV)
    assert stage.choice(event_id, PV) is Choice.JOINED


def test_visibility__by_zone_class_and_name(stage: DemandStage) -> None:
    for_pv = stage.publish(classes=PV_ONLY)
    for_bob = stage.publish(classes=ALL_KINDS, participants=[BOBS_PV])
    elsewhere = stage.publish(OTHER_OPERATOR, zone=OTHER_ZONE, classes=ALL_KINDS)

    seen = {
        (event_id, resource)
        for event_id in (for_pv, for_bob, elsewhere, 4)
        for resource in range(7)
        if stage.response.ask("isVisibleTo", event_id, resource)
    }

    assert seen == {
        (for_pv, PV),
        (for_pv, BOBS_PV),
        (for_bob, BOBS_PV),
        (elsewhere, CAROLS_PV),
    }


def test_visibility__of_a_resource_that_joined__stays(stage: DemandStage) -> None:
    event_id = stage.publish()
    stage.response.send(ALICE, "join", event_id, PV)
    stage.world.send(GOVERNOR, "setActive", PV, False)

    assert stage.response.ask("isVisibleTo", event_id, PV)


def test_events_of__an_account__all_that_its_resources_see_until_they_end(
    stage: DemandStage,
) -> None:
    for_pv, for_all = stage.publish(), stage.publish(classes=ALL_KINDS, to_slot=NOW_SLOT + 5)
    stage.publish(participants=[BOBS_PV])
    stage.response.send(ALICE, "join", for_pv, PV)
    stage.response.send(OPERATOR, "cancelEvent", for_all)

    def seen(account: str) -> set[tuple[int, ...]]:
        return {tuple(one) for one in stage.response.ask("eventsOf", account)}

    cancelled = Status.CANCELLED
    assert seen(ALICE) == {
        (for_pv, PV, Choice.JOINED, Status.UPCOMING),
        (for_all, PV, Choice.NONE, cancelled),
        (for_all, BATTERY, Choice.NONE, cancelled),
    }
    assert seen(CAROL) == seen(ANYBODY) == set()
    assert len(seen(BOB)) == 4
    stage.at_slot(NOW_SLOT + 4)
    assert {one[0] for one in seen(ALICE)} == {for_all}
    stage.at_slot(NOW_SLOT + 5)
    assert seen(ALICE) == set()


def test_events_of__two_meters_with_eight_resources_and_seventeen_events__bounded_gas(
    stage: DemandStage,
) -> None:
    for resource in range(6):
        stage.world.send(GOVERNOR, "addResource", ALICE, ZONE, 0, 1 + 10 * (resource % 2))
    stage.world.send(GOVERNOR, "addMeter", ALICE, 1, 11, ZONE)
    for _ in range(16):
        stage.publish(classes=ALL_KINDS)

    found = stage.response.ask("eventsOf", ALICE)

    assert len(found) == 16 * 8
    assert stage.chain.gas_used < 20_000_000


@pytest.mark.parametrize("function", ["cancelEvent", "endEvent", "eventOf"])
@pytest.mark.parametrize("event_id", [0, 1])
def test_unknown_event__told(stage: DemandStage, function: str, event_id: int) -> None:
    with pytest.raises(Refused) as error:
        stage.response.send(OPERATOR, function, event_id)

    refused(error, "UnknownEvent", eventId=event_id, eventCount=0)
