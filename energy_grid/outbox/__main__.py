"""What an operator does with an outbox by hand: `python -m energy_grid.outbox show|reopen FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from energy_grid.errors import EnergyGridError
from energy_grid.outbox.locks import KeyLock
from energy_grid.outbox.rows import State
from energy_grid.outbox.store import Outbox

_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def cli() -> None:
    """Look into an outbox, or put final rows back after a deep reorganisation."""


@cli.command()
@_FILE
@click.option("--all", "everything", is_flag=True, help="Final rows too.")
def show(file: Path, everything: bool) -> None:
    """List the rows, open and failed ones only by default."""
    outbox = Outbox(file)
    for state in State:
        click.echo(f"{state.value:8} {outbox.count(state)}")
    states = tuple(State) if everything else tuple(s for s in State if s is not State.FINAL)
    for row in outbox.rows(*states):
        place = "" if row.block_number is None else f" block {row.block_number}"
        nonce = "" if row.nonce is None else f" nonce {row.nonce}"
        why = "" if row.failure is None else f": {row.failure}"
        click.echo(f"{row.state.value:8} {row.business_key}{nonce}{place}{why}")


@cli.command()
@_FILE
@click.option("--from-block", type=int, required=True, help="First block that is gone.")
@click.confirmation_option(prompt="Has a person decided that this chain is the right one?")
def reopen(file: Path, from_block: int) -> None:
    """Send final rows again whose blocks are gone: the same bytes; stop the daemon first."""
    lock = KeyLock(file.with_name(file.name + ".lock"), f"outbox {file}")
    lock.acquire()
    try:
        rows = Outbox(file).reopen_final(from_block)
    finally:
        lock.release()
    for row in rows:
        click.echo(f"reopened {row.business_key} nonce {row.nonce}")
    click.echo(f"{len(rows)} rows")


def main() -> None:
    """Run the command line; errors of this project in one line."""
    try:
        cli(prog_name="python -m energy_grid.outbox")
    except EnergyGridError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
