"""The report: what counts as success, and the document that others read."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from simulation.grid_day.picture import draw_before_and_after
from simulation.grid_day.report import Dispatches, is_enough, reduction_percent
from simulation.grid_day.tables import print_report
from simulation.market_day.residuals import Kind, Residual
from tests.offchain.grid_day.days import figures, report, trace

COUNTS = {"voltage_minutes", "overload_minutes", "frequency_seconds"}


@pytest.mark.parametrize(
    ("without", "managed", "enough"),
    [(0, 0, True), (0, 1, False), (300, 0, True), (300, 30, True), (300, 31, False), (9, 1, False)],
)
def test_is_enough__at_and_beside_ninety_percent__counts_exactly(without, managed, enough):
    assert is_enough(without, managed) is enough


@pytest.mark.parametrize(
    ("without", "managed", "percent"), [(0, 0, None), (3, 1, 66.6), (10, 0, 100.0), (2, 3, -50.0)]
)
def test_reduction_percent__tenths_rounded_down(without, managed, percent):
    assert reduction_percent(without, managed) == percent


def test_success__money_balances_and_violations_fall__succeeds():
    assert report().is_success
    assert report().failures == ()


def test_success__one_unit_left_over__fails():
    wrong = report(residuals=(Residual(Kind.MONEY, "paid in - paid out - held", -1),))

    assert not wrong.is_success
    assert wrong.failures == ()
    assert wrong.as_json()["money_residual_units"] == 1


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_success__violation_fell_too_little__names_it(name):
    failed = report(without=figures(**{name: 100}), managed=figures(**{name: 11}))

    assert not failed.is_success
    assert failed.failures == (f"{name}: 100 without, 11 with management",)


def test_success__dispatch_after_three_blocks__fails():
    late = report(dispatches=Dispatches(1, 1, 1, 1, 1, 1, (2, 3)))

    assert late.failures == ("1 dispatches took more than 2 blocks",)


def test_as_json__document__has_what_the_documentation_promises():
    document = json.loads(json.dumps(report().as_json()))

    assert document["schema"] == 1
    assert set(document["reduction_percent"]) == COUNTS
    for run in ("without", "with"):
        assert set(document[run]) >= COUNTS | {
            "nadir_millihz",
            "zenith_millihz",
            "curtailed_wh",
            "cost_units",
        }
        assert set(document[f"costs_{run}"]) == {
            "flexibility",
            "penalties",
            "curtailed",
            "unserved",
            "total",
        }
    assert document["reduction_percent"]["voltage_minutes"] == 99.0
    assert document["costs_with"]["total"] == 1_200_000 - 50_000 + 416_000
    assert document["success"] is True
    assert document["money_residual_units"] == 0
    assert document["gas"]["submitReports"] == {"n": 1_440, "median": 300_000, "max": 310_000}


@pytest.mark.parametrize("changes", [{}, {"managed": figures(voltage_minutes=200)}])
def test_print_report__tables__fit_eighty_columns_and_name_what_failed(changes):
    console = Console(width=80, record=True, color_system=None, file=None, quiet=False)
    with console.capture() as capture:
        print_report(console, report(**changes))

    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert ("not reached" in capture.get()) is bool(changes)
    assert "outside EN 50160 voltage, minutes" in capture.get()


def test_draw__two_days__writes_a_picture_of_modest_size(tmp_path):
    file = tmp_path / "day.png"

    draw_before_and_after("Sunny Sunday", "a line", trace(90, high=252_000), trace(90), file)

    assert file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert 10_000 < file.stat().st_size < 300_000


def test_draw__dark_grid__leaves_a_gap_instead_of_zero_volts(tmp_path):
    dark = trace(90)
    dark.lowest_millivolts[30:60] = [0] * 30
    dark.highest_millivolts[30:60] = [0] * 30
    dark.lowest_millihz[30:60] = [0] * 30
    dark.highest_millihz[30:60] = [0] * 30

    draw_before_and_after("Islanding", "", dark, trace(90, states=((1, 3),)), tmp_path / "d.png")

    assert (tmp_path / "d.png").stat().st_size > 10_000
