"""Puts decided actions into the outbox, each once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from energy_grid.contracts import Contract
from energy_grid.outbox import Outbox, Row, State, transaction
from energy_grid.outbox.attempts import UNDER_WAY, doubling_pause, next_attempt
from energy_grid.rpc import Rpc
from oracles.engine.actions import Action, topic_of
from oracles.engine.inbox import Inbox

LONGEST_PAUSE_SECONDS: Final = 600.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ActorOptions:
    """How often the same thing may be tried.

    Attributes:
        retry_after_seconds: pause before an action is tried again that was decided again although
            it was refused, or done without effect; doubles each time.
        is_dry: whether actions are only told, and neither planned nor sent.
    """

    retry_after_seconds: float = 15.0
    is_dry: bool = False


class Actor:
    """The engine's hand.

    Args:
        market: the market's handle.
        outbox: where intents go.
        inbox: where signed orders come from.
        rpc: the node, for receipts.
        options: how often to try.
        clock: seconds, for pauses between attempts.
    """

    def __init__(
        self,
        market: Contract,
        outbox: Outbox,
        inbox: Inbox,
        rpc: Rpc,
        options: ActorOptions | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._market = market
        self._outbox = outbox
        self._inbox = inbox
        self._rpc = rpc
        self._options = options or ActorOptions()
        self._clock = clock
        self._told: set[str] = set()

    def under_way(self) -> frozenset[str]:
        """Topics of actions whose outcome is not known yet."""
        topics = (topic_of(row.business_key) for row in self._outbox.rows(*UNDER_WAY))
        return frozenset(topic for topic in topics if topic is not None)

    def act(self, action: Action) -> bool:
        """Plan an action durably; False if it must wait or is under way."""
        if self._options.is_dry:
            if action.business_key not in self._told:
                self._told.add(action.business_key)
                _log.info("would send", business_key=action.business_key, call=action.function)
            return False
        key = self._free_key(action)
        if key is None:
            return False
        data = self._market.encode(action.function, *action.arguments)
        # Orders of a batch leave the inbox in the commit that plans their transaction.
        with transaction(self._outbox.connection) as connection:
            self._outbox.enqueue(key, self._market.address, data, connection=connection)
            if action.orders:
                self._inbox.relay(key, action.orders)
        _log.info("planned", action=action.kind.value, subject=action.subject, business_key=key)
        return True

    def _free_key(self, action: Action) -> str | None:
        """A key for the next attempt, or None while the one before is under way or too fresh."""
        found = next_attempt(self._outbox, action.business_key, self._pause, self._clock())
        if found is None:
            return None
        attempt, key = found
        if attempt > 1:
            _log.warning("decided again", business_key=action.business_key, attempt=attempt)
        return key

    def _pause(self, _row: Row, attempt: int) -> float:
        return doubling_pause(self._options.retry_after_seconds, attempt, LONGEST_PAUSE_SECONDS)

    def note_outcomes(self) -> None:
        """Tell the inbox what became of the batches it is waiting for."""
        for key in self._inbox.under_way():
            row = self._outbox.get(key)
            if row is None or row.state is State.FAILED:
                self._inbox.take_back(key)
                _log.warning("batch of signed orders not relayed", business_key=key)
            elif row.state in (State.MINED, State.FINAL):
                self._note_batch(key, row)

    def _note_batch(self, key: str, row: Row) -> None:
        receipt = self._rpc.receipt(row.transaction_hash) if row.transaction_hash else None
        if receipt is None:
            return  # the block is gone; the sender brings the same bytes again
        skipped = {
            int(event.arguments["index"]): str(event.arguments["reason"])
            for event in self._market.decode_logs(receipt)
            if event.name == "SignedOrderSkipped"
        }
        self._inbox.note_outcome(key, skipped)
        if skipped:
            _log.info("signed orders skipped", business_key=key, count=len(skipped))
