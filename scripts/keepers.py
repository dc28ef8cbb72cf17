"""Run a keeper on a network of ape: `ape run keepers NAME --network ecosystem:network:provider`.

The same as `python -m oracles run NAME`, with node and chain from ape's network, and with an
account of `ape accounts list` as the key if one is named. Everything else comes from the
environment (`docs/operations.md`).
"""

from __future__ import annotations

import os
from pathlib import Path

import click
from ape import accounts
from ape.api import ProviderAPI
from ape.cli import network_option
from ape_accounts.accounts import KeyfileAccount

from energy_grid.errors import ConfigurationError, EnergyGridError
from energy_grid.logs import configure_logs
from oracles.runtime.registry import names, program_of
from oracles.runtime.running import run_loop, run_once, silverback_app
from scripts._ape_chain import connected, require_matching_chain


@click.command()
@network_option()
@click.option("--account", "alias", help="Keyfile account of ape that sends; absent: a dry run.")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    help="File of EG_NAME=value lines; the environment wins over it.",
)
@click.option(
    "--deployments",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the deployment files.",
)
@click.option("--loop", is_flag=True, help="The plain loop instead of silverback.")
@click.option("--once", is_flag=True, help="One cycle, then end.")
@click.argument("name", type=click.Choice(names()))
def cli(
    provider: ProviderAPI,
    alias: str | None,
    env_file: Path | None,
    folder: Path | None,
    loop: bool,
    once: bool,
    name: str,
) -> None:
    """Run the keeper NAME until SIGTERM."""
    try:
        with connected(provider) as rpc:
            chain_id, url = require_matching_chain(provider, rpc), rpc.url
        program = program_of(name)
        settings = program.settings.load(
            env_file, rpc_url=url, chain_id=chain_id, deployments_folder=folder, **_key_of(alias)
        )
        configure_logs(settings.log_level)
        if once:
            done = run_once(program, settings)
            click.echo(f"{name}: planned {done.planned}, sent {done.sent}, failed {done.failed}")
            return
        app = None if loop else silverback_app()
        if app is None:
            run_loop(program, settings)
        else:
            app.run_bot(program, settings)
    except EnergyGridError as error:
        raise click.ClickException(str(error)) from error


def _key_of(alias: str | None) -> dict[str, object]:
    """Keystore and password of an account of ape: its files are ordinary keystores."""
    if alias is None:
        return {}
    if alias not in accounts.aliases:
        raise ConfigurationError(
            f"account {alias!r}",
            expected="an alias of `ape accounts list`",
            remedy="Import its key with `ape accounts import`",
        )
    account = accounts.load(alias)
    if not isinstance(account, KeyfileAccount):
        raise ConfigurationError(f"account {alias!r}", expected="a keyfile account")
    variable = f"APE_ACCOUNTS_{alias}_PASSPHRASE"
    password = os.environ.get(variable) or click.prompt(f"Passphrase of {alias}", hide_input=True)
    return {"keeper_keystore": account.keyfile_path, "keeper_password": password}
