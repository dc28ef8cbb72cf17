"""Reporters, feeds and reference prices that a deployment gives its oracles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from energy_grid.contracts import Contract, Contracts
from energy_grid.deployment.parameters import Parameters
from energy_grid.feeds import Feed, FeedKind, standard_config
from energy_grid.units import Zone

ORACLES: Final = ("GridOracle", "WeatherOracle", "PriceOracle")

GRID_KINDS: Final = (
    FeedKind.DEMAND,
    FeedKind.SUPPLY,
    FeedKind.FREQUENCY,
    FeedKind.VOLTAGE,
    FeedKind.LINE_LOADING,
)
WEATHER_KINDS: Final = (
    FeedKind.IRRADIANCE,
    FeedKind.TEMPERATURE,
    FeedKind.WIND_SPEED,
    FeedKind.CLOUD_COVER,
)
FORECAST_KINDS: Final = (FeedKind.EXPECTED_SUPPLY, FeedKind.EXPECTED_DEMAND)

_NO_SHADOW: Final = (0, 0, "0x" + "0" * 40, 0)
"""A feed that replaces none is read at once."""


@dataclass(frozen=True, slots=True)
class OracleFact:
    """One thing that is to be true of an oracle.

    Attributes:
        subject: contract or zone.
        what: property.
        expected: what the parameters say.
        found: what the chain says.
        call: governor's call that makes it true, if one does: contract and data.
    """

    subject: str
    what: str
    expected: Any
    found: Any
    call: tuple[str, bytes] | None = None


def standard_feeds(parameters: Parameters, zone: int) -> Iterator[tuple[str, Feed]]:
    """Feeds of a zone by their oracle."""
    place = Zone(zone)
    for kind in GRID_KINDS:
        yield "GridOracle", Feed(kind, place)
    for kind in WEATHER_KINDS:
        yield "WeatherOracle", Feed(kind, place)
    for horizon in parameters.forecast_horizons:
        for kind in FORECAST_KINDS:
            yield "WeatherOracle", Feed(kind, place, horizon)
    yield "PriceOracle", Feed(FeedKind.MARKET_PRICE, place)


def reporter_facts(contracts: Contracts, parameters: Parameters) -> Iterator[OracleFact]:
    """The reporters of each oracle."""
    expected = sorted(parameters.reporters, key=lambda address: int(address, 16))
    for name in ORACLES:
        oracle = contracts[name]
        found = list(oracle.call("reporters"))
        call = oracle.address, oracle.encode("setReporters", expected)
        yield OracleFact(name, "reporters", expected, found, call)


def zone_oracle_facts(
    contracts: Contracts, parameters: Parameters, zone: int
) -> Iterator[OracleFact]:
    """Feeds and reference price of a zone."""
    for name, feed in standard_feeds(parameters, zone):
        yield _feed_fact(contracts[name], parameters, feed)
    oracle, subject = contracts.price_oracle, f"zone {zone}"
    formula = parameters.formula.as_tuple()
    found = tuple(oracle.call("formulaOf", zone))
    opened = oracle.call("basePrice", zone) != 0
    data = oracle.encode("openZone", zone, formula, parameters.base_price)
    # A formula in force changes only through its shadow, which no deployment waits for.
    call = None if opened else (oracle.address, data)
    yield OracleFact(subject, "price formula", formula, found if opened else None, call)


def _feed_fact(oracle: Contract, parameters: Parameters, feed: Feed) -> OracleFact:
    expected = standard_config(feed, parameters.ratings).as_tuple()
    found: tuple[int, ...] | None = tuple(int(v) for v in oracle.call("feedConfig", feed.id))
    if not any(found or ()):
        found = None
        data = oracle.encode("addFeed", feed.id, expected, _NO_SHADOW)
    else:
        data = oracle.encode("configureFeed", feed.id, expected)
    horizon = f" in {feed.horizon_slots} slots" if feed.horizon_slots else ""
    what = f"feed {feed.kind.name}{horizon}"
    return OracleFact(f"zone {feed.zone}", what, expected, found, (oracle.address, data))
