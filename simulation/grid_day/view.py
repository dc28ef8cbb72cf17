"""The day while it runs: state, frequency, voltages, lines and events in 80 columns.

On a terminal the picture is redrawn in place; anywhere else a line is written every few hours of
the simulated day, and nothing more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

WIDTH: Final = 80
_REFRESH_A_SECOND: Final = 8
_LINES_A_DAY: Final = 8
_EVENTS_SHOWN: Final = 6
_TREND_POINTS: Final = 30
_BARS: Final = "▁▂▃▄▅▆▇█"
_STATE_STYLE: Final = {
    "NORMAL": "bold green",
    "ALERT": "bold yellow",
    "EMERGENCY": "bold red",
    "BLACKOUT": "bold white on red",
    "RESTORATION": "bold cyan",
}

NOMINAL_MILLIHZ: Final = 50_000
_FREQUENCY_BAND_MILLIHZ: Final = 200
_NOMINAL_MILLIVOLTS: Final = 230_000
_VOLTAGE_BAND_PERCENT: Final = 10
_FULL_LOADING_BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Shown:
    """One minute of the day, as the view wants it.

    Attributes:
        at: unix time.
        states: name of the state by zone; empty where nobody manages the grid.
        frequency_millihz: lowest frequency of the minute.
        voltage_millivolts: lowest and highest voltage in the grid.
        line_loading_bps: highest loading of a line or transformer.
        curtailed_w: feed-in that is held back.
        dispatched_w: flexibility that is called, positive: more feed-in or less draw.
        events: what happened in this minute, for people.
    """

    at: int
    states: Mapping[int, str]
    frequency_millihz: int
    voltage_millivolts: tuple[int, int]
    line_loading_bps: int
    curtailed_w: int
    dispatched_w: int
    events: Sequence[str] = ()


class DayView:
    """Shows minutes as they pass.

    Args:
        console: where to.
        title: of the scenario.
        minutes: how many there will be.
    """

    def __init__(self, console: Console, title: str, minutes: int) -> None:
        self._console = console
        self._title = title
        self._minutes = minutes
        self._done = 0
        self._events: deque[tuple[int, str]] = deque(maxlen=_EVENTS_SHOWN)
        self._trends: dict[str, deque[int]] = {
            name: deque(maxlen=_TREND_POINTS) for name in ("frequency", "voltage", "loading")
        }
        self._live: Live | None = None
        self._every = max(minutes // _LINES_A_DAY, 1)

    def __enter__(self) -> DayView:
        if self._console.is_terminal:
            self._live = Live(
                console=self._console, refresh_per_second=_REFRESH_A_SECOND, transient=True
            )
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, traceback)
            self._live = None

    def show(self, minute: Shown) -> None:
        """A minute has passed."""
        self._done += 1
        self._events.extend((minute.at, event) for event in minute.events)
        self._trends["frequency"].append(minute.frequency_millihz)
        self._trends["voltage"].append(furthest(minute.voltage_millivolts))
        self._trends["loading"].append(minute.line_loading_bps)
        if self._live is not None:
            self._live.update(self.picture(minute))
        elif self._done % self._every == 0 or self._done == self._minutes:
            self._console.print(self.line(minute), soft_wrap=True, highlight=False)

    def line(self, minute: Shown) -> str:
        """One minute as one line, for logs."""
        low, high = minute.voltage_millivolts
        return (
            f"{clock(minute.at)} {self._done:>4}/{self._minutes} "
            f"{' '.join(minute.states.values()) or 'unmanaged'} "
            f"{minute.frequency_millihz / 1_000:.3f} Hz "
            f"{low / 1_000:.1f}-{high / 1_000:.1f} V {minute.line_loading_bps / 100:.0f} % "
            f"curtailed {minute.curtailed_w / 1_000:.1f} kW"
        )

    def picture(self, minute: Shown) -> Panel:
        """One minute as a panel of 80 columns."""
        progress = Table.grid(padding=(0, 1))
        progress.add_row(
            Text(f"{clock(minute.at)} UTC", style="bold"),
            ProgressBar(total=self._minutes, completed=self._done, width=40),
            f"{self._done:,}/{self._minutes:,} minutes",
        )
        return Panel(
            Group(progress, self._states(minute), self._quantities(minute), self._happened()),
            title=self._title,
            title_align="left",
            width=WIDTH,
        )

    def _states(self, minute: Shown) -> Text:
        text = Text("state      ", style="dim")
        if not minute.states:
            text.append("nobody manages the grid", style="italic")
        for zone, state in minute.states.items():
            text.append(f"zone {zone} ", style="default")
            text.append(f"{state:<12}", style=_STATE_STYLE.get(state, ""))
        return text

    def _quantities(self, minute: Shown) -> Table:
        low, high = minute.voltage_millivolts
        limit = _NOMINAL_MILLIVOLTS * _VOLTAGE_BAND_PERCENT // 100
        rows = (
            (
                "frequency",
                f"{minute.frequency_millihz / 1_000:.3f} Hz",
                abs(minute.frequency_millihz - NOMINAL_MILLIHZ) <= _FREQUENCY_BAND_MILLIHZ,
            ),
            (
                "voltage",
                f"{low / 1_000:.1f} to {high / 1_000:.1f} V",
                abs(furthest(minute.voltage_millivolts) - _NOMINAL_MILLIVOLTS) <= limit,
            ),
            (
                "loading",
                f"worst line {minute.line_loading_bps / 100:.0f} %",
                minute.line_loading_bps <= _FULL_LOADING_BPS,
            ),
        )
        table = Table.grid(padding=(0, 1))
        table.add_column(style="dim", width=10)
        table.add_column(width=22)
        table.add_column(width=_TREND_POINTS, no_wrap=True)
        for name, text, good in rows:
            style = "green" if good else "bold red"
            table.add_row(name, Text(text, style=style), Text(trend(self._trends[name])))
        table.add_row(
            "actions",
            f"{minute.dispatched_w / 1_000:+.1f} kW called",
            f"{minute.curtailed_w / 1_000:.1f} kW held back",
        )
        return table

    def _happened(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(style="dim", width=5)
        table.add_column(width=WIDTH - 11, no_wrap=True, overflow="ellipsis")
        events = [*self._events]
        for at, event in events:
            table.add_row(clock(at), event)
        for _ in range(_EVENTS_SHOWN - len(events)):
            table.add_row("", "")
        return table


def clock(unix: int) -> str:
    """Hour and minute of the day, UTC."""
    return f"{datetime.fromtimestamp(unix, UTC):%H:%M}"


def furthest(voltage_millivolts: tuple[int, int]) -> int:
    """The one of two voltages that is further from nominal."""
    return max(voltage_millivolts, key=lambda value: abs(value - _NOMINAL_MILLIVOLTS))


def trend(values: Sequence[int]) -> str:
    """Values as a row of small bars, between their own lowest and highest."""
    if not values:
        return ""
    low, high = min(values), max(values)
    if low == high:
        return _BARS[0] * len(values)
    steps = len(_BARS) - 1
    return "".join(_BARS[(value - low) * steps // (high - low)] for value in values)
