"""Rounds and intervals of a feed: the same arithmetic as the contract's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energy_grid.feeds import Feed
from energy_grid.units import SLOT_SECONDS, UnixSeconds

MAX_CLOCK_LEAD_SECONDS: Final = 30
"""How far in the future a round may begin, on chain."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a feed is reported.

    Attributes:
        interval_seconds: length of what a value is about.
        round_seconds: shortest time between two rounds.
        heartbeat_seconds: longest time between two rounds.
    """

    interval_seconds: int
    round_seconds: int
    heartbeat_seconds: int

    @property
    def age_limit_seconds(self) -> int:
        """Age at which a value is STALE and a round too old: 1.5 heartbeats."""
        return self.heartbeat_seconds * 3 // 2

    def round_at(self, now: int) -> int:
        """Number of the round that begins at or last before a moment."""
        return now // self.round_seconds

    def start_of(self, round_: int) -> UnixSeconds:
        """When a round begins."""
        return UnixSeconds(round_ * self.round_seconds)

    def interval_of(self, feed: Feed, round_: int) -> UnixSeconds:
        """Start of the interval that a round's value is about."""
        interval = round_ * self.round_seconds // self.interval_seconds
        return UnixSeconds(interval * self.interval_seconds + feed.horizon_slots * SLOT_SECONDS)

    def heartbeat_round(self, now: int) -> int:
        """The round that all reporters sign when a heartbeat is due, whenever they look.

        It begins with the heartbeat, or with the interval that runs now if that is later, so
        reporters that look seconds apart sign the same.
        """
        heartbeat = now // self.heartbeat_seconds * self.heartbeat_seconds
        interval = now // self.interval_seconds * self.interval_seconds
        return max(heartbeat, interval) // self.round_seconds

    def is_heartbeat_due(self, now: int, latest_round: int) -> bool:
        """Whether no round of this heartbeat was published yet."""
        first = now // self.heartbeat_seconds * self.heartbeat_seconds // self.round_seconds
        return latest_round < first

    def is_too_old(self, round_: int, now: int) -> bool:
        """Whether the contract takes a round no longer."""
        if now < self.age_limit_seconds:
            return False
        return round_ < (now - self.age_limit_seconds) // self.round_seconds + 1

    def is_in_future(self, round_: int, now: int) -> bool:
        """Whether the contract does not take a round yet."""
        return round_ > (now + MAX_CLOCK_LEAD_SECONDS) // self.round_seconds
