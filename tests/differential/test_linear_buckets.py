"""I-43: rate limits (`LinearBuckets`) against exact fractions of a slow model.

- round trip: a full bucket is zero; what was taken and when stands in its word;
- refill is linear and exact: nothing is lost or gained by looking or taking in between;
- used + available is the capacity; nobody takes more than there is;
- over any span no more is taken than the capacity and what flows in meanwhile;
- limits may change between any two calls; no input overflows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy_grid.artifacts import Artifacts
from tests.utils.buckets import NEVER, ModelBucket
from tests.utils.revm import Contract, Refused, Revm

HOUR = 3_600
DAY = 24 * HOUR
START = 1_900_000_000
FREEZE = (72 * HOUR, 30 * DAY)
CALLER = "0x00000000000000000000000000000000000000c1"


@dataclass(frozen=True)
class Look:
    """What a step found and did."""

    available: int
    used: int
    time_until: int
    is_taken: bool
    word: int


@pytest.fixture(scope="module")
def harness() -> Contract:
    chain = Revm(Artifacts.load(), CALLER)
    chain.at(START)
    return chain.deploy("LinearBucketsHarness")


def run(harness: Contract, steps: Sequence[Any], word: int = 0) -> list[Look]:
    """Take step by step: time, amount, (capacity, period)."""
    return [Look(*look) for look in harness.ask("run", word, list(steps))]


def test_take__full_bucket__word_holds_debt_and_time(harness: Contract) -> None:
    (look,) = run(harness, [(START, 1_000, FREEZE)])

    assert look == Look(72 * HOUR, 0, 0, True, ((1_000 * 30 * DAY) << 40) | START)


def test_take__more_than_there_is__refused_with_what_there_is(harness: Contract) -> None:
    (look,) = run(harness, [(START, 70 * HOUR, FREEZE)])

    with pytest.raises(Refused) as refused:
        harness.ask("take", look.word, (START, 2 * HOUR + 1, FREEZE))

    assert refused.value.name == "RateLimited"
    assert refused.value.arguments == {"given": 2 * HOUR + 1, "allowed": 2 * HOUR}


def test_available__time_passes__refills_by_a_tenth_of_it_and_stops_when_full(
    harness: Contract,
) -> None:
    times = [0, 9, 10, 15 * DAY, 30 * DAY - 1, 30 * DAY, 300 * DAY]

    looks = run(harness, [(START, 72 * HOUR, FREEZE), *[(START + t, 0, FREEZE) for t in times]])

    # Looking (taking 0) in between changes nothing: all is exact.
    found = [look.available for look in looks[1:]]
    assert found == [0, 0, 1, 36 * HOUR, 72 * HOUR - 1, 72 * HOUR, 72 * HOUR]


def test_take__a_small_capacity_looked_at_every_second__refills_all_the_same(
    harness: Contract,
) -> None:
    limits = (10, DAY)  # one in 8,640 s: a bucket that rounds at each touch would never refill

    looks = run(harness, [(START, 10, limits), *[(START + t, 0, limits) for t in range(1, 8_641)]])

    assert [look.available for look in looks[-2:]] == [0, 1]


def test_take__at_every_extreme__neither_overflows_nor_reverts(harness: Contract) -> None:
    most = (2**64 - 1, 2**32 - 1)
    latest = 2**40 - 1

    looks = run(harness, [(latest, 2**64 - 1, most), (latest, NEVER, most), (latest, 1, (0, 1))])

    assert [look.is_taken for look in looks] == [True, False, False]
    assert looks[0].word == ((2**64 - 1) * (2**32 - 1) << 40) | latest
    assert looks[0].word < 2**136
    assert [look.time_until for look in looks] == [0, NEVER, NEVER]


def test_take__time_goes_back__brings_nothing_back_twice(harness: Contract) -> None:
    looks = run(
        harness,
        [(START, 72 * HOUR, FREEZE), (START - DAY, 0, FREEZE), (START + 10, 2, FREEZE)],
    )

    assert not looks[2].is_taken
    assert looks[2].available == 1


capacities = st.one_of(st.integers(0, 20), st.integers(0, 10**6), st.integers(0, 2**64 - 1))
periods = st.one_of(st.integers(1, 100), st.integers(1, 2**32 - 1))
spans = st.one_of(st.integers(0, 3), st.integers(0, 10**4), st.integers(0, 2**34))


@st.composite
def sequences(draw: st.DrawFn) -> list[tuple[int, int, tuple[int, int]]]:
    """Steps in time; limits change now and then; amounts around what is interesting."""
    at = START
    limits = (draw(capacities), draw(periods))
    steps = []
    for _ in range(draw(st.integers(1, 12))):
        at += draw(spans)
        if draw(st.integers(0, 4)) == 0:
            limits = (draw(capacities), draw(periods))
        most = limits[0]
        amount = draw(st.one_of(st.integers(0, most + 1), st.integers(0, min(3, most + 1))))
        steps.append((at, amount, limits))
    return steps


@given(steps=sequences())
@settings(max_examples=max(300, settings().max_examples))
def test_i43__any_takes_and_limits__equal_to_exact_fractions(
    harness: Contract, steps: list[tuple[int, int, tuple[int, int]]]
) -> None:
    model = ModelBucket()

    looks = run(harness, steps)

    last_period = None
    for look, (at, amount, (capacity, period)) in zip(looks, steps, strict=True):
        if last_period not in (None, period):  # another period re-reads the debt
            model.debt = model.debt * last_period / period
        last_period = period
        expected = model.step(at, amount, capacity, period)
        assert (look.available, look.used, look.time_until, look.is_taken) == expected


@given(
    limits=st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)),
    amounts=st.lists(st.tuples(st.integers(0, 10**5), st.integers(0, 10**6)), max_size=12),
    wait=st.integers(0, 10**6),
    parts=st.lists(st.integers(0, 10**6), max_size=6),
)
def test_i43__any_takes__used_within_capacity_and_splitting_gains_nothing(
    harness: Contract,
    limits: tuple[int, int],
    amounts: list[tuple[int, int]],
    wait: int,
    parts: list[int],
) -> None:
    capacity, period = limits
    at, steps = START, []
    for span, amount in amounts:
        at += span
        steps.append((at, amount, limits))

    looks = run(harness, steps)

    # Over any span: no more than a full bucket and what flowed in.
    taken = [(s[0], s[1]) for s, look in zip(steps, looks, strict=True) if look.is_taken]
    for i, (since, _) in enumerate(taken):
        for j in range(i, len(taken)):
            total = sum(amount for _, amount in taken[i : j + 1])
            assert total * period <= capacity * (period + taken[j][0] - since)
    # Whoever waits takes the same in one call, in parts, or after looking in between.
    word = looks[-1].word if looks else 0
    (whole,) = run(harness, [(at + wait, 0, limits)], word)
    assert whole.used + whole.available == capacity
    split = run(harness, [(at + wait, part, limits) for part in parts], word)
    got = sum(part for part, look in zip(parts, split, strict=True) if look.is_taken)
    assert got <= whole.available
    passing = sorted(part % (wait + 1) for part in parts)
    looked = run(harness, [*[(at + t, 0, limits) for t in passing], (at + wait, 0, limits)], word)
    assert looked[-1].available == whole.available
