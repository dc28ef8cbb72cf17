"""What the bridge counts for its status line and its checks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Since the start of the process."""

    telegrams: int = 0
    duplicates: int = 0
    snapshots_accepted: int = 0
    snapshots_refused: int = 0
    readings_signed: int = 0
    days_signed: int = 0
    store_refusals: int = 0
    """Telegrams that could not be stored: an alarm when it rises."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Telegrams rejected, by cause."""

    def as_fields(self) -> dict[str, object]:
        """For a log line."""
        return {
            "telegrams": self.telegrams,
            "duplicates": self.duplicates,
            "snapshots_accepted": self.snapshots_accepted,
            "snapshots_refused": self.snapshots_refused,
            "readings_signed": self.readings_signed,
            "days_signed": self.days_signed,
            "store_refusals": self.store_refusals,
            "rejected": dict(self.rejected),
        }
