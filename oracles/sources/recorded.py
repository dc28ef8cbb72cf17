"""Recorded values from a file, CSV or JSON, played as they were or again and again.

A CSV file has the columns below, a JSON file an array of objects with the same names:

    kind,zone,horizon_slots,start,seconds,value,unit
    market_price,1,0,2025-04-01T17:00:00+00:00,3600,107.30,EUR/MWh
    temperature,1,0,1743526800,900,-2.5,°C

`kind` is a kind of feed in lower case, `start` unix seconds or ISO 8601 with offset, `value` a
decimal number in `unit`; an empty value is a gap. Lines of a CSV file that begin with `#` (licence,
origin) are left out.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from energy_grid.errors import InvalidValueError
from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import UnixSeconds, Zone
from oracles.sources.base import Interval, Measurement
from oracles.sources.currency import Currency, feed_steps
from oracles.sources.documents import unix_of
from oracles.sources.errors import SchemaError, UnsupportedFeedError
from oracles.sources.http import parse_json
from oracles.sources.periods import Period, Series
from oracles.sources.quantities import decimal_of

COLUMNS: Final = ("kind", "zone", "horizon_slots", "start", "seconds", "value", "unit")
MAX_FILE_BYTES: Final = 64_000_000


class RecordedSource:
    """Values of a file.

    Args:
        name: of the source.
        path: CSV or JSON by its ending.
        currency: of the prices in it.
        repeats_seconds: length of the recording when it is played again and again, such as a day;
            None plays it once, at its own time.

    Raises:
        SchemaError: the file is not as described above.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        currency: Currency | None = None,
        repeats_seconds: int | None = None,
    ) -> None:
        self._name = name
        self._repeats_seconds = repeats_seconds
        self._series = _read(path, currency or Currency())

    @property
    def name(self) -> str:
        """Name in logs, metrics and measurements."""
        return self._name

    def feeds(self) -> list[Feed]:
        """Feeds that the file knows."""
        return sorted(self._series, key=lambda feed: feed.id)

    def observe(self, feed: Feed, interval: Interval) -> Measurement:
        """The value of the period that holds the interval.

        Raises:
            UnsupportedFeedError: the file has no such feed.
            NotCoveredError: the file has no such period.
        """
        series = self._series.get(feed)
        if series is None:
            raise UnsupportedFeedError(f"{self._name} has no feed {feed.id}")
        shift = 0
        if self._repeats_seconds:
            first = series.first_start
            recorded = first + (interval.start - first) % self._repeats_seconds
            shift = interval.start - recorded
        value, start = series.at(Interval(UnixSeconds(interval.start - shift), interval.seconds))
        return Measurement(value, UnixSeconds(start + shift), self._name)


def _read(path: Path, currency: Currency) -> dict[Feed, Series]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SchemaError(f"recording {path}", expected=f"at most {MAX_FILE_BYTES} bytes")
        body = path.read_bytes()
    except OSError as error:
        raise SchemaError(f"recording {path} cannot be read", found=error.strerror) from None
    rows: Iterable[Any]
    if path.suffix.lower() == ".json":
        rows = parse_json(body, path.name)
        if not isinstance(rows, list):
            raise SchemaError(f"recording {path}", expected="an array", found=type(rows).__name__)
    else:
        lines = io.StringIO(body.decode("utf-8-sig", errors="replace"))
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    periods: dict[Feed, list[Period]] = defaultdict(list)
    for number, row in enumerate(rows, 1):
        feed, period = _period(row, f"{path.name}, record {number}", currency)
        periods[feed].append(period)
    return {feed: Series(found, f"{path.name}, feed {feed.id}") for feed, found in periods.items()}


def _period(row: Any, what: str, currency: Currency) -> tuple[Feed, Period]:
    if not isinstance(row, Mapping) or set(COLUMNS) - row.keys():
        raise SchemaError(what, expected=", ".join(COLUMNS), found=str(row)[:120])
    try:
        kind = FeedKind[str(row["kind"]).upper()]
        feed = Feed(kind, Zone(int(row["zone"])), int(row["horizon_slots"] or 0))
        seconds = int(row["seconds"])
        start = str(row["start"])
        at = UnixSeconds(int(start)) if start.isdigit() else unix_of(start, what)
    except (KeyError, TypeError, ValueError, InvalidValueError) as error:
        raise SchemaError(what, expected="a feed and its time", found=repr(error)[:120]) from None
    text = row["value"]
    if text is None or text == "":
        return feed, Period(at, seconds, None)
    amount = decimal_of(text, what)
    return feed, Period(at, seconds, feed_steps(amount, str(row["unit"]), feed, currency))
