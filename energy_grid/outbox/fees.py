"""What a transaction offers for its inclusion."""

from __future__ import annotations

from dataclasses import dataclass

from energy_grid.rpc import Rpc, RpcResponseError

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class Fees:
    """Fee fields of one EIP-1559 transaction."""

    max_fee_wei: int
    priority_fee_wei: int


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """How to choose fees. Raising those of a stuck transaction will be another method here.

    Attributes:
        priority_fee_wei: tip; None asks the node.
        max_fee_cap_wei: never offer more than this; None for no cap.
        base_fee_multiple: how many times the base fee may grow before inclusion.
    """

    priority_fee_wei: int | None = None
    max_fee_cap_wei: int | None = None
    base_fee_multiple: int = 2

    def first(self, rpc: Rpc) -> Fees:
        """Fees of a row's first attempt."""
        base_fee = int(rpc.block("latest").get("baseFeePerGas") or "0x0", 16)
        tip = self.priority_fee_wei
        if tip is None:
            tip = _suggested_tip(rpc)
        max_fee = self.base_fee_multiple * base_fee + tip
        if self.max_fee_cap_wei is not None:
            max_fee = min(max_fee, self.max_fee_cap_wei)
        return Fees(max_fee_wei=max_fee, priority_fee_wei=min(tip, max_fee))


def _suggested_tip(rpc: Rpc) -> int:
    try:
        return int(rpc.call("eth_maxPriorityFeePerGas"), 16)
    except RpcResponseError:  # not every node has the method
        return GWEI
