"""Feeds of the oracles: ids, units, and what reporters sign."""

from energy_grid.feeds.kinds import Feed, FeedId, FeedKind, FeedStatus, Unit
from energy_grid.feeds.observation import Observation

__all__ = ["Feed", "FeedId", "FeedKind", "FeedStatus", "Observation", "Unit"]
