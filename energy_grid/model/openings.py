"""What is frozen when a delivery is first traded: the reference price and the collar. Section 8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from energy_grid.model.book import MAX_TICK, TICK_SIZE
from energy_grid.model.refused import Refused
from energy_grid.products import Period, Product

LOWEST_PERCENT = 20
HIGHEST_PERCENT = 500
JUMP_PERCENT = 50
"""A price further than this from the reference moves the gate once."""
TICKS_PER_WORD = 8
"""The collar is as fine as the words in which the chain keeps its price levels."""


class DeliveryId(NamedTuple):
    """A zone, a period and a start: the products of both sessions share their opening."""

    zone: int
    period: Period
    start_slot: int

    @classmethod
    def of(cls, product: Product) -> DeliveryId:
        """The delivery of a product."""
        return cls(product.zone, product.period, product.start_slot)


@dataclass
class Opening:
    """Prices that orders of a delivery may name. Reference tick 0: none was known, so any."""

    reference_tick: int
    extended: bool = False

    @classmethod
    def at(cls, reference_per_kwh: int) -> Opening:
        """Freeze a reference price."""
        return cls(reference_per_kwh // TICK_SIZE)

    @property
    def lowest_tick(self) -> int:
        """Lowest limit: 20 % of the reference, down to the next whole word of levels."""
        lowest = self.reference_tick * LOWEST_PERCENT // 100
        return max(1, lowest // TICKS_PER_WORD * TICKS_PER_WORD)

    @property
    def highest_tick(self) -> int:
        """Highest limit: 500 % of the reference, up to the end of its word of levels."""
        if not self.reference_tick:
            return MAX_TICK
        highest = self.reference_tick * HIGHEST_PERCENT // 100
        return min(MAX_TICK, highest // TICKS_PER_WORD * TICKS_PER_WORD + TICKS_PER_WORD - 1)

    def require_within(self, tick: int) -> None:
        """Refuse a limit outside the collar."""
        if not self.lowest_tick <= tick <= self.highest_tick:
            raise Refused(
                "PriceOutsideCollar", given=tick, lowest=self.lowest_tick, highest=self.highest_tick
            )

    def jumps(self, price_tick: int) -> bool:
        """Whether a price is so far from the reference that the gate should move."""
        if not self.reference_tick:
            return False
        return abs(price_tick - self.reference_tick) * 100 > self.reference_tick * JUMP_PERCENT
