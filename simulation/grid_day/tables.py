"""A scenario as a reader sees it in the terminal, in 80 columns."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulation.grid_day.report import GridDayReport, reduction_percent
from simulation.market_day.residuals import Kind, total
from simulation.tables import plain_table, residual_table

_NAMES = {
    "voltage_minutes": "outside EN 50160 voltage, minutes",
    "overload_minutes": "a line above its rating, minutes",
    "frequency_seconds": "outside 49.8 to 50.2 Hz, seconds",
}


def print_report(console: Console, report: GridDayReport) -> None:
    """Print all tables, the summary last so that it stays on screen."""
    console.print(gas_table(report))
    console.print(residual_table(report.residuals))
    console.print(comparison_table(report))
    console.print(summary(report))


def comparison_table(report: GridDayReport) -> Table:
    """The same day without and with management."""
    table = plain_table(f"{report.title}: the same day twice")
    table.add_column("", no_wrap=True)
    for heading in ("without", "with", "less"):
        table.add_column(heading, justify="right", no_wrap=True)
    failed = {failure.split(":")[0] for failure in report.failures}
    for name, without, managed in report.violations:
        less = reduction_percent(without, managed)
        good = name not in failed
        table.add_row(
            _NAMES[name],
            f"{without:,}",
            Text(f"{managed:,}", style="green" if good else "bold red"),
            "–" if less is None else f"{less:.1f} %",
        )
    before, after = report.without, report.managed
    table.add_section()
    for name, attribute, unit in (
        ("lowest frequency", "nadir_millihz", "Hz"),
        ("highest frequency", "zenith_millihz", "Hz"),
        ("feed-in held back or lost", "curtailed_wh", "kWh"),
        ("demand not served", "unserved_wh", "kWh"),
    ):
        table.add_row(
            name,
            f"{getattr(before, attribute) / 1_000:,.3f} {unit}",
            f"{getattr(after, attribute) / 1_000:,.3f} {unit}",
            "",
        )
    table.add_section()
    for name, attribute in (
        ("flexibility paid", "flexibility"),
        ("penalties of who did not deliver", "penalties"),
        ("feed-in held back, at its tariff", "curtailed"),
        ("demand not served, at the price cap", "unserved"),
        ("cost", "total"),
    ):
        table.add_row(
            name,
            f"{_coins(getattr(report.costs_without, attribute), report)} coins",
            f"{_coins(getattr(report.costs, attribute), report)} coins",
            "",
            style="bold" if attribute == "total" else "",
        )
    return table


def gas_table(report: GridDayReport) -> Table:
    """Gas by operation."""
    table = plain_table("Gas")
    table.add_column("operation")
    for heading in ("transactions", "median", "max"):
        table.add_column(heading, justify="right")
    for name, use in report.gas.items():
        table.add_row(name, f"{use.n:,}", f"{use.median:,}", f"{use.maximum:,}")
    return table


def summary(report: GridDayReport) -> Panel:
    """The scenario in a few lines."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", justify="right")
    grid.add_column(overflow="fold")
    flex = report.dispatches
    states = ", ".join(
        f"{name.lower()} {minutes:,}" for name, minutes in report.minutes_by_state.items()
    )
    grid.add_row("states", f"minutes: {states}")
    grid.add_row(
        "flexibility",
        f"{flex.requests} requests, {flex.allocated} allocated, "
        f"{_kwh(flex.delivered_wh)} of {_kwh(flex.promised_wh)} kWh delivered",
    )
    grid.add_row(
        "from value",
        f"set-points in {report.setpoint_blocks} block(s), "
        + (f"dispatches in {max(flex.blocks)} at most" if flex.blocks else "no dispatch"),
    )
    grid.add_row(
        "chain",
        f"{report.rounds:,} rounds, {report.setpoints_read:,} set-points read, "
        f"{report.gas_per_step:,} gas a minute",
    )
    grid.add_row(
        "market",
        f"{report.halts} halts pushed, {report.limited_lines} capacities of lines set",
    )
    money, energy = total(report.residuals, Kind.MONEY), total(report.residuals, Kind.ENERGY)
    text = Text(f"money {money} units, energy {energy} Wh")
    text.stylize("bold green" if report.adds_up else "bold red")
    grid.add_row("residuals", text)
    for failure in report.failures:
        grid.add_row("not reached", Text(failure, style="bold red"))
    return Panel(
        grid,
        title=f"Grid day {report.scenario} · {report.homes} homes · {len(report.zones)} zones",
        border_style="green" if report.is_success else "red",
        expand=False,
        width=80,
    )


def _kwh(energy_wh: int) -> str:
    return f"{Decimal(energy_wh) / 1_000:,.2f}"


def _coins(units: int, report: GridDayReport) -> str:
    return f"{Decimal(units) / 10**report.unit_digits:,.2f}"
