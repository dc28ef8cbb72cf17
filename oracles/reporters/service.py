"""A reporter at work: look at the chain, observe what is due, sign once, hand over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from energy_grid.feeds import Feed, Observation
from energy_grid.outbox import Cycle
from energy_grid.rpc import Rpc
from energy_grid.units import SECONDS_PER_DAY, UnixSeconds
from oracles.reporters.decide import DEVIATIONS, Deviation, due
from oracles.reporters.keys import ReporterKey
from oracles.reporters.posting import Collector, CollectorUnreachableError
from oracles.reporters.record import REFUSED, TAKEN, Record
from oracles.reporting.oracles import FeedView, Oracle, OracleView, oracle_of_kind, read_views
from oracles.reporting.rounds import is_too_old
from oracles.reporting.wire import Delivery
from oracles.runtime.keeper import Keeper, Ops, Plan
from oracles.sources.base import Interval
from oracles.sources.combining import Combined, Combiner
from oracles.sources.errors import NotCoveredError, NotEnoughSourcesError, SourceError
from oracles.sources.plausibility import PLAUSIBLE, Plausibility

NAME: Final = "reporter"
KEPT_SECONDS: Final = 30 * SECONDS_PER_DAY

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ObservedFeed:
    """A feed that a reporter reports.

    Attributes:
        feed: the feed.
        combiner: its sources.
        plausible: limits of its values.
        deviation: change that is worth a round of its own.
    """

    feed: Feed
    combiner: Combiner
    plausible: Plausibility
    deviation: Deviation

    @classmethod
    def of(cls, feed: Feed, combiner: Combiner) -> ObservedFeed:
        """A feed with the defaults of its kind."""
        return cls(feed, combiner, PLAUSIBLE[feed.kind], DEVIATIONS[feed.kind])


class Reporter(Keeper):
    """One reporter with one key.

    Args:
        rpc: the node.
        oracles: by name.
        feeds: what to report.
        key: signs.
        record: what was signed.
        collectors: whom to hand it to.
        ops: where it shows itself.
    """

    name = NAME

    def __init__(
        self,
        rpc: Rpc,
        oracles: Iterable[Oracle],
        feeds: Sequence[ObservedFeed],
        key: ReporterKey,
        record: Record,
        collectors: Sequence[Collector],
        ops: Ops,
    ) -> None:
        self._rpc = rpc
        self._oracles = {oracle.name: oracle for oracle in oracles}
        self._feeds = tuple(feeds)
        self._key = key
        self._record = record
        self._collectors = tuple(collectors)
        self._health = ops.health
        self._views: dict[str, OracleView] = {}
        self._pruned_at = 0
        metrics = ops.metrics
        self._signed = metrics.counter(
            "eg_observations_signed_total", "Rounds signed, by kind of feed.", ("kind",)
        )
        self._refused = metrics.counter(
            "eg_source_refusals_total", "Answers of sources not used.", ("source", "reason")
        )
        self._posted = metrics.counter(
            "eg_observations_posted_total", "Observations handed over, by outcome.", ("outcome",)
        )

    # --- Look, observe, sign ----------------------------------------------------------------------

    def plan(self) -> Plan:
        """See `Keeper.plan`: signs what is due."""
        self._look()
        now = max((view.now for view in self._views.values()), default=UnixSeconds(0))
        problems: dict[str, None] = {}
        planned: dict[str, int] = {}
        for observed in self._feeds:
            oracle = self._oracles[oracle_of_kind(observed.feed.kind)]
            view = self._views[oracle.name]
            if self._key.address not in view.reporters:
                problems[f"{self._key.address} is no reporter of {oracle.name}"] = None
                continue
            feed_view = view.feeds.get(observed.feed.id)
            if feed_view is None:
                problems[f"{oracle.name} has no feed {observed.feed.id}"] = None
                continue
            try:
                if self._report(oracle, view, feed_view, observed):
                    kind = observed.feed.kind.name.lower()
                    planned[kind] = planned.get(kind, 0) + 1
            except SourceError as error:
                problems[str(error)] = None
        self._prune(now)
        return Plan(now, planned, tuple(problems))

    def _look(self) -> None:
        wanted: dict[str, list[Feed]] = {}
        for observed in self._feeds:
            wanted.setdefault(oracle_of_kind(observed.feed.kind), []).append(observed.feed)
        self._views = read_views(self._rpc, [self._oracles[name] for name in wanted], wanted)

    def _report(
        self, oracle: Oracle, view: OracleView, feed_view: FeedView, observed: ObservedFeed
    ) -> bool:
        """Sign the round that is due; False if none is, or it is signed."""
        feed = observed.feed
        found = due(feed_view, view.now)
        if found is None or self._record.has_signed(
            oracle.address, feed, found.round, view.reporter_set
        ):
            return False
        config = feed_view.config
        interval = Interval(config.interval_start(feed, found.round), config.interval_seconds)
        try:
            combined = self._observe(oracle, view, feed_view, observed, interval)
        except (NotCoveredError, NotEnoughSourcesError):
            if found.by_heartbeat:
                raise
            return False
        if not found.by_heartbeat and not observed.deviation.is_exceeded(
            feed_view.latest_value, combined.value
        ):
            return False
        observation = Observation(
            feed,
            found.round,
            interval.start,
            interval.seconds,
            view.reporter_set,
            combined.value,
        )
        signed = self._record.sign_once(
            oracle.address, observation, lambda one: self._key.sign(one, oracle.domain)
        )
        self._signed.labels(kind=feed.kind.name.lower()).inc()
        _log.info(
            "signed",
            oracle=oracle.name,
            feed_id=feed.id,
            round=found.round,
            value=signed.observation.value,
            by_heartbeat=found.by_heartbeat,
            sources=[one.source for one in combined.used],
        )
        return True

    def _observe(
        self,
        oracle: Oracle,
        view: OracleView,
        feed_view: FeedView,
        observed: ObservedFeed,
        interval: Interval,
    ) -> Combined:
        feed, config = observed.feed, feed_view.config
        plausible = observed.plausible.narrowed(
            config.lowest_observation, config.highest_observation
        )
        combined = observed.combiner.observe(feed, interval, view.now, plausible)
        for refusal in combined.refused:
            self._refused.labels(source=refusal.source, reason=type(refusal.error).__name__).inc()
        before = self._record.last_value(oracle.address, feed)
        if before is not None:
            plausible.check_step(
                feed, combined.value, interval.start, before.value, before.interval_start
            )
        return combined

    def _prune(self, now: int) -> None:
        if now - self._pruned_at > SECONDS_PER_DAY:
            self._record.prune(now - KEPT_SECONDS)
            self._pruned_at = now

    # --- Hand over --------------------------------------------------------------------------------

    def send(self) -> Cycle:
        """See `Keeper.send`: hands signed rounds to every collector that has not got them."""
        if not self._views:
            self._look()
        taken = refused = 0
        for collector in self._collectors:
            waiting = self._waiting(collector)
            if not waiting or collector.is_resting:
                continue
            part = f"collector {collector.name}"
            try:
                outcomes = collector.post(waiting)
            except CollectorUnreachableError as error:
                self._health.report(part, False, str(error))
                self._posted.labels(outcome="failed").inc(len(waiting))
                _log.warning("not handed over", collector=collector.name, reason=str(error))
                continue
            self._health.beat(part)
            final = []
            for one, outcome in zip(waiting, outcomes, strict=True):
                if outcome.accepted:
                    taken += 1
                    final.append((one, TAKEN))
                elif not outcome.again:
                    refused += 1
                    final.append((one, REFUSED))
                    _log.error(
                        "refused by a collector",
                        collector=collector.name,
                        feed_id=one.observation.feed.id,
                        round=one.observation.round,
                        reason=outcome.reason,
                    )
            self._record.note(collector.url, final)
        self._posted.labels(outcome="taken").inc(taken)
        self._posted.labels(outcome="refused").inc(refused)
        return Cycle(sent=taken + refused, mined=taken, failed=refused)

    def _waiting(self, collector: Collector) -> list[Delivery]:
        """Newest signed round of each feed that neither collector nor chain have."""
        waiting = []
        for observed in self._feeds:
            oracle = self._oracles[oracle_of_kind(observed.feed.kind)]
            view = self._views.get(oracle.name)
            feed_view = None if view is None else view.feeds.get(observed.feed.id)
            if view is None or feed_view is None:
                continue
            waiting += [
                one
                for one in self._record.to_hand_over(
                    collector.url, oracle.address, view.reporter_set, observed.feed
                )
                if one.observation.round > feed_view.latest_round
                and not is_too_old(feed_view.config, one.observation.round, view.now)
            ]
        return waiting

    def close(self) -> None:
        """Close record and collectors."""
        for collector in self._collectors:
            collector.close()
        self._record.close()
