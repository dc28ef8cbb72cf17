"""False outcomes: each differs from the truth in one thing, and all must be refused.

A mutant is made only where the hour has the thing: no flow can be off its bound where prices are
the same, no interval be narrowed where prices are unique.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from energy_grid.clearing.market import CoupledMarket, Step, Zone
from energy_grid.clearing.packing import PackedSession, PriceGrid, pack_curve
from energy_grid.clearing.proposal import SHARE_ONE, Proposal
from energy_grid.clearing.verify import Outcome, sums

_LARGEST_FIELD: Final = (1 << 40) - 1
_MOVED: Final = 5
"""Energy that no rounding of shares (one unit a zone) explains."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One false call of `clear`.

    Attributes:
        kind: what is false, for people; the same for all mutants of a kind.
        proposal: bytes of the proposal.
        curves: bytes of the curves.
    """

    kind: str
    proposal: bytes
    curves: bytes


def mutants(
    market: CoupledMarket,
    proposal: Proposal,
    outcome: Outcome,
    session: PackedSession,
    grid: PriceGrid,
) -> Iterator[Mutant]:
    """All mutants of an hour."""
    true_curves = b"".join(session.curves)
    for kind, false in _false_proposals(market, proposal, outcome):
        yield Mutant(kind, false.encode(market.links), true_curves)
    true_proposal = proposal.encode(market.links)
    for kind, zone, curve in _false_curves(market, session, grid):
        curves = [*session.curves[:zone], curve, *session.curves[zone + 1 :]]
        yield Mutant(kind, true_proposal, b"".join(curves))


def _false_proposals(
    market: CoupledMarket, proposal: Proposal, outcome: Outcome
) -> Iterator[tuple[str, Proposal]]:
    yield from _false_prices(proposal)
    yield from _false_flows(market, proposal)
    yield from _false_shares(market, proposal, outcome)
    yield from _moved_fills(market, proposal, outcome)
    yield from _false_intervals(proposal)


# --- Prices ---------------------------------------------------------------------------------------


def _false_prices(proposal: Proposal) -> Iterator[tuple[str, Proposal]]:
    for zone in range(len(proposal.prices)):
        for change in (-1, 1):
            prices = _changed(proposal.prices, zone, change)
            yield "price one tick off", replace(proposal, prices=prices)


# --- Flows ----------------------------------------------------------------------------------------


def _false_flows(market: CoupledMarket, proposal: Proposal) -> Iterator[tuple[str, Proposal]]:
    at = [*proposal.prices, *(border.price for border in market.borders)]
    for number, link in enumerate(market.links):
        flow = proposal.flows[number]
        if link.back + link.forward < _LARGEST_FIELD:
            beyond = _changed(proposal.flows, number, link.forward + 1 - flow)
            yield "flow beyond capacity", replace(proposal, flows=beyond)
        inwards = -1 if flow == link.forward else 1
        if at[link.start] != at[link.end] and link.back + link.forward > 0:
            off_bound = _changed(proposal.flows, number, inwards)
            yield "flow off its bound", replace(proposal, flows=off_bound)


# --- Orders at the price --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Tie:
    """Orders of a zone at its price, and how far they are filled."""

    sells: int
    buys: int
    sell_fill: int
    buy_fill: int

    @classmethod
    def of(cls, market: CoupledMarket, outcome: Outcome, zone: int) -> _Tie:
        result = outcome.zones[zone]
        around = sums(market.zones[zone], result.price)
        return cls(
            sells=around.sells_up_to - around.sells_below,
            buys=around.buys_from - around.buys_above,
            sell_fill=result.sold - around.sells_below,
            buy_fill=result.bought - around.buys_above,
        )

    def exporting(self, more: int) -> _Tie | None:
        """The tie if the zone exported so much more; None if its orders cannot."""
        export = self.sell_fill - self.buy_fill + more
        if not -self.buys <= export <= self.sells:
            return None
        sell_fill = min(self.sells, self.buys + export)
        return _Tie(self.sells, self.buys, sell_fill, sell_fill - export)

    @property
    def volume(self) -> int:
        """Energy of the orders at the price that is filled."""
        return self.sell_fill + self.buy_fill

    @property
    def share(self) -> int:
        """The share that says this fill."""
        if self.sell_fill < self.sells:
            return self.sell_fill * SHARE_ONE // self.sells
        if self.buy_fill < self.buys:
            return 2 * SHARE_ONE - self.buy_fill * SHARE_ONE // self.buys
        return SHARE_ONE


def _false_shares(
    market: CoupledMarket, proposal: Proposal, outcome: Outcome
) -> Iterator[tuple[str, Proposal]]:
    """A share that says a fill further off than the one unit of rounding."""
    for zone, share in enumerate(proposal.shares):
        tie = _Tie.of(market, outcome, zone)
        # Below 1 a share speaks of sells, above 1 of buys.
        for total, true, allowed in (
            (tie.sells, min(share, SHARE_ONE), range(SHARE_ONE)),
            (tie.buys, max(share, SHARE_ONE), range(SHARE_ONE + 1, 2 * SHARE_ONE + 1)),
        ):
            if total:
                enough = 2 * (SHARE_ONE + total) // total + 1
                for false in (true - enough, true + enough):
                    if false in allowed:
                        yield "tie share changed", _with_share(proposal, zone, false)


def _with_share(proposal: Proposal, zone: int, share: int) -> Proposal:
    return replace(proposal, shares=(*proposal.shares[:zone], share, *proposal.shares[zone + 1 :]))


def _moved_fills(
    market: CoupledMarket, proposal: Proposal, outcome: Outcome
) -> Iterator[tuple[str, Proposal]]:
    """Orders at the price filled here instead of there, with the shares that say so.

    Where one zone's sells and the other's buys stand at the price, it is less that trades.
    """
    for number, link in enumerate(market.links):
        ends = (link.start, link.end)
        if not all(market.is_zone(node) for node in ends):
            continue
        if proposal.prices[link.start] != proposal.prices[link.end]:
            continue
        start, end = (_Tie.of(market, outcome, node) for node in ends)
        for by in (_MOVED, -_MOVED):
            moved_start, moved_end = start.exporting(by), end.exporting(-by)
            if moved_start is None or moved_end is None:
                continue
            if not -link.back <= proposal.flows[number] + by <= link.forward:
                continue
            false = replace(proposal, flows=_changed(proposal.flows, number, by))
            false = _with_share(false, link.start, moved_start.share)
            false = _with_share(false, link.end, moved_end.share)
            less = moved_start.volume + moved_end.volume < start.volume + end.volume
            yield "volume not maximal" if less else "ties not curtailed alike", false


# --- Intervals ------------------------------------------------------------------------------------


def _false_intervals(proposal: Proposal) -> Iterator[tuple[str, Proposal]]:
    """Ends moved by a tick, each zone's alone and all together, with the middle that follows."""
    if proposal.interval is None:
        return
    low, high = proposal.interval
    loose = [zone for zone in range(len(low)) if low[zone] < high[zone]]
    together = [loose] if len(loose) > 1 else []
    for zones in [*([zone] for zone in loose), *together]:
        for kind, low_by, high_by in (
            ("interval narrowed", 1, 0),
            ("interval narrowed", 0, -1),
            ("interval widened", -1, 0),
            ("interval widened", 0, 1),
            ("interval shifted", 1, 1),
            ("interval shifted", -1, -1),
        ):
            false_low = _all_changed(low, zones, low_by)
            false_high = _all_changed(high, zones, high_by)
            middle = tuple((a + b) // 2 for a, b in zip(false_low, false_high, strict=True))
            yield kind, replace(proposal, prices=middle, interval=(false_low, false_high))
    yield "interval left out", replace(proposal, interval=None)


# --- Curves ---------------------------------------------------------------------------------------


def _false_curves(
    market: CoupledMarket, session: PackedSession, grid: PriceGrid
) -> Iterator[tuple[str, int, bytes]]:
    """Every zone's curve without an order, with another energy, another price, another split."""
    for number, zone in enumerate(market.zones):
        for kind, false in _false_zones(zone, grid):
            yield kind, number, pack_curve(false, grid)
        curve = session.curves[number]
        if curve[0]:
            yield "sells taken for buys", number, bytes([curve[0] - 1, curve[1] + 1]) + curve[2:]


def _false_zones(zone: Zone, grid: PriceGrid) -> Iterator[tuple[str, Zone]]:
    for sells in (True, False):
        steps = zone.sells if sells else zone.buys
        if not steps:
            continue
        place = len(steps) // 2
        step = steps[place]
        others = [*steps[:place], *steps[place + 1 :]]
        price_by = grid.order_tick if step.price < grid.highest else -grid.order_tick
        for kind, altered in (
            ("order left out", others),
            ("order's energy altered", [*others, Step(step.price, step.energy + 1)]),
            ("order's price altered", [*others, Step(step.price + price_by, step.energy)]),
        ):
            orders = [(each.price, each.energy) for each in altered]
            same = [(each.price, each.energy) for each in (zone.buys if sells else zone.sells)]
            yield (
                kind,
                Zone.of_orders(zone.name, orders if sells else same, same if sells else orders),
            )


def _changed(values: tuple[int, ...], place: int, by: int) -> tuple[int, ...]:
    return _all_changed(values, [place], by)


def _all_changed(values: tuple[int, ...], places: list[int], by: int) -> tuple[int, ...]:
    return tuple(value + by if place in places else value for place, value in enumerate(values))
