"""What the guardian knows when it judges: one moment of the market, in plain values."""

from __future__ import annotations

from dataclasses import dataclass

from energy_grid.feeds import FeedStatus


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A meter whose key contradicted itself."""

    meter_id: int
    zone: int
    at: int
    transaction_hash: str


@dataclass(frozen=True, slots=True)
class Placements:
    """Orders that one account has placed for one product.

    Attributes:
        account_id: short id of the account.
        zone: zone of the product.
        first_slot: first slot of delivery.
        slots: length of delivery.
        count: orders placed, replaced ones included.
    """

    account_id: int
    zone: int
    first_slot: int
    slots: int
    count: int


@dataclass(frozen=True, slots=True)
class ZoneFlow:
    """Energy that crossed all meters of a zone in a slot, as settled so far."""

    zone: int
    slot: int
    import_wh: int
    export_wh: int


@dataclass(frozen=True, slots=True)
class LineFlow:
    """What auctions sent over a line in a slot, all products that cover it together."""

    region: int
    index: int
    from_zone: int
    to_zone: int
    slot: int
    flow_wh: int
    forward_wh: int
    back_wh: int


@dataclass(frozen=True, slots=True)
class SlotQuote:
    """The quote of a slot, and that of the slot before; 0 if there is none."""

    zone: int
    slot: int
    price_per_kwh: int
    price_before: int


@dataclass(frozen=True, slots=True)
class RoundSeen:
    """A round of a feed as published."""

    round: int
    status: FeedStatus
    spread: int


@dataclass(frozen=True, slots=True)
class FeedView:
    """A feed as its readers see it.

    Attributes:
        oracle: its contract.
        feed_id: its number.
        status: of the newest read.
        value: of the newest read.
        updated_at: unix second of its last round, 0 if there was none.
        heartbeat_seconds: longest time between two rounds.
        fallback_feed: approved fallback, 0 if there is none.
        is_fallback_ok: whether that could be read now.
        is_held: whether it is frozen, in the shadow, or switched to its fallback already.
        rounds: its newest rounds, oldest first.
    """

    oracle: str
    feed_id: int
    status: FeedStatus
    value: int
    updated_at: int
    heartbeat_seconds: int
    fallback_feed: int = 0
    is_fallback_ok: bool = False
    is_held: bool = False
    rounds: tuple[RoundSeen, ...] = ()


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Two values of one reporter for one round, both signed."""

    oracle: str
    feed_id: int
    round: int
    reporter: str
    first: int
    second: int


@dataclass(frozen=True)
class Scene:
    """One moment.

    Attributes:
        now: unix second.
        slot: the slot that `now` lies in.
        block: newest block.
        quarantines: of the last day.
        placements: for products whose delivery lies ahead.
        zone_flows: of the last days.
        line_flows: of coupled clearings whose delivery lies ahead or is not long over.
        quotes: of the present slot and the next.
        feeds: all feeds of all oracles.
        equivocations: told by collectors.
        faulty: reporters of each oracle that may be faulty, f.
    """

    now: int
    slot: int
    block: int = 0
    quarantines: tuple[Quarantine, ...] = ()
    placements: tuple[Placements, ...] = ()
    zone_flows: tuple[ZoneFlow, ...] = ()
    line_flows: tuple[LineFlow, ...] = ()
    quotes: tuple[SlotQuote, ...] = ()
    feeds: tuple[FeedView, ...] = ()
    equivocations: tuple[Equivocation, ...] = ()
    faulty: tuple[tuple[str, int], ...] = ()
