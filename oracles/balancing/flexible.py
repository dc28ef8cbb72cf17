"""Reads the flexibility market: what can be called, allocated, settled and closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from energy_grid.abi import Event
from energy_grid.contracts import Contracts
from energy_grid.units import SLOT_SECONDS
from oracles.balancing.asking import Asker
from oracles.balancing.scene import GridState, Proposal, RequestView, ZoneView

_NONE, _READY, _SETTLED = 0, 2, 3
"""`FlexStanding`: no part in it, can be settled, settled."""
ASK_SECONDS: Final = 60
"""Chain time between two questions whether readings are final."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """An offer as `OfferPlaced` tells it."""

    zone: int
    direction: int
    from_slot: int
    to_slot: int


@dataclass(slots=True)
class _Request:
    """A request as its events tell it."""

    zone: int
    direction: int
    power_w: int
    price_cap: int
    from_slot: int
    to_slot: int
    allocate_from: int
    participants: int = 0
    """0 until it is allocated."""
    is_closed: bool = False
    waiting: set[int] | None = None
    """Offers that may have part in it and are not settled; None: not looked for yet."""
    settled: set[int] = field(default_factory=set)
    ready: tuple[int, ...] = ()
    asked_at: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done about it."""
        return self.is_closed and len(self.settled) >= self.participants


class FlexibilityReader:
    """Follows Flexibility.

    Args:
        contracts: the deployment.
    """

    def __init__(self, contracts: Contracts) -> None:
        self._market = Asker(contracts.rpc, contracts.flexibility)
        self.start_anew()

    def start_anew(self) -> None:
        """Forget what events have told: the chain was reorganised."""
        self._offers: dict[int, _Offer] = {}
        self._requests: dict[int, _Request] = {}

    def note(self, events: Iterable[Event]) -> None:
        """Take in events of Flexibility, in order; others are left out."""
        for event in events:
            if event.name == "OfferPlaced":
                self._offers[int(event.offerId)] = _Offer(
                    int(event.zone), int(event.direction), int(event.fromSlot), int(event.toSlot)
                )
            elif event.name == "FlexibilityRequested":
                self._requests[int(event.requestId)] = _Request(
                    zone=int(event.zone),
                    direction=int(event.direction),
                    power_w=int(event.powerW),
                    price_cap=int(event.priceCap),
                    from_slot=int(event.fromSlot),
                    to_slot=int(event.toSlot),
                    allocate_from=int(event.allocateFrom),
                )
            elif event.name == "Allocated":
                self._requests[int(event.requestId)].participants = int(event.participants)
            elif event.name == "RequestClosed":
                self._requests[int(event.requestId)].is_closed = True
            elif event.name == "FlexSettled":
                self._requests[int(event.requestId)].settled.add(int(event.offerId))

    # --- Calls by state ---------------------------------------------------------------------------

    def proposals(
        self, zones: Iterable[ZoneView], block: int
    ) -> tuple[tuple[Proposal, ...], tuple[int, ...]]:
        """What the state can call now, and zones whose call the contract refuses all the same.

        Raises:
            RpcError: the node is away or behind.
        """
        troubled = [zone.zone for zone in zones if zone.state is not GridState.NORMAL]
        answers = self._market.ask([("proposalByState", (zone,)) for zone in troubled], block)
        found = [
            Proposal(zone, int(answer.fromSlot), int(answer.price))
            for zone, answer in zip(troubled, answers, strict=True)
            if answer.possible
        ]
        # What the operator has ordered and what its budget holds show only here.
        tried = self._market.try_out(
            [("requestByState", (one.zone, one.price)) for one in found], block
        )
        outcomes = list(zip(found, tried, strict=True))
        return (
            tuple(one for one, answer in outcomes if answer is not None),
            tuple(one.zone for one, answer in outcomes if answer is None),
        )

    # --- Requests ---------------------------------------------------------------------------------

    def requests(self, now: int, block: int) -> tuple[RequestView, ...]:
        """Requests that something is left to be done about.

        Raises:
            RpcError: the node is away or behind.
        """
        left = {number: one for number, one in self._requests.items() if not one.is_over}
        closes = self._market.ask([("closesAt", (number,)) for number in left], block)
        return tuple(
            self._view(number, one, int(closes_at), now, block)
            for (number, one), closes_at in zip(left.items(), closes, strict=True)
        )

    def _view(
        self, number: int, one: _Request, closes_at: int, now: int, block: int
    ) -> RequestView:
        is_allocated = one.participants > 0
        is_open = not is_allocated and now < closes_at
        return RequestView(
            request_id=number,
            zone=one.zone,
            is_allocated=is_allocated,
            is_closed=one.is_closed,
            allocate_from=one.allocate_from,
            closes_at=closes_at,
            price=self._price(one, block) if is_open and now >= one.allocate_from else None,
            ready=self._ready(number, one, now, block) if is_allocated else (),
        )

    def _price(self, one: _Request, block: int) -> int | None:
        terms = (
            one.zone, one.direction, one.power_w, one.price_cap, one.from_slot, one.to_slot,
        )  # fmt: skip
        (answer,) = self._market.ask([("marginalPriceFor", terms)], block)
        return int(answer.price) if answer.found else None

    def _ready(self, number: int, one: _Request, now: int, block: int) -> tuple[int, ...]:
        if now < one.to_slot * SLOT_SECONDS:
            return ()
        if one.waiting is None:
            one.waiting = {
                offer_id
                for offer_id, offer in self._offers.items()
                if (offer.zone, offer.direction) == (one.zone, one.direction)
                and offer.from_slot <= one.from_slot
                and offer.to_slot >= one.to_slot
            }
        one.waiting -= one.settled
        if one.asked_at and now < one.asked_at + ASK_SECONDS:
            return tuple(offer_id for offer_id in one.ready if offer_id in one.waiting)
        asked = sorted(one.waiting)
        standings = self._market.ask([("standingOf", (number, each)) for each in asked], block)
        standing_of = dict(zip(asked, map(int, standings), strict=True))
        # Who had no part in it when it was allocated never will.
        one.waiting -= {each for each in asked if standing_of[each] in (_NONE, _SETTLED)}
        one.ready = tuple(each for each in asked if standing_of[each] == _READY)
        one.asked_at = now
        return one.ready
