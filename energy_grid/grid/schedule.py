"""What a device must do now and next, from the events of the grid's contracts.

Pure: `fold` turns events into a state, `schedule` a state and a time into commands. Names are those
of OpenADR 3 where it has one: a program publishes events, a VEN (here a resource) gets payloads
for intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any, Final

from energy_grid.abi import Event
from energy_grid.grid.limits import GridState as GridState

SLOT_SECONDS: Final = 900


class Program(StrEnum):
    """Who asks."""

    DEMAND_RESPONSE = "demand-response"
    FLEXIBILITY = "flexibility"


class PayloadType(StrEnum):
    """What is asked; OpenADR 3 names."""

    SIMPLE = "SIMPLE"
    """Level 0 to 3."""
    IMPORT_CAPACITY_LIMIT = "IMPORT_CAPACITY_LIMIT"
    """Most to draw, W."""
    EXPORT_CAPACITY_LIMIT = "EXPORT_CAPACITY_LIMIT"
    """Most to feed in, W."""
    PRICE = "PRICE"
    """Base units of the settlement token per kWh."""
    DISPATCH_SETPOINT_RELATIVE = "DISPATCH_SETPOINT_RELATIVE"
    """Power to be added to what the device would do, W; positive feeds in."""


PAYLOAD_BY_SIGNAL: Final = (
    PayloadType.SIMPLE,
    PayloadType.IMPORT_CAPACITY_LIMIT,
    PayloadType.EXPORT_CAPACITY_LIMIT,
    PayloadType.PRICE,
)
"""By the number of `SignalKind` on chain."""


class Choice(IntEnum):
    """What is decided about a resource in an event; numbers as on chain."""

    NONE = 0
    JOINED = 1
    LEFT = 2


@dataclass(frozen=True, slots=True)
class DemandEvent:
    """A published event of demand response, as `DemandResponse` has it on record.

    Args:
        from_slot: first slot.
        to_slot: slot after the last.
        value: level, W or price.
        participants: ids of the only resources it is for; empty: all of its zone and classes.
        stopped_at: unix seconds of its cancellation or early end, 0 if neither.
        choices: what is decided, by resource; who is not named has decided nothing.
    """

    event_id: int
    zone: int
    classes: int
    payload_type: PayloadType
    is_opt_out: bool
    from_slot: int
    to_slot: int
    value: int
    by_state: bool
    participants: tuple[int, ...] = ()
    stopped_at: int = 0
    choices: Mapping[int, Choice] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def starts_at(self) -> int:
        """First second."""
        return self.from_slot * SLOT_SECONDS

    @property
    def ends_at(self) -> int:
        """Second after the last; its start if it was cancelled."""
        planned = self.to_slot * SLOT_SECONDS
        return min(planned, max(self.stopped_at, self.starts_at)) if self.stopped_at else planned

    def is_over(self, now: int) -> bool:
        """Whether its planned end has come: until then it stays published."""
        return now >= self.to_slot * SLOT_SECONDS


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Flexibility that was called; who delivers what of it says `dispatchOf`."""

    request_id: int
    zone: int
    from_slot: int
    to_slot: int
    marginal_price: int
    accepted_w: int


@dataclass(frozen=True, slots=True)
class FeedState:
    """What the events up to a block have said.

    Args:
        events: demand response by id.
        dispatches: flexibility by request.
        grid_states: state of the zones and what it is based on, unix seconds.
        curve_changes: how often curves of a zone were changed: a new number means, ask `setpoint`
            again.
    """

    events: Mapping[int, DemandEvent] = field(default_factory=lambda: MappingProxyType({}))
    dispatches: Mapping[int, Dispatch] = field(default_factory=lambda: MappingProxyType({}))
    grid_states: Mapping[int, tuple[GridState, int]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    curve_changes: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def without_past(self, now: int) -> FeedState:
        """Drop what no device has to know any more."""
        return replace(
            self,
            events={key: one for key, one in self.events.items() if not one.is_over(now)},
            dispatches={
                key: one for key, one in self.dispatches.items() if now < one.to_slot * SLOT_SECONDS
            },
        )


def fold(state: FeedState, events: Iterable[Event]) -> FeedState:
    """The state after events, in their order; those of other kinds change nothing.

    Raises:
        KeyError: an event about one that was never published: the events have a gap.
    """
    demands, dispatches = dict(state.events), dict(state.dispatches)
    states, curves = dict(state.grid_states), dict(state.curve_changes)
    for event in events:
        if event.name == "EventPublished":
            demands[int(event.eventId)] = _published(event)
        elif event.name in ("EventCancelled", "EventEnded"):
            key = int(event.eventId)
            demands[key] = replace(demands[key], stopped_at=int(event.stoppedAt))
        elif event.name in ("ResourceJoined", "ResourceLeft"):
            key = int(event.eventId)
            choice = Choice.JOINED if event.name == "ResourceJoined" else Choice.LEFT
            choices = {**demands[key].choices, int(event.resourceId): choice}
            demands[key] = replace(demands[key], choices=choices)
        elif event.name == "Dispatched":
            dispatches[int(event.requestId)] = Dispatch(
                request_id=int(event.requestId),
                zone=int(event.zone),
                from_slot=int(event.fromSlot),
                to_slot=int(event.toSlot),
                marginal_price=int(event.marginalPrice),
                accepted_w=int(event.acceptedW),
            )
        elif event.name == "GridStateChanged":
            # `to` and `from` are arguments; `from` is no attribute in Python.
            states[int(event.zone)] = (GridState(int(event.arguments["to"])), int(event.basedOn))
        elif event.name == "CurveSet":
            curves[int(event.zone)] = curves.get(int(event.zone), 0) + 1
    return FeedState(demands, dispatches, states, curves)


def _published(event: Event) -> DemandEvent:
    terms: Any = event.terms
    return DemandEvent(
        event_id=int(event.eventId),
        zone=int(terms[0]),
        classes=int(terms[1]),
        payload_type=PAYLOAD_BY_SIGNAL[int(terms[2])],
        is_opt_out=int(terms[3]) == 1,
        from_slot=int(terms[4]),
        to_slot=int(terms[5]),
        value=int(terms[6]),
        by_state=bool(event.byState),
        participants=tuple(int(one) for one in event.participants),
    )


# --- Schedule -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """One payload for one interval.

    Args:
        program: who asks.
        event_id: its event or request there.
        ven: the resource.
        starts_at: first second of the interval.
        ends_at: second after its last: from then on the device is free, whether it hears more or
            not.
        payload_type: what is asked.
        value: how much, in the payload's unit.
        reason: for people and logs.
    """

    program: Program
    event_id: int
    ven: int
    starts_at: int
    ends_at: int
    payload_type: PayloadType
    value: int
    reason: str

    @property
    def command_id(self) -> str:
        """The same for the same command, whoever makes it and how often."""
        return f"{self.program}/{self.event_id}/{self.ven}/{self.starts_at}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """What one resource must do.

    Args:
        ven: the resource.
        now: commands whose interval runs.
        coming: later ones, in the order of their beginning.
        grid_state: state of its zone.
        curve_changes: see `FeedState`.
    """

    ven: int
    now: tuple[Command, ...]
    coming: tuple[Command, ...]
    grid_state: GridState
    curve_changes: int


Powers = Mapping[tuple[int, int], tuple[int, int]]
"""`dispatchOf` by resource and slot: power in W (positive: feed-in) and request, 0 for none."""


def schedule(
    state: FeedState, ven: int, zone: int, now: int, powers: Powers = MappingProxyType({})
) -> Schedule:
    """What a resource must do at a time and after it.

    Args:
        state: what the events have said.
        ven: id of the resource.
        zone: where it is.
        now: unix seconds.
        powers: its part of the dispatches of its zone.
    """
    commands = [
        *(command for one in state.events.values() for command in _of_event(one, ven)),
        *(
            command
            for one in state.dispatches.values()
            if one.zone == zone
            for command in _of_dispatch(one, ven, powers)
        ),
    ]
    commands.sort(key=lambda command: (command.starts_at, command.command_id))
    return Schedule(
        ven=ven,
        now=tuple(one for one in commands if one.starts_at <= now < one.ends_at),
        coming=tuple(one for one in commands if one.starts_at > now),
        grid_state=state.grid_states.get(zone, (GridState.NORMAL, 0))[0],
        curve_changes=state.curve_changes.get(zone, 0),
    )


def _of_event(event: DemandEvent, ven: int) -> list[Command]:
    if event.choices.get(ven) is not Choice.JOINED or event.ends_at <= event.starts_at:
        return []
    why = "state of the grid" if event.by_state else "operator of the zone"
    return [
        Command(
            program=Program.DEMAND_RESPONSE,
            event_id=event.event_id,
            ven=ven,
            starts_at=event.starts_at,
            ends_at=event.ends_at,
            payload_type=event.payload_type,
            value=event.value,
            reason=f"{why}, zone {event.zone}",
        )
    ]


def _of_dispatch(dispatch: Dispatch, ven: int, powers: Powers) -> list[Command]:
    """Neighbouring slots of one power are one interval."""
    found: list[Command] = []
    for slot in range(dispatch.from_slot, dispatch.to_slot):
        power_w, request_id = powers.get((ven, slot), (0, 0))
        if request_id != dispatch.request_id or power_w == 0:
            continue
        starts_at = slot * SLOT_SECONDS
        if found and found[-1].ends_at == starts_at and found[-1].value == power_w:
            found[-1] = replace(found[-1], ends_at=starts_at + SLOT_SECONDS)
            continue
        found.append(
            Command(
                program=Program.FLEXIBILITY,
                event_id=dispatch.request_id,
                ven=ven,
                starts_at=starts_at,
                ends_at=starts_at + SLOT_SECONDS,
                payload_type=PayloadType.DISPATCH_SETPOINT_RELATIVE,
                value=power_w,
                reason=f"offer accepted at {dispatch.marginal_price} per kWh",
            )
        )
    return found
