"""The plain loop: cycle, pause, cycle, until told to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import Final

import structlog

from energy_grid.errors import RetryableError
from energy_grid.ops import SenderScribe
from energy_grid.outbox import Cycle, State
from oracles.runtime.keeper import Keeper, Ops, Report

LONGEST_PAUSE_SECONDS: Final = 10.0
"""Below a block's time: work resumes with the first block after an outage."""
CYCLE: Final = "cycle"
"""Part of a keeper's health: whether its last cycle went well, and not too long ago."""

_OUTCOMES: Final = ("done", "delayed", "timed_out")
_log = structlog.get_logger(__name__)


class CycleTimeoutError(RetryableError):
    """A cycle took longer than allowed and was broken off; the next one goes on."""


class Scribe:
    """Notes in health, metrics and log what a keeper's cycles do."""

    def __init__(self, keeper: Keeper, ops: Ops, limit_seconds: float) -> None:
        self._keeper = keeper
        self._health = ops.health
        self._metrics = ops.metrics
        self._health.expect(CYCLE, limit_seconds)
        metrics = ops.metrics
        self._cycles = metrics.counter("eg_cycles_total", "Cycles by outcome.", ("outcome",))
        self._seconds = metrics.histogram("eg_cycle_duration_seconds", "How long cycles take.")
        self._planned = metrics.counter(
            "eg_actions_planned_total", "Actions put into the outbox, by kind.", ("kind",)
        )
        self._messages = metrics.counter(
            "eg_transactions_total", "Transactions by what became of them.", ("outcome",)
        )
        self._problems = metrics.gauge("eg_problems_count", "What the last cycle could not decide.")
        self._rows = metrics.gauge("eg_outbox_rows", "Rows of the outbox by state.", ("state",))
        self._sending = SenderScribe(metrics, ops.health)
        for outcome in _OUTCOMES:
            self._cycles.labels(outcome=outcome)

    def note(self, report: Report, seconds: float) -> None:
        """A cycle went well."""
        self._health.beat(CYCLE, f"chain time {report.now}")
        self._cycles.labels(outcome="done").inc()
        self._seconds.observe(seconds)
        self._metrics.succeeded(CYCLE)
        for kind, number in report.planned.items():
            self._planned.labels(kind=kind).inc(number)
        for outcome in ("sent", "mined", "failed"):
            self._messages.labels(outcome=outcome).inc(getattr(report, outcome))
        self._problems.set(len(report.problems))
        for problem in report.problems:
            _log.error("not decided", problem=problem)
        if report.problems:
            self._health.report("decisions", False, "; ".join(report.problems)[:500])
        else:
            self._health.beat("decisions")
        if not report.is_idle:
            _log.info("cycle", keeper=self._keeper.name, **asdict(report))
        self.note_outbox()

    def note_sending(self, done: Cycle) -> None:
        """A step of sending beside the cycles."""
        for outcome in ("sent", "mined", "failed"):
            self._messages.labels(outcome=outcome).inc(getattr(done, outcome))
        _log.info("sent", keeper=self._keeper.name, **asdict(done))
        self.note_outbox()

    def note_outbox(self) -> None:
        """How full the outbox is."""
        outbox = self._keeper.outbox
        if outbox is None:
            return
        for state in State:
            self._rows.labels(state=state.value).set(outbox.count(state))
        if self._keeper.sender is not None:
            self._sending.note(self._keeper.sender.status())

    def note_delay(self, error: RetryableError) -> None:
        """A cycle did not go through."""
        outcome = "timed_out" if isinstance(error, CycleTimeoutError) else "delayed"
        self._cycles.labels(outcome=outcome).inc()
        self._health.report(CYCLE, False, str(error))
        if self._keeper.sender is not None:
            self._sending.note(self._keeper.sender.status())
        _log.warning("cycle delayed", keeper=self._keeper.name, reason=str(error))


class Loop:
    """Runs a keeper until SIGTERM or SIGINT, which let the cycle under way finish.

    Args:
        keeper: what to run.
        ops: where it shows itself.
        poll_seconds: pause between cycles; doubles up to a minute while cycles do not go through.
        cycle_seconds: longest that a cycle may take; then it is broken off, as a kill would.
    """

    def __init__(
        self, keeper: Keeper, ops: Ops, *, poll_seconds: float, cycle_seconds: float = 60.0
    ) -> None:
        self._keeper = keeper
        self._poll_seconds = poll_seconds
        self._cycle_seconds = cycle_seconds
        self._pause = poll_seconds
        self._stop = threading.Event()
        self._scribe = Scribe(keeper, ops, cycle_seconds + 2 * LONGEST_PAUSE_SECONDS)

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Finish the cycle under way, then end."""
        self._stop.set()

    def step(self) -> Report | None:
        """One cycle, None if it has to be tried again.

        Raises:
            FatalError: what repeating cannot mend.
        """
        started = time.monotonic()
        try:
            with _at_most(self._cycle_seconds):
                report = self._keeper.cycle()
        except RetryableError as error:
            self._scribe.note_delay(error)
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            return None
        self._pause = self._poll_seconds
        self._scribe.note(report, time.monotonic() - started)
        return report

    def run(self) -> None:
        """Work until told to stop.

        Raises:
            FatalError: what repeating cannot mend.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        _log.info("keeper running", keeper=self._keeper.name)
        while not self._stop.is_set():
            self.step()
            self._stop.wait(self._pause)
        _log.info("keeper stopped", keeper=self._keeper.name)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Break a block off after some time; only the main thread can be broken off."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def expired(_number: int, _frame: FrameType | None) -> None:
        raise CycleTimeoutError(
            "a cycle takes too long",
            expected=f"at most {seconds:g} s",
            remedy="Look at the node's speed, or raise EG_KEEPER_CYCLE_SECONDS",
        )

    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
