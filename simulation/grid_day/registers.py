"""Registers of the meters: whole Wh a slot, nothing lost over the day."""

from __future__ import annotations

from typing import Final

import numpy as np

from simulation.physics.calendar import FloatArray, IntArray

_HOUR: Final = 3_600.0
_ROUNDING_WH: Final = 1e-6


class MeterRegisters:
    """Running import and export totals of every connection.

    A slot's energy is the difference of the totals rounded down, as a real register shows it, so
    that the energies of a day add up to the day's total rounded down.

    Args:
        connections: how many meters there are.
    """

    def __init__(self, connections: int) -> None:
        self.import_total_wh = np.zeros(connections)
        self.export_total_wh = np.zeros(connections)
        self._boundaries: list[tuple[IntArray, IntArray]] = [self._whole()]

    def add(self, power_w: FloatArray, seconds: float) -> None:
        """Count one step, by connection, positive into the export register."""
        self.export_total_wh += np.maximum(power_w, 0.0) * seconds / _HOUR
        self.import_total_wh += np.maximum(-power_w, 0.0) * seconds / _HOUR

    def close_slot(self) -> None:
        """A slot ends here."""
        self._boundaries.append(self._whole())

    @property
    def slots(self) -> int:
        """Slots that have ended."""
        return len(self._boundaries) - 1

    def slot_wh(self, slot: int) -> tuple[IntArray, IntArray]:
        """Import and export by connection in a slot that has ended, from 0 for the window's first.

        Raises:
            IndexError: it has not ended yet.
        """
        if not 0 <= slot < self.slots:
            raise IndexError(f"slot {slot} has not ended: {self.slots} have")
        (import_0, export_0), (import_1, export_1) = self._boundaries[slot : slot + 2]
        return import_1 - import_0, export_1 - export_0

    def totals_wh(self) -> tuple[IntArray, IntArray]:
        """Import and export register of every meter at the last boundary of a slot."""
        return self._boundaries[-1]

    def _whole(self) -> tuple[IntArray, IntArray]:
        return (
            np.floor(self.import_total_wh + _ROUNDING_WH).astype(np.int64),
            np.floor(self.export_total_wh + _ROUNDING_WH).astype(np.int64),
        )
