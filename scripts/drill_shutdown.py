"""The emergency shutdown as a drill on a local chain: `ape run drill_shutdown`, or `make drill`.

A market trades for a morning. The guardian freezes it, governance winds it down, and from then on
nobody with a role acts: accounts are settled and closed, everybody leaves in a random order. Exits
must add up to what was there, to the unit.
"""

from __future__ import annotations

import json
import sys

import click
from rich.console import Console

from energy_grid.errors import EnergyGridError
from scripts._ape_chain import compiled_contracts
from simulation.market_day.options import DEFAULT_SEED
from simulation.shutdown_drill.report import print_drill
from simulation.shutdown_drill.run import DEFAULT_HOMES, DEFAULT_SLOTS, DrillOptions, run_drill
from simulation.tables import residual_table


@click.command()
@click.option("--homes", type=click.IntRange(2, 40), default=DEFAULT_HOMES, show_default=True)
@click.option(
    "--slots",
    type=click.IntRange(1, 95),
    default=DEFAULT_SLOTS,
    show_default=True,
    help="Quarter hours of the day before the end begins.",
)
@click.option("--seed", type=click.IntRange(min=0), default=DEFAULT_SEED, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, without tables.")
def cli(homes: int, slots: int, seed: int, as_json: bool) -> None:
    """Shut a market down and leave it; exit 1 if a unit is missing."""
    console = Console(stderr=as_json)
    try:
        compiled_contracts()
        report = run_drill(DrillOptions(homes, slots, seed), console)
    except EnergyGridError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        print_drill(console, report)
    if not report.adds_up:
        console.print(residual_table(report.residuals(), only_wrong=True))
        sys.exit(1)
