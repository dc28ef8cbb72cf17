"""Frequency of Great Britain from Elexon's Insights interface: one row each 15 s."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final

from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import UnixSeconds, Zone
from oracles.sources.base import Interval, Measurement
from oracles.sources.documents import Cached, field_of, list_of, mapping_of, unix_of, utc
from oracles.sources.errors import NotCoveredError, SchemaError, UnsupportedFeedError
from oracles.sources.http import HttpClient, require_web_url
from oracles.sources.quantities import decimal_of, steps_of

DEFAULT_URL: Final = "https://data.elexon.co.uk/bmrs/api/v1/system/frequency/stream"
DEFAULT_REFRESH_SECONDS: Final = 15.0
LOOK_BACK_SECONDS: Final = 300
MAX_ROWS: Final = 10_000


class ElexonFrequencySource:
    """Frequency of one synchronous area.

    Args:
        name: of the source.
        zones: zones that are part of it.
        client: bounded HTTP.
        url: of the rows.
        refresh_seconds: how long an answer is used.
    """

    def __init__(
        self,
        name: str,
        zones: Iterable[Zone],
        client: HttpClient,
        url: str = DEFAULT_URL,
        refresh_seconds: float = DEFAULT_REFRESH_SECONDS,
    ) -> None:
        self._name = name
        self._zones = frozenset(zones)
        self._client = client
        self._url = require_web_url(url, name)
        self._rows: Cached[list[tuple[UnixSeconds, int]]] = Cached(self._fetch, refresh_seconds)

    @property
    def name(self) -> str:
        """Name in logs, metrics and measurements."""
        return self._name

    def observe(self, feed: Feed, interval: Interval) -> Measurement:
        """Mean of the rows in the interval; the newest before it if it has none.

        Raises:
            SourceError: no answer, another layout, or no rows.
        """
        if (
            feed.kind is not FeedKind.FREQUENCY
            or feed.zone not in self._zones
            or feed.horizon_slots
        ):
            raise UnsupportedFeedError(f"{self._name} has no feed {feed.id}")
        rows = self._rows.get(interval)
        inside = [row for row in rows if interval.start <= row[0] < interval.end]
        chosen = inside or [row for row in rows if row[0] < interval.start][-1:]
        if not chosen:
            raise NotCoveredError(
                f"{self._name} has no frequency",
                expected=f"rows before {interval.end}",
                found=f"{len(rows)} rows",
            )
        mean = round(Fraction(sum(value for _, value in chosen), len(chosen)))
        return Measurement(mean, chosen[-1][0], self._name)

    def _fetch(self, interval: Interval) -> list[tuple[UnixSeconds, int]]:
        first = utc(interval.start - LOOK_BACK_SECONDS).strftime("%Y-%m-%dT%H:%M:%SZ")
        last = utc(interval.end).strftime("%Y-%m-%dT%H:%M:%SZ")
        document = self._client.get_json(self._url, {"from": first, "to": last})
        if isinstance(document, dict):  # the variant with metadata
            document = field_of(document, "data", self._name)
        rows = list_of(document, f"rows of {self._name}")
        if len(rows) > MAX_ROWS:
            raise SchemaError(
                f"rows of {self._name}", expected=f"at most {MAX_ROWS}", found=len(rows)
            )
        return sorted(self._row(row) for row in rows)

    def _row(self, row: Any) -> tuple[UnixSeconds, int]:
        fields = mapping_of(row, f"row of {self._name}")
        dataset = fields.get("dataset", "FREQ")
        if dataset != "FREQ":
            raise SchemaError(f"dataset of {self._name}", expected="FREQ", found=repr(dataset)[:40])
        at = unix_of(field_of(fields, "measurementTime", self._name), self._name)
        hertz = decimal_of(field_of(fields, "frequency", self._name), f"frequency of {self._name}")
        return at, steps_of(hertz, "Hz", Feed(FeedKind.FREQUENCY, Zone(1)))
