"""A whole market day as a user starts it: chain, bridge, auctions, trading, settlement, report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOMES, SEED = 6, 3
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


def test_market_day__trading_fees__withdrawn_by_two_of_three_owners_of_the_treasury(day):
    report = _report(day)

    treasury = report["treasury"]
    assert (treasury["signed"], treasury["owners"]) == (2, 3)
    assert treasury["amount"] == report["trading_fee_units"] > 0


def test_market_day__small_neighbourhood__really_trades_and_certifies(day):
    report = _report(day)

    assert report["trades"] == report["trades_matched"] + report["trades_in_auctions"]
    assert report["trades_in_auctions"] > 10
    assert report["trades_matched"] > 0
    assert report["energy_traded_wh"] == (
        report["auctions"]["energy_wh"] + report["energy_matched_wh"]
    )
    assert 0 < report["energy_retired_wh"] <= report["energy_traded_wh"]
    assert report["energy_minted_wh"] == report["energy_exported_wh"]
    assert 0 < report["local_supply_share"] < 1
    for operation in (
        "placeCurve",
        "placeCurves",
        "placeSigned",
        "clearCoupled",
        "claim",
        "placeOrder",
        "matchMany",
        "settle",
        "submitSignedReadings",
        "submitSignedDay",
    ):
        assert report["gas"][operation]["median"] > 21_000


def test_market_day__two_zones__clear_every_hour_and_quarter_hour_together(day):
    auctions = _report(day)["auctions"]

    assert auctions["cleared"] == auctions["coupled"] == 2 * (24 + 96)
    assert auctions["hour_energy_wh"] > 0
    assert auctions["quarter_hour_energy_wh"] > 0
    prices = auctions["prices"]
    assert [(line["hour"], line["zone"]) for line in prices] == [
        (hour, zone) for hour in range(24) for zone in (1, 2)
    ]
    published = [line["hour_units_per_kwh"] for line in prices]
    published += [price for line in prices for price in line["quarter_hour_units_per_kwh"]]
    assert all(80_000 < price < 340_000 for price in published if price is not None)
    assert any(published)


def test_market_day__line__stays_within_its_capacity_and_pays_its_owner(day):
    line = _report(day)["interconnector"]

    capacity_wh = line["capacity_w"] // 4
    assert any(line["flow_wh_by_slot"])
    assert all(-capacity_wh <= flow <= capacity_wh for flow in line["flow_wh_by_slot"])
    assert sum(map(abs, line["flow_wh_by_slot"])) == line["forward_wh"] + line["back_wh"]
    assert (line["congestion_rent_units"] > 0) <= (line["full_slots"] > 0)


def test_market_day__signed_orders__are_relayed_and_all_placed(day):
    signed = _report(day)["signed_orders"]

    assert signed["placed"] > 20
    assert signed["skipped"] == 0


def test_market_day__shared_plant__revenue_reaches_its_holders_to_the_unit(day):
    plant = _report(day)["shared_plant"]

    collected, holders = plant["collected_units"], plant["holders"]
    assert len(collected) == 2
    assert min(collected) > 0
    assert plant["revenue_units"] == sum(collected)
    before = [holder["shares_before"] for holder in holders]
    after = [holder["shares_after"] for holder in holders]
    assert sum(before) == sum(after) == plant["shares"]
    assert before != after
    # The first collection went by the shares before the transfer, the second by those after it.
    for holder, first, second in zip(holders, before, after, strict=True):
        part = collected[0] * first + collected[1] * second
        assert holder["paid"] == holder["earned"] == part // plant["shares"]
    assert plant["paid_units"] + plant["left_units"] == plant["revenue_units"]
    assert 0 <= plant["left_units"] < len(holders)
    assert plant["certificates_paid_wh"] + plant["certificates_left_wh"] == plant["certificates_wh"]
    assert plant["production_recorded_wh"] > plant["certificates_wh"] > 0


def test_market_day__json_option__prints_the_report_alone(day):
    result, folder = day
    assert json.loads(result.stdout) == _report(day)
    assert (folder / "day.png").stat().st_size > 20_000


@pytest.mark.faults_long
def test_market_day__same_seed__same_report(day, tmp_path):
    again = _run(tmp_path)
    assert again.returncode == 0, again.stderr[-2_000:]
    assert (tmp_path / "report.json").read_bytes() == (day[1] / "report.json").read_bytes()
