"""How the parts of a daemon fare."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from energy_grid.errors import InvalidValueError

NOT_YET = "nothing reported yet"


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a daemon.

    Attributes:
        name: the part, such as `node` or `cycle`.
        good: whether it works, its silence counted.
        detail: one sentence for whoever has to mend it.
        age_seconds: since it was last good; None if it never was.
        limit_seconds: longest it may be silent; None for ever.
    """

    name: str
    good: bool
    detail: str
    age_seconds: float | None = None
    limit_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    good: bool
    detail: str
    limit_seconds: float | None
    heard_at: float
    good_at: float | None


class Health:
    """Parts of a daemon with their last word; safe to use from several threads.

    A part is bad when it said so, when it was expected and has said nothing yet, and when its last
    good word is older than its limit. Everything is judged at the moment of asking, so readiness
    never lags behind.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._parts: dict[str, _Part] = {}

    def expect(self, component: str, limit_seconds: float | None = None) -> None:
        """Name a part that must report before the daemon is ready.

        Args:
            component: its name.
            limit_seconds: longest that it may go without a good word.
        """
        if limit_seconds is not None and limit_seconds <= 0:
            raise InvalidValueError(
                f"limit of {component}", expected="more than 0 s", found=limit_seconds
            )
        with self._lock:
            known = self._parts.get(component)
            if known is None:
                known = _Part(False, NOT_YET, limit_seconds, self._clock(), None)
            self._parts[component] = replace(known, limit_seconds=limit_seconds)

    def report(self, component: str, good: bool, detail: str = "") -> None:
        """A part's word about itself; a part that nobody expected has no limit."""
        now = self._clock()
        with self._lock:
            known = self._parts.get(component)
            limit = known.limit_seconds if known else None
            before = known.good_at if known else None
            self._parts[component] = _Part(good, detail, limit, now, now if good else before)

    def beat(self, component: str, detail: str = "") -> None:
        """A part is at work and well."""
        self.report(component, True, detail)

    def forget(self, component: str) -> None:
        """A part is gone on purpose."""
        with self._lock:
            self._parts.pop(component, None)

    def components(self) -> tuple[Component, ...]:
        """All parts as they are now, by name."""
        now = self._clock()
        with self._lock:
            parts = sorted(self._parts.items())
        return tuple(_judged(name, part, now) for name, part in parts)

    @property
    def is_ready(self) -> bool:
        """Whether every part is good."""
        return all(component.good for component in self.components())


def _judged(name: str, part: _Part, now: float) -> Component:
    age = None if part.good_at is None else now - part.good_at
    silent = part.limit_seconds is not None and age is not None and age > part.limit_seconds
    if part.good and silent:
        detail = f"silent for {age:.1f} s, at most {part.limit_seconds:g} s allowed"
        if part.detail:
            detail += f"; last: {part.detail}"
        return Component(name, False, detail, age, part.limit_seconds)
    return Component(name, part.good, part.detail, age, part.limit_seconds)
