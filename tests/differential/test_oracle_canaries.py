"""Planted faults in the oracle's rules: the machine of `test_oracle_rounds.py` must notice each.

Contract and model are compared at every step, so a rule that is bent in the model looks like the
opposite fault in the contract. No canary tells the machine where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from energy_grid.feeds import Aggregate, FeedConfig, FeedStatus, require_round, status_at
from energy_grid.feeds import aggregate as aggregate_rightly
from energy_grid.feeds import min_answers as min_answers_rightly
from energy_grid.units import UnixSeconds
from tests.differential import test_oracle_rounds as rounds

pytestmark = pytest.mark.deep


@dataclass(frozen=True)
class Canary:
    """One fault: `owner.attribute` behaves like `fault` instead."""

    name: str
    owner: Any
    attribute: str
    fault: Any


def mean_instead_of_median(config: FeedConfig, values: Sequence[int], reporters: int) -> Aggregate:
    right = aggregate_rightly(config, values, reporters)
    mean = min(max(sum(values) // len(values), config.floor), config.cap)
    return Aggregate(mean, right.status, right.answers, right.spread)


def upper_of_two_middles(config: FeedConfig, values: Sequence[int], reporters: int) -> Aggregate:
    right = aggregate_rightly(config, values, reporters)
    upper = min(max(sorted(values)[len(values) // 2], config.floor), config.cap)
    return Aggregate(upper, right.status, right.answers, right.spread)


def spread_is_ignored(config: FeedConfig, values: Sequence[int], reporters: int) -> Aggregate:
    right = aggregate_rightly(config, values, reporters)
    status = FeedStatus.OK if right.status == FeedStatus.UNCERTAIN else right.status
    return Aggregate(right.value, status, right.answers, right.spread)


def bounds_are_silent(config: FeedConfig, values: Sequence[int], reporters: int) -> Aggregate:
    right = aggregate_rightly(config, values, reporters)
    status = FeedStatus.OK if right.status == FeedStatus.BOUNDED else right.status
    return Aggregate(right.value, status, right.answers, right.spread)


def one_answer_fewer(reporters: int) -> int:
    return min_answers_rightly(reporters) - 1


def rounds_may_repeat(config: FeedConfig, round_: int, latest: int, now: UnixSeconds) -> None:
    require_round(config, round_, latest - 1 if round_ == latest else latest, now)


def never_too_old(config: FeedConfig, round_: int, latest: int, now: UnixSeconds) -> None:
    age = now - config.round_start(round_)
    require_round(config, round_, latest, UnixSeconds(min(now, now - age + 1)))


def fresh_a_second_longer(
    config: FeedConfig, round_: int, updated_at: int, published: FeedStatus, now: UnixSeconds
) -> FeedStatus:
    return status_at(config, round_, updated_at, published, UnixSeconds(now - 1))


def age_counts_from_publication(
    config: FeedConfig, _round: int, updated_at: int, published: FeedStatus, now: UnixSeconds
) -> FeedStatus:
    return status_at(config, config.round_at(updated_at), updated_at, published, now)


CANARIES = (
    Canary("mean instead of median", rounds, "aggregate", mean_instead_of_median),
    Canary("upper of two middle values", rounds, "aggregate", upper_of_two_middles),
    Canary("spread is ignored", rounds, "aggregate", spread_is_ignored),
    Canary("bounds are silent", rounds, "aggregate", bounds_are_silent),
    Canary("one answer fewer", rounds, "min_answers", one_answer_fewer),
    Canary("rounds may repeat", rounds, "require_round", rounds_may_repeat),
    Canary("no round is too old", rounds, "require_round", never_too_old),
    Canary("fresh a second longer", rounds, "status_at", fresh_a_second_longer),
    Canary("age counts from publication", rounds, "status_at", age_counts_from_publication),
)


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name.replace(" ", "-"))
def test_machine__rule_bent__notices(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary.owner, canary.attribute, canary.fault)
    profile = settings(
        max_examples=300,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )

    with pytest.raises(AssertionError):
        run_state_machine_as_test(rounds.OracleMachine, settings=profile)
