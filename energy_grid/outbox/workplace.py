"""What the parts of a sender share."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from energy_grid.outbox.edges import Edge
from energy_grid.outbox.fees import FeePolicy
from energy_grid.outbox.status import Alarms, Counters, Gauges
from energy_grid.outbox.store import Outbox
from energy_grid.rpc import Rpc


class Account(Protocol):
    """A key that signs transactions, such as an `eth_account` account."""

    @property
    def address(self) -> Any:
        """Checksum address."""

    def sign_transaction(self, transaction_dict: dict[str, Any]) -> Any:
        """Sign; the answer has `raw_transaction` and `hash`."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block as a node tells it."""

    number: int
    hash: str
    base_fee_wei: int

    @classmethod
    def of_block(cls, block: dict[str, Any]) -> Head:
        """From a block's JSON."""
        return cls(
            number=int(block["number"], 16),
            hash=str(block["hash"]),
            base_fee_wei=int(block.get("baseFeePerGas") or "0x0", 16),
        )


@dataclass(slots=True)
class Workplace:
    """One sender's outbox, node, key, settings, and what it knows at the moment."""

    outbox: Outbox
    rpc: Rpc
    account: Account
    address: str
    confirmations: int
    fees: FeePolicy
    bump_after_blocks: int
    resend_after_seconds: float
    on_edge: Callable[[Edge], None]
    decode_error: Callable[[bytes], str]
    alarms: Alarms = field(default_factory=Alarms)
    counters: Counters = field(default_factory=Counters)
    gauges: Gauges = field(default_factory=Gauges)
    chain_id: int = 0
    head: Head | None = None

    def see(self, head: Head) -> None:
        """Take note of the newest block."""
        if self.head is None or self.head.hash != head.hash:
            self.gauges.head_changed_at = time.monotonic()
        self.head = head
        self.gauges.head = head.number

    @property
    def head_number(self) -> int:
        """Number of the newest block; 0 before the first was seen."""
        return 0 if self.head is None else self.head.number
