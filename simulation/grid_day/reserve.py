"""Curves that governance sets in these zones beside the defaults of the chain.

By default cars and heat pumps answer the frequency only beyond 200 mHz, when it is in distress. In
a managed zone their owners let them answer earlier, as a reserve: all of it at 200 mHz, as much as
primary reserve is due there (Regulation (EU) 2017/1485, article 154). A dead-band keeps them quiet
while the frequency is usual.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from energy_grid.units import BPS
from simulation.grid_day.control import Curve, DeviceClass, ResponseCurves
from simulation.grid_day.local import MANAGED_CURVES

RESERVE: Final = ResponseCurves(
    droop={
        DeviceClass.EV: Curve(((-200, BPS), (-50, 0), (50, 0), (200, -BPS))),
        DeviceClass.HEAT_PUMP: Curve(((-200, BPS), (-100, 0), (100, 0), (200, -BPS))),
    }
)
"""What is set on the chain."""

ALL_CURVES: Final = replace(MANAGED_CURVES, droop={**MANAGED_CURVES.droop, **RESERVE.droop})
"""What then holds: the defaults and the reserve."""
