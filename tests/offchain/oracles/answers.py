"""Answers of the services, as their descriptions say, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "sources"
NOON = 1_743_508_800
"""2025-04-01 12:00 UTC."""


def open_meteo(step: int = 900, block: str = "minutely_15", start: int = NOON) -> dict[str, Any]:
    """Five steps of weather from noon on."""
    return {
        "latitude": 48.14,
        "longitude": 11.58,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        f"{block}_units": {
            "time": "unixtime",
            "shortwave_radiation": "W/m²",
            "temperature_2m": "°C",
            "wind_speed_10m": "m/s",
            "cloud_cover": "%",
        },
        block: {
            "time": [start + step * i for i in range(5)],
            "shortwave_radiation": [500.0, 512.25, 0.0, None, 430.5],
            "temperature_2m": [-2.5, 11.27, 0, None, 12.0],
            "wind_speed_10m": [3.61, 0.0, 4.0, None, 4.2],
            "cloud_cover": [0, 37, 100, None, 12],
        },
    }


def energy_charts(start: int = NOON) -> dict[str, Any]:
    """Quarter hours of prices: positive, negative, zero, none, positive."""
    return {
        "license_info": "CC BY 4.0 (creativecommons.org/licenses/by/4.0) from Bundesnetzagentur",
        "unix_seconds": [start + 900 * i for i in range(5)],
        "price": [107.3, -0.01, 0, None, 135.4],
        "unit": "EUR / MWh",
        "deprecated": False,
    }


def elexon(start: int = NOON) -> list[dict[str, Any]]:
    """Rows each 15 s from noon on, newest first."""
    values = [49.987, 49.99, 50.0, 50.013, 50.02]
    return [
        {
            "dataset": "FREQ",
            "measurementTime": f"2025-04-01T12:0{15 * i // 60}:{15 * i % 60:02d}Z",
            "frequency": value,
        }
        for i, value in reversed(list(enumerate(values)))
    ]


def state(time: int = NOON) -> dict[str, Any]:
    """The twin's state."""
    return {
        "schema": "energy-grid/state/1",
        "time": time,
        "zones": {
            "1": {
                "demand_w": 48_210,
                "supply_w": 12_900,
                "frequency_millihz": 49_987,
                "voltage_millivolts": 229_850,
                "line_loading_bps": 4_120,
                "irradiance_deciwatts_per_m2": 5_123,
                "temperature_centicelsius": -250,
                "wind_speed_cm_per_s": 640,
                "cloud_cover_bps": 3_500,
                "market_price_per_kwh": 107_300,
                "expected_supply_w": {"4": 13_100},
                "expected_demand_w": {"4": 47_000, "8": None},
            }
        },
    }
