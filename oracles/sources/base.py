"""The one interface of all sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from energy_grid.errors import InvalidValueError
from energy_grid.feeds import Feed
from energy_grid.units import UnixSeconds


@dataclass(frozen=True, slots=True)
class Interval:
    """The time that a value is about: `[start, start + seconds)`."""

    start: UnixSeconds
    seconds: int

    def __post_init__(self) -> None:
        if self.start < 0 or self.seconds <= 0:
            raise InvalidValueError("interval", expected="start >= 0, seconds > 0", found=self)

    @property
    def end(self) -> UnixSeconds:
        """First second after it."""
        return UnixSeconds(self.start + self.seconds)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a source says.

    Attributes:
        value: in steps of the feed.
        measured_at: the source's own time of the value: when it was measured, or the start of the
            period it holds for.
        source: name of the source.
    """

    value: int
    measured_at: UnixSeconds
    source: str


class Source(Protocol):
    """Something that observes feeds."""

    @property
    def name(self) -> str:
        """Name in logs, metrics and measurements."""

    def observe(self, feed: Feed, interval: Interval) -> Measurement:
        """The value of a feed over an interval.

        Raises:
            SourceError: there is none; retryable errors may pass by themselves.
        """
