"""Replay a recorded day-ahead market through the sealed auction: `ape run replay_day_ahead`.

Starts a chain of its own, deploys the contract, seals every recorded hour, tries false outcomes,
clears by transactions and compares what the chain has on record with what was published.
"""

from __future__ import annotations

import json
import signal
import sys
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from energy_grid.deployments import PROJECT_ROOT
from energy_grid.errors import EnergyGridError
from scripts._ape_chain import compiled_contracts
from simulation.day_ahead.hours import Borders
from simulation.day_ahead.picture import draw_hour, most_telling
from simulation.day_ahead.report import ReplayReport
from simulation.day_ahead.run import ReplayOptions, load_hours, replay
from simulation.day_ahead.tables import print_report


@click.command()
@click.option(
    "--data",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with bid-curves.csv.gz and the other files; docs/coupled-auction.md lists them.",
)
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="One delivery day; all days if left out."
)
@click.option(
    "--borders",
    type=click.Choice([variant.value for variant in Borders]),
    default=Borders.EXCHANGES.value,
    show_default=True,
    help="Take the published exchanges with borders as fixed, or only the borders' prices.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the figures to this file.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=PROJECT_ROOT / "out" / "replay",
    help="Folder for the picture and Anvil's log.  [default: out/replay]",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Anvil's port; any free.")
def cli(
    data: Path, day: datetime | None, borders: str, json_file: Path | None, out: Path, port: int
) -> None:
    """Prove recorded hours on chain; exit 1 if the contract accepts anything false."""
    console = Console()
    # Ended from outside, the replay still takes its chain down with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = ReplayOptions(
        data=data,
        day=None if day is None else day.date(),
        borders=Borders(borders),
        out=out,
        port=port,
    )
    try:
        report = _run(options, console)
    except EnergyGridError as error:
        raise click.ClickException(str(error)) from error
    picture = out / f"{most_telling(report.hours).hour.key.day.isoformat()}-{borders}.png"
    draw_hour(most_telling(report.hours), picture)
    print_report(console, report)
    console.print(f"picture {picture}")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
        console.print(f"figures {json_file}")
    if not report.is_sound:
        sys.exit(1)


def _run(options: ReplayOptions, console: Console) -> ReplayReport:
    artifacts = compiled_contracts()
    hours = load_hours(options)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("solving", total=2 * len(hours))

        def progress(description: str) -> None:
            bar.update(task, advance=1, description=description)

        return replay(options, hours, artifacts, progress)
