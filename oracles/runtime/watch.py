"""Looks after the node beside the keeper, so that trouble shows even while a cycle hangs on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from energy_grid.errors import EnergyGridError
from energy_grid.rpc_pool import open_rpc
from oracles.runtime.keeper import Ops

NODE: Final = "node"
HEAD: Final = "head"
WATCH_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 2.0
"""With the pause between two looks this stays below the 5 s in which trouble has to show."""


class NodeWatch:
    """Asks the node for its newest block every second, in a thread of its own.

    Args:
        url: the node.
        ops: where to say how it is.
        head_seconds: longest that the chain may stand still; 0 for ever.
        clock: seconds that only rise.
    """

    def __init__(
        self,
        url: str,
        ops: Ops,
        *,
        head_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rpc = open_rpc(url, timeout_seconds=ANSWER_SECONDS)
        self._health = ops.health
        self._head_seconds = head_seconds
        self._clock = clock
        self._head: str | None = None
        self._head_at = clock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="node watch", daemon=True)
        metrics = ops.metrics
        self._blocks = metrics.gauge("eg_head_blocks", "Number of the newest block.")
        self._still = metrics.gauge(
            "eg_head_unchanged_seconds", "How long the newest block has been the same."
        )
        self._health.expect(NODE, WATCH_SECONDS + ANSWER_SECONDS + 1.0)

    def look(self) -> None:
        """Look once."""
        try:
            block = self._rpc.block("latest")
        except EnergyGridError as error:
            self._health.report(NODE, False, str(error))
            return
        number = int(block["number"], 16)
        self._health.beat(NODE, f"block {number}")
        self._blocks.set(number)
        if block["hash"] != self._head:
            self._head, self._head_at = str(block["hash"]), self._clock()
        still = self._clock() - self._head_at
        self._still.set(still)
        if self._head_seconds:
            is_moving = still <= self._head_seconds
            detail = f"block {number} for {still:.0f} s"
            if not is_moving:
                detail += f", at most {self._head_seconds:g} s allowed: the chain stands still"
            self._health.report(HEAD, is_moving, detail)

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(WATCH_SECONDS)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(WATCH_SECONDS + ANSWER_SECONDS)
        self._rpc.close()
