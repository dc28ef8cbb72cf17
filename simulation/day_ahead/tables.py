"""The replay as a reader sees it in the terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulation.day_ahead.hours import Borders
from simulation.day_ahead.records import TICKS_PER_EUR_MWH
from simulation.day_ahead.report import HourReport, ReplayReport

_PRICE_DIGITS = Decimal("0.01")


def print_report(console: Console, report: ReplayReport) -> None:
    """Print prices, refusals and gas, the summary last so that it stays on screen."""
    console.print(price_table(report.hours))
    console.print(refusal_table(report))
    console.print(gas_table(report))
    console.print(summary(report))


def price_table(hours: Sequence[HourReport]) -> Table:
    """Published against proven price, one line for each zone and group of hours of a day."""
    table = _table("Prices, EUR/MWh")
    table.caption = (
        "published, proven: means of the day; off: largest difference of an hour; equal, inside: "
        "hours whose published price is the proven one, or lies in the proven interval; flows: "
        "hours whose net exports are the published ones, to 1 kWh"
    )
    table.add_column("day", no_wrap=True)
    table.add_column("zone", no_wrap=True)
    for heading in ("published", "proven", "off", "equal", "inside", "flows"):
        table.add_column(heading, justify="right", no_wrap=True)
    days: dict[str, list[HourReport]] = defaultdict(list)
    for hour in hours:
        days[hour.hour.key.day.isoformat()].append(hour)
    for day, of_day in days.items():
        for line in _day_lines(of_day):
            table.add_row(day, *line)
            day = ""
        table.add_section()
    return table


def _day_lines(hours: Sequence[HourReport]) -> list[tuple[str, ...]]:
    zones: dict[str, list[tuple[HourReport, int]]] = defaultdict(list)
    for hour in hours:
        for number, zone in enumerate(hour.hour.market.zones):
            zones[zone.name].append((hour, number))
    matching = [hour.matches_flows for hour in hours]
    known = [match for match in matching if match is not None]
    lines: list[tuple[str, ...]] = []
    for name, places in zones.items():
        published = [hour.hour.published_prices[number] for hour, number in places]
        proven = [hour.outcome.zones[number].price for hour, number in places]
        lines.append(
            (
                name,
                _price(Decimal(sum(published)) / len(published)),
                _price(Decimal(sum(proven)) / len(proven)),
                _price(Decimal(max(abs(a - b) for a, b in zip(published, proven, strict=True)))),
                f"{sum(hour.is_exact[number] for hour, number in places)}/{len(places)}",
                f"{sum(hour.is_inside[number] for hour, number in places)}/{len(places)}",
                f"{sum(known)}/{len(known)}" if not lines and known else "",
            )
        )
    return lines


def refusal_table(report: ReplayReport) -> Table:
    """False outcomes by kind, and by which error they were refused."""
    table = _table("False outcomes tried in every hour")
    table.add_column("what was false", no_wrap=True)
    table.add_column("tried", justify="right")
    table.add_column("refused", justify="right")
    table.add_column("by")
    errors: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    accepted: dict[str, int] = defaultdict(int)
    for hour in report.hours:
        for (kind, error), count in hour.refusals.items():
            errors[kind][error] += count
        for kind in hour.accepted:
            accepted[kind] += 1
    for kind in sorted({*errors, *accepted}):
        refused = sum(errors[kind].values())
        table.add_row(
            kind,
            f"{refused + accepted[kind]:,}",
            f"{refused:,}",
            ", ".join(sorted(errors[kind], key=lambda error: -errors[kind][error])),
            style="bold red" if accepted[kind] else "",
        )
    return table


def gas_table(report: ReplayReport) -> Table:
    """Gas of the clearing transactions."""
    table = _table("Gas of clearing an hour")
    table.add_column("")
    for heading in ("hours", "least", "median", "most"):
        table.add_column(heading, justify="right")
    single = [hour for hour in report.hours if hour.proposal.interval is None]
    several = [hour for hour in report.hours if hour.proposal.interval is not None]
    fresh = [hour.gas_fresh for hour in report.hours if hour.gas_fresh is not None]
    for name, gas in (
        ("storage used before", [hour.gas for hour in report.hours]),
        ("  only one price valid", [hour.gas for hour in single]),
        ("  interval of prices", [hour.gas for hour in several]),
        ("storage never used", fresh),
    ):
        if gas:
            ordered = sorted(gas)
            table.add_row(
                name,
                f"{len(gas):,}",
                f"{ordered[0]:,}",
                f"{ordered[len(gas) // 2]:,}",
                f"{ordered[-1]:,}",
            )
    return table


def summary(report: ReplayReport) -> Panel:
    """What was shown, in a few lines."""
    figures = report.as_json()
    known = {
        Borders.EXCHANGES: "published exchanges with borders are fixed",
        Borders.PRICES: "borders take and give at their published prices",
    }[report.variant]
    text = Text.assemble(
        (f"{figures['hours']} hours, {figures['zone_hours']:,} zone-hours proven on chain", "bold"),
        f"; {known}\n",
        f"published price inside the proven interval  {figures['inside']:,} of "
        f"{figures['zone_hours']:,}\n",
        f"equal where only one price is valid         {figures['exact_unique']:,} of "
        f"{figures['unique']:,}\n",
        (
            ""
            if figures["hours_matching_flows"] is None
            else f"net exports as the published flows          "
            f"{figures['hours_matching_flows']} of {figures['hours']} hours\n"
        ),
        f"false outcomes refused                      {figures['mutants_rejected']:,} of "
        f"{figures['mutants']:,}\n",
        f"gas an hour                                 median {figures['gas_median']:,}, "
        f"most {figures['gas_max']:,}\n",
        f"time                                        {figures['seconds']:g} s",
    )
    return Panel(text, border_style="green" if report.is_sound else "red", expand=False)


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )


def _price(ticks: Decimal) -> str:
    return f"{(ticks / TICKS_PER_EUR_MWH).quantize(_PRICE_DIGITS):,}"
