"""What reporters and collectors share: the oracles as the chain shows them, rounds, the wire."""

from oracles.reporting.oracles import (
    ORACLES,
    FeedView,
    Oracle,
    OracleView,
    oracle_of_kind,
    oracles_of,
    read_views,
)
from oracles.reporting.wire import Delivery, parse_observations, to_document

__all__ = [
    "ORACLES",
    "Delivery",
    "FeedView",
    "Oracle",
    "OracleView",
    "oracle_of_kind",
    "oracles_of",
    "parse_observations",
    "read_views",
    "to_document",
]
