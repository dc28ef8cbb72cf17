"""One market day of a real neighbourhood on a local chain: `ape run market_day`, or `make demo`.

Starts a chain of its own, deploys, lets every home's meter speak through the bridge and every home
trade, settles the day, and checks from chain state and events that nothing is left over.
"""

from __future__ import annotations

import json
import signal
import sys
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console

from energy_grid.errors import EnergyGridError
from scripts._ape_chain import compiled_contracts
from simulation.market_day.options import DEFAULT_DAY, DEFAULT_OUT, DEFAULT_SEED, Options
from simulation.market_day.report import DayReport
from simulation.market_day.run import run_market_day
from simulation.market_day.tables import print_report
from simulation.physics.grids import DEFAULT_GRID, GRID_CODES
from simulation.tables import residual_table


@click.command()
@click.option("--homes", type=click.IntRange(min=2), help="Number of homes; all, at most 40.")
@click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    default=DEFAULT_DAY.isoformat(),
    show_default=True,
    help="A day of 2016, the year of the profiles.",
)
@click.option(
    "--grid", type=click.Choice(sorted(GRID_CODES)), default=DEFAULT_GRID, show_default=True
)
@click.option("--seed", type=click.IntRange(min=0), default=DEFAULT_SEED, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, without tables.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_OUT,
    help="Folder for report.json, day.png and logs.  [default: out/market-day]",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Anvil's port; any free.")
@click.option("--keep-running", is_flag=True, help="Leave the chain up until Ctrl-C.")
def cli(
    homes: int | None,
    day: datetime,
    grid: str,
    seed: int,
    as_json: bool,
    out: Path,
    port: int,
    keep_running: bool,
) -> None:
    """Trade and settle one day of a neighbourhood; exit 1 if anything is left over."""
    console = Console(stderr=as_json)
    # Ended from outside, the day still takes its chain and its bridge down with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = Options(
        grid=grid,
        day=day.date(),
        homes=homes,
        seed=seed,
        out=out,
        port=port,
        keep_running=keep_running,
    )

    def show(report: DayReport) -> None:
        if as_json:
            click.echo(json.dumps(report.as_json(), indent=2))
            return
        print_report(console, report)
        console.print(f"report {out / 'report.json'} · picture {out / 'day.png'}")

    try:
        compiled_contracts()
        report = run_market_day(options, console, show)
    except EnergyGridError as error:
        raise click.ClickException(str(error)) from error
    if not report.adds_up:
        console.print(residual_table(report.residuals, only_wrong=True))
        sys.exit(1)
