"""What the outbox keeps: rows (intents) and attempts (signed transactions)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Life of a row: planned, signed, sent, mined, final; or failed."""

    PLANNED = "planned"
    """On disk, not signed. A nonce in this state is a reservation that a restart drops."""
    SIGNED = "signed"
    """The signed transaction is on disk; it may have been broadcast."""
    SENT = "sent"
    """A node took the transaction."""
    MINED = "mined"
    """In a block, not yet deep enough."""
    FINAL = "final"
    """In a block, as deep as asked for."""
    FAILED = "failed"
    """Refused by the contract: without a nonce before sending, with one in a block. The chain may
    still take back what failed in a block, as it may what was mined."""

    @property
    def is_open(self) -> bool:
        """Whether the outbox still has to do something about it."""
        return self not in (State.FINAL, State.FAILED)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One signed transaction of a row. All attempts of a row have the row's nonce."""

    transaction_hash: str
    raw: bytes
    max_fee_wei: int
    priority_fee_wei: int
    signed_at: float
    broadcast_at: float | None
    signed_block: int | None = None
    """Newest block when it was signed; None where an older version signed it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One intent: a call the account is to make exactly once."""

    id: int
    business_key: str
    to: str
    data: bytes
    value_wei: int
    gas_limit: int | None
    state: State
    nonce: int | None
    transaction_hash: str | None
    block_number: int | None
    gas_used: int | None
    failure: str | None
    failure_data: bytes | None
    created_at: float
    updated_at: float


def intent_hash(to: str, data: bytes, value_wei: int) -> bytes:
    """Fingerprint of what a row does; the gas limit is no part of it."""
    text = f"{to.lower()}|{value_wei}|".encode()
    return hashlib.sha256(text + data).digest()
