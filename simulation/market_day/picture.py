"""The picture of the day: energy, prices, voltages and money over 24 hours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from energy_grid.units import SLOTS_PER_HOUR
from simulation.market_day.report import DayReport

_WH_PER_KWH: Final = 1_000
_SIZE_INCHES: Final = (12, 13)
_DPI: Final = 130
_NOMINAL_VOLTS: Final = 400 / 3**0.5
_INK: Final = "#20303c"
_FAINT: Final = "#d9e0e5"
_GREEN: Final = "#2f9e5b"
_GREY: Final = "#9aa8b2"
_YELLOW: Final = "#eeb422"
_BLUE: Final = "#2b6cb0"
_RED: Final = "#c4453c"


def draw_day(report: DayReport, file: Path) -> None:
    """Write the picture as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        4, 1, figsize=_SIZE_INCHES, sharex=True, height_ratios=(1.25, 1, 0.7, 1)
    )
    _draw_energy(axes[0], report)
    _draw_prices(axes[1], report)
    _draw_voltages(axes[2], report)
    _draw_money(axes[3], report)
    for axis in axes:
        _dress(axis)
    axes[-1].set_xticks(range(0, len(report.hours) + 1, 2))
    axes[-1].set_xticklabels([f"{hour:02d}:00" for hour in range(0, len(report.hours) + 1, 2)])
    axes[-1].set_xlim(0, len(report.hours))
    axes[-1].set_xlabel("UTC", color=_INK)
    figure.suptitle(
        f"{report.homes} homes on SimBench {report.options.grid}, {report.options.day:%d %B %Y}",
        x=0.075,
        y=0.985,
        ha="left",
        fontsize=17,
        fontweight="bold",
        color=_INK,
    )
    verdict = (
        "Settled to the last Wh and the last token unit."
        if report.adds_up
        else "IT DOES NOT ADD UP: see the residuals."
    )
    figure.text(
        0.075,
        0.952,
        f"{report.energy_traded_wh / _WH_PER_KWH:,.0f} kWh traded between neighbours in "
        f"{report.trades:,} trades, {report.local_supply_share:.0%} of what homes drew from the "
        f"grid. {verdict}",
        fontsize=11,
        color=_INK,
    )
    figure.subplots_adjust(left=0.075, right=0.93, top=0.925, bottom=0.05, hspace=0.24)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=_DPI, metadata={"Software": None})
    pyplot.close(figure)


def _draw_energy(axis: Any, report: DayReport) -> None:
    hours = np.arange(len(report.hours)) + 0.5
    local = np.array([hour.local_wh for hour in report.hours]) / _WH_PER_KWH
    drawn = np.array([hour.imported_wh for hour in report.hours]) / _WH_PER_KWH
    fed_in = np.array([hour.exported_wh for hour in report.hours]) / _WH_PER_KWH
    axis.bar(hours, local, 0.82, color=_GREEN, label="drawn, bought from neighbours")
    axis.bar(hours, drawn - local, 0.82, bottom=local, color=_GREY, label="drawn, from the grid")
    axis.step(
        np.arange(len(report.hours) + 1),
        np.append(fed_in, fed_in[-1]),
        where="post",
        color=_YELLOW,
        linewidth=2.4,
        label="fed in by panels",
    )
    axis.set_ylabel("kWh an hour")
    axis.set_title("Energy at the homes' meters")
    axis.legend(loc="upper left", frameon=False, fontsize=9)
    axis.set_ylim(0, max(drawn.max(), fed_in.max()) * 1.12 or 1)


def _draw_prices(axis: Any, report: DayReport) -> None:
    unit = 10**report.unit_digits
    traded = np.array([hour.traded_wh for hour in report.hours]) / _WH_PER_KWH
    hours = np.arange(len(report.hours)) + 0.5
    volume = axis.twinx()
    volume.bar(hours, traded, 0.82, color=_GREEN, alpha=0.22, zorder=1)
    volume.set_ylabel("kWh traded", color=_GREEN)
    volume.tick_params(axis="y", colors=_GREEN, length=0)
    volume.set_ylim(0, (traded.max() or 1) * 2.2)
    volume.set_yticks([tick for tick in volume.get_yticks() if tick <= traded.max() * 1.1])
    for side in volume.spines.values():
        side.set_visible(False)
    axis.set_zorder(volume.get_zorder() + 1)
    axis.patch.set_visible(False)
    axis.axhline(report.retail_tariff / unit, color=_RED, linewidth=1.2, linestyle=(0, (5, 3)))
    axis.axhline(report.feed_in_tariff / unit, color=_YELLOW, linewidth=1.2, linestyle=(0, (5, 3)))
    axis.text(0.15, report.retail_tariff / unit, "retail tariff", va="bottom", color=_RED, size=9)
    axis.text(
        0.15, report.feed_in_tariff / unit, "feed-in tariff", va="bottom", color="#a67c00", size=9
    )
    priced = [hour for hour in report.hours if hour.price_mean is not None]
    if priced:
        at = [hour.hour + 0.5 for hour in priced]
        low = np.array([hour.price_low or 0 for hour in priced]) / unit
        mean = np.array([hour.price_mean or 0 for hour in priced]) / unit
        high = np.array([hour.price_high or 0 for hour in priced]) / unit
        axis.vlines(
            at, low, high, color=_BLUE, linewidth=6, alpha=0.25, label="lowest to highest price"
        )
        axis.plot(at, mean, "o-", color=_BLUE, markersize=5, linewidth=1.6, label="mean price")
        axis.legend(loc="upper right", frameon=False, fontsize=9, ncols=2)
    axis.set_ylim(0, report.retail_tariff / unit * 1.25)
    axis.set_ylabel("coins per kWh")
    axis.set_title("Prices of trades")


def _draw_voltages(axis: Any, report: DayReport) -> None:
    low = np.array(report.physics["voltage_min_millivolts_by_slot"]) / 1_000
    high = np.array(report.physics["voltage_max_millivolts_by_slot"]) / 1_000
    time = np.arange(len(low) + 1) / SLOTS_PER_HOUR
    axis.fill_between(
        time,
        np.append(low, low[-1]),
        np.append(high, high[-1]),
        step="post",
        color=_BLUE,
        alpha=0.3,
        linewidth=0,
    )
    axis.axhline(_NOMINAL_VOLTS, color=_INK, linewidth=0.9)
    axis.text(0.15, _NOMINAL_VOLTS, "nominal", va="bottom", size=9, color=_INK)
    axis.set_ylim(min(low.min(), _NOMINAL_VOLTS) - 2, max(high.max(), _NOMINAL_VOLTS) + 2)
    axis.set_ylabel("V to neutral")
    axis.set_title("Voltage, lowest to highest of all buses (limits ±10 %)")


def _draw_money(axis: Any, report: DayReport) -> None:
    unit = 10**report.unit_digits
    colors = {
        "paid to neighbours": _GREEN,
        "paid to the grid operator": _RED,
        "received from the grid operator": _YELLOW,
    }
    at = np.arange(len(report.hours) + 1)
    for name, values in report.cash_by_hour:
        line = np.append(0, np.array(values)) / unit
        axis.plot(at, line, color=colors[name], linewidth=2.2, label=name)
    axis.set_ylim(bottom=0)
    axis.set_ylabel("coins")
    axis.set_title("Money of the day, running total by hour of delivery")
    axis.legend(loc="upper left", frameon=False, fontsize=9)


def _dress(axis: Any) -> None:
    axis.title.set(color=_INK, fontsize=11.5, fontweight="bold", ha="left")
    axis.title.set_position((0, 1))
    axis.tick_params(colors=_INK, length=0, labelsize=9)
    axis.yaxis.label.set_color(_INK)
    axis.grid(axis="y", color=_FAINT, linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_color(_FAINT)
