"""A fork of a deployed state for the lock-step tests.

Without configuration the state is made here: an Anvil is deployed to and lives a little, its state
is dumped and served by a second Anvil, and a third one forks that. To run the same tests on a fork
of a real network, name its node and the deployment file:

    EG_FORK_URL=https://... EG_FORK_DEPLOYMENT=deployments/11155111.json make invariants

Nothing is ever sent to the upstream node; what the tests do lives and dies in the fork.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from eth_account import Account

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contracts
from energy_grid.deployment import Journal, LocalSigner, Parameters, Plan, deploy
from energy_grid.deployments import Deployment
from energy_grid.rpc import Rpc
from tests.utils.anvil import Anvil

FORK_URL = "EG_FORK_URL"
FORK_DEPLOYMENT = "EG_FORK_DEPLOYMENT"

UPSTREAM_CHAIN_ID = 7777
SEEDED_ZONE = 1
MNEMONIC = "test test test test test test test test test test test junk"
FORK_ARGUMENTS = ("--auto-impersonate", "--prune-history", "50", "--gas-limit", "1000000000")

COIN = 1_000_000
SMALL_BONDS = {
    "security_deposit": COIN // 2,
    "bond_floor": COIN // 2,
    "operator_bond": COIN // 2,
}
"""Little enough that the tests run operators and members out of money."""


@dataclass(frozen=True)
class Fork:
    """A running fork with handles of its contracts."""

    anvil: Anvil
    contracts: Contracts
    parameters: Parameters

    @property
    def rpc(self) -> Rpc:
        """Connection to the fork."""
        return self.anvil.rpc


@contextmanager
def forked_market() -> Iterator[Fork]:
    """Fork the configured network, or a state made for the purpose."""
    with ExitStack() as stack:
        url = os.environ.get(FORK_URL)
        if url:
            deployment, parameters = _configured(url)
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            deployment, parameters = _deployed_state(folder)
            upstream = stack.enter_context(
                Anvil(chain_id=UPSTREAM_CHAIN_ID, load_state=folder / "state.json")
            )
            url = upstream.url
        fork = stack.enter_context(
            Anvil(chain_id=deployment.chain_id, fork_url=url, arguments=FORK_ARGUMENTS)
        )
        yield Fork(fork, Contracts.load(deployment, fork.rpc), parameters)


def _configured(url: str) -> tuple[Deployment, Parameters]:
    path = os.environ.get(FORK_DEPLOYMENT)
    if not path:
        raise RuntimeError(f"{FORK_URL} is set: {FORK_DEPLOYMENT} must name the deployment file")
    with Rpc(url) as rpc:
        deployment = Deployment.read(path, expected_chain_id=rpc.chain_id())
    return deployment, Parameters.load(deployment.parameters)


def _deployed_state(folder: Path) -> tuple[Deployment, Parameters]:
    """Deploy as the deploy script does, let somebody trade, and dump the state."""
    Account.enable_unaudited_hdwallet_features()
    deployer, operator, member = (
        LocalSigner(Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}"))
        for index in range(3)
    )
    parameters = replace(Parameters.load("single-key"), **SMALL_BONDS)
    state = folder / "state.json"
    with Anvil(chain_id=UPSTREAM_CHAIN_ID, dump_state=state) as anvil:
        plan = Plan(parameters, Artifacts.load(), deployer.address, UPSTREAM_CHAIN_ID, None)
        empty = Deployment(
            chain_id=UPSTREAM_CHAIN_ID,
            genesis_hash=anvil.rpc.genesis_hash(),
            network="upstream",
            deployer=deployer.address,
            parameters=parameters.name,
        )
        journal = Journal(folder / "deployment.json", empty, anvil.rpc)
        report = deploy(plan, journal, deployer, {SEEDED_ZONE: operator})
        assert not report.outstanding, report.outstanding
        contracts = Contracts.load(journal.deployment, anvil.rpc)
        settlement, token = contracts.settlement, contracts.settlement_token
        for contract, function, arguments in (
            (token, "mint", (member.address, 100 * COIN)),
            (token, "approve", (settlement.address, 2**256 - 1)),
            (settlement, "joinAsTrader", (SEEDED_ZONE,)),
            (settlement, "deposit", (60 * COIN,)),
        ):
            data = contract.encode(function, *arguments)
            journal.send(member, function, contract.address, data)
    return journal.deployment, parameters
