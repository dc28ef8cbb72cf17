"""A day of a low-voltage grid without and with management: `ape run grid_day`, `make grid-day`.

The physical twin runs the day twice. The second time it is steered by the contracts on a chain of
its own: oracle rounds, states, set-points, flexibility, settled by signed readings.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import click
from rich.console import Console

from energy_grid.errors import EnergyGridError
from scripts._ape_chain import compiled_contracts
from simulation.grid_day.options import DEFAULT_OUT, DEFAULT_SEED, Options
from simulation.grid_day.run import run_grid_day
from simulation.grid_day.scenario import scenario_names
from simulation.grid_day.tables import print_report
from simulation.tables import residual_table


@click.command()
@click.option(
    "--scenario",
    required=True,
    help=f"One of {', '.join(scenario_names())}, `all`, or the path of a .toml file.",
)
@click.option("--window", help="A shorter window, as 11:00-12:30 UTC.")
@click.option("--seed", type=click.IntRange(min=0), default=DEFAULT_SEED, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, without tables.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_OUT,
    help="Folder for <scenario>.json, <scenario>.png and logs.  [default: out/grid-day]",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Anvil's port; any free.")
def cli(scenario: str, window: str | None, seed: int, as_json: bool, out: Path, port: int) -> None:
    """Run a scenario without and with management.

    Exit 1 if money does not balance or the violations have not fallen by 90 %.
    """
    console = Console(stderr=as_json)
    # Ended from outside, the day still takes its chain down with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    names = scenario_names() if scenario == "all" else (scenario,)
    documents, succeeded = [], True
    try:
        compiled_contracts()
        for name in names:
            options = Options(scenario=name, window=window, seed=seed, out=out, port=port)
            report = run_grid_day(options, console)
            documents.append(report.as_json())
            succeeded &= report.is_success
            if not as_json:
                print_report(console, report)
                console.print(
                    f"report {out / f'{report.scenario}.json'} · "
                    f"picture {out / f'{report.scenario}.png'}",
                    soft_wrap=True,
                )
            elif not report.adds_up:
                console.print(residual_table(report.residuals, only_wrong=True))
    except EnergyGridError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps(documents if scenario == "all" else documents[0], indent=2))
    if not succeeded:
        sys.exit(1)
