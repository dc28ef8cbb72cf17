"""Clearing the auctions of a region together, and the rent of its lines. Section 6."""

from __future__ import annotations

from collections.abc import Sequence

from energy_grid.clearing.errors import ProposalRefusedError
from energy_grid.clearing.market import CoupledMarket, Link, Zone
from energy_grid.clearing.proposal import Proposal
from energy_grid.clearing.verify import verify
from energy_grid.curves import FIRST_TICK, LAST_TICK
from energy_grid.model.auction_record import AuctionResult
from energy_grid.model.book import LOT_WH
from energy_grid.model.call_auction import Curves, result_at
from energy_grid.model.positions import Positions
from energy_grid.model.quotes import auction_product
from energy_grid.model.refused import Refused
from energy_grid.model.regions import Regions
from energy_grid.products import Product
from energy_grid.units import money


class CoupledClearing(Regions, Positions):
    """Auctions of several zones, one proposal."""

    def clear_coupled(
        self, product_id: int, proposal: Proposal, now: int
    ) -> list[AuctionResult] | None:
        """Close the auctions of all zones of a region; None if that moved their gates instead."""
        region = product_id >> 40
        if not self.interconnectors.get(region):
            raise Refused("NotCoupled", zone=region)
        head = auction_product(product_id)
        products = [head.in_zone(zone) for zone in self.zones_of(region)]
        for product in products:
            self.require_clearable(product, now)
        until = self.coupled_until(head)
        if now >= until:
            raise Refused("CoupledTooLate", now=now, until=until)
        curves = [self.curves_in(product) for product in products]
        results = verified_results(curves, self.links_left(head), proposal)
        if self.extends(products, results, now):
            return None
        self.results.update(zip(products, results, strict=True))
        self.flows[head] = list(proposal.flows)
        return results

    def links_left(self, head: Product) -> list[Link]:
        """What the lines of a region can still carry in a product.

        Longer products are cleared before the shorter ones within them, so what those flow is
        known; a flow one way makes room for as much the other way.
        """
        zones = self.zones_of(head.zone)
        links = []
        for index, line in enumerate(self.interconnectors.get(head.zone, [])):
            taken = self._flow_of_longer(head, index)
            links.append(
                Link(
                    zones.index(line.from_zone),
                    zones.index(line.to_zone),
                    back=max(0, line.back_lots + taken),
                    forward=max(0, line.forward_lots - taken),
                )
            )
        return links

    def _flow_of_longer(self, head: Product, index: int) -> int:
        return sum(
            self.flow_of(product, index)
            for product in self.flows
            if product.zone == head.zone
            and product.period > head.period
            and head.start_slot in product.slots
        )

    def collect_rent(self, product_id: int, index: int, now: int) -> int:
        """Give what a line earned in a product to its owner, once. Returns the money."""
        head = auction_product(product_id)
        if now < head.ends_at:
            raise Refused("DeliveryNotOver", now=now, endsAt=head.ends_at)
        rent = self._rent(head, index)
        if not rent or (head, index) in self.rent_collected:
            raise Refused("NoRent", product=product_id, index=index)
        line = self.interconnector(head.zone, index)
        self.rent_collected.add((head, index))
        self.ledger.credit_rent(line.owner, rent)
        return rent

    def _rent(self, head: Product, index: int) -> int:
        """What buyers at one end pay beyond what sellers at the other get, over all slots."""
        flow = self.flow_of(head, index)
        if not flow:
            return 0
        line = self.interconnector(head.zone, index)
        gap = (
            self.results[head.in_zone(line.to_zone)].price_per_kwh
            - self.results[head.in_zone(line.from_zone)].price_per_kwh
        )
        # Energy flows to the dearer zone, so both have the same sign.
        return money(abs(flow) * LOT_WH, abs(gap)) * head.slot_count

    def flow_of(self, head: Product, index: int) -> int:
        """Lots a slot over a line, 0 if the region was not cleared as one."""
        flows = self.flows.get(head, [])
        return flows[index] if index < len(flows) else 0


def verified_results(
    curves: Sequence[Curves], links: Sequence[Link], proposal: Proposal
) -> list[AuctionResult]:
    """Results of all zones, if the proposal is the right one."""
    market = CoupledMarket(
        zones=tuple(
            Zone.of_orders(str(number), curve.sell_lots.items(), curve.buy_lots.items())
            for number, curve in enumerate(curves)
        ),
        links=tuple(links),
        lowest_price=FIRST_TICK,
        highest_price=LAST_TICK,
    )
    try:
        outcome = verify(market, proposal)
    except ProposalRefusedError as error:
        raise Refused(error.rule, proposal=proposal) from error
    return [
        result_at(curve, zone.price, bought=zone.bought, sold=zone.sold)
        for curve, zone in zip(curves, outcome.zones, strict=True)
    ]
