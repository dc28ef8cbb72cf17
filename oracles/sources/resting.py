"""A source that fails is left alone for a while, so that it does not hold up the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from energy_grid.feeds import Feed
from oracles.sources.base import Interval, Measurement, Source
from oracles.sources.errors import (
    ForbiddenAddressError,
    SchemaError,
    SourceError,
    SourceRefusedError,
    SourceUnreachableError,
)

FIRST_REST_SECONDS: Final = 1.0
LONGEST_REST_SECONDS: Final = 300.0
TROUBLE: Final = (
    SourceUnreachableError,
    SourceRefusedError,
    ForbiddenAddressError,
    SchemaError,
)
"""Errors after which asking again at once is a waste: the server is away, or hostile."""


class RestingSource:
    """Another source, with pauses that double while it fails.

    Args:
        source: the other one.
        clock: seconds.
        first_rest_seconds: pause after the first failure.
    """

    def __init__(
        self,
        source: Source,
        clock: Callable[[], float] = time.monotonic,
        first_rest_seconds: float = FIRST_REST_SECONDS,
    ) -> None:
        self._source = source
        self._clock = clock
        self._first_rest_seconds = first_rest_seconds
        self._rests_until = 0.0
        self._rest_seconds = 0.0
        self._error: SourceError | None = None

    @property
    def name(self) -> str:
        """Name of the other source."""
        return self._source.name

    def observe(self, feed: Feed, interval: Interval) -> Measurement:
        """Ask, unless it failed a moment ago.

        Raises:
            SourceError: of the source; the one before while it rests.
        """
        if self._error is not None and self._clock() < self._rests_until:
            raise self._error
        try:
            measurement = self._source.observe(feed, interval)
        except TROUBLE as error:
            self._rest_seconds = min(
                max(2 * self._rest_seconds, self._first_rest_seconds), LONGEST_REST_SECONDS
            )
            self._rests_until = self._clock() + self._rest_seconds
            self._error = error
            raise
        self._error, self._rest_seconds = None, 0.0
        return measurement
