"""Signed orders on their way to the chain, in the outbox's own file.

Marking orders as relayed and planning the transaction that relays them is one commit: a process
killed anywhere neither loses an order nor relays it twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak

from energy_grid import eip712
from energy_grid.curves import MarketUnits
from energy_grid.errors import FatalError, InvalidValueError
from energy_grid.outbox import Outbox, transaction
from energy_grid.signed_orders import AuctionOrder, SignedOrder, unpack_batch
from oracles.engine.snapshot import WaitingOrder

_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS signed_orders (
        key BLOB PRIMARY KEY,
        signer TEXT NOT NULL,
        product_id INTEGER NOT NULL,
        signed_at INTEGER NOT NULL,
        item BLOB NOT NULL,
        received_at INTEGER NOT NULL,
        closes_at INTEGER NOT NULL,
        state TEXT NOT NULL,
        business_key TEXT,
        place INTEGER,
        reason TEXT
    )""",
    "CREATE INDEX IF NOT EXISTS signed_orders_state ON signed_orders (state, received_at)",
    "CREATE INDEX IF NOT EXISTS signed_orders_signer ON signed_orders (signer, product_id)",
)


class OrderState(StrEnum):
    """Life of a signed order."""

    WAITING = "waiting"
    """On disk, not relayed."""
    RELAYED = "relayed"
    """In a batch that is on its way."""
    PLACED = "placed"
    """In the book, or it was there until a newer one came."""
    SKIPPED = "skipped"
    """The market left it out."""
    SUPERSEDED = "superseded"
    """A newer one of the same account and product came in before it was relayed."""
    EXPIRED = "expired"
    """Its gate closed while the market would not have taken it."""


class SignedOrderRefusedError(FatalError):
    """A signed order is not taken."""


class Inbox:
    """Takes signed orders in and keeps track of them.

    Args:
        outbox: whose file the orders share.
        units: lot and tick of the market.
        domain_separator: of the market.
    """

    def __init__(self, outbox: Outbox, units: MarketUnits, domain_separator: bytes) -> None:
        self._outbox = outbox
        self._units = units
        self._domain = domain_separator
        with transaction(self._connection):
            for statement in _SCHEMA:
                self._connection.execute(statement)

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._outbox.connection

    # --- in ---------------------------------------------------------------------------------------

    def submit(self, order: SignedOrder, now: int) -> WaitingOrder:
        """Take an order in; the same order again changes nothing.

        Raises:
            SignedOrderRefusedError: forged, too early, too late, or older than another.
        """
        product = order.curve.product
        if order.signed_at > now:
            raise SignedOrderRefusedError(
                "the order was signed in the future", expected=f"at most {now}",
                found=order.signed_at, remedy="Check the clock of the device that signed",
            )  # fmt: skip
        if not product.opens_at <= now < product.gate_at:
            raise SignedOrderRefusedError(
                "the product takes no orders now",
                expected=f"{product.opens_at} to {product.gate_at}", found=now,
            )  # fmt: skip
        try:
            signer = order.signer(self._units, self._domain)
        except InvalidValueError as error:
            raise SignedOrderRefusedError("the signature is no good", found=str(error)) from error
        key = self._key(order, signer)
        with transaction(self._connection) as connection:
            self._refuse_older(connection, order, signer, key)
            connection.execute(
                "UPDATE signed_orders SET state = ? WHERE signer = ? AND product_id = ?"
                " AND state = ? AND signed_at < ?",
                (OrderState.SUPERSEDED, signer, product.id, OrderState.WAITING, order.signed_at),
            )
            connection.execute(
                "INSERT INTO signed_orders (key, signer, product_id, signed_at, item,"
                " received_at, closes_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (key, signer, product.id, order.signed_at, order.pack(), now,
                 product.extended_gate_at, OrderState.WAITING),
            )  # fmt: skip
        return WaitingOrder(key, signer, order, now)

    def _key(self, order: SignedOrder, signer: str) -> bytes:
        """Name of an order: its signer is no part of what is signed, so two may sign the same."""
        message = AuctionOrder.of(order.curve, order.signed_at, self._units)
        return keccak(to_canonical_address(signer) + eip712.digest(message, self._domain))

    @staticmethod
    def _refuse_older(
        connection: sqlite3.Connection, order: SignedOrder, signer: str, key: bytes
    ) -> None:
        newest = connection.execute(
            "SELECT max(signed_at) FROM signed_orders"
            " WHERE signer = ? AND product_id = ? AND key != ?",
            (signer, order.curve.product.id, key),
        ).fetchone()[0]
        if newest is not None and newest >= order.signed_at:
            raise SignedOrderRefusedError(
                "the account has signed another order for the product that is as new, or newer",
                expected=f"signed after {newest}", found=order.signed_at,
                remedy="Sign again",
            )  # fmt: skip

    # --- out --------------------------------------------------------------------------------------

    def waiting(self) -> list[WaitingOrder]:
        """Orders not relayed yet, oldest first."""
        rows = self._connection.execute(
            "SELECT key, signer, item, received_at FROM signed_orders WHERE state = ?"
            " ORDER BY received_at, key",
            (OrderState.WAITING,),
        ).fetchall()
        return [WaitingOrder(row[0], row[1], unpack_batch(row[2])[0], row[3]) for row in rows]

    def relay(self, business_key: str, orders: Iterable[WaitingOrder]) -> None:
        """Mark orders as part of a batch, in the caller's open transaction."""
        self._connection.executemany(
            "UPDATE signed_orders SET state = ?, business_key = ?, place = ? WHERE key = ?",
            [
                (OrderState.RELAYED, business_key, place, one.key)
                for place, one in enumerate(orders)
            ],
        )

    def under_way(self) -> list[str]:
        """Business keys of batches whose outcome is not noted yet."""
        rows = self._connection.execute(
            "SELECT DISTINCT business_key FROM signed_orders WHERE state = ?",
            (OrderState.RELAYED,),
        ).fetchall()
        return [row[0] for row in rows]

    def note_outcome(self, business_key: str, skipped: Mapping[int, str]) -> None:
        """A batch is in a block: which of its orders were skipped, and why."""
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE signed_orders SET state = ? WHERE business_key = ? AND state = ?",
                (OrderState.PLACED, business_key, OrderState.RELAYED),
            )
            connection.executemany(
                "UPDATE signed_orders SET state = ?, reason = ?"
                " WHERE business_key = ? AND place = ?",
                [
                    (OrderState.SKIPPED, reason, business_key, place)
                    for place, reason in skipped.items()
                ],
            )

    def take_back(self, business_key: str) -> None:
        """A batch never took effect: its orders wait again."""
        with transaction(self._connection) as connection:
            connection.execute(
                "UPDATE signed_orders SET state = ?, business_key = NULL, place = NULL"
                " WHERE business_key = ? AND state = ?",
                (OrderState.WAITING, business_key, OrderState.RELAYED),
            )

    def expire(self, now: int) -> int:
        """Give up orders whose gate has closed. Returns how many."""
        with transaction(self._connection) as connection:
            return connection.execute(
                "UPDATE signed_orders SET state = ? WHERE state = ? AND closes_at <= ?",
                (OrderState.EXPIRED, OrderState.WAITING, now),
            ).rowcount

    def prune(self, closed_before: int) -> int:
        """Forget orders of products long closed. Returns how many."""
        with transaction(self._connection) as connection:
            return connection.execute(
                "DELETE FROM signed_orders WHERE closes_at < ? AND state NOT IN (?, ?)",
                (closed_before, OrderState.WAITING, OrderState.RELAYED),
            ).rowcount

    def states(self, keys: Sequence[bytes]) -> list[tuple[OrderState, str | None] | None]:
        """What became of orders, and why they were skipped; None for unknown ones."""
        found: list[tuple[OrderState, str | None] | None] = []
        for key in keys:
            row = self._connection.execute(
                "SELECT state, reason FROM signed_orders WHERE key = ?", (key,)
            ).fetchone()
            found.append(None if row is None else (OrderState(row[0]), row[1]))
        return found
