"""Feeds of the oracles: ids, units, configurations, what reporters sign, what becomes of it."""

from energy_grid.feeds.aggregate import (
    Aggregate,
    ReportRefused,
    aggregate,
    faults_borne,
    median,
    min_answers,
    require_round,
    status_at,
)
from energy_grid.feeds.config import STANDARD_RATINGS, FeedConfig, ZoneRatings, standard_config
from energy_grid.feeds.kinds import Feed, FeedId, FeedKind, FeedStatus, Unit
from energy_grid.feeds.observation import (
    GRID_DOMAIN,
    PRICE_DOMAIN,
    WEATHER_DOMAIN,
    Observation,
)
from energy_grid.feeds.report import Report, SignedObservation

__all__ = [
    "GRID_DOMAIN",
    "PRICE_DOMAIN",
    "STANDARD_RATINGS",
    "WEATHER_DOMAIN",
    "Aggregate",
    "Feed",
    "FeedConfig",
    "FeedId",
    "FeedKind",
    "FeedStatus",
    "Observation",
    "Report",
    "ReportRefused",
    "SignedObservation",
    "Unit",
    "ZoneRatings",
    "aggregate",
    "faults_borne",
    "median",
    "min_answers",
    "require_round",
    "standard_config",
    "status_at",
]
