"""Brings the outbox's rows to the chain, one account, in order, each exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import structlog

from energy_grid.outbox.edges import Edge
from energy_grid.outbox.errors import (
    DeepReorgError,
    NodeBehindError,
    NodeBlindError,
    NodeRefusedError,
    OutboxError,
    OutOfFundsError,
)
from energy_grid.outbox.fees import FeePolicy
from energy_grid.outbox.locks import KeyLock
from energy_grid.outbox.nonces import Nonces
from energy_grid.outbox.reconciling import Reconciled, Reconciler
from energy_grid.outbox.rows import Row, State
from energy_grid.outbox.status import AlarmName, SenderStatus
from energy_grid.outbox.store import Outbox
from energy_grid.outbox.transmitting import Transmitter
from energy_grid.outbox.workplace import Account, Workplace
from energy_grid.rpc import (
    ExecutionRevertedError,
    NodeAnswerError,
    NodeUnreachableError,
    Rpc,
    RpcResponseError,
    to_hex,
)

DEFAULT_CONFIRMATIONS: Final = 12
DEFAULT_MAX_IN_FLIGHT: Final = 16
RESEND_AFTER_SECONDS: Final = 60.0
BUMP_AFTER_BLOCKS: Final = 3
BLIND_AFTER_SECONDS: Final = 30.0
FEWEST_TRANSACTIONS_LEFT: Final = 50
GAS_MARGIN_PERCENT: Final = 25
"""Added to an estimate: the state may change before inclusion."""
_ASSUMED_GAS: Final = 200_000
"""What a transaction may use, as long as none was mined."""
_PROBLEM_SECONDS: Final = 60.0
"""How long an alarm about a node stays on after the last sign."""

_log = structlog.get_logger(__name__)


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
    under way. A transaction that waits is offered for more, up to a cap, always at its own nonce.
    `docs/outbox.md` tells all the rules.

    Args:
        outbox: the rows.
        rpc: the node, or several as one.
        account: the key that signs.
        confirmations: blocks on top of a row's block until it is final.
        max_in_flight: rows under way at once.
        fees: how to choose and raise fees.
        decode_error: turns revert data into text for the row's `failure`.
        resend_after_seconds: broadcast a stored transaction again after this long without a block.
        bump_after_blocks: offer more for a transaction after this many blocks without it.
        blind_after_seconds: sign nothing new after this long without a trustworthy node.
        head_stale_after_seconds: the same after this long without a new block; None where blocks
            come only with transactions.
        fewest_transactions_left: alarm when the account can pay for fewer.
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
        bump_after_blocks: int = BUMP_AFTER_BLOCKS,
        blind_after_seconds: float = BLIND_AFTER_SECONDS,
        head_stale_after_seconds: float | None = None,
        fewest_transactions_left: int = FEWEST_TRANSACTIONS_LEFT,
        lock_folder: Path | None = None,
        on_edge: Callable[[Edge], None] | None = None,
    ) -> None:
        self.outbox = outbox
        self.rpc = rpc
        self.address = str(account.address)
        self._max_in_flight = max_in_flight
        self._blind_after_seconds = blind_after_seconds
        self._head_stale_after_seconds = head_stale_after_seconds
        self._fewest_transactions_left = fewest_transactions_left
        self._lock_folder = lock_folder
        self._locks: list[KeyLock] = []
        self._is_interrupted = False
        self._work = Workplace(
            outbox=outbox,
            rpc=rpc,
            account=account,
            address=self.address,
            confirmations=confirmations,
            fees=fees or FeePolicy(),
            bump_after_blocks=bump_after_blocks,
            resend_after_seconds=resend_after_seconds,
            on_edge=on_edge or (lambda _edge: None),
            decode_error=decode_error or to_hex,
        )
        self._nonces = Nonces(self._work)
        self._transmitter = Transmitter(self._work)
        self._reconciler = Reconciler(self._work, self._transmitter, self._nonces)

    # --- Life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take the key's lock, check the chain, drop reservations; nothing is sent yet.

        Raises:
            OutboxBusyError: another process sends for this key or from this outbox.
            ConfigurationError: the outbox belongs to another chain or account.
        """
        if self._locks:
            return
        chain_id = self.rpc.chain_id()
        outbox_lock = self.outbox.path.with_name(self.outbox.path.name + ".lock")
        locks = [
            KeyLock(outbox_lock, f"outbox {self.outbox.path}"),
            KeyLock.of_account(chain_id, self.address, self._lock_folder),
        ]
        try:
            for lock in locks:
                lock.acquire()
            self.outbox.bind(chain_id, self.rpc.genesis_hash(), self.address)
            self.outbox.release_reservations()
        except BaseException:
            for lock in locks:
                lock.release()
            raise
        self.rpc.watch(self.address)
        self._work.chain_id = chain_id
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
            DeepReorgError: a final transaction has left the chain; nothing is sent any more.
        """
        alarms = self._work.alarms
        try:
            self.start()
            if self._is_interrupted:  # a cycle that was broken off may have left a reservation
                self.outbox.release_reservations()
            self._is_interrupted = True
            self.rpc.refresh()
            found = self._reconciler.run()
            self._judge_funds()
            sent, refused = self._send(found)
        except (NodeUnreachableError, NodeAnswerError) as error:
            alarms.set(AlarmName.RPC_DOWN, str(error))
            raise
        except NodeBehindError as error:
            self.rpc.distrust(error.problem)
            raise
        except (NodeRefusedError, DeepReorgError):
            self._judge_funds()
            raise
        self._is_interrupted = False
        alarms.clear(AlarmName.RPC_DOWN)
        waiting = self.outbox.count(*(state for state in State if state.is_open))
        return Cycle(
            sent=sent,
            mined=found.mined,
            final=found.final,
            failed=found.failed + refused,
            waiting=waiting,
        )

    def status(self) -> SenderStatus:
        """Figures and alarms; asks no node, and may be called from any thread."""
        work = self._work
        gauges, counters = work.gauges, work.counters
        now = time.monotonic()
        changed, oldest = gauges.head_changed_at, self.outbox.oldest_unsent_at()
        problems = self.rpc.problems()
        if problems:
            work.alarms.set(AlarmName.RPC_LAG, "; ".join(problems), hold_seconds=_PROBLEM_SECONDS)
        alarms = work.alarms.list()
        return SenderStatus(
            address=self.address,
            chain_id=work.chain_id,
            head=gauges.head,
            head_age_seconds=None if changed is None else now - changed,
            blind_seconds=self.rpc.blind_seconds(),
            depth=self.outbox.count(State.PLANNED, State.SIGNED, State.SENT),
            in_flight=self.outbox.count(State.SIGNED, State.SENT),
            mined=self.outbox.count(State.MINED),
            oldest_unsent_seconds=0.0 if oldest is None else max(time.time() - oldest, 0.0),
            nonce_gap=gauges.nonce_gap,
            balance_wei=gauges.balance_wei,
            transactions_left=gauges.transactions_left,
            bumps=counters.bumps,
            rebroadcasts=counters.rebroadcasts,
            reorgs=counters.reorgs,
            rows_reorged=counters.rows_reorged,
            gaps_filled=counters.gaps_filled,
            key_shared=any(alarm.name is AlarmName.KEY_SHARED for alarm in alarms),
            rpc_failovers=self.rpc.failovers,
            alarms=alarms,
        )

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

    # --- Sending ----------------------------------------------------------------------------------

    def _send(self, found: Reconciled) -> tuple[int, int]:
        in_flight = list(found.in_flight)
        missing = self._nonces.missing(found.latest, in_flight)
        if missing and (self._nonces.is_gap_old() or not self.outbox.count(State.PLANNED)):
            self._fill(missing[0], in_flight)
            in_flight = self.outbox.in_flight()
        sent = refused = 0
        # What waits above a missing nonce cannot be mined: it must not keep that nonce from a row.
        room = self._max_in_flight + len(missing)
        for row in self.outbox.rows(State.PLANNED, limit=10 * self._max_in_flight):
            if len(in_flight) >= room:
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

    def _fill(self, nonce: int, in_flight: list[Row]) -> None:
        """Take a missing nonce with a transfer to oneself, so that what waits above it can go."""
        self._work.on_edge(Edge.GAP_SEEN)
        row = self._nonces.plan_filling(nonce)
        self._work.on_edge(Edge.GAP_PLANNED)
        self._sign_and_send(row, self._simulate(row), in_flight)
        self._work.counters.gaps_filled += 1

    def _record_refusal(self, row: Row, error: ExecutionRevertedError) -> None:
        reason = self._work.decode_error(error.data) if error.data else error.text
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

    def _sign_and_send(self, row: Row, gas_limit: int, in_flight: list[Row]) -> None:
        self._require_sight()
        latest, pending, balance = self.rpc.batch(
            [
                ("eth_getTransactionCount", [self.address, "latest"]),
                ("eth_getTransactionCount", [self.address, "pending"]),
                ("eth_getBalance", [self.address, "latest"]),
            ]
        )
        nonce = self._nonces.free(int(latest, 16), int(pending, 16), in_flight)
        fees = self._work.fees.first(self.rpc)
        cost = gas_limit * fees.max_fee_wei + row.value_wei
        if int(balance, 16) < cost:
            raise OutOfFundsError(
                f"{self.address} cannot pay for {row.business_key!r}",
                expected=f"{cost} wei",
                found=f"{int(balance, 16)} wei",
                remedy=f"Fund {self.address}; the row stays planned",
            )
        self._transmitter.sign_and_send(row, nonce, gas_limit, fees)

    def _require_sight(self) -> None:
        """Refuse to sign without recent news of the chain from a node that can be trusted."""
        limits = [(self.rpc.blind_seconds(), self._blind_after_seconds, "a trustworthy answer")]
        changed = self._work.gauges.head_changed_at
        if self._head_stale_after_seconds is not None and changed is not None:
            age = time.monotonic() - changed
            limits.append((age, self._head_stale_after_seconds, "a new block"))
        for age, limit, what in limits:
            if age > limit:
                detail = f"{age:.0f} s since {what}"
                self._work.alarms.set(AlarmName.BLIND, detail)
                raise NodeBlindError(
                    "nothing new is signed",
                    expected=f"{what} within {limit:g} s",
                    found=detail,
                    remedy="Look after the nodes; what is signed already is still broadcast",
                )
        self._work.alarms.clear(AlarmName.BLIND)

    def _judge_funds(self) -> None:
        gauges, head = self._work.gauges, self._work.head
        if head is None or gauges.balance_wei is None:
            return
        policy = self._work.fees
        price = policy.base_fee_multiple * head.base_fee_wei + (policy.priority_fee_wei or 0)
        gas = self.outbox.typical_gas() or _ASSUMED_GAS
        gauges.transactions_left = gauges.balance_wei // (gas * price) if price else None
        left = gauges.transactions_left
        if left is not None and left < self._fewest_transactions_left:
            detail = f"{self.address} has {gauges.balance_wei} wei: {left} transactions more"
            self._work.alarms.set(AlarmName.LOW_FUNDS, detail)
        else:
            self._work.alarms.clear(AlarmName.LOW_FUNDS)


def _is_failed_execution(text: str) -> bool:
    """Whether a node's message tells of a call that failed without a revert."""
    lowered = text.lower().replace(" ", "")
    signs = ("evmerror", "outofgas", "invalidopcode", "invalidjump", "stackoverflow")
    return any(sign in lowered for sign in signs)
