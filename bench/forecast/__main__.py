"""Back-test of load and panels on a benchmark feeder, against persistence.

`python -m bench.forecast --record` writes the result to `bench/forecast/measured.json`.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.forecast.backtest import BackTest
from bench.forecast.feeder import feeder_series
from energy_grid.forecast import ForecastSettings
from simulation.physics.grids import DEFAULT_GRID, GRID_CODES

RECORD: Final = Path(__file__).parent / "measured.json"


def measure(grid: str, weeks: int, seed: int, console: Console) -> dict[str, Any]:
    """Back-test both targets of a feeder."""
    settings = ForecastSettings(seed=seed)
    series = feeder_series(grid)
    result: dict[str, Any] = {
        "grid": grid,
        "weeks": weeks,
        "seed": seed,
        "coverage_asked_percent": settings.coverage_bps / 100,
        "targets": {},
    }
    with Progress(console=console) as progress:
        task = progress.add_task("weeks", total=weeks * len(series))
        for name, target in series.items():
            test = BackTest(target, settings, weeks)
            test.run(lambda: progress.advance(task))
            result["targets"][name] = test.as_json()
    result["machine"] = {
        "processor": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in ("lightgbm", "numpy", "simbench")},
    }
    return result


def _table(result: dict[str, Any]) -> Table:
    table = Table(title=f"{result['grid']}, last {result['weeks']} weeks of 2016, mean errors in W")
    table.add_column("target")
    table.add_column("horizon, slots")
    for column in ("forecast", "previous day", "previous week", "in band", "persistence used"):
        table.add_column(column, justify="right")
    for name, target in result["targets"].items():
        rows = {**target["by_horizon_slots"], "all": target["all_horizons"]}
        for horizons, row in rows.items():
            table.add_row(
                name,
                horizons,
                f"{row['mae_w']:,}",
                f"{row['mae_previous_day_w']:,}",
                f"{row['mae_previous_week_w']:,}",
                f"{row['band_coverage_percent']} %",
                f"{row['gate_chose_persistence_percent']} %",
            )
    return table


@click.command()
@click.option(
    "--grid", type=click.Choice(sorted(GRID_CODES)), default=DEFAULT_GRID, show_default=True
)
@click.option("--weeks", type=click.IntRange(1, 30), default=13, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option("--record", is_flag=True, help="Write the result to the record.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def main(grid: str, weeks: int, seed: int, record: bool, as_json: bool) -> None:
    """Learn anew each week from all weeks before it, and forecast a day ahead every three hours."""
    console = Console(stderr=True)
    result = measure(grid, weeks, seed, console)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        Console().print(_table(result))
    if record:
        RECORD.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        console.print(f"recorded in {RECORD.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
