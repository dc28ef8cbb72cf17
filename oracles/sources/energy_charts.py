"""Day-ahead prices from Energy-Charts' price interface.

The licence comes with each answer and differs by bidding zone; what is published on a chain must be
allowed to be published, so an answer under another licence is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final

from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import UnixSeconds, Zone
from oracles.sources.currency import Currency, feed_steps
from oracles.sources.day_ahead import DEFAULT_REFRESH_SECONDS, DayAheadSource
from oracles.sources.documents import field_of, integer_of, list_of, mapping_of, utc
from oracles.sources.errors import NotCoveredError, SchemaError
from oracles.sources.http import HttpClient
from oracles.sources.periods import Period, Series
from oracles.sources.quantities import decimal_of

DEFAULT_URL: Final = "https://api.energy-charts.info/price"
DEFAULT_LICENCE: Final = "CC BY 4.0"
PERIODS: Final = (900, 1_800, 3_600)
"""Lengths that market time units have."""


class EnergyChartsSource(DayAheadSource):
    """Prices of bidding zones, which have names such as `DE-LU`.

    Args:
        licence: text that the answer's licence must have in it.
    """

    def __init__(
        self,
        name: str,
        bidding_zones: Mapping[Zone, str],
        client: HttpClient,
        currency: Currency | None = None,
        url: str = DEFAULT_URL,
        licence: str = DEFAULT_LICENCE,
        refresh_seconds: float = DEFAULT_REFRESH_SECONDS,
    ) -> None:
        super().__init__(name, bidding_zones, client, currency, url, refresh_seconds)
        self._licence = licence

    def _fetch(self, key: tuple[Zone, UnixSeconds]) -> Series:
        zone, day = key
        # The interface counts days in local time: one day more on either side.
        first, last = utc(day) - timedelta(days=1), utc(day) + timedelta(days=1)
        document = self._client.get_json(
            self._url,
            {
                "bzn": self._areas[zone],
                "start": first.strftime("%Y-%m-%d"),
                "end": last.strftime("%Y-%m-%d"),
            },
        )
        if document in ([], {}, None):
            raise NotCoveredError(f"{self._name} has no prices of this day yet")
        return self._series(mapping_of(document, self._name), Feed(FeedKind.MARKET_PRICE, zone))

    def _series(self, document: dict[str, Any], feed: Feed) -> Series:
        licence = field_of(document, "license_info", self._name)
        if not isinstance(licence, str) or self._licence not in licence:
            raise SchemaError(
                f"licence of {self._name}",
                expected=f"one with {self._licence!r} in it",
                found=repr(licence)[:160],
                remedy="Do not publish these prices, or configure the licence if it allows it",
            )
        unit = str(field_of(document, "unit", self._name))
        times = [
            integer_of(time, f"time of {self._name}")
            for time in list_of(field_of(document, "unix_seconds", self._name), "unix_seconds")
        ]
        prices = list_of(field_of(document, "price", self._name), "price")
        if len(times) != len(prices):
            raise SchemaError(
                f"prices of {self._name}", expected=f"{len(times)} prices", found=len(prices)
            )
        if len(times) < 2:
            raise NotCoveredError(f"{self._name} has no prices of this day yet")
        lengths = [later - earlier for earlier, later in pairwise(times)]
        if min(lengths) not in PERIODS:
            raise SchemaError(
                f"times of {self._name}", expected=f"steps of {PERIODS}", found=min(lengths)
            )
        # A longer step is a gap, except where an hour's products follow those of a quarter.
        seconds = [length if length in PERIODS else min(lengths) for length in lengths]
        return Series(
            (
                Period(
                    UnixSeconds(time),
                    length,
                    None
                    if price is None
                    else feed_steps(decimal_of(price, "a price"), unit, feed, self._currency),
                )
                for time, length, price in zip(times, [*seconds, seconds[-1]], prices, strict=True)
            ),
            f"prices of {self._name}",
        )
