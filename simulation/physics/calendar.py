"""Where a slot stands in the benchmark's year of quarter hours.

The time column of SimBench is Berlin wall time with daylight saving, so four stamps of October
occur twice and four of March are missing; row by row it is the UTC range that starts at 2015-12-31
23:00. Rows are therefore found by UTC alone. The year is continued at both ends by 52 weeks, which
keeps the day of the week: 2016-12-31 23:00 UTC is answered by 2016-01-02 23:00 UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from energy_grid.slots import from_datetime, slot_of
from energy_grid.units import SLOTS_PER_WEEK, Slot
from simulation.errors import DateOutOfRangeError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

ROWS_OF_YEAR: Final = 35_136
FIRST_SLOT: Final = slot_of(from_datetime(datetime(2015, 12, 31, 23, tzinfo=UTC)))
_FOLD: Final = 52 * SLOTS_PER_WEEK
YEAR: Final = 2016


def first_slot_of(day: date) -> Slot:
    """First slot of a UTC day of the simulated year.

    Raises:
        DateOutOfRangeError: the day is not in 2016.
    """
    if day.year != YEAR:
        raise DateOutOfRangeError(
            "the profiles cover one year",
            expected=f"a date from {YEAR}-01-01 to {YEAR}-12-31",
            found=day.isoformat(),
        )
    return slot_of(from_datetime(datetime(day.year, day.month, day.day, tzinfo=UTC)))


def rows_of(first_slot: int, count: int, shift_weeks: int = 0) -> IntArray:
    """Rows of the profile table for a run of slots, seen `shift_weeks` later in the year."""
    rows = np.arange(first_slot, first_slot + count, dtype=np.int64) - FIRST_SLOT
    rows += shift_weeks * SLOTS_PER_WEEK
    while (late := rows >= ROWS_OF_YEAR).any():
        rows[late] -= _FOLD
    while (early := rows < 0).any():
        rows[early] += _FOLD
    return rows
