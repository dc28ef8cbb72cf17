"""What can stop a market day."""

from __future__ import annotations

from simulation.errors import SimulationError


class MarketDayError(SimulationError):
    """Base of the errors of the market day."""


class AnvilError(MarketDayError):
    """The local chain cannot be started, or it stopped."""


class TransactionFailedError(MarketDayError):
    """A transaction of the day reverted."""


class BridgeProcessError(MarketDayError):
    """The meter bridge stopped, or readings did not arrive in time."""


class EngineProcessError(MarketDayError):
    """The trading engine stopped, or did not answer in time."""
