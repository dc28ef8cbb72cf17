"""The command line: `python -m oracles run|worker|once|check|status`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console

from energy_grid.errors import ConfigurationError, EnergyGridError
from energy_grid.logs import configure_logs
from oracles.runtime.checks import Check
from oracles.runtime.registry import names, program_of
from oracles.runtime.running import run_loop, run_once, silverback_app
from oracles.runtime.status import as_json as standings_as_json
from oracles.runtime.status import ask, endpoint_of, show, usual_endpoints

ENV_FILE = click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    default=None,
    help="File of EG_NAME=value lines; the environment wins over it.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
NAME = click.argument("name", type=click.Choice(names()))


@click.group()
def cli() -> None:
    """Keepers and reporters of the market; anybody may run them."""


@cli.command()
@ENV_FILE
@click.option(
    "--loop", is_flag=True, help="The plain loop; silverback and its triggers are not used."
)
@NAME
def run(name: str, env_file: Path | None, loop: bool) -> None:
    """Work until SIGTERM."""
    try:
        program = program_of(name)
        settings = program.settings.load(env_file)
        configure_logs(settings.log_level)
        bot = None if loop else silverback_app()
        if bot is None:
            run_loop(program, settings)
        else:
            bot.run_bot(program, settings)
    except EnergyGridError as error:
        _fail(error)


@cli.command()
@ENV_FILE
@NAME
def worker(name: str, env_file: Path | None) -> None:
    """Work for a runner in another process, with Redis between them, until SIGTERM."""
    try:
        program = program_of(name)
        settings = program.settings.load(env_file)
        configure_logs(settings.log_level)
        bot = silverback_app()
        if bot is None:
            raise ConfigurationError(
                "a worker needs silverback",
                remedy="pip install -e '.[keepers]', or use `run --loop`",
            )
        bot.run_worker(program, settings)
    except EnergyGridError as error:
        _fail(error)


@cli.command()
@ENV_FILE
@AS_JSON
@NAME
def once(name: str, env_file: Path | None, as_json: bool) -> None:
    """Look once, send what is needed, and say what that was."""
    try:
        program = program_of(name)
        settings = program.settings.load(env_file)
        configure_logs(settings.log_level)
        done = asdict(run_once(program, settings))
    except EnergyGridError as error:
        _fail(error)
    if as_json:
        click.echo(json.dumps(done, indent=2))
        return
    for field, value in done.items():
        click.echo(f"{field.replace('_', ' ')}: {value}")


@cli.command()
@ENV_FILE
@AS_JSON
@click.argument("name", type=click.Choice(names()), required=False)
def check(name: str | None, env_file: Path | None, as_json: bool) -> None:
    """Look at everything a run needs, of one keeper or of all; exit 1 if something is missing."""
    found = {one: _checks(one, env_file) for one in ([name] if name else names())}
    is_good = all(one.is_good for checks in found.values() for one in checks)
    if as_json:
        click.echo(json.dumps({"good": is_good, "keepers": _listed(found)}, indent=2))
    else:
        for keeper, checks in found.items():
            click.echo(keeper)
            for one in checks:
                click.echo(f"  {'ok' if one.is_good else 'no':3} {one.name:8} {one.detail}")
    if not is_good:
        sys.exit(1)


@cli.command()
@AS_JSON
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="NAME=URL",
    envvar="EG_STATUS_ENDPOINTS",
    help="A daemon to ask, repeatable; every keeper at its own port by default.",
)
def status(as_json: bool, endpoints: Sequence[str]) -> None:
    """Ask running daemons how they fare; exit 1 unless all are ready."""
    try:
        asked = [endpoint_of(text) for text in endpoints] or usual_endpoints()
    except EnergyGridError as error:
        _fail(error)
    standings = [ask(endpoint) for endpoint in asked]
    if as_json:
        click.echo(json.dumps(standings_as_json(standings), indent=2))
    else:
        show(standings, Console())
    if not all(one.is_ready for one in standings):
        sys.exit(1)


def _checks(name: str, env_file: Path | None) -> list[Check]:
    try:
        program = program_of(name)
        return list(program.checks(program.settings.load(env_file)))
    except EnergyGridError as error:
        return [Check("settings", False, str(error))]


def _listed(found: dict[str, list[Check]]) -> dict[str, list[dict[str, object]]]:
    return {
        name: [{"name": c.name, "good": c.is_good, "detail": c.detail} for c in checks]
        for name, checks in found.items()
    }


def _fail(error: EnergyGridError) -> NoReturn:
    click.echo(f"oracles: {error}", err=True)
    sys.exit(1)
