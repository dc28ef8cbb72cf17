"""A grid day as a user starts it: half an hour around a frequency dip, steered by the chain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WINDOW, MINUTES = "18:00-18:30", 30
TIMEOUT_SECONDS = 400


@pytest.fixture(scope="module")
def evening(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid-day")
    result = subprocess.run(
        [
            str(Path(sys.executable).with_name("ape")),
            *("run", "grid_day", "--scenario", "frequency-dip", "--json"),
            *("--window", WINDOW, "--out", str(folder)),
        ],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    return result, folder


def _report(evening):
    result, folder = evening
    assert result.returncode == 0, result.stderr[-2_000:]
    return json.loads((folder / "frequency-dip.json").read_text())


def test_grid_day__frequency_dip__money_balances_and_the_dip_is_caught(evening):
    report = _report(evening)

    assert report["success"] is True
    assert report["failures"] == []
    assert (report["money_residual_units"], report["energy_residual_wh"]) == (0, 0)
    assert all(residual["amount"] == 0 for residual in report["residuals"])
    assert report["without"]["frequency_seconds"] > 60
    assert report["reduction_percent"]["frequency_seconds"] >= 90
    assert report["with"]["nadir_millihz"] > report["without"]["nadir_millihz"]


def test_grid_day__every_minute__values_of_all_zones_and_set_points_of_all_devices(evening):
    report = _report(evening)

    zones = len(report["zones"])
    assert report["steps"] == MINUTES
    assert report["oracle_rounds"] == MINUTES * zones * 5
    assert report["gas"]["updateGridState"]["n"] == MINUTES * zones
    assert report["setpoints_read"] == MINUTES * report["devices"]
    assert report["blocks_from_value_to_setpoint"] == 0
    assert sum(report["minutes_by_state"].values()) == MINUTES
    assert report["minutes_by_state"].get("NORMAL", 0) < MINUTES


def test_grid_day__dip__calls_flexibility_within_two_blocks_and_pays_what_was_delivered(evening):
    flexibility = _report(evening)["flexibility"]
    costs = _report(evening)["costs_with"]

    assert flexibility["offers"] > 10
    assert flexibility["allocated"] == len(flexibility["blocks"]) > 0
    assert max(flexibility["blocks"]) <= 2
    assert 0 < flexibility["delivered_wh"] <= flexibility["promised_wh"]
    assert costs["flexibility"] > 0


def test_grid_day__json_option__prints_the_report_alone(evening):
    result, folder = evening

    assert json.loads(result.stdout) == _report(evening)
    assert (folder / "frequency-dip.png").stat().st_size > 20_000


def test_grid_day__no_terminal__says_little(evening):
    result, _ = evening

    assert len(result.stderr.splitlines()) < 40
