"""One transaction at a time, sent by hand: simulated first, waited for. Daemons have the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from energy_grid.outbox.fees import FeePolicy
from energy_grid.rpc import Rpc, to_hex

if TYPE_CHECKING:
    from energy_grid.deployment.journal import Signer


def send_single(
    rpc: Rpc,
    signer: Signer,
    to: str,
    data: bytes,
    *,
    gas_margin_percent: int,
    timeout_seconds: float,
) -> dict[str, Any]:
    """Send a call and wait for its receipt, which may say that it reverted.

    Args:
        rpc: the node.
        signer: sends and pays.
        to: the contract.
        data: the call.
        gas_margin_percent: added to what the simulation used.
        timeout_seconds: longest wait.

    Raises:
        ExecutionRevertedError: it would fail; nothing was sent.
    """
    sender = signer.address
    call = {"from": sender, "to": to, "data": to_hex(data)}
    estimate = int(rpc.call("eth_estimateGas", call), 16)
    fees = FeePolicy().first(rpc)
    raw = signer.sign(
        {
            "type": 2,
            "chainId": rpc.chain_id(),
            "nonce": rpc.nonce(sender, "pending"),
            "to": to,
            "value": 0,
            "data": to_hex(data),
            "gas": estimate * (100 + gas_margin_percent) // 100,
            "maxFeePerGas": fees.max_fee_wei,
            "maxPriorityFeePerGas": fees.priority_fee_wei,
        }
    )
    return rpc.wait_for_receipt(rpc.send_raw(raw), timeout_seconds=timeout_seconds)
