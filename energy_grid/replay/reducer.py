"""What all replays share: one handler an event, and no event without one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from energy_grid.abi import Event
from energy_grid.errors import FatalError

Handler = Callable[[Event, int], None]


class ReplayError(FatalError):
    """The logs do not fit together, or say something that no replay understands."""


class Reducer(ABC):
    """One contract's state. Subclasses name their handlers in `handlers`.

    Attributes:
        PASSED_OVER: events that say nothing of the state kept here: what they tell follows from
            others, or is a service to readers.
    """

    PASSED_OVER: ClassVar[frozenset[str]] = frozenset()

    def __init__(self) -> None:
        self._handlers: Mapping[str, Handler] = self.handlers()

    @abstractmethod
    def handlers(self) -> Mapping[str, Handler]:
        """What each event does, by its name."""

    def apply(self, event: Event, now: int) -> None:
        """Take one event of a block at `now` (unix seconds).

        Raises:
            ReplayError: the event is unknown or contradicts the events before.
        """
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event, now)
        elif event.name not in self.PASSED_OVER:
            raise ReplayError(
                f"{type(self).__name__} does not know this event",
                found=event.name,
                remedy="Handle it, or name it among those that change nothing.",
            )


def require(holds: bool, problem: str, *, expected: object, found: object) -> None:
    """Events that contradict each other are not replayed.

    Raises:
        ReplayError: unless `holds`.
    """
    if not holds:
        raise ReplayError(problem, expected=expected, found=found)
