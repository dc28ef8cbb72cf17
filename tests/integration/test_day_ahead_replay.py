"""Two recorded hours of the Italian day-ahead market through `ape run replay_day_ahead`.

Published prices and flows are facts of the data (tests/data/day-ahead/README.md names the source);
what the contract proves must agree with them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from energy_grid.artifacts import Artifacts
from scripts.replay_day_ahead import cli
from simulation.day_ahead.hours import Borders
from simulation.day_ahead.run import ReplayOptions, load_hours, replay

DATA = Path(__file__).parent.parent / "data" / "day-ahead"

KEYS = [
    "variant",
    "zone_hours",
    "inside",
    "unique",
    "exact_unique",
    "exact",
    "mutants",
    "mutants_rejected",
    "gas_max",
    "gas_median",
    "seconds",
]


def run_cli(tmp_path: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    file = tmp_path / "figures.json"
    out = tmp_path / "out"
    result = CliRunner().invoke(
        cli, ["--data", str(DATA), "--json", str(file), "--out", str(out), *arguments]
    )
    assert result.exit_code == 0, result.output
    return json.loads(file.read_text(encoding="utf-8")), result.output


def test_replay__exchanges__published_prices_are_proven(tmp_path: Path) -> None:
    figures, output = run_cli(tmp_path)

    assert list(figures)[: len(KEYS)] == KEYS
    assert figures["variant"] == "exchanges"
    assert (figures["zone_hours"], figures["inside"]) == (14, 14)
    assert (figures["unique"], figures["exact_unique"], figures["exact"]) == (7, 7, 7)
    assert figures["hours_matching_flows"] == 2
    assert figures["mutants"] == figures["mutants_rejected"] > 150
    assert figures["gas_median"] <= 270_000
    assert figures["gas_max"] <= 270_000
    assert figures["gas_max_one_price"] <= 215_000
    assert figures["gas_max_fresh"] <= 380_000
    assert "14 zone-hours proven on chain" in output
    assert (tmp_path / "out" / "2025-04-07-exchanges.png").stat().st_size > 20_000


def test_replay__priced_borders__published_prices_are_the_only_ones(tmp_path: Path) -> None:
    figures, _ = run_cli(tmp_path, "--borders", "prices", "--day", "2025-04-01")

    assert figures["variant"] == "prices"
    assert [figures[key] for key in KEYS[1:6]] == [7, 7, 7, 7, 7]
    assert figures["hours_matching_flows"] is None
    assert figures["mutants"] == figures["mutants_rejected"] > 60
    assert figures["gas_max"] <= 215_000


def test_replay__hour_of_three_prices__interval_and_flows_as_published(tmp_path: Path) -> None:
    options = ReplayOptions(DATA, None, Borders.EXCHANGES, tmp_path)
    seen: list[str] = []

    report = replay(options, load_hours(options), Artifacts.load(), seen.append)

    loose, divided = report.hours
    names = [zone.name for zone in divided.hour.market.zones]
    assert names == ["CALA", "CNOR", "CSUD", "NORD", "SARD", "SICI", "SUD"]
    # Published: south and islands 5.00, centre-south and Sardinia 16.36, north 75.00 EUR/MWh.
    assert [zone.price for zone in divided.outcome.zones] == [
        price * 1_000 for price in (500, 7_500, 1_636, 7_500, 1_636, 500, 500)
    ]
    assert divided.proposal.interval is None
    # Published 107.30 everywhere; valid are 106.75 (Sardinia 106.32) to 107.33.
    assert loose.proposal.low == tuple(
        10_632_000 if name == "SARD" else 10_675_000 for name in names
    )
    assert loose.proposal.high == (10_733_000,) * 7
    assert loose.hour.published_prices == (10_730_000,) * 7
    assert report.is_sound
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--day", "2025-04-02"], "2025-04-01, 2025-04-07"),
        (["--data", "nowhere"], "no such folder"),
    ],
)
def test_replay__nothing_to_replay__says_so(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = CliRunner().invoke(cli, ["--data", str(DATA), "--out", str(tmp_path), *arguments])

    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
