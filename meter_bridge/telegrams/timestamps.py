"""Meter time `YYMMDDhhmmss` with its season flag, to UTC.

A meter writes local time; S or W says whether summer time applies. The flag decides the hour that
happens twice, so a telegram without one is taken only where the configuration names a zone, and not
in that hour.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from energy_grid.units import UnixSeconds
from meter_bridge.errors import TelegramRejected

_FORMAT: Final = re.compile(r"(\d{12})([SW]?)")
_SWITCHING_TOLERANCE: Final = timedelta(seconds=60)
"""A meter's clock may be this far off when the season changes (rule V6 refuses more anyway)."""


class Seasons(StrEnum):
    """How far to trust the season flag.

    - CALENDAR: it must agree with the calendar of the zone.
    - AS_FLAGGED: it is taken at its word (Swedish meters keep winter time all year).
    """

    CALENDAR = "calendar"
    AS_FLAGGED = "as_flagged"


_FIRST_YEAR_OF_1900S: Final = 69


def parse_timestamp(
    text: str, zone: tzinfo, seasons: Seasons, *, accept_unflagged: bool = False
) -> UnixSeconds:
    """Instant of a P1 timestamp.

    Args:
        text: content of OBIS 1.0.0.
        zone: legal time of the meter's country.
        seasons: how far to trust the flag.
        accept_unflagged: take a timestamp without flag as legal time of the zone.

    Raises:
        TelegramRejected: no such local time, no flag, or a flag against the calendar.
    """
    match = _FORMAT.fullmatch(text)
    if match is None:
        raise TelegramRejected(
            "timestamp", "malformed timestamp", expected="YYMMDDhhmmss and S or W", found=text[:32]
        )
    try:
        digits = match[1]
        year, month, day, hour, minute, second = (int(digits[n : n + 2]) for n in range(0, 12, 2))
        # Two digits of the year as POSIX reads them; no meter is older than 1969.
        century = 2_000 if year < _FIRST_YEAR_OF_1900S else 1_900
        local = datetime(century + year, month, day, hour, minute, second)
    except ValueError as error:
        raise TelegramRejected("timestamp", "no such date or time", found=text) from error
    if not match[2]:
        return _from_legal_time(local, text, zone, accept_unflagged)
    return _from_flag(local, match[2] == "S", text, zone, seasons)


def _from_flag(
    local: datetime, is_summer: bool, text: str, zone: tzinfo, seasons: Seasons
) -> UnixSeconds:
    standard = _standard_offset(zone, local)
    offset = standard + (timedelta(hours=1) if is_summer else timedelta(0))
    instant = (local - offset).replace(tzinfo=UTC)
    if seasons is Seasons.CALENDAR and not any(
        (instant + slack).astimezone(zone).utcoffset() == offset
        for slack in (timedelta(0), -_SWITCHING_TOLERANCE, _SWITCHING_TOLERANCE)
    ):
        raise TelegramRejected(
            "timestamp_season",
            "season flag against the calendar of the zone",
            expected=f"{'W' if is_summer else 'S'} in {zone}",
            found=text,
            remedy="Correct the meter's clock or the zone; if it keeps one season all year, set "
            'seasons = "as_flagged"',
        )
    return UnixSeconds(int(instant.timestamp()))


def _from_legal_time(
    local: datetime, text: str, zone: tzinfo, accept_unflagged: bool
) -> UnixSeconds:
    if not accept_unflagged:
        raise TelegramRejected(
            "timestamp_unflagged",
            "timestamp without season flag",
            expected="YYMMDDhhmmss and S or W",
            found=text,
            remedy="Set accept_unflagged_time = true if the meter keeps legal time of its zone",
        )
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        raise TelegramRejected(
            "timestamp_ambiguous",
            "time without season flag in the hour in which the season changes",
            found=f"{text} in {zone}",
        )
    return UnixSeconds(int(first.timestamp()))


def _standard_offset(zone: tzinfo, local: datetime) -> timedelta:
    """Offset of winter time in the year of `local`."""
    winter = datetime(local.year, 1, 1, tzinfo=zone)
    offset, saving = winter.utcoffset(), winter.dst()
    if offset is None:
        raise TelegramRejected("timestamp", "zone without an offset", found=str(zone))
    # Dublin counts winter time as negative saving: its legal standard time is summer time.
    return offset if not saving or saving < timedelta(0) else offset - saving
