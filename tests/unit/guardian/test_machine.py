"""I-42: any sequence of measures, vetoes, oracle values, governance's answers and time.

Beside exact budgets (`ModelBucket`) and the ends of all that is held:
- a measure is taken iff its cost is in its budget, which governance alone fills before time does;
- everything held ends by itself, at most 72 h ahead; only governance ends it earlier;
- since the last renewal no subject has been held for longer than its budget and what flowed back;
- while trading is halted nothing that the halt covers can be placed, and everything can be
  cancelled. (Settling and withdrawing know no halt at all: I-05.)
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from energy_grid.curves import Curve, Step
from energy_grid.grid.limits import GridState
from energy_grid.products import Period
from tests.unit.governance.test_machine import EveryRule
from tests.unit.guardian.stage import (
    BOTH,
    BREAKER_ROLE,
    BUDGET,
    DAY,
    HOUR,
    NEVER_SLOT,
    OTHER_ZONE,
    PLACE,
    REFILL,
    SLOT,
    STRANGER,
    TAIL,
    WATCHER,
    GuardianStage,
    Power,
)
from tests.unit.price_oracle.stage import DEMAND, SUPPLY
from tests.utils.auction_market import GOVERNOR, ZONE, Account
from tests.utils.buckets import ModelBucket
from tests.utils.oracles import ZERO
from tests.utils.revm import Refused

IS_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
ZONES = (ZONE, OTHER_ZONE)
FEEDS = (DEMAND, SUPPLY)
BREAKER = HOUR
"""How long a halt of grid management holds, here as long as it can."""
Subject = tuple[Power, int]
SUBJECTS: tuple[Subject, ...] = (
    *((Power.TRADING, zone) for zone in ZONES),
    *((Power.QUOTES, zone) for zone in ZONES),
    *((Power.FEED, feed.id) for feed in FEEDS),
)

zones = st.sampled_from(ZONES)
feeds = st.sampled_from(FEEDS)
spans = st.one_of(
    st.sampled_from((1, HOUR, 6 * HOUR, 24 * HOUR, BUDGET - 1, BUDGET)), st.integers(1, BUDGET)
)
places = st.sampled_from(((0, NEVER_SLOT), (0, 1), (400, 500)))


class GuardianMachine(RuleBasedStateMachine):
    """A guardian that tries to hold things for as long as it can."""

    stage: ClassVar[GuardianStage]
    member: ClassVar[Account]
    reached: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self._rules_strategy.enabled_rules_strategy = st.just(EveryRule())
        self.origin = self.stage.remember()
        self.buckets: dict[Subject, ModelBucket] = defaultdict(ModelBucket)
        self.paid: Counter[Subject] = Counter()
        self.held: Counter[Subject] = Counter()
        self.since: dict[Subject, int] = dict.fromkeys(SUBJECTS, self.stage.now)
        self.touched: set[int] = set()
        """Zones whose halt in force the guardian has begun or widened."""

    def teardown(self) -> None:
        self.stage.restore(self.origin)

    # --- model ------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.stage.now

    def ends(self, power: Power, subject: int) -> list[int]:
        """Ends of what holds a subject, whoever began it."""
        stage = self.stage
        if power is Power.TRADING:
            status = stage.management.ask("zoneStatus", subject)
            return [stage.halted_until(subject), int(status.escalatedUntil)]
        if power is Power.QUOTES:
            return [int(stage.oracle.ask("pricingOf", subject).frozenUntil)]
        state = stage.grid.ask("feedState", subject)
        return [int(state.frozenUntil), int(state.fallbackUntil)]

    def limits(self, power: Power) -> tuple[int, int]:
        return self.stage.full(power), REFILL

    def paid_until(self, key: Subject, before: int, tail: int) -> int:
        """What was lifted must be paid for again, what others have begun too."""
        return min(before + tail, self.paid[key])

    def measure(self, power: Power, subject: int, until: int, act: Any) -> bool:
        """Something is to be held until then; the model says what that costs."""
        key = (power, subject)
        tail = TAIL if power is Power.TRADING else 0
        before = max(self.ends(power, subject))
        end = max(before, until) + tail
        cost = max(0, end - max(self.now, self.paid_until(key, before, tail)))
        is_paid = True
        if cost:
            is_paid = self.buckets[key].step(self.now, cost, *self.limits(power))[3]
        try:
            act()
        except Refused as refused:
            assert not is_paid, refused
            assert refused.name == "RateLimited"
            self.reached["refused"] += 1
            return False
        assert is_paid
        if cost:
            self.paid[key] = end
        self.reached["taken" if cost else "free"] += 1
        return True

    # --- rules ------------------------------------------------------------------------------------

    @rule(seconds=st.one_of(st.sampled_from((1, HOUR, 12 * HOUR, 3 * DAY)), st.integers(1, DAY)))
    def time_passes(self, seconds: int) -> None:
        for power, subject in SUBJECTS:
            key = (power, subject)
            ends = self.ends(power, subject)
            if power is Power.TRADING and subject not in self.touched:
                ends[0] = 0  # a halt of grid management's own
            self.held[key] += min(seconds, max(0, max(ends) - self.now))
        self.stage.wait(seconds)
        self.touched = {zone for zone in self.touched if self.stage.halted_until(zone)}

    @rule(zone=zones, span=spans, slots=places, scope=st.sampled_from((PLACE, BOTH)))
    def halt(self, zone: int, span: int, slots: tuple[int, int], scope: int) -> None:
        until, slot = self.now + span, self.now // SLOT
        place = (slots[0] and slot + slots[0], min(NEVER_SLOT, slot + slots[1]))
        act = lambda: self.stage.halt(until, zone, scope, place)  # noqa: E731
        if self.measure(Power.TRADING, zone, until, act):
            self.touched.add(zone)

    @rule(zone=zones, span=spans, level=st.sampled_from((1, 2, 3)))
    def escalate(self, zone: int, span: int, level: int) -> None:
        until = self.now + span
        self.measure(
            Power.TRADING, zone, until, lambda: self.stage.escalate(until, GridState(level), zone)
        )

    @rule(zone=zones, span=spans)
    def freeze_quotes(self, zone: int, span: int) -> None:
        until = self.now + span
        self.measure(
            Power.QUOTES, zone, until, lambda: self.stage.watch("freezeQuotes", zone, until)
        )

    @rule(feed=feeds, span=spans)
    def freeze_feed(self, feed: Any, span: int) -> None:
        until = self.now + span
        self.measure(Power.FEED, feed.id, until, lambda: self.stage.freeze(until, feed))

    @rule(span=spans)
    def switch(self, span: int) -> None:
        until = self.now + span
        self.measure(Power.FEED, DEMAND.id, until, lambda: self.stage.fall_back(until))

    @rule(zone=zones, millihz=st.sampled_from((50_000, 49_750, 49_400)))
    def grid_values(self, zone: int, millihz: int) -> None:
        """The oracle speaks and anybody updates the state: breakers halt."""
        now, before = self.now, self.stage.halted_until(zone)
        values = [(5_000, now, 0), (4_000, now, 0), (millihz, now, 0), (230_000, now, 0)]
        self.stage.metrics.send(WATCHER, "setMetrics", zone, [*values, (0, now, 0)])
        self.stage.management.send(STRANGER, "updateGridState", zone)
        after = self.stage.halted_until(zone)
        if after > before:
            assert after <= now + BREAKER
            self.reached["joined" if zone in self.touched else "breaker"] += 1

    @rule(zone=zones, span=st.sampled_from((1, 60, HOUR)))
    def ride_on_a_breaker(self, zone: int, span: int) -> None:
        """A short halt of other slots, for a breaker to prolong."""
        self.halt(zone, span, (400, 500), BOTH)
        self.grid_values(zone, 49_750)

    @rule(zone=zones, feed=feeds)
    def governance_lifts(self, zone: int, feed: Any) -> None:
        stage = self.stage
        if stage.halted_until(zone):
            stage.market.send(GOVERNOR, "liftHalt", zone)
            self.touched.discard(zone)
            self.reached["lifted"] += 1
        if stage.management.ask("zoneStatus", zone).escalatedUntil:
            stage.management.send(GOVERNOR, "liftEscalation", zone)
        stage.oracle.send(GOVERNOR, "unfreezeQuotes", zone)
        stage.grid.send(GOVERNOR, "unfreezeFeed", feed.id)

    @rule(subject=st.sampled_from(SUBJECTS), is_willing=st.integers(0, 9))
    def governance_renews(self, subject: Subject, is_willing: int) -> None:
        if is_willing:
            return
        power, number = subject
        oracle = self.stage.grid.address if power is Power.FEED else ZERO
        self.stage.renew(power, number, oracle)
        self.buckets[subject] = ModelBucket()
        # What had been paid for goes on and counts for what was before.
        self.since[subject] = self.now
        self.held[subject] = -max(0, self.paid[subject] - self.now)
        self.reached["renewed"] += 1

    @rule(zone=zones, feed=feeds)
    def others_try(self, zone: int, feed: Any) -> None:
        """Nobody loosens, and nobody holds without the guardian."""
        until = self.now + HOUR
        for by in (WATCHER, STRANGER):
            for target, function, arguments in (
                (self.stage.market, "liftHalt", (zone,)),
                (self.stage.market, "haltZone", (zone, BOTH, 0, 9, until)),
                (self.stage.management, "liftEscalation", (zone,)),
                (self.stage.grid, "unfreezeFeed", (feed.id,)),
                (self.stage.grid, "endFallback", (feed.id,)),
                (self.stage.guardian, "renewBudget", (Power.TRADING, ZERO, zone)),
            ):
                try:
                    target.send(by, function, *arguments)
                except Refused as refused:
                    assert refused.name == "AccessManagedUnauthorized"
                else:
                    raise AssertionError(function)

    # --- properties -------------------------------------------------------------------------------

    @invariant()
    def budgets_are_exact(self) -> None:
        for power, subject in SUBJECTS:
            capacity, period = self.limits(power)
            debt = self.buckets[power, subject].debt_at(capacity, period, self.now)
            assert self.stage.left(power, subject) == int(capacity - debt)
            assert 0 <= debt <= capacity

    @invariant()
    def nothing_is_held_for_ever(self) -> None:
        for power, subject in SUBJECTS:
            assert max(self.ends(power, subject)) <= self.now + BUDGET
            capacity, period = self.limits(power)
            passed = self.now - self.since[power, subject]
            allowed = capacity + capacity * passed // period + 1
            assert self.held[power, subject] <= allowed

    @invariant()
    def what_the_guardian_has_begun_is_paid_for(self) -> None:
        """Also where a breaker has prolonged it since."""
        for zone in self.touched:
            assert self.stage.halted_until(zone) <= self.paid[Power.TRADING, zone]

    @invariant()
    def halted_means_nothing_new_and_cancelling_goes_on(self) -> None:
        chain, market = self.stage.chain, self.stage.market
        halt = market.ask("haltOf", ZONE)
        start = (self.now // SLOT // 96 + 2) * 96
        product = self.stage.product(start, Period.HOUR)
        origin, now = chain.snapshot(), self.now
        curve = Curve.of(product, (Step.buy(200, 100),)).pack()
        covers = halt.scope & PLACE and halt.fromSlot < start + 4 and start < halt.toSlot
        try:
            market.send(self.member.address, "placeCurve", curve)
            assert not covers
            # Halted after it was placed: cancelled all the same.
            market.send(GOVERNOR, "haltZone", ZONE, BOTH, 0, NEVER_SLOT, now + HOUR)
            assert market.send(self.member.address, "cancelCurves", [product.id]) == 1
            self.reached["cancelled"] += 1
        except Refused as refused:
            assert covers, refused
            assert refused.name == "TradingHalted"
            self.reached["halted"] += 1
        finally:
            chain.revert(origin)
            chain.at(now)


GuardianMachine.TestCase.settings = settings(
    max_examples=300 if IS_DEEP else 10,
    stateful_step_count=50,
    deadline=None,
    derandomize=not IS_DEEP,
    suppress_health_check=list(HealthCheck),
)


def allow_halts(stage: GuardianStage) -> None:
    """Governance may halt, so that cancelling while halted can be tried at any time."""
    stage.authority.send(GOVERNOR, "grantRole", BREAKER_ROLE, GOVERNOR, 0)
    GuardianMachine.stage = stage
    GuardianMachine.member = stage.enrol()


def test_i42__any_actions__held_for_a_while_and_never_for_ever(stage: GuardianStage) -> None:
    """Also that the sequences got where the rules are interesting."""
    allow_halts(stage)
    reached = GuardianMachine.reached
    reached.clear()

    GuardianMachine.TestCase("runTest").runTest()

    for what in (
        "taken", "free", "refused", "breaker", "joined", "lifted", "halted", "cancelled",
    ):  # fmt: skip
        assert reached[what] >= 2, (what, reached)
    assert reached["renewed"] >= 1
