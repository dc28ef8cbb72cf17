"""The base of all typed errors: what was expected, what was found, what to do."""

from __future__ import annotations


class EnergyGridError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        problem: what went wrong, one sentence without a full stop.
        expected: what would have been right.
        found: what was there instead.
        remedy: what the reader can do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        expected: object = None,
        found: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.expected = expected
        self.found = found
        self.remedy = remedy
        super().__init__(self._message())

    def _message(self) -> str:
        details = []
        if self.expected is not None:
            details.append(f"expected {self.expected}")
        if self.found is not None:
            details.append(f"found {self.found}")
        message = self.problem
        if details:
            message += ": " + ", ".join(details)
        if self.remedy:
            message += f". {self.remedy}"
        return message


class RetryableError(EnergyGridError):
    """The same call may succeed later without anybody changing anything (node away, disk busy)."""


class FatalError(EnergyGridError):
    """Repeating the call cannot help: the input, the configuration or the code must change."""


class InvalidValueError(FatalError, ValueError):
    """A value breaks a rule of the specification."""


class ConfigurationError(FatalError):
    """Settings, files or the chain do not fit together."""
