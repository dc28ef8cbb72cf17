"""One thing that must be true on chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true.

    Attributes:
        subject: contract or zone.
        what: property.
        expected: what files and parameters say.
        found: what the chain says.
        fix: governor's call on the access manager that makes it true, if one does.
    """

    subject: str
    what: str
    expected: Any
    found: Any
    fix: tuple[str, tuple[Any, ...]] | None = None

    @property
    def ok(self) -> bool:
        """Whether it is true."""
        return bool(self.expected == self.found)
