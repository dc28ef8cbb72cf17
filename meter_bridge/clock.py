"""What time it is: of this host, or of the chain (simulated days and drills).

On a live network the host's clock is compared with the chain's new blocks; more than 5 s apart
nothing is signed, since a wrong clock moves energy into another slot.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

from energy_grid.units import UnixSeconds

MAX_SKEW_SECONDS: Final = 5
BLOCKS_COMPARED: Final = 8


class Clock(Protocol):
    """Source of the current time."""

    def now(self, *, fresh: bool = False) -> UnixSeconds:
        """Current time; `fresh` asks the source again instead of a value kept for a moment."""
        ...


class SystemClock:
    """The host's clock."""

    def now(self, *, fresh: bool = False) -> UnixSeconds:
        """Current time."""
        return UnixSeconds(int(time.time()))


class HeadTime(Protocol):
    """Where the time of the newest block comes from (`Rpc.timestamp`)."""

    def timestamp(self) -> int:
        """Unix seconds of the newest block."""
        ...


class ChainClock:
    """Time of the newest block, asked for at most every `keep_seconds`."""

    def __init__(self, head: HeadTime, keep_seconds: float = 0.1) -> None:
        self._head = head
        self._keep_seconds = keep_seconds
        self._asked_at = float("-inf")
        self._time = UnixSeconds(0)

    def now(self, *, fresh: bool = False) -> UnixSeconds:
        """Current time."""
        if fresh or time.monotonic() - self._asked_at >= self._keep_seconds:
            # Blocks never go back in time for us: a reorg must not turn the clock back.
            self._time = max(self._time, UnixSeconds(self._head.timestamp()))
            self._asked_at = time.monotonic()
        return self._time


@dataclass(frozen=True, slots=True)
class Skew:
    """How far the host's clock seems to be ahead of the chain (negative: behind)."""

    ahead_seconds: float
    blocks_seen: int

    def exceeds(self, limit_seconds: float) -> bool:
        """Whether nothing may be signed."""
        return self.blocks_seen > 0 and abs(self.ahead_seconds) > limit_seconds


class SkewWatch:
    """Compares the host's clock with blocks at the moment they are first seen.

    A block is seen some seconds after its timestamp, so the host is ahead by the smallest such
    delay of the last blocks, and behind by how far a block came from the future.
    """

    def __init__(self) -> None:
        self._delays: deque[float] = deque(maxlen=BLOCKS_COMPARED)
        self._last_number: int | None = None

    def observe(self, number: int, timestamp: int, host_time: float) -> None:
        """Take note of the newest block."""
        if self._last_number is None or number > self._last_number:
            # The first block may have been old already when we looked.
            if self._last_number is not None or host_time < timestamp:
                self._delays.append(host_time - timestamp)
            self._last_number = number

    @property
    def skew(self) -> Skew:
        """Result so far."""
        if not self._delays:
            return Skew(0.0, 0)
        smallest = min(self._delays)
        return Skew(smallest, len(self._delays))
