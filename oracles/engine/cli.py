"""The command line: `python -m oracles.engine run|once|step|check|submit`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import click

from energy_grid.errors import EnergyGridError
from energy_grid.logs import configure_logs
from energy_grid.rpc import to_bytes, to_hex
from energy_grid.signed_orders import unpack_batch
from oracles.engine.checks import run_checks
from oracles.engine.config import EngineSettings
from oracles.engine.service import Engine, Loop
from oracles.engine.stepping import answers

ENV_FILE = click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    default=None,
    help="File of EG_NAME=value lines; the environment wins over it.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group()
def cli() -> None:
    """Trading engine: clears auctions, matches the book, relays signed orders."""


@cli.command()
@ENV_FILE
def run(env_file: Path | None) -> None:
    """Work until SIGTERM."""
    try:
        settings = EngineSettings.load(env_file)
        configure_logs(settings.log_level)
        with Engine.open(settings) as engine:
            Loop(engine, settings.engine_poll_seconds).run()
    except EnergyGridError as error:
        _fail(error)


@cli.command()
@ENV_FILE
@AS_JSON
def once(env_file: Path | None, as_json: bool) -> None:
    """Look at the market once, send what it needs, and say what that was."""
    try:
        settings = EngineSettings.load(env_file)
        configure_logs(settings.log_level)
        with Engine.open(settings) as engine:
            done = asdict(engine.cycle())
    except EnergyGridError as error:
        _fail(error)
    if as_json:
        click.echo(json.dumps(done, indent=2))
        return
    for name, value in done.items():
        click.echo(f"{name.replace('_', ' ')}: {value}")


@cli.command()
@ENV_FILE
def step(env_file: Path | None) -> None:
    """Work round by round, one for each line on standard input; each is answered by a line."""
    try:
        settings = EngineSettings.load(env_file)
        configure_logs(settings.log_level)
        with Engine.open(settings) as engine:
            for answer in answers(engine, sys.stdin):
                click.echo(answer)
    except EnergyGridError as error:
        _fail(error)


@cli.command()
@ENV_FILE
@AS_JSON
def check(env_file: Path | None, as_json: bool) -> None:
    """Look at everything a run needs: chain, key, funds, market, store, solver."""
    try:
        checks = list(run_checks(EngineSettings.load(env_file)))
    except EnergyGridError as error:
        _fail(error)
    is_good = all(one.is_good for one in checks)
    if as_json:
        listed = [{"name": c.name, "good": c.is_good, "detail": c.detail} for c in checks]
        click.echo(json.dumps({"good": is_good, "checks": listed}, indent=2))
    else:
        for one in checks:
            click.echo(f"{'ok' if one.is_good else 'no':3} {one.name:8} {one.detail}")
    if not is_good:
        sys.exit(1)


@cli.command()
@ENV_FILE
@AS_JSON
@click.argument("orders", metavar="HEX")
def submit(env_file: Path | None, as_json: bool, orders: str) -> None:
    """Put signed orders, packed as for placeSigned, into the inbox of this engine's store."""
    try:
        settings = EngineSettings.load(env_file)
        configure_logs(settings.log_level)
        engine = Engine.open(settings)
        taken = [engine.submit(order) for order in unpack_batch(_bytes_of(orders))]
    except EnergyGridError as error:
        _fail(error)
    listed = [{"key": to_hex(one.key), "signer": one.signer} for one in taken]
    if as_json:
        click.echo(json.dumps(listed, indent=2))
        return
    for item in listed:
        click.echo(f"{item['key']} of {item['signer']}")


def _bytes_of(text: str) -> bytes:
    try:
        return to_bytes(text)
    except ValueError:
        raise click.BadParameter("expected bytes in hexadecimal") from None


def _fail(error: EnergyGridError) -> NoReturn:
    click.echo(f"engine: {error}", err=True)
    sys.exit(1)
