"""From events to what a device must do: a pure function.

fold
├── events of each kind → state
└── about an event that was never published → KeyError, never a silent gap
schedule
├── only who joined, only while it runs, never a cancelled one
├── an early end frees at once
└── flexibility: by slot, neighbours of one power joined
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.abi import Event
from energy_grid.grid.event_feed import state_from_json, state_to_json
from energy_grid.grid.schedule import (
    SLOT_SECONDS,
    Choice,
    Command,
    FeedState,
    GridState,
    PayloadType,
    Program,
    fold,
    schedule,
)

FROM, TO = 2_111_114, 2_111_116
STARTS, ENDS = FROM * SLOT_SECONDS, TO * SLOT_SECONDS
PV = 7


def event(name: str, **arguments: Any) -> Event:
    return Event(name, arguments, "0x", 1, "0x", 0)


def published(event_id: int = 1, kind: int = 2, value: int = 1_000, **changes: Any) -> Event:
    arguments = {
        "eventId": event_id,
        "zone": 1,
        "publisher": "0x",
        "terms": (1, 0b1, kind, 0, FROM, TO, value),
        "byState": False,
        "participants": [],
    }
    return event("EventPublished", **{**arguments, **changes})


def joined(event_id: int = 1, resource: int = PV) -> Event:
    return event("ResourceJoined", eventId=event_id, resourceId=resource, meterId=1, enrolled=False)


def left(event_id: int = 1, resource: int = PV) -> Event:
    return event("ResourceLeft", eventId=event_id, resourceId=resource, meterId=1)


def dispatched(request: int = 5, zone: int = 1) -> Event:
    return event(
        "Dispatched",
        requestId=request,
        zone=zone,
        direction=0,
        fromSlot=FROM,
        toSlot=FROM + 4,
        marginalPrice=120_000,
        acceptedW=9_000,
    )


def at(now: int, *events: Event, ven: int = PV, **more: Any) -> Any:
    return schedule(fold(FeedState(), events), ven, 1, now, **more)


def test_schedule__who_joined__must_obey_while_it_runs() -> None:
    expected = Command(
        program=Program.DEMAND_RESPONSE,
        event_id=1,
        ven=PV,
        starts_at=STARTS,
        ends_at=ENDS,
        payload_type=PayloadType.EXPORT_CAPACITY_LIMIT,
        value=1_000,
        reason="operator of the zone, zone 1",
    )

    seen = [at(now, published(), joined()) for now in (STARTS - 1, STARTS, ENDS - 1, ENDS)]

    assert [(one.now, one.coming) for one in seen] == [
        ((), (expected,)),
        ((expected,), ()),
        ((expected,), ()),
        ((), ()),
    ]
    assert expected.command_id == f"demand-response/1/7/{STARTS}"


@pytest.mark.parametrize("events", [(), (left(),), (joined(), left()), (joined(resource=8),)])
def test_schedule__who_did_not_join__is_free(events: tuple[Event, ...]) -> None:
    assert at(STARTS, published(), *events).now == ()


def test_schedule__joined_again__obeys() -> None:
    assert len(at(STARTS, published(), joined(), left(), joined()).now) == 1


def test_schedule__cancelled__nothing_now_or_later() -> None:
    cancelled = event("EventCancelled", eventId=1, zone=1, stoppedAt=STARTS - 1)

    for now in (STARTS - 1, STARTS):
        seen = at(now, published(), joined(), cancelled)
        assert (seen.now, seen.coming) == ((), ())


@pytest.mark.parametrize("stopped_at", [STARTS, STARTS + 1, STARTS + 1_000, ENDS - 1])
def test_schedule__ended_early__free_from_that_second(stopped_at: int) -> None:
    events = published(), joined(), event("EventEnded", eventId=1, zone=1, stoppedAt=stopped_at)

    assert at(stopped_at, *events).now == ()
    assert len(at(stopped_at - 1, *events).now) == (stopped_at > STARTS)


@pytest.mark.parametrize(
    ("kind", "payload_type", "value"),
    [
        (0, PayloadType.SIMPLE, 3),
        (1, PayloadType.IMPORT_CAPACITY_LIMIT, 4_200),
        (2, PayloadType.EXPORT_CAPACITY_LIMIT, 0),
        (3, PayloadType.PRICE, -25),
    ],
)
def test_schedule__every_signal__in_openadrs_words(
    kind: int, payload_type: PayloadType, value: int
) -> None:
    (command,) = at(STARTS, published(kind=kind, value=value), joined()).now

    assert (command.payload_type, command.value) == (payload_type, value)


def test_schedule__flexibility__neighbouring_slots_of_one_power_are_one_interval() -> None:
    powers = {
        (PV, FROM): (500, 5),
        (PV, FROM + 1): (500, 5),
        (PV, FROM + 2): (200, 5),
        (PV, FROM + 3): (500, 6),  # of another request
        (8, FROM): (900, 5),
    }

    seen = at(STARTS - 1, dispatched(), dispatched(9, zone=2), powers=powers)

    assert [(one.starts_at, one.ends_at, one.value) for one in seen.coming] == [
        (STARTS, STARTS + 1_800, 500),
        (STARTS + 1_800, STARTS + 2_700, 200),
    ]
    assert {one.payload_type for one in seen.coming} == {PayloadType.DISPATCH_SETPOINT_RELATIVE}
    assert {one.event_id for one in seen.coming} == {5}


def test_schedule__state_and_curves__of_its_zone() -> None:
    changed = {"from": 0, "to": 2, "zone": 1, "basedOn": 77}
    events = [
        Event("GridStateChanged", changed, "0x", 1, "0x", 0),
        event("CurveSet", zone=1),
        event("CurveSet", zone=1),
        event("CurveSet", zone=2),
        event("SomethingElse", zone=1),
    ]

    seen = at(STARTS, *events)

    assert (seen.grid_state, seen.curve_changes) == (GridState.EMERGENCY, 2)
    assert schedule(fold(FeedState(), events), PV, 3, STARTS).grid_state is GridState.NORMAL


@pytest.mark.parametrize(
    "about", [joined(2), left(2), event("EventEnded", eventId=2, zone=1, stoppedAt=STARTS)]
)
def test_fold__about_an_event_never_published__refused(about: Event) -> None:
    with pytest.raises(KeyError):
        fold(FeedState(), [published(), about])


def test_fold__does_not_change_what_it_was_given() -> None:
    before = fold(FeedState(), [published()])

    after = fold(before, [joined(), event("EventEnded", eventId=1, zone=1, stoppedAt=STARTS)])

    assert (before.events[1].choices, before.events[1].stopped_at) == ({}, 0)
    assert (after.events[1].choices, after.events[1].stopped_at) == ({PV: Choice.JOINED}, STARTS)


def test_without_past__an_event_stays_until_its_planned_end_even_when_stopped() -> None:
    stopped = event("EventEnded", eventId=1, zone=1, stoppedAt=STARTS)
    state = fold(FeedState(), [published(), stopped, dispatched()])

    assert set(state.without_past(ENDS - 1).events) == {1}
    assert set(state.without_past(ENDS).events) == set()
    assert set(state.without_past(ENDS).dispatches) == {5}
    assert set(state.without_past((FROM + 4) * SLOT_SECONDS).dispatches) == set()


choices = st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=8)


@given(choices, st.integers(-(2**63), 2**63 - 1), st.lists(st.integers(1, 2**32 - 1), max_size=5))
def test_state__to_json_and_back__is_the_same(
    made: list[tuple[bool, int]], value: int, participants: list[int]
) -> None:
    events = [
        published(kind=3, value=value, participants=participants),
        *(joined(resource=one) if joins else left(resource=one) for joins, one in made),
        dispatched(),
        Event("GridStateChanged", {"to": 3, "zone": 1, "basedOn": 9}, "0x", 1, "0x", 0),
        event("CurveSet", zone=4),
    ]
    state = fold(FeedState(), events)

    assert state_from_json(state_to_json(state)) == state


@given(choices, st.integers(0, 8))
def test_fold__in_two_parts__as_in_one(made: list[tuple[bool, int]], cut: int) -> None:
    events = [
        published(),
        *(joined(resource=one) if joins else left(resource=one) for joins, one in made),
    ]

    whole = fold(FeedState(), events)

    assert fold(fold(FeedState(), events[: cut + 1]), events[cut + 1 :]) == whole
