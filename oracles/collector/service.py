"""A collector at work: see the chain, choose answers, plan one report an oracle and cycle."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from energy_grid.errors import RetryableError
from energy_grid.feeds import Feed
from energy_grid.outbox import Cycle
from energy_grid.outbox.attempts import UNDER_WAY
from energy_grid.rpc import Rpc
from energy_grid.units import SECONDS_PER_DAY
from oracles.collector.choose import choose
from oracles.collector.intake import Intake
from oracles.collector.shelf import Kept, Shelf
from oracles.reporting.oracles import FeedView, Oracle, OracleView, read_views
from oracles.reporting.rounds import is_in_future, is_too_old
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Keeper, Ops, Plan

NAME: Final = "collector"
KEPT_SECONDS: Final = 2 * SECONDS_PER_DAY
_LONGEST_PAUSE_SECONDS: Final = 600.0
_DIGEST_DIGITS: Final = 16

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CollectorOptions:
    """How a collector works.

    Attributes:
        wait_seconds: how long answers may come in after the first, unless all are there. A
            collector that stands by for another waits longer.
        most_answers: answers of a report at most; None for as many as it needs.
        most_reports: reports of one transaction at most.
        retry_seconds: pause before a round is tried again that had no effect; doubles.
    """

    wait_seconds: float = 1.0
    most_answers: int | None = None
    most_reports: int = 24
    retry_seconds: float = 15.0


@dataclass(frozen=True)
class _Choice:
    feed: Feed
    round: int
    attempt: int
    answers: tuple[Kept, ...]

    def report(self) -> tuple[int, int, list[tuple[int, bytes, bytes]]]:
        """As the contract takes it: signers ascending."""
        ordered = sorted(self.answers, key=lambda one: int(one.reporter, 16))
        return self.feed.id, self.round, [one.signed.as_tuple() for one in ordered]


class CollectorKeeper(Keeper):
    """Brings reports to the chain.

    Args:
        rpc: the node.
        oracles: by name.
        desk: outbox and key.
        shelf: observations.
        intake: judges what comes in, by what this sees of the chain.
        ops: where it shows itself.
        options: how it works.
        clock: unix seconds.
    """

    name = NAME

    def __init__(
        self,
        rpc: Rpc,
        oracles: Mapping[str, Oracle],
        desk: Desk,
        shelf: Shelf,
        intake: Intake,
        ops: Ops,
        options: CollectorOptions | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.outbox = desk.outbox
        self.sender = desk.sender
        self.address = desk.address
        self._rpc = rpc
        self._oracles = dict(oracles)
        self._desk = desk
        self._shelf = shelf
        self._intake = intake
        self._options = options or CollectorOptions()
        self._clock = clock
        self._health = ops.health
        self._pruned_at = 0.0
        metrics = ops.metrics
        self._rounds = metrics.counter(
            "eg_rounds_planned_total", "Rounds put into the outbox, by oracle.", ("oracle",)
        )
        self._stale = metrics.gauge(
            "eg_feeds_stale_count", "Feeds older than 1.5 heartbeats.", ("oracle",)
        )
        self._evidence = metrics.gauge("eg_equivocations_kept_count", "Equivocations on record.")

    def plan(self) -> Plan:
        """See `Keeper.plan`."""
        # Known before the chain is read: whatever is finished by then, the chain shows.
        rows = () if self.outbox is None else self.outbox.rows(*UNDER_WAY)
        under_way = frozenset(row.business_key for row in rows)
        try:
            views = read_views(self._rpc, self._oracles.values())
        except RetryableError as error:
            self._health.report("oracles", False, str(error))
            raise
        self._health.beat("oracles")
        self._intake.look(views)
        planned: dict[str, int] = {}
        now = 0
        for name, oracle in self._oracles.items():
            view = views[name]
            now = max(now, view.now)
            self._show(name, view)
            choices = self._choices(oracle, view, under_way)
            if choices and self._enqueue(oracle, choices):
                planned["report"] = planned.get("report", 0) + len(choices)
                self._rounds.labels(oracle=name).inc(len(choices))
        self._evidence.set(self._shelf.evidence_count())
        self._prune()
        return Plan(now, planned)

    def send(self) -> Cycle:
        """See `Keeper.send`."""
        return self._desk.work()

    # --- Choosing ---------------------------------------------------------------------------------

    def _choices(
        self, oracle: Oracle, view: OracleView, under_way: frozenset[str]
    ) -> list[_Choice]:
        found = []
        for feed_view in view.feeds.values():
            choice = self._choice(oracle, view, feed_view, under_way)
            if choice is not None:
                found.append(choice)
        # Who waits longest comes first, should there be too many for one transaction.
        found.sort(key=lambda one: view.feeds[one.feed.id].updated_at)
        return found[: self._options.most_reports]

    def _choice(
        self, oracle: Oracle, view: OracleView, feed_view: FeedView, under_way: frozenset[str]
    ) -> _Choice | None:
        """The newest round of a feed with enough answers; older ones are dropped for it."""
        feed, config = feed_view.feed, feed_view.config
        after = feed_view.latest_round if feed_view.has_round else -1
        rounds = self._shelf.rounds(oracle.address, feed, view.reporter_set, after)
        if not rounds:
            return None
        marks = self._shelf.planned(oracle.address, feed)
        if any(mark.business_key in under_way for mark in marks.values()):
            return None
        for round_ in rounds:
            if is_in_future(config, round_, view.now) or is_too_old(config, round_, view.now):
                continue
            answers = self._answers(oracle, view, feed_view, round_)
            if not answers:
                continue
            mark = marks.get(round_)
            attempt = 1 if mark is None else mark.attempts + 1
            if mark is not None:
                pause = self._options.retry_seconds * 2 ** min(mark.attempts - 1, 16)
                if self._clock() - mark.planned_at < min(pause, _LONGEST_PAUSE_SECONDS):
                    return None
            return _Choice(feed, round_, attempt, tuple(answers))
        return None

    def _answers(
        self, oracle: Oracle, view: OracleView, feed_view: FeedView, round_: int
    ) -> list[Kept]:
        kept = [
            one
            for one in self._shelf.observations(
                oracle.address, feed_view.feed, round_, view.reporter_set
            )
            if one.reporter in view.reporters
        ]
        if len(kept) < view.min_answers or not kept:
            return []
        first = min(one.received_at for one in kept)
        is_complete = len(kept) == len(view.reporters)
        if not is_complete and self._clock() - first < self._options.wait_seconds:
            return []
        honest = [one for one in kept if not one.equivocated]
        # A reporter that signed two values counts only where the round would fail without it.
        chosen = honest if len(honest) >= view.min_answers else kept
        return choose(
            [(one.signed.observation.value, one) for one in chosen],
            view.min_answers,
            feed_view.config,
            self._options.most_answers,
        )

    # --- Planning ---------------------------------------------------------------------------------

    def _enqueue(self, oracle: Oracle, choices: list[_Choice]) -> bool:
        key = business_key(oracle.name, choices)
        if self._desk.is_dry:
            _log.info("would send", business_key=key, reports=len(choices))
            return False
        if len(choices) == 1:
            data = oracle.contract.encode("submitReport", choices[0].report())
        else:
            data = oracle.contract.encode("submitReports", [one.report() for one in choices])
        self._shelf.plan(
            key,
            oracle.address,
            data,
            [(oracle.address, one.feed, one.round) for one in choices],
        )
        for one in choices:
            _log.info(
                "planned",
                business_key=key,
                feed_id=one.feed.id,
                round=one.round,
                answers=len(one.answers),
            )
        return True

    def _show(self, name: str, view: OracleView) -> None:
        stale = [
            feed_view
            for feed_view in view.feeds.values()
            if view.now - _since(feed_view) >= feed_view.config.age_limit_seconds
        ]
        self._stale.labels(oracle=name).set(len(stale))

    def _prune(self) -> None:
        now = self._clock()
        if now - self._pruned_at > SECONDS_PER_DAY / 24:
            self._shelf.prune(now - KEPT_SECONDS)
            self._pruned_at = now


def _since(view: FeedView) -> int:
    """When the value of a feed began to age."""
    return min(view.updated_at, view.config.round_start(view.latest_round))


def business_key(oracle: str, choices: list[_Choice]) -> str:
    """Names the rounds that a transaction publishes."""
    parts = [f"{one.feed.id}:{one.round}" for one in choices]
    attempt = max(one.attempt for one in choices)
    if len(choices) == 1:
        key = f"report:{oracle}:{parts[0]}"
        return key if attempt == 1 else f"{key}#{attempt}"
    parts = [f"{part}#{one.attempt}" for part, one in zip(parts, choices, strict=True)]
    digest = hashlib.sha256(",".join(sorted(parts)).encode()).hexdigest()[:_DIGEST_DIGITS]
    return f"report:{oracle}:{len(choices)}:{digest}"
