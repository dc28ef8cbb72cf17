"""Following the chain's clock, for processes that have no other."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Final

import structlog

from energy_grid.errors import RetryableError
from energy_grid.rpc import Rpc

_LONGEST_PAUSE_SECONDS: Final = 5.0
_log = structlog.get_logger(__name__)


class Stop:
    """Set by SIGTERM and SIGINT: finish what is under way, then end."""

    def __init__(self) -> None:
        self._event = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._set)

    def _set(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep, but not when it is time to end."""
        self._event.wait(seconds)


class ChainTime:
    """Time of the newest block; a chain that is away is waited for.

    Args:
        rpc: the node.
        poll_seconds: pause between two looks.
    """

    def __init__(self, rpc: Rpc, poll_seconds: float) -> None:
        self._rpc = rpc
        self._poll_seconds = poll_seconds
        self._pause = poll_seconds

    def look(self, stop: Stop) -> int | None:
        """Wait a moment and look; None if the node did not answer."""
        stop.wait(self._pause)
        try:
            now = self._rpc.timestamp()
        except RetryableError as error:
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_SECONDS)
            _log.warning("chain away", reason=str(error))
            return None
        self._pause = self._poll_seconds
        return now
