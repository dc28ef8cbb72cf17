"""Scenarios: what a grid day is made of, read from `simulation/scenarios/NAME.toml` and checked.

All times are UTC. A scenario says nothing about management: the same file is run with and without.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from energy_grid.units import SLOT_SECONDS
from simulation.errors import ScenarioError
from simulation.grid_day.network import Tie
from simulation.physics.calendar import YEAR
from simulation.physics.grids import GRID_CODES

SCENARIO_FOLDER: Final = Path(__file__).parents[1] / "scenarios"
_HOUR: Final = 3_600

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(_Part):
    """Values are drawn evenly between two ends."""

    low: NotNegative
    high: NotNegative

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.high < self.low:
            raise ValueError(f"high ({self.high}) must not be below low ({self.low})")
        return self


class Window(_Part):
    """When the scenario runs."""

    date: date
    start: Clock
    end: Clock
    step_seconds: Annotated[int, Field(ge=10, le=300)] = 60

    @model_validator(mode="after")
    def _whole_slots(self) -> Self:
        if self.date.year != YEAR:
            raise ValueError(f"date must lie in {YEAR}, the year of the load profiles")
        start, end = seconds_of(self.start), seconds_of(self.end)
        if end <= start:
            raise ValueError(f"end ({self.end}) must be later than start ({self.start})")
        for name, value in (("start", start), ("end", end)):
            if value % SLOT_SECONDS:
                raise ValueError(f"{name} must be a quarter hour")
        if SLOT_SECONDS % self.step_seconds:
            raise ValueError(f"step_seconds must divide a slot of {SLOT_SECONDS} s")
        return self


class TieSpec(_Part):
    """A cable that is open in normal operation."""

    name: str
    from_bus: int
    to_bus: int
    length_km: Positive


class GridSpec(_Part):
    """Which network, and how it is supplied."""

    name: str
    upstream_voltage_pu: Annotated[float, Field(ge=0.9, le=1.1)]
    ties: tuple[TieSpec, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.name not in GRID_CODES:
            raise ValueError(f"no such grid; there are {', '.join(sorted(GRID_CODES))}")
        return self


class Cars(_Part):
    """Electric cars at homes; each is plugged in once in the window."""

    share: Share
    charger_kw: Positive
    need_kwh: Range
    arrival: Clock
    arrival_spread_minutes: NotNegative
    stay_hours: Range


class HeatPumps(_Part):
    """Heat pumps at homes, with a water store."""

    share: Share
    rated_kw: Range
    store_hours: Positive
    heat_loss_kw_per_kelvin: Range


class Panels(_Part):
    """Solar panels on homes."""

    share: Share
    peak_kw: Range


class Batteries(_Part):
    """Batteries at homes, those with panels first."""

    share: Share
    capacity_kwh: Range
    power_kw_per_kwh: Positive
    start_filled: Share


class Generator(_Part):
    """A generating set at the busbar that forms the grid when the zone is cut off."""

    rated_kva: Positive
    rated_kw: Positive
    inertia_seconds: Positive
    droop_percent: Positive
    response_seconds: Positive
    restoring_seconds: Positive


class Fleet(_Part):
    """What stands behind the meters; shares are of all homes."""

    panels: Panels
    batteries: Batteries
    cars: Cars
    heat_pumps: HeatPumps
    generator: Generator | None = None


class Knot(_Part):
    """Weather at one time; between two knots it changes evenly."""

    at: Clock
    temperature_celsius: Annotated[float, Field(ge=-40, le=50)]
    cloud_cover: Share


class Area(_Part):
    """The synchronous area outside the zone, as one machine.

    `zones_alike` zones with the same devices answer as this one does: one low-voltage zone alone
    moves no synchronous area.
    """

    base_mva: Positive
    inertia_seconds: Positive
    load_mw: Positive
    damping_percent_per_hz: NotNegative
    primary_mw: NotNegative
    primary_dead_band_millihz: NotNegative
    primary_full_at_millihz: Positive
    primary_response_seconds: Positive
    secondary_mw: NotNegative
    secondary_seconds: Positive
    noise_mw: NotNegative
    zones_alike: Annotated[int, Field(ge=1)] = 1
    inner_step_seconds: Annotated[float, Field(ge=0.02, le=1.0)] = 0.1

    @model_validator(mode="after")
    def _band(self) -> Self:
        if self.primary_full_at_millihz <= self.primary_dead_band_millihz:
            raise ValueError("primary_full_at_millihz must lie above primary_dead_band_millihz")
        return self


class DisturbanceKind(StrEnum):
    """What can happen from outside."""

    GENERATION_LOSS = "generation-loss"
    LINE_TRIP = "line-trip"
    LINE_CLOSE = "line-close"
    ISLAND = "island"
    RECONNECT = "reconnect"


_NEEDS: Final = {
    DisturbanceKind.GENERATION_LOSS: ("lost_mw",),
    DisturbanceKind.LINE_TRIP: ("line",),
    DisturbanceKind.LINE_CLOSE: ("line",),
}


class Disturbance(_Part):
    """Something that happens at a time."""

    at: Clock
    kind: DisturbanceKind
    line: str | None = None
    lost_mw: Positive | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needs = _NEEDS.get(self.kind, ())
        for name in ("line", "lost_mw"):
            given = getattr(self, name) is not None
            if given and name not in needs:
                raise ValueError(f"a disturbance {self.kind.value} has no {name}")
            if not given and name in needs:
                raise ValueError(f"a disturbance {self.kind.value} needs {name}")
        return self


class Scenario(_Part):
    """A grid day."""

    name: str
    title: str
    story: str
    sources: tuple[str, ...]
    seed: Annotated[int, Field(ge=0)]
    window: Window
    grid: GridSpec
    fleet: Fleet
    weather: Annotated[tuple[Knot, ...], Field(min_length=1)]
    area: Area
    disturbances: tuple[Disturbance, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for what, entries in (("weather", self.weather), ("disturbances", self.disturbances)):
            times = [seconds_of(entry.at) for entry in entries]
            if times != sorted(times):
                raise ValueError(f"{what} must be in order of time")
        start, end = seconds_of(self.window.start), seconds_of(self.window.end)
        for entry in self.disturbances:
            at = seconds_of(entry.at)
            if not start <= at < end:
                raise ValueError(
                    f"disturbance at {entry.at} lies outside the window "
                    f"{self.window.start} to {self.window.end}"
                )
            if (at - start) % self.window.step_seconds:
                raise ValueError(f"disturbance at {entry.at} must fall on the start of a step")
            if entry.kind is DisturbanceKind.ISLAND and self.fleet.generator is None:
                raise ValueError("an islanded zone needs fleet.generator, which forms its grid")
        return self

    @property
    def midnight_unix(self) -> int:
        """Start of the day."""
        return int(datetime.combine(self.window.date, time(), UTC).timestamp())

    @property
    def first_unix(self) -> int:
        """Start of the window."""
        return self.midnight_unix + seconds_of(self.window.start)

    @property
    def step_count(self) -> int:
        """Steps of the window."""
        seconds = seconds_of(self.window.end) - seconds_of(self.window.start)
        return seconds // self.window.step_seconds

    @property
    def ties(self) -> tuple[Tie, ...]:
        """Cables that are open at first."""
        return tuple(Tie(t.name, t.from_bus, t.to_bus, t.length_km) for t in self.grid.ties)

    def between(self, start: str, end: str) -> Scenario:
        """The same in a shorter window; disturbances outside it are left out."""
        document = self.model_dump()
        document["window"].update(start=start, end=end)
        low, high = seconds_of(start), seconds_of(end)
        document["disturbances"] = [
            entry for entry in document["disturbances"] if low <= seconds_of(entry["at"]) < high
        ]
        return Scenario.model_validate(document)


def seconds_of(clock: str) -> int:
    """Seconds since midnight of `HH:MM`."""
    hours, minutes = clock.split(":")
    return int(hours) * _HOUR + int(minutes) * 60


def scenario_names() -> tuple[str, ...]:
    """Scenarios that come with the project."""
    return tuple(sorted(path.stem for path in SCENARIO_FOLDER.glob("*.toml")))


def load_scenario(name: str) -> Scenario:
    """A scenario by its name, or from a file if the name ends in `.toml`.

    Raises:
        ScenarioError: no such scenario, or something in it is wrong.
    """
    path = Path(name) if name.endswith(".toml") else SCENARIO_FOLDER / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(
            "no such scenario",
            expected=f"{', '.join(scenario_names())} or the path of a .toml file",
            found=name,
        ) from error
    return parse_scenario(text, path.name)


def parse_scenario(text: str, origin: str) -> Scenario:
    """A scenario from its text.

    Raises:
        ScenarioError: it is no TOML, or an entry is missing, unknown or out of range.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"scenario {origin} is not valid TOML", found=error) from error
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        raise ScenarioError(
            f"scenario {origin} is not valid",
            found="; ".join(_explain(problem) for problem in error.errors()),
            remedy="docs/simulation.md, section Grid days, describes every entry",
        ) from error


def _explain(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"]) or "scenario"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] in ("missing", "extra_forbidden"):
        return f"{place}: {message}"
    given = problem["input"]
    return f"{place}: {message}" + (f" (given {given!r})" if not isinstance(given, dict) else "")
