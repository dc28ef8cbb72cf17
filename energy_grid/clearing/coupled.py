"""Solve a coupled auction: the one proposal that the chain accepts.

1. A linear programme (HiGHS) finds flows of greatest welfare. Its matrix is that of a network, so
   its corner solutions are whole numbers.
2. From the flows the lowest and the highest valid prices follow exactly, in whole numbers, and from
   them the
   price: their middle, rounded down.
3. Orders at the price are curtailed alike across zones (`ties`), and the flows brought into line.

The result is checked by `verify`, which knows nothing of all this, before anybody sees it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from energy_grid.clearing.errors import SolverError
from energy_grid.clearing.market import CoupledMarket, Link, Zone
from energy_grid.clearing.proposal import SHARE_ONE, Proposal
from energy_grid.clearing.ties import OpenLink, Ties, tie_shares
from energy_grid.clearing.verify import verify

_WHOLE: Final = 1e-3
"""Furthest that a corner solution in floating point may lie from its whole number."""


def solve(market: CoupledMarket) -> Proposal:
    """The outcome of a market.

    Raises:
        SolverError: the linear programme failed.
        ProposalRefusedError: what came out breaks a rule: a fault of this module or of HiGHS.
    """
    ladders = [_Ladder.of(zone) for zone in market.zones]
    flows = _welfare_flows(market)
    low, high = _price_interval(market, ladders, flows)
    prices = tuple((lowest + highest) // 2 for lowest, highest in zip(low, high, strict=True))
    shares, flows = _curtail(market, ladders, prices, flows)
    proposal = Proposal(
        prices=prices,
        shares=tuple(round(share * SHARE_ONE) for share in shares),
        flows=tuple(flows),
        interval=None if low == high else (low, high),
    )
    verify(market, proposal)
    return proposal


# --- Curves ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ladder:
    """A zone's orders by price with running totals, for sums at any price."""

    sell_prices: list[int]
    sold_before: list[int]
    buy_prices: list[int]
    bought_before: list[int]

    @classmethod
    def of(cls, zone: Zone) -> _Ladder:
        buys = zone.buys[::-1]
        return cls(
            [step.price for step in zone.sells],
            list(accumulate((step.energy for step in zone.sells), initial=0)),
            [step.price for step in buys],
            list(accumulate((step.energy for step in buys), initial=0)),
        )

    def sells_below(self, price: int) -> int:
        return self.sold_before[bisect_left(self.sell_prices, price)]

    def sells_up_to(self, price: int) -> int:
        return self.sold_before[bisect_right(self.sell_prices, price)]

    def buys_above(self, price: int) -> int:
        return self.bought_before[-1] - self.bought_before[bisect_right(self.buy_prices, price)]

    def buys_from(self, price: int) -> int:
        return self.bought_before[-1] - self.bought_before[bisect_left(self.buy_prices, price)]

    def most_export(self, price: int) -> int:
        return self.sells_up_to(price) - self.buys_above(price)

    def price_range(self, net_export: int, lowest: int, highest: int) -> tuple[int, int]:
        """Prices at which the zone alone can have this net export.

        `most_export` rises with the price and changes at order prices only: the first price that
        allows the export is an order's, and so is the last, for one tick above the next order's
        price more must be exported.
        """
        prices = sorted({lowest, *self.sell_prices, *self.buy_prices})
        low = bisect_left(prices, net_export, key=self.most_export)
        beyond = bisect_right(prices, net_export, key=self.most_export)
        if low == len(prices):
            raise SolverError(
                "no price allows a zone's net export", found=net_export, expected="HiGHS's optimum"
            )
        return prices[low], prices[beyond] if beyond < len(prices) else highest


# --- Flows of greatest welfare --------------------------------------------------------------------


def _welfare_flows(market: CoupledMarket) -> list[int]:
    """Flows of a welfare optimum. Variables: fill of every step, then the flows."""
    costs: list[int] = []
    bounds: list[tuple[int, int]] = []
    balance: list[tuple[int, int, int]] = []  # row (zone), column, coefficient
    for number, zone in enumerate(market.zones):
        for steps, sign in ((zone.sells, 1), (zone.buys, -1)):
            for step in steps:
                balance.append((number, len(costs), sign))
                costs.append(sign * step.price)
                bounds.append((0, step.energy))
    first_flow = len(costs)
    for link in market.links:
        for node, sign in ((link.start, -1), (link.end, 1)):
            if market.is_zone(node):
                balance.append((node, len(costs), sign))
        costs.append(_border_price(market, link.start) - _border_price(market, link.end))
        bounds.append((-link.back, link.forward))
    return _solve(costs, balance, [0] * len(market.zones), bounds)[first_flow:]


def _border_price(market: CoupledMarket, node: int) -> int:
    """What energy from a border costs; zones pay for theirs by their steps."""
    return 0 if market.is_zone(node) else market.borders[node - len(market.zones)].price


def _solve(
    costs: Sequence[int],
    balance: Sequence[tuple[int, int, int]],
    totals: Sequence[int],
    bounds: Sequence[tuple[int, int]],
) -> list[int]:
    """Whole-number corner solution of `min costs * x`, `balance * x = totals`, x within bounds."""
    if not costs:
        return []
    rows, columns, coefficients = zip(*balance, strict=True) if balance else ((), (), ())
    matrix = csr_matrix((coefficients, (rows, columns)), shape=(len(totals), len(costs)))
    result = linprog(
        np.array(costs, dtype=float),
        A_eq=matrix,
        b_eq=np.array(totals, dtype=float),
        bounds=bounds,
        method="highs-ds",
    )
    if result.status != 0:
        raise SolverError("HiGHS found no optimum", found=result.message)
    whole = [round(value) for value in result.x]
    off = max((abs(a - b) for a, b in zip(result.x, whole, strict=True)), default=0.0)
    if off > _WHOLE:
        raise SolverError(
            "HiGHS's solution is no corner of the network",
            expected="whole units of energy",
            found=f"{off:.2g} off",
        )
    return whole


# --- Prices ---------------------------------------------------------------------------------------


def _price_interval(
    market: CoupledMarket, ladders: Sequence[_Ladder], flows: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Lowest and highest valid prices, zone by zone.

    Each zone's own range, narrowed until links agree: where a link has room, its end towards the
    room must not be dearer.
    """
    exports = Proposal((), (), tuple(flows)).net_exports(market)
    ranges = [
        ladder.price_range(export, market.lowest_price, market.highest_price)
        for ladder, export in zip(ladders, exports, strict=True)
    ]
    ranges += [(border.price, border.price) for border in market.borders]
    low = [lowest for lowest, _ in ranges]
    high = [highest for _, highest in ranges]
    not_dearer = [
        (link.end, link.start)
        for link, flow in zip(market.links, flows, strict=True)
        if flow < link.forward
    ] + [
        (link.start, link.end)
        for link, flow in zip(market.links, flows, strict=True)
        if flow > -link.back
    ]
    # A chain of links has no more members than there are nodes.
    for _ in range(market.node_count):
        for cheap, dear in not_dearer:
            low[dear] = max(low[dear], low[cheap])
            high[cheap] = min(high[cheap], high[dear])
    zones = len(market.zones)
    if any(lowest > highest for lowest, highest in zip(low, high, strict=True)):
        raise SolverError("HiGHS's flows have no prices", found=list(zip(low, high, strict=True)))
    return tuple(low[:zones]), tuple(high[:zones])


# --- Orders at the price --------------------------------------------------------------------------


def _curtail(
    market: CoupledMarket,
    ladders: Sequence[_Ladder],
    prices: tuple[int, ...],
    flows: Sequence[int],
) -> tuple[list[Fraction], list[int]]:
    """Tie shares of the zones, and flows that give every zone what its share says."""
    at = [*prices, *(border.price for border in market.borders)]
    fixed = list(flows)
    open_links: dict[int, OpenLink] = {}
    for number, link in enumerate(market.links):
        if at[link.start] == at[link.end]:
            open_links[number] = OpenLink(link.start, link.end, link.back, link.forward)
            fixed[number] = 0
    exported = Proposal((), (), tuple(fixed)).net_exports(market)
    ties = {
        zone: _ties(ladder, price, exported[zone])
        for zone, (ladder, price) in enumerate(zip(ladders, prices, strict=True))
    }
    shares = tie_shares(ties, list(open_links.values()))
    for number, flow in _tie_flows(market, ties, shares, open_links).items():
        fixed[number] = flow
    return [shares[zone] for zone in range(len(market.zones))], fixed


def _ties(ladder: _Ladder, price: int, exported: int) -> Ties:
    below, above = ladder.sells_below(price), ladder.buys_above(price)
    return Ties(
        sells=ladder.sells_up_to(price) - below,
        buys=ladder.buys_from(price) - above,
        bound_export=below - above - exported,
    )


def _tie_flows(
    market: CoupledMarket,
    ties: Mapping[int, Ties],
    shares: Mapping[int, Fraction],
    links: Mapping[int, OpenLink],
) -> dict[int, int]:
    """Flows over links of one price.

    Each zone's tied orders export what their share says, rounded up or down so that it adds up.
    Variables: those exports, then the flows.
    """
    balance: list[tuple[int, int, int]] = []
    bounds: list[tuple[int, int]] = []
    totals: list[int] = []
    for zone, tie in ties.items():
        export = tie.tied_export(shares[zone])
        balance.append((zone, len(bounds), 1))
        bounds.append((math.floor(export), math.ceil(export)))
        totals.append(-tie.bound_export)
    first_flow = len(bounds)
    for link in links.values():
        for node, sign in ((link.start, -1), (link.end, 1)):
            if market.is_zone(node):
                balance.append((node, len(bounds), sign))
        bounds.append(_flow_bounds(link, shares))
    solution = _solve([0] * len(bounds), balance, totals, bounds)
    return dict(zip(links, solution[first_flow:], strict=True))


def _flow_bounds(link: OpenLink | Link, shares: Mapping[int, Fraction]) -> tuple[int, int]:
    """Energy flows to the higher share until the link is full; a border has no share."""
    start, end = shares.get(link.start), shares.get(link.end)
    if start is None or end is None or start == end:
        return -link.back, link.forward
    return (link.forward, link.forward) if start < end else (-link.back, -link.back)
