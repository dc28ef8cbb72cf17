"""Every set of faulty reporters, on chain (I-22).

For n = 4, 5, 7, 10: each set of at most f of the n reporters is faulty, and each way to answer with
at least 2f + 1 of them is tried. What the faulty ones sign is chosen to do the most harm: all very
low, all very high, half and half, or just beyond the honest values on either side, always within
what the feed finds plausible (anything else is refused whole, see the unit tests). The published
median must lie between the lowest and the highest honest value of the report, and be what the
reference in `energy_grid.feeds` says.

branches:
├── n = 4, 5, 7 → all faulty sets, all answering sets, all plans
├── n = 10 → all faulty sets; answering sets: as few as may be, first and last, and all ten
└── deep: n = 10 with all answering sets
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final

import pytest

from energy_grid.feeds import FeedStatus, aggregate, faults_borne, min_answers
from tests.utils.oracles import ANYBODY, DEMAND, OracleStage

MW: Final = 1_000_000
HONEST: Final = tuple(50 * MW + 100_000 * ((7 * number) % 10) for number in range(10))
"""What each reporter sees when it is honest: all different, in no order."""


class Liars:
    """Values of the faulty reporters of a report, by plan."""

    PLANS: Final = ("low", "high", "mixed", "around")

    def __init__(self, lowest: int, highest: int) -> None:
        self.lowest = lowest
        self.highest = highest

    def value(self, plan: str, place: int, honest: Sequence[int]) -> int:
        """What the faulty reporter at a place among the faulty says."""
        match plan:
            case "low":
                return self.lowest
            case "high":
                return self.highest
            case "mixed":
                return self.highest if place % 2 else self.lowest
        return max(honest) + 1 + place if place % 2 else min(honest) - 1 - place


class Arena:
    """An oracle with n reporters to which reports are brought again and again in one state."""

    def __init__(self, reporters: int) -> None:
        self.stage = OracleStage(reporters, [DEMAND])
        self.count = reporters
        self.config = self.stage.configs[DEMAND]
        self.liars = Liars(self.config.lowest_observation, self.config.highest_observation)
        self._signed: dict[tuple[int, int], tuple[int, bytes, bytes]] = {}
        self.round = self.stage.round_now(DEMAND)
        self.tried = 0

    def judge(self, faulty: Sequence[int], answering: Sequence[int]) -> None:
        """Bring a report in each plan and hold what is published against the honest values."""
        honest = [HONEST[one] for one in answering if one not in faulty]
        liars = [one for one in answering if one in faulty]
        for plan in Liars.PLANS if liars else Liars.PLANS[:1]:
            values = {one: HONEST[one] for one in answering}
            values |= {
                one: self.liars.value(plan, place, honest) for place, one in enumerate(liars)
            }
            value, status = self._publish(values)

            expected = aggregate(self.config, list(values.values()), self.count)
            assert (value, status) == (expected.value, expected.status)
            assert min(honest) <= value <= max(honest), (faulty, answering, plan)
            if plan in ("low", "high", "mixed") and liars:
                assert status == FeedStatus.UNCERTAIN, "lies so far off do not go unseen"
            self.tried += 1

    def _publish(self, values: Mapping[int, int]) -> tuple[int, FeedStatus]:
        report = (DEMAND.id, self.round, [self._sign(one, values[one]) for one in sorted(values)])
        before = self.stage.chain.snapshot()
        try:
            value, status = self.stage.oracle.send(ANYBODY, "submitReport", report)
        finally:
            self.stage.chain.revert(before)
        return value, FeedStatus(status)

    def _sign(self, reporter: int, value: int) -> tuple[int, bytes, bytes]:
        known = self._signed.get((reporter, value))
        if known is None:
            observation = self.stage.observation(DEMAND, self.round, value)
            known = self._signed[reporter, value] = self.stage.signed(reporter, observation)
        return known


def subsets(of: int, smallest: int, largest: int) -> Iterator[tuple[int, ...]]:
    """All sets of numbers below `of` with a size between two bounds."""
    for size in range(smallest, largest + 1):
        yield from combinations(range(of), size)


@pytest.mark.parametrize(("reporters", "faulty_sets"), [(4, 5), (5, 6), (7, 29), (10, 176)])
def test_i22__every_fault_subset__median_within_the_honest_values(
    reporters: int, faulty_sets: int
) -> None:
    arena = Arena(reporters)
    faults, required = faults_borne(reporters), min_answers(reporters)
    all_answers = list(subsets(reporters, required, reporters))
    tried = 0

    for faulty in subsets(reporters, 0, faults):
        tried += 1
        if reporters < 10:
            answers = all_answers
        else:
            # All faulty ones and as few of the others as may be, from either end; then everybody.
            others = [one for one in range(reporters) if one not in faulty]
            few = required - len(faulty)
            answers = [
                tuple(sorted((*faulty, *others[:few]))),
                tuple(sorted((*faulty, *others[-few:]))),
                tuple(range(reporters)),
            ]
        for answering in answers:
            arena.judge(faulty, answering)

    assert tried == faulty_sets
    assert arena.tried > tried


@pytest.mark.deep
def test_i22__every_fault_subset_of_ten__every_choice_of_answers() -> None:
    arena = Arena(10)

    for faulty in subsets(10, 0, 3):
        for answering in subsets(10, 7, 10):
            arena.judge(faulty, answering)

    # 176 x 176 pairs; four plans each but where no faulty reporter answers.
    assert arena.tried > 100_000
