"""A keeper's desk: plans calls under business keys, each effect once, and sends them."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import structlog

from energy_grid.contracts import Contract
from energy_grid.outbox import Cycle, Outbox, Row, Sender, State
from energy_grid.outbox.attempts import (
    UNDER_WAY,
    doubling_pause,
    key_of_attempt,
    newest_attempt,
    next_attempt,
)
from energy_grid.preflight import Chain
from energy_grid.units import SLOT_SECONDS
from oracles.runtime.checks import account_of, store_path
from oracles.runtime.config import KeeperSettings

LONGEST_PAUSE_SECONDS: Final = 600.0

_log = structlog.get_logger(__name__)


class Desk:
    """Outbox and sender of one keeper.

    An effect that is decided again although it was tried gets a new row, after a pause that
    doubles. A call that the contract refuses in simulation costs nothing; one that was refused in
    a block is not repeated before the next slot, so at most one transaction a slot is ever lost.

    Args:
        outbox: the rows.
        sender: brings them to the chain; None for a dry run.
        retry_after_seconds: first pause.
        clock: unix seconds.
    """

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender | None,
        *,
        retry_after_seconds: float = 15.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.outbox = outbox
        self.sender = sender
        self._retry_after_seconds = retry_after_seconds
        self._clock = clock
        self._told: set[str] = set()

    @classmethod
    def open(cls, settings: KeeperSettings, name: str, chain: Chain) -> Self:
        """Outbox and key that the settings name.

        Raises:
            ConfigurationError: key or store do not fit.
        """
        sender = None
        account = None if settings.keeper_keystore is None else account_of(settings)
        settings.keeper_folder.mkdir(parents=True, exist_ok=True)
        outbox = Outbox(store_path(settings, name))
        if account is not None:
            sender = Sender(
                outbox,
                chain.rpc,
                account,
                confirmations=settings.keeper_confirmations,
                max_in_flight=settings.keeper_max_in_flight,
                decode_error=lambda data: str(chain.contracts.decode_error(data)),
                lock_folder=settings.keeper_lock_folder,
            )
        return cls(outbox, sender, retry_after_seconds=settings.keeper_retry_seconds)

    def __enter__(self) -> Self:
        if self.sender is not None:
            self.sender.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.sender is not None:
            self.sender.stop()
        self.outbox.close()

    @property
    def is_dry(self) -> bool:
        """Whether nothing is sent."""
        return self.sender is None

    @property
    def address(self) -> str | None:
        """Account that sends; None in a dry run."""
        return None if self.sender is None else self.sender.address

    def plan(self, key: str, contract: Contract, function: str, *arguments: Any) -> bool:
        """Plan a call durably; False if it is under way, too fresh, or this is a dry run."""
        if self.is_dry:
            if key not in self._told:
                self._told.add(key)
                _log.info("would send", business_key=key, call=f"{contract.name}.{function}")
            return False
        found = next_attempt(self.outbox, key, self._pause, self._clock())
        if found is None:
            return False
        attempt, row_key = found
        self.outbox.enqueue(row_key, contract.address, contract.encode(function, *arguments))
        _log.info("planned", business_key=row_key, call=f"{contract.name}.{function}")
        if attempt > 1:
            _log.warning("tried again", business_key=row_key, attempt=attempt)
        return True

    def was_done(self, key: str) -> bool:
        """Whether an effect has arrived in a block."""
        found = newest_attempt(self.outbox, key)
        return found is not None and found[1].state in (State.MINED, State.FINAL)

    def refusal(self, key: str) -> str | None:
        """Why the contract refused the last attempt at an effect; None if it did not.

        An attempt under way changes nothing of that until its outcome is known.
        """
        found = newest_attempt(self.outbox, key)
        if found is None:
            return None
        attempt, row = found
        if row.state in UNDER_WAY and attempt > 1:
            row = self.outbox.get(key_of_attempt(key, attempt - 1)) or row
        if row.state is not State.FAILED:
            return None
        return row.failure or "refused without a reason"

    def under_way(self, prefix: str = "") -> frozenset[str]:
        """Keys whose outcome is not known yet."""
        rows = self.outbox.rows(*UNDER_WAY)
        return frozenset(row.business_key for row in rows if row.business_key.startswith(prefix))

    def work(self) -> Cycle:
        """Bring planned rows one step further; nothing in a dry run.

        Raises:
            RetryableError: node or disk are away.
        """
        return Cycle() if self.sender is None else self.sender.run_once()

    def _pause(self, row: Row, attempt: int) -> float:
        pause = doubling_pause(self._retry_after_seconds, attempt, LONGEST_PAUSE_SECONDS)
        was_paid_for = row.nonce is not None
        return max(pause, SLOT_SECONDS) if was_paid_for else pause
