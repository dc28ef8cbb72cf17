"""From the record of an hour to the market that the contract clears, in two variants."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from energy_grid.clearing.market import Border, CoupledMarket, Link, Zone
from simulation.day_ahead.errors import DataError
from simulation.day_ahead.records import HIGHEST_PRICE, LOWEST_PRICE, Capacity, HourKey, HourRecord


class Borders(StrEnum):
    """What is known about places outside the market.

    EXCHANGES: published exchanges as volumes that take any price. PRICES: the borders' published
    prices, at which they take and give what the links carry.
    """

    EXCHANGES = "exchanges"
    PRICES = "prices"


@dataclass(frozen=True)
class Hour:
    """One hour to clear and what was published about it.

    Attributes:
        key: day and hour.
        market: what is cleared.
        published_prices: of the market's zones, in ticks.
        published_exports: of the market's zones to each other in kWh, by the published flows. None
            where a link has no published flow, or borders trade in the market too.
    """

    key: HourKey
    market: CoupledMarket
    published_prices: tuple[int, ...]
    published_exports: tuple[int, ...] | None


def build_hour(key: HourKey, record: HourRecord, borders: Borders) -> Hour:
    """The market of one hour.

    Raises:
        DataError: a border has no price, or an exchange no link.
    """
    zones = record.zones
    inner = [link for link in record.capacities if link.start in zones and link.end in zones]
    outer = [link for link in record.capacities if (link.start in zones) != (link.end in zones)]
    if borders is Borders.EXCHANGES:
        market = _market(record, zones, [], inner, record.exchanges)
    else:
        names = sorted({link.end if link.start in zones else link.start for link in outer})
        unpriced = [name for name in names if name not in record.prices]
        if unpriced:
            raise DataError(
                f"{key}: borders have no published price",
                expected=", ".join(unpriced),
                remedy="Use --borders exchanges, or add their prices",
            )
        market = _market(record, zones, names, inner + outer, {})
    return Hour(
        key=key,
        market=market,
        published_prices=tuple(record.prices[zone] for zone in zones),
        published_exports=(
            _published_exports(record, zones, inner) if borders is Borders.EXCHANGES else None
        ),
    )


def _market(
    record: HourRecord,
    zones: list[str],
    borders: list[str],
    capacities: list[Capacity],
    exchanges: dict[tuple[str, str], int],
) -> CoupledMarket:
    sells = {zone: list(record.sells.get(zone, ())) for zone in zones}
    buys = {zone: list(record.buys.get(zone, ())) for zone in zones}
    for (zone, _), sent_kwh in exchanges.items():
        # What leaves is bought and what enters is sold, at any price.
        if sent_kwh > 0:
            buys[zone].append((HIGHEST_PRICE, sent_kwh))
        elif sent_kwh < 0:
            sells[zone].append((LOWEST_PRICE, -sent_kwh))
    nodes = {name: number for number, name in enumerate([*zones, *borders])}
    return CoupledMarket(
        zones=tuple(Zone.of_orders(zone, sells[zone], buys[zone]) for zone in zones),
        links=tuple(
            Link(nodes[link.start], nodes[link.end], -link.lowest_kwh, link.highest_kwh)
            for link in capacities
        ),
        lowest_price=LOWEST_PRICE,
        highest_price=HIGHEST_PRICE,
        borders=tuple(Border(name, record.prices[name]) for name in borders),
    )


def _published_exports(
    record: HourRecord, zones: list[str], inner: list[Capacity]
) -> tuple[int, ...] | None:
    exports = dict.fromkeys(zones, 0)
    for link in inner:
        flow_kwh = record.flows.get((link.start, link.end))
        if flow_kwh is None:
            back_kwh = record.flows.get((link.end, link.start))
            if back_kwh is None:
                return None
            flow_kwh = -back_kwh
        exports[link.start] += flow_kwh
        exports[link.end] -= flow_kwh
    return tuple(exports.values())
