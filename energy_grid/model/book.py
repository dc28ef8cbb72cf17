"""Orders of the continuous session and what they lock. Specification, section 4.

Every account has a few *records* in each product. A record holds at most one open order and the
fills of every order that ever stood in it. Prices are settlement-token units per kWh, quantities
lots per slot; a lot is `LOT_WH` in each slot of the product.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from energy_grid.ids import OrderId, Side
from energy_grid.model.terms import MarketTerms
from energy_grid.products import Product
from energy_grid.units import BPS, AccountId, money

LOT_WH = 1
TICK_SIZE = 1_000
MAX_TICK = 1_023
MIN_ORDER_LOTS = 10
MAX_RECORDS = 16
MAX_RECORD_LOTS = 2**28
MAX_LEVEL_LOTS = 2**28 - 1
RING_SLOTS = 4_096


@dataclass
class Fill:
    """A part of an order that traded. `improvement` is what the limit would have cost more."""

    lots: int
    price_per_kwh: int
    improvement_per_kwh: int

    @property
    def energy_wh(self) -> int:
        """Energy in each slot."""
        return self.lots * LOT_WH

    @property
    def value(self) -> int:
        """Money in each slot, at the trade price."""
        return money(self.energy_wh, self.price_per_kwh)

    @property
    def improvement(self) -> int:
        """Money in each slot still locked though the trade was better than the limit."""
        return money(self.energy_wh, self.improvement_per_kwh)


@dataclass
class Record:
    """One of an account's places in the book of a product."""

    product: Product
    account_id: int
    index: int
    side: Side
    sequence: int
    limit_per_kwh: int
    expires_at: int
    remaining_lots: int
    cancelled_lots: int = 0
    fills: list[Fill] = field(default_factory=list)

    @property
    def order_id(self) -> int:
        """Id of the order that stands, or last stood, in this record."""
        return OrderId(
            self.product.id, AccountId(self.account_id), self.index, self.side, self.sequence
        ).pack()

    @property
    def filled_lots(self) -> int:
        """Lots traded by all orders of this record."""
        return sum(fill.lots for fill in self.fills)

    @property
    def filled_value(self) -> int:
        """Money traded in each slot."""
        return sum(fill.value for fill in self.fills)

    @property
    def improvement(self) -> int:
        """Money in each slot that trades saved against their limits and that is still locked."""
        return sum(fill.improvement for fill in self.fills)

    @property
    def is_free(self) -> bool:
        """Nothing stands here and nothing was traded."""
        return self.remaining_lots == 0 and not self.fills

    def lock_per_slot(self, terms: MarketTerms) -> int:
        """Money held for each slot of delivery: the most that this record can come to cost."""
        if self.side is Side.BUY:
            return self._buy_lock(terms)
        return self._sell_lock(terms)

    def _buy_lock(self, terms: MarketTerms) -> int:
        cost = (
            money(self.remaining_lots * LOT_WH, self.limit_per_kwh)
            + self.filled_value
            + self.improvement
        )
        energy_wh = (self.remaining_lots + self.filled_lots) * LOT_WH
        network_fee = money(energy_wh, terms.network_fee_per_kwh)
        trading_fee = -(-cost * terms.trading_fee_bps // BPS)
        return cost + network_fee + trading_fee

    def _sell_lock(self, terms: MarketTerms) -> int:
        cap = terms.short_price_cap
        return (
            money(self.remaining_lots * LOT_WH, cap - self.limit_per_kwh)
            + money(self.filled_lots * LOT_WH, cap)
            - self.filled_value
            + self.improvement
        )

    def trading_fee(self, terms: MarketTerms) -> int:
        """Trading fee on everything bought in this record, over the whole product."""
        if self.side is Side.SELL:
            return 0
        cost = self.filled_value * self.product.slot_count
        return cost * terms.trading_fee_bps // BPS

    def trading_fee_of_slot(self, terms: MarketTerms, slot: int) -> int:
        """The part of the trading fee charged with one slot (cursor rule)."""
        fee, slots = self.trading_fee(terms), self.product.slot_count
        elapsed = slot - self.product.start_slot
        return fee * (elapsed + 1) // slots - fee * elapsed // slots

    def release_improvement(self) -> None:
        """What the trades saved is no longer held."""
        for fill in self.fills:
            fill.improvement_per_kwh = 0
