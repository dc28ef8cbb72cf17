"""A quote: a continuous order as it is asked for, and its packed form on chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energy_grid.ids import Side
from energy_grid.products import Product

LEAST_LOTS: Final = 10
"""The market takes no smaller order."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What a trader asks for.

    Attributes:
        product: what is traded.
        side: buy or sell.
        lots: lots per slot.
        limit_tick: limit price in ticks.
        expires_at: unix second from which it no longer trades, 0 = at the gate.
    """

    product: Product
    side: Side
    lots: int
    limit_tick: int
    expires_at: int = 0

    def pack(self) -> int:
        """`expiresAt 40 | productId 56 | side 8 | limitTick 16 | lots 32`."""
        return (
            self.expires_at << 112
            | self.product.id << 56
            | self.side << 48
            | self.limit_tick << 32
            | self.lots
        )

    @classmethod
    def unpack(cls, word: int) -> Quote:
        """The quote in a word of the chain's log."""
        return cls(
            product=Product.from_id(word >> 56 & (1 << 56) - 1),
            side=Side(word >> 48 & 0xFF),
            lots=word & 0xFFFF_FFFF,
            limit_tick=word >> 32 & 0xFFFF,
            expires_at=word >> 112,
        )
