"""I-40: any sequence of transfers, delegations, proposals, votes, decisions and attacks.

Beside a model that knows a proposal's life and each account's votes at each second:
- operations of the timelock go unset -> pending -> done | unset; done is final; none is done before
  its delay has passed, counted from queueing, as it was then;
- the delay changes by an executed decision alone;
- votes of all delegates together are the balances of all that have delegated, now;
- a vote weighs what its voter had at the second of the snapshot.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.unit.governance.stage import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    HOLDINGS,
    HOUR,
    MIN_DELAY,
    QUORUM_BPS,
    STRANGER,
    SUPPLY,
    THRESHOLD,
    TREASURY,
    VOTE_EXTENSION,
    VOTING_DELAY,
    VOTING_PERIOD,
    Call,
    GovernanceStage,
    Proposal,
    Status,
    Support,
)
from tests.utils.revm import Refused

PEOPLE = (ALICE, BOB, CAROL, DAVE, TREASURY)
DELAYS = (12 * HOUR, 24 * HOUR, 48 * HOUR)
IS_DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"

people = st.sampled_from(PEOPLE)
picks = st.integers(0, 99)


@dataclass
class Life:
    """What the model knows of a proposal, which sets the delay or, with 0, grants a role."""

    proposal: Proposal
    proposer: str
    snapshot: int
    deadline: int
    delay: int = 0
    role: int = 0
    voters: set[str] = field(default_factory=set)
    tally: Counter[Support] = field(default_factory=Counter)
    has_quorum: bool = False
    ready_at: int = 0
    end: Status | None = None


class EveryRule:
    """All rules may be chosen."""

    def is_enabled(self, _name: str) -> bool:
        return True


class GovernanceMachine(RuleBasedStateMachine):
    """Everything anybody can try, beside a model."""

    stage: ClassVar[GovernanceStage]
    reached: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self._rules_strategy.enabled_rules_strategy = st.just(EveryRule())
        self.origin = self.stage.remember()
        self.balances = {**dict.fromkeys(PEOPLE, 0), **HOLDINGS, TREASURY: SUPPLY // 10}
        self.delegates = {holder: holder for holder in HOLDINGS}
        self.history: dict[str, list[tuple[int, int]]] = {
            one: [(0, HOLDINGS.get(one, 0))] for one in PEOPLE
        }
        self.lives: list[Life] = []
        self.delay = MIN_DELAY
        self.granted = 100

    def teardown(self) -> None:
        self.stage.restore(self.origin)

    # --- model ------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.stage.chain.now

    def votes_now(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for holder, to in self.delegates.items():
            found[to] += self.balances[holder]
        return found

    def note_votes(self) -> None:
        votes = self.votes_now()
        for one in PEOPLE:
            self.history[one].append((self.now, votes[one]))

    def votes_at(self, account: str, second: int) -> int:
        return [votes for at, votes in self.history[account] if at <= second][-1]

    def status(self, life: Life) -> Status:
        if life.end is not None:
            return life.end
        if life.ready_at:
            return Status.QUEUED
        if self.now <= life.snapshot:
            return Status.PENDING
        if self.now <= life.deadline:
            return Status.ACTIVE
        support = life.tally[Support.FOR]
        if life.has_quorum and support > life.tally[Support.AGAINST]:
            return Status.SUCCEEDED
        return Status.DEFEATED

    def ready_at(self) -> int:
        return self.now + self.delay

    def pick(self, number: int) -> Life | None:
        """Mostly one that can still become something."""
        going = [one for one in self.lives if one.end is None]
        among = going if going and number % 5 else self.lives
        return among[number % len(among)] if among else None

    def attempt(self, contract: Any, sender: str, function: str, *arguments: Any) -> bool:
        try:
            contract.send(sender, function, *arguments)
        except Refused:
            return False
        return True

    # --- rules ------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((1, HOUR, VOTING_DELAY, VOTING_PERIOD, 12 * HOUR, MIN_DELAY)))
    def time_passes(self, seconds: int) -> None:
        self.stage.wait(seconds)

    @rule(number=picks)
    def until_something_changes(self, number: int) -> None:
        """To the second in which a proposal enters its next state."""
        life = self.pick(number)
        if life is None:
            return
        moments = (life.snapshot + 1, life.deadline, life.deadline + 1, life.ready_at)
        later = [at for at in moments if at > self.now]
        if later:
            self.stage.chain.at(min(later))

    @rule(sender=people, to=people, share=st.integers(0, 4))
    def transfer(self, sender: str, to: str, share: int) -> None:
        amount = self.balances[sender] * share // 4
        self.stage.token.send(sender, "transfer", to, amount)
        self.balances[sender] -= amount
        self.balances[to] += amount
        self.note_votes()

    @rule(holder=people, to=people)
    def delegate(self, holder: str, to: str) -> None:
        self.stage.token.send(holder, "delegate", to)
        self.delegates[holder] = to
        self.note_votes()

    @rule(by=people, delay=st.sampled_from((0, 0, *DELAYS)))
    def propose(self, by: str, delay: int) -> None:
        self.granted += 1
        if delay:
            call = Call(self.stage.timelock, "updateDelay", (delay,))
        else:
            call = self.stage.grant(self.granted)
        open_ = [
            life
            for life in self.lives
            if life.proposer == by and self.status(life) in (Status.PENDING, Status.ACTIVE)
        ]
        may = self.votes_at(by, self.now - 1) >= THRESHOLD and len(open_) < 3
        try:
            proposal = self.stage.propose([call], by)
        except Refused as refused:
            assert not may, refused
            return
        assert may
        snapshot = self.now + VOTING_DELAY
        life = Life(proposal, by, snapshot, snapshot + VOTING_PERIOD, delay, self.granted)
        self.lives.append(life)

    @rule(number=picks, voter=people, support=st.sampled_from((1, 1, 1, 0, 2)))
    def vote(self, number: int, voter: str, support: int) -> None:
        life = self.pick(number)
        if life is not None:
            self.cast(life, voter, Support(support))

    def cast(self, life: Life, voter: str, support: Support) -> None:
        may = self.status(life) is Status.ACTIVE and voter not in life.voters
        try:
            weight = self.stage.vote(life.proposal, voter, support)
        except Refused as refused:
            assert not may, refused
            return
        assert may
        assert weight == self.votes_at(voter, life.snapshot)
        life.voters.add(voter)
        life.tally[support] += weight
        counted = life.tally[Support.FOR] + life.tally[Support.ABSTAIN]
        if not life.has_quorum and counted >= SUPPLY * QUORUM_BPS // 10_000:
            life.has_quorum = True
            life.deadline = max(life.deadline, self.now + VOTE_EXTENSION)
        self.reached["votes"] += weight > 0
        self.reached["moved"] += weight != self.votes_now()[voter]

    @rule(number=picks, against=st.sampled_from((None, None, *PEOPLE)), moves=st.booleans())
    def most_agree(self, number: int, against: str | None, moves: bool) -> None:
        """Most vote for a proposal once they can, some hand on their tokens before they do."""
        life = self.pick(number)
        if life is None or self.status(life) not in (Status.PENDING, Status.ACTIVE):
            return
        self.stage.chain.at(max(self.now, life.snapshot + 1))
        for voter, other in itertools.pairwise(PEOPLE[: 3 + number % 3]):
            if moves:
                self.transfer(voter, other, 4)
            self.cast(life, voter, Support.AGAINST if voter == against else Support.FOR)

    @rule(number=picks, by=people)
    def cancel(self, number: int, by: str) -> None:
        life = self.pick(number)
        if life is None:
            return
        may = self.status(life) is Status.PENDING and by == life.proposer
        if self.attempt(self.stage.governor, by, "cancel", *life.proposal.hashed):
            assert may
            life.end = Status.CANCELED
        else:
            assert not may

    @rule(number=picks)
    def queue(self, number: int) -> None:
        life = self.pick(number)
        if life is not None:
            self.try_to_queue(life)

    def try_to_queue(self, life: Life) -> None:
        may = self.status(life) is Status.SUCCEEDED
        assert self.attempt(self.stage.governor, STRANGER, "queue", *life.proposal.hashed) == may
        if may:
            life.ready_at = self.ready_at()
            self.reached["queued"] += 1

    @rule(number=picks, is_direct=st.booleans())
    def at_the_last_second(self, number: int, is_direct: bool) -> None:
        """Whatever is under way: queued when its voting ends, tried a second early, and in time."""
        life = self.pick(number)
        if life is None or life.end is not None:
            return
        if not life.ready_at:
            self.stage.chain.at(max(self.now, life.deadline + 1))
            self.try_to_queue(life)
        if life.ready_at > self.now:
            self.stage.chain.at(life.ready_at - 1)
            self.try_to_execute(life, is_direct)
            self.stage.wait(1)
        self.try_to_execute(life, is_direct)

    @rule(number=picks, is_direct=st.booleans())
    def execute(self, number: int, is_direct: bool) -> None:
        life = self.pick(number)
        if life is not None:
            self.try_to_execute(life, is_direct)

    def try_to_execute(self, life: Life, is_direct: bool) -> None:
        may = self.status(life) is Status.QUEUED and self.now >= life.ready_at
        run = self.stage.execute_directly if is_direct else self.stage.execute
        try:
            run(life.proposal)
        except Refused as refused:
            assert not may, refused
            self.reached["early"] += self.status(life) is Status.QUEUED
            self.reached["again"] += life.end is Status.EXECUTED
            return
        assert may
        life.end = Status.EXECUTED
        self.delay = life.delay or self.delay
        self.reached["executed"] += 1

    @rule(number=picks, by=st.sampled_from((*PEOPLE, STRANGER)), delay=st.sampled_from(DELAYS))
    def attack(self, number: int, by: str, delay: int) -> None:
        """What nobody may ever do."""
        stage = self.stage
        assert not self.attempt(stage.timelock, by, "updateDelay", delay)
        assert not self.attempt(stage.manager, by, "grantRole", 1, by, 0)
        assert not self.attempt(stage.governor, by, "setVotingDelay", HOUR)
        life = self.pick(number)
        if life is not None:
            batch = (*life.proposal.parts, bytes(32), stage.salt(life.proposal))
            assert not self.attempt(stage.timelock, by, "scheduleBatch", *batch, delay)
            operation = stage.operation(life.proposal)
            assert not self.attempt(stage.timelock, by, "cancel", operation)

    # --- properties -------------------------------------------------------------------------------

    @invariant()
    def timelock_and_governor_follow_the_model(self) -> None:
        stage = self.stage
        assert stage.timelock.ask("getMinDelay") == self.delay
        for life in self.lives:
            assert stage.status(life.proposal) == self.status(life)
            stamp = stage.timelock.ask("getTimestamp", stage.operation(life.proposal))
            expected = 1 if life.end is Status.EXECUTED else life.ready_at
            assert stamp == expected
            if not life.delay:
                has_role = stage.manager.ask("hasRole", life.role, DAVE)[0]
                assert has_role == (life.end is Status.EXECUTED)

    @invariant()
    def votes_are_the_delegated_balances(self) -> None:
        token = self.stage.token
        votes = {one: token.ask("getVotes", one) for one in PEOPLE}
        assert sum(votes.values()) == sum(
            token.ask("balanceOf", one) for one in PEOPLE if self.delegates.get(one)
        )
        assert votes == {one: self.votes_now()[one] for one in PEOPLE}
        assert token.ask("totalSupply") == SUPPLY


GovernanceMachine.TestCase.settings = settings(
    max_examples=400 if IS_DEEP else 12,
    stateful_step_count=60,
    deadline=None,
    derandomize=not IS_DEEP,
    suppress_health_check=list(HealthCheck),
)


def test_i40__any_actions__decided_waited_for_and_voted_by_past_balances(
    stage: GovernanceStage,
) -> None:
    """Also that the sequences got where the rules are interesting."""
    GovernanceMachine.stage = stage
    reached = GovernanceMachine.reached
    reached.clear()

    GovernanceMachine.TestCase("runTest").runTest()

    assert reached["votes"] >= 10, reached
    assert min(reached["queued"], reached["executed"], reached["early"]) >= 3, reached
    assert min(reached["again"], reached["moved"]) >= 1, reached
