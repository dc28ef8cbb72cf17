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
    """Halts trading, can only tighten."""
    REGISTRAR = 2
    """Registers and removes meters, judges quarantines, appoints bridges."""
    MINTER = 3
    """Creates certificates: the settlement contract alone."""
    PRICE_FEED = 4
    """Sets the reference prices of the zones, which set the collars of products that open."""
    COMMITTER = 5
    """Seals the sessions of a sealed auction (`SealedAuction.commit`)."""


FUNCTION_ROLES: Final[Mapping[str, Mapping[str, Role]]] = {
    "EnergyTrading": {
        "haltZone": Role.GUARDIAN,
        "liftHalt": Role.GOVERNOR,
        "setMarketTerms": Role.GOVERNOR,
        "joinRegion": Role.GOVERNOR,
        "addInterconnector": Role.GOVERNOR,
        "setCapacity": Role.GOVERNOR,
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
}
"""Contract to restricted function to role."""
