"""Events themselves: who publishes and stops them, within which bounds, and how long they are seen.

publishEvent
├── by a stranger, the operator of another zone, a dismissed dispatcher: refused
├── classes, value, start, length, participants out of bounds: refused by name
├── 17th of a zone: refused; the first to end makes room
└── else: on record, logged with all its terms
cancelEvent, endEvent, stopEvent
├── by whom it is not for: refused
├── at the wrong standing: refused
└── else: stopped, published until the planned end all the same
publishByState
├── no plan, state too mild, too old, one published already: refused
└── else: OPT_OUT from the next slot on
"""

from __future__ import annotations

import pytest

from tests.utils.demand import (
    ALL_KINDS,
    ANYBODY,
    DISPATCHER,
    GOVERNOR,
    GUARDIAN,
    NOW_SLOT,
    OPERATOR,
    OTHER_OPERATOR,
    OTHER_ZONE,
    PV_ONLY,
    SLOT,
    START,
    ZONE,
    DemandStage,
    Mode,
    Signal,
    State,
    Status,
)
from tests.utils.revm import Refused

ZERO = "0x0000000000000000000000000000000000000000"
PLAN = (State.ALERT, ALL_KINDS, Signal.LEVEL, 4, 2)
MAX_W = 2**32 - 1


def refused(error: pytest.ExceptionInfo[Refused], name: str, **arguments: object) -> None:
    assert error.value.name == name
    assert error.value.arguments == arguments


def test_publish__by_the_operator__is_on_record_and_logged(stage: DemandStage) -> None:
    terms = stage.terms()

    event_id = stage.response.send(OPERATOR, "publishEvent", terms, [1, 3])

    logged = stage.logged("EventPublished")
    assert event_id == 1 == stage.response.ask("eventCount")
    assert (logged.eventId, logged.zone, logged.publisher) == (1, ZONE, OPERATOR)
    assert (tuple(logged.terms), logged.byState, list(logged.participants)) == (
        terms,
        False,
        [1, 3],
    )
    assert tuple(stage.response.ask("eventOf", 1)) == (*terms, False, 2, 0)
    assert list(stage.response.ask("participantsOf", 1)) == [1, 3]
    assert list(stage.response.ask("openEvents", ZONE)) == [1]
    assert stage.status(1) is Status.UPCOMING


@pytest.mark.parametrize("caller", [ANYBODY, OTHER_OPERATOR, DISPATCHER, GOVERNOR, GUARDIAN])
def test_publish__by_somebody_else__refused(stage: DemandStage, caller: str) -> None:
    with pytest.raises(Refused) as error:
        stage.publish(caller)

    refused(error, "NotZoneOperator", caller=caller, zone=ZONE)


def test_dispatcher__named__publishes_until_another_is_named(stage: DemandStage) -> None:
    stage.response.send(OPERATOR, "nameDispatcher", ZONE, DISPATCHER)
    logged = stage.logged("DispatcherNamed")

    event_id = stage.publish(DISPATCHER)
    stage.response.send(OPERATOR, "nameDispatcher", ZONE, ZERO)

    assert (logged.zone, logged.oldDispatcher, logged.newDispatcher) == (ZONE, ZERO, DISPATCHER)
    assert stage.response.ask("eventOf", event_id)[0] == ZONE
    with pytest.raises(Refused) as error:
        stage.response.send(DISPATCHER, "cancelEvent", event_id)
    refused(error, "NotZoneOperator", caller=DISPATCHER, zone=ZONE)


@pytest.mark.parametrize(
    ("function", "arguments"), [("nameDispatcher", (ANYBODY,)), ("setStatePlan", (PLAN,))]
)
def test_operators_own__by_dispatcher_or_stranger__refused(
    stage: DemandStage, function: str, arguments: tuple[object, ...]
) -> None:
    stage.response.send(OPERATOR, "nameDispatcher", ZONE, DISPATCHER)

    for caller in (DISPATCHER, ANYBODY, OTHER_OPERATOR, GUARDIAN):
        with pytest.raises(Refused) as error:
            stage.response.send(caller, function, ZONE, *arguments)
        refused(error, "NotZoneOperator", caller=caller, zone=ZONE)


@pytest.mark.parametrize("classes", [0, 128, 255])
def test_publish__classes_that_do_not_exist__refused(stage: DemandStage, classes: int) -> None:
    with pytest.raises(Refused) as error:
        stage.publish(classes=classes)

    refused(error, "ClassesInvalid", given=classes, allowed=128)


@pytest.mark.parametrize(
    ("kind", "highest"),
    [(Signal.LEVEL, 3), (Signal.IMPORT_LIMIT, MAX_W), (Signal.EXPORT_LIMIT, MAX_W)],
)
def test_publish__value__within_its_kind(stage: DemandStage, kind: Signal, highest: int) -> None:
    for value in (0, highest):
        assert stage.response.ask("eventOf", stage.publish(kind=kind, value=value))[6] == value
    for value in (-1, highest + 1):
        with pytest.raises(Refused) as error:
            stage.publish(kind=kind, value=value)
        refused(error, "SignalOutOfRange", given=value, lowest=0, highest=highest)


@pytest.mark.parametrize("price", [-(2**63), -1, 0, 2**63 - 1])
def test_publish__any_price__taken(stage: DemandStage, price: int) -> None:
    event_id = stage.publish(kind=Signal.PRICE, value=price)

    assert stage.response.ask("eventOf", event_id)[6] == price


@pytest.mark.parametrize(("mode", "lead"), [(Mode.OPT_IN, 1), (Mode.OPT_OUT, 2)])
@pytest.mark.parametrize("seconds", [0, SLOT - 1])
def test_publish__start__not_begun_and_a_week_ahead_at_most(
    stage: DemandStage, mode: Mode, lead: int, seconds: int
) -> None:
    stage.at_slot(NOW_SLOT, seconds)

    for from_slot in (NOW_SLOT + lead, NOW_SLOT + 672):
        stage.publish(mode=mode, from_slot=from_slot, to_slot=from_slot + 1)
    for from_slot in (NOW_SLOT + lead - 1, NOW_SLOT + 673):
        with pytest.raises(Refused) as error:
            stage.publish(mode=mode, from_slot=from_slot, to_slot=from_slot + 1)
        refused(
            error,
            "EventStartInvalid",
            given=from_slot,
            earliest=NOW_SLOT + lead,
            latest=NOW_SLOT + 672,
        )


@pytest.mark.parametrize(("length", "told"), [(0, 0), (-1, 0), (97, 97)])
def test_publish__length__from_one_slot_to_a_day(
    stage: DemandStage, length: int, told: int
) -> None:
    from_slot = stage.slot + 2
    for good in (1, 96):
        stage.publish(from_slot=from_slot, to_slot=from_slot + good)

    with pytest.raises(Refused) as error:
        stage.publish(from_slot=from_slot, to_slot=from_slot + length)
    refused(error, "EventLengthInvalid", given=told, allowed=96)


@pytest.mark.parametrize(
    ("participants", "index"), [([0], 0), ([1, 1], 1), ([3, 1], 1), ([1, 6], 1)]
)
def test_publish__participants__ascending_and_registered(
    stage: DemandStage, participants: list[int], index: int
) -> None:
    with pytest.raises(Refused) as error:
        stage.publish(participants=participants)

    refused(error, "ParticipantsInvalid", index=index, given=participants[index], resourceCount=5)


def test_publish__more_than_256_participants__refused(stage: DemandStage) -> None:
    with pytest.raises(Refused) as error:
        stage.publish(participants=range(1, 258))

    refused(error, "TooManyResources", given=257, allowed=256)


def test_publish__seventeenth_of_a_zone__waits_for_the_first_to_end(stage: DemandStage) -> None:
    for _ in range(16):
        stage.publish()
    stage.response.send(OPERATOR, "cancelEvent", 1)

    with pytest.raises(Refused) as error:
        stage.publish()
    refused(error, "TooManyEvents", given=17, allowed=16)

    assert stage.publish(OTHER_OPERATOR, zone=OTHER_ZONE) == 17
    stage.at_slot(NOW_SLOT + 4, -1)
    assert sorted(stage.response.ask("openEvents", ZONE)) == list(range(1, 17))
    stage.at_slot(NOW_SLOT + 4)
    assert list(stage.response.ask("openEvents", ZONE)) == []
    assert stage.publish() == 18
    assert list(stage.response.ask("openEvents", ZONE)) == [18]


def test_status__by_the_clock(stage: DemandStage) -> None:
    event_id = stage.publish()

    seen = []
    for slot, seconds in ((2, -1), (2, 0), (4, -1), (4, 0)):
        stage.at_slot(NOW_SLOT + slot, seconds)
        seen.append(stage.status(event_id))

    assert seen == [Status.UPCOMING, Status.ACTIVE, Status.ACTIVE, Status.COMPLETED]
    assert stage.status(2) is Status.UNKNOWN
    with pytest.raises(Refused) as error:
        stage.response.ask("eventOf", 2)
    refused(error, "UnknownEvent", eventId=2, eventCount=1)


def test_cancel__before_the_start__cancelled_and_published_until_the_planned_end(
    stage: DemandStage,
) -> None:
    event_id = stage.publish()
    stage.at_slot(NOW_SLOT + 2, -1)

    stage.response.send(OPERATOR, "cancelEvent", event_id)

    logged = stage.logged("EventCancelled")
    assert (logged.eventId, logged.zone, logged.stoppedAt) == (event_id, ZONE, stage.chain.now)
    for seconds in (-1, 2 * SLOT - 1):
        stage.at_slot(NOW_SLOT + 2, seconds)
        assert stage.status(event_id) is Status.CANCELLED
        assert list(stage.response.ask("openEvents", ZONE)) == [event_id]


def test_end__while_it_runs__completed_at_once(stage: DemandStage) -> None:
    event_id = stage.publish()
    stage.at_slot(NOW_SLOT + 2)

    stage.response.send(OPERATOR, "endEvent", event_id)

    logged = stage.logged("EventEnded")
    assert (logged.eventId, logged.zone, logged.stoppedAt) == (event_id, ZONE, stage.chain.now)
    assert stage.status(event_id) is Status.COMPLETED
    assert list(stage.response.ask("openEvents", ZONE)) == [event_id]


@pytest.mark.parametrize("function", ["cancelEvent", "endEvent"])
@pytest.mark.parametrize("caller", [ANYBODY, OTHER_OPERATOR, GUARDIAN, GOVERNOR])
def test_stopping__by_somebody_else__refused(
    stage: DemandStage, function: str, caller: str
) -> None:
    event_id = stage.publish()

    with pytest.raises(Refused) as error:
        stage.response.send(caller, function, event_id)

    refused(error, "NotZoneOperator", caller=caller, zone=ZONE)


def test_stopping__at_the_wrong_standing__refused(stage: DemandStage) -> None:
    event_id = stage.publish()
    steps = (
        (0, "endEvent", Status.UPCOMING, Status.ACTIVE),
        (2, "cancelEvent", Status.ACTIVE, Status.UPCOMING),
        (4, "cancelEvent", Status.COMPLETED, Status.UPCOMING),
        (4, "endEvent", Status.COMPLETED, Status.ACTIVE),
    )

    for slot, function, given, needed in steps:
        stage.at_slot(NOW_SLOT + slot)
        with pytest.raises(Refused) as error:
            stage.response.send(OPERATOR, function, event_id)
        refused(error, "WrongEventStatus", eventId=event_id, given=given, needed=needed)


@pytest.mark.parametrize(("slot", "status"), [(0, Status.CANCELLED), (2, Status.COMPLETED)])
def test_stop__by_the_guardian__any_event_once(
    stage: DemandStage, slot: int, status: Status
) -> None:
    event_id = stage.publish()
    stage.at_slot(NOW_SLOT + slot)

    stage.response.send(GUARDIAN, "stopEvent", event_id)

    assert stage.status(event_id) is status
    with pytest.raises(Refused) as error:
        stage.response.send(GUARDIAN, "stopEvent", event_id)
    assert error.value.name == "WrongEventStatus"


@pytest.mark.parametrize("caller", [ANYBODY, OPERATOR, GOVERNOR])
def test_stop__unauthorised__refused(stage: DemandStage, caller: str) -> None:
    event_id = stage.publish()

    with pytest.raises(Refused) as error:
        stage.response.send(caller, "stopEvent", event_id)

    refused(error, "AccessManagedUnauthorized", caller=caller)


def test_by_state__no_plan__refused(stage: DemandStage) -> None:
    with pytest.raises(Refused) as error:
        stage.response.send(ANYBODY, "publishByState", ZONE)

    refused(error, "NoStatePlan", zone=ZONE)


def test_by_state__in_trouble__publishes_the_plan_once(stage: DemandStage) -> None:
    stage.response.send(OPERATOR, "setStatePlan", ZONE, PLAN)
    logged = stage.logged("StatePlanSet")
    assert (logged.zone, tuple(logged.oldPlan), tuple(logged.newPlan)) == (
        ZONE,
        (0, 0, 0, 0, 0),
        PLAN,
    )
    assert tuple(stage.response.ask("statePlan", ZONE)) == PLAN
    for _ in range(16):
        stage.publish(to_slot=stage.slot + 12)
    stage.world.send(GOVERNOR, "setState", ZONE, State.ALERT, START - 1_800)

    event_id = stage.response.send(ANYBODY, "publishByState", ZONE)

    assert stage.logged("EventPublished").byState
    expected = (ZONE, ALL_KINDS, Signal.LEVEL, Mode.OPT_OUT, NOW_SLOT + 1, NOW_SLOT + 5, 2)
    assert tuple(stage.response.ask("eventOf", event_id)) == (*expected, True, 0, 0)
    assert len(stage.response.ask("openEvents", ZONE)) == 17
    stage.at_slot(NOW_SLOT + 5, -1)
    with pytest.raises(Refused) as error:
        stage.response.send(ANYBODY, "publishByState", ZONE)
    refused(error, "StateEventPublished", eventId=event_id)
    stage.at_slot(NOW_SLOT + 5)
    stage.world.send(GOVERNOR, "setState", ZONE, State.ALERT, stage.chain.now)
    assert stage.response.send(ANYBODY, "publishByState", ZONE) == event_id + 1


def test_by_state__old_state__refused(stage: DemandStage) -> None:
    stage.response.send(OPERATOR, "setStatePlan", ZONE, PLAN)
    stage.world.send(GOVERNOR, "setState", ZONE, State.BLACKOUT, START - 1_801)

    with pytest.raises(Refused) as error:
        stage.response.send(ANYBODY, "publishByState", ZONE)

    refused(error, "StateStale", given=START - 1_801, allowed=START - 1_800)


BY_SEVERITY = (
    State.NORMAL,
    State.ALERT,
    State.EMERGENCY,
    State.RESTORATION,
    State.BLACKOUT,
)


@pytest.mark.parametrize("lowest", BY_SEVERITY[1:])
@pytest.mark.parametrize("state", BY_SEVERITY)
def test_by_state__every_state__against_every_plan(
    stage: DemandStage, lowest: State, state: State
) -> None:
    stage.response.send(OPERATOR, "setStatePlan", ZONE, (lowest, PV_ONLY, Signal.LEVEL, 1, 3))
    stage.world.send(GOVERNOR, "setState", ZONE, state, START)

    if BY_SEVERITY.index(state) >= BY_SEVERITY.index(lowest):
        assert stage.response.send(ANYBODY, "publishByState", ZONE) == 1
        return
    with pytest.raises(Refused) as error:
        stage.response.send(ANYBODY, "publishByState", ZONE)
    refused(error, "StateTooMild", given=state, lowest=lowest)


@pytest.mark.parametrize(
    ("plan", "name"),
    [
        ((State.NORMAL, PV_ONLY, Signal.LEVEL, 1, 1), "StatePlanInvalid"),
        ((State.ALERT, 0, Signal.LEVEL, 1, 1), "ClassesInvalid"),
        ((State.ALERT, PV_ONLY, Signal.LEVEL, 97, 1), "EventLengthInvalid"),
        ((State.ALERT, PV_ONLY, Signal.LEVEL, 1, 4), "SignalOutOfRange"),
    ],
)
def test_state_plan__meaningless__refused(
    stage: DemandStage, plan: tuple[int, ...], name: str
) -> None:
    with pytest.raises(Refused) as error:
        stage.response.send(OPERATOR, "setStatePlan", ZONE, plan)

    assert error.value.name == name
