"""Any sequence of actions on an oracle, against a model (I-23, I-24).

A Hypothesis state machine reports honestly and otherwise, changes reporters and configurations,
freezes, switches and lifts, sends feeds to the shadow and lets time pass. Chain and model agree on
every success, every refusal by name and every read. On top, without the model:

- I-23: rounds of a feed strictly rise and times never fall; a refused report changes nothing; each
  round has at most one value of each reporter of the set in force.
- I-24: no read reverts; OK only for a value that is fresh, agreed by enough reporters, inside its
  bounds, of an active feed that is neither frozen nor switched; signatures of an older set are
  void.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from energy_grid.feeds import (
    Aggregate,
    Feed,
    FeedKind,
    FeedStatus,
    ReportRefused,
    aggregate,
    min_answers,
    require_round,
    status_at,
)
from energy_grid.units import UnixSeconds, Zone
from tests.utils.oracles import (
    ANYBODY,
    FREQUENCY,
    GOVERNOR,
    GUARDIAN,
    START,
    ZERO,
    OracleStage,
    reporter_keys,
)
from tests.utils.revm import Refused

POOL: Final = 7
BACKUP: Final = Feed(FeedKind.FREQUENCY, Zone(2))
FEEDS: Final = (FREQUENCY, BACKUP)
READS: Final = ("read", "readWithFallback")
HOURS_72: Final = 72 * 3600
SPANS: Final = [1, 29, 30, 31, 60, 60, 60, 150, 900, 1349, 1350, 5_000, HOURS_72]
VALUES: Final = st.sampled_from([50_000, 50_010, 50_050, 49_990, 52_000, 52_001, 46_999, 57_500])

feeds = st.sampled_from(FEEDS)


NOTHING: Final = Aggregate(0, FeedStatus.STALE, 0, 0)


@dataclass
class Seen:
    """What the model knows of a feed."""

    round: int = 0
    updated_at: int = 0
    published: Aggregate = NOTHING
    required: int = 0
    frozen_until: int = 0
    fallback_until: int = 0
    in_shadow: bool = False
    shadow_rounds: int = 0


class OracleMachine(RuleBasedStateMachine):
    """An oracle of two feeds, one the fallback of the other, and what it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = OracleStage(5, [BACKUP])
        self.stage.add(FREQUENCY, fallback_feed=BACKUP.id)
        self.members = frozenset(address for address, _ in self.stage.reporters)
        self.stage.reporters = reporter_keys(POOL)
        self.set_number = 1
        self.seen = {feed: Seen() for feed in FEEDS}

    @property
    def now(self) -> UnixSeconds:
        return UnixSeconds(self.stage.chain.now)

    @initialize()
    def first_rounds(self) -> None:
        for feed in FEEDS:
            self._bring(feed, dict.fromkeys(self._in_force()[:3], 50_000), 0, 0)

    # --- Reports ----------------------------------------------------------------------------------

    @rule(
        feed=feeds,
        values=st.lists(VALUES, min_size=3, max_size=POOL),
        late_rounds=st.sampled_from([0, 0, 1, 3, 21]),
    )
    def report_honestly(self, feed: Feed, values: list[int], late_rounds: int) -> None:
        reporters = self._in_force()
        self._bring(feed, dict(zip(reporters, values, strict=False)), -late_rounds, 0)

    @rule(
        feed=feeds,
        base=st.sampled_from([47_000, 52_000, 50_000]),
        steps=st.lists(st.integers(-3, 3), min_size=3, max_size=POOL),
    )
    def report_beside_a_bound(self, feed: Feed, base: int, steps: list[int]) -> None:
        values = dict(zip(self._in_force(), (base + step for step in steps), strict=False))
        self._bring(feed, values, 0, 0)

    @rule(
        feed=feeds,
        values=st.dictionaries(
            st.integers(0, POOL - 1),
            VALUES | st.sampled_from([50, 0, -50_000, 50_000_000]),
            max_size=POOL,
        ),
        round_offset=st.sampled_from([0, 0, 0, -1, 1, 2, -3, -22, -23]),
        set_offset=st.sampled_from([0, 0, 0, 0, -1, 1]),
    )
    def report_anyhow(
        self, feed: Feed, values: dict[int, int], round_offset: int, set_offset: int
    ) -> None:
        self._bring(feed, values, round_offset, set_offset)

    @rule(feed=feeds, place=st.integers(0, 2))
    def report_with_one_signer_twice(self, feed: Feed, place: int) -> None:
        number = self.stage.round_now(feed)
        feed_id, _, values = self.stage.report(feed, dict.fromkeys(self._in_force(), 50_000))
        values.insert(place, values[place])
        name = self._round_refusal(feed, number) or "SignersNotAscending"
        self._expect(feed, (feed_id, number, values), name)

    # --- Powers and time --------------------------------------------------------------------------

    @rule(seconds=st.sampled_from(SPANS))
    def pass_time(self, seconds: int) -> None:
        self.stage.chain.at(self.now + seconds)

    @rule(feed=feeds, from_publication=st.booleans(), seconds=st.sampled_from([-1, 0, 1]))
    def pass_time_to_the_age_limit(self, feed: Feed, from_publication: bool, seconds: int) -> None:
        seen, config = self.seen[feed], self.stage.configs[feed]
        since = seen.updated_at if from_publication else config.round_start(seen.round)
        edge = since + config.age_limit_seconds + seconds
        if edge > self.now:
            self.stage.chain.at(edge)

    @rule(members=st.sets(st.integers(0, POOL - 1), min_size=4))
    def change_reporters(self, members: set[int]) -> None:
        addresses = [self.stage.reporters[one][0] for one in sorted(members)]
        self.set_number = self.stage.oracle.send(GOVERNOR, "setReporters", addresses)
        self.members = frozenset(addresses)

    @rule(feed=feeds, seconds=st.sampled_from([1, 100, 2_000, HOURS_72]), switch=st.booleans())
    def guard(self, feed: Feed, seconds: int, switch: bool) -> None:
        until = self.now + seconds
        seen = self.seen[feed]
        if not switch:
            self.stage.oracle.send(GUARDIAN, "freezeFeed", feed.id, until)
            seen.frozen_until = max(seen.frozen_until, until)
        elif feed == FREQUENCY:
            self.stage.oracle.send(GUARDIAN, "switchToFallback", feed.id, until)
            seen.fallback_until = max(seen.fallback_until, until)

    @rule(feed=feeds)
    def lift(self, feed: Feed) -> None:
        self.stage.oracle.send(GOVERNOR, "unfreezeFeed", feed.id)
        self.stage.oracle.send(GOVERNOR, "endFallback", feed.id)
        self.seen[feed].frozen_until = self.seen[feed].fallback_until = 0

    @rule(feed=feeds, heartbeat=st.sampled_from([900, 900, 101, 1_800]))
    def configure(self, feed: Feed, heartbeat: int) -> None:
        config = replace(self.stage.configs[feed], heartbeat_seconds=heartbeat)
        self.stage.oracle.send(GOVERNOR, "configureFeed", feed.id, config.as_tuple())
        self.stage.configs[feed] = config

    @rule(feed=feeds)
    def shadow(self, feed: Feed) -> None:
        self.stage.oracle.send(GOVERNOR, "shadowFeed", feed.id, (8, 0, ZERO, 0))
        self.seen[feed].in_shadow = True
        self.seen[feed].shadow_rounds = 0

    @rule(feed=feeds, honest_rounds=st.sampled_from([0, 7, 8]))
    def activate(self, feed: Feed, honest_rounds: int) -> None:
        for _ in range(honest_rounds):
            self.stage.chain.at(self.now + 60)
            self._bring(feed, dict.fromkeys(self._in_force()[:5], 50_000), 0, 0)
        seen = self.seen[feed]
        expected = None
        if not seen.in_shadow:
            expected = "FeedNotInShadow"
        elif seen.shadow_rounds < 8:
            expected = "ShadowTooShort"
        elif self._own_status(feed) != FeedStatus.OK:
            expected = "ShadowNotOk"
        try:
            self.stage.oracle.send(GOVERNOR, "activateFeed", feed.id)
        except Refused as refused:
            assert refused.name == expected
        else:
            assert expected is None
            seen.in_shadow = False

    # --- What must hold ---------------------------------------------------------------------------

    @invariant()
    def reads_are_as_the_model_says(self) -> None:
        for feed in FEEDS:
            for function in READS:
                assert self.stage.read(feed, function) == self._read(feed, function)

    @invariant()
    def i24_ok_means_fresh_agreed_and_in_bounds(self) -> None:
        for feed in FEEDS:
            value, updated_at, status = self.stage.read(feed)
            if status != FeedStatus.OK:
                continue
            seen, config = self.seen[feed], self.stage.configs[feed]
            assert self.now - updated_at < config.age_limit_seconds
            assert self.now - config.round_start(seen.round) < config.age_limit_seconds
            assert seen.published.answers >= seen.required >= 3
            assert seen.published.spread <= config.allowed_spread(value)
            assert config.floor <= value <= config.cap
            assert not seen.in_shadow
            assert self.now >= max(seen.frozen_until, seen.fallback_until)

    # --- Model ------------------------------------------------------------------------------------

    def _in_force(self) -> list[int]:
        """Numbers of the reporters of the set in force."""
        pool = self.stage.reporters
        return [one for one in range(POOL) if pool[one][0] in self.members]

    def _bring(
        self, feed: Feed, values: Mapping[int, int], round_offset: int, set_offset: int
    ) -> None:
        number = self.stage.round_now(feed) + round_offset
        signed = []
        for one in sorted(values):
            observation = self.stage.observation(feed, number, values[one])
            observation = replace(observation, reporter_set=self.set_number + set_offset)
            signed.append(self.stage.signed(one, observation))
        config = self.stage.configs[feed]
        expected = self._round_refusal(feed, number)
        required = min_answers(len(self.members))
        if expected is None and len(values) < required:
            expected = "TooFewAnswers"
        if expected is None:
            for one in sorted(values):
                if set_offset or self.stage.reporters[one][0] not in self.members:
                    expected = "NotAReporter"
                elif not config.is_plausible(values[one]):
                    expected = "ObservationImplausible"
                if expected:
                    break
        self._expect(feed, (feed.id, number, signed), expected)
        if expected is None:
            seen = self.seen[feed]
            # I-23: round and time rise.
            assert number > seen.round
            assert self.now >= seen.updated_at
            seen.round, seen.updated_at = number, self.now
            seen.published = aggregate(config, list(values.values()), len(self.members))
            seen.required = required
            seen.shadow_rounds += 1

    def _round_refusal(self, feed: Feed, number: int) -> str | None:
        try:
            require_round(self.stage.configs[feed], number, self.seen[feed].round, self.now)
        except ReportRefused as refused:
            return refused.error
        return None

    def _expect(self, feed: Feed, report: Any, error: str | None) -> None:
        before = tuple(self.stage.oracle.ask("latestRound", feed.id))
        try:
            self.stage.oracle.send(ANYBODY, "submitReport", report)
        except Refused as refused:
            assert refused.name == error
            assert tuple(self.stage.oracle.ask("latestRound", feed.id)) == before
        else:
            assert error is None, f"{error} expected"
            after = self.stage.oracle.ask("latestRound", feed.id)
            assert after.round > before[1]
            assert after.updatedAt >= before[2]

    def _own_status(self, feed: Feed) -> FeedStatus:
        seen, config = self.seen[feed], self.stage.configs[feed]
        return status_at(config, seen.round, seen.updated_at, seen.published.status, self.now)

    def _direct(self, feed: Feed) -> tuple[int, int, FeedStatus]:
        seen = self.seen[feed]
        withheld = seen.in_shadow or self.now < max(seen.frozen_until, seen.fallback_until)
        status = FeedStatus.FROZEN if withheld else self._own_status(feed)
        return seen.published.value, seen.updated_at, status

    def _read(self, feed: Feed, function: str) -> tuple[int, int, FeedStatus]:
        own = self._direct(feed)
        seen = self.seen[feed]
        if feed != FREQUENCY or seen.in_shadow or own[2] == FeedStatus.OK:
            return own
        switched = seen.frozen_until <= self.now < seen.fallback_until
        if function == "read" and not switched:
            return own
        value, updated_at, status = self._direct(BACKUP)
        return (value, updated_at, FeedStatus.FALLBACK) if status == FeedStatus.OK else own


def test_i23_i24__any_actions__rounds_rise_and_ok_can_be_trusted() -> None:
    """I-23 and I-24."""
    run_state_machine_as_test(OracleMachine, settings=settings(stateful_step_count=20))


def test_machine__starts_where_it_says() -> None:
    machine = OracleMachine()

    assert machine.now == START
    assert machine.stage.read(FREQUENCY) == (0, 0, FeedStatus.STALE)
