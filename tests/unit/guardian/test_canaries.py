"""Planted faults in the rules of decisions and of the guardian: the machines must notice each.

Contract and model are compared at every step, so a rule that is bent in the model looks like the
opposite fault in the contract. No canary tells a machine where to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.unit.governance.stage import GovernanceStage, Status
from tests.unit.governance.test_machine import GovernanceMachine
from tests.unit.guardian.stage import GuardianStage, Power
from tests.unit.guardian.test_machine import GuardianMachine, allow_halts
from tests.utils.buckets import ModelBucket

pytestmark = pytest.mark.deep

PROFILE = settings(
    max_examples=1_000,
    stateful_step_count=60,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Canary:
    """One fault: `owner.attribute` behaves like `fault` instead."""

    name: str
    owner: Any
    attribute: str
    fault: Any


rightly = GovernanceMachine.status


def votes_of_now(machine: GovernanceMachine, account: str, _second: int) -> int:
    return machine.votes_now()[account]


def a_second_less(machine: GovernanceMachine) -> int:
    return machine.now + machine.delay - 1


def against_does_not_count(machine: GovernanceMachine, life: Any) -> Status:
    status = rightly(machine, life)
    if status is Status.DEFEATED and life.has_quorum and life.tally[1]:
        return Status.SUCCEEDED
    return status


def only_what_is_in_force(_: GuardianMachine, _key: Any, before: int, tail: int) -> int:
    return before + tail


def only_what_was_paid(machine: GuardianMachine, key: Any, _before: int, _tail: int) -> int:
    return machine.paid[key]


def nothing_flows_back(bucket: ModelBucket, _capacity: int, _period: int, _at: int) -> Any:
    return bucket.debt


def no_breakers_hour(_: GuardianStage, power: Power) -> int:
    return 72 * 3_600 if power is not Power.VETO else 3


GOVERNANCE = [
    Canary("votes of now", GovernanceMachine, "votes_at", votes_of_now),
    Canary("a second less", GovernanceMachine, "ready_at", a_second_less),
    Canary("against does not count", GovernanceMachine, "status", against_does_not_count),
]
GUARDIAN = [
    Canary("only what is in force", GuardianMachine, "paid_until", only_what_is_in_force),
    Canary("only what was paid", GuardianMachine, "paid_until", only_what_was_paid),
    Canary("nothing flows back", ModelBucket, "debt_at", nothing_flows_back),
    Canary("no breaker's hour", GuardianStage, "full", no_breakers_hour),
]


@pytest.fixture(scope="module")
def governed() -> GovernanceStage:
    return GovernanceStage()


@pytest.mark.parametrize("canary", GOVERNANCE, ids=lambda canary: canary.name)
def test_decisions__fault_planted__noticed(
    governed: GovernanceStage, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    GovernanceMachine.stage = governed
    monkeypatch.setattr(canary.owner, canary.attribute, canary.fault)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(GovernanceMachine, settings=PROFILE)


@pytest.mark.parametrize("canary", GUARDIAN, ids=lambda canary: canary.name)
def test_guardian__fault_planted__noticed(
    stage: GuardianStage, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_halts(stage)
    monkeypatch.setattr(canary.owner, canary.attribute, canary.fault)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(GuardianMachine, settings=PROFILE)
