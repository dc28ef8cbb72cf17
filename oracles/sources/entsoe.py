"""Day-ahead prices of ENTSO-E's transparency platform (document A44).

Our own bounded client fetches; entsoe-py's parser reads, after the document was freed from what
would harm the parser: broken markup, declarations, and periods so long that filling their gaps
needs gigabytes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from energy_grid.errors import ConfigurationError
from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import SECONDS_PER_DAY, UnixSeconds, Zone
from oracles.sources.currency import Currency, feed_steps
from oracles.sources.day_ahead import DEFAULT_REFRESH_SECONDS, DayAheadSource
from oracles.sources.documents import unix_of, utc
from oracles.sources.errors import NotCoveredError, SchemaError
from oracles.sources.http import HttpClient
from oracles.sources.markup import plain_xml
from oracles.sources.periods import Period, Series

DEFAULT_URL: Final = "https://web-api.tp.entsoe.eu/api"
LONGEST_PERIOD_SECONDS: Final = 3 * SECONDS_PER_DAY
RESOLUTIONS: Final[dict[str, int]] = {"15min": 900, "30min": 1_800, "60min": 3_600}
"""Keys of the parser's answer, finest first."""

_PARSER_ERRORS: Final = (
    AttributeError,
    ArithmeticError,
    IndexError,
    KeyError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the parser raises where the document is not as it expects."""


class EntsoeSource(DayAheadSource):
    """Prices of bidding zones, which have EIC codes.

    Args:
        token_file: file with the security token of the platform.
    """

    def __init__(
        self,
        name: str,
        areas: Mapping[Zone, str],
        token_file: Path,
        client: HttpClient,
        currency: Currency | None = None,
        url: str = DEFAULT_URL,
        refresh_seconds: float = DEFAULT_REFRESH_SECONDS,
    ) -> None:
        super().__init__(name, areas, client, currency, url, refresh_seconds)
        self._token_file = token_file

    def _fetch(self, key: tuple[Zone, UnixSeconds]) -> Series:
        zone, day = key
        area = self._areas[zone]
        first, last = utc(day) - timedelta(hours=2), utc(day) + timedelta(hours=26)
        answer = self._client.get(
            self._url,
            {
                "documentType": "A44",
                "in_Domain": area,
                "out_Domain": area,
                "periodStart": first.strftime("%Y%m%d%H%M"),
                "periodEnd": last.strftime("%Y%m%d%H%M"),
                "securityToken": self._token(),
            },
            {"Accept": "application/xml"},
        )
        return self.parse(answer.body, Feed(FeedKind.MARKET_PRICE, zone))

    def _token(self) -> str:
        try:
            token = self._token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(
                f"token file {self._token_file} of {self._name} cannot be read",
                expected="a readable file",
                found=error.strerror,
            ) from None
        if not token:
            raise ConfigurationError(f"token file {self._token_file} of {self._name} is empty")
        return token

    def parse(self, body: bytes, feed: Feed) -> Series:
        """Prices of a document.

        Raises:
            SchemaError: it is no A44 document of this area in this currency.
            NotCoveredError: the platform has no prices.
        """
        text = plain_xml(body, self._name)
        soup = _soup(text)
        if soup.find("acknowledgement_marketdocument") is not None:
            raise NotCoveredError(
                f"{self._name} has no prices of this day yet",
                found=_text_of(soup.find("reason")) or "an acknowledgement",
            )
        if soup.find("publication_marketdocument") is None:
            raise SchemaError(
                f"answer of {self._name}", expected="Publication_MarketDocument", found=text[:80]
            )
        found = soup.find_all("timeseries")
        if not found:
            raise NotCoveredError(f"{self._name} has no prices of this day yet")
        for series in found:
            self._check(series, feed)
        return self._series(text, feed)

    def _check(self, series: Any, feed: Feed) -> None:
        """Area, currency and unit of one series, and the length of its periods."""
        expected = {
            "in_domain.mrid": self._areas[feed.zone],
            "currency_unit.name": self._currency.code,
            "price_measure_unit.name": "MWH",
        }
        for name, wanted in expected.items():
            found = _text_of(series.find(name))
            if found != wanted:
                raise SchemaError(
                    f"{name} of {self._name}", expected=wanted, found=repr(found)[:60]
                )
        for period in series.find_all("period"):
            start = unix_of(_text_of(period.find("start")), f"period of {self._name}")
            end = unix_of(_text_of(period.find("end")), f"period of {self._name}")
            if not 0 < end - start <= LONGEST_PERIOD_SECONDS:
                raise SchemaError(
                    f"period of {self._name}",
                    expected=f"at most {LONGEST_PERIOD_SECONDS} s",
                    found=end - start,
                )

    def _series(self, text: str, feed: Feed) -> Series:
        from entsoe.parsers import parse_prices

        try:
            with _quiet():
                by_resolution: dict[str, Any] = parse_prices(text)  # type: ignore[no-untyped-call]
            for resolution, seconds in RESOLUTIONS.items():
                prices = by_resolution[resolution]
                if len(prices):
                    rows = [(int(at.timestamp()), float(price)) for at, price in prices.items()]
                    return Series(self._periods(rows, seconds, feed), f"prices of {self._name}")
        except _PARSER_ERRORS as error:
            raise SchemaError(
                f"answer of {self._name} is no A44 document", found=repr(error)[:160]
            ) from None
        raise NotCoveredError(f"{self._name} has no prices of this day yet")

    def _periods(self, rows: list[tuple[int, float]], seconds: int, feed: Feed) -> list[Period]:
        unit = f"{self._currency.code}/MWh"
        periods: dict[int, Period] = {}
        for at, price in rows:
            # The shortest text of the parser's float is the decimal that the document had.
            value = (
                feed_steps(Decimal(repr(price)), unit, feed, self._currency)
                if math.isfinite(price)
                else None
            )
            period = Period(UnixSeconds(at), seconds, value)
            if periods.setdefault(at, period) != period:
                raise SchemaError(
                    f"two prices of {self._name} for the same time",
                    expected=periods[at].value,
                    found=value,
                )
        return list(periods.values())


def _soup(text: str) -> Any:
    """The document as entsoe-py's parser sees it."""
    import bs4

    with _quiet():
        return bs4.BeautifulSoup(text, "html.parser")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the remark that this parser is meant for HTML: it is the one entsoe-py uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _text_of(element: Any) -> str:
    return "" if element is None else str(element.text).strip()
