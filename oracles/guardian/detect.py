"""What looks like an attack: pure functions from a moment to findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import takewhile
from typing import Any

from energy_grid.feeds import Feed, FeedKind, FeedStatus
from energy_grid.units import SECONDS_PER_DAY, slot_energy_wh
from oracles.guardian import measures
from oracles.guardian.measures import LONGEST_SECONDS, Measure
from oracles.guardian.scene import FeedView, Scene

_HELD = frozenset({FeedStatus.FROZEN, FeedStatus.FALLBACK})


class Cause(StrEnum):
    """What a finding is about."""

    METER_EQUIVOCATES = "meter_equivocates"
    METERS_EQUIVOCATE = "meters_equivocate"
    REPORTER_EQUIVOCATES = "reporter_equivocates"
    REPORTERS_EQUIVOCATE = "reporters_equivocate"
    FEED_UNCERTAIN = "feed_uncertain"
    FEED_STALE = "feed_stale"
    ORDER_SPAM = "order_spam"
    ZONE_OVERLOAD = "zone_overload"
    LINE_OVERLOAD = "line_overload"
    QUOTE_JUMP = "quote_jump"


@dataclass(frozen=True, slots=True)
class Policy:
    """How the guardian judges, as its operator chose.

    Attributes:
        quarantines: meters of one zone quarantined within a day that stop its trading.
        uncertain_rounds: UNCERTAIN rounds of a feed in a row that freeze it.
        orders: most orders of an account for one product.
        feeder_w: rating of each zone's feeder.
        quote_factor: a quote may be at most this many times the one before, or that part of it.
        quote_step: but a smaller difference than this, in units per kWh, never matters.
        halt_seconds: how long a halt holds.
        halt_slots: how many slots ahead it concerns.
        hold_seconds: how long a feed is frozen or switched.
    """

    quarantines: int = 3
    uncertain_rounds: int = 3
    orders: int = 200
    feeder_w: Mapping[int, int] = field(default_factory=dict)
    quote_factor: int = 5
    quote_step: int = 100_000
    halt_seconds: int = 6 * 3_600
    halt_slots: int = 96
    hold_seconds: int = 6 * 3_600

    def __post_init__(self) -> None:
        for seconds in (self.halt_seconds, self.hold_seconds):
            if not 0 < seconds <= LONGEST_SECONDS:
                raise ValueError(f"a measure holds up to {LONGEST_SECONDS} s, not {seconds} s")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks like an attack.

    Attributes:
        cause: what kind.
        subject: who and when, so that the same thing has the same name for ever.
        detail: one sentence.
        evidence: what was seen.
        measure: what to do about it; None if telling people is all.
    """

    cause: Cause
    subject: str
    detail: str
    evidence: Mapping[str, Any]
    measure: Measure | None = None

    @property
    def key(self) -> str:
        """Names the cause; whatever is done about it is done once."""
        return f"guardian:{self.cause}:{self.subject}"


def detect(scene: Scene, policy: Policy) -> tuple[Finding, ...]:
    """Everything that looks like an attack."""
    return (
        *_meters(scene, policy),
        *_reporters(scene, policy),
        *_feeds(scene, policy),
        *_spam(scene, policy),
        *_zone_flows(scene, policy),
        *_line_flows(scene, policy),
        *_quotes(scene, policy),
    )


def _halt(scene: Scene, policy: Policy, zone: int, scope: int) -> Measure:
    first = scene.slot + 1
    return measures.halt(
        zone, scope, first, first + policy.halt_slots, scene.now + policy.halt_seconds
    )


def _meters(scene: Scene, policy: Policy) -> Iterator[Finding]:
    """Meters whose keys contradict themselves; the contract has quarantined each already."""
    by_zone = defaultdict(list)
    for one in scene.quarantines:
        by_zone[one.zone].append(one)
        yield Finding(
            Cause.METER_EQUIVOCATES,
            f"{one.meter_id}:{one.transaction_hash}",
            f"meter {one.meter_id} of zone {one.zone} contradicts itself and is quarantined",
            asdict(one),
        )
    for zone, found in sorted(by_zone.items()):
        if len({one.meter_id for one in found}) >= policy.quarantines:
            yield Finding(
                Cause.METERS_EQUIVOCATE,
                f"{zone}:{min(one.at for one in found) // SECONDS_PER_DAY}",
                f"{len(found)} meters of zone {zone} contradict themselves within a day",
                {"quarantines": [asdict(one) for one in found]},
                _halt(scene, policy, zone, measures.STOP_TRADING),
            )


def _reporters(scene: Scene, policy: Policy) -> Iterator[Finding]:
    """Reporters that signed two values; more than the oracle can bear freeze the feed."""
    faulty = dict(scene.faulty)
    held = {(feed.oracle, feed.feed_id) for feed in scene.feeds if feed.is_held}
    by_feed = defaultdict(list)
    for one in scene.equivocations:
        by_feed[one.oracle, one.feed_id, one.round].append(one)
        yield Finding(
            Cause.REPORTER_EQUIVOCATES,
            f"{one.oracle}:{one.feed_id}:{one.round}:{one.reporter.lower()}",
            f"reporter {one.reporter} signed {one.first} and {one.second} for one round",
            asdict(one),
        )
    for (oracle, feed_id, number), found in sorted(by_feed.items()):
        liars = {one.reporter.lower() for one in found}
        if len(liars) > faulty.get(oracle, 0) and (oracle, feed_id) not in held:
            yield Finding(
                Cause.REPORTERS_EQUIVOCATE,
                f"{oracle}:{feed_id}:{number}",
                f"{len(liars)} reporters contradict themselves, {oracle} bears "
                f"{faulty.get(oracle, 0)}",
                {"equivocations": [asdict(one) for one in found]},
                measures.freeze(oracle, feed_id, scene.now + policy.hold_seconds),
            )


def _feeds(scene: Scene, policy: Policy) -> Iterator[Finding]:
    for feed in scene.feeds:
        if feed.is_held or feed.status in _HELD:
            continue
        run = _uncertain_run(feed)
        if len(run) >= policy.uncertain_rounds:
            yield Finding(
                Cause.FEED_UNCERTAIN,
                f"{feed.oracle}:{feed.feed_id}:{run[0].round}",
                f"reporters of {feed.oracle} feed {feed.feed_id} disagree for {len(run)} rounds",
                {"rounds": [asdict(one) for one in run]},
                _take_away(scene, policy, feed),
            )
        elif feed.status is FeedStatus.STALE and feed.updated_at:
            age = scene.now - feed.updated_at
            yield Finding(
                Cause.FEED_STALE,
                f"{feed.oracle}:{feed.feed_id}:{feed.updated_at}",
                f"{feed.oracle} feed {feed.feed_id} is {age} s old, "
                f"heartbeat {feed.heartbeat_seconds} s",
                asdict(feed),
                # Its readers refuse it already: only a fallback would do them good.
                _fallback(scene, policy, feed),
            )


def _uncertain_run(feed: FeedView) -> tuple[Any, ...]:
    newest_first = reversed(feed.rounds)
    run = takewhile(lambda one: one.status is FeedStatus.UNCERTAIN, newest_first)
    return tuple(reversed(tuple(run)))


def _fallback(scene: Scene, policy: Policy, feed: FeedView) -> Measure | None:
    if not (feed.fallback_feed and feed.is_fallback_ok):
        return None
    return measures.fall_back(feed.oracle, feed.feed_id, scene.now + policy.hold_seconds)


def _take_away(scene: Scene, policy: Policy, feed: FeedView) -> Measure:
    freeze = measures.freeze(feed.oracle, feed.feed_id, scene.now + policy.hold_seconds)
    return _fallback(scene, policy, feed) or freeze


def _spam(scene: Scene, policy: Policy) -> Iterator[Finding]:
    """Accounts that place more for one product than anybody needs."""
    for one in scene.placements:
        if one.count > policy.orders:
            until = one.first_slot + one.slots
            yield Finding(
                Cause.ORDER_SPAM,
                f"{one.account_id}:{one.zone}:{one.first_slot}:{one.slots}",
                f"account {one.account_id} placed {one.count} orders for one product of zone "
                f"{one.zone}, at most {policy.orders} are usual",
                asdict(one),
                measures.halt(
                    one.zone,
                    measures.STOP_PLACING,
                    one.first_slot,
                    until,
                    scene.now + policy.halt_seconds,
                ),
            )


def _zone_flows(scene: Scene, policy: Policy) -> Iterator[Finding]:
    """More energy through a zone's feeder than it can carry: metered, and as reported now."""
    for flow in scene.zone_flows:
        rating = policy.feeder_w.get(flow.zone)
        if rating is None:
            continue
        net_wh = abs(flow.import_wh - flow.export_wh)
        if net_wh > slot_energy_wh(rating):
            yield Finding(
                Cause.ZONE_OVERLOAD,
                f"{flow.zone}:{flow.slot}",
                f"zone {flow.zone} exchanged {net_wh} Wh in slot {flow.slot}, its feeder carries "
                f"{slot_energy_wh(rating)} Wh",
                asdict(flow),
                _halt(scene, policy, flow.zone, measures.STOP_TRADING),
            )
    for feed in scene.feeds:
        kind, zone = Feed.of_id(feed.feed_id).kind, int(Feed.of_id(feed.feed_id).zone)
        rating = policy.feeder_w.get(zone)
        is_power = kind in (FeedKind.DEMAND, FeedKind.SUPPLY)
        if rating is None or not is_power or feed.is_held or feed.status is not FeedStatus.OK:
            continue
        if abs(feed.value) > rating:
            yield Finding(
                Cause.ZONE_OVERLOAD,
                f"{feed.oracle}:{feed.feed_id}:{feed.updated_at}",
                f"{feed.oracle} says {feed.value} W for zone {zone}, its feeder carries {rating} W",
                asdict(feed),
                measures.freeze(feed.oracle, feed.feed_id, scene.now + policy.hold_seconds),
            )


def _line_flows(scene: Scene, policy: Policy) -> Iterator[Finding]:
    """More over a line than it can carry: clearing never allows it, so something is broken."""
    for flow in scene.line_flows:
        if -flow.back_wh <= flow.flow_wh <= flow.forward_wh:
            continue
        yield Finding(
            Cause.LINE_OVERLOAD,
            f"{flow.region}:{flow.index}:{flow.slot}",
            f"line {flow.from_zone} to {flow.to_zone} is to carry {flow.flow_wh} Wh in slot "
            f"{flow.slot}, it can carry {flow.forward_wh} forth and {flow.back_wh} back",
            asdict(flow),
            _halt(scene, policy, flow.region, measures.STOP_TRADING),
        )


def _quotes(scene: Scene, policy: Policy) -> Iterator[Finding]:
    """A price that leaves the one before far behind: no further one is quoted for a while."""
    for quote in scene.quotes:
        low, high = sorted((quote.price_per_kwh, quote.price_before))
        if not low or high - low < policy.quote_step or high <= low * policy.quote_factor:
            continue
        yield Finding(
            Cause.QUOTE_JUMP,
            f"{quote.zone}:{quote.slot}",
            f"quote of zone {quote.zone} goes from {quote.price_before} to {quote.price_per_kwh} "
            "units per kWh in one slot",
            asdict(quote),
            measures.freeze_quotes(quote.zone, scene.now + policy.hold_seconds),
        )
