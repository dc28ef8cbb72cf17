"""A series of periods, each with a value: what prices, records and weather have in common."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from energy_grid.units import UnixSeconds
from oracles.sources.base import Interval
from oracles.sources.errors import NotCoveredError, SchemaError


@dataclass(frozen=True, slots=True)
class Period:
    """A value over `[start, start + seconds)`; None where the source has none."""

    start: UnixSeconds
    seconds: int
    value: int | None


class Series:
    """Periods in order, without overlap.

    Args:
        periods: in any order.
        what: what the series is, for messages.
    """

    def __init__(self, periods: Iterable[Period], what: str) -> None:
        self._what = what
        self._periods = sorted(periods, key=lambda period: period.start)
        for one, following in pairwise(self._periods):
            if one.start + one.seconds > following.start:
                raise SchemaError(
                    f"{what}: periods overlap",
                    expected=f"the next after {one.start + one.seconds}",
                    found=following.start,
                )
        self._starts = [period.start for period in self._periods]

    @property
    def first_start(self) -> int:
        """Start of the first period."""
        return self._starts[0] if self._starts else 0

    def at(self, interval: Interval) -> tuple[int, UnixSeconds]:
        """Value and start of the period that holds an interval.

        Raises:
            NotCoveredError: none does, or its value is missing.
        """
        place = bisect_right(self._starts, interval.start) - 1
        if place >= 0:
            period = self._periods[place]
            if interval.end <= period.start + period.seconds and period.value is not None:
                return period.value, period.start
        last = self._periods[-1] if self._periods else None
        raise NotCoveredError(
            f"{self._what} has no value for the interval",
            expected=f"{interval.start} to {interval.end}",
            found=f"periods from {self.first_start} to {last.start + last.seconds}"
            if last
            else "none at all",
        )
