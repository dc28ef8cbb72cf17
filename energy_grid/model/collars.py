"""Collars around the reference price, and the one extension of an auction's gate. Section 8."""

from __future__ import annotations

from energy_grid.model.book import MAX_TICK, TICK_SIZE
from energy_grid.model.market_state import MarketState
from energy_grid.model.openings import DeliveryId, Opening
from energy_grid.model.refused import Refused
from energy_grid.products import COUPLED_WINDOW_SECONDS, Product
from energy_grid.slots import slot_of


class Collars(MarketState):
    """Which prices orders may name, and until when an auction takes them."""

    def set_reference_price(self, zone: int, price_per_kwh: int) -> None:
        """Note a zone's reference price; deliveries opened from now on freeze it. 0: none."""
        if not zone:
            raise Refused("ZoneZero")
        if price_per_kwh % TICK_SIZE:
            raise Refused("PriceOffTick", given=price_per_kwh, tickSize=TICK_SIZE)
        if price_per_kwh > MAX_TICK * TICK_SIZE:
            raise Refused("ReferenceTooHigh", given=price_per_kwh // TICK_SIZE, allowed=MAX_TICK)
        self.zone(zone).reference_per_kwh = price_per_kwh

    def quote_slot(self, zone: int, slot: int, price_per_kwh: int, now: int) -> None:
        """Note a reference price that is the quote of the slot that begins next, too."""
        if slot != slot_of(now) + 1:
            raise Refused("NotTheNextSlot", given=slot, allowed=slot_of(now) + 1)
        if not price_per_kwh:
            raise Refused("QuoteZero")
        if zone in self.zones and slot in self.zone(zone).quotes_per_kwh:
            raise Refused("SlotQuotedAlready", zone=zone, slot=slot)
        self.set_reference_price(zone, price_per_kwh)
        self.zone(zone).quotes_per_kwh[slot] = price_per_kwh

    def open_delivery(self, product: Product) -> Opening:
        """What is frozen for a delivery; the first who trades it freezes it."""
        delivery = DeliveryId.of(product)
        if delivery not in self.openings:
            reference = self.zone(product.zone).reference_per_kwh
            self.openings[delivery] = Opening.at(reference)
        return self.openings[delivery]

    def opening_of(self, product: Product) -> Opening:
        """What is frozen for a delivery, as if it were opened now if nobody has."""
        reference = self.zone(product.zone).reference_per_kwh
        return self.openings.get(DeliveryId.of(product), Opening.at(reference))

    def is_extended(self, product: Product) -> bool:
        """Whether the gate of an auction was moved."""
        opening = self.openings.get(DeliveryId.of(product))
        return opening is not None and opening.extended

    def auction_gate(self, product: Product) -> int:
        """First second at which nothing of an auction's book can change any more."""
        return product.extended_gate_at if self.is_extended(product) else product.gate_at

    def coupled_until(self, product: Product) -> int:
        """First second at which the zones of a region may be cleared one by one."""
        return self.auction_gate(product) + COUPLED_WINDOW_SECONDS
