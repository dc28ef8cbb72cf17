"""Errors of sources: those that pass by themselves are retryable, the others fatal."""

from __future__ import annotations

from energy_grid.errors import EnergyGridError, FatalError, RetryableError


class SourceError(EnergyGridError):
    """Base of the errors of this package."""


class SourceUnreachableError(SourceError, RetryableError):
    """No answer, not in time, or a server that says it cannot answer now (5xx, 429)."""


class SourceRefusedError(SourceError, FatalError):
    """The server refuses the request (4xx), or its answer breaks a limit of the client."""


class ForbiddenAddressError(SourceError, FatalError):
    """A URL, or a redirect, leads where the client must not go."""


class SchemaError(SourceError, FatalError):
    """The answer is not what the source is known to answer."""


class NotCoveredError(SourceError, RetryableError):
    """The source has no value for the interval, or not yet."""


class StaleSourceError(SourceError, RetryableError):
    """The newest value is too old for the interval."""


class UnsupportedFeedError(SourceError, FatalError):
    """The source knows nothing about the feed."""


class ImplausibleValueError(SourceError, FatalError):
    """The value cannot be true: no number, out of physical bounds, or too great a step."""


class NotEnoughSourcesError(SourceError, RetryableError):
    """Fewer usable sources than a reporter must have before it signs."""


class DisagreementError(SourceError, RetryableError):
    """The sources contradict each other and no majority of them agrees."""
