"""A battery that serves its own home: it stores surplus sun, gives it back, never to the grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energy_grid.units import slot_energy_wh

CHARGE_EFFICIENCY_PERCENT: Final = 95
"""Losses are booked when charging, so what is stored can all be used."""
_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class Battery:
    """What a battery can do.

    Attributes:
        capacity_wh: usable energy.
        power_w: power each way.
    """

    capacity_wh: int
    power_w: int


@dataclass(frozen=True, slots=True)
class BatteryStep:
    """What a battery did in one slot, in Wh at its terminals.

    Attributes:
        charge_wh: taken from the home.
        discharge_wh: given to the home.
        stored_wh: content at the end of the slot.
    """

    charge_wh: int
    discharge_wh: int
    stored_wh: int


def step(battery: Battery, stored_wh: int, surplus_wh: int) -> BatteryStep:
    """One slot of self-consumption.

    Args:
        battery: what the battery can do.
        stored_wh: content at the start of the slot.
        surplus_wh: generation minus consumption of the home in the slot.
    """
    limit_wh = slot_energy_wh(battery.power_w)
    if surplus_wh > 0:
        room_wh = battery.capacity_wh - stored_wh
        # The most that still fits: charge * efficiency, rounded down, stays within the room.
        fits_wh = room_wh * _PERCENT // CHARGE_EFFICIENCY_PERCENT
        charge_wh = min(surplus_wh, limit_wh, fits_wh)
        return BatteryStep(
            charge_wh, 0, stored_wh + charge_wh * CHARGE_EFFICIENCY_PERCENT // _PERCENT
        )
    discharge_wh = min(-surplus_wh, limit_wh, stored_wh)
    return BatteryStep(0, discharge_wh, stored_wh - discharge_wh)
