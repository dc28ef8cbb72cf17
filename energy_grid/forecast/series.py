"""What was measured: one power a slot, up to an instant and not beyond."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from energy_grid.forecast.errors import ForecastError
from energy_grid.units import SLOTS_PER_DAY, SLOTS_PER_WEEK, Slot, Watt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PREVIOUS_DAY = SLOTS_PER_DAY
PREVIOUS_WEEK = SLOTS_PER_WEEK


@dataclass(frozen=True)
class PowerSeries:
    """Mean powers of consecutive slots, in whole watts.

    Attributes:
        first_slot: slot of the first power.
        powers_w: one a slot.
    """

    first_slot: Slot
    powers_w: tuple[Watt, ...]
    values: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        powers = np.asarray(self.powers_w)
        if powers.size and powers.dtype.kind not in "iu":
            raise ForecastError(
                "a power is no whole number",
                expected="whole watts",
                found=powers.dtype.name,
                remedy="Round where the measurement comes in",
            )
        object.__setattr__(self, "values", powers.astype(np.float64))

    def __len__(self) -> int:
        return len(self.powers_w)

    @property
    def until_slot(self) -> Slot:
        """First slot that is not measured yet."""
        return Slot(self.first_slot + len(self.powers_w))

    def until(self, slot: int) -> Self:
        """What was known at the start of a slot: later powers are left out.

        Raises:
            ForecastError: the slot lies outside.
        """
        count = slot - self.first_slot
        if not 0 <= count <= len(self.powers_w):
            raise ForecastError(
                "the series does not reach that slot",
                expected=f"{self.first_slot} to {self.until_slot}",
                found=slot,
            )
        return type(self)(self.first_slot, self.powers_w[:count])


def persistence(values: FloatArray, origins: IntArray, leads: IntArray, cycle: int) -> FloatArray:
    """The power one cycle before the slot that is forecast.

    Args:
        values: the series.
        origins: index of the first unknown slot, one for each forecast.
        leads: 1 is the origin itself; at most a cycle, so that nothing unknown is looked at.
        cycle: `PREVIOUS_DAY` or `PREVIOUS_WEEK`.
    """
    repeated: FloatArray = values[origins + leads - 1 - cycle]
    return repeated
