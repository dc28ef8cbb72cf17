"""A region of three zones in a loop, and its proposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from energy_grid.clearing.coupled import solve
from energy_grid.clearing.market import CoupledMarket, Link, Zone
from energy_grid.clearing.proposal import SHARE_ONE, Proposal
from energy_grid.curves import Step
from energy_grid.ids import Side
from energy_grid.products import Product
from energy_grid.units import Zone as ZoneId
from tests.utils.auction_market import ANYBODY, FIRST_TICK, LAST_TICK, Account, AuctionMarket

ZONES: Final = (11, 12, 13)
LINKS: Final = ((11, 12, 400, 200), (12, 13, 400, 400), (11, 13, 120, 0))
"""From, to, W forward, W back: 100/50, 100/100 and 30/0 lots a slot."""
SIDE_OF_POWER: Final = 4
"""Power in W that carries one lot of 1 Wh in a slot."""


class Region:
    """The zones' books as they were placed, with the accounts that trade in them."""

    def __init__(
        self,
        market: AuctionMarket,
        zones: Sequence[int] = ZONES,
        links: Sequence[tuple[int, int, int, int]] = LINKS,
    ) -> None:
        self.market = market
        self.zones = tuple(zones)
        self.links = tuple(
            Link(
                self.zones.index(start),
                self.zones.index(end),
                back // SIDE_OF_POWER,
                forward // SIDE_OF_POWER,
            )
            for start, end, forward, back in links
        )
        self.steps: dict[int, tuple[Step, ...]] = {}

    def accounts(self, zone: int) -> list[Account]:
        """Members of a zone."""
        return [account for account in self.market.accounts if account.zone == zone]

    def in_zone(self, product: Product, zone: int) -> Product:
        """The product in another zone."""
        return replace(product, zone=ZoneId(zone))

    def place(self, product: Product, zone: int, *steps: Step, number: int = 0) -> Account:
        """Make the steps the curve of a member of the zone."""
        account = self.accounts(zone)[number]
        self.market.place(account, self.in_zone(product, zone), *steps)
        self.steps[account.id] = steps
        return account

    def coupled_market(self, links: Sequence[Link] | None = None) -> CoupledMarket:
        """The books as the solver takes them."""
        zones = []
        for zone in self.zones:
            steps = [s for a in self.accounts(zone) for s in self.steps.get(a.id, ())]
            zones.append(
                Zone.of_orders(
                    str(zone),
                    [(s.limit_tick, s.lots) for s in steps if s.side is Side.SELL],
                    [(s.limit_tick, s.lots) for s in steps if s.side is Side.BUY],
                )
            )
        return CoupledMarket(
            tuple(zones), self.links if links is None else tuple(links), FIRST_TICK, LAST_TICK
        )

    def solution(self) -> Proposal:
        """The right proposal."""
        return solve(self.coupled_market())

    def clear(self, product: Product, proposal: Proposal | None = None) -> None:
        """Clear the region together."""
        proposal = self.solution() if proposal is None else proposal
        self.clear_bytes(product, proposal.encode(self.links))

    def clear_bytes(self, product: Product, proposal: bytes) -> None:
        """Clear the region with any bytes."""
        self.market.market.send(ANYBODY, "clearCoupled", product.id, proposal)

    def flows(self, product: Product) -> list[int]:
        """Lots per slot over each interconnector."""
        ask = self.market.market.ask
        return [ask("flowOf", product.id, index) for index in range(len(self.links))]


def proposal(
    prices: Sequence[int], flows: Sequence[int], shares: Sequence[int] | None = None
) -> Proposal:
    """A proposal without an interval; shares of 1 unless given."""
    return Proposal(
        tuple(prices), tuple(shares or [SHARE_ONE] * len(prices)), tuple(flows), interval=None
    )
