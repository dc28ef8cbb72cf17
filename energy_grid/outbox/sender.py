"""Brings the outbox's rows to the chain, one account, in order, each exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

import structlog

from energy_grid.outbox.errors import (
    ForeignTransactionError,
    NodeBehindError,
    NodeRefusedError,
    OutboxError,
)
from energy_grid.outbox.fees import FeePolicy
from energy_grid.outbox.locks import KeyLock
from energy_grid.outbox.rows import Attempt, Row, State
from energy_grid.outbox.store import Outbox
from energy_grid.rpc import ExecutionRevertedError, Rpc, RpcResponseError, to_hex

DEFAULT_CONFIRMATIONS: Final = 12
DEFAULT_MAX_IN_FLIGHT: Final = 16
RESEND_AFTER_SECONDS: Final = 60.0
GAS_MARGIN_PERCENT: Final = 25
"""Added to an estimate: the state may change before inclusion."""

_log = structlog.get_logger(__name__)


class Account(Protocol):
    """A key that signs transactions, such as an `eth_account` account."""

    @property
    def address(self) -> Any:
        """Checksum address."""

    def sign_transaction(self, transaction_dict: dict[str, Any]) -> Any:
        """Sign; the answer has `raw_transaction` and `hash`."""


class Edge(StrEnum):
    """Moments between two durable steps; the fault tests kill the process at each."""

    BEFORE_RESERVE = "before_reserve"
    RESERVED = "reserved"
    SIGNED_IN_MEMORY = "signed_in_memory"
    STORED = "stored"
    BROADCAST = "broadcast"
    SENT = "sent"
    RECEIPT_SEEN = "receipt_seen"
    MINED = "mined"


@dataclass(frozen=True, slots=True)
class Cycle:
    """What one cycle did."""

    sent: int = 0
    mined: int = 0
    final: int = 0
    failed: int = 0
    waiting: int = 0
    """Rows left open after the cycle, mined ones included."""


class Sender:
    """Sends an outbox's rows from one account.

    A cycle first reconciles what is under way with the chain, then signs and sends planned rows in
    their order. A row is refused for good only when its simulation reverts with nothing of ours
    under way. A nonce comes from the chain's counts and our own open rows, never from adding one.

    Args:
        outbox: the rows.
        rpc: the node.
        account: the key that signs.
        confirmations: blocks on top of a row's block until it is final.
        max_in_flight: rows under way at once.
        fees: how to choose fees.
        decode_error: turns revert data into text for the row's `failure`.
        resend_after_seconds: broadcast a stored transaction again after this long without a block.
        lock_folder: where the account's lock file lies; all processes of a key must agree.
        on_edge: called between durable steps (tests, metrics).
    """

    def __init__(
        self,
        outbox: Outbox,
        rpc: Rpc,
        account: Account,
        *,
        confirmations: int = DEFAULT_CONFIRMATIONS,
        max_in_flight: int = DEFAULT_MAX_IN_FLIGHT,
        fees: FeePolicy | None = None,
        decode_error: Callable[[bytes], str] | None = None,
        resend_after_seconds: float = RESEND_AFTER_SECONDS,
        lock_folder: Path | None = None,
        on_edge: Callable[[Edge], None] | None = None,
    ) -> None:
        self.outbox = outbox
        self.rpc = rpc
        self.address = str(account.address)
        self._account = account
        self._confirmations = confirmations
        self._max_in_flight = max_in_flight
        self._fees = fees or FeePolicy()
        self._decode_error = decode_error or to_hex
        self._resend_after_seconds = resend_after_seconds
        self._lock_folder = lock_folder
        self._on_edge = on_edge or (lambda _edge: None)
        self._locks: list[KeyLock] = []
        self._chain_id = 0

    # --- Life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take the key's lock, check the chain, drop reservations; nothing is sent yet.

        Raises:
            OutboxBusyError: another process sends for this key or from this outbox.
            ConfigurationError: the outbox belongs to another chain or account.
        """
        if self._locks:
            return
        self._chain_id = self.rpc.chain_id()
        outbox_lock = self.outbox.path.with_name(self.outbox.path.name + ".lock")
        locks = [
            KeyLock(outbox_lock, f"outbox {self.outbox.path}"),
            KeyLock.of_account(self._chain_id, self.address, self._lock_folder),
        ]
        try:
            for lock in locks:
                lock.acquire()
            self.outbox.bind(self._chain_id, self.rpc.genesis_hash(), self.address)
            self.outbox.release_reservations()
        except BaseException:
            for lock in locks:
                lock.release()
            raise
        self._locks = locks

    def stop(self) -> None:
        """Free the locks."""
        for lock in self._locks:
            lock.release()
        self._locks = []

    def __enter__(self) -> Sender:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # --- Cycles -----------------------------------------------------------------------------------

    def run_once(self) -> Cycle:
        """Reconcile with the chain, then send what is planned; never waits for a block.

        Raises:
            RetryableError: the node or the disk is away; the next cycle goes on where this stopped.
        """
        self.start()
        mined, final, failed = self._reconcile()
        sent, refused = self._send_planned()
        waiting = self.outbox.count(*(state for state in State if state.is_open))
        return Cycle(sent=sent, mined=mined, final=final, failed=failed + refused, waiting=waiting)

    def drain(
        self,
        *,
        timeout_seconds: float = 120.0,
        poll_seconds: float = 0.05,
        until: State = State.MINED,
    ) -> None:
        """Run cycles until every row is mined (or `until` FINAL) or failed.

        Raises:
            OutboxError: rows are still under way after the timeout.
        """
        deadline = time.monotonic() + timeout_seconds
        open_states = [State.PLANNED, State.SIGNED, State.SENT]
        if until is State.FINAL:
            open_states.append(State.MINED)
        while True:
            self.run_once()
            left = self.outbox.count(*open_states)
            if not left:
                return
            if time.monotonic() >= deadline:
                raise OutboxError(
                    f"outbox not drained within {timeout_seconds:g} s",
                    expected=f"all rows {until} or failed",
                    found=f"{left} under way",
                )
            time.sleep(poll_seconds)

    # --- Reconciling ------------------------------------------------------------------------------

    def _reconcile(self) -> tuple[int, int, int]:
        head = self.rpc.block_number()
        final = self._confirm_mined(head)
        rows = self.outbox.in_flight()
        # The count is read before the receipts: a transaction mined in between then has a receipt.
        latest = self.rpc.nonce(self.address)
        highest = self.outbox.highest_mined_nonce()
        if highest is not None and latest <= highest:
            raise NodeBehindError(
                f"the node lags behind for {self.address}",
                expected=f"at least {highest + 1} transactions (known to be mined)",
                found=f"{latest}",
                remedy="Wait for the node, or check that it serves the same chain as before",
            )
        mined = failed = 0
        for row in rows:
            receipt = self._receipt_of_any_attempt(row)
            if receipt is not None:
                self._on_edge(Edge.RECEIPT_SEEN)
                succeeded = self._record_receipt(row, receipt)
                mined += succeeded
                failed += not succeeded
                self._on_edge(Edge.MINED)
            elif row.nonce is not None and row.nonce < latest:
                self._consider_displaced(row, head)
            else:
                self._broadcast_again(row)
        return mined, final + self._confirm_mined(head), failed

    def _confirm_mined(self, head: int) -> int:
        """Finalise rows that are deep enough; put those back whose block is gone."""
        rows = [row for row in self.outbox.rows(State.MINED) if self._is_deep(row, head)]
        calls = [("eth_getTransactionReceipt", [row.transaction_hash]) for row in rows]
        final = 0
        for row, receipt in zip(rows, self.rpc.batch(calls) if calls else [], strict=True):
            if receipt is None:
                self.outbox.record_reorged(row)
                _log.warning("transaction left the chain", business_key=row.business_key)
            elif int(receipt["blockNumber"], 16) != row.block_number:
                self._record_receipt(row, receipt)
            else:
                self.outbox.record_final(row)
                final += 1
        return final

    def _is_deep(self, row: Row, head: int) -> bool:
        return row.block_number is not None and head >= row.block_number + self._confirmations

    def _receipt_of_any_attempt(self, row: Row) -> dict[str, Any] | None:
        # Any attempt counts: an earlier one may be mined after a later one was broadcast.
        hashes = [attempt.transaction_hash for attempt in self.outbox.attempts(row)]
        receipts = self.rpc.batch([("eth_getTransactionReceipt", [hash_]) for hash_ in hashes])
        return next((receipt for receipt in receipts if receipt is not None), None)

    def _record_receipt(self, row: Row, receipt: dict[str, Any]) -> bool:
        hash_ = str(receipt["transactionHash"])
        block, gas_used = int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16)
        if int(receipt["status"], 16):
            self.outbox.record_mined(row, hash_, block, gas_used)
            return True
        data = self._revert_data(row, block)
        reason = self._decode_error(data) if data else f"reverted in block {block} without a reason"
        self.outbox.record_reverted(row, hash_, block, gas_used, reason, data)
        _log.error("transaction reverted", business_key=row.business_key, reason=reason)
        return False

    def _revert_data(self, row: Row, block: int) -> bytes:
        """Why a mined transaction reverted, as far as the state before its block shows it."""
        try:
            self.rpc.eth_call(row.to, row.data, sender=self.address, block=block - 1)
        except ExecutionRevertedError as error:
            return error.data
        except RpcResponseError:
            return b""
        return b""

    def _consider_displaced(self, row: Row, head: int) -> None:
        """Another transaction took the row's nonce: plan anew once that is beyond doubt.

        At the newest block it never is: while a node puts the next one together, it may count that
        block's transactions already and have no receipts of them yet.
        """
        deep = max(head - max(self._confirmations, 1), 0)
        if row.nonce is None or self.rpc.nonce(self.address, deep) <= row.nonce:
            return
        if self._receipt_of_any_attempt(row) is not None:
            return
        self.outbox.record_displaced(row)
        _log.warning(
            "nonce was used by a transaction from elsewhere",
            business_key=row.business_key,
            nonce=row.nonce,
        )

    # --- Sending ----------------------------------------------------------------------------------

    def _broadcast_again(self, row: Row) -> None:
        """Send a stored transaction that the node may not have: the same bytes, so harmless."""
        attempt = self.outbox.attempts(row)[-1]
        age = time.time() - (attempt.broadcast_at or 0.0)
        if row.state is State.SIGNED or age >= self._resend_after_seconds:
            self._broadcast(row, attempt)

    def _broadcast(self, row: Row, attempt: Attempt) -> None:
        try:
            self.rpc.send_raw(attempt.raw)
        except RpcResponseError as error:
            # Nodes word "already known" and "nonce too low" as they like: ask for the fact.
            known = self.rpc.call("eth_getTransactionByHash", attempt.transaction_hash)
            if known is None:
                if row.nonce is not None and self.rpc.nonce(self.address) > row.nonce:
                    return  # decided by the next reconciliation
                raise NodeRefusedError(
                    f"the node does not take the transaction of {row.business_key!r}",
                    found=error.text,
                    remedy=f"Fund {self.address} or wait for lower fees; the row stays signed",
                ) from error
        self._on_edge(Edge.BROADCAST)
        self.outbox.record_sent(row, attempt)
        self._on_edge(Edge.SENT)

    def _send_planned(self) -> tuple[int, int]:
        sent = refused = 0
        in_flight = self.outbox.in_flight()
        for row in self.outbox.rows(State.PLANNED, limit=10 * self._max_in_flight):
            if len(in_flight) >= self._max_in_flight:
                break
            try:
                gas_limit = self._simulate(row)
            except ExecutionRevertedError as error:
                if in_flight:
                    break  # may depend on what is under way: decide when that is mined
                self._record_refusal(row, error)
                refused += 1
                continue
            self._sign_and_send(row, gas_limit, in_flight)
            sent += 1
            in_flight = self.outbox.in_flight()
        return sent, refused

    def _record_refusal(self, row: Row, error: ExecutionRevertedError) -> None:
        reason = self._decode_error(error.data) if error.data else error.text
        self.outbox.record_refused(row, reason, error.data)
        _log.error("contract refuses the call", business_key=row.business_key, reason=reason)

    def _simulate(self, row: Row) -> int:
        """Run the call on the pending state; return the gas limit to send it with.

        Raises:
            ExecutionRevertedError: the contract refuses.
            NodeRefusedError: the node cannot say.
        """
        call: dict[str, Any] = {
            "from": self.address,
            "to": row.to,
            "data": to_hex(row.data),
            "value": hex(row.value_wei),
        }
        if row.gas_limit is not None:
            call["gas"] = hex(row.gas_limit)
        calls: list[tuple[str, list[Any]]] = [("eth_call", [call, "pending"])]
        if row.gas_limit is None:
            calls.append(("eth_estimateGas", [call, "pending"]))
        answers = self.rpc.batch(calls, return_errors=True)
        for answer in answers:
            if isinstance(answer, ExecutionRevertedError):
                raise answer
            if isinstance(answer, RpcResponseError):
                if _is_failed_execution(answer.text):
                    raise ExecutionRevertedError(answer.method, answer.code, answer.text, b"")
                raise NodeRefusedError(
                    f"{row.business_key!r} cannot be simulated",
                    found=answer.text,
                    remedy=f"Check the node and the funds of {self.address}; the row stays planned",
                ) from answer
        if row.gas_limit is not None:
            return row.gas_limit
        return int(answers[1], 16) * (100 + GAS_MARGIN_PERCENT) // 100

    def _next_nonce(self, in_flight: list[Row]) -> int:
        """Lowest nonce that neither the chain nor an open row of ours uses; so gaps fill."""
        latest = self.rpc.nonce(self.address)
        pending = self.rpc.nonce(self.address, "pending")
        ours = {row.nonce for row in in_flight}
        nonce = latest
        while nonce in ours:
            nonce += 1
        if pending > nonce:
            raise ForeignTransactionError(
                f"{self.address} has pending transactions that this outbox did not send",
                expected=f"{nonce} as the next nonce",
                found=f"{pending} by the node's count",
                remedy="Wait until they are mined; an account belongs to one process",
            )
        return nonce

    def _sign_and_send(self, row: Row, gas_limit: int, in_flight: list[Row]) -> None:
        nonce = self._next_nonce(in_flight)
        fees = self._fees.first(self.rpc)
        self._on_edge(Edge.BEFORE_RESERVE)
        # A durable write before signing: where the disk takes nothing, nothing gets signed.
        row = self.outbox.reserve(row, nonce)
        self._on_edge(Edge.RESERVED)
        signed = self._account.sign_transaction(
            {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": nonce,
                "to": row.to,
                "data": to_hex(row.data),
                "value": row.value_wei,
                "gas": gas_limit,
                "maxFeePerGas": fees.max_fee_wei,
                "maxPriorityFeePerGas": fees.priority_fee_wei,
            }
        )
        self._on_edge(Edge.SIGNED_IN_MEMORY)
        attempt = Attempt(
            transaction_hash=to_hex(bytes(signed.hash)),
            raw=bytes(signed.raw_transaction),
            max_fee_wei=fees.max_fee_wei,
            priority_fee_wei=fees.priority_fee_wei,
            signed_at=time.time(),
            broadcast_at=None,
        )
        self.outbox.record_signed(row, attempt)
        self._on_edge(Edge.STORED)
        self._broadcast(row, attempt)


def _is_failed_execution(text: str) -> bool:
    """Whether a node's message tells of a call that failed without a revert."""
    lowered = text.lower().replace(" ", "")
    signs = ("evmerror", "outofgas", "invalidopcode", "invalidjump", "stackoverflow")
    return any(sign in lowered for sign in signs)
