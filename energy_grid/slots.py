"""The clock of settlement: slots of 900 s counted from 1970-01-01 UTC, never by hour of day."""

from __future__ import annotations

from datetime import UTC, datetime

from energy_grid.errors import InvalidValueError
from energy_grid.units import (
    SECONDS_PER_DAY,
    SLOT_SECONDS,
    SLOTS_PER_DAY,
    SLOTS_PER_HOUR,
    SLOTS_PER_WEEK,
    Slot,
    UnixSeconds,
)

FIRST_WEEK_SLOT = 384
"""1970-01-05, the first Monday: weeks start where `(slot - 384) mod 672 == 0`."""

READING_GRACE_SECONDS = 86_400
"""Readings of a UTC day count until this long after its end."""


def slot_of(unix: int) -> Slot:
    """Slot that contains an instant."""
    return Slot(unix // SLOT_SECONDS)


def slot_start(slot: int) -> UnixSeconds:
    """First second of a slot."""
    return UnixSeconds(slot * SLOT_SECONDS)


def slot_end(slot: int) -> UnixSeconds:
    """First second after a slot: the time of the snapshot that closes it."""
    return UnixSeconds((slot + 1) * SLOT_SECONDS)


def hour_start(slot: int) -> Slot:
    """First slot of the UTC hour that contains a slot."""
    return Slot(slot - slot % SLOTS_PER_HOUR)


def day_start(slot: int) -> Slot:
    """First slot of the UTC day that contains a slot."""
    return Slot(slot - slot % SLOTS_PER_DAY)


def week_start(slot: int) -> Slot:
    """First slot of the UTC week (from Monday) that contains a slot."""
    return Slot(slot - (slot - FIRST_WEEK_SLOT) % SLOTS_PER_WEEK)


def is_aligned(unix: int) -> bool:
    """Whether an instant is a boundary between slots (rule V5)."""
    return unix % SLOT_SECONDS == 0


def reading_deadline(slot: int) -> UnixSeconds:
    """Last second at which a reading for `slot` counts: 24 h after the end of its UTC day."""
    return UnixSeconds(slot_start(day_start(slot)) + SECONDS_PER_DAY + READING_GRACE_SECONDS)


def to_datetime(unix: int) -> datetime:
    """UTC date and time of an instant."""
    return datetime.fromtimestamp(unix, UTC)


def from_datetime(moment: datetime) -> UnixSeconds:
    """Instant of a date and time that knows its zone, whole seconds.

    Raises:
        InvalidValueError: the date and time is naive, so its instant is unknown.
    """
    if moment.tzinfo is None:
        raise InvalidValueError(
            "date and time without a zone", expected="an aware datetime", found=moment.isoformat()
        )
    return UnixSeconds(int(moment.timestamp() // 1))
