"""Before and after: the same day without and with grid management, one above the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from simulation.grid_day.trace import STATES, Trace, gravity

_SIZE_INCHES: Final = (11, 9)
_DPI: Final = 90
_INK: Final = "#20303c"
_FAINT: Final = "#d9e0e5"
_BEFORE: Final = "#c4453c"
_AFTER: Final = "#2b6cb0"
_LIMIT: Final = "#8a97a0"
_STATE_COLORS: Final = ("#2f9e5b", "#eeb422", "#c4453c", "#3b1f2b", "#3aa6b9")
"""In the order of the states' numbers."""

_VOLTAGE_LIMITS: Final = (207.0, 253.0)
"""EN 50160: 230 V and 10 % either way."""
_FREQUENCY_LIMITS: Final = (49.8, 50.2)
_HOUR: Final = 3_600
_TICKS: Final = 8


def draw_before_and_after(
    title: str, subtitle: str, without: Trace, with_management: Trace, file: Path
) -> None:
    """Write the picture as PNG.

    Args:
        title: of the scenario.
        subtitle: what came of it, a line or two.
        without: the day without management.
        with_management: the same day with it.
        file: where to.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        4, 1, figsize=_SIZE_INCHES, sharex=True, height_ratios=(1.25, 1, 1, 0.4)
    )
    hours = np.array(with_management.unix, dtype=np.float64) / _HOUR
    _draw_voltages(axes[0], hours, without, with_management)
    _draw_loading(axes[1], hours, without, with_management)
    _draw_frequency(axes[2], hours, without, with_management)
    _draw_states(axes[3], hours, with_management)
    for axis in axes:
        _dress(axis)
    _label_time(axes[-1], hours)
    figure.suptitle(title, x=0.08, y=0.985, ha="left", fontsize=16, fontweight="bold", color=_INK)
    figure.text(0.08, 0.945, subtitle, fontsize=10, va="top", linespacing=1.5, color=_INK)
    figure.subplots_adjust(left=0.08, right=0.97, top=0.86, bottom=0.06, hspace=0.2)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=_DPI, metadata={"Software": None})
    pyplot.close(figure)


def _draw_voltages(axis: Any, hours: Any, without: Trace, after: Trace) -> None:
    for trace, color, name in ((without, _BEFORE, "without"), (after, _AFTER, "with management")):
        low = _supplied(trace.lowest_millivolts)
        high = _supplied(trace.highest_millivolts)
        axis.fill_between(hours, low, high, color=color, alpha=0.25, linewidth=0)
        axis.plot(hours, low, color=color, linewidth=0.8)
        axis.plot(hours, high, color=color, linewidth=0.8, label=f"all buses, {name}")
    _limits(axis, _VOLTAGE_LIMITS)
    axis.set_ylabel("volts", color=_INK)
    axis.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncol=2,
        fontsize=9,
        frameon=False,
        borderaxespad=0.1,
    )


def _draw_loading(axis: Any, hours: Any, without: Trace, after: Trace) -> None:
    for trace, color, name in ((without, _BEFORE, "without"), (after, _AFTER, "with management")):
        percent = np.array(trace.loading_bps) / 100
        axis.plot(hours, percent, color=color, linewidth=1.0, label=name)
    _limits(axis, (100.0,))
    axis.set_ylim(bottom=0)
    axis.set_ylabel("worst line, %", color=_INK)


def _draw_frequency(axis: Any, hours: Any, without: Trace, after: Trace) -> None:
    for trace, color in ((without, _BEFORE), (after, _AFTER)):
        low = _lit(trace.lowest_millihz)
        high = _lit(trace.highest_millihz)
        axis.fill_between(hours, low, high, color=color, alpha=0.35, linewidth=0)
        axis.plot(hours, low, color=color, linewidth=0.9)
    _limits(axis, _FREQUENCY_LIMITS)
    axis.set_ylabel("hertz", color=_INK)
    axis.ticklabel_format(useOffset=False)


def _draw_states(axis: Any, hours: Any, after: Trace) -> None:
    """The gravest state as a band, and below it how many zones are in each."""
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    zones = sorted({zone for states in after.states for zone in states})
    rows = np.array(
        [[states.get(zone, 0) for states in after.states] for zone in zones], dtype=np.int64
    )
    if not rows.size:
        return
    axis.imshow(
        rows,
        aspect="auto",
        interpolation="nearest",
        extent=(hours[0], hours[-1], len(zones), 0),
        cmap=ListedColormap(_STATE_COLORS),
        norm=BoundaryNorm(np.arange(len(STATES) + 1) - 0.5, len(STATES)),
    )
    axis.set_yticks(np.arange(len(zones)) + 0.5)
    axis.set_yticklabels([f"zone {zone}" for zone in zones], fontsize=7)
    seen = sorted({int(state) for state in rows.flatten()}, key=gravity)
    axis.legend(
        handles=[Patch(color=_STATE_COLORS[state], label=STATES[state].lower()) for state in seen],
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncol=len(seen),
        fontsize=8,
        frameon=False,
        borderaxespad=0.1,
    )


def _supplied(millivolts: Sequence[int]) -> Any:
    """Volts; nothing is drawn where no bus is supplied."""
    values = np.array(millivolts, dtype=np.float64) / 1_000
    values[values == 0] = np.nan
    return values


def _lit(millihz: Sequence[int]) -> Any:
    values = np.array(millihz, dtype=np.float64) / 1_000
    values[values == 0] = np.nan
    return values


def _limits(axis: Any, values: Sequence[float]) -> None:
    for value in values:
        axis.axhline(value, color=_LIMIT, linewidth=1.0, linestyle=(0, (4, 3)))


def _label_time(axis: Any, hours: Any) -> None:
    span = hours[-1] - hours[0]
    step = next((s for s in (0.25, 0.5, 1, 2, 3, 6, 12) if span / s <= _TICKS + 4), 24)
    first = np.ceil(hours[0] / step) * step
    ticks = np.arange(first, hours[-1] + 1e-9, step)
    axis.set_xticks(ticks)
    axis.set_xticklabels([f"{datetime.fromtimestamp(t * _HOUR, UTC):%H:%M}" for t in ticks])
    axis.set_xlim(hours[0], hours[-1])
    axis.set_xlabel("UTC", color=_INK)


def _dress(axis: Any) -> None:
    axis.grid(True, axis="y", color=_FAINT, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(colors=_INK, labelsize=9)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_color(_FAINT)
