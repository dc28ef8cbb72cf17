"""Helpers of sources that read documents: fields with their types, times, a small cache."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from energy_grid.units import UnixSeconds
from oracles.sources.errors import NotCoveredError, SchemaError

_T = TypeVar("_T")
_KEPT: Final = 64
_NOTHING_SECONDS: Final = 60.0


def mapping_of(value: Any, what: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        SchemaError: it is something else.
    """
    if not isinstance(value, dict):
        raise SchemaError(what, expected="an object", found=type(value).__name__)
    return value


def list_of(value: Any, what: str) -> list[Any]:
    """A JSON array.

    Raises:
        SchemaError: it is something else.
    """
    if not isinstance(value, list):
        raise SchemaError(what, expected="an array", found=type(value).__name__)
    return value


def field_of(document: dict[str, Any], name: str, what: str) -> Any:
    """A field that must be there; it may be null.

    Raises:
        SchemaError: it is missing.
    """
    if name not in document:
        found = ", ".join(sorted(map(str, document))[:12])
        raise SchemaError(f"{what} has changed", expected=f"a field {name}", found=found[:200])
    return document[name]


def integer_of(value: Any, what: str) -> int:
    """A JSON integer.

    Raises:
        SchemaError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise SchemaError(what, expected="an integer", found=repr(value)[:60])
    return value


def unix_of(text: Any, what: str) -> UnixSeconds:
    """Unix seconds of an ISO 8601 time with its offset.

    Raises:
        SchemaError: no such time, or without offset.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return UnixSeconds(int(moment.timestamp()))
    except (TypeError, ValueError, OverflowError) as error:
        raise SchemaError(
            f"time in {what}", expected="ISO 8601 with offset", found=f"{text!r:.60} ({error})"
        ) from None


def utc(unix: int) -> datetime:
    """A moment as UTC date and time."""
    return datetime.fromtimestamp(unix, UTC)


class Cached(Generic[_T]):
    """Keeps what was fetched for a while, and for a minute at most that there was nothing.

    Args:
        fetch: gets the document of a key.
        seconds: how long it is kept.
        clock: seconds.
    """

    def __init__(
        self,
        fetch: Callable[[Any], _T],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._seconds = seconds
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, _T]] = {}
        self._nothing: dict[Hashable, tuple[float, NotCoveredError]] = {}

    def get(self, key: Hashable) -> _T:
        """The document of a key, fetched if there is none fresh enough.

        Raises:
            SourceError: it cannot be fetched, or there was none a moment ago.
        """
        now = self._clock()
        nothing = self._nothing.get(key)
        if nothing is not None and now - nothing[0] < min(self._seconds, _NOTHING_SECONDS):
            raise nothing[1]
        kept = self._kept.get(key)
        if kept is not None and now - kept[0] < self._seconds:
            return kept[1]
        if len(self._kept) + len(self._nothing) >= _KEPT:
            self._kept.clear()
            self._nothing.clear()
        try:
            document = self._fetch(key)
        except NotCoveredError as error:
            self._nothing[key] = (now, error)
            raise
        self._kept[key] = (now, document)
        return document
