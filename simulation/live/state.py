"""What instruments in the grid show at a moment: the document behind the twin's `GET /state`.

All values are whole numbers in the steps of their feeds. Energies, voltages and loadings come from
the power flow; weather is what the sun's profile lets see, the rest of it drawn from the time.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from energy_grid.forecast import Forecast
from energy_grid.slots import slot_of
from energy_grid.units import BPS, SECONDS_PER_DAY, SLOTS_PER_DAY, SLOTS_PER_HOUR
from simulation.live.world import World
from simulation.physics.day import HISTORY_DAYS
from simulation.physics.zones import ZONES

SCHEMA: Final = "energy-grid/state/1"
HORIZONS: Final = (1, 4, 16, 96)

_LEADS: Final = tuple(min(horizon + 1, SLOTS_PER_DAY) for horizon in HORIZONS)
"""A feed counts from the slot that runs, a forecast from the last one measured. A whole day ahead
of the slot that runs is a quarter hour more than can be forecast: the slot before it stands in."""
_NOMINAL_MILLIHZ: Final = 50_000
_SWING_MILLIHZ: Final = 18
_FULL_SUN_DECIWATTS: Final = 10_000
_MILLIVOLTS: Final = 1_000
_PERCENT_BPS: Final = 100
_MEAN_PRICE: Final = 95_000
"""Wholesale price around which the day moves, in settlement-token units per kWh."""
_PRICE_SWING: Final = 45_000


class Instruments:
    """Reads a simulated world as its instruments would.

    Args:
        world: what happens.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._day = world.day
        self._forecasts: dict[tuple[int, int], dict[str, dict[str, int]]] = {}
        clear = world.sun.reshape(-1, SLOTS_PER_DAY).max(axis=0)
        self._clear_sky = np.maximum(clear, 1e-6)

    def document(self, now: int) -> dict[str, Any]:
        """The state at a time of the day; before and after it, that of its first and last slot."""
        return {
            "schema": SCHEMA,
            "time": now,
            "zones": {str(zone): self._zone(zone, now) for zone in ZONES},
        }

    def _zone(self, zone: int, now: int) -> dict[str, Any]:
        day, index = self._day, self._index(now)
        homes = [home for home in day.energies if day.zones.zone_of(home.home) == zone]
        demand = sum(int(h.consumption_wh[index] + h.charge_wh[index]) for h in homes)
        supply = sum(int(h.production_wh[index] + h.discharge_wh[index]) for h in homes)
        volts = [float(day.grid.voltage_at(home.home.bus)[index]) for home in homes]
        sun = float(self._world.sun[HISTORY_DAYS * SLOTS_PER_DAY + index])
        clear = float(self._clear_sky[index])
        is_night = clear < 1e-3
        return {
            "demand_w": demand * SLOTS_PER_HOUR,
            "supply_w": supply * SLOTS_PER_HOUR,
            "frequency_millihz": _NOMINAL_MILLIHZ + _frequency_swing(now),
            "voltage_millivolts": round(sum(volts) / len(volts) * _MILLIVOLTS),
            "line_loading_bps": round(float(day.grid.line_loading_percent[index]) * _PERCENT_BPS),
            "irradiance_deciwatts_per_m2": round(sun * _FULL_SUN_DECIWATTS),
            "temperature_centicelsius": _temperature(now),
            "wind_speed_cm_per_s": _wind(now),
            "cloud_cover_bps": 3_000 if is_night else round((1 - min(sun / clear, 1.0)) * BPS),
            "market_price_per_kwh": _price(now, sun),
            **self._expected(zone, index),
        }

    def _index(self, now: int) -> int:
        return min(max(slot_of(now) - self._day.first_slot, 0), SLOTS_PER_DAY - 1)

    def _expected(self, zone: int, index: int) -> dict[str, dict[str, int]]:
        """Forecasts made at the start of a slot, from what was measured before it."""
        known = self._forecasts.get((zone, index))
        if known is None:
            outlook = self._world.outlooks[zone]
            slot = self._day.first_slot + index
            demand = outlook.demand_forecaster.predict(outlook.demand.until(slot), _LEADS)
            supply = outlook.supply_forecaster.predict(outlook.supply.until(slot), _LEADS)
            known = {
                "expected_demand_w": _by_horizon(demand),
                "expected_supply_w": _by_horizon(supply),
            }
            self._forecasts = {(zone, index): known} | {
                key: value for key, value in self._forecasts.items() if key[1] == index
            }
        return known


def _by_horizon(forecasts: tuple[Forecast, ...]) -> dict[str, int]:
    return {
        str(horizon): int(forecast.expected_w)
        for horizon, forecast in zip(HORIZONS, forecasts, strict=True)
    }


def _frequency_swing(now: int) -> int:
    """A slow swing and a quick one, the same for all zones: they share one frequency."""
    slow, quick = math.sin(now / 1_700), math.sin(now / 97)
    return round(_SWING_MILLIHZ * (0.7 * slow + 0.3 * quick))


def _temperature(now: int) -> int:
    """Coldest at four in the morning."""
    return 1_600 + round(600 * math.sin(2 * math.pi * (now / SECONDS_PER_DAY - 10 / 24)))


def _wind(now: int) -> int:
    return 420 + round(180 * math.sin(now / 5_300) + 60 * math.sin(now / 811))


def _price(now: int, sun: float) -> int:
    """Dear in the morning and the evening, cheap under the sun, below zero at its height."""
    daily = math.sin(4 * math.pi * (now / SECONDS_PER_DAY - 0.2))
    return round(_MEAN_PRICE + _PRICE_SWING * daily - 2.4 * _PRICE_SWING * sun)
