"""The picture of one hour: supply and demand of every zone, its price, and the flows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from energy_grid.clearing.market import Step
from simulation.day_ahead.records import KWH_PER_MWH, TICKS_PER_EUR_MWH
from simulation.day_ahead.report import HourReport

_COLUMNS: Final = 3
_PANEL_INCHES: Final = (4.3, 3.5)
_DPI: Final = 130
_INK: Final = "#20303c"
_FAINT: Final = "#d9e0e5"
_BLUE: Final = "#2b6cb0"
_RED: Final = "#c4453c"
_GREEN: Final = "#2f9e5b"


def most_telling(hours: Sequence[HourReport]) -> HourReport:
    """The hour with most different prices; of several the one that traded most across links."""

    def rank(hour: HourReport) -> tuple[int, int]:
        prices = {zone.price for zone in hour.outcome.zones}
        return len(prices), sum(abs(flow) for flow in hour.proposal.flows)

    return max(hours, key=rank)


def draw_hour(report: HourReport, file: Path) -> None:
    """Write the picture as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    zones = len(report.outcome.zones)
    panels = zones + 1
    rows = -(-panels // _COLUMNS)
    figure, axes = pyplot.subplots(
        rows,
        _COLUMNS,
        figsize=(_COLUMNS * _PANEL_INCHES[0], rows * _PANEL_INCHES[1] + 1.0),
        squeeze=False,
    )
    flat = list(axes.flat)
    window = _price_window(report)
    for zone in range(zones):
        _draw_zone(flat[zone], report, zone, window)
    _draw_links(flat[zones], report)
    for unused in flat[panels:]:
        unused.set_visible(False)
    _title(figure, report)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.85 / figure.get_figheight()))
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=_DPI, metadata={"Software": None})
    pyplot.close(figure)


def _title(figure: Any, report: HourReport) -> None:
    height = figure.get_figheight()
    figure.text(
        0.02,
        1 - 0.36 / height,
        f"Day-ahead market, {report.hour.key}",
        fontsize=17,
        fontweight="bold",
        color=_INK,
    )
    prices = len({zone.price for zone in report.outcome.zones})
    exact = sum(report.is_exact)
    figure.text(
        0.02,
        1 - 0.68 / height,
        f"{prices} different prices in {len(report.outcome.zones)} zones, proven in one "
        f"transaction of {report.gas:,} gas; the published price is the proven one in {exact}, "
        f"{report.refusals.total()} false outcomes refused.",
        fontsize=10.5,
        color=_INK,
    )


def _price_window(report: HourReport) -> tuple[float, float]:
    """Prices to show: around those of the hour, for curves reach from -500 to 4,000."""
    prices = [zone.price / TICKS_PER_EUR_MWH for zone in report.outcome.zones]
    margin = max(40.0, 0.6 * (max(prices) - min(prices)))
    return min(prices) - margin, max(prices) + margin


def _draw_zone(axis: Any, report: HourReport, zone: int, window: tuple[float, float]) -> None:
    market_zone, outcome = report.hour.market.zones[zone], report.outcome.zones[zone]
    published = report.hour.published_prices[zone] / TICKS_PER_EUR_MWH
    price = outcome.price / TICKS_PER_EUR_MWH
    low, high = (
        ends[zone] / TICKS_PER_EUR_MWH for ends in (report.proposal.low, report.proposal.high)
    )
    last = report.hour.market.highest_price, report.hour.market.lowest_price
    for steps, end, color, label in (
        (market_zone.sells, last[0], _BLUE, "supply"),
        (market_zone.buys, last[1], _RED, "demand"),
    ):
        energies, prices = _outline(steps, end)
        axis.plot(energies, prices, color=color, linewidth=1.8, label=label)
    if high > low:
        axis.axhspan(low, high, color=_GREEN, alpha=0.15, linewidth=0, label="valid prices")
    axis.axhline(price, color=_GREEN, linewidth=1.4, label="proven price")
    sold, bought = outcome.sold / KWH_PER_MWH, outcome.bought / KWH_PER_MWH
    axis.plot([sold], [price], "o", color=_BLUE, markersize=5)
    axis.plot([bought], [price], "o", color=_RED, markersize=5)
    if sold != bought:
        axis.annotate(
            "",
            (sold, price),
            (bought, price),
            arrowprops={"arrowstyle": "<->", "color": _INK, "linewidth": 1.3},
        )
    direction = "exports" if outcome.net_export >= 0 else "imports"
    axis.set_title(
        f"{market_zone.name}  {price:,.2f}"
        + ("" if published == price else f"  (published {published:,.2f})")
        + f"\n{direction} {abs(outcome.net_export) / KWH_PER_MWH:,.0f} MWh"
    )
    axis.set_ylim(window)
    axis.set_xlim(0, 1.35 * max(sold, bought, 1))
    axis.set_xlabel("MWh")
    axis.set_ylabel("EUR/MWh")
    _dress(axis)
    if zone == 0:
        axis.legend(loc="lower right", frameon=True, framealpha=0.85, edgecolor="none", fontsize=8)


def _outline(steps: Sequence[Step], last_price: int) -> tuple[Any, Any]:
    """Corners of a step curve: energy so far against price, drawn on to the end of the range."""
    energies, prices, total = [0.0], [], 0.0
    for step in steps:
        price = step.price / TICKS_PER_EUR_MWH
        prices += [price, price]
        total += step.energy / KWH_PER_MWH
        energies += [total, total]
    prices.append(last_price / TICKS_PER_EUR_MWH)
    return np.array(energies), np.array(prices)


def _draw_links(axis: Any, report: HourReport) -> None:
    """Every link's flow within its bounds; full links are dark."""
    market = report.hour.market
    names = [zone.name for zone in market.zones] + [border.name for border in market.borders]
    bars: list[tuple[str, float, float]] = []
    for link, flow in zip(market.links, report.proposal.flows, strict=True):
        if link.back + link.forward == 0:
            continue
        capacity = link.forward if flow >= 0 else link.back
        start, end = (link.start, link.end) if flow >= 0 else (link.end, link.start)
        used = abs(flow) / capacity if capacity else 1.0
        bars.append((f"{names[start]} to {names[end]}", used, abs(flow) / KWH_PER_MWH))
    bars.reverse()
    places = np.arange(len(bars))
    colors = [_INK if used == 1 else "#9aa8b2" for _, used, _ in bars]
    axis.barh(places, [100 * used for _, used, _ in bars], color=colors, height=0.62)
    size = 9 if len(bars) <= 8 else 6
    for place, (_, used, flow_mwh) in zip(places, bars, strict=True):
        axis.text(100 * used + 2, place, f"{flow_mwh:,.0f} MWh", va="center", size=size, color=_INK)
    axis.set_yticks(places, [name for name, _, _ in bars])
    axis.set_xlim(0, 145)
    axis.set_xticks([0, 50, 100])
    axis.set_xlabel("% of capacity")
    axis.set_title("Flows\nfull links are dark")
    _dress(axis, along="x")
    axis.tick_params(axis="y", labelsize=size)


def _dress(axis: Any, along: str = "y") -> None:
    axis.title.set(color=_INK, fontsize=10.5, fontweight="bold", ha="left")
    axis.title.set_position((0, 1))
    axis.tick_params(colors=_INK, length=0, labelsize=9)
    axis.xaxis.label.set_color(_INK)
    axis.yaxis.label.set_color(_INK)
    axis.grid(axis=along, color=_FAINT, linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_color(_FAINT)
