"""Deploying on the day's chain with the very code of `ape run deploy`: two zones, one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contracts
from energy_grid.deployment import Journal, LocalSigner, Parameters, Plan, deploy, hand_over
from energy_grid.deployment.journal import open_deployment
from energy_grid.deployment.reader import DEPLOYER
from energy_grid.rpc import Rpc
from simulation.market_day.errors import MarketDayError
from simulation.market_day.keys import DayKeys
from simulation.physics.zones import FIRST_ZONE, SECOND_ZONE

REGION: Final = FIRST_ZONE
"""Both zones are one region; its id is that of its head zone."""
PARAMETERS: Final = "standard"

_SECOND_RETAIL_UNITS: Final = 340_000
_SECOND_FEED_IN_UNITS: Final = 90_000
"""The second operator sells a little dearer and buys a little dearer than `standard` says."""
_NETWORK: Final = "market day"


def deploy_market(
    rpc: Rpc,
    keys: DayKeys,
    line_w: int,
    file: Path,
    *,
    resumes: bool = False,
    changes: Mapping[str, Any] | None = None,
) -> Contracts:
    """Deploy all contracts, open both zones and the line between them; addresses go into `file`.

    Args:
        rpc: the node.
        keys: governor and operators.
        line_w: capacity of the line, either way.
        file: deployment file to write.
        resumes: go on with what an earlier run has recorded in the file, if it was on this chain.
        changes: parameters that differ from the standard, by their names.

    Raises:
        ArtifactError: the contracts are not compiled.
        MarketDayError: something of a zone is not as its parameters say.
    """
    if not resumes:
        file.unlink(missing_ok=True)
    chain_id = rpc.chain_id()
    artifacts = Artifacts.load()
    # The key that deploys goes on as registrar; what it could decide ends with the deployment.
    standard = replace(Parameters.load(PARAMETERS), registrar=DEPLOYER)
    first = replace(standard, **(changes or {}))
    second = replace(
        first, retail_tariff=_SECOND_RETAIL_UNITS, feed_in_tariff=_SECOND_FEED_IN_UNITS
    )
    governor = LocalSigner(keys.governor)
    recorded = open_deployment(
        file,
        rpc,
        network=_NETWORK,
        deployer=governor.address,
        parameters=first.name,
        may_start_anew=True,
    )
    journal = Journal(file, recorded, rpc)

    def open_zone(zone: int, parameters: Parameters) -> Contracts:
        plan = Plan(parameters, artifacts, governor.address, chain_id, settlement_token=None)
        operator = LocalSigner(keys.operators[zone])
        report = deploy(plan, journal, governor, {zone: operator}, hands_over=False)
        if report.outstanding:
            check = report.outstanding[0]
            raise MarketDayError(
                f"{check.subject} is not as deployed", expected=check.expected, found=check.found
            )
        return Contracts.load(report.deployment, rpc, artifacts)

    market = open_zone(FIRST_ZONE, first).energy_trading
    # A zone joins a region before its first market terms, which opening it sets.
    if int(market.call("regionOf", SECOND_ZONE)) != REGION:
        journal.send(
            governor,
            f"join zone {SECOND_ZONE} to region {REGION}",
            market.address,
            market.encode("joinRegion", SECOND_ZONE, REGION),
        )
    contracts = open_zone(SECOND_ZONE, second)
    owner = keys.operators[FIRST_ZONE].address
    if not contracts.energy_trading.call("interconnectorsOf", REGION):
        journal.send(
            governor,
            "open the line between the zones",
            market.address,
            market.encode("addInterconnector", FIRST_ZONE, SECOND_ZONE, line_w, line_w, owner),
        )
    plan = Plan(first, artifacts, governor.address, chain_id, settlement_token=None)
    hand_over(plan, journal, governor, contracts)
    return contracts
