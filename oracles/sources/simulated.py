"""The simulation as a source: a JSON document over HTTP, or in a file.

The live twin publishes what instruments and services would say at one moment, `GET /state`:

    {
      "schema": "energy-grid/state/1",
      "time": 1750000000,
      "zones": {
        "1": {
          "demand_w": 48210,
          "supply_w": 12900,
          "frequency_millihz": 49987,
          "voltage_millivolts": 229850,
          "line_loading_bps": 4120,
          "irradiance_deciwatts_per_m2": 5123,
          "temperature_centicelsius": -250,
          "wind_speed_cm_per_s": 640,
          "cloud_cover_bps": 3500,
          "market_price_per_kwh": 107300,
          "expected_supply_w": {"4": 13100, "8": 13900},
          "expected_demand_w": {"4": 47000, "8": 46100}
        }
      }
    }

`time` is the time of the state, unix seconds of the chain's clock. All values are integers, in the
steps of their feeds. A field that is missing or null is not measured. The two forecasts are by
horizon in quarter hours, from the quarter hour that holds `time`. Further fields are ignored, so
the document may grow; a breaking change gets another number in `schema`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import UnixSeconds
from oracles.sources.base import Interval, Measurement
from oracles.sources.documents import Cached, field_of, integer_of, mapping_of
from oracles.sources.errors import NotCoveredError, SchemaError, UnsupportedFeedError
from oracles.sources.http import HttpClient, parse_json, require_web_url

SCHEMA: Final = "energy-grid/state/1"
FIELDS: Final[dict[FeedKind, str]] = {
    FeedKind.DEMAND: "demand_w",
    FeedKind.SUPPLY: "supply_w",
    FeedKind.FREQUENCY: "frequency_millihz",
    FeedKind.VOLTAGE: "voltage_millivolts",
    FeedKind.LINE_LOADING: "line_loading_bps",
    FeedKind.IRRADIANCE: "irradiance_deciwatts_per_m2",
    FeedKind.TEMPERATURE: "temperature_centicelsius",
    FeedKind.WIND_SPEED: "wind_speed_cm_per_s",
    FeedKind.CLOUD_COVER: "cloud_cover_bps",
    FeedKind.EXPECTED_SUPPLY: "expected_supply_w",
    FeedKind.EXPECTED_DEMAND: "expected_demand_w",
    FeedKind.MARKET_PRICE: "market_price_per_kwh",
}
"""Field of each kind, in the steps of its feed."""
FORECASTS: Final = (FeedKind.EXPECTED_SUPPLY, FeedKind.EXPECTED_DEMAND)
DEFAULT_REFRESH_SECONDS: Final = 0.2


class SimulationSource:
    """The twin's state.

    Args:
        name: of the source.
        place: URL of the document, or path of a file that holds it.
        client: for a URL; the twin's host is usually loopback and must be allowed there.
        refresh_seconds: how long one state serves several feeds.
    """

    def __init__(
        self,
        name: str,
        place: str | Path,
        client: HttpClient | None = None,
        refresh_seconds: float = DEFAULT_REFRESH_SECONDS,
    ) -> None:
        self._name = name
        self._place = place
        self._client = client or HttpClient()
        if isinstance(place, str):
            require_web_url(place, name)
        self._state: Cached[dict[str, Any]] = Cached(lambda _key: self._fetch(), refresh_seconds)

    @property
    def name(self) -> str:
        """Name in logs, metrics and measurements."""
        return self._name

    def observe(self, feed: Feed, interval: Interval) -> Measurement:
        """The value of the feed in the newest state.

        Raises:
            SourceError: no state, another layout, or the value is not in it.
        """
        state = self._state.get("state")
        zones = mapping_of(field_of(state, "zones", self._name), f"zones of {self._name}")
        if str(feed.zone) not in zones:
            raise UnsupportedFeedError(f"{self._name} has no zone {feed.zone}")
        zone = mapping_of(zones[str(feed.zone)], f"zone {feed.zone} of {self._name}")
        value = zone.get(FIELDS[feed.kind])
        if feed.kind in FORECASTS and value is not None:
            what = f"{FIELDS[feed.kind]} of {self._name}"
            value = mapping_of(value, what).get(str(feed.horizon_slots))
        elif feed.horizon_slots:
            raise UnsupportedFeedError(f"{self._name} has no forecast of {feed.kind.name.lower()}")
        if value is None:
            raise NotCoveredError(f"{self._name} does not measure {feed.kind.name.lower()}")
        time = integer_of(field_of(state, "time", self._name), f"time of {self._name}")
        what = f"{FIELDS[feed.kind]} of {self._name}"
        return Measurement(integer_of(value, what), UnixSeconds(time), self._name)

    def _fetch(self) -> dict[str, Any]:
        if isinstance(self._place, Path):
            try:
                document = parse_json(self._place.read_bytes(), self._place.name)
            except OSError as error:
                raise NotCoveredError(
                    f"state {self._place} cannot be read", found=error.strerror
                ) from None
        else:
            document = self._client.get_json(self._place)
        state = mapping_of(document, f"state of {self._name}")
        if field_of(state, "schema", f"state of {self._name}") != SCHEMA:
            raise SchemaError(
                f"state of {self._name}", expected=SCHEMA, found=repr(state["schema"])[:60]
            )
        return state
