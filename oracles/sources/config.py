"""Sources and feeds of a reporter, from one JSON file. The format: docs/oracles-sources.md."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from energy_grid.errors import ConfigurationError
from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import Zone
from oracles.sources import day_ahead, elexon, energy_charts, entsoe, open_meteo, simulated
from oracles.sources.base import Source
from oracles.sources.combining import CombiningRules
from oracles.sources.currency import Currency
from oracles.sources.http import HttpClient, HttpLimits
from oracles.sources.plausibility import PLAUSIBLE, Plausibility
from oracles.sources.recorded import RecordedSource
from oracles.sources.resting import RestingSource

ZoneNumber = Annotated[int, Field(gt=0, lt=1 << 16)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpPart(_Part):
    """Bounds of all HTTP sources; `allowed_hosts` may be private, each as `host:port`."""

    connect_seconds: float = Field(default=5.0, gt=0, le=60)
    read_seconds: float = Field(default=10.0, gt=0, le=60)
    total_seconds: float = Field(default=20.0, gt=0, le=120)
    max_bytes: int = Field(default=4_000_000, gt=0, le=64_000_000)
    repeats: int = Field(default=1, ge=0, le=5)
    allowed_hosts: frozenset[str] = frozenset()


class CurrencyPart(_Part):
    """What the settlement token counts."""

    code: str = Field(default="EUR", pattern="^[A-Z]{3}$")
    units: int = Field(default=1_000_000, gt=0)


class RecordedPart(_Part):
    """A file of values."""

    type: Literal["recorded"]
    path: Path
    repeats_seconds: int | None = Field(default=None, gt=0)


class SimulationPart(_Part):
    """The live twin; either its URL or the path of a file."""

    type: Literal["simulation"]
    url: str | None = None
    path: Path | None = None
    refresh_seconds: float = Field(default=simulated.DEFAULT_REFRESH_SECONDS, ge=0)


class PlacePart(_Part):
    """Degrees north and east."""

    latitude: Decimal = Field(ge=-90, le=90)
    longitude: Decimal = Field(ge=-180, le=180)


class OpenMeteoPart(_Part):
    """Weather."""

    type: Literal["open_meteo"]
    places: dict[ZoneNumber, PlacePart]
    url: str = open_meteo.DEFAULT_URL
    resolution: Literal["minutely_15", "hourly"] = "minutely_15"
    refresh_seconds: float = Field(default=open_meteo.DEFAULT_REFRESH_SECONDS, ge=0)


class EnergyChartsPart(_Part):
    """Day-ahead prices."""

    type: Literal["energy_charts"]
    bidding_zones: dict[ZoneNumber, str]
    url: str = energy_charts.DEFAULT_URL
    licence: str = energy_charts.DEFAULT_LICENCE
    refresh_seconds: float = Field(default=day_ahead.DEFAULT_REFRESH_SECONDS, ge=0)


class EntsoePart(_Part):
    """Day-ahead prices; the token comes from a file."""

    type: Literal["entsoe"]
    areas: dict[ZoneNumber, str]
    token_file: Path
    url: str = entsoe.DEFAULT_URL
    refresh_seconds: float = Field(default=day_ahead.DEFAULT_REFRESH_SECONDS, ge=0)


class ElexonPart(_Part):
    """Frequency of Great Britain."""

    type: Literal["elexon_frequency"]
    zones: list[ZoneNumber]
    url: str = elexon.DEFAULT_URL
    refresh_seconds: float = Field(default=elexon.DEFAULT_REFRESH_SECONDS, ge=0)


SourcePart = Annotated[
    RecordedPart | SimulationPart | OpenMeteoPart | EnergyChartsPart | EntsoePart | ElexonPart,
    Field(discriminator="type"),
]


class FeedPart(_Part):
    """Feeds of one kind in one zone: whom to ask and when a change is worth a round of its own."""

    kind: str
    zone: ZoneNumber
    horizons: tuple[Annotated[int, Field(ge=0, le=255)], ...] = (0,)
    sources: tuple[str, ...] = Field(min_length=1)
    minimum: int = Field(default=1, ge=1)
    max_age_seconds: int | None = Field(default=None, gt=0)
    band: int | None = Field(default=None, ge=0)
    low: int | None = None
    high: int | None = None
    deviation: int | None = Field(default=None, gt=0)
    deviation_bps: int | None = Field(default=None, ge=0)


class SourcesFile(_Part):
    """The whole file."""

    http: HttpPart = HttpPart()
    currency: CurrencyPart = CurrencyPart()
    sources: dict[str, SourcePart]
    feeds: tuple[FeedPart, ...]

    @classmethod
    def read(cls, path: Path) -> SourcesFile:
        """Read and check a file; relative paths in it start at its folder.

        Raises:
            ConfigurationError: it is missing or wrong, with everything that is.
        """
        try:
            found = cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise ConfigurationError(
                f"sources file {path} cannot be read", found=error.strerror
            ) from None
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
            )
            raise ConfigurationError(f"sources file {path}", found=problems[:800]) from None
        found._check(path)
        return found

    def _check(self, path: Path) -> None:
        for part in self.feeds:
            unknown = sorted(set(part.sources) - self.sources.keys())
            if unknown:
                raise ConfigurationError(
                    f"sources file {path}: feed {part.kind} of zone {part.zone}",
                    expected=", ".join(self.sources),
                    found=", ".join(unknown),
                )
            if part.minimum > len(part.sources):
                raise ConfigurationError(
                    f"sources file {path}: feed {part.kind} of zone {part.zone}",
                    expected=f"at most {len(part.sources)} as minimum",
                    found=part.minimum,
                )
            kind_of(part.kind)


def kind_of(name: str) -> FeedKind:
    """A kind of feed by its name in lower case.

    Raises:
        ConfigurationError: there is none.
    """
    known = {kind.name.lower(): kind for kind in FeedKind if kind is not FeedKind.NONE}
    if name not in known:
        raise ConfigurationError("kind of a feed", expected=", ".join(known), found=name)
    return known[name]


def client_of(part: HttpPart) -> HttpClient:
    """The client that all HTTP sources of a file share."""
    limits = HttpLimits(
        connect_seconds=part.connect_seconds,
        read_seconds=part.read_seconds,
        total_seconds=part.total_seconds,
        max_bytes=part.max_bytes,
        repeats=part.repeats,
    )
    return HttpClient(limits, part.allowed_hosts)


def build_sources(file: SourcesFile, folder: Path, client: HttpClient) -> dict[str, Source]:
    """All sources of a file, each with its pauses.

    Raises:
        ConfigurationError: one cannot be made.
        SchemaError: a recording is broken.
    """
    currency = Currency(file.currency.code, file.currency.units)
    makers: dict[type[Any], Callable[[str, Any], Source]] = {
        RecordedPart: lambda name, part: RecordedSource(
            name, folder / part.path, currency, part.repeats_seconds
        ),
        SimulationPart: lambda name, part: _simulation(name, part, folder, client),
        OpenMeteoPart: lambda name, part: open_meteo.OpenMeteoSource(
            name,
            {
                Zone(zone): open_meteo.Place(place.latitude, place.longitude)
                for zone, place in part.places.items()
            },
            client,
            part.url,
            part.resolution,
            part.refresh_seconds,
        ),
        EnergyChartsPart: lambda name, part: energy_charts.EnergyChartsSource(
            name,
            {Zone(zone): code for zone, code in part.bidding_zones.items()},
            client,
            currency,
            part.url,
            part.licence,
            part.refresh_seconds,
        ),
        EntsoePart: lambda name, part: entsoe.EntsoeSource(
            name,
            {Zone(zone): code for zone, code in part.areas.items()},
            folder / part.token_file,
            client,
            currency,
            part.url,
            part.refresh_seconds,
        ),
        ElexonPart: lambda name, part: elexon.ElexonFrequencySource(
            name, [Zone(zone) for zone in part.zones], client, part.url, part.refresh_seconds
        ),
    }
    return {
        name: RestingSource(makers[type(part)](name, part)) for name, part in file.sources.items()
    }


def _simulation(name: str, part: SimulationPart, folder: Path, client: HttpClient) -> Source:
    if (part.url is None) == (part.path is None):
        raise ConfigurationError(f"source {name}", expected="either url or path")
    place = part.url if part.url is not None else folder / str(part.path)
    return simulated.SimulationSource(name, place, client, part.refresh_seconds)


def feeds_of(part: FeedPart) -> list[Feed]:
    """The feeds that a part names, one for each horizon."""
    kind = kind_of(part.kind)
    return [Feed(kind, Zone(part.zone), horizon) for horizon in part.horizons]


def rules_of(part: FeedPart) -> CombiningRules:
    """How its sources are combined."""
    return CombiningRules(part.minimum, part.max_age_seconds, part.band)


def plausibility_of(part: FeedPart) -> Plausibility:
    """Its limits, narrowed by what the file says."""
    limits = PLAUSIBLE[kind_of(part.kind)]
    low = limits.low if part.low is None else part.low
    high = limits.high if part.high is None else part.high
    return limits.narrowed(low, high)
