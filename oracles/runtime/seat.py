"""A keeper behind triggers: whoever wakes it, it looks once at a time and sends by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

import structlog

from energy_grid.errors import EnergyGridError, FatalError, RetryableError
from oracles.runtime.keeper import Keeper, Ops, Plan, Report
from oracles.runtime.loop import Scribe

QUIET_SECONDS: Final = 30.0
"""Without a trigger for this long the seat looks by itself: a subscription may die in silence."""
PAUSE_SECONDS: Final = 5.0
"""Pause after a step that did not go through."""
SEAT: Final = "seat"
"""Part of the health: whether this process has the key, or stands by for one that has."""

_log = structlog.get_logger(__name__)


class Seat:
    """One keeper in one process, woken from outside.

    A trigger only looks, decides and puts into the outbox. A thread beside it sends, so a handler
    that dies after its decision loses nothing. While another process holds the key, this one
    stands by and takes over when that one is gone.

    Args:
        name: the keeper.
        open_keeper: opens it; tried again until the key is free.
        ops: where it shows itself.
        poll_seconds: pause between two steps of sending.
        quiet_seconds: longest without a look.
    """

    def __init__(
        self,
        name: str,
        open_keeper: Callable[[], AbstractContextManager[Keeper]],
        ops: Ops,
        *,
        poll_seconds: float,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self.name = name
        self._open = open_keeper
        self._ops = ops
        self._poll_seconds = poll_seconds
        self._quiet_seconds = quiet_seconds
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._opened: AbstractContextManager[Keeper] | None = None
        self._keeper: Keeper | None = None
        self._scribe: Scribe | None = None
        self._looked_at = 0.0
        self._thread = threading.Thread(target=self._run, name=f"seat of {name}", daemon=True)
        self.failure: FatalError | None = None
        metrics = ops.metrics
        self._triggers = metrics.counter(
            "eg_triggers_total", "Triggers by what they led to.", ("source", "outcome")
        )
        ops.health.expect(SEAT)

    # --- Triggers ---------------------------------------------------------------------------------

    def look(self, source: str) -> dict[str, int]:
        """Look once because of a trigger; returns what was planned.

        A look under way answers the trigger as well: it is not queued up. Trouble that passes is
        noted and not raised, since the next trigger comes anyway.

        Raises:
            FatalError: what repeating cannot mend.
        """
        if self.failure is not None:
            raise self.failure
        if not self._lock.acquire(blocking=False):
            self._count(source, "busy")
            return {}
        try:
            keeper = self._keeper
            if keeper is None:
                self._count(source, "standby")
                return {}
            plan = self._plan(keeper)
            self._count(source, "delayed" if plan is None else "looked")
            return {} if plan is None else plan.planned
        finally:
            self._lock.release()

    def _plan(self, keeper: Keeper) -> Plan | None:
        started = time.monotonic()
        self._looked_at = started
        try:
            plan = keeper.plan()
        except RetryableError as error:
            if self._scribe is not None:
                self._scribe.note_delay(error)
            return None
        if self._scribe is not None:
            report = Report(now=plan.now, planned=plan.planned, problems=plan.problems)
            self._scribe.note(report, time.monotonic() - started)
        return plan

    def _count(self, source: str, outcome: str) -> None:
        self._triggers.labels(source=source, outcome=outcome).inc()

    # --- Sending ----------------------------------------------------------------------------------

    def step(self) -> bool:
        """Open the keeper if it is not, else send a step; look if nobody else does.

        Returns:
            Whether it went through.

        Raises:
            FatalError: what repeating cannot mend.
        """
        with self._lock:
            try:
                if self._keeper is None:
                    self._take()
                    return True
                done = self._keeper.send()
            except RetryableError as error:
                self._ops.health.report(SEAT, False, str(error))
                return False
            self._ops.health.beat(SEAT, "has the key")
            if self._scribe is not None and (done.sent or done.mined or done.failed):
                self._scribe.note_sending(done)
        if time.monotonic() - self._looked_at > self._quiet_seconds:
            self.look("quiet")
        return True

    def _take(self) -> None:
        opened = self._open()
        self._keeper = opened.__enter__()
        self._opened = opened
        # Looks come at least every `quiet_seconds`, and each may take as long again.
        self._scribe = Scribe(self._keeper, self._ops, 3 * self._quiet_seconds)
        self._ops.health.beat(SEAT, "has the key")
        _log.info("keeper seated", keeper=self.name)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                pause = (
                    self._poll_seconds if self.step() else max(PAUSE_SECONDS, self._poll_seconds)
                )
            except EnergyGridError as error:
                # The next trigger raises it where somebody ends the program.
                self.failure = error if isinstance(error, FatalError) else None
                self._ops.health.report(SEAT, False, str(error))
                _log.error("keeper cannot go on", keeper=self.name, reason=str(error))
                pause = PAUSE_SECONDS
            self._stop.wait(pause)

    # --- Life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to open and to send."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the look or the step under way, then free the key."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            opened, self._opened, self._keeper = self._opened, None, None
            if opened is not None:
                opened.__exit__(None, None, None)
                _log.info("keeper left its seat", keeper=self.name)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
