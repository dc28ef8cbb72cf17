"""Several sources make one value: the median of those that are fresh, plausible and agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from energy_grid.feeds import Feed, FeedKind, median
from energy_grid.units import BPS, UnixSeconds
from oracles.sources.base import Interval, Measurement, Source
from oracles.sources.errors import (
    DisagreementError,
    NotEnoughSourcesError,
    SourceError,
    StaleSourceError,
    UnsupportedFeedError,
)
from oracles.sources.plausibility import Plausibility

MAX_AGE_SECONDS: Final[dict[FeedKind, int]] = {
    FeedKind.DEMAND: 900,
    FeedKind.SUPPLY: 900,
    FeedKind.FREQUENCY: 120,
    FeedKind.VOLTAGE: 300,
    FeedKind.LINE_LOADING: 300,
    FeedKind.IRRADIANCE: 3_600,
    FeedKind.TEMPERATURE: 3_600,
    FeedKind.WIND_SPEED: 3_600,
    FeedKind.CLOUD_COVER: 3_600,
    FeedKind.EXPECTED_SUPPLY: 6 * 3_600,
    FeedKind.EXPECTED_DEMAND: 6 * 3_600,
    # An hour's price holds for its last quarter too.
    FeedKind.MARKET_PRICE: 3_600,
}
"""How long before the interval (of a forecast: before now) a value may have been measured."""

MAX_BAND_BPS: Final[dict[FeedKind, int]] = {
    FeedKind.FREQUENCY: 100,
    FeedKind.VOLTAGE: 500,
    FeedKind.MARKET_PRICE: 200,
}
"""Relative distance from the median at which a source is an outlier; 30 % for the others."""
_DEFAULT_BAND_BPS: Final = 3_000

BAND_FLOOR: Final[dict[FeedKind, int]] = {
    FeedKind.DEMAND: 1_000,
    FeedKind.SUPPLY: 1_000,
    FeedKind.FREQUENCY: 20,
    FeedKind.VOLTAGE: 1_000,
    FeedKind.LINE_LOADING: 500,
    FeedKind.IRRADIANCE: 1_000,
    FeedKind.TEMPERATURE: 300,
    FeedKind.WIND_SPEED: 300,
    FeedKind.CLOUD_COVER: 4_000,
    FeedKind.EXPECTED_SUPPLY: 1_000,
    FeedKind.EXPECTED_DEMAND: 1_000,
    FeedKind.MARKET_PRICE: 5_000,
}
"""Absolute distance that is never an outlier's, in steps: relative ones mean nothing near zero."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CombiningRules:
    """How many sources must agree how closely.

    Attributes:
        minimum: usable sources a value needs.
        max_age_seconds: how old a value may be; None for the default of the feed's kind.
        band: distance from the median of an outlier, in steps; None for the default.
    """

    minimum: int = 1
    max_age_seconds: int | None = None
    band: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A source that was not used, and why."""

    source: str
    error: SourceError


@dataclass(frozen=True, slots=True)
class Combined:
    """A value and what it was made of."""

    value: int
    used: tuple[Measurement, ...]
    refused: tuple[Refusal, ...]


class Combiner:
    """Asks the sources of a feed.

    Args:
        sources: whom to ask.
        rules: how many must agree how closely.
    """

    def __init__(self, sources: Sequence[Source], rules: CombiningRules | None = None) -> None:
        self._sources = tuple(sources)
        self._rules = rules or CombiningRules()

    def observe(
        self, feed: Feed, interval: Interval, now: UnixSeconds, plausible: Plausibility
    ) -> Combined:
        """The median of the usable sources, of an even number the floored mean of the middle two.

        Raises:
            NotEnoughSourcesError: too few are usable.
            DisagreementError: they contradict each other.
        """
        measured: list[Measurement] = []
        refused: list[Refusal] = []
        for source in self._sources:
            try:
                one = source.observe(feed, interval)
                self._check_age(one, feed, interval, now)
                plausible.check(feed, one.value, one.source)
                measured.append(one)
            except UnsupportedFeedError:
                continue
            except SourceError as error:
                refused.append(Refusal(source.name, error))
        self._require(len(measured), feed, refused)
        middle = median([one.value for one in measured])
        band = self._band(feed, middle)
        used = [one for one in measured if abs(one.value - middle) <= band]
        if 2 * len(used) <= len(measured):
            values = ", ".join(f"{one.source} {one.value}" for one in measured)
            raise DisagreementError(
                f"sources of {feed.kind.name.lower()} of zone {feed.zone} contradict each other",
                expected=f"most of them within {band} of their median",
                found=values,
                remedy="Find the wrong one; nothing is signed until then",
            )
        for one in measured:
            if one not in used:
                reason = DisagreementError(
                    "an outlier", expected=f"{middle} ± {band}", found=one.value
                )
                refused.append(Refusal(one.source, reason))
        self._require(len(used), feed, refused)
        for refusal in refused:
            _log.warning(
                "source not used",
                source=refusal.source,
                feed_id=feed.id,
                reason=str(refusal.error),
            )
        return Combined(median([one.value for one in used]), tuple(used), tuple(refused))

    def _check_age(
        self, one: Measurement, feed: Feed, interval: Interval, now: UnixSeconds
    ) -> None:
        age = self._rules.max_age_seconds
        if age is None:
            age = MAX_AGE_SECONDS[feed.kind]
        is_forecast = feed.horizon_slots > 0
        first = (now if is_forecast else interval.start) - age
        last = interval.end
        if not first <= one.measured_at <= last:
            raise StaleSourceError(
                f"{one.source}: value of another time",
                expected=f"{first} to {last}",
                found=one.measured_at,
                remedy="Check the source's clock, or wait for its next value",
            )

    def _require(self, count: int, feed: Feed, refused: Sequence[Refusal]) -> None:
        if count < max(1, self._rules.minimum):
            reasons = "; ".join(f"{one.source}: {one.error}" for one in refused)
            raise NotEnoughSourcesError(
                f"too few sources of {feed.kind.name.lower()} of zone {feed.zone}",
                expected=f"at least {self._rules.minimum}",
                found=f"{count} ({reasons or 'none knows the feed'})",
            )

    def _band(self, feed: Feed, middle: int) -> int:
        if self._rules.band is not None:
            return self._rules.band
        relative = abs(middle) * MAX_BAND_BPS.get(feed.kind, _DEFAULT_BAND_BPS) // BPS
        return max(relative, BAND_FLOOR[feed.kind])
