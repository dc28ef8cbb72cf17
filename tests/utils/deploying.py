"""Deploy in-process with the accounts of Anvil's well-known mnemonic: for tests that need a chain
with all contracts on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contracts
from energy_grid.deployment import (
    DeploymentReport,
    Journal,
    LocalSigner,
    Parameters,
    Plan,
    Signer,
    deploy,
)
from energy_grid.deployment.journal import open_deployment
from energy_grid.deployment.migration import predecessor_of, successor_of
from energy_grid.deployments import Deployment, deployment_path
from energy_grid.rpc import Rpc, to_hex

MNEMONIC = "test test test test test test test test test test test junk"


@cache
def test_account(index: int) -> LocalAccount:
    """Account `index` of the mnemonic that Anvil and ape share."""
    Account.enable_unaudited_hdwallet_features()
    return Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")


test_account.__test__ = False  # type: ignore[attr-defined]


def deploy_on(
    rpc: Rpc,
    folder: Path,
    *,
    operators: Mapping[int, Signer | str] | None = None,
    parameters: str | Path = "single-key",
    deployer: int = 0,
    settlement_token: str | None = None,
    successor_to: Deployment | None = None,
    on_edge: Callable[[str], None] = lambda _edge: None,
    announce: Callable[[str], None] = lambda _step: None,
    timeout_seconds: float = 20.0,
) -> DeploymentReport:
    """Run one deployment, or the rest of one, the way `scripts/deploy.py` does."""
    signer = LocalSigner(test_account(deployer))
    loaded = Parameters.load(parameters)
    path = deployment_path(rpc.chain_id(), folder)
    deployment = open_deployment(
        path,
        rpc,
        network="test",
        deployer=signer.address,
        parameters=loaded.name,
        may_start_anew=True,
        announce=announce,
    )
    follows = predecessor_of(deployment)
    if successor_to is not None and not path.exists():
        deployment = successor_of(successor_to)
        follows = successor_to.address_of("Settlement")
    plan = Plan(
        parameters=loaded,
        artifacts=Artifacts.load(),
        deployer=deployment.deployer,
        chain_id=deployment.chain_id,
        settlement_token=settlement_token,
        predecessor=follows,
    )
    journal = Journal(
        path,
        deployment,
        rpc,
        timeout_seconds=timeout_seconds,
        announce=announce,
        on_edge=on_edge,
    )
    return deploy(plan, journal, signer, operators or {1: LocalSigner(test_account(1))})


def contracts_on(rpc: Rpc, folder: Path) -> Contracts:
    """Deploy and return the handles."""
    return Contracts.load(deploy_on(rpc, folder).deployment, rpc)


def send_as(rpc: Rpc, sender: str, to: str, data: bytes) -> None:
    """Send as any account or contract, which Anvil lets one be."""
    rpc.call("anvil_impersonateAccount", sender)
    rpc.call("anvil_setBalance", sender, hex(10**20))
    transaction = {"from": sender, "to": to, "data": to_hex(data), "gasPrice": hex(10**9)}
    receipt = rpc.wait_for_receipt(rpc.call("eth_sendTransaction", transaction))
    assert receipt["status"] == "0x1"
