"""Units of the specification, section 1, as types. Integers everywhere, floats nowhere."""

from __future__ import annotations

from typing import Final, NewType

from energy_grid.errors import InvalidValueError

Wh = NewType("Wh", int)
"""Energy in watt-hours; one base unit of EnergyToken."""

Watt = NewType("Watt", int)
"""Power in watts."""

MilliHertz = NewType("MilliHertz", int)
"""Frequency in 0.001 Hz; 0 = not measured."""

MilliVolt = NewType("MilliVolt", int)
"""Voltage in 0.001 V; 0 = not measured."""

TokenUnits = NewType("TokenUnits", int)
"""Money in base units of the settlement token."""

PricePerKwh = NewType("PricePerKwh", int)
"""Price in settlement-token base units per kWh."""

BasisPoints = NewType("BasisPoints", int)
"""Ratio in 1/10,000."""

UnixSeconds = NewType("UnixSeconds", int)
"""Instant, seconds since 1970-01-01 UTC."""

Slot = NewType("Slot", int)
"""Index of a settlement slot, `unix // 900`; the slot is the interval [start, start + 900 s)."""

Zone = NewType("Zone", int)
"""A part of the grid with one operator, 1 to 65,535; 0 means none."""

AccountId = NewType("AccountId", int)
"""Short id of a market account, 24 bits, assigned in order from 1."""

MeterId = NewType("MeterId", int)
"""Id of a registered meter, 32 bits, from 1."""

SLOT_SECONDS: Final = 900
SLOTS_PER_HOUR: Final = 4
SLOTS_PER_DAY: Final = 96
SLOTS_PER_WEEK: Final = 672
SECONDS_PER_DAY: Final = 86_400
WH_PER_KWH: Final = 1_000
BPS: Final = 10_000
TICK_MULTIPLE: Final = 1_000
"""Every tick size is a multiple of this, which is what makes `money` exact."""


def money(energy_wh: int, price_per_kwh: int) -> TokenUnits:
    """Value of energy at a price on the tick grid: exact, never rounded.

    Raises:
        InvalidValueError: the product is no whole number of base units (price off the tick grid).
    """
    value, remainder = divmod(energy_wh * price_per_kwh, WH_PER_KWH)
    if remainder:
        raise InvalidValueError(
            f"{energy_wh} Wh at {price_per_kwh} units per kWh is no whole number of base units",
            expected=f"a price that is a multiple of {TICK_MULTIPLE}",
            found=price_per_kwh,
        )
    return TokenUnits(value)


def money_down(energy_wh: int, price_per_kwh: int) -> TokenUnits:
    """Value of energy at any price, rounded down: for what somebody receives."""
    return TokenUnits(energy_wh * price_per_kwh // WH_PER_KWH)


def money_up(energy_wh: int, price_per_kwh: int) -> TokenUnits:
    """Value of energy at any price, rounded up: for what somebody pays."""
    return TokenUnits(-(-energy_wh * price_per_kwh // WH_PER_KWH))


def share_down(amount: int, ratio_bps: int) -> TokenUnits:
    """A ratio of an amount, rounded down."""
    return TokenUnits(amount * ratio_bps // BPS)


def share_up(amount: int, ratio_bps: int) -> TokenUnits:
    """A ratio of an amount, rounded up."""
    return TokenUnits(-(-amount * ratio_bps // BPS))


def slot_energy_wh(power_w: int) -> Wh:
    """Energy that a constant power moves in one slot, rounded down."""
    return Wh(power_w * SLOT_SECONDS // 3_600)
