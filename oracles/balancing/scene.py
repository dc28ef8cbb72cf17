"""What the balancing keeper knows when it decides: one moment of the grid, in plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class GridState(IntEnum):
    """State of a zone's grid, as on chain."""

    NORMAL = 0
    ALERT = 1
    EMERGENCY = 2
    BLACKOUT = 3
    RESTORATION = 4


@dataclass(frozen=True, slots=True)
class ZoneView:
    """State of a zone, and what an update would make of it.

    Attributes:
        zone: the zone.
        state: in force now.
        announced: in force by the last event; another one after an escalation ran out.
        preview: in force after an update now.
        calm_rounds: rounds in a row that speak for a lower state.
        used_at: publication of the newest value used, 0 if there was none.
        newest_at: publication of the newest trusted value that an update would find new; 0: none.
        is_complete: whether every watched quantity has a new value.
        is_halt_due: whether the market lacks the halt that the state asks for.
        is_line_refused: whether the market refused a line's capacity.
    """

    zone: int
    state: GridState
    announced: GridState
    preview: GridState
    calm_rounds: int = 0
    used_at: int = 0
    newest_at: int = 0
    is_complete: bool = False
    is_halt_due: bool = False
    is_line_refused: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the state of a zone can call now, as the contract itself proposes it.

    Attributes:
        zone: the zone.
        from_slot: first slot of the event.
        price: marginal price of the offers that the call would accept, units per kWh.
    """

    zone: int
    from_slot: int
    price: int


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request for flexibility that something is left to be done about.

    Attributes:
        request_id: its number.
        zone: its zone.
        is_allocated: whether it is dispatched.
        is_closed: whether its budget is back; participants may still have to be settled.
        allocate_from: unix second from which it may be allocated.
        closes_at: unix second from which it may be closed, lapsed or unsettled.
        price: not allocated: its marginal price with the offers in the book; None: no offer.
        ready: allocated: offers that can be settled now.
    """

    request_id: int
    zone: int
    is_allocated: bool
    closes_at: int
    is_closed: bool = False
    allocate_from: int = 0
    price: int | None = None
    ready: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DemandPlan:
    """What the state of a zone may publish as demand response.

    Attributes:
        zone: the zone.
        lowest: least state that allows it.
        slots: length of the event; 0: nothing.
        published: event by state that is still published; 0: none.
    """

    zone: int
    lowest: GridState
    slots: int
    published: int = 0


@dataclass(frozen=True, slots=True)
class DemandEventView:
    """An event of demand response that somebody may still have to do something about.

    Attributes:
        event_id: its number.
        zone: its zone.
        starts_at: unix second of its first slot.
        is_stopped: whether it was called off or ended early.
        candidates: resources that may be enrolled and are not.
        reserved: meters that a stopped event has not given back.
    """

    event_id: int
    zone: int
    starts_at: int
    is_stopped: bool = False
    candidates: tuple[int, ...] = ()
    reserved: tuple[int, ...] = ()


@dataclass(frozen=True)
class Scene:
    """One moment.

    Attributes:
        now: unix second at which a transaction sent now would run.
        slot: the slot that `now` lies in.
        zones: zones under grid management.
        plans: what operators let the state publish.
        events: events of demand response that are not over.
        proposals: calls that the state of a zone allows.
        refused: zones whose call is refused although it is proposed: no allowance or budget left.
        requests: requests for flexibility that something is left to be done about.
    """

    now: int
    slot: int
    zones: tuple[ZoneView, ...] = ()
    plans: tuple[DemandPlan, ...] = ()
    events: tuple[DemandEventView, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    refused: tuple[int, ...] = ()
    requests: tuple[RequestView, ...] = ()
