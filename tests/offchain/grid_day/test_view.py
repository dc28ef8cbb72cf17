"""The view: redrawn in place on a terminal, a few lines anywhere else, never above 80 columns."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from simulation.grid_day.view import DayView, furthest, trend
from tests.offchain.grid_day.days import shown

MINUTES = 1_440


def _console(*, is_terminal, width=80):
    return Console(
        file=io.StringIO(), force_terminal=is_terminal, width=width, color_system=None, height=25
    )


def test_show__no_terminal__writes_a_few_lines_only():
    console = _console(is_terminal=False)

    with DayView(console, "Sunny Sunday", MINUTES) as view:
        for minute in range(MINUTES):
            view.show(shown(minute, events=("zone 2: ALERT",)))

    lines = console.file.getvalue().splitlines()
    assert len(lines) == 8
    assert lines[-1].startswith("00:00 1440/1440 NORMAL EMERGENCY 49.981 Hz 228.4-254.9 V 92 %")
    assert "\x1b" not in console.file.getvalue()


def test_show__terminal__leaves_nothing_behind_but_the_cursor():
    console = _console(is_terminal=True)

    with DayView(console, "Sunny Sunday", 3) as view:
        for minute in range(3):
            view.show(shown(minute))

    assert "Sunny Sunday" in console.file.getvalue()


def test_picture__everything_at_once__fits_eighty_columns():
    console = _console(is_terminal=False)
    view = DayView(console, "Winter evening with cars and heat pumps", MINUTES)
    long = "zone 2: request 3 for 12.5 kW more feed-in or less draw, allocated at 0.180 coins " * 2
    for minute in range(9):
        view.show(shown(minute, events=(f"{minute} {long}",)))

    console.print(view.picture(shown(9)))

    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for part in ("zone 1 NORMAL", "zone 2 EMERGENCY", "49.981 Hz", "228.4 to 254.9 V", "-3.0 kW"):
        assert part in text
    # The newest six events stay, each on one line.
    assert [line[2:7] for line in lines if "request 3" in line] == [
        f"00:{minute:02d}" for minute in range(4, 10)
    ]


def test_picture__unmanaged__says_so():
    console = _console(is_terminal=False)

    console.print(DayView(console, "x", 1).picture(shown(states={})))

    assert "nobody manages the grid" in console.file.getvalue()


@pytest.mark.parametrize(
    ("values", "expected"),
    [((), ""), ((5, 5, 5), "▁▁▁"), ((0, 1, 2, 3, 4, 5, 6, 7), "▁▂▃▄▅▆▇█"), ((10, 0), "█▁")],
)
def test_trend__values__bars_between_lowest_and_highest(values, expected):
    assert trend(values) == expected


@pytest.mark.parametrize(
    ("pair", "expected"), [((229_000, 230_500), 229_000), ((228_000, 255_000), 255_000)]
)
def test_furthest__two_voltages__the_one_further_from_nominal(pair, expected):
    assert furthest(pair) == expected
