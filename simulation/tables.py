"""Tables that all simulated days print: one look, and what must be zero."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.table import Table

from simulation.market_day.residuals import Residual


def plain_table(title: str) -> Table:
    """A table that fits 80 columns."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )


def residual_table(residuals: Iterable[Residual], *, only_wrong: bool = False) -> Table:
    """What must be zero, and whether it is."""
    title = "What is off" if only_wrong else "Residuals, from chain state and events"
    table = plain_table(title)
    table.add_column("")
    table.add_column("what must be zero", max_width=58)
    table.add_column("left over", justify="right")
    for residual in residuals:
        is_zero = residual.amount == 0
        if only_wrong and is_zero:
            continue
        table.add_row(
            "[green]✓[/]" if is_zero else "[bold red]✗[/]",
            residual.rule,
            f"{residual.amount:,} {residual.unit}",
            style="" if is_zero else "red",
        )
    return table
