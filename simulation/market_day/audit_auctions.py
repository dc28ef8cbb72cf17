"""Do the auctions add up? Checked from the chain's events, the clearing done over again.

Every check gives what is left over where nothing may be left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from energy_grid.clearing.coupled import solve
from energy_grid.clearing.market import CoupledMarket, Link, Zone
from energy_grid.clearing.verify import verify
from energy_grid.curves import FIRST_TICK, LAST_TICK, Curve
from energy_grid.ids import Side
from energy_grid.products import Period, Product
from energy_grid.slots import FIRST_WEEK_SLOT
from energy_grid.units import SLOTS_PER_HOUR
from simulation.market_day.auctions import Auction, AuctionFacts, Fill
from simulation.market_day.residuals import Kind, Residual


def audit_auctions(facts: AuctionFacts) -> tuple[Residual, ...]:
    """All checks of the day's auctions."""
    regions = facts.regions()
    again = [_clear_again(facts, auctions) for auctions in regions]
    return (
        Residual(
            Kind.ENERGY,
            "auctions: bought - sold over the region, summed over auctions",
            sum(abs(_bought_minus_sold(facts, auctions)) for auctions in regions),
        ),
        Residual(
            Kind.ENERGY,
            "auctions: sold - bought of a zone - flow out of it, summed",
            sum(_export_differences(facts, auctions) for auctions in regions),
        ),
        Residual(
            Kind.ENERGY,
            "line: flow beyond its capacity, summed over slots",
            _beyond_capacity(facts),
        ),
        Residual(
            Kind.ENERGY,
            "auctions: claimed - cleared, by zone and side, summed",
            sum(_claim_differences(facts, auction) for auction in facts.auctions),
        ),
        Residual(
            Kind.ENERGY,
            "auctions: claims off what the curve and the price say, summed",
            sum(
                _unfair_lots(auction) * _lot_wh(facts, auction.product)
                for auction in facts.auctions
            ),
        ),
        Residual(
            Kind.ENERGY,
            "auctions: cleared - cleared again from the curves, summed",
            sum(outcome.energy_off_wh for outcome in again),
        ),
        Residual(
            Kind.MONEY,
            "auctions: value cleared - value cleared again, summed",
            sum(outcome.value_off_units for outcome in again),
        ),
        Residual(
            Kind.MONEY,
            "auctions: paid - earned - congestion rent, summed",
            sum(_unpaid_rent(facts, auctions) for auctions in regions),
        ),
    )


# --- Balances -------------------------------------------------------------------------------------


def _lot_wh(facts: AuctionFacts, product: Product) -> int:
    return facts.lot_wh * product.slot_count


def _bought_minus_sold(facts: AuctionFacts, auctions: Sequence[Auction]) -> int:
    lots = sum(a.result.bought_lots - a.result.sold_lots for a in auctions)
    return lots * _lot_wh(facts, auctions[0].product)


def _export_differences(facts: AuctionFacts, auctions: Sequence[Auction]) -> int:
    flow = facts.line_lots(auctions)
    outflow = dict(zip(facts.zones, (flow, -flow), strict=True))
    return sum(
        abs(a.result.sold_lots - a.result.bought_lots - outflow[a.product.zone])
        * _lot_wh(facts, a.product)
        for a in auctions
    )


def _unpaid_rent(facts: AuctionFacts, auctions: Sequence[Auction]) -> int:
    head = auctions[0].product.in_zone(facts.zones[0])
    return abs(facts.rent_due(auctions) - facts.rent.get(head, 0))


def _beyond_capacity(facts: AuctionFacts) -> int:
    """What flows in all auctions of a slot together, beyond what the line carries."""
    by_slot: dict[int, int] = {}
    for auctions in facts.regions():
        for slot in auctions[0].product.slots:
            by_slot[slot] = by_slot.get(slot, 0) + facts.line_lots(auctions)
    forward, back = capacity_lots(facts)
    return sum(max(flow - forward, -back - flow, 0) for flow in by_slot.values()) * facts.lot_wh


def capacity_lots(facts: AuctionFacts) -> tuple[int, int]:
    """What the line carries in a slot, forward and back, in whole lots."""
    forward_w, back_w = facts.line_w
    return (
        forward_w // SLOTS_PER_HOUR // facts.lot_wh,
        back_w // SLOTS_PER_HOUR // facts.lot_wh,
    )


# --- Claims ---------------------------------------------------------------------------------------


def _claim_differences(facts: AuctionFacts, auction: Auction) -> int:
    claimed = {Side.BUY: 0, Side.SELL: 0}
    for fill in auction.fills.values():
        claimed[fill.side] += fill.lots
    bought_off = abs(claimed[Side.BUY] - auction.result.bought_lots)
    sold_off = abs(claimed[Side.SELL] - auction.result.sold_lots)
    return (bought_off + sold_off) * _lot_wh(facts, auction.product)


def _unfair_lots(auction: Auction) -> int:
    """Lots by which claims miss what is due: better steps in full, a fair share at the price.

    Shares follow from one running total, so each is the exact share rounded up or down.
    """
    off = 0
    for account_id, fill in auction.fills.items():
        curve = auction.curves.get(account_id)
        if curve is None:
            off += fill.lots
            continue
        lowest, highest = _due_lots(auction, curve, fill)
        off += max(lowest - fill.lots, fill.lots - highest, 0)
    missing = [curve for account, curve in auction.curves.items() if account not in auction.fills]
    return off + sum(_sure_lots(auction, curve) for curve in missing)


def _due_lots(auction: Auction, curve: Curve, fill: Fill) -> tuple[int, int]:
    """Least and most that a claim on its side can be."""
    result = auction.result
    at_price = sum(
        step.lots
        for step in curve.steps
        if step.side is fill.side and step.limit_tick == result.clearing_tick
    )
    sure = _better_lots(auction, curve, fill.side)
    if not (result.tick_lots and result.rationed_side is fill.side):
        return sure + at_price, sure + at_price
    share, rest = divmod(at_price * result.due_lots, result.tick_lots)
    return sure + share, sure + share + (1 if rest else 0)


def _better_lots(auction: Auction, curve: Curve, side: Side) -> int:
    price = auction.result.clearing_tick
    return sum(
        step.lots
        for step in curve.steps
        if step.side is side
        and (step.limit_tick > price if side is Side.BUY else step.limit_tick < price)
    )


def _sure_lots(auction: Auction, curve: Curve) -> int:
    """What a curve that nobody claimed is due in any case."""
    return sum(_better_lots(auction, curve, side) for side in Side)


# --- Clearing again -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Difference:
    """How far the chain's result is from one found anew.

    Attributes:
        energy_off_wh: volumes and flow.
        value_off_units: what buyers pay.
    """

    energy_off_wh: int
    value_off_units: int


def _clear_again(facts: AuctionFacts, auctions: Sequence[Auction]) -> _Difference:
    """Solve auctions that belong together from the curves that stood in their books."""
    market = CoupledMarket(
        zones=tuple(_zone(auction) for auction in auctions),
        links=(_line(facts, auctions),) if auctions[0].coupled else (),
        lowest_price=FIRST_TICK,
        highest_price=LAST_TICK,
    )
    proposal = solve(market)
    outcome = verify(market, proposal)
    lots_off = abs(facts.line_lots(auctions) - sum(proposal.flows))
    value_off = 0
    for auction, zone in zip(auctions, outcome.zones, strict=True):
        result = auction.result
        lots_off += abs(result.bought_lots - zone.bought) + abs(result.sold_lots - zone.sold)
        value_off += abs(
            facts.value(auction, result.bought_lots)
            - facts.units.value(zone.bought, zone.price, auction.product.slot_count)
        )
    return _Difference(lots_off * _lot_wh(facts, auctions[0].product), value_off)


def _line(facts: AuctionFacts, auctions: Sequence[Auction]) -> Link:
    """The line with what the longer auctions over the same slots leave of it."""
    product = auctions[0].product
    taken = 0
    for period in Period:
        if period <= product.period:
            continue
        longer = _covering(facts.zones[0], period, product.start_slot)
        covering = facts.auction_of(longer)
        taken += facts.line_lots((covering,)) if covering else 0
    forward, back = capacity_lots(facts)
    return Link(start=0, end=1, back=max(back + taken, 0), forward=max(forward - taken, 0))


def _covering(zone: int, period: Period, slot: int) -> Product:
    """The product of a period that holds a slot."""
    first = FIRST_WEEK_SLOT if period is Period.WEEK else 0
    return Product.auction(zone, period, slot - (slot - first) % period.slots)


def _zone(auction: Auction) -> Zone:
    return Zone.of_orders(
        f"zone {auction.product.zone}",
        _orders(auction.curves.values(), Side.SELL),
        _orders(auction.curves.values(), Side.BUY),
    )


def _orders(curves: Iterable[Curve], side: Side) -> list[tuple[int, int]]:
    return [
        (step.limit_tick, step.lots)
        for curve in curves
        for step in curve.steps
        if step.side is side
    ]
