"""What the report says of auctions and line, from what the chain says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from energy_grid.products import Period, Product
from energy_grid.units import SLOTS_PER_HOUR
from simulation.market_day.auctions import Auction, AuctionFacts
from simulation.market_day.audit_auctions import capacity_lots
from simulation.physics.zones import ZoneSplit


@dataclass(frozen=True, slots=True)
class HourPrices:
    """Prices that the auctions of one hour of delivery published in one zone.

    Settlement-token units per kWh, None where nothing was traded.

    Attributes:
        hour: hour of delivery, from 0.
        zone: the zone.
        hour_price: of the auction of the whole hour.
        quarter_prices: of the auctions of its quarter hours.
    """

    hour: int
    zone: int
    hour_price: int | None
    quarter_prices: tuple[int | None, ...]

    @property
    def prices(self) -> tuple[int | None, ...]:
        """All five."""
        return (self.hour_price, *self.quarter_prices)

    def as_json(self) -> dict[str, Any]:
        """Its part of the report."""
        return {
            "hour": self.hour,
            "zone": self.zone,
            "hour_units_per_kwh": self.hour_price,
            "quarter_hour_units_per_kwh": list(self.quarter_prices),
        }


@dataclass(frozen=True)
class AuctionReport:
    """The day's auctions.

    Attributes:
        cleared: auctions cleared, zone by zone.
        coupled: how many of them together with the other zone.
        traded: in how many of them something changed hands.
        fills: curves that bought something, one each auction.
        hour_wh: energy bought in auctions of hours.
        quarter_wh: energy bought in auctions of quarter hours.
        prices: by hour and zone.
        signed_placed: curves that came signed.
        signed_skipped: signed curves that the market refused.
    """

    cleared: int
    coupled: int
    traded: int
    fills: int
    hour_wh: int
    quarter_wh: int
    prices: tuple[HourPrices, ...]
    signed_placed: int
    signed_skipped: int

    @property
    def energy_wh(self) -> int:
        """Energy bought in all auctions."""
        return self.hour_wh + self.quarter_wh

    def prices_of(self, zone: int) -> tuple[HourPrices, ...]:
        """Prices of a zone by hour."""
        return tuple(line for line in self.prices if line.zone == zone)

    def as_json(self) -> dict[str, Any]:
        """Its part of the report."""
        return {
            "cleared": self.cleared,
            "coupled": self.coupled,
            "traded": self.traded,
            "buyers_filled": self.fills,
            "energy_wh": self.energy_wh,
            "hour_energy_wh": self.hour_wh,
            "quarter_hour_energy_wh": self.quarter_wh,
            "prices": [line.as_json() for line in self.prices],
        }


@dataclass(frozen=True)
class LineReport:
    """The line between the zones. Positive flows go from the first to the second zone.

    Attributes:
        border: where the zones meet, for people.
        rating_w: what its cables carry.
        capacity_w: what the market may send, either way.
        flow_wh: net flow that the auctions agreed, slot by slot.
        full_slots: slots in which it carried all that the market may send.
        rent: congestion rent in settlement-token units.
    """

    border: str
    rating_w: int
    capacity_w: int
    flow_wh: tuple[int, ...]
    full_slots: int
    rent: int

    def flow_in_hour(self, hour: int) -> int:
        """Net flow of an hour in Wh."""
        return sum(self.flow_wh[hour * SLOTS_PER_HOUR : (hour + 1) * SLOTS_PER_HOUR])

    def as_json(self) -> dict[str, Any]:
        """Its part of the report."""
        return {
            "border": self.border,
            "rating_w": self.rating_w,
            "capacity_w": self.capacity_w,
            "forward_wh": sum(flow for flow in self.flow_wh if flow > 0),
            "back_wh": -sum(flow for flow in self.flow_wh if flow < 0),
            "full_slots": self.full_slots,
            "congestion_rent_units": self.rent,
            "flow_wh_by_slot": list(self.flow_wh),
        }


def report_auctions(facts: AuctionFacts, slots: range) -> AuctionReport:
    """Put the auctions into lines."""
    auctions = facts.auctions
    return AuctionReport(
        cleared=len(auctions),
        coupled=sum(auction.coupled for auction in auctions),
        traded=sum(auction.has_traded for auction in auctions),
        fills=sum(auction.buyers for auction in auctions),
        hour_wh=_bought(facts, auctions, Period.HOUR),
        quarter_wh=_bought(facts, auctions, Period.QUARTER_HOUR),
        prices=tuple(
            _hour_prices(facts, zone, start, (start - slots.start) // SLOTS_PER_HOUR)
            for start in slots[::SLOTS_PER_HOUR]
            for zone in facts.zones
        ),
        signed_placed=facts.signed_placed,
        signed_skipped=facts.signed_skipped,
    )


def report_line(facts: AuctionFacts, split: ZoneSplit, slots: range) -> LineReport:
    """Add up what flows in each slot, over all auctions that cover it."""
    flow_lots = dict.fromkeys(slots, 0)
    for auctions in facts.regions():
        for slot in auctions[0].product.slots:
            flow_lots[slot] += facts.line_lots(auctions)
    forward, back = capacity_lots(facts)
    return LineReport(
        border=split.border,
        rating_w=split.rating_w,
        capacity_w=facts.line_w[0],
        flow_wh=tuple(lots * facts.lot_wh for lots in flow_lots.values()),
        full_slots=sum(lots in (forward, -back) for lots in flow_lots.values()),
        rent=sum(facts.rent.values()),
    )


def bought_by_hour(facts: AuctionFacts, slots: range) -> Mapping[Period, Sequence[int]]:
    """Energy bought in auctions by hour of delivery, for each period that is traded."""
    sums = {
        period: [0] * (len(slots) // SLOTS_PER_HOUR)
        for period in (Period.HOUR, Period.QUARTER_HOUR)
    }
    for auction in facts.auctions:
        hour = (auction.product.start_slot - slots.start) // SLOTS_PER_HOUR
        sums[auction.product.period][hour] += facts.bought_wh(auction)
    return sums


def _bought(facts: AuctionFacts, auctions: Iterable[Auction], period: Period) -> int:
    return sum(facts.bought_wh(auction) for auction in auctions if auction.product.period is period)


def _hour_prices(facts: AuctionFacts, zone: int, start: int, hour: int) -> HourPrices:
    def price(period: Period, slot: int) -> int | None:
        auction = facts.auction_of(Product.auction(zone, period, slot))
        return None if auction is None else facts.price_of(auction)

    return HourPrices(
        hour=hour,
        zone=zone,
        hour_price=price(Period.HOUR, start),
        quarter_prices=tuple(
            price(Period.QUARTER_HOUR, slot) for slot in range(start, start + SLOTS_PER_HOUR)
        ),
    )
