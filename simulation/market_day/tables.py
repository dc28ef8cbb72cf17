"""The day as a reader sees it in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulation.market_day.report import DayReport, HourLine, MemberLine
from simulation.market_day.residuals import Kind, total
from simulation.market_day.share_report import SharesReport
from simulation.tables import plain_table, residual_table

_BAR_WIDTH = 18
_FULL = "█"
_DASH = "–"


def print_report(console: Console, report: DayReport) -> None:
    """Print all tables, the summary last so that it stays on screen."""
    console.print(member_table(report))
    console.print(hour_table(report))
    console.print(auction_table(report))
    if report.shares is not None:
        console.print(share_table(report, report.shares))
    console.print(gas_table(report))
    console.print(residual_table(report.residuals))
    console.print(summary(report))


def member_table(report: DayReport) -> Table:
    """Energy and money of every member, zone by zone."""
    table = plain_table("Members")
    table.caption = _MEMBER_CAPTION
    table.add_column("home", justify="right", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("trader", no_wrap=True)
    for heading in ("drawn", "fed in", "bought", "sold", "proven"):
        table.add_column(f"{heading}\nkWh", justify="right", no_wrap=True)
    for heading in ("balance", "gain"):
        table.add_column(f"{heading}\ncoins", justify="right", no_wrap=True)
    for zone in report.tariffs:
        members = [line for line in report.members if line.zone == zone]
        for line in members:
            home = f"{line.home}{_SIGNS if line.signs else ' '}"
            _add_member_row(table, report, (home, line.kind, line.temper), [line])
        table.add_section()
        _add_member_row(table, report, ("", f"zone {zone}", ""), members, style="bold")
        table.add_section()
    _add_member_row(table, report, ("", "all", ""), report.members, style="bold")
    return table


def _add_member_row(
    table: Table,
    report: DayReport,
    names: tuple[str, str, str],
    lines: Sequence[MemberLine],
    style: str = "",
) -> None:
    table.add_row(
        *names,
        *(
            _kwh(sum(getattr(line, name) for line in lines))
            for name in ("imported_wh", "exported_wh", "bought_wh", "sold_wh", "certified_wh")
        ),
        _coins(sum(line.balance for line in lines), report),
        _gain(sum(line.balance - line.without_market for line in lines), report),
        style=style,
    )


_SIGNS = "*"
_MEMBER_CAPTION = (
    "* signs its auction orders, the trading engine relays them; "
    "proven: bought energy certified as green, local and used in its quarter hour; "
    "gain: against the same meters at retail and feed-in tariff alone"
)


def hour_table(report: DayReport) -> Table:
    """Energy, trades and local supply by hour (UTC)."""
    table = plain_table("Energy by hour of delivery (UTC), kWh")
    table.caption = (
        "traded in the auction of the hour, in the auctions of its quarter hours, and "
        "continuously after them"
    )
    table.add_column("hour", justify="right", no_wrap=True)
    for heading in ("drawn", "fed in", "in hour\nauction", "quarter\nauctions", "contin-\nuously"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("drawn from neighbours", no_wrap=True)
    for line in report.hours:
        table.add_row(
            f"{line.hour:02d}",
            *(
                _kwh(energy)
                for energy in (
                    line.imported_wh,
                    line.exported_wh,
                    line.hour_auction_wh,
                    line.quarter_auction_wh,
                    line.matched_wh,
                )
            ),
            _share_bar(line),
        )
    return table


def auction_table(report: DayReport) -> Table:
    """What auctions agreed: prices by hour and zone, flow over the line between them."""
    first, second = report.tariffs
    line = report.line
    table = plain_table("Auctions: prices in coins per 1,000 kWh, flow between zones")
    table.caption = (
        f"the line: {line.border}; it may carry {line.capacity_w / 1_000:.1f} kW for the market; "
        "where it is full, prices part (yellow)"
    )
    table.add_column("hour", justify="right", no_wrap=True)
    for zone in (first, second):
        for heading in (f"zone {zone}\nhour", "\n:00", "\n:15", "\n:30", "\n:45"):
            table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(f"{first} → {second}\nkWh", justify="right", no_wrap=True)
    pairs = zip(report.auctions.prices_of(first), report.auctions.prices_of(second), strict=True)
    for here, there in pairs:
        if not any(price is not None for price in (*here.prices, *there.prices)):
            continue
        pairs_of_prices = zip(here.prices, there.prices, strict=True)
        parted = [None not in (a, b) and a != b for a, b in pairs_of_prices]
        table.add_row(
            f"{here.hour:02d}",
            *(_zone_price(price, p, report) for price, p in zip(here.prices, parted, strict=True)),
            *(_zone_price(price, p, report) for price, p in zip(there.prices, parted, strict=True)),
            _kwh(line.flow_in_hour(here.hour)),
        )
    return table


def share_table(report: DayReport, shares: SharesReport) -> Table:
    """Who was paid what of the revenue of the plant that several own."""
    table = plain_table(f"Shares in the panels of home {shares.home} (asset {shares.asset_id})")
    table.caption = (
        f"{_kwh(shares.recorded_wh)} kWh on record of the asset. A transfer in the afternoon "
        "moved shares, and none of the revenue collected until then; what is left are the "
        "holders' fractions of a unit"
    )
    table.add_column("holder", no_wrap=True)
    for heading in ("shares\nbefore", "shares\nafter", "paid\nunits", "certificates\nWh"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("difference", justify="right", no_wrap=True)
    for line in shares.holders:
        table.add_row(
            f"home {line.home}",
            f"{line.shares_before:,}",
            f"{line.shares_after:,}",
            f"{line.paid:,}",
            f"{line.paid_wh:,}",
            f"{line.paid - line.earned}",
        )
    table.add_section()
    table.add_row("left in the vault", "", "", f"{shares.left:,}", f"{shares.left_wh:,}", "")
    table.add_row(
        "revenue collected",
        f"{shares.shares:,}",
        f"{shares.shares:,}",
        f"{shares.revenue:,}",
        f"{shares.collected_wh:,}",
        f"{shares.revenue - shares.paid - shares.left}",
        style="bold",
    )
    return table


def gas_table(report: DayReport) -> Table:
    """Gas by operation."""
    table = plain_table("Gas")
    table.add_column("operation")
    for heading in ("transactions", "median", "max"):
        table.add_column(heading, justify="right")
    for name, use in report.gas.items():
        style = "dim" if ", per " in name else ""
        shown = name.replace(f"{name.split(',')[0]}, per", "  per") if ", per " in name else name
        table.add_row(shown, f"{use.n:,}", f"{use.median:,}", f"{use.maximum:,}", style=style)
    return table


def summary(report: DayReport) -> Panel:
    """The day in a few lines."""
    physics = report.physics
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", justify="right")
    grid.add_column()
    auctions, line = report.auctions, report.line
    grid.add_row(
        "auctions",
        f"{auctions.cleared} cleared, {auctions.coupled} of them coupled over both zones: "
        f"{_kwh(auctions.energy_wh)} kWh to {auctions.fills:,} buyers",
    )
    grid.add_row(
        "continuous", f"{_kwh(report.matched_wh)} kWh in {report.matches:,} matches after them"
    )
    grid.add_row(
        "signed orders",
        f"{auctions.signed_placed:,} relayed and placed, {auctions.signed_skipped} refused",
    )
    grid.add_row(
        "line",
        f"{_kwh(sum(map(abs, line.flow_wh)))} kWh between the zones, full in {line.full_slots} of "
        f"{len(line.flow_wh)} quarter hours, rent {_coins(line.rent, report)} coins",
    )
    grid.add_row(
        "local supply",
        f"{report.local_supply_share:.1%} of {_kwh(report.imported_wh)} kWh drawn "
        "came from neighbours",
    )
    grid.add_row(
        "certificates",
        f"{_kwh(report.energy_minted_wh)} kWh minted, {_kwh(report.energy_retired_wh)} kWh retired "
        "against use in the same quarter hour",
    )
    treasury = report.treasury
    grid.add_row(
        "treasury",
        f"{treasury.amount:,} units of trading fees withdrawn by a Safe: "
        f"{treasury.signed} of its {treasury.owners} owners signed",
    )
    grid.add_row("readings", f"{report.readings_accepted:,} signed, checked, accepted")
    grid.add_row(
        "grid",
        f"{physics['voltage_min_millivolts'] / 1_000:.1f} to "
        f"{physics['voltage_max_millivolts'] / 1_000:.1f} V, worst line "
        f"{physics['line_loading_max_percent']:.0f} %, transformer "
        f"{physics['transformer_loading_max_percent']:.0f} %, "
        f"losses {_kwh(physics['losses_wh'])} kWh (the operator's)",
    )
    energy, money = total(report.residuals, Kind.ENERGY), total(report.residuals, Kind.MONEY)
    slots = total(report.residuals, Kind.SLOTS)
    residuals = Text(f"energy {energy} Wh, money {money} units, open slots {slots}")
    residuals.stylize("bold green" if report.adds_up else "bold red")
    grid.add_row("residuals", residuals)
    return Panel(
        grid,
        title=f"Market day {report.options.day} · {report.homes} homes on {report.options.grid} "
        f"· seed {report.options.seed}",
        border_style="green" if report.adds_up else "red",
        expand=False,
    )


def _kwh(energy_wh: int) -> str:
    return f"{Decimal(energy_wh) / 1_000:,.2f}"


def _coins(units: int, report: DayReport) -> str:
    return f"{Decimal(units) / 10**report.unit_digits:,.2f}"


def _gain(units: int, report: DayReport) -> str:
    text = f"{Decimal(units) / 10**report.unit_digits:+,.2f}"
    return f"[green]{text}[/]" if units > 0 else f"[red]{text}[/]" if units < 0 else text


def _price(units_per_kwh: int, report: DayReport) -> str:
    return f"{Decimal(units_per_kwh) / 10**report.unit_digits:.3f}"


def _zone_price(units_per_kwh: int | None, parted: bool, report: DayReport) -> str:
    if units_per_kwh is None:
        return _DASH
    text = f"{Decimal(units_per_kwh) / 10 ** (report.unit_digits - 3):.0f}"
    return f"[yellow]{text}[/]" if parted else text


def _share_bar(line: HourLine) -> str:
    if not line.imported_wh:
        return _DASH
    share = line.local_wh / line.imported_wh
    filled = round(share * _BAR_WIDTH)
    return f"[green]{_FULL * filled}[/][dim]{'░' * (_BAR_WIDTH - filled)}[/] {share:4.0%}"
