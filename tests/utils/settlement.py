"""A Settlement on a `Revm`, with the exits it needs."""

from __future__ import annotations

from typing import Any, Final

from energy_grid.contracts import abi_of
from tests.utils.revm import Contract, Revm

NO_ADDRESS: Final = "0x" + "0" * 40


def deploy_settlement(chain: Revm, *values: Any, predecessor: str = NO_ADDRESS) -> Contract:
    """Two deployments, `SettlementExits` first, with the same seven values."""
    exits = chain.deploy("SettlementExits", *values, predecessor)
    deployed = chain.deploy("Settlement", *values, predecessor, exits.address)
    return Contract(chain, abi_of("Settlement", chain.artifacts), deployed.address)
