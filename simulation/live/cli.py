"""The command line: `python -m simulation.live up|down|status|kill|day`."""

from __future__ import annotations

import json
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from energy_grid.errors import EnergyGridError
from energy_grid.logs import configure_logs
from energy_grid.units import SLOTS_PER_DAY, SLOTS_PER_HOUR
from simulation.live.control import down, kill, up
from simulation.live.plan import DEFAULT_FOLDER, LivePlan, free_base_port
from simulation.market_day.options import DEFAULT_DAY, DEFAULT_SEED
from simulation.physics.grids import DEFAULT_GRID, GRID_CODES

_SHORT_DAY_STARTS_AT = "10:00"

FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_FOLDER,
    help="Where pid files, logs, stores and the report lie.  [default: out/live]",
)
OPS_PORT = click.option("--ops-port", type=int, required=True, help="Port of the pages.")


def _plan_options(command: Any) -> Any:
    options = (
        click.option("--homes", type=click.IntRange(2, 40), default=16, show_default=True),
        click.option(
            "--slots",
            type=click.IntRange(1, SLOTS_PER_DAY),
            default=SLOTS_PER_DAY,
            show_default=True,
            help="Quarter hours to trade and deliver; each takes 15 seconds.",
        ),
        click.option(
            "--from",
            "start",
            type=click.DateTime(["%H:%M"]),
            help="First hour, UTC.  [default: 00:00 for a whole day, else 10:00]",
        ),
        click.option(
            "--date",
            "day",
            type=click.DateTime(["%Y-%m-%d"]),
            default=DEFAULT_DAY.isoformat(),
            show_default=True,
            help="A day of 2016, the year of the profiles.",
        ),
        click.option(
            "--grid",
            type=click.Choice(sorted(GRID_CODES)),
            default=DEFAULT_GRID,
            show_default=True,
        ),
        click.option("--seed", type=click.IntRange(min=0), default=DEFAULT_SEED, show_default=True),
        click.option(
            "--block-seconds",
            type=click.IntRange(1, 60),
            default=1,
            show_default=True,
            help="Seconds between blocks, a minute of the day each: 1 is 60 times life.",
        ),
        FOLDER,
    )
    for option in reversed(options):
        command = option(command)
    return command


def _plan_of(
    homes: int,
    slots: int,
    start: datetime | None,
    day: datetime,
    grid: str,
    seed: int,
    block_seconds: int,
    folder: Path,
) -> LivePlan:
    if start is None:
        is_whole = slots == SLOTS_PER_DAY
        start = datetime.strptime("00:00" if is_whole else _SHORT_DAY_STARTS_AT, "%H:%M")
    return LivePlan(
        folder=folder.resolve(),
        grid=grid,
        day=day.date().isoformat(),
        homes=homes,
        seed=seed,
        first=start.hour * SLOTS_PER_HOUR + start.minute * SLOTS_PER_HOUR // 60,
        count=slots,
        block_seconds=block_seconds,
        base_port=free_base_port(folder),
    )


@click.group()
def cli() -> None:
    """A market day that runs by itself on this computer, at 60 times the speed of life."""


@cli.command("up")
@_plan_options
def up_command(**options: Any) -> None:
    """Start everything, or what is missing of it; returns when the clock runs."""
    console = Console()
    try:
        plan = up(_plan_of(**options), console)
    except EnergyGridError as error:
        _fail(error)
    console.print(f"The market runs at [bold]{plan.rpc_url}[/]; `make down` ends it.")


@cli.command("down")
@FOLDER
def down_command(folder: Path) -> None:
    """End everything, also after a crash."""
    ended = down(folder.resolve())
    click.echo(f"{ended} processes ended" if ended else "nothing was running")


@cli.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def status(folder: Path, as_json: bool) -> None:
    """Show every process; exit 1 unless all are ready."""
    from simulation.live.view import process_table, read_status

    found = read_status(folder.resolve())
    if found is None:
        click.echo("nothing is running", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        Console().print(process_table(found))
    if not all(one["ready"] for one in found["processes"].values()):
        sys.exit(1)


@cli.command("kill")
@FOLDER
@click.argument("name")
def kill_command(folder: Path, name: str) -> None:
    """Kill a process with SIGKILL; the supervisor starts it again."""
    try:
        process = kill(LivePlan.load(folder.resolve()), name)
    except EnergyGridError as error:
        _fail(error)
    click.echo(f"{name} ({process.pid}) killed")


@cli.command()
@_plan_options
@click.option("--kill", "kills", multiple=True, metavar="NAME", help="Kill a process on the way.")
@click.option("--kill-each", is_flag=True, help="Kill every process once on the way.")
@click.option("--keep", is_flag=True, help="Leave everything running at the end.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def day(kills: tuple[str, ...], kill_each: bool, keep: bool, as_json: bool, **options: Any) -> None:
    """Run a day: up, watch, audit, down; exit 1 if anything is lost or left over."""
    from simulation.live.day import run_day

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console(stderr=as_json)
    plan = _plan_of(**options)
    try:
        report = run_day(plan, console, kills=kills, kill_each=kill_each)
    except EnergyGridError as error:
        _fail(error)
    finally:
        if not keep:
            down(plan.folder)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    if not report["good"]:
        sys.exit(1)


# --- the processes themselves ---------------------------------------------------------------------


@cli.command(hidden=True)
@FOLDER
def supervise(folder: Path) -> None:
    """Start processes and keep them running until SIGTERM."""
    from simulation.live.supervisor import Supervisor

    configure_logs()
    try:
        Supervisor(LivePlan.load(folder)).run()
    except EnergyGridError as error:
        _fail(error)


@cli.command("set-up", hidden=True)
@FOLDER
def set_up_command(folder: Path) -> None:
    """Deploy and enrol what is missing."""
    from simulation.live.enrol import set_up

    configure_logs()
    try:
        set_up(LivePlan.load(folder))
    except EnergyGridError as error:
        _fail(error)


@cli.command(hidden=True)
@FOLDER
@OPS_PORT
def twin(folder: Path, ops_port: int) -> None:
    """The simulated grid."""
    from simulation.live.twin import run_twin

    configure_logs()
    try:
        run_twin(LivePlan.load(folder), ops_port)
    except EnergyGridError as error:
        _fail(error)


@cli.command(hidden=True)
@FOLDER
@OPS_PORT
def agents(folder: Path, ops_port: int) -> None:
    """The members of the market."""
    from simulation.live.agents import run_agents

    configure_logs()
    try:
        run_agents(LivePlan.load(folder), ops_port)
    except EnergyGridError as error:
        _fail(error)


def _fail(error: EnergyGridError) -> NoReturn:
    click.echo(f"live: {error}", err=True)
    sys.exit(1)
