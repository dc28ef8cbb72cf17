"""Judges what reporters send: reasons for every refusal, evidence of every contradiction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from energy_grid.errors import InvalidValueError
from energy_grid.ops import Metrics
from oracles.collector.shelf import Shelf, Verdict
from oracles.reporting.oracles import FeedView, Oracle, OracleView
from oracles.reporting.rounds import is_too_old
from oracles.reporting.wire import Delivery, parse_observations

OUTCOMES: Final = ("new", "known", "equivocation", "refused", "later")
VIEW_SECONDS: Final = 60.0
"""A view of the chain older than this judges nothing."""

_log = structlog.get_logger(__name__)


class NotReadyError(Exception):
    """The collector has not seen the chain lately; whoever asks tries again."""


class TokenBucket:
    """So many at once, so many a second.

    Args:
        per_second: how quickly it fills.
        most: what it holds.
        clock: seconds.
    """

    def __init__(
        self, per_second: float, most: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._most = most
        self._clock = clock
        self._level = most
        self._at = clock()

    def take(self, number: float = 1.0) -> bool:
        """Take some out; False, and nothing, if there are not enough."""
        now = self._clock()
        self._level = min(self._most, self._level + (now - self._at) * self._per_second)
        self._at = now
        if self._level < number:
            return False
        self._level -= number
        return True


class _Refused(Exception):
    def __init__(self, reason: str, again: bool = False) -> None:
        self.reason = reason
        self.again = again
        super().__init__(reason)


class Intake:
    """Takes messages of observations in.

    Args:
        oracles: by name.
        shelf: where they are kept.
        metrics: counts.
        per_second: observations a second from one reporter, in the long run.
        burst: observations at once from one reporter.
        clock: seconds.
    """

    def __init__(
        self,
        oracles: Mapping[str, Oracle],
        shelf: Shelf,
        metrics: Metrics,
        per_second: float = 50.0,
        burst: float = 500.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._by_address = {oracle.address: oracle for oracle in oracles.values()}
        self._shelf = shelf
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._views: Mapping[str, OracleView] = {}
        self._viewed_at = -VIEW_SECONDS
        self._buckets: dict[str, TokenBucket] = {}
        self._counts = metrics.counter(
            "eg_observations_received_total", "Observations received, by outcome.", ("outcome",)
        )
        self._evidence = metrics.counter(
            "eg_equivocations_total",
            "Rounds that a reporter signed with two values.",
            ("reporter",),
        )
        for outcome in OUTCOMES:
            self._counts.labels(outcome=outcome)

    def look(self, views: Mapping[str, OracleView]) -> None:
        """Judge by this view of the chain from now on."""
        with self._lock:
            self._views = views
            self._viewed_at = self._clock()
            members = {reporter for view in views.values() for reporter in view.reporters}
            self._buckets = {
                reporter: self._buckets.get(reporter)
                or TokenBucket(self._per_second, self._burst, self._clock)
                for reporter in members
            }

    def take(self, document: Any) -> dict[str, Any]:
        """A message's answer: a result for each observation, in order.

        Raises:
            InvalidValueError: it is no message.
            NotReadyError: the chain was not seen lately.
        """
        parsed = parse_observations(document)
        with self._lock:
            if self._clock() - self._viewed_at > VIEW_SECONDS:
                raise NotReadyError
            views = self._views
        results: list[dict[str, Any]] = [{} for _ in parsed]
        good: list[tuple[int, str, Delivery]] = []
        for index, item in enumerate(parsed):
            try:
                if isinstance(item, InvalidValueError):
                    raise _Refused(str(item))
                good.append((index, self._reporter(item, views), item))
            except _Refused as refused:
                results[index] = _refusal(refused)
                self._counts.labels(outcome="later" if refused.again else "refused").inc()
        verdicts = self._shelf.keep([(reporter, item) for _, reporter, item in good])
        for (index, reporter, item), verdict in zip(good, verdicts, strict=True):
            results[index] = self._result(reporter, item, verdict)
        return {"results": results}

    def _result(self, reporter: str, item: Delivery, verdict: Verdict) -> dict[str, Any]:
        self._counts.labels(outcome=verdict.value).inc()
        if verdict is not Verdict.EQUIVOCATION:
            return {"accepted": True, "detail": verdict.value}
        self._evidence.labels(reporter=reporter).inc()
        _log.error(
            "equivocation",
            reporter=reporter,
            feed_id=item.observation.feed.id,
            round=item.observation.round,
        )
        return _refusal(_Refused("another value was signed for this round: kept as evidence"))

    def _reporter(self, item: Delivery, views: Mapping[str, OracleView]) -> str:
        """Who signed an observation that is in order."""
        oracle = self._by_address.get(item.oracle)
        view = None if oracle is None else views.get(oracle.name)
        if oracle is None or view is None:
            raise _Refused(f"no oracle at {item.oracle}")
        observation = item.observation
        feed_view = view.feeds.get(observation.feed.id)
        if feed_view is None:
            raise _Refused(f"{oracle.name} has no feed {observation.feed.id}", again=True)
        if observation.reporter_set != view.reporter_set:
            newer = observation.reporter_set > view.reporter_set
            raise _Refused(f"reporter set {view.reporter_set} is in force", again=newer)
        self._check_round(item, feed_view, view.now)
        self._check_value(item, feed_view)
        try:
            reporter = item.signed.reporter(oracle.domain)
        except InvalidValueError as error:
            raise _Refused(str(error)) from None
        if reporter not in view.reporters:
            raise _Refused(
                f"signed by {reporter}, which is no reporter of {oracle.name}, or for another"
                " oracle, chain, feed, unit, zone, round or value"
            )
        with self._lock:
            bucket = self._buckets.get(reporter)
            is_allowed = bucket is not None and bucket.take()
        if not is_allowed:
            raise _Refused("too many observations, later", again=True)
        return reporter

    @staticmethod
    def _check_round(item: Delivery, feed_view: FeedView, now: int) -> None:
        observation, config = item.observation, feed_view.config
        # A round that is published is kept all the same: it may be evidence.
        if is_too_old(config, observation.round, now):
            raise _Refused("round too old")
        # The collector may look a few blocks later than the reporter.
        if config.round_start(observation.round) > now + config.heartbeat_seconds:
            raise _Refused("round in the future", again=True)
        start = config.interval_start(observation.feed, observation.round)
        if (observation.interval_start, observation.interval_seconds) != (
            start,
            config.interval_seconds,
        ):
            raise _Refused(
                f"interval of round {observation.round}: expected {start} of"
                f" {config.interval_seconds} s"
            )

    @staticmethod
    def _check_value(item: Delivery, feed_view: FeedView) -> None:
        config, value = feed_view.config, item.observation.value
        if not config.is_plausible(value):
            raise _Refused(
                f"implausible value: expected {config.lowest_observation} to"
                f" {config.highest_observation}, found {value}"
            )


def _refusal(refused: _Refused) -> dict[str, Any]:
    return {"accepted": False, "reason": refused.reason[:300], "again": refused.again}
