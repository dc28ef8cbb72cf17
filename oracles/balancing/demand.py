"""Reads demand response: what may be published, who may be enrolled, what is still reserved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from energy_grid.abi import Event
from energy_grid.contracts import Contracts
from energy_grid.units import SLOT_SECONDS
from oracles.balancing.asking import Asker
from oracles.balancing.decide import MOST_ENROLLED
from oracles.balancing.scene import DemandEventView, DemandPlan, GridState

_OPT_OUT: Final = 1
"""`EventMode` in which who is enrolled takes part unless its owner leaves."""


@dataclass(slots=True)
class _Published:
    """An event as its own events tell it."""

    zone: int
    classes: int
    is_opt_out: bool
    by_state: bool
    from_slot: int
    to_slot: int
    named: frozenset[int]
    is_stopped: bool = False
    meters: dict[int, int] = field(default_factory=dict)
    """Meter of each resource that takes part."""
    left: set[int] = field(default_factory=set)
    released: set[int] = field(default_factory=set)


class DemandReader:
    """Follows DemandResponse, and the register of resources.

    Args:
        contracts: the deployment.
    """

    def __init__(self, contracts: Contracts) -> None:
        self._demand = Asker(contracts.rpc, contracts.demand_response)
        self.start_anew()

    def start_anew(self) -> None:
        """Forget what events have told: the chain was reorganised."""
        self._events: dict[int, _Published] = {}
        self._plans: dict[int, tuple[GridState, int]] = {}
        self._resources: dict[int, tuple[int, int]] = {}

    def note(self, events: Iterable[Event]) -> None:
        """Take in events of both contracts, each in order; others are left out."""
        for event in events:
            name = event.name
            if name == "EventPublished":
                self._publish(event)
            elif name in ("EventCancelled", "EventEnded"):
                self._events[int(event.eventId)].is_stopped = True
            elif name == "ResourceJoined":
                found = self._events[int(event.eventId)]
                found.meters[int(event.resourceId)] = int(event.meterId)
                found.left.discard(int(event.resourceId))
            elif name == "ResourceLeft":
                found = self._events[int(event.eventId)]
                found.meters.pop(int(event.resourceId), None)
                found.left.add(int(event.resourceId))
            elif name == "MeterReleased":
                self._events[int(event.eventId)].released.add(int(event.meterId))
            elif name == "StatePlanSet":
                plan = event.newPlan
                self._plans[int(event.zone)] = (GridState(plan.lowest), int(plan.slots))
            elif name == "ResourceRegistered":
                self._resources[int(event.resourceId)] = (int(event.zone), int(event.kind))
            elif name == "ResourceWithdrawn":
                self._resources.pop(int(event.resourceId), None)

    def _publish(self, event: Event) -> None:
        terms = event.terms
        self._events[int(event.eventId)] = _Published(
            zone=int(terms.zone),
            classes=int(terms.classes),
            is_opt_out=int(terms.mode) == _OPT_OUT,
            by_state=bool(event.byState),
            from_slot=int(terms.fromSlot),
            to_slot=int(terms.toSlot),
            named=frozenset(map(int, event.participants)),
        )

    def plans(self, now: int) -> tuple[DemandPlan, ...]:
        """What the operators let the state publish."""
        slot = now // SLOT_SECONDS
        open_by_state = {
            one.zone: number
            for number, one in self._events.items()
            if one.by_state and slot < one.to_slot
        }
        return tuple(
            DemandPlan(zone, lowest, slots, open_by_state.get(zone, 0))
            for zone, (lowest, slots) in sorted(self._plans.items())
        )

    def events(self, now: int, block: int) -> tuple[DemandEventView, ...]:
        """Events that are not over.

        Raises:
            RpcError: the node is away or behind.
        """
        slot = now // SLOT_SECONDS
        # What is over cannot become open again, only by a reorganisation: then all is read anew.
        return tuple(
            DemandEventView(
                event_id=number,
                zone=one.zone,
                starts_at=one.from_slot * SLOT_SECONDS,
                is_stopped=one.is_stopped,
                candidates=self._candidates(number, one, slot, block),
                reserved=tuple(sorted({*one.meters.values()} - one.released)),
            )
            for number, one in sorted(self._events.items())
            if slot < one.to_slot
        )

    def _candidates(self, number: int, one: _Published, slot: int, block: int) -> tuple[int, ...]:
        if not one.is_opt_out or one.is_stopped or slot >= one.from_slot:
            return ()
        wanted = [
            resource
            for resource, (zone, kind) in sorted(self._resources.items())
            if zone == one.zone
            and one.classes >> kind & 1
            and (not one.named or resource in one.named)
            and resource not in one.meters
            and resource not in one.left
        ]
        parts = [wanted[at : at + MOST_ENROLLED] for at in range(0, len(wanted), MOST_ENROLLED)]
        # Tried out: an enrolment that nobody would come in by is not paid for.
        counts = self._demand.try_out([("enrol", (number, part)) for part in parts], block)
        return tuple(
            resource
            for part, count in zip(parts, counts, strict=True)
            if count
            for resource in part
        )
