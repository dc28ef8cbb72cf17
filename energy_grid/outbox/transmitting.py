"""Signs, stores, broadcasts: every attempt is on disk before a node may see it."""

from __future__ import annotations

import time
from typing import Any

import structlog
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from energy_grid.outbox.edges import Edge
from energy_grid.outbox.errors import NodeRefusedError
from energy_grid.outbox.fees import Fees
from energy_grid.outbox.rows import Attempt, Row, State
from energy_grid.outbox.status import AlarmName
from energy_grid.outbox.workplace import Workplace
from energy_grid.rpc import RpcResponseError, to_hex

_log = structlog.get_logger(__name__)


class Transmitter:
    """Brings one row's transaction to the node, again and dearer where it has to be."""

    def __init__(self, workplace: Workplace) -> None:
        self._work = workplace
        self._seen_at: dict[str, int] = {}
        """Head at the last broadcast of an attempt by this process."""
        self._at_cap: dict[int, str] = {}

    # --- First attempt ----------------------------------------------------------------------------

    def sign_and_send(self, row: Row, nonce: int, gas_limit: int, fees: Fees) -> None:
        """Reserve the nonce, sign, store, broadcast."""
        work = self._work
        work.on_edge(Edge.BEFORE_RESERVE)
        # A durable write before signing: where the disk takes nothing, nothing gets signed.
        row = work.outbox.reserve(row, nonce)
        work.on_edge(Edge.RESERVED)
        attempt = self._sign(
            {
                "type": 2,
                "chainId": work.chain_id,
                "nonce": nonce,
                "to": row.to,
                "data": to_hex(row.data),
                "value": row.value_wei,
                "gas": gas_limit,
            },
            fees,
        )
        work.on_edge(Edge.SIGNED_IN_MEMORY)
        work.outbox.record_signed(row, attempt)
        work.on_edge(Edge.STORED)
        self.broadcast(row, [attempt])

    def _sign(self, fields: dict[str, Any], fees: Fees) -> Attempt:
        signed = self._work.account.sign_transaction(
            {
                **fields,
                "maxFeePerGas": fees.max_fee_wei,
                "maxPriorityFeePerGas": fees.priority_fee_wei,
            }
        )
        return Attempt(
            transaction_hash=to_hex(bytes(signed.hash)),
            raw=bytes(signed.raw_transaction),
            max_fee_wei=fees.max_fee_wei,
            priority_fee_wei=fees.priority_fee_wei,
            signed_at=time.time(),
            broadcast_at=None,
            signed_block=self._work.head_number,
        )

    # --- Broadcasting -----------------------------------------------------------------------------

    def broadcast(self, row: Row, attempts: list[Attempt]) -> None:
        """Give the node the newest attempt that it takes: stored bytes, so repeating is harmless.

        Raises:
            NodeRefusedError: it takes none and knows none.
        """
        refusal: RpcResponseError | None = None
        for attempt in reversed(attempts):
            try:
                self._work.rpc.send_raw(attempt.raw)
            except RpcResponseError as error:
                refusal = refusal or error
                # Nodes word "already known" and "nonce too low" as they like: ask for the fact.
                if not self._is_known(attempt):
                    continue
            self._seen_at[attempt.transaction_hash] = self._work.head_number
            self._work.on_edge(Edge.BROADCAST)
            self._work.outbox.record_sent(row, attempt)
            self._work.on_edge(Edge.SENT)
            return
        if row.nonce is not None and self._work.rpc.nonce(self._work.address) > row.nonce:
            return  # decided by the next reconciliation
        raise NodeRefusedError(
            f"the node does not take the transaction of {row.business_key!r}",
            found=None if refusal is None else refusal.text,
            remedy=f"Fund {self._work.address} or wait for lower fees; the row stays signed",
        )

    def _is_known(self, attempt: Attempt) -> bool:
        return self._work.rpc.call("eth_getTransactionByHash", attempt.transaction_hash) is not None

    # --- Waiting ----------------------------------------------------------------------------------

    def tend(self, row: Row, attempts: list[Attempt], *, is_next: bool) -> None:
        """Look after a row that is in no block: broadcast it again, or offer more for it.

        Args:
            row: signed or sent.
            attempts: its attempts, oldest first.
            is_next: whether its nonce is the account's next, so that only its fees can hold it up.

        Raises:
            NodeRefusedError: the node takes no attempt of it.
        """
        newest = attempts[-1]
        waited = self._work.head_number - self._seen_at.get(
            newest.transaction_hash, newest.signed_block or 0
        )
        is_due = waited >= self._work.bump_after_blocks
        is_old = time.time() - (newest.broadcast_at or 0.0) >= self._work.resend_after_seconds
        if row.state is State.SENT and not (is_due or is_old):
            return
        may_raise = is_due and (is_next or self._is_underpriced(newest))
        if row.state is State.SENT and not is_old and self._is_known(newest):
            if may_raise:
                self._raise_fees(row, attempts)
            return
        try:
            self.broadcast(row, attempts)
            self._work.counters.rebroadcasts += row.state is State.SENT
        except NodeRefusedError:
            # A node drops what offers less than the base fee, and takes it only for more.
            if not (may_raise and self._raise_fees(row, attempts)):
                raise

    def _is_underpriced(self, attempt: Attempt) -> bool:
        head = self._work.head
        return head is not None and attempt.max_fee_wei < head.base_fee_wei

    def _raise_fees(self, row: Row, attempts: list[Attempt]) -> bool:
        """Sign the row's transaction again with higher fees: same nonce, same call, same gas."""
        work, newest = self._work, attempts[-1]
        offered = Fees(newest.max_fee_wei, newest.priority_fee_wei)
        raised = work.fees.raised(offered, work.fees.first(work.rpc))
        self._seen_at[newest.transaction_hash] = work.head_number
        if raised is None:
            self._at_cap[row.id] = f"{row.business_key}: nonce {row.nonce} offers {offered}"
            work.alarms.set(AlarmName.FEE_CAP, self._at_cap[row.id])
            return False
        before = TypedTransaction.from_bytes(HexBytes(newest.raw)).as_dict()
        cost = before["gas"] * raised.max_fee_wei + row.value_wei
        if work.rpc.balance(work.address) < cost:
            work.alarms.set(
                AlarmName.LOW_FUNDS, f"{work.address} cannot pay {cost} wei for {row.business_key}"
            )
            return False
        fields = {
            "type": 2,
            "chainId": work.chain_id,
            "nonce": row.nonce,
            "to": row.to,
            "data": to_hex(row.data),
            "value": row.value_wei,
            "gas": before["gas"],
        }
        attempt = self._sign(fields, raised)
        work.on_edge(Edge.BUMP_SIGNED_IN_MEMORY)
        work.outbox.record_signed(row, attempt)
        work.on_edge(Edge.BUMP_STORED)
        work.counters.bumps += 1
        _log.info("fees raised", business_key=row.business_key, nonce=row.nonce, fees=str(raised))
        self.broadcast(row, [*attempts, attempt])
        return True

    def forget_all_but(self, in_flight: list[Row]) -> None:
        """Drop what is remembered of rows that are no longer under way."""
        left = {row.id for row in in_flight}
        for row_id in [row_id for row_id in self._at_cap if row_id not in left]:
            del self._at_cap[row_id]
        if not self._at_cap:
            self._work.alarms.clear(AlarmName.FEE_CAP)
        if not in_flight:
            self._seen_at.clear()
