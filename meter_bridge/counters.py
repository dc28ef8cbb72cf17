"""What the bridge counts for its status line and its checks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_IN_TRANSACTION: Final = (
    "snapshots_accepted",
    "snapshots_refused",
    "readings_signed",
    "days_signed",
    "pages_sealed",
)


@dataclass(slots=True)
class Counters:
    """Since the start of the process."""

    telegrams: int = 0
    duplicates: int = 0
    snapshots_accepted: int = 0
    snapshots_refused: int = 0
    readings_signed: int = 0
    days_signed: int = 0
    pages_sealed: int = 0
    store_refusals: int = 0
    """Telegrams that could not be stored: an alarm when it rises."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Telegrams rejected, by cause."""

    def signed(self) -> tuple[int, ...]:
        """The counts that a transaction changes, to `restore` them if it fails."""
        return tuple(getattr(self, name) for name in _IN_TRANSACTION)

    def restore(self, counts: tuple[int, ...]) -> None:
        """Take back what a failed transaction counted."""
        for name, count in zip(_IN_TRANSACTION, counts, strict=True):
            setattr(self, name, count)

    def as_fields(self) -> dict[str, object]:
        """For a log line."""
        return {
            "telegrams": self.telegrams,
            "duplicates": self.duplicates,
            "snapshots_accepted": self.snapshots_accepted,
            "snapshots_refused": self.snapshots_refused,
            "readings_signed": self.readings_signed,
            "days_signed": self.days_signed,
            "pages_sealed": self.pages_sealed,
            "store_refusals": self.store_refusals,
            "rejected": dict(self.rejected),
        }
