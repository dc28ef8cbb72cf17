"""The picture of the day: energy, trades, prices by zone, the line, voltages, money."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from energy_grid.units import SLOTS_PER_HOUR
from simulation.market_day.report import DayReport

_WH_PER_KWH: Final = 1_000
_SIZE_INCHES: Final = (12, 20)
_DPI: Final = 130
_NOMINAL_VOLTS: Final = 400 / 3**0.5
_INK: Final = "#20303c"
_FAINT: Final = "#d9e0e5"
_GREEN: Final = "#2f9e5b"
_GREY: Final = "#9aa8b2"
_YELLOW: Final = "#eeb422"
_BLUE: Final = "#2b6cb0"
_RED: Final = "#c4453c"
_ORANGE: Final = "#dd7a1f"
_ZONE_COLORS: Final = (_BLUE, _ORANGE)


def draw_day(report: DayReport, file: Path) -> None:
    """Write the picture as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        7, 1, figsize=_SIZE_INCHES, sharex=True, height_ratios=(1.2, 1, 0.9, 0.9, 0.6, 0.6, 0.9)
    )
    _draw_energy(axes[0], report)
    _draw_trades(axes[1], report)
    _draw_hour_prices(axes[2], report)
    _draw_quarter_prices(axes[3], report)
    _draw_line(axes[4], report)
    _draw_voltages(axes[5], report)
    _draw_money(axes[6], report)
    for axis in axes:
        _dress(axis)
    axes[-1].set_xticks(range(0, len(report.hours) + 1, 2))
    axes[-1].set_xticklabels([f"{hour:02d}:00" for hour in range(0, len(report.hours) + 1, 2)])
    axes[-1].set_xlim(0, len(report.hours))
    axes[-1].set_xlabel("UTC", color=_INK)
    figure.suptitle(
        f"{report.homes} homes on SimBench {report.options.grid}, {report.options.day:%d %B %Y}",
        x=0.075,
        y=0.99,
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
        0.949,
        f"{report.energy_traded_wh / _WH_PER_KWH:,.0f} kWh traded between neighbours of two zones, "
        f"{report.auctions.energy_wh / _WH_PER_KWH:,.0f} of them in {report.auctions.traded} "
        f"auctions.\nNeighbours supplied {report.local_supply_share:.0%} of what homes drew. "
        f"{verdict}",
        fontsize=11,
        linespacing=1.5,
        color=_INK,
    )
    figure.subplots_adjust(left=0.075, right=0.93, top=0.927, bottom=0.032, hspace=0.28)
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


def _draw_trades(axis: Any, report: DayReport) -> None:
    hours = np.arange(len(report.hours)) + 0.5
    bottom = np.zeros(len(report.hours))
    kinds = (
        ("hour_auction_wh", "in the auction of the hour", _BLUE),
        ("quarter_auction_wh", "in the auctions of its quarter hours", "#8bb8e0"),
        ("matched_wh", "continuously, after the auctions", _GREEN),
    )
    for name, label, color in kinds:
        energy = np.array([getattr(hour, name) for hour in report.hours]) / _WH_PER_KWH
        axis.bar(hours, energy, 0.82, bottom=bottom, color=color, label=label)
        bottom += energy
    axis.set_ylim(0, bottom.max() * 1.12 or 1)
    axis.set_ylabel("kWh an hour")
    axis.set_title("Energy traded, by hour of delivery")
    axis.legend(loc="upper left", frameon=False, fontsize=9)


def _draw_hour_prices(axis: Any, report: DayReport) -> None:
    by_zone = [
        [line.hour_price for line in report.auctions.prices_of(zone)] for zone in report.tariffs
    ]
    _draw_prices(axis, report, by_zone, 1)
    axis.set_title("Prices of the auctions of hours; red where the line is full and they part")


def _draw_quarter_prices(axis: Any, report: DayReport) -> None:
    by_zone = [
        [price for line in report.auctions.prices_of(zone) for price in line.quarter_prices]
        for zone in report.tariffs
    ]
    unit = 10**report.unit_digits
    matched = [hour for hour in report.hours if hour.matched_mean is not None]
    axis.plot(
        [hour.hour + 0.5 for hour in matched],
        [(hour.matched_mean or 0) / unit for hour in matched],
        "o",
        color=_GREEN,
        markersize=5,
        label="continuous, mean of the hour",
    )
    _draw_prices(axis, report, by_zone, SLOTS_PER_HOUR)
    axis.set_title(
        "Prices of the auctions of quarter hours; red where the line is full and they part"
    )


def _draw_prices(
    axis: Any, report: DayReport, by_zone: Sequence[Sequence[int | None]], per_hour: int
) -> None:
    """A step an auction, a gap where nothing was traded; the second zone's line is the wide one."""
    unit = 10**report.unit_digits
    tariffs = report.tariffs.values()
    sides = ((0.15, "left"), (len(report.hours) - 0.15, "right"))
    steps = []
    for number, (zone, tariff) in enumerate(report.tariffs.items()):
        color, (x, align) = _ZONE_COLORS[number], sides[number]
        for price, name in ((tariff.retail, "retail"), (tariff.feed_in, "feed-in")):
            axis.axhline(price / unit, color=color, linewidth=1, linestyle=(0, (5, 3)), alpha=0.6)
            text = f"{name} tariff, zone {zone}"
            axis.text(x, price / unit, text, va="bottom", ha=align, color=color, size=8)
        prices = by_zone[number]
        values = np.array([np.nan if price is None else price / unit for price in prices])
        steps.append(np.append(values, values[-1]))
        axis.step(
            np.arange(len(steps[-1])) / per_hour,
            steps[-1],
            where="post",
            color=color,
            linewidth=(1.4, 4.5)[number],
            alpha=(1, 0.55)[number],
            zorder=3 - number,
            label=f"zone {zone}",
        )
    axis.fill_between(
        np.arange(len(steps[0])) / per_hour, *steps, step="post", color=_RED, alpha=0.3, linewidth=0
    )
    shown = [step[~np.isnan(step)].max(initial=0) for step in steps]
    axis.set_ylim(0, max(*shown, *(tariff.retail / unit for tariff in tariffs)) * 1.22)
    axis.set_ylabel("coins per kWh")
    axis.legend(loc="upper right", frameon=False, fontsize=9, ncols=3)


def _draw_line(axis: Any, report: DayReport) -> None:
    first, second = report.tariffs
    line = report.line
    power_kw = np.array(line.flow_wh) * SLOTS_PER_HOUR / _WH_PER_KWH
    limit_kw = line.capacity_w / _WH_PER_KWH
    at = np.arange(len(power_kw)) / SLOTS_PER_HOUR
    axis.bar(at, power_kw, 1 / SLOTS_PER_HOUR, align="edge", color=_ORANGE, alpha=0.75, linewidth=0)
    goes_back = bool(power_kw.min() < 0)
    for limit in (limit_kw, -limit_kw)[: 1 + goes_back]:
        axis.axhline(limit, color=_RED, linewidth=1.2, linestyle=(0, (5, 3)))
    axis.text(0.15, limit_kw, "what the market may send", va="bottom", size=9, color=_RED)
    axis.axhline(0, color=_INK, linewidth=0.8)
    axis.set_ylim(-limit_kw * 1.35 if goes_back else 0, limit_kw * 1.35)
    axis.set_ylabel("kW")
    axis.set_title(
        f"Flow over the line that the auctions agreed: from zone {first} to zone {second}"
        + ", below 0 the other way" * goes_back
    )


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
