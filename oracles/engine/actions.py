"""What the engine can do: calls of the market, each under a key that names its effect."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from energy_grid.products import Product
from energy_grid.signed_orders import pack_batch
from oracles.engine.snapshot import WaitingOrder

KEY_PREFIX = "engine"
_HASH_DIGITS = 16


class Kind(StrEnum):
    """Kinds of actions; while one is under way the engine decides nothing new about its subject."""

    CLEAR = "clear"
    CLAIM = "claim"
    REMOVE = "remove"
    MATCH = "match"
    RENT = "rent"
    RELAY = "relay"


@dataclass(frozen=True, slots=True)
class Action:
    """One call of the market.

    Attributes:
        kind: what it is for.
        subject: what it is about; together with `kind` what must not be under way twice.
        function: function of the market.
        arguments: its arguments.
        orders: signed orders that it relays.
    """

    kind: Kind
    subject: str
    function: str
    arguments: tuple[Any, ...]
    orders: tuple[WaitingOrder, ...] = field(default=(), compare=False)

    @property
    def topic(self) -> str:
        """What it is about, as far as doing it twice is concerned."""
        return f"{self.kind}/{self.subject}"

    @property
    def business_key(self) -> str:
        """Key of the outbox row: the same call about the same subject has the same."""
        content = repr((self.function, self.arguments)).encode()
        return f"{KEY_PREFIX}/{self.topic}/{hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]}"


def topic_of(business_key: str) -> str | None:
    """Topic of a row of the engine's; None for rows of others in the same outbox."""
    prefix, _, rest = business_key.partition("/")
    return rest.rpartition("/")[0] if prefix == KEY_PREFIX else None


def clear(product: Product, gate_at: int, low: int, high: int) -> Action:
    """Clear one zone's auction with its clearing interval."""
    return Action(Kind.CLEAR, f"{product.id}@{gate_at}", "clear", (product.id, low, high))


def clear_coupled(head: Product, gate_at: int, proposal: bytes) -> Action:
    """Clear the auctions of a region."""
    subject = f"{head.id}@{gate_at}"
    return Action(Kind.CLEAR, subject, "clearCoupled", (head.id, proposal))


def claim(product: Product, accounts: tuple[str, ...]) -> Action:
    """Fix fills of accounts and free what they do not need."""
    return Action(Kind.CLAIM, str(product.id), "claim", (product.id, accounts))


def remove(order_ids: tuple[int, ...]) -> Action:
    """Take expired orders out of the way."""
    return Action(Kind.REMOVE, "book", "removeExpired", (order_ids,))


def match(pairs: tuple[tuple[int, int], ...]) -> Action:
    """Let pairs of orders trade, one after the other."""
    buys, sells = tuple(buy for buy, _ in pairs), tuple(sell for _, sell in pairs)
    return Action(Kind.MATCH, "book", "matchMany", (buys, sells))


def collect_rent(head: Product, index: int) -> Action:
    """Give a line's rent to its owner."""
    return Action(Kind.RENT, f"{head.id}.{index}", "collectRent", (head.id, index))


def relay(orders: tuple[WaitingOrder, ...]) -> Action:
    """Bring signed orders into the book."""
    batch = pack_batch(waiting.order for waiting in orders)
    digest = hashlib.sha256(batch).hexdigest()[:_HASH_DIGITS]
    return Action(Kind.RELAY, digest, "placeSigned", (batch,), orders)
