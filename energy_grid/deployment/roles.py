"""Roles of the access manager: ids, and which restricted functions each may call."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class Role(IntEnum):
    """Role ids. Every restricted function without a role of its own is the governor's."""

    GOVERNOR = 0
    """The access manager's admin role."""
    GUARDIAN = 1
    """Takes feeds and quotes away for a while, can only tighten; halts trading as a BREAKER."""
    REGISTRAR = 2
    """Registers and removes meters and assets, judges quarantines, appoints bridges."""
    MINTER = 3
    """Creates certificates: the settlement contract alone."""
    PRICE_FEED = 4
    """Sets the reference prices of the zones and quotes their slots: the price oracle alone."""
    COMMITTER = 5
    """Seals the sessions of a sealed auction (`SealedAuction.commit`)."""
    BREAKER = 6
    """Halts trading in a zone: the guardian, and grid management when the grid asks for it."""
    GRID = 7
    """Sets what the lines between zones carry: governance, and grid management within that."""
    CALENDAR = 8
    """Takes meters for events and gives them back: demand response alone."""


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
    },
    "SmartMeter": {
        "registerMeter": Role.REGISTRAR,
        "deactivateMeter": Role.REGISTRAR,
        "releaseQuarantine": Role.REGISTRAR,
        "appointBridge": Role.REGISTRAR,
        "suspendBridge": Role.REGISTRAR,
        "orderSignature": Role.REGISTRAR,
    },
    "Settlement": {
        "appointOperator": Role.GOVERNOR,
        "setTariffBounds": Role.GOVERNOR,
    },
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
}
"""Contract to restricted function to role."""
