"""Deploys the contract that counts effects by key."""

from __future__ import annotations

from eth_utils.address import to_checksum_address

from energy_grid.abi import Abi
from energy_grid.artifacts import Artifacts
from energy_grid.contracts import Contract
from energy_grid.rpc import Rpc

DEPLOYER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
"""Anvil's first account, unlocked."""


def effects_abi() -> Abi:
    """ABI of the contract."""
    return Abi("MockEffects", Artifacts.load().get("MockEffects").abi)


def deploy_effects(rpc: Rpc, *, refuses_repeats: bool) -> Contract:
    """Deploy it; blocks must come with transactions."""
    artifact = Artifacts.load().get("MockEffects")
    flag = int(refuses_repeats).to_bytes(32, "big").hex()
    data = "0x" + artifact.creation_code + flag
    transaction = {"from": DEPLOYER, "data": data, "gas": hex(1_000_000)}
    receipt = rpc.wait_for_receipt(rpc.call("eth_sendTransaction", transaction))
    return Contract(
        "MockEffects", to_checksum_address(receipt["contractAddress"]), effects_abi(), rpc
    )
