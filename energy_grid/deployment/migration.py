"""A successor of the market: what it keeps of a deployment, and what it follows.

Nothing that holds money is changed: a new deployment takes the meters, assets and certificates of
the old one and names its Settlement as predecessor, which must be winding down (docs/upgrades.md).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from energy_grid.contracts import Contract, Contracts
from energy_grid.deployment.plan import NO_ADDRESS
from energy_grid.deployments import Deployment

REPLACED: Final = (
    "SettlementDelivery",
    "SettlementExits",
    "Settlement",
    "MarketRegister",
    "AuctionRoom",
    "EnergyTrading",
    "PriceOracle",
    "GridManagement",
    "Flexibility",
    "DemandResponse",
    "EmergencyShutdown",
    "Guardian",
    "AssetVaults",
)
"""Settlement and the market, and whoever names them for ever. Everything else stays."""

_CLOSED: Final = 2


def successor_of(deployment: Deployment) -> Deployment:
    """A deployment with what stays of another one; the rest is still to be deployed."""
    kept = {name: record for name, record in deployment.contracts.items() if name not in REPLACED}
    return replace(deployment, contracts=kept, operators={}, pending=None)


def predecessor_of(deployment: Deployment) -> str:
    """Settlement that the deployed one follows; the zero address if it is the first."""
    record = deployment.contracts.get("Settlement") or deployment.contracts.get(
        "SettlementDelivery"
    )
    return NO_ADDRESS if record is None else str(record.arguments.get("predecessor", NO_ADDRESS))


def unfinished_predecessors(contracts: Contracts) -> tuple[str, ...]:
    """The predecessor while it still has accounts to settle: it mints for slots before its end."""
    address = predecessor_of(contracts.deployment)
    if address == NO_ADDRESS:
        return ()
    settlement = Contract("Settlement", address, contracts.settlement.abi, contracts.rpc)
    return () if settlement.call("exitStage") == _CLOSED else (address,)
