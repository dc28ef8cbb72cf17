"""Errors of the outbox."""

from __future__ import annotations

from energy_grid.errors import EnergyGridError, FatalError, RetryableError


class OutboxError(EnergyGridError):
    """Base of the outbox's errors."""


class OutboxStorageError(OutboxError, RetryableError):
    """The database cannot be written (disk full, read-only): nothing was signed or sent for it."""


class BusinessKeyConflictError(OutboxError, FatalError):
    """The business key is taken by another intent."""


class OutboxBusyError(OutboxError, RetryableError):
    """Another process already sends for this key or from this outbox."""


class ForeignTransactionError(OutboxError, RetryableError):
    """The account has pending transactions that this outbox did not send."""


class NodeBehindError(OutboxError, RetryableError):
    """The node counts fewer transactions than were already mined: it lags, or its chain changed."""


class NodeRefusedError(OutboxError, RetryableError):
    """The node does not take a transaction (no funds, fee too low): the row waits."""


class OutOfFundsError(NodeRefusedError):
    """The account cannot pay for a transaction: nothing was signed for it."""


class NodeBlindError(OutboxError, RetryableError):
    """No trustworthy news of the chain for too long: nothing new is signed."""


class DeepReorgError(OutboxError, FatalError):
    """A transaction that counted as final has left the chain: a person must decide."""
