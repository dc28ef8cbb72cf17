"""Deploy and configure the platform: `ape run deploy --network ecosystem:network:provider`.

Safe to repeat: what is recorded in the deployment file and really on chain is left alone, only what
differs is wired. An interrupted run is resumed by running it again.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
from ape import accounts
from ape.api import AccountAPI, ProviderAPI
from ape.cli import account_option, network_option
from eth_utils.address import is_checksum_address

from energy_grid.deployment import DeploymentReport, Journal, Parameters, Plan, Signer, deploy
from energy_grid.deployment.journal import open_deployment
from energy_grid.deployment.migration import predecessor_of, successor_of
from energy_grid.deployment.plan import DEVELOPMENT_CHAIN_IDS
from energy_grid.deployments import DEPLOYMENTS_FOLDER, Deployment, deployment_path
from energy_grid.errors import ConfigurationError, EnergyGridError
from energy_grid.rpc import Rpc
from scripts._ape_chain import (
    ApeSigner,
    compiled_contracts,
    connected,
    network_name,
    require_matching_chain,
    sign_without_asking,
)

SETTLEMENT_TOKEN_VARIABLE = "EG_SETTLEMENT_TOKEN"  # noqa: S105
MIN_TIMEOUT_SECONDS = 30


@click.command()
@network_option()
@account_option(prompt="Account that deploys")
@click.option(
    "--parameters",
    "parameters_name",
    default="standard",
    show_default=True,
    help="Name of a file in deployments/parameters, or a path to a .toml file.",
)
@click.option(
    "--zones", type=click.IntRange(1, 1_000), default=1, show_default=True, help="Zones 1 to N."
)
@click.option(
    "--operator",
    "operators",
    multiple=True,
    metavar="ALIAS|ADDRESS",
    help="Grid operator of zone 1, 2, ... in this order: an account of ape, or the address of one "
    "whose key is elsewhere. Development chains default to TEST::1, TEST::2, ...",
)
@click.option(
    "--deployments",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEPLOYMENTS_FOLDER,
    help="Folder of the deployment files.",
)
@click.option(
    "--successor-of",
    "predecessor",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Deployment file of a market that is wound down: keep its meters, assets and "
    "certificates, and deploy what follows it (docs/upgrades.md). Needs another folder of files.",
)
def cli(
    provider: ProviderAPI,
    account: AccountAPI,
    parameters_name: str,
    zones: int,
    operators: tuple[str, ...],
    folder: Path,
    predecessor: Path | None,
) -> None:
    """Deploy all contracts, wire roles, open zones; go on where an earlier run stopped."""
    try:
        with connected(provider) as rpc:
            report, path = _run(
                provider, rpc, account, parameters_name, zones, operators, folder, predecessor
            )
    except EnergyGridError as error:
        raise click.ClickException(str(error)) from error
    _show(report, path)


def _run(
    provider: ProviderAPI,
    rpc: Rpc,
    account: AccountAPI,
    parameters_name: str,
    zones: int,
    operators: tuple[str, ...],
    folder: Path,
    predecessor: Path | None,
) -> tuple[DeploymentReport, Path]:
    chain_id = require_matching_chain(provider, rpc)
    parameters = Parameters.load(parameters_name)
    path = deployment_path(chain_id, folder)
    deployment = open_deployment(
        path,
        rpc,
        network=network_name(provider),
        deployer=str(account.address),
        parameters=parameters.name,
        may_start_anew=chain_id in DEVELOPMENT_CHAIN_IDS,
        announce=click.echo,
    )
    follows = predecessor_of(deployment)
    if predecessor is not None and "Settlement" not in deployment.contracts:
        old = Deployment.read(predecessor, chain_id)
        follows = old.address_of("Settlement")
        if not path.exists():
            deployment = successor_of(old)
    plan = Plan(
        parameters=parameters,
        artifacts=compiled_contracts(),
        deployer=deployment.deployer,
        chain_id=chain_id,
        settlement_token=_settlement_token(),
        predecessor=follows,
    )
    signers = _operators(provider, chain_id, zones, operators)
    sign_without_asking(account)
    journal = Journal(
        path,
        deployment,
        rpc,
        timeout_seconds=max(provider.network.transaction_acceptance_timeout, MIN_TIMEOUT_SECONDS),
        confirmations=provider.network.required_confirmations,
        announce=lambda step: click.echo(f"  {step}"),
    )
    click.echo(f"{network_name(provider)}, chain {chain_id}, deployer {deployment.deployer}")
    return deploy(plan, journal, ApeSigner(account, provider), signers), path


def _settlement_token() -> str | None:
    address = os.environ.get(SETTLEMENT_TOKEN_VARIABLE, "").strip()
    if not address:
        return None
    if not is_checksum_address(address):
        raise ConfigurationError(
            SETTLEMENT_TOKEN_VARIABLE, expected="an address with checksum", found=address
        )
    return address


def _operators(
    provider: ProviderAPI, chain_id: int, zones: int, given: tuple[str, ...]
) -> dict[int, Signer | str]:
    if not given and chain_id in DEVELOPMENT_CHAIN_IDS:
        if zones >= len(accounts.test_accounts):
            raise ConfigurationError(
                f"too few test accounts for {zones} zones",
                expected=f"at most {len(accounts.test_accounts) - 1} zones",
                remedy="Name the operators with --operator",
            )
        given = tuple(f"TEST::{zone}" for zone in range(1, zones + 1))
    if len(given) != zones or len(set(given)) != zones:
        raise ConfigurationError(
            "grid operators", expected=f"{zones} different --operator, one a zone", found=len(given)
        )
    return {zone: _operator(provider, name) for zone, name in enumerate(given, start=1)}


def _operator(provider: ProviderAPI, name: str) -> Signer | str:
    if is_checksum_address(name):
        return name
    prefix, _, index = name.partition("::")
    if prefix == "TEST" and index.isdigit() and int(index) < len(accounts.test_accounts):
        return ApeSigner(accounts.test_accounts[int(index)], provider)
    if name not in accounts.aliases:
        raise ConfigurationError(
            f"operator {name!r}",
            expected="an alias of `ape accounts list`, TEST::<number>, or a checksum address",
            remedy="Import its key with `ape accounts import`, or name its address",
        )
    account = accounts.load(name)
    sign_without_asking(account)
    return ApeSigner(account, provider)


def _show(report: DeploymentReport, path: Path) -> None:
    click.echo(f"{report.transactions_sent} transactions sent; recorded in {path}")
    for name, record in report.deployment.contracts.items():
        click.echo(f"  {name:<16} {record.address}")
    for check in report.outstanding:
        click.secho(
            f"outstanding: {check.subject} {check.what}: expected {check.expected}, "
            f"found {check.found}",
            fg="yellow",
        )
