"""A Settlement on a `Revm`, with the rooms it needs."""

from __future__ import annotations

from typing import Any, Final

from energy_grid.contracts import abi_of
from tests.utils.revm import Contract, Revm

NO_ADDRESS: Final = "0x" + "0" * 40


def deploy_settlement(chain: Revm, *values: Any, predecessor: str = NO_ADDRESS) -> Contract:
    """Three deployments, Settlement last, with the same seven values."""
    rooms = [
        chain.deploy(name, *values, predecessor).address
        for name in ("SettlementDelivery", "SettlementExits")
    ]
    deployed = chain.deploy("Settlement", *values, predecessor, *rooms)
    return Contract(chain, abi_of("Settlement", chain.artifacts), deployed.address)
