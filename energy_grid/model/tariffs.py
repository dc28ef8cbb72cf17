"""Imbalance prices of a zone: tariffs its operator announces, and what its bond is good for."""

from __future__ import annotations

from dataclasses import dataclass, field

from energy_grid.model.refused import Refused
from energy_grid.model.settlement import ImbalancePrices
from energy_grid.model.terms import Schedule, Tariff
from energy_grid.slots import slot_of

NOTICE_SLOTS = 192
FURTHEST_SLOTS = 6_432
PRICE_UNIT = 1_000


@dataclass(frozen=True)
class TariffBounds:
    """What governance allows, units per kWh."""

    retail_min: int
    retail_max: int
    feed_in_min: int
    feed_in_max: int


@dataclass
class ZoneTariffs:
    """Tariffs of one zone, and since when its operator's bond suffices."""

    tariffs: Schedule[Tariff] = field(default_factory=Schedule)
    bond_suffices: Schedule[bool] = field(default_factory=Schedule)

    def set(
        self,
        from_slot: int,
        tariff: Tariff,
        *,
        bounds: TariffBounds,
        cap: int,
        now: int,
    ) -> None:
        """Announce tariffs early enough for everybody to know them before trading."""
        first = not self.tariffs.entries
        earliest = slot_of(now) + (1 if first else NOTICE_SLOTS)
        latest = slot_of(now) + FURTHEST_SLOTS
        if from_slot < earliest:
            raise Refused("TariffNoticeTooShort", given=from_slot, allowed=earliest)
        if from_slot > latest:
            raise Refused("TariffTooFarAhead", given=from_slot, allowed=latest)
        if not first and from_slot < self.tariffs.entries[-1][0]:
            raise Refused("TariffOutOfOrder", given=from_slot, latest=self.tariffs.entries[-1][0])
        for price, lowest, highest in (
            (tariff.retail_per_kwh, bounds.retail_min, bounds.retail_max),
            (tariff.feed_in_per_kwh, bounds.feed_in_min, bounds.feed_in_max),
        ):
            if price % PRICE_UNIT:
                raise Refused("TariffNotExact", given=price, multiple=PRICE_UNIT)
            if not lowest <= price <= highest:
                raise Refused("TariffOutOfBounds", given=price, lowest=lowest, highest=highest)
        if tariff.feed_in_per_kwh > tariff.retail_per_kwh:
            raise Refused("FeedInAboveRetail", feedIn=tariff.feed_in_per_kwh)
        if tariff.retail_per_kwh > cap:
            raise Refused("TariffAboveCap", given=tariff.retail_per_kwh, allowed=cap)
        self.tariffs.set_from(from_slot, tariff)

    def prices(
        self, slot: int, cap: int, covering_prices: tuple[int, int] | None = None
    ) -> ImbalancePrices:
        """Prices of one slot's imbalance: the tariff, unless auctions were dearer or cheaper.

        Where no auction published a price, the slot's quote takes its place.

        Args:
            slot: the slot.
            cap: most that anybody can owe.
            covering_prices: highest and lowest price of its auctions, or twice its quote.
        """
        tariff = self.tariffs.at(slot) or Tariff(0, 0)
        short_price, long_price = tariff.retail_per_kwh, tariff.feed_in_per_kwh
        if covering_prices is not None:
            highest, lowest = covering_prices
            short_price, long_price = max(short_price, highest), min(long_price, lowest)
        short_price = min(short_price, cap)
        long_price = min(long_price, short_price)
        if not self.bond_suffices.at(slot):
            long_price = 0
        return ImbalancePrices(short_price, long_price)
