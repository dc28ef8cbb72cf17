"""What a transaction offers for its inclusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from energy_grid.rpc import Rpc, RpcResponseError

GWEI: Final = 10**9
DEFAULT_MAX_FEE_CAP_WEI: Final = 1_000 * GWEI
RAISE_DIVISOR: Final = 8
"""A raise is an eighth, 12.5 %: nodes refuse a replacement that offers less."""
LEAST_RAISE_WEI: Final = GWEI


@dataclass(frozen=True, slots=True)
class Fees:
    """Fee fields of one EIP-1559 transaction."""

    max_fee_wei: int
    priority_fee_wei: int


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """How to choose fees, and how to raise those of a transaction that waits.

    Attributes:
        priority_fee_wei: tip; None asks the node.
        max_fee_cap_wei: never offer more than this; None for no cap.
        base_fee_multiple: how many times the base fee may grow before inclusion.
    """

    priority_fee_wei: int | None = None
    max_fee_cap_wei: int | None = DEFAULT_MAX_FEE_CAP_WEI
    base_fee_multiple: int = 2

    def first(self, rpc: Rpc) -> Fees:
        """Fees of a row's first attempt."""
        base_fee = int(rpc.block("latest").get("baseFeePerGas") or "0x0", 16)
        tip = self.priority_fee_wei
        if tip is None:
            tip = _suggested_tip(rpc)
        max_fee = self._capped(self.base_fee_multiple * base_fee + tip)
        return Fees(max_fee_wei=max_fee, priority_fee_wei=min(tip, max_fee))

    def raised(self, fees: Fees, today: Fees) -> Fees | None:
        """Fees that replace a transaction which waits; None if the cap does not let them.

        Both fields rise by an eighth or 1 gwei, whichever is more, and to today's first offer where
        that is higher.

        Args:
            fees: what the waiting transaction offers.
            today: what a first attempt would offer now.
        """
        least = Fees(_raised(fees.max_fee_wei), _raised(fees.priority_fee_wei))
        max_fee = self._capped(max(least.max_fee_wei, today.max_fee_wei))
        if max_fee < least.max_fee_wei:
            return None
        tip = max(least.priority_fee_wei, today.priority_fee_wei)
        return Fees(max_fee_wei=max_fee, priority_fee_wei=min(tip, max_fee))

    def _capped(self, max_fee_wei: int) -> int:
        if self.max_fee_cap_wei is None:
            return max_fee_wei
        return min(max_fee_wei, self.max_fee_cap_wei)


def _raised(fee_wei: int) -> int:
    return fee_wei + max(-(-fee_wei // RAISE_DIVISOR), LEAST_RAISE_WEI)


def _suggested_tip(rpc: Rpc) -> int:
    try:
        return int(rpc.call("eth_maxPriorityFeePerGas"), 16)
    except RpcResponseError:  # not every node has the method
        return GWEI
