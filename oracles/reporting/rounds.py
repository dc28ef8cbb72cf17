"""When a round of a feed is due: the same for everybody who looks at the same chain."""

from __future__ import annotations

from energy_grid.feeds import FeedConfig
from energy_grid.feeds.config import MAX_CLOCK_LEAD_SECONDS


def heartbeat_round(config: FeedConfig, now: int) -> int:
    """The round that all reporters sign when a heartbeat is due, whenever they look.

    It begins with the heartbeat, or with the interval that runs now if that is later, so reporters
    that look seconds apart sign the same.
    """
    heartbeat = now // config.heartbeat_seconds * config.heartbeat_seconds
    interval = now // config.interval_seconds * config.interval_seconds
    return config.round_at(max(heartbeat, interval))


def is_heartbeat_due(config: FeedConfig, now: int, latest_round: int) -> bool:
    """Whether no round of this heartbeat was published yet."""
    heartbeat = now // config.heartbeat_seconds * config.heartbeat_seconds
    return latest_round < config.round_at(heartbeat)


def is_too_old(config: FeedConfig, round_: int, now: int) -> bool:
    """Whether the contract takes a round no longer."""
    return now - config.round_start(round_) >= config.age_limit_seconds


def is_in_future(config: FeedConfig, round_: int, now: int) -> bool:
    """Whether the contract does not take a round yet."""
    return round_ > config.round_at(now + MAX_CLOCK_LEAD_SECONDS)
