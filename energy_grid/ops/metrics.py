"""Prometheus metrics of one daemon, on a registry of its own.

Names start with `eg_` and end with their unit, so that nobody has to look a number up to read it.
Each is listed in `docs/operations.md` with what to do about it; a test compares the two.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from energy_grid.errors import InvalidValueError

PREFIX: Final = "eg_"
UNITS: Final = (
    "seconds", "bytes", "wei", "gas", "blocks", "slots", "rows", "ratio", "bps", "watts", "wh",
    "millihertz", "millivolts", "units_per_kwh", "count", "bool", "info",
)  # fmt: skip
"""Last words of a gauge's or a histogram's name. A counter's name ends with `total`."""

LAST_SUCCESS: Final = "eg_last_success_timestamp_seconds"
"""Unix time at which each task of the daemon last succeeded."""

_NAME: Final = re.compile(r"eg_[a-z][a-z0-9]*(_[a-z0-9]+)+")
_DEFAULT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_M = TypeVar("_M", Counter, Gauge, Histogram)


class Metrics:
    """Metrics of one daemon.

    Asked twice for the same name, it gives the same metric, so each part of a program may ask for
    those it needs.

    Args:
        daemon: name of the daemon, told by `eg_daemon_info`.
    """

    def __init__(self, daemon: str) -> None:
        self.daemon = daemon
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Counter | Gauge | Histogram, tuple[str, ...]]] = {}
        self.gauge("eg_daemon_info", "Which daemon this is.", ("daemon",)).labels(daemon).set(1)

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        """Something that only rises; its name ends with `_total`.

        Raises:
            InvalidValueError: the name breaks the rules, or is taken by another kind of metric.
        """
        _require_name(name, ("total",))
        return self._get(
            name, labels, Counter, lambda: Counter(name, text, labels, registry=self.registry)
        )

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """Something that rises and falls.

        Raises:
            InvalidValueError: the name breaks the rules, or is taken by another kind of metric.
        """
        _require_name(name, UNITS)
        return self._get(
            name, labels, Gauge, lambda: Gauge(name, text, labels, registry=self.registry)
        )

    def histogram(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        buckets: Sequence[float] = _DEFAULT_BUCKETS,
    ) -> Histogram:
        """How something spreads.

        Raises:
            InvalidValueError: the name breaks the rules, or is taken by another kind of metric.
        """
        _require_name(name, UNITS)
        return self._get(
            name,
            labels,
            Histogram,
            lambda: Histogram(name, text, labels, registry=self.registry, buckets=buckets),
        )

    def succeeded(self, task: str, at: float | None = None) -> None:
        """Note that a task succeeded, now or at a unix time."""
        gauge = self.gauge(LAST_SUCCESS, "Unix time of the last success of a task.", ("task",))
        gauge.labels(task=task).set(time.time() if at is None else at)

    def value(self, name: str, **labels: str) -> float | None:
        """A sample as it is exposed now; None if there is none of that name and labels."""
        return self.registry.get_sample_value(name, labels)

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self.registry)

    def _get(self, name: str, labels: Sequence[str], kind: type[_M], make: Callable[[], _M]) -> _M:
        wanted = tuple(labels)
        with self._lock:
            if name not in self._known:
                metric = make()
                self._known[name] = metric, wanted
                return metric
            found, labels_found = self._known[name]
        if not isinstance(found, kind) or labels_found != wanted:
            raise InvalidValueError(
                f"metric {name} is there already",
                expected=f"{type(found).__name__} with labels {labels_found}",
                found=f"{kind.__name__} with labels {wanted}",
                remedy="One name is one thing: choose another name",
            )
        return found


def _require_name(name: str, units: Sequence[str]) -> None:
    if not _NAME.fullmatch(name) or not any(name.endswith(f"_{unit}") for unit in units):
        raise InvalidValueError(
            "name of a metric",
            expected=f"{PREFIX}..., small letters, ending with one of {', '.join(units)}",
            found=name,
        )
