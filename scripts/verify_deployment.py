"""Compare a chain with its deployment file: `ape run verify_deployment --network ...`.

Exit code 0: everything as recorded and configured; 1: something differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from ape.api import ProviderAPI
from ape.cli import network_option
from ape.logging import LogLevel, logger
from rich.console import Console
from rich.table import Table

from energy_grid.deployment import Check, Parameters, verify
from energy_grid.deployments import DEPLOYMENTS_FOLDER, Deployment, deployment_path
from energy_grid.errors import EnergyGridError
from energy_grid.rpc import Rpc
from scripts._ape_chain import compiled_contracts, connected, require_matching_chain


@click.command()
@network_option()
@click.option(
    "--parameters",
    "parameters_name",
    default=None,
    help="Name of a file in deployments/parameters or a path; default: the recorded set.",
)
@click.option(
    "--deployments",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEPLOYMENTS_FOLDER,
    help="Folder of the deployment files.",
)
@click.option("--json", "as_json", is_flag=True, help="Print every check as JSON.")
def cli(provider: ProviderAPI, parameters_name: str | None, folder: Path, as_json: bool) -> None:
    """Assert code, wiring, roles and parameters on chain."""
    if as_json:
        logger.set_level(LogLevel.ERROR)  # ape logs on standard output
    try:
        with connected(provider) as rpc:
            checks = _checks(provider, rpc, parameters_name, folder)
    except EnergyGridError as error:
        raise click.ClickException(str(error)) from error
    differences = [check for check in checks if not check.ok]
    if as_json:
        click.echo(json.dumps([_plain(check) for check in checks], indent=2))
    elif differences:
        _show(differences)
    if not as_json:
        click.echo(f"{len(checks)} checks, {len(differences)} differences")
    sys.exit(1 if differences else 0)


def _checks(
    provider: ProviderAPI, rpc: Rpc, parameters_name: str | None, folder: Path
) -> list[Check]:
    chain_id = require_matching_chain(provider, rpc)
    deployment = Deployment.read(deployment_path(chain_id, folder), chain_id)
    parameters = Parameters.load(parameters_name or deployment.parameters)
    return verify(deployment, rpc, parameters, compiled_contracts())


def _plain(check: Check) -> dict[str, object]:
    return {
        "subject": check.subject,
        "what": check.what,
        "expected": check.expected,
        "found": check.found,
        "ok": check.ok,
    }


def _show(differences: list[Check]) -> None:
    table = Table(title="Differences between chain and deployment")
    for column in ("subject", "what", "expected", "found"):
        table.add_column(column, overflow="fold")
    for check in differences:
        table.add_row(check.subject, check.what, str(check.expected), str(check.found))
    Console().print(table)
