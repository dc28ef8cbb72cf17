"""What the balancing keeper does next: pure functions from a moment of the grid to calls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from oracles.balancing.scene import (
    DemandEventView,
    DemandPlan,
    GridState,
    RequestView,
    Scene,
    ZoneView,
)

MOST_ENROLLED: Final = 64
"""`enrol` and `release` of DemandResponse take no more."""
STATE_MAX_AGE_SECONDS: Final = 1_800
"""DemandResponse acts on no older state."""

GRID: Final = "GridManagement"
DEMAND: Final = "DemandResponse"
FLEXIBILITY: Final = "Flexibility"


class Kind(StrEnum):
    """Kinds of actions, as their business keys begin."""

    UPDATE = "update"
    PUSH = "push"
    PUBLISH = "publish"
    ENROL = "enrol"
    RELEASE = "release"
    CALL = "call"
    ALLOCATE = "allocate"
    SETTLE = "settle"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Policy:
    """How the keeper works, as its operator chose.

    Attributes:
        heartbeat_seconds: a calm zone is updated this often: its state stays known to be fresh.
        push_seconds: pause between two attempts to bring the market in line.
        enrol_resources: most resources enrolled by one call.
        settle_offers: most offers settled by one call; each takes up to 100,000 gas.
    """

    heartbeat_seconds: int = 600
    push_seconds: int = 60
    enrol_resources: int = MOST_ENROLLED
    settle_offers: int = 50


@dataclass(frozen=True, slots=True)
class Action:
    """One call.

    Attributes:
        kind: what it is for.
        key: its business key: the effect, so that none is made twice.
        contract: on which contract.
        function: its function.
        arguments: the arguments.
    """

    kind: Kind
    key: str
    contract: str
    function: str
    arguments: tuple[Any, ...]


def decide(scene: Scene, policy: Policy) -> tuple[Action, ...]:
    """Everything worth sending now, the most urgent first."""
    return (
        *decide_zones(scene.now, scene.zones, policy),
        *decide_flexibility(scene, policy),
        *decide_demand(scene, policy),
    )


# --- States and breakers --------------------------------------------------------------------------


def decide_zones(now: int, zones: Iterable[ZoneView], policy: Policy) -> Iterator[Action]:
    """Update zones whose state would change or grow old; push what the market lacks."""
    for zone in zones:
        if is_update_due(zone, now, policy):
            key = f"{Kind.UPDATE}:{zone.zone}:{zone.newest_at}:{zone.preview}"
            yield Action(Kind.UPDATE, key, GRID, "updateGridState", (zone.zone,))
        elif zone.is_halt_due or zone.is_line_refused:
            # An update pushes, too. Who was refused is asked again, but not in every block.
            key = f"{Kind.PUSH}:{zone.zone}:{now // policy.push_seconds}"
            yield Action(Kind.PUSH, key, GRID, "pushBreakers", (zone.zone,))


def is_update_due(zone: ZoneView, now: int, policy: Policy) -> bool:
    """Whether an update changes a state, counts a round of a troubled zone, or is a heartbeat."""
    if zone.preview is not zone.announced:
        return True
    if not zone.is_complete:
        # Part of a round that changes nothing is left for the round to be complete.
        return False
    if zone.state is not GridState.NORMAL or zone.calm_rounds:
        return True
    return now - zone.used_at >= policy.heartbeat_seconds


# --- Flexibility ----------------------------------------------------------------------------------


def decide_flexibility(scene: Scene, policy: Policy) -> Iterator[Action]:
    """Call what the state allows, allocate what operators ask for, settle and close."""
    for one in scene.proposals:
        # A zone has one event a slot: the slot names the call.
        key = f"{Kind.CALL}:{one.zone}:{one.from_slot}:{one.price}"
        yield Action(Kind.CALL, key, FLEXIBILITY, "requestByState", (one.zone, one.price))
    for request in scene.requests:
        yield from _tend_request(request, scene.now, policy)


def _tend_request(request: RequestView, now: int, policy: Policy) -> Iterator[Action]:
    number = request.request_id
    if not request.is_allocated:
        if now >= request.closes_at:
            yield _close(number)
        elif now >= request.allocate_from and request.price is not None:
            # Offers come and go: with another price it is another call.
            key = f"{Kind.ALLOCATE}:{number}:{request.price}"
            yield Action(Kind.ALLOCATE, key, FLEXIBILITY, "allocate", (number, request.price))
        return
    for part in _parts(request.ready, policy.settle_offers):
        key = f"{Kind.SETTLE}:{number}:{_digest(part)}"
        yield Action(Kind.SETTLE, key, FLEXIBILITY, "settle", (number, list(part)))
    if not (request.ready or request.is_closed) and now >= request.closes_at:
        yield _close(number)


def _close(number: int) -> Action:
    return Action(Kind.CLOSE, f"{Kind.CLOSE}:{number}", FLEXIBILITY, "closeRequest", (number,))


# --- Demand response ------------------------------------------------------------------------------


def decide_demand(scene: Scene, policy: Policy) -> Iterator[Action]:
    """Publish what the operators' plans say, enrol whom events are for, give meters back."""
    states = {zone.zone: zone for zone in scene.zones}
    for plan in scene.plans:
        zone = states.get(plan.zone)
        if zone is not None and is_plan_due(plan, zone, scene.now):
            key = f"{Kind.PUBLISH}:{plan.zone}:{scene.slot}"
            yield Action(Kind.PUBLISH, key, DEMAND, "publishByState", (plan.zone,))
    for event in scene.events:
        yield from _tend_event(event, scene.now, policy)


def is_plan_due(plan: DemandPlan, zone: ZoneView, now: int) -> bool:
    """Whether the state of a zone calls for its operator's plan, and nothing is published yet."""
    is_fresh = now - zone.used_at <= STATE_MAX_AGE_SECONDS
    return bool(plan.slots) and not plan.published and is_fresh and zone.state >= plan.lowest


def _tend_event(event: DemandEventView, now: int, policy: Policy) -> Iterator[Action]:
    if event.is_stopped:
        for part in _parts(event.reserved, MOST_ENROLLED):
            key = f"{Kind.RELEASE}:{event.event_id}:{_digest(part)}"
            yield Action(Kind.RELEASE, key, DEMAND, "release", (event.event_id, list(part)))
    elif now < event.starts_at:
        for part in _parts(event.candidates, min(policy.enrol_resources, MOST_ENROLLED)):
            key = f"{Kind.ENROL}:{event.event_id}:{_digest(part)}"
            yield Action(Kind.ENROL, key, DEMAND, "enrol", (event.event_id, list(part)))


def _parts(numbers: tuple[int, ...], size: int) -> Iterator[tuple[int, ...]]:
    for first in range(0, len(numbers), size):
        yield numbers[first : first + size]


def _digest(numbers: Iterable[int]) -> str:
    return hashlib.sha256(",".join(map(str, numbers)).encode()).hexdigest()[:8]
