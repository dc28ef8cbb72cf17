"""Weather from Open-Meteo's forecast interface: quarter hours or hours, units checked.

Radiation is the mean of the time before its stamp, everything else holds from its stamp on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import UnixSeconds, Zone
from oracles.sources.base import Interval, Measurement
from oracles.sources.documents import Cached, field_of, integer_of, list_of, mapping_of
from oracles.sources.errors import SchemaError, UnsupportedFeedError
from oracles.sources.http import HttpClient, require_web_url
from oracles.sources.periods import Period, Series
from oracles.sources.quantities import decimal_of, steps_of

DEFAULT_URL: Final = "https://api.open-meteo.com/v1/forecast"
DEFAULT_REFRESH_SECONDS: Final = 300.0
VARIABLES: Final[dict[FeedKind, str]] = {
    FeedKind.IRRADIANCE: "shortwave_radiation",
    FeedKind.TEMPERATURE: "temperature_2m",
    FeedKind.WIND_SPEED: "wind_speed_10m",
    FeedKind.CLOUD_COVER: "cloud_cover",
}
MEANS_BEFORE: Final = frozenset({FeedKind.IRRADIANCE})
"""Kinds whose value is the mean of the step before its time stamp."""
STEP_SECONDS: Final[dict[str, int]] = {"minutely_15": 900, "hourly": 3_600}
LARGEST_SHIFT: Final = Decimal("0.5")
"""Degrees between the place asked for and the grid point answered for."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a zone's weather is observed, degrees north and east."""

    latitude: Decimal
    longitude: Decimal


class OpenMeteoSource:
    """Weather of places.

    Args:
        name: of the source.
        places: by zone.
        client: bounded HTTP.
        url: of the interface.
        resolution: `minutely_15` or `hourly`.
        refresh_seconds: how long an answer is used; models change every hour or less often.
    """

    def __init__(
        self,
        name: str,
        places: Mapping[Zone, Place],
        client: HttpClient,
        url: str = DEFAULT_URL,
        resolution: Literal["minutely_15", "hourly"] = "minutely_15",
        refresh_seconds: float = DEFAULT_REFRESH_SECONDS,
    ) -> None:
        self._name = name
        self._places = dict(places)
        self._client = client
        self._url = require_web_url(url, name)
        self._resolution = resolution
        self._weather: Cached[dict[FeedKind, Series]] = Cached(self._fetch, refresh_seconds)

    @property
    def name(self) -> str:
        """Name in logs, metrics and measurements."""
        return self._name

    def observe(self, feed: Feed, interval: Interval) -> Measurement:
        """Weather over the interval.

        Raises:
            SourceError: no answer, another layout, other units, or no value for the interval.
        """
        if feed.zone not in self._places or feed.kind not in VARIABLES:
            raise UnsupportedFeedError(f"{self._name} has no feed {feed.id}")
        value, start = self._weather.get(feed.zone)[feed.kind].at(interval)
        return Measurement(value, start, self._name)

    def _fetch(self, zone: Zone) -> dict[FeedKind, Series]:
        place = self._places[zone]
        parameters = {
            "latitude": str(place.latitude),
            "longitude": str(place.longitude),
            self._resolution: ",".join(VARIABLES.values()),
            "wind_speed_unit": "ms",
            "timeformat": "unixtime",
            "timezone": "GMT",
            "past_days": "1",
            "forecast_days": "3",
        }
        document = mapping_of(self._client.get_json(self._url, parameters), self._name)
        self._check_place(document, place)
        block = mapping_of(field_of(document, self._resolution, self._name), self._resolution)
        units = mapping_of(
            field_of(document, f"{self._resolution}_units", self._name), "units of the weather"
        )
        if field_of(units, "time", "units of the weather") != "unixtime":
            raise SchemaError(f"time of {self._name}", expected="unixtime", found=units["time"])
        times = [
            integer_of(time, f"time of {self._name}")
            for time in list_of(field_of(block, "time", self._name), "times of the weather")
        ]
        return {kind: self._series(Feed(kind, zone), block, units, times) for kind in VARIABLES}

    def _check_place(self, document: dict[str, Any], place: Place) -> None:
        for name, asked in (("latitude", place.latitude), ("longitude", place.longitude)):
            found = decimal_of(field_of(document, name, self._name), name)
            if abs(found - asked) > LARGEST_SHIFT:
                raise SchemaError(
                    f"{self._name} answers for another place", expected=asked, found=found
                )

    def _series(
        self, feed: Feed, block: dict[str, Any], units: dict[str, Any], times: list[int]
    ) -> Series:
        variable = VARIABLES[feed.kind]
        values = list_of(field_of(block, variable, self._name), variable)
        unit = str(field_of(units, variable, "units of the weather"))
        if len(values) != len(times):
            raise SchemaError(variable, expected=f"{len(times)} values", found=len(values))
        step = STEP_SECONDS[self._resolution]
        shift = step if feed.kind in MEANS_BEFORE else 0
        return Series(
            (
                Period(
                    UnixSeconds(time - shift),
                    step,
                    None if value is None else steps_of(decimal_of(value, variable), unit, feed),
                )
                for time, value in zip(times, values, strict=True)
            ),
            f"{variable} of {self._name}",
        )
