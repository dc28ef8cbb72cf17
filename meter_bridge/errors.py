"""Everything the bridge refuses on purpose, each with what to do about it."""

from __future__ import annotations

from energy_grid.errors import ConfigurationError, EnergyGridError, FatalError, RetryableError


class BridgeError(EnergyGridError):
    """Base of the bridge's own errors."""


class TelegramRejected(BridgeError, FatalError):
    """A telegram that cannot be taken at its word; the next one may be fine.

    Args:
        cause: short stable name for the counters, such as `checksum` or `register_missing`.
    """

    def __init__(
        self,
        cause: str,
        problem: str,
        *,
        expected: object = None,
        found: object = None,
        remedy: str | None = None,
    ) -> None:
        self.cause = cause
        super().__init__(problem, expected=expected, found=found, remedy=remedy)


class BridgeConfigurationError(BridgeError, ConfigurationError):
    """The configuration file or the environment does not describe a bridge that can run."""


class KeyFileError(BridgeError, ConfigurationError):
    """A keystore, its password or its address is not what was expected."""


class StoreUnavailableError(BridgeError, RetryableError):
    """The store cannot take what must be written (disk full, read-only): nothing may be signed."""


class StoreConflictError(BridgeError, FatalError):
    """Something already stored for ever differs from what was to be stored."""


class SealedDataError(BridgeError, FatalError):
    """Something encrypted does not open: altered, moved, or plain where nothing may be plain."""


class ErasedDataError(BridgeError, FatalError):
    """What is asked for was erased on purpose: its data key is destroyed."""


class RegistryError(BridgeError, FatalError):
    """The chain does not know the meter as the configuration does."""


class SourceError(BridgeError, RetryableError):
    """A reader's source is away; it is tried again."""
