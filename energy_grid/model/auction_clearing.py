"""Clearing one zone's auction, and claiming what it came to. Section 5."""

from __future__ import annotations

from collections.abc import Sequence

from energy_grid.curves import FIRST_TICK, LAST_TICK
from energy_grid.ids import Side
from energy_grid.model.auction_entry import AuctionEntry
from energy_grid.model.auction_record import AuctionRecord, AuctionResult, RecordState
from energy_grid.model.call_auction import Curves, Interval, is_clearing_interval, outcome
from energy_grid.model.ledger import Account
from energy_grid.model.quotes import auction_product
from energy_grid.model.refused import Refused
from energy_grid.model.zones import HaltScope
from energy_grid.products import Product


class AuctionClearing(AuctionEntry):
    """From the gate of an auction to the last claim."""

    def curves_in(self, product: Product) -> Curves:
        """Demand and supply of an auction as they stand."""
        lots: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        for record in self.curves.values():
            if record.product == product:
                for step in record.steps:
                    of_side = lots[step.side]
                    of_side[step.limit_tick] = of_side.get(step.limit_tick, 0) + step.lots
        return Curves(lots[Side.BUY], lots[Side.SELL], FIRST_TICK, LAST_TICK)

    def clear(self, product_id: int, low: int, high: int, now: int) -> AuctionResult | None:
        """Close an auction with its clearing interval; None if that moved the gate instead."""
        product = auction_product(product_id)
        self.require_clearable(product, now)
        until = self.coupled_until(product)
        if self.interconnectors.get(self.region_of(product.zone)) and now < until:
            raise Refused("CoupledFirst", now=now, until=until)
        curves = self.curves_in(product)
        if not is_clearing_interval(curves, low, high):
            raise Refused("NotTheClearingInterval", low=low, high=high)
        result = outcome(curves, Interval(low, high))
        if self.extends([product], [result], now):
            return None
        self.results[product] = result
        return result

    def require_clearable(self, product: Product, now: int) -> None:
        """An auction is cleared once, between its gate and the start of delivery."""
        gate_at = self.auction_gate(product)
        if now < gate_at:
            raise Refused("GateStillOpen", now=now, gateAt=gate_at)
        if now >= product.starts_at:
            raise Refused("DeliveryStarted", now=now, startsAt=product.starts_at)
        if product in self.results:
            raise Refused("AlreadyCleared", product=product.id)
        if self.halted(product, HaltScope.MATCH, now):
            raise Refused("TradingHalted", zone=product.zone)

    def extends(
        self, products: Sequence[Product], results: Sequence[AuctionResult], now: int
    ) -> bool:
        """Move the gate of auctions cleared together, once, if a price would jump."""
        if now >= products[0].extended_gate_at or any(map(self.is_extended, products)):
            return False
        jumps = any(
            result.publishes_price and self.opening_of(product).jumps(result.price_tick)
            for product, result in zip(products, results, strict=True)
        )
        if jumps:
            for product in products:
                self.open_delivery(product).extended = True
        return jumps

    def region_of(self, zone: int) -> int:
        """The region a zone belongs to, named after its head zone; at first its own."""
        return self.zone(zone).region or zone

    # --- claiming ---

    def claim(self, product_id: int, addresses: Sequence[str], now: int) -> int:
        """Fix fills and free what they do not need; what cannot be claimed is skipped."""
        product = auction_product(product_id)
        if not self._is_decided(product, now):
            raise Refused("NotCleared", product=product_id)
        self.zone(product.zone).terms_at(product.start_slot)
        return sum(self._claim(product, address) for address in addresses)

    def claim_products(self, address: str, product_ids: Sequence[int], now: int) -> int:
        """As `claim`, for one account in many products; those undecided are skipped too."""
        products = [auction_product(product_id) for product_id in product_ids]
        return sum(
            self._claim(product, address) for product in products if self._is_decided(product, now)
        )

    def _is_decided(self, product: Product, now: int) -> bool:
        """Cleared, or void because nobody cleared it before its delivery."""
        return product in self.results or now >= product.starts_at

    def _claim(self, product: Product, address: str) -> bool:
        account = self.ledger.accounts.get(address)
        record = self._claimable(product, account)
        if account is None or record is None:
            return False
        locked_before = self.lock_of_curve(record)
        record.fix(self.results.get(product), RecordState.CLAIMED)
        self.ledger.adjust_locks([(account, self.lock_of_curve(record) - locked_before)])
        return True

    def _claimable(self, product: Product, account: Account | None) -> AuctionRecord | None:
        if account is None or account.settled_until > product.start_slot:
            return None  # settlement frees the lock slot by slot
        record = self.curve_of(account.account_id, product)
        if record is None or not record.steps or record.state is RecordState.CLAIMED:
            return None
        return record
