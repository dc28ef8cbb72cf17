"""What a model sees of a series at a moment, for a slot that lies ahead.

Every number comes from slots before the moment of forecasting, or from the calendar.
"""

from __future__ import annotations

import numpy as np

from energy_grid.forecast.series import PREVIOUS_DAY, PREVIOUS_WEEK, FloatArray, IntArray
from energy_grid.units import SLOTS_PER_DAY, SLOTS_PER_WEEK

NEEDED_SLOTS = PREVIOUS_WEEK + SLOTS_PER_DAY
"""Shortest past of a forecast: whole weeks before every slot that is looked back at."""

_RECENT_SLOTS = 4
_DAYS_OF_WEEK = 7
_MONDAY_OFFSET = 3
"""The epoch was a Thursday."""


class Features:
    """Features of one series.

    Args:
        values: the series; only what lies before an origin is used for it.
        first_slot: slot of the first value.
    """

    def __init__(self, values: FloatArray, first_slot: int) -> None:
        self._values = values
        self._first_slot = first_slot
        self._sums = np.concatenate(([0.0], np.cumsum(values)))

    def table(self, origins: IntArray, leads: IntArray) -> FloatArray:
        """One row for each pair of origin (index of the first unknown slot) and lead."""
        values = self._values
        targets = origins + leads - 1
        slots = targets + self._first_slot
        day, week = values[targets - PREVIOUS_DAY], values[targets - PREVIOUS_WEEK]
        of_week = [values[targets - back * PREVIOUS_DAY] for back in range(1, _DAYS_OF_WEEK + 1)]
        recent = self._mean(origins - _RECENT_SLOTS, origins)
        recent_day = self._mean(origins - _RECENT_SLOTS - PREVIOUS_DAY, origins - PREVIOUS_DAY)
        recent_week = self._mean(origins - _RECENT_SLOTS - PREVIOUS_WEEK, origins - PREVIOUS_WEEK)
        last_day = self._mean(origins - SLOTS_PER_DAY, origins)
        day_before = self._mean(origins - 2 * SLOTS_PER_DAY, origins - SLOTS_PER_DAY)
        last_week = self._mean(origins - SLOTS_PER_WEEK, origins)
        of_day = slots % SLOTS_PER_DAY
        angle = 2 * np.pi * of_day / SLOTS_PER_DAY
        return np.column_stack(
            [
                leads,
                of_day,
                np.sin(angle),
                np.cos(angle),
                (slots // SLOTS_PER_DAY + _MONDAY_OFFSET) % _DAYS_OF_WEEK,
                day,
                week,
                np.mean(of_week, axis=0),
                np.min(of_week, axis=0),
                np.max(of_week, axis=0),
                # Around the same time of the day before; at the longest leads only what is known.
                values[np.minimum(targets - PREVIOUS_DAY + 2, origins - 1)],
                values[targets - PREVIOUS_DAY - 2],
                values[origins - 1],
                recent,
                recent - recent_day,
                recent - recent_week,
                last_day,
                last_day - day_before,
                last_day - last_week,
            ]
        )

    def anchor(self, origins: IntArray, leads: IntArray) -> FloatArray:
        """What a model predicts the difference to: a series that drifts stays within its reach."""
        targets = origins + leads - 1
        days = [self._values[targets - back * PREVIOUS_DAY] for back in range(1, _DAYS_OF_WEEK + 1)]
        mean: FloatArray = np.mean(days, axis=0)
        return mean

    def _mean(self, start: IntArray, end: IntArray) -> FloatArray:
        mean: FloatArray = (self._sums[end] - self._sums[start]) / (end - start)
        return mean
