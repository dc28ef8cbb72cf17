"""Bands that hold the truth as often as they say: split conformal calibration.

An edge learned as a quantile is too bold on data it has not seen. On a window kept aside it is
counted how far outside the truth lay; both edges move by the distance that is right for the
coverage asked for (conformalised quantile regression; with a point instead of edges it is the plain
split conformal band).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from energy_grid.forecast.series import FloatArray
from energy_grid.units import BPS


@dataclass(frozen=True, slots=True)
class Band:
    """How far the edges of a group move.

    Attributes:
        margin_w: outwards in watts; negative where the edges were too far apart.
        samples: outcomes that it was counted on.
    """

    margin_w: float
    samples: int

    @classmethod
    def calibrate(
        cls, low: FloatArray, high: FloatArray, truth: FloatArray, coverage_bps: int
    ) -> Band:
        """Count on a window that no model has learned from."""
        outside = np.sort(np.maximum(low - truth, truth - high))
        count = len(outside)
        rank = math.ceil((count + 1) * coverage_bps / BPS)
        # With too few outcomes for the coverage the widest is all that can be said.
        return cls(float(outside[min(rank, count) - 1]), count)

    def apply(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The calibrated edges; they never cross."""
        lower, upper = low - self.margin_w, high + self.margin_w
        middle = (lower + upper) / 2
        return np.minimum(lower, middle), np.maximum(upper, middle)
