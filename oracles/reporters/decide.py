"""Which round of a feed is due, and which change is worth one: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energy_grid.feeds import FeedKind
from energy_grid.units import BPS
from oracles.reporting.oracles import FeedView
from oracles.reporting.rounds import heartbeat_round, is_heartbeat_due


@dataclass(frozen=True, slots=True)
class Deviation:
    """Change that is worth a round before the heartbeat; the larger of both.

    Attributes:
        steps: in steps of the feed: relative changes mean nothing near zero.
        bps: relative to the published value.
    """

    steps: int
    bps: int = 0

    def is_exceeded(self, published: int, observed: int) -> bool:
        """Whether a value differs enough from the published one."""
        allowed = max(self.steps, abs(published) * self.bps // BPS)
        return abs(observed - published) > allowed


DEVIATIONS: Final[dict[FeedKind, Deviation]] = {
    FeedKind.MARKET_PRICE: Deviation(1_000, 50),
    FeedKind.FREQUENCY: Deviation(20),
    FeedKind.VOLTAGE: Deviation(1_000, 200),
    FeedKind.DEMAND: Deviation(1_000, 1_000),
    FeedKind.SUPPLY: Deviation(1_000, 1_000),
    FeedKind.LINE_LOADING: Deviation(500, 1_000),
    FeedKind.IRRADIANCE: Deviation(200, 1_000),
    FeedKind.TEMPERATURE: Deviation(100, 1_000),
    FeedKind.WIND_SPEED: Deviation(100, 1_000),
    FeedKind.CLOUD_COVER: Deviation(1_000, 1_000),
    FeedKind.EXPECTED_SUPPLY: Deviation(1_000, 1_000),
    FeedKind.EXPECTED_DEMAND: Deviation(1_000, 1_000),
}
"""Price 0.5 %, frequency 0.02 Hz, weather 10 %."""


@dataclass(frozen=True, slots=True)
class Due:
    """A round that could be signed.

    Attributes:
        round: its number.
        by_heartbeat: whether it is due anyway; otherwise only if the value has moved.
    """

    round: int
    by_heartbeat: bool


def due(view: FeedView, now: int) -> Due | None:
    """The round of a feed to sign now; None if the newest one begins no later.

    Args:
        view: the feed as the chain shows it.
        now: time of the chain.
    """
    latest = view.latest_round if view.has_round else -1
    if is_heartbeat_due(view.config, now, latest):
        return Due(heartbeat_round(view.config, now), True)
    current = view.config.round_at(now)
    return Due(current, False) if current > latest else None
