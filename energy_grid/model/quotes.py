"""What traders ask for, what comes of it, and what the numbers of ids say. Section 4."""

from __future__ import annotations

from dataclasses import dataclass

from energy_grid.errors import InvalidValueError
from energy_grid.ids import OrderId, Side, TransactionId
from energy_grid.model.book import LOT_WH, TICK_SIZE
from energy_grid.model.refused import Refused
from energy_grid.products import MAX_PRODUCT_ID, Period, Product, Session
from energy_grid.slots import FIRST_WEEK_SLOT
from energy_grid.units import AccountId

UNTIL_GATE = 0
"""Expiry of an order that stands until the gate."""
TRANSACTION_BITS = 104


@dataclass(frozen=True)
class Quote:
    """What a trader asks for; unlike a `Product` it may be wrong in every field."""

    zone: int
    period: int
    session: int
    start_slot: int
    side: Side
    lots: int
    limit_tick: int
    expires_at: int = UNTIL_GATE

    @classmethod
    def of(
        cls, product: Product, side: Side, lots: int, limit_tick: int, expires_at: int = UNTIL_GATE
    ) -> Quote:
        """A quote for a product that exists."""
        return cls(
            product.zone,
            product.period,
            product.session,
            product.start_slot,
            side,
            lots,
            limit_tick,
            expires_at,
        )

    def is_for(self, product: Product) -> bool:
        """Whether the quote names this product."""
        named = (self.zone, self.period, self.session, self.start_slot)
        return named == (product.zone, product.period, product.session, product.start_slot)

    @property
    def limit_per_kwh(self) -> int:
        """Limit price, units per kWh."""
        return self.limit_tick * TICK_SIZE


@dataclass(frozen=True)
class Trade:
    """One execution."""

    buy_order_id: int
    sell_order_id: int
    product: Product
    buyer_id: int
    seller_id: int
    lots: int
    price_per_kwh: int

    @property
    def transaction_id(self) -> int:
        """All trades between the two parties in this product share it."""
        return TransactionId(
            self.product.id, AccountId(self.buyer_id), AccountId(self.seller_id)
        ).pack()

    @property
    def amount_wh(self) -> int:
        """Energy over the whole product."""
        return self.lots * LOT_WH * self.product.slot_count


def check_product(period: int, session: int, start_slot: int, wanted: Session) -> None:
    """Refuse what is no product of this session."""
    if period > max(Period):
        raise Refused("PeriodUnknown", given=period, allowed=int(max(Period)))
    if session != wanted:
        raise Refused("SessionUnavailable", given=session, allowed=int(wanted))
    anchor = FIRST_WEEK_SLOT if period == Period.WEEK else 0
    if (start_slot - anchor) % Period(period).slots:
        raise Refused("StartMisaligned", startSlot=start_slot)


def checked_product(quote: Quote) -> Product:
    """The product that a quote names, if there is such a product of the continuous session."""
    check_product(quote.period, quote.session, quote.start_slot, Session.CONTINUOUS)
    return Product.continuous(quote.zone, Period(quote.period), quote.start_slot)


def auction_product(product_id: int) -> Product:
    """The product of an id, if there is such a product of the auction session."""
    session, start_slot = product_id >> 32 & 0xF, product_id & 0xFFFFFFFF
    check_product(product_id >> 36 & 0xF, session, start_slot, Session.AUCTION)
    if not product_id >> 40:
        raise Refused("ZoneNotOpen", zone=0)
    return Product.from_id(product_id)


def is_order_id(number: int) -> bool:
    """Whether a number is an order id at all."""
    try:
        OrderId.unpack(number)
        Product.from_id(number >> 72)
    except InvalidValueError:
        return False
    return True


def record_key(order_id: int) -> tuple[Product, int, int]:
    """Where an order would be filed."""
    parts = OrderId.unpack(order_id)
    return parts.product, parts.account_id, parts.record_index


def side_byte(order_id: int) -> int:
    """The byte of an id that says buy or sell."""
    return order_id >> 32 & 0xFF


def product_bits(order_id: int) -> int:
    """The part of an id that names the product."""
    return order_id >> 72 & MAX_PRODUCT_ID
