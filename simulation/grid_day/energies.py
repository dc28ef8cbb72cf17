"""What the connection meters of a grid day move, quarter hour by quarter hour, in whole Wh."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from energy_grid.units import SLOT_SECONDS, SLOTS_PER_DAY
from simulation.grid_day.chain_meters import DayEnergies
from simulation.physics.calendar import FloatArray, IntArray

_SECONDS_PER_HOUR: Final = 3_600
_WEEKEND: Final = (5, 6)
SIMILAR_DAYS: Final = 11
"""Days of the same class that are on record: ten of them are final when offers are made."""
_VARIATION: Final = 0.05
"""From one day on record to the next a household's energies differ by so much, evenly."""


class EnergyRecorder:
    """Adds up the power of every connection; the split into import and export is made each step.

    Args:
        connections: how many.
        midnight_unix: start of the day.
        step_seconds: length of a step.
    """

    def __init__(self, connections: int, midnight_unix: int, step_seconds: int) -> None:
        self._midnight = midnight_unix
        self._step_seconds = step_seconds
        self._import: FloatArray = np.zeros((connections, SLOTS_PER_DAY))
        self._export: FloatArray = np.zeros((connections, SLOTS_PER_DAY))
        self._seen: IntArray = np.zeros(SLOTS_PER_DAY, dtype=np.int64)

    def add(self, end_unix: int, connection_w: Sequence[int]) -> None:
        """Add a step that has ended."""
        slot = (end_unix - self._step_seconds - self._midnight) // SLOT_SECONDS
        hours = self._step_seconds / _SECONDS_PER_HOUR
        power = np.asarray(connection_w, dtype=np.float64)
        self._import[:, slot] += np.maximum(-power, 0.0) * hours
        self._export[:, slot] += np.maximum(power, 0.0) * hours
        self._seen[slot] += 1

    def day(self) -> tuple[DayEnergies, ...]:
        """The whole day of every connection.

        Quarter hours that were not simulated repeat the nearest one that was: a meter never stops.
        """
        seen = np.flatnonzero(self._seen)
        nearest = [int(seen[np.argmin(np.abs(seen - slot))]) for slot in range(SLOTS_PER_DAY)]
        return tuple(
            DayEnergies(_whole(imported[nearest]), _whole(exported[nearest]))
            for imported, exported in zip(self._import, self._export, strict=True)
        )


def similar_days(day_unix: int, count: int = SIMILAR_DAYS) -> int:
    """Days before a day until so many of its class (working day or weekend) lie among them."""
    is_weekend = _is_weekend(day_unix)
    days = found = 0
    while found < count:
        days += 1
        found += _is_weekend(day_unix - days * 86_400) == is_weekend
    return days


def varied(day: DayEnergies, seed: int, meter_id: int, days_before: int) -> DayEnergies:
    """The same day as it was some days earlier: each quarter hour a little more or less."""
    random = np.random.default_rng([seed, 0x47524944, meter_id, days_before])
    factors = 1.0 + random.uniform(-_VARIATION, _VARIATION, SLOTS_PER_DAY)
    return DayEnergies(
        _whole(np.asarray(day.import_wh) * factors), _whole(np.asarray(day.export_wh) * factors)
    )


def _whole(energies: FloatArray) -> tuple[int, ...]:
    """Whole Wh as a register shows them: differences of the running total rounded down."""
    totals = np.floor(np.cumsum(energies) + 1e-6)
    return tuple(int(value) for value in np.diff(totals, prepend=0.0))


def _is_weekend(unix: int) -> bool:
    return datetime.fromtimestamp(unix, UTC).weekday() in _WEEKEND
