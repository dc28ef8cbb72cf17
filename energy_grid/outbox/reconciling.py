"""Compares rows under way with the chain, and finished ones as long as the chain may go back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import structlog

from energy_grid.outbox.edges import Edge
from energy_grid.outbox.errors import DeepReorgError, NodeBehindError, NodeRefusedError
from energy_grid.outbox.nonces import Nonces
from energy_grid.outbox.rows import Attempt, Row, State
from energy_grid.outbox.status import AlarmName
from energy_grid.outbox.transmitting import Transmitter
from energy_grid.outbox.workplace import Head, Workplace
from energy_grid.rpc import ExecutionRevertedError, RpcResponseError

DEEP_WINDOW_BLOCKS: Final = 1_024
"""How far back final rows are looked at: older receipts a pruned node may not have."""
MOST_FINAL_CHECKED: Final = 200
LAG_TOLERANCE_BLOCKS: Final = 2
"""A node may be this much behind another one without an alarm."""

Receipt = dict[str, Any]
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Reconciled:
    """What one reconciliation found.

    Attributes:
        latest: transactions of the account in blocks.
        in_flight: rows still under way.
    """

    latest: int = 0
    in_flight: tuple[Row, ...] = ()
    mined: int = 0
    final: int = 0
    failed: int = 0


class Reconciler:
    """Brings the rows' states in line with the chain; tends those that are in no block."""

    def __init__(self, workplace: Workplace, transmitter: Transmitter, nonces: Nonces) -> None:
        self._work = workplace
        self._transmitter = transmitter
        self._nonces = nonces
        self._anchor: Head | None = None
        """Newest block up to which rows in blocks were compared with the chain."""

    def run(self) -> Reconciled:
        """One reconciliation.

        Raises:
            NodeBehindError: the node knows less of the chain than the outbox.
            DeepReorgError: a final transaction has left the chain.
            NodeRefusedError: the node does not take a stored transaction.
        """
        work, outbox, found = self._work, self._work.outbox, Reconciled()
        head = self._look()
        rows = outbox.in_flight()
        # The count is read before the receipts: a transaction mined in between then has a receipt.
        found.latest = work.rpc.nonce(work.address)
        self._require_known_nonces(found.latest)
        self._nonces.note(found.latest)
        found.final += self._confirm(head)
        attempts = {row.id: outbox.attempts(row) for row in rows}
        receipts = self._receipts(rows, attempts)
        open_rows: list[Row] = []
        for row in rows:
            receipt = receipts.get(row.id)
            if receipt is None:
                open_rows.append(row)
                continue
            work.on_edge(Edge.RECEIPT_SEEN)
            succeeded = self._record_receipt(row, receipt)
            found.mined += succeeded
            found.failed += not succeeded
            work.on_edge(Edge.MINED)
        self._transmitter.forget_all_but(open_rows)
        self._tend(open_rows, attempts, found.latest)
        found.final += self._confirm(head)
        found.in_flight = tuple(outbox.in_flight())
        return found

    def _tend(self, rows: list[Row], attempts: dict[int, list[Attempt]], latest: int) -> None:
        refusal: NodeRefusedError | None = None
        for row in rows:
            if row.nonce is not None and row.nonce < latest:
                self._consider_displaced(row, attempts[row.id])
                continue
            try:
                self._transmitter.tend(row, attempts[row.id], is_next=row.nonce == latest)
            except NodeRefusedError as error:
                refusal = refusal or error  # the rows after it may be taken
        if refusal is not None:
            raise refusal

    # --- The chain itself -------------------------------------------------------------------------

    def _look(self) -> Head:
        """Read the head; if known blocks were replaced, compare all rows that they could hold."""
        work, anchor = self._work, self._anchor
        calls: list[tuple[str, list[Any]]] = [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_getBalance", [work.address, "latest"]),
        ]
        if anchor is not None:
            calls.append(("eth_getBlockByNumber", [hex(anchor.number), False]))
        answers = work.rpc.batch(calls)
        head = Head.of_block(answers[0])
        work.gauges.balance_wei = int(answers[1], 16)
        highest = work.outbox.highest_block()
        if highest is not None and head.number < highest:
            is_slight = highest - head.number <= LAG_TOLERANCE_BLOCKS
            raise self._behind(
                f"block {highest} (known to exist)", f"block {head.number}", is_slight=is_slight
            )
        work.see(head)
        is_same = anchor is not None and bool(answers[2]) and answers[2]["hash"] == anchor.hash
        if anchor is not None and not is_same and head.number >= anchor.number:
            work.counters.reorgs += 1
            work.on_edge(Edge.REORG_SEEN)
            _log.warning("chain reorganised", block=anchor.number, head=head.number)
        if is_same and anchor is not None:
            self._recheck(anchor.number)
        else:
            # Failed rows too: what failed may be gone, or succeed in another block.
            self._check_final(head)
            self._recheck(-1)
        self._anchor = head
        return head

    def _behind(self, expected: str, found: str, *, is_slight: bool = False) -> NodeBehindError:
        if not is_slight:
            self._work.alarms.set(AlarmName.RPC_LAG, f"expected at least {expected}, found {found}")
        return NodeBehindError(
            f"the node lags behind for {self._work.address}",
            expected=f"at least {expected}",
            found=found,
            remedy="Wait for the node, or check that it serves the same chain as before",
        )

    def _require_known_nonces(self, latest: int) -> None:
        highest = self._work.outbox.highest_mined_nonce()
        if highest is not None and latest <= highest:
            # Compare all rows in blocks next time: the chain may have changed just now.
            self._anchor = None
            raise self._behind(f"{highest + 1} transactions (known to be mined)", f"{latest}")
        self._work.alarms.clear(AlarmName.RPC_LAG)

    def _recheck(self, above: int) -> None:
        """Compare rows in blocks above a number with the chain."""
        lowest = max(above, self._work.head_number - self._horizon())
        rows = self._work.outbox.in_blocks(lowest)
        known = {row.id: row.transaction_hash for row in rows}
        calls = [("eth_getTransactionReceipt", [known[row.id]]) for row in rows]
        answers = self._work.rpc.batch(calls) if calls else []
        for row, receipt in zip(rows, answers, strict=True):
            self._settle(row, receipt)

    def _horizon(self) -> int:
        return max(self._work.confirmations, DEEP_WINDOW_BLOCKS)

    def _settle(self, row: Row, receipt: Receipt | None) -> bool:
        """Whether a row is where the outbox has it; put it right otherwise."""
        if receipt is None:  # an earlier attempt may have been mined instead
            attempts = self._work.outbox.attempts(row)
            receipt = self._receipts([row], {row.id: attempts}).get(row.id)
        if receipt is None:
            self._work.outbox.record_reorged(row)
            self._work.counters.rows_reorged += 1
            self._work.on_edge(Edge.REORGED)
            _log.warning("transaction left the chain", business_key=row.business_key)
            return False
        is_same = (
            int(receipt["blockNumber"], 16) == row.block_number
            and str(receipt["transactionHash"]) == row.transaction_hash
            and bool(int(receipt["status"], 16)) == (row.state is not State.FAILED)
        )
        if not is_same:
            self._record_receipt(row, receipt)
        return is_same

    def _check_final(self, head: Head) -> None:
        """A final row must not leave the chain: if one does, people decide."""
        lowest = head.number - self._horizon()
        rows = self._work.outbox.newest_final(lowest, MOST_FINAL_CHECKED)
        calls = [("eth_getTransactionReceipt", [row.transaction_hash]) for row in rows]
        answers = self._work.rpc.batch(calls) if calls else []
        vanished = []
        for row, receipt in zip(rows, answers, strict=True):
            if receipt is None:
                receipt = self._receipt_anywhere(row)
            if receipt is None:
                vanished.append(row)
            elif int(receipt["blockNumber"], 16) != row.block_number:
                _log.error("final transaction moved", business_key=row.business_key)
                self._record_receipt(row, receipt)
        if not vanished:
            self._work.alarms.clear(AlarmName.DEEP_REORG)
            return
        lowest_lost = min(row.block_number or 0 for row in vanished)
        keys = ", ".join(row.business_key for row in vanished[:3])
        detail = f"{len(vanished)} final transactions from block {lowest_lost} on are gone: {keys}"
        self._work.alarms.set(AlarmName.DEEP_REORG, detail)
        self._anchor = None
        raise DeepReorgError(
            f"the chain went back by more than {self._work.confirmations} blocks",
            expected="final transactions to stay",
            found=detail,
            remedy="Nothing is sent. Find out which chain is the right one; then send them again: "
            f"python -m energy_grid.outbox reopen FILE --from-block {lowest_lost}",
        )

    def _receipt_anywhere(self, row: Row) -> Receipt | None:
        for attempt in self._work.outbox.attempts(row):
            receipt = self._work.rpc.receipt_anywhere(attempt.transaction_hash)
            if receipt is not None:
                return receipt
        return None

    # --- Rows -------------------------------------------------------------------------------------

    def _confirm(self, head: Head) -> int:
        """Finalise rows that are deep enough; put those back whose block is gone."""
        deepest = head.number - self._work.confirmations
        rows = self._work.outbox.mined_up_to(deepest)
        calls = [("eth_getTransactionReceipt", [row.transaction_hash]) for row in rows]
        final = 0
        for row, receipt in zip(rows, self._work.rpc.batch(calls) if calls else [], strict=True):
            if self._settle(row, receipt):
                self._work.on_edge(Edge.FINAL_SEEN)
                self._work.outbox.record_final(row)
                self._work.on_edge(Edge.FINAL)
                final += 1
        return final

    def _receipts(self, rows: list[Row], attempts: dict[int, list[Attempt]]) -> dict[int, Receipt]:
        """Receipts by row. Any attempt counts: an earlier one may be mined after a later one."""
        wanted = [
            (row.id, attempt.transaction_hash) for row in rows for attempt in attempts[row.id]
        ]
        calls = [("eth_getTransactionReceipt", [hash_]) for _, hash_ in wanted]
        answers = self._work.rpc.batch(calls) if calls else []
        return {
            row_id: answer
            for (row_id, _), answer in zip(wanted, answers, strict=True)
            if answer is not None
        }

    def _record_receipt(self, row: Row, receipt: Receipt) -> bool:
        work = self._work
        hash_ = str(receipt["transactionHash"])
        block, gas_used = int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16)
        if int(receipt["status"], 16):
            work.outbox.record_mined(row, hash_, block, gas_used)
            return True
        data = self._revert_data(row, block)
        reason = work.decode_error(data) if data else f"reverted in block {block} without a reason"
        work.outbox.record_reverted(row, hash_, block, gas_used, reason, data)
        _log.error("transaction reverted", business_key=row.business_key, reason=reason)
        return False

    def _revert_data(self, row: Row, block: int) -> bytes:
        """Why a mined transaction reverted, as far as the state before its block shows it."""
        try:
            self._work.rpc.eth_call(row.to, row.data, sender=self._work.address, block=block - 1)
        except ExecutionRevertedError as error:
            return error.data
        except RpcResponseError:
            return b""
        return b""

    def _consider_displaced(self, row: Row, attempts: list[Attempt]) -> None:
        """Another transaction took the row's nonce: plan anew once that is beyond doubt.

        At the newest block it never is: while a node puts the next one together, it may count that
        block's transactions already and have no receipts of them yet. Nor is it when the answers
        come from different nodes.
        """
        work = self._work
        epoch = work.rpc.epoch
        deep = max(work.head_number - max(work.confirmations, 1), 0)
        if row.nonce is None or work.rpc.nonce(work.address, deep) <= row.nonce:
            return
        if any(work.rpc.receipt_anywhere(attempt.transaction_hash) for attempt in attempts):
            return
        if work.rpc.epoch != epoch:
            return
        work.outbox.record_displaced(row)
        work.counters.foreign_nonces += 1
        self._nonces.report_foreign(f"nonce {row.nonce} was used by a transaction from elsewhere")
        _log.warning(
            "nonce was used by a transaction from elsewhere",
            business_key=row.business_key,
            nonce=row.nonce,
        )
