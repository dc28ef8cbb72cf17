"""Check a proposal by the rules of the coupled auction, slowly and obviously.

It shares no arithmetic with the solver and mirrors the rules, not the contract: where the contract
shows that no price can move, this looks for the lowest and the highest valid prices themselves.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction

from energy_grid.clearing.errors import ProposalRefusedError
from energy_grid.clearing.market import CoupledMarket, Zone
from energy_grid.clearing.proposal import SHARE_ONE, Proposal


@dataclass(frozen=True, slots=True)
class ZoneOutcome:
    """What a zone trades.

    Attributes:
        price: clearing price in ticks.
        net_export: sold minus bought.
        sold: energy sold.
        bought: energy bought.
        rations_buys: side of the orders at the price that are filled in part.
        rationed_fill: what those orders get together.
        rationed_total: what they ask for; 0 if no order is filled in part.
    """

    price: int
    net_export: int
    sold: int
    bought: int
    rations_buys: bool
    rationed_fill: int
    rationed_total: int

    @property
    def traded(self) -> bool:
        """Whether the zone publishes a price."""
        return bool(self.sold or self.bought)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An accepted proposal in full.

    Attributes:
        zones: in the market's order.
        rent: congestion rent in ticks times energy.
    """

    zones: tuple[ZoneOutcome, ...]
    rent: int


@dataclass(frozen=True, slots=True)
class _Sums:
    sells_below: int
    sells_up_to: int
    buys_above: int
    buys_from: int

    @property
    def band(self) -> tuple[int, int]:
        """Net exports that the zone's orders allow."""
        return self.sells_below - self.buys_from, self.sells_up_to - self.buys_above


def verify(market: CoupledMarket, proposal: Proposal) -> Outcome:
    """Accept a proposal.

    Raises:
        ProposalRefusedError: it is not the outcome of the market, and why.
    """
    _check_shape(market, proposal)
    _check_bounds(market, proposal)
    net_exports = proposal.net_exports(market)
    _check_bands(market, proposal.prices, net_exports)
    _check_links(market, proposal.prices, proposal)
    _check_shares_across(market, proposal)
    zones = tuple(
        _outcome(number, zone, price, net_export, share)
        for number, (zone, price, net_export, share) in enumerate(
            zip(market.zones, proposal.prices, net_exports, proposal.shares, strict=True)
        )
    )
    _check_price_rule(market, proposal, net_exports)
    return Outcome(zones, _rent(market, proposal))


def sums(zone: Zone, price: int) -> _Sums:
    """Energy of a zone's orders around a price."""
    return _Sums(
        sells_below=sum(step.energy for step in zone.sells if step.price < price),
        sells_up_to=sum(step.energy for step in zone.sells if step.price <= price),
        buys_above=sum(step.energy for step in zone.buys if step.price > price),
        buys_from=sum(step.energy for step in zone.buys if step.price >= price),
    )


def _check_shape(market: CoupledMarket, proposal: Proposal) -> None:
    zones, links = len(market.zones), len(market.links)
    ends = [len(end) for end in proposal.interval] if proposal.interval else []
    given = (len(proposal.prices), len(proposal.shares), len(proposal.flows), *ends)
    expected = (zones, zones, links, *(zones for _ in ends))
    if given != expected:
        raise ProposalRefusedError(
            "ProposalLength",
            "numbers of prices, shares, flows, ends",
            expected=expected,
            given=given,
        )


def _check_bounds(market: CoupledMarket, proposal: Proposal) -> None:
    for prices in (proposal.prices, *(proposal.interval or ())):
        for zone, price in enumerate(prices):
            if not market.lowest_price <= price <= market.highest_price:
                raise ProposalRefusedError("PriceOutOfRange", "price", zone=zone, price=price)
    for zone, share in enumerate(proposal.shares):
        if not 0 <= share <= 2 * SHARE_ONE:
            raise ProposalRefusedError("ShareOutOfRange", "share", zone=zone, share=share)
    for number, (link, flow) in enumerate(zip(market.links, proposal.flows, strict=True)):
        if not -link.back <= flow <= link.forward:
            raise ProposalRefusedError("FlowOutOfBounds", "flow", link=number, flow=flow)


def _node_prices(market: CoupledMarket, prices: tuple[int, ...]) -> list[int]:
    return [*prices, *(border.price for border in market.borders)]


def _check_bands(
    market: CoupledMarket, prices: tuple[int, ...], net_exports: tuple[int, ...]
) -> None:
    for number, zone in enumerate(market.zones):
        lowest, highest = sums(zone, prices[number]).band
        if not lowest <= net_exports[number] <= highest:
            raise ProposalRefusedError(
                "NetExportOutsideBand",
                f"net export of {zone.name}, {lowest} to {highest} at {prices[number]}",
                given=net_exports[number],
            )


def _check_links(market: CoupledMarket, prices: tuple[int, ...], proposal: Proposal) -> None:
    """Energy flows to where it is worth more until the link is full."""
    at = _node_prices(market, prices)
    for number, (link, flow) in enumerate(zip(market.links, proposal.flows, strict=True)):
        if (at[link.start] < at[link.end] and flow != link.forward) or (
            at[link.start] > at[link.end] and flow != -link.back
        ):
            raise ProposalRefusedError(
                "FlowNotAtBound", "prices differ across a link with room", link=number, flow=flow
            )


def _check_shares_across(market: CoupledMarket, proposal: Proposal) -> None:
    """Between zones of one price energy flows to the higher share until the link is full."""
    for number, (link, flow) in enumerate(zip(market.links, proposal.flows, strict=True)):
        if not (market.is_zone(link.start) and market.is_zone(link.end)):
            continue
        if proposal.prices[link.start] != proposal.prices[link.end]:
            continue
        start, end = proposal.shares[link.start], proposal.shares[link.end]
        if (start < end and flow != link.forward) or (start > end and flow != -link.back):
            raise ProposalRefusedError(
                "FlowNotAtBound", "shares differ across a link with room", link=number, flow=flow
            )


def _outcome(number: int, zone: Zone, price: int, net_export: int, share: int) -> ZoneOutcome:
    around = sums(zone, price)
    tied_sells = around.sells_up_to - around.sells_below
    tied_buys = around.buys_from - around.buys_above
    # Of all fills that give this net export the one with most trade: one side is full.
    tied_export = net_export - around.sells_below + around.buys_above
    buy_fill = min(tied_buys, tied_sells - tied_export)
    sell_fill = buy_fill + tied_export
    shares = Fraction(share, SHARE_ONE)
    for fill, total, part in (
        (sell_fill, tied_sells, min(shares, Fraction(1))),
        (buy_fill, tied_buys, 2 - max(shares, Fraction(1))),
    ):
        # One unit, and what a share cannot express.
        if abs(fill - part * total) > 1 + Fraction(total, SHARE_ONE):
            raise ProposalRefusedError(
                "ShareNotProportional", "fill at the price", zone=number, fill=fill, total=total
            )
    rations_sells = sell_fill < tied_sells
    rations_buys = buy_fill < tied_buys
    return ZoneOutcome(
        price=price,
        net_export=net_export,
        sold=around.sells_below + sell_fill,
        bought=around.buys_above + buy_fill,
        rations_buys=rations_buys,
        rationed_fill=sell_fill if rations_sells else buy_fill if rations_buys else 0,
        rationed_total=tied_sells if rations_sells else tied_buys if rations_buys else 0,
    )


def _check_price_rule(
    market: CoupledMarket, proposal: Proposal, net_exports: tuple[int, ...]
) -> None:
    low = _extreme_prices(market, proposal, net_exports, direction=-1)
    high = _extreme_prices(market, proposal, net_exports, direction=1)
    if low == high:
        if proposal.interval is not None:
            raise ProposalRefusedError("IntervalNotNeeded", "the prices are the only ones")
        return
    if proposal.interval is None:
        raise ProposalRefusedError("PricesNotUnique", "the interval is missing", low=low, high=high)
    middle = tuple((a + b) // 2 for a, b in zip(*proposal.interval, strict=True))
    if proposal.prices != middle:
        raise ProposalRefusedError(
            "NotTheMidpoint", "prices", given=proposal.prices, expected=middle
        )
    if proposal.interval[0] != low:
        raise ProposalRefusedError(
            "IntervalNotLowest", "lower end", given=proposal.interval[0], expected=low
        )
    if proposal.interval[1] != high:
        raise ProposalRefusedError(
            "IntervalNotHighest", "upper end", given=proposal.interval[1], expected=high
        )


def _extreme_prices(
    market: CoupledMarket, proposal: Proposal, net_exports: tuple[int, ...], direction: int
) -> tuple[int, ...]:
    """Lowest (direction -1) or highest (1) prices that are valid with the proposal's flows.

    Starts from each zone alone, as far out as its band allows, and moves zones in as links ask for
    it: a link with room towards its end forbids a higher price there, one with room towards its
        start a higher one here.
    """
    prices = [
        _furthest(market, zone, export, direction)
        for zone, export in zip(market.zones, net_exports, strict=True)
    ]
    at = [*prices, *(border.price for border in market.borders)]
    moved = True
    while moved:
        moved = False
        for link, flow in zip(market.links, proposal.flows, strict=True):
            pairs = []  # (cheaper or equal, dearer or equal)
            if flow < link.forward:
                pairs.append((link.end, link.start))
            if flow > -link.back:
                pairs.append((link.start, link.end))
            for cheap, dear in pairs:
                if at[cheap] > at[dear]:
                    inner, bound = (dear, at[cheap]) if direction < 0 else (cheap, at[dear])
                    if not market.is_zone(inner):
                        raise ProposalRefusedError(
                            "FlowNotAtBound", "a border's price forbids the flow", flow=flow
                        )
                    at[inner] = bound
                    moved = True
    extreme = tuple(at[: len(market.zones)])
    _check_bands(market, extreme, net_exports)
    return extreme


def _furthest(market: CoupledMarket, zone: Zone, net_export: int, direction: int) -> int:
    """Lowest or highest price at which one zone's band holds the net export.

    Bands change at order prices and right beside them only, and both their ends rise with the
    price.
    """
    orders = {step.price for step in (*zone.sells, *zone.buys)}
    beside = {price + step for price in orders for step in (-1, 0, 1)}
    prices = sorted(
        {market.lowest_price, market.highest_price}
        | {price for price in beside if market.lowest_price <= price <= market.highest_price}
    )
    if direction < 0:
        return prices[bisect_left(prices, net_export, key=lambda price: sums(zone, price).band[1])]
    beyond = bisect_right(prices, net_export, key=lambda price: sums(zone, price).band[0])
    return prices[beyond - 1]


def _rent(market: CoupledMarket, proposal: Proposal) -> int:
    at = _node_prices(market, proposal.prices)
    return sum(
        flow * (at[link.end] - at[link.start])
        for link, flow in zip(market.links, proposal.flows, strict=True)
    )
