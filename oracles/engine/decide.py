"""What to do next: pure functions from a moment of the market to a list of actions.

Nothing here reads or sends. What is under way already is given as topics, so that the same thing is
not decided again before its outcome is known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

from energy_grid.clearing import coupled, single
from energy_grid.clearing.errors import ClearingError
from energy_grid.clearing.market import CoupledMarket, Link, Zone
from energy_grid.ids import Side
from energy_grid.order_book import BookOrder, pairs
from energy_grid.products import Product
from oracles.engine import actions
from oracles.engine.actions import Action
from oracles.engine.snapshot import Auction, Region, Snapshot, WaitingOrder

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Policy:
    """How the engine works, as its operator chose.

    Attributes:
        transaction_gas: most gas one transaction may take; blocks and nodes have their limits.
        base_gas: what a call costs before its items.
        match_gas: at most for one match, both levels emptied and records fresh.
        removal_gas: at most for one expired order.
        claim_gas: at most for one account.
        signed_gas: at most for one signed order, record fresh.
        claims: whether to claim for others; nobody has to, but it frees their money early.
        relay_wait_seconds: longest that a signed order waits for others to share a batch with.
        relay_lead_seconds: how long before its gate a signed order is relayed at the latest.
    """

    transaction_gas: int = 12_000_000
    base_gas: int = 150_000
    match_gas: int = 90_000
    removal_gas: int = 80_000
    claim_gas: int = 60_000
    signed_gas: int = 120_000
    claims: bool = True
    relay_wait_seconds: int = 30
    relay_lead_seconds: int = 120

    def items_per_transaction(self, item_gas: int) -> int:
        """How many items fit one transaction; at least one."""
        return max(1, (self.transaction_gas - self.base_gas) // item_gas)


@dataclass(frozen=True)
class Decisions:
    """What to do, in this order, and what could not be decided."""

    actions: tuple[Action, ...] = ()
    problems: tuple[str, ...] = field(default=())


def decide(snapshot: Snapshot, policy: Policy, under_way: Collection[str] = ()) -> Decisions:
    """Everything worth sending now.

    Args:
        snapshot: the market.
        policy: how to work.
        under_way: topics of actions whose outcome is not known yet.
    """
    clearings = decide_clearings(snapshot)
    found = [
        *clearings.actions,
        *decide_relays(snapshot, policy),
        *decide_removals(snapshot, policy),
        *decide_matches(snapshot, policy),
        *decide_claims(snapshot, policy),
        *decide_rents(snapshot),
    ]
    busy = set(under_way)
    return Decisions(
        tuple(action for action in found if action.topic not in busy), clearings.problems
    )


# --- auctions -------------------------------------------------------------------------------------


def decide_clearings(snapshot: Snapshot) -> Decisions:
    """Clear what is past its gate: regions with lines together first, then zone by zone."""
    found: list[Action] = []
    problems: list[str] = []
    region_of = {zone: region for region in snapshot.regions for zone in region.zones}
    heads = {
        product.in_zone(region_of[product.zone].head)
        for product, auction in snapshot.auctions.items()
        if not auction.is_cleared and product.zone in region_of
    }
    for head in sorted(heads, key=lambda product: (product.starts_at, product)):
        region = region_of[head.zone]
        auctions = [snapshot.auctions[head.in_zone(zone)] for zone in region.zones]
        try:
            found += _clear_region(snapshot, head, region, auctions)
        except ClearingError as error:
            problems.append(f"region product {head.id} cannot be solved: {error}")
    return Decisions(tuple(found), tuple(problems))


def _clear_region(
    snapshot: Snapshot, head: Product, region: Region, auctions: Sequence[Auction]
) -> list[Action]:
    """Actions for one product of one region, none while it is not time."""
    if region.lines and snapshot.now < auctions[0].coupled_until:
        return _clear_coupled(snapshot, head, region, auctions)
    return [
        _clear_single(auction, snapshot)
        for auction in auctions
        if _is_clearable(auction, snapshot) and (auction.buys or auction.sells)
    ]


def _is_clearable(auction: Auction, snapshot: Snapshot) -> bool:
    return (
        not auction.is_cleared
        and auction.gate_at <= snapshot.now < auction.product.starts_at
        and not snapshot.is_halted(auction.product)
    )


def _clear_single(auction: Auction, snapshot: Snapshot) -> Action:
    clearing = single.solve(auction.buys, auction.sells, snapshot.first_tick, snapshot.last_tick)
    return actions.clear(auction.product, auction.gate_at, clearing.low, clearing.high)


def _clear_coupled(
    snapshot: Snapshot, head: Product, region: Region, auctions: Sequence[Auction]
) -> list[Action]:
    """The region's proposal, unless one of its zones cannot be cleared now."""
    if not all(_is_clearable(auction, snapshot) for auction in auctions):
        return []
    links = links_left(snapshot, head, region)
    market = CoupledMarket(
        zones=tuple(
            Zone.of_orders(
                str(auction.product.zone),
                ((level.tick, level.lots) for level in auction.sells),
                ((level.tick, level.lots) for level in auction.buys),
            )
            for auction in auctions
        ),
        links=links,
        lowest_price=snapshot.first_tick,
        highest_price=snapshot.last_tick,
    )
    proposal = coupled.solve(market).encode(links)
    return [actions.clear_coupled(head, auctions[0].gate_at, proposal)]


def links_left(snapshot: Snapshot, head: Product, region: Region) -> tuple[Link, ...]:
    """What the lines still carry: capacity less what flows in the longer products around.

    A flow one way makes room for as much the other way. Longer products are cleared earlier.
    """
    taken = [0] * len(region.lines)
    for product, flows in snapshot.flows.items():
        covers = (
            product.zone == head.zone
            and product.period > head.period
            and head.start_slot in product.slots
        )
        if covers:
            # A line added after that product was cleared has no flow in it.
            for index, flow in enumerate(flows[: len(taken)]):
                taken[index] += flow
    return tuple(
        Link(
            start=region.zones.index(line.from_zone),
            end=region.zones.index(line.to_zone),
            back=max(0, line.back_lots + flow),
            forward=max(0, line.forward_lots - flow),
        )
        for line, flow in zip(region.lines, taken, strict=True)
    )


def decide_claims(snapshot: Snapshot, policy: Policy) -> Iterator[Action]:
    """Free what orders locked beyond what they traded."""
    if not policy.claims:
        return
    size = policy.items_per_transaction(policy.claim_gas)
    for product in sorted(snapshot.claims, key=lambda product: (product.starts_at, product)):
        for part in _parts(snapshot.claims[product], size):
            yield actions.claim(product, part)


def decide_rents(snapshot: Snapshot) -> Iterator[Action]:
    """Give lines' rents to their owners."""
    for rent in snapshot.rents:
        yield actions.collect_rent(rent.region_product, rent.index)


# --- the continuous book --------------------------------------------------------------------------


def decide_removals(snapshot: Snapshot, policy: Policy) -> Iterator[Action]:
    """Take expired orders away that stand before orders that would trade."""
    stale = [
        order.order_id
        for product, orders in sorted(snapshot.books.items())
        if not snapshot.is_halted(product)
        for order in blocking(orders, snapshot.now)
    ]
    for part in _parts(stale, policy.items_per_transaction(policy.removal_gas)):
        yield actions.remove(part)


def decide_matches(snapshot: Snapshot, policy: Policy) -> Iterator[Action]:
    """Match what crosses, best price first, then first come."""
    found = [
        pair
        for product, orders in sorted(snapshot.books.items())
        if snapshot.now < product.gate_at and not snapshot.is_halted(product)
        for pair in pairs(orders, snapshot.now)
    ]
    for part in _parts(found, policy.items_per_transaction(policy.match_gas)):
        yield actions.match(part)


def blocking(orders: Sequence[BookOrder], now: int) -> list[BookOrder]:
    """Expired orders whose price is better than that of an order about to trade."""
    by_id = {order.order_id: order for order in orders}
    trading = [by_id[order_id] for pair in pairs(orders, now) for order_id in pair]
    worst_bid = min((_tick(o) for o in trading if o.quote.side is Side.BUY), default=None)
    worst_ask = max((_tick(o) for o in trading if o.quote.side is Side.SELL), default=None)
    if worst_bid is None or worst_ask is None:
        return []
    return [
        order
        for order in orders
        if order.quote.expires_at <= now
        and (_tick(order) > worst_bid if order.quote.side is Side.BUY else _tick(order) < worst_ask)
    ]


def _tick(order: BookOrder) -> int:
    return order.quote.limit_tick


# --- signed orders --------------------------------------------------------------------------------


def decide_relays(snapshot: Snapshot, policy: Policy) -> Iterator[Action]:
    """Relay signed orders when a batch is full, somebody has waited long enough, or a gate is near.

    Orders of one account stand together, as the market wants them.
    """
    alive = [one for one in snapshot.waiting if is_in_time(one, snapshot.now)]
    size = policy.items_per_transaction(policy.signed_gas)
    if len(alive) < size and not any(_is_urgent(one, snapshot.now, policy) for one in alive):
        return
    ordered = sorted(alive, key=lambda one: (one.signer, one.order.curve.product, one.key))
    groups = [tuple(group) for _, group in groupby(ordered, key=lambda one: one.signer)]
    for batch in _batches(groups, size):
        yield actions.relay(batch)


def is_in_time(waiting: WaitingOrder, now: int) -> bool:
    """Whether the market may still take a signed order, an extended gate included."""
    product = waiting.order.curve.product
    return product.opens_at <= now < product.extended_gate_at


def _is_urgent(waiting: WaitingOrder, now: int, policy: Policy) -> bool:
    gate_is_near = waiting.order.curve.product.gate_at - policy.relay_lead_seconds <= now
    return gate_is_near or now - waiting.received_at >= policy.relay_wait_seconds


def _batches(
    groups: Iterable[tuple[WaitingOrder, ...]], size: int
) -> Iterator[tuple[WaitingOrder, ...]]:
    """Groups put together up to a size; only a group that is larger itself is divided."""
    batch: tuple[WaitingOrder, ...] = ()
    for group in groups:
        for part in _parts(group, size):
            if batch and len(batch) + len(part) > size:
                yield batch
                batch = ()
            batch += part
    if batch:
        yield batch


def _parts(items: Sequence[T], size: int) -> Iterator[tuple[T, ...]]:
    for first in range(0, len(items), size):
        yield tuple(items[first : first + size])
