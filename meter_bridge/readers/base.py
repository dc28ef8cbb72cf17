"""The one interface of all readers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from meter_bridge.telegrams.framing import Frame, Framer


@dataclass(frozen=True, slots=True)
class Arrival:
    """One telegram on its way in.

    Args:
        meter_id: whose source it came from.
        frame: the telegram.
        arrived_at: host time at its arrival.
        settle: called once with True when it is stored or judged for good, with False when the
            store could not take it and its sender should keep it. None where nobody waits for it.
    """

    meter_id: int
    frame: Frame
    arrived_at: float = field(default_factory=time.time)
    settle: Callable[[bool], None] | None = None


Sink = Callable[[Arrival], Awaitable[None]]
"""Takes an arrival; waits while the bridge is busy, so a reader never piles up telegrams."""


class Reader(Protocol):
    """Brings the telegrams of one or more meters."""

    @property
    def name(self) -> str:
        """The source, as it is told to people."""
        ...

    async def run(self, sink: Sink) -> None:
        """Read until the source ends (a file read once) or the task is cancelled."""
        ...

    @property
    def framers(self) -> dict[int, Framer]:
        """Framers by meter, for their counters."""
        ...

    @property
    def is_connected(self) -> bool:
        """Whether the source is there now."""
        ...


class Retry:
    """Growing pauses between attempts to reach a source."""

    def __init__(self, first_seconds: float = 0.2, longest_seconds: float = 30.0) -> None:
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._next_seconds = first_seconds

    def succeeded(self) -> None:
        """Begin with short pauses again."""
        self._next_seconds = self._first_seconds

    async def pause(self) -> None:
        """Wait before the next attempt."""
        await asyncio.sleep(self._next_seconds)
        self._next_seconds = min(2 * self._next_seconds, self._longest_seconds)
