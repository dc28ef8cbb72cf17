"""Sun and temperature of a scenario's day.

The sun of a clear sky follows Meinel and Meinel (1976): direct normal irradiance of
`1353 * 0.7 ** (AM ** 0.678)` W/m2 with the air mass of Kasten and Young (1989), a tenth of it as
diffuse light. Clouds take `0.75 n ** 3.4` of it (Kasten and Czeplak, 1980), n the covered share.
The place is the middle of Germany. Nothing else of the atmosphere is modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import acos, asin, cos, degrees, pi, radians, sin
from typing import Final

import numpy as np

from simulation.grid_day.scenario import Scenario, seconds_of

LATITUDE_DEGREES: Final = 51.3
LONGITUDE_DEGREES: Final = 9.5
_SOLAR_CONSTANT: Final = 1_353.0
_DIFFUSE_SHARE: Final = 0.1
_STANDARD_W_PER_M2: Final = 1_000.0
PERFORMANCE_RATIO: Final = 0.87
"""Losses by heat, cables, dirt and inverter of a usual roof."""


@dataclass(frozen=True, slots=True)
class Roof:
    """How panels stand: azimuth from north over east, tilt from the horizontal."""

    azimuth_degrees: float
    tilt_degrees: float


@dataclass(frozen=True, slots=True)
class Sky:
    """Weather at one instant.

    Attributes:
        elevation: of the sun above the horizon, in radians.
        azimuth: of the sun, from north over east, in radians.
        direct_w_per_m2: direct normal irradiance that reaches the ground.
        diffuse_w_per_m2: diffuse irradiance.
        temperature_celsius: of the air.
    """

    elevation: float
    azimuth: float
    direct_w_per_m2: float
    diffuse_w_per_m2: float
    temperature_celsius: float

    @property
    def horizontal_w_per_m2(self) -> float:
        """Global horizontal irradiance."""
        return self.direct_w_per_m2 * max(0.0, sin(self.elevation)) + self.diffuse_w_per_m2

    def share_of_peak(self, roof: Roof) -> float:
        """What panels give, as a share of their peak power."""
        tilt = radians(roof.tilt_degrees)
        incidence = sin(self.elevation) * cos(tilt) + cos(self.elevation) * sin(tilt) * cos(
            self.azimuth - radians(roof.azimuth_degrees)
        )
        light = self.direct_w_per_m2 * max(0.0, incidence) + self.diffuse_w_per_m2 * (
            (1 + cos(tilt)) / 2
        )
        return min(1.0, PERFORMANCE_RATIO * light / _STANDARD_W_PER_M2)


class Weather:
    """Weather of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self._midnight = scenario.midnight_unix
        self._seconds = [seconds_of(knot.at) for knot in scenario.weather]
        self._temperature = [knot.temperature_celsius for knot in scenario.weather]
        self._cloud = [knot.cloud_cover for knot in scenario.weather]

    def at(self, unix: float) -> Sky:
        """Weather at an instant."""
        second = unix - self._midnight
        cloud = float(np.interp(second, self._seconds, self._cloud))
        temperature = float(np.interp(second, self._seconds, self._temperature))
        elevation, azimuth = sun_position(unix)
        direct = clear_sky_direct(elevation)
        passed = 1.0 - 0.75 * cloud**3.4
        # What a cloud takes from the beam it partly gives back as diffuse light.
        beam = direct * passed * (1.0 - cloud)
        total = (direct * max(0.0, sin(elevation)) + _DIFFUSE_SHARE * direct) * passed
        diffuse = max(0.0, total - beam * max(0.0, sin(elevation)))
        return Sky(elevation, azimuth, beam, diffuse, temperature)


def clear_sky_direct(elevation: float) -> float:
    """Direct normal irradiance of a clear sky, in W/m2."""
    if elevation <= 0.0:
        return 0.0
    height = degrees(elevation)
    air_mass = 1.0 / (sin(elevation) + 0.50572 * (height + 6.07995) ** -1.6364)
    return float(_SOLAR_CONSTANT * 0.7 ** (air_mass**0.678))


def sun_position(unix: float) -> tuple[float, float]:
    """Elevation and azimuth of the sun in radians, to about a degree (Cooper's declination)."""
    when = datetime.fromtimestamp(unix, UTC)
    day = when.timetuple().tm_yday
    angle = 2 * pi * (day - 81) / 365
    equation_minutes = 9.87 * sin(2 * angle) - 7.53 * cos(angle) - 1.5 * sin(angle)
    hour = when.hour + when.minute / 60 + when.second / 3_600
    solar_hour = hour + LONGITUDE_DEGREES / 15 + equation_minutes / 60
    hour_angle = radians(15 * (solar_hour - 12))
    declination = radians(23.45) * sin(angle)
    latitude = radians(LATITUDE_DEGREES)
    sine = sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle)
    elevation = asin(max(-1.0, min(1.0, sine)))
    below = cos(latitude) * cos(elevation)
    cosine = (sin(declination) - sin(latitude) * sine) / below
    azimuth = acos(max(-1.0, min(1.0, cosine)))
    return elevation, azimuth if hour_angle < 0 else 2 * pi - azimuth


def heat_pump_efficiency(temperature_celsius: float) -> float:
    """Heat a heat pump gives for one unit of electricity, air to water at 40 degrees.

    Four tenths of Carnot's limit, which is what field tests of air heat pumps show.
    """
    flow, source = 40.0, temperature_celsius - 5.0
    return 0.4 * (flow + 273.15) / (flow - source)
