"""Deploying on the day's chain with the very code of `ape run deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contracts
from energy_grid.deployment import Journal, LocalSigner, Parameters, Plan, deploy
from energy_grid.deployments import Deployment
from energy_grid.rpc import Rpc
from simulation.market_day.errors import MarketDayError
from simulation.market_day.keys import DayKeys

ZONE: Final = 1
PARAMETERS: Final = "standard"
_NETWORK: Final = "market day"


def deploy_market(rpc: Rpc, keys: DayKeys, file: Path) -> Contracts:
    """Deploy all contracts and open zone 1; addresses go into `file`.

    Raises:
        ArtifactError: the contracts are not compiled.
        MarketDayError: something of the zone is not as its parameters say.
    """
    file.unlink(missing_ok=True)
    chain_id = rpc.chain_id()
    artifacts = Artifacts.load()
    parameters = Parameters.load(PARAMETERS)
    signer = LocalSigner(keys.governor)
    empty = Deployment(
        chain_id=chain_id,
        genesis_hash=rpc.genesis_hash(),
        network=_NETWORK,
        deployer=signer.address,
        parameters=parameters.name,
    )
    plan = Plan(parameters, artifacts, signer.address, chain_id, settlement_token=None)
    report = deploy(plan, Journal(file, empty, rpc), signer, {ZONE: LocalSigner(keys.operator)})
    if report.outstanding:
        first = report.outstanding[0]
        raise MarketDayError(
            f"{first.subject} is not as deployed", expected=first.expected, found=first.found
        )
    return Contracts.load(report.deployment, rpc, artifacts)
