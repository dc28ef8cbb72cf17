"""When an intent that was decided again may be tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from energy_grid.outbox.rows import Row, State
from energy_grid.outbox.store import Outbox

UNDER_WAY: Final = (State.PLANNED, State.SIGNED, State.SENT)
"""States of a row whose outcome the chain cannot show yet."""
_MARK: Final = "#"
_MOST_DOUBLINGS: Final = 20


def newest_attempt(outbox: Outbox, business_key: str) -> tuple[int, Row] | None:
    """Number and row of the last attempt at an effect; None if there was none."""
    attempt, row = 1, outbox.get(business_key)
    if row is None:
        return None
    while (following := outbox.get(key_of_attempt(business_key, attempt + 1))) is not None:
        attempt, row = attempt + 1, following
    return attempt, row


def next_attempt(
    outbox: Outbox,
    business_key: str,
    pause_seconds: Callable[[Row, int], float],
    now: float,
) -> tuple[int, str] | None:
    """Number and key of the next attempt; None while the one before is under way or too fresh.

    Args:
        outbox: the rows.
        business_key: key of the effect.
        pause_seconds: pause after the row of an attempt, given with its number.
        now: unix seconds.
    """
    found = newest_attempt(outbox, business_key)
    if found is None:
        return 1, business_key
    attempt, row = found
    if row.state in UNDER_WAY or now - row.updated_at < pause_seconds(row, attempt):
        return None
    return attempt + 1, key_of_attempt(business_key, attempt + 1)


def key_of_attempt(business_key: str, attempt: int) -> str:
    """Key of the row of an attempt; the first has the effect's own."""
    return business_key if attempt == 1 else f"{business_key}{_MARK}{attempt}"


def doubling_pause(first_seconds: float, attempt: int, longest_seconds: float) -> float:
    """Pause after an attempt: the first one's, doubled with each that followed."""
    doublings = min(attempt - 1, _MOST_DOUBLINGS)
    return min(first_seconds * (1 << doublings), longest_seconds)
