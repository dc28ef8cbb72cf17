"""Scenario files: those of the project are valid, anything wrong is told with its place.

load_scenario: every file of the project; no such name
parse_scenario: not TOML; missing, unknown, out of range; times; disturbances; between
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulation.errors import ScenarioError
from simulation.grid_day.scenario import (
    SCENARIO_FOLDER,
    load_scenario,
    parse_scenario,
    scenario_names,
)

SUNNY = (SCENARIO_FOLDER / "sunny-sunday.toml").read_text(encoding="utf-8")
ISLAND = (SCENARIO_FOLDER / "islanding.toml").read_text(encoding="utf-8")


def test_scenario_names__of_the_project__the_five() -> None:
    assert scenario_names() == (
        "feeder-loss",
        "frequency-dip",
        "islanding",
        "sunny-sunday",
        "winter-evening",
    )


@pytest.mark.parametrize("name", scenario_names())
def test_load_scenario__each_of_the_project__is_valid_and_says_where_it_comes_from(
    name: str,
) -> None:
    scenario = load_scenario(name)

    assert scenario.name == name
    assert scenario.sources and scenario.story.strip()
    assert scenario.step_count * scenario.window.step_seconds >= 90 * 60


def test_load_scenario__unknown_name__told_what_there_is() -> None:
    with pytest.raises(ScenarioError, match=r"no such scenario: expected feeder-loss, .*found fog"):
        load_scenario("fog")


def test_load_scenario__path_of_a_file__is_read(tmp_path: object) -> None:
    path = f"{tmp_path}/own.toml"
    with open(path, "w", encoding="utf-8") as file:
        file.write(SUNNY.replace('"sunny-sunday"', '"own"'))

    assert load_scenario(path).name == "own"


def test_parse_scenario__window__in_utc() -> None:
    scenario = parse_scenario(SUNNY, "x")

    assert scenario.first_unix == int(datetime(2016, 7, 24, 7, tzinfo=UTC).timestamp())
    assert scenario.step_count == 9 * 60


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("seed = 5", "seed = ", "not valid TOML"),
        ("seed = 5\n", "", r"seed: Field required"),
        ("seed = 5", "seed = 5\nspeed = 9", r"speed: Extra inputs are not permitted"),
        ("seed = 5", "seed = -1", r"seed: .*greater than or equal to 0 \(given -1\)"),
        ("share = 0.8", "share = 1.8", r"fleet\.panels\.share: .*less than or equal to 1 .*1\.8"),
        ("low = 4.0, high = 9.0", "low = 9.0, high = 4.0", r"high \(4\.0\) must not be below low"),
        ('name = "rural2"', 'name = "atlantis"', r"grid: no such grid; there are rural1"),
        ("date = 2016-07-24", "date = 2017-07-24", r"window: date must lie in 2016"),
        ('end = "16:00"', 'end = "06:00"', r"end \(06:00\) must be later than start \(07:00\)"),
        ('end = "16:00"', 'end = "16:05"', r"end must be a quarter hour"),
        ('end = "16:00"', 'end = "25:00"', r"window\.end: .*pattern.* \(given '25:00'\)"),
        ("step_seconds = 60", "step_seconds = 70", r"must divide a slot of 900 s"),
        ("inner_step_seconds = 1.0", "inner_step_seconds = 0.0", r"area\.inner_step_seconds"),
        ("full_at_millihz = 200", "full_at_millihz = 10", r"must lie above primary_dead_band"),
        ('at = "00:00"', 'at = "14:00"', r"weather must be in order of time"),
    ],
)
def test_parse_scenario__something_wrong__told_where_and_what(
    before: str, after: str, message: str
) -> None:
    assert before in SUNNY

    with pytest.raises(ScenarioError, match=message):
        parse_scenario(SUNNY.replace(before, after, 1), "sunny-sunday.toml")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('at = "17:00"\nkind = "island"', r"lies outside the window 07:00 to 16:00"),
        ('at = "10:00"\nkind = "island"', r"needs fleet\.generator, which forms its grid"),
        ('at = "10:00"\nkind = "line-trip"', r"disturbances\.0: .*line-trip needs line"),
        ('at = "10:00"\nkind = "line-trip"\nline = "a"\nlost_mw = 3.0', r"has no lost_mw"),
        ('at = "10:00"\nkind = "meteor"', r"disturbances\.0\.kind"),
    ],
)
def test_parse_scenario__disturbance_that_cannot_be__refused(entry: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        parse_scenario(f"{SUNNY}\n[[disturbances]]\n{entry}\n", "x")


def test_between__shorter_window__keeps_what_happens_inside() -> None:
    whole = parse_scenario(ISLAND, "x")

    part = whole.between("10:45", "12:00")

    assert part.step_count == 75
    assert [entry.kind.value for entry in part.disturbances] == ["island"]
    assert part.fleet == whole.fleet
