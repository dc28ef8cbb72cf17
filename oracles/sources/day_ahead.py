"""What sources of day-ahead prices share: whole days are fetched, and one price of them answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import SECONDS_PER_DAY, UnixSeconds, Zone
from oracles.sources.base import Interval, Measurement
from oracles.sources.currency import Currency
from oracles.sources.documents import Cached
from oracles.sources.errors import UnsupportedFeedError
from oracles.sources.http import HttpClient, require_web_url
from oracles.sources.periods import Series

DEFAULT_REFRESH_SECONDS: Final = 900.0


class DayAheadSource(ABC):
    """Prices of bidding zones, a UTC day at a time.

    Args:
        name: of the source.
        areas: what the service calls the bidding zone, by zone.
        client: bounded HTTP.
        currency: of the settlement token.
        url: of the interface.
        refresh_seconds: how long an answer is used.
    """

    def __init__(
        self,
        name: str,
        areas: Mapping[Zone, str],
        client: HttpClient,
        currency: Currency | None,
        url: str,
        refresh_seconds: float,
    ) -> None:
        self._name = name
        self._areas = dict(areas)
        self._client = client
        self._currency = currency or Currency()
        self._url = require_web_url(url, name)
        self._prices: Cached[Series] = Cached(self._fetch, refresh_seconds)

    @property
    def name(self) -> str:
        """Name in logs, metrics and measurements."""
        return self._name

    def observe(self, feed: Feed, interval: Interval) -> Measurement:
        """The price of the market time unit that holds the interval.

        Raises:
            SourceError: no answer, another layout, unit, area or licence, or no price yet.
        """
        if feed.kind is not FeedKind.MARKET_PRICE or feed.zone not in self._areas:
            raise UnsupportedFeedError(f"{self._name} has no feed {feed.id}")
        day = UnixSeconds(interval.start // SECONDS_PER_DAY * SECONDS_PER_DAY)
        value, start = self._prices.get((feed.zone, day)).at(interval)
        return Measurement(value, start, self._name)

    @abstractmethod
    def _fetch(self, key: tuple[Zone, UnixSeconds]) -> Series:
        """Prices of a zone that cover the UTC day that begins then."""
