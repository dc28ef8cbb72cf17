"""Roles of the access manager: ids, and which restricted functions each may call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Role(IntEnum):
    """Role ids. Every restricted function without a role of its own is the governor's."""

    GOVERNOR = 0
    GUARDIAN = 1
    REGISTRAR = 2
    MINTER = 3
    PRICE_FEED = 4
    COMMITTER = 5
    BREAKER = 6
    GRID = 7
    CALENDAR = 8
    SHUTDOWN = 9
    WATCH = 10
    VETO = 11


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """What a role is for and who holds it.

    Attributes:
        purpose: in a line.
        contracts: contracts of the deployment that hold it.
        people: entries of `[roles]` in the parameters whose accounts hold it.
    """

    purpose: str
    contracts: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


ROLES: Final[Mapping[Role, RoleSpec]] = {
    Role.GOVERNOR: RoleSpec(
        "the access manager's admin role: grants roles, sets every parameter", people=("governor",)
    ),
    Role.GUARDIAN: RoleSpec(
        "takes feeds and quotes away for a while, raises states, stops events: can only tighten",
        contracts=("Guardian",),
    ),
    Role.REGISTRAR: RoleSpec(
        "registers and exchanges meters, registers assets, judges quarantines, appoints bridges",
        people=("registrar",),
    ),
    Role.MINTER: RoleSpec("creates certificates", contracts=("Settlement",)),
    Role.PRICE_FEED: RoleSpec(
        "sets the reference prices of the zones and quotes their slots", contracts=("PriceOracle",)
    ),
    Role.COMMITTER: RoleSpec(
        "seals the sessions of a sealed auction; whoever runs a national market deploys that alone"
    ),
    Role.BREAKER: RoleSpec(
        "halts trading in a zone for at most 72 h", ("GridManagement", "Guardian")
    ),
    Role.GRID: RoleSpec(
        "sets what the lines between zones carry", ("GridManagement",), ("governor",)
    ),
    Role.CALENDAR: RoleSpec(
        "takes meters for events and gives them back", contracts=("DemandResponse",)
    ),
    Role.SHUTDOWN: RoleSpec(
        "winds the market down, for ever, when the governor says so",
        contracts=("EmergencyShutdown",),
    ),
    Role.WATCH: RoleSpec(
        "freezes, halts, escalates and stops through Guardian, within its budgets",
        people=("guardian", "watchers"),
    ),
    Role.VETO: RoleSpec(
        "cancels decisions through Guardian, three in 30 days", people=("guardian",)
    ),
}


AGGREGATOR_ROLES: Final[Mapping[str, Role]] = {
    "setReporters": Role.GOVERNOR,
    "addFeed": Role.GOVERNOR,
    "configureFeed": Role.GOVERNOR,
    "shadowFeed": Role.GOVERNOR,
    "activateFeed": Role.GOVERNOR,
    "unfreezeFeed": Role.GOVERNOR,
    "endFallback": Role.GOVERNOR,
    "freezeFeed": Role.GUARDIAN,
    "switchToFallback": Role.GUARDIAN,
}
"""What every oracle restricts."""

FUNCTION_ROLES: Final[Mapping[str, Mapping[str, Role]]] = {
    "EnergyTrading": {
        "haltZone": Role.BREAKER,
        "liftHalt": Role.GOVERNOR,
        "setMarketTerms": Role.GOVERNOR,
        "joinRegion": Role.GOVERNOR,
        "addInterconnector": Role.GOVERNOR,
        "setCapacity": Role.GRID,
        "setReferencePrice": Role.PRICE_FEED,
        "quoteSlot": Role.PRICE_FEED,
        "closeZones": Role.SHUTDOWN,
    },
    "SmartMeter": {
        "registerMeter": Role.REGISTRAR,
        "deactivateMeter": Role.REGISTRAR,
        "releaseQuarantine": Role.REGISTRAR,
        "appointBridge": Role.REGISTRAR,
        "suspendBridge": Role.REGISTRAR,
        "orderSignature": Role.REGISTRAR,
        "announceSuccession": Role.REGISTRAR,
        "withdrawSuccession": Role.REGISTRAR,
        "setMeterLimits": Role.GOVERNOR,
    },
    "Settlement": {
        "appointOperator": Role.GOVERNOR,
        "setTariffBounds": Role.GOVERNOR,
        "setJoinLimits": Role.GOVERNOR,
        "windDown": Role.SHUTDOWN,
    },
    "EmergencyShutdown": {"trigger": Role.GOVERNOR},
    "EnergyToken": {"mint": Role.MINTER},
    "GridOracle": AGGREGATOR_ROLES,
    "WeatherOracle": AGGREGATOR_ROLES,
    "PriceOracle": {
        **AGGREGATOR_ROLES,
        "openZone": Role.GOVERNOR,
        "appendTable": Role.GOVERNOR,
        "proposeFormula": Role.GOVERNOR,
        "withdrawProposal": Role.GOVERNOR,
        "activateFormula": Role.GOVERNOR,
        "setStabilitySource": Role.GOVERNOR,
        "unfreezeQuotes": Role.GOVERNOR,
        "freezeQuotes": Role.GUARDIAN,
    },
    "GridManagement": {
        "setGridLimits": Role.GOVERNOR,
        "setCurve": Role.GOVERNOR,
        "rateLine": Role.GOVERNOR,
        "liftEscalation": Role.GOVERNOR,
        "releaseZone": Role.GOVERNOR,
        "escalateZone": Role.GUARDIAN,
        "freezeResource": Role.REGISTRAR,
        "unfreezeResource": Role.REGISTRAR,
        "removeResource": Role.REGISTRAR,
    },
    "Flexibility": {"reserve": Role.CALENDAR, "release": Role.CALENDAR},
    "DemandResponse": {"stopEvent": Role.GUARDIAN},
    "EnergyAssetNFT": {
        "registerAsset": Role.REGISTRAR,
        "bindMeter": Role.REGISTRAR,
        "releaseMeter": Role.REGISTRAR,
    },
    "Guardian": {
        "haltZone": Role.WATCH,
        "escalateZone": Role.WATCH,
        "freezeQuotes": Role.WATCH,
        "freezeFeed": Role.WATCH,
        "switchToFallback": Role.WATCH,
        "stopEvent": Role.WATCH,
        "cancelOperation": Role.VETO,
        "renewBudget": Role.GOVERNOR,
    },
}
"""Contract to restricted function to role."""

TRUSTED_CALLERS: Final[Mapping[str, Mapping[str, str]]] = {
    "Settlement": {
        "adjustLock": "EnergyTrading",
        "adjustLocks": "EnergyTrading",
        "creditRent": "EnergyTrading",
        "settleUpTo": "EnergyTrading",
    },
    "EnergyTrading": {"takePositions": "Settlement"},
}
"""Functions of the hot paths that ask no access manager: contract to function to its one caller."""

TIMELOCK_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "DEFAULT_ADMIN_ROLE": ("GridTimelock",),
    "PROPOSER_ROLE": ("GridGovernor",),
    "CANCELLER_ROLE": ("GridGovernor", "Guardian"),
    "EXECUTOR_ROLE": ("anybody",),
}
"""The timelock's own roles and who holds them. None has another admin than the first."""
