"""A whole market day as a user starts it: chain, bridge, trading, settlement, report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOMES, SEED = 4, 3
TIMEOUT_SECONDS = 400


def _run(folder, *arguments):
    return subprocess.run(
        [
            str(Path(sys.executable).with_name("ape")),
            *("run", "market_day"),
            *("--homes", str(HOMES), "--seed", str(SEED), "--out", str(folder), "--json"),
            *arguments,
        ],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market-day")
    return _run(folder), folder


def _report(day):
    result, folder = day
    assert result.returncode == 0, result.stderr[-2_000:]
    return json.loads((folder / "report.json").read_text())


def test_market_day__small_neighbourhood__settles_every_slot_and_leaves_nothing(day):
    report = _report(day)

    assert (report["homes"], report["slots"]) == (HOMES, 96)
    assert report["energy_residual_wh"] == 0
    assert report["money_residual_units"] == 0
    assert report["slot_residual"] == 0
    # Every home has a connection meter, one of them a production meter too: 96 readings each.
    assert report["readings_accepted"] == (HOMES + 1) * 96


def test_market_day__small_neighbourhood__really_trades_and_certifies(day):
    report = _report(day)

    assert report["trades"] > 10
    assert 0 < report["energy_retired_wh"] <= report["energy_traded_wh"]
    assert report["energy_minted_wh"] == report["energy_exported_wh"]
    assert 0 < report["local_supply_share"] < 1
    for operation in (
        "placeOrder",
        "matchMany",
        "settle",
        "submitSignedReadings",
        "submitSignedDay",
    ):
        assert report["gas"][operation]["median"] > 21_000


def test_market_day__json_option__prints_the_report_alone(day):
    result, folder = day
    assert json.loads(result.stdout) == _report(day)
    assert (folder / "day.png").stat().st_size > 20_000


def test_market_day__same_seed__same_report(day, tmp_path):
    again = _run(tmp_path)
    assert again.returncode == 0, again.stderr[-2_000:]
    assert (tmp_path / "report.json").read_bytes() == (day[1] / "report.json").read_bytes()
