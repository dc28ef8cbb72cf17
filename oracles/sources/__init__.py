"""Where observations come from: recorded files, the simulation, public web services.

Every source answers one question, `Source.observe(feed, interval)`, with a `Measurement` in steps
of the feed or with a typed error. `Combiner` asks several and gives their median. What each source
is, its licence and how it fails: docs/oracles-sources.md.
"""

from oracles.sources.base import Interval, Measurement, Source
from oracles.sources.combining import Combined, Combiner, CombiningRules, Refusal
from oracles.sources.errors import (
    DisagreementError,
    ImplausibleValueError,
    NotCoveredError,
    NotEnoughSourcesError,
    SchemaError,
    SourceError,
    SourceRefusedError,
    SourceUnreachableError,
    StaleSourceError,
    UnsupportedFeedError,
)

__all__ = [
    "Combined",
    "Combiner",
    "CombiningRules",
    "DisagreementError",
    "ImplausibleValueError",
    "Interval",
    "Measurement",
    "NotCoveredError",
    "NotEnoughSourcesError",
    "Refusal",
    "SchemaError",
    "Source",
    "SourceError",
    "SourceRefusedError",
    "SourceUnreachableError",
    "StaleSourceError",
    "UnsupportedFeedError",
]
