"""What reporters and collectors share: the oracles as the chain shows them, rounds, the wire."""

from oracles.reporting.oracles import (
    ORACLES,
    FeedTerms,
    FeedView,
    Oracle,
    OracleView,
    oracle_of_kind,
    oracles_of,
    read_views,
)
from oracles.reporting.wire import SignedObservation, parse_observations, to_document

__all__ = [
    "ORACLES",
    "FeedTerms",
    "FeedView",
    "Oracle",
    "OracleView",
    "SignedObservation",
    "oracle_of_kind",
    "oracles_of",
    "parse_observations",
    "read_views",
    "to_document",
]
