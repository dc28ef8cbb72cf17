"""The thread that brings the outbox to the chain while the bridge goes on reading."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import structlog

from energy_grid.errors import EnergyGridError, RetryableError
from energy_grid.outbox import Sender, State
from meter_bridge.chain import OutcomeWatch

_log = structlog.get_logger(__name__)

IDLE_CYCLE_SECONDS: Final = 15.0
"""How often the chain is asked although nothing is known to be under way."""
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 10.0
"""Below a block's time: work resumes with the first block after an outage."""


class SendingThread:
    """Runs a sender's cycles until stopped; never in the way of reading and storing.

    Args:
        sender: the outbox's sender; it and its node connection belong to this thread.
        watch: tells what the contract refused.
        cycle_seconds: pause between cycles while something is under way.
        verify: run once before the first cycle; refuses a node of another chain.
    """

    def __init__(
        self,
        sender: Sender,
        watch: OutcomeWatch,
        cycle_seconds: float,
        verify: Callable[[], None],
    ) -> None:
        self._sender = sender
        self._verify = verify
        self._is_verified = False
        self._watch = watch
        self._cycle_seconds = cycle_seconds
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sending", daemon=True)
        self.failure: EnergyGridError | None = None
        """Why the thread gave up, None while it works."""
        self.problem = ""
        """Why the last cycle sent nothing, empty if it went well."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Something was put into the outbox."""
        self._wake.set()

    @property
    def trouble(self) -> str:
        """What keeps transactions from the chain now, empty if nothing does."""
        alarms = self._sender.status().alarms
        return self.problem or "; ".join(f"{alarm.name}: {alarm.detail}" for alarm in alarms)

    def stop(self, timeout_seconds: float = 30.0) -> None:
        """Finish the cycle under way and end; what is left stays in the outbox."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._stopping:
            self._wake.clear()
            wait = self._cycle_seconds
            try:
                if not self._is_verified:
                    self._verify()
                    self._is_verified = True
                self._watch.before_cycle()
                cycle = self._sender.run_once()
                self._watch.after_cycle()
                self.problem = ""
                pause = _FIRST_PAUSE_SECONDS
                if cycle.sent or cycle.mined or cycle.failed:
                    _log.info("submission cycle", **_fields(cycle))
                if not cycle.waiting:
                    wait = IDLE_CYCLE_SECONDS
                elif self._sender.outbox.count(State.PLANNED, State.SIGNED, State.SENT) == 0:
                    # Only confirmations are missing: no hurry.
                    wait = max(wait, 1.0)
            except RetryableError as error:
                self.problem = str(error)
                _log.warning("submission delayed", reason=str(error))
                wait, pause = pause, min(2 * pause, _LONGEST_PAUSE_SECONDS)
            except EnergyGridError as error:
                self.problem = str(error)
                _log.critical("submission stopped", reason=str(error))
                self.failure = error
                return
            self._wake.wait(wait)
        self._sender.stop()
        self._sender.outbox.close()


def _fields(cycle: Any) -> dict[str, int]:
    return {
        "sent": cycle.sent,
        "mined": cycle.mined,
        "final": cycle.final,
        "failed": cycle.failed,
        "waiting": cycle.waiting,
    }
