"""The state machine of a zone, in all its cases: contract, Python and a table (I-28).

- Every state x every count x every pair of levels a look can find x complete or not.
- Every value at and beside each threshold and each threshold less hysteresis, on both sides, of
  both presets.
- Whole looks: every state and count with the values of all three quantities together.

The tables below are written out, not computed: they are what the interface promises.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import pytest

from energy_grid.artifacts import Artifacts
from energy_grid.grid.limits import GridLimits, GridPreset, GridState, Watch, preset_limits
from energy_grid.grid.transitions import (
    Levels,
    Step,
    frequency_levels,
    higher,
    loading_levels,
    step,
    voltage_levels,
)
from tests.utils.revm import Contract, Revm

DEPLOYER: Final = "0x00000000000000000000000000000000000a0001"
N, A, E, B, R = GridState
REQUIRED: Final = 3
PAIRS: Final = [Levels(e, h) for h in range(4) for e in range(h + 1)]
"""Levels that a look can find: what is entered is held."""

RISES: Final = {
    N: {1: A, 2: E, 3: B},
    A: {2: E, 3: B},
    E: {3: B},
    B: {},
    R: {3: B},
}
"""State to level entered to the state that follows at once."""

STAYS: Final = {N: {0, 1, 2, 3}, A: {1, 2, 3}, E: {2, 3}, B: {3}, R: {3}}
"""State to levels which, held, end a run of calm rounds."""

FALLS: Final = {
    (A, 0): N,
    (E, 0): A,
    (E, 1): A,
    (B, 0): R,
    (B, 1): R,
    (B, 2): R,
    (R, 0): N,
    (R, 1): A,
    (R, 2): E,
}
"""State and level held to the state after enough calm rounds."""

EN: Final = preset_limits(GridPreset.EN_50160_50HZ, 230_000)
ANSI: Final = preset_limits(GridPreset.ANSI_C84_1_60HZ, 120_000)

FREQUENCIES: Final = {
    # value in mHz: (level entered, level held)
    EN: {
        50_000: (0, 0),
        50_029: (0, 0),
        50_030: (0, 1),
        50_031: (0, 1),
        50_049: (0, 1),
        50_050: (1, 1),
        50_051: (1, 1),
        50_179: (1, 1),
        50_180: (1, 2),
        50_181: (1, 2),
        50_199: (1, 2),
        50_200: (2, 2),
        50_201: (2, 2),
        50_479: (2, 2),
        50_480: (2, 3),
        50_481: (2, 3),
        50_499: (2, 3),
        50_500: (3, 3),
        50_501: (3, 3),
        60_000: (3, 3),
    },
    ANSI: {
        60_000: (0, 0),
        60_015: (0, 0),
        60_016: (0, 1),
        60_017: (0, 1),
        60_035: (0, 1),
        60_036: (1, 1),
        60_037: (1, 1),
        60_179: (1, 1),
        60_180: (1, 2),
        60_181: (1, 2),
        60_199: (1, 2),
        60_200: (2, 2),
        60_201: (2, 2),
        60_479: (2, 2),
        60_480: (2, 3),
        60_481: (2, 3),
        60_499: (2, 3),
        60_500: (3, 3),
        60_501: (3, 3),
    },
}
"""Above nominal; below it is the mirror image."""

VOLTAGES: Final = {
    # 230 V: a basis point is 23 mV, so a threshold lies on a whole mV.
    EN: {
        0: (3, 3),
        11_499: (3, 3),
        11_500: (3, 3),
        11_501: (2, 3),
        13_800: (2, 3),
        13_801: (2, 2),
        206_999: (2, 2),
        207_000: (2, 2),
        207_001: (1, 2),
        209_300: (1, 2),
        209_301: (1, 1),
        218_499: (1, 1),
        218_500: (1, 1),
        218_501: (0, 1),
        220_800: (0, 1),
        220_801: (0, 0),
        230_000: (0, 0),
        239_199: (0, 0),
        239_200: (0, 1),
        241_499: (0, 1),
        241_500: (1, 1),
        241_501: (1, 1),
        250_699: (1, 1),
        250_700: (1, 2),
        252_999: (1, 2),
        253_000: (2, 2),
        253_001: (2, 2),
        400_000: (2, 2),
    },
    # 120 V: a basis point is 12 mV. 833 bp = 9,996 mV, 583 bp = 6,996 mV.
    ANSI: {
        0: (3, 3),
        12_000: (3, 3),
        12_001: (2, 3),
        12_600: (2, 3),
        12_601: (2, 2),
        110_003: (2, 2),
        110_004: (2, 2),
        110_005: (1, 2),
        110_604: (1, 2),
        110_605: (1, 1),
        114_000: (1, 1),
        114_001: (0, 1),
        114_600: (0, 1),
        114_601: (0, 0),
        120_000: (0, 0),
        125_399: (0, 0),
        125_400: (0, 1),
        125_999: (0, 1),
        126_000: (1, 1),
        126_395: (1, 1),
        126_396: (1, 2),
        126_995: (1, 2),
        126_996: (2, 2),
        127_000: (2, 2),
        240_000: (2, 2),
    },
}

LOADINGS: Final = {
    0: (0, 0),
    7_499: (0, 0),
    7_500: (0, 1),
    7_501: (0, 1),
    7_999: (0, 1),
    8_000: (1, 1),
    8_001: (1, 1),
    11_499: (1, 1),
    11_500: (1, 2),
    11_501: (1, 2),
    11_999: (1, 2),
    12_000: (2, 2),
    12_001: (2, 2),
    1_000_000: (2, 2),
}
"""In 1/10,000 of the rating; a flow the other way counts alike. The same in both presets."""


@pytest.fixture(scope="module")
def harness() -> Contract:
    chain = Revm(Artifacts.load(), DEPLOYER)
    chain.at(1_900_000_800)
    return chain.deploy("GridHarness")


def by_table(
    state: GridState, calm: int, found: Levels, is_complete: bool, required: int
) -> tuple[GridState, int, bool]:
    """What the tables say."""
    if found.enters in RISES[state]:
        return RISES[state][found.enters], 0, True
    if found.holds in STAYS[state]:
        return state, 0, True
    if not is_complete:
        return state, calm, False
    if calm + 1 < required:
        return state, calm + 1, True
    return FALLS[state, found.holds], 0, True


def word(state: GridState, calm: int, found: Levels, is_complete: bool, required: int) -> int:
    return (
        state
        | calm << 8
        | found.enters << 16
        | found.holds << 24
        | int(is_complete) << 32
        | required << 40
    )


def on_chain(harness: Contract, words: list[int]) -> Iterator[Step]:
    for answer in harness.ask("steps", words):
        yield Step(GridState(answer & 0xFF), answer >> 8 & 0xFF, bool(answer >> 16))


def test_step__every_state_count_and_pair_of_levels__as_the_table(harness: Contract) -> None:
    cases = [
        (state, calm, found, is_complete, required)
        for required in range(2, 21)
        for state, calm, found, is_complete in product(
            GridState, range(required), PAIRS, (False, True)
        )
    ]
    assert len(cases) == 5 * sum(range(2, 21)) * 10 * 2

    answers = list(on_chain(harness, [word(*case) for case in cases]))

    for case, answer in zip(cases, answers, strict=True):
        state, calm, found, is_complete, required = case
        assert (answer.state, answer.calm_rounds, answer.is_used) == by_table(*case), case
        assert answer == step(state, calm, found, is_complete=is_complete, required=required)


def of_quantity(harness: Contract, limits: GridLimits, quantity: int, values: list[int]) -> Any:
    answers = harness.ask("levels", limits.as_tuple(), quantity, values)
    return [(answer & 0xFF, answer >> 8) for answer in answers]


@pytest.mark.parametrize("limits", [EN, ANSI], ids=["EN 50160", "ANSI C84.1"])
def test_levels__at_and_beside_each_threshold__as_written(
    harness: Contract, limits: GridLimits
) -> None:
    nominal = limits.nominal_frequency_millihz
    above = FREQUENCIES[limits]
    frequencies = above | {2 * nominal - value: levels for value, levels in above.items()}
    loadings = LOADINGS | {-value: levels for value, levels in LOADINGS.items()}

    for quantity, table, mirror in (
        (0, frequencies, frequency_levels),
        (1, VOLTAGES[limits], voltage_levels),
        (2, loadings, loading_levels),
    ):
        assert of_quantity(harness, limits, quantity, list(table)) == list(table.values())
        for value, (enters, holds) in table.items():
            assert mirror(limits, value) == Levels(enters, holds), value


def test_levels__largest_values_of_a_feed__do_not_overflow(harness: Contract) -> None:
    extremes = [-(2**127), 2**127 - 1]

    assert of_quantity(harness, EN, 0, extremes) == [(3, 3), (3, 3)]
    assert of_quantity(harness, EN, 1, extremes) == [(3, 3), (2, 2)]
    assert of_quantity(harness, EN, 2, extremes) == [(2, 2), (2, 2)]


def test_looks__all_quantities_at_once__as_the_worst_of_them(harness: Contract) -> None:
    """Every state and count x every threshold value of all three x who of them is new."""
    frequencies = {v: Levels(*found) for v, found in FREQUENCIES[EN].items()}
    voltages = {v: Levels(*found) for v, found in VOLTAGES[EN].items()}
    loadings = {v: Levels(*found) for v, found in LOADINGS.items()}
    distinct = [
        [next(v for v, one in table.items() if one == levels) for levels in set(table.values())]
        for table in (frequencies, voltages, loadings)
    ]
    cases = []
    for f, v, load in product(*distinct):
        every = (frequencies[f], voltages[v], loadings[load])
        for fresh in range(1, 8):
            found = Levels()
            for bit, levels in enumerate(every):
                if fresh >> bit & 1:
                    found = found.joined(levels)
            is_complete = Watch(fresh) == Watch.ALL
            cases += [(s, c, found, is_complete, REQUIRED) for s in GridState for c in range(3)]
    assert len(cases) == 7 * 7 * 5 * 7 * 15

    answers = list(on_chain(harness, [word(*case) for case in cases]))

    for case, answer in zip(cases, answers, strict=True):
        assert (answer.state, answer.calm_rounds, answer.is_used) == by_table(*case), case


def test_higher__every_pair__restoration_between_emergency_and_blackout(harness: Contract) -> None:
    rank = {N: 0, A: 1, E: 2, R: 3, B: 4}

    for state, escalation in product(GridState, (N, A, E, B)):
        expected = max(state, escalation, key=lambda one: rank[one])
        assert harness.ask("higher", state, escalation) == expected
        assert higher(state, escalation) is expected


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a threshold is not reached by its own value", lambda b, d: _bent(b, d, -1)),
        ("a threshold is reached one early", lambda b, d: _bent(b, d, 1)),
        ("no hysteresis", lambda b, d: Levels(_bent(b, d, 0).enters, _bent(b, d, 0).enters)),
    ],
)
def test_canary__bent_levels__are_noticed(name: str, fault: Any) -> None:
    """A mirror with a planted fault differs from the table at some value beside a threshold."""
    differing = [
        value
        for value, (enters, holds) in FREQUENCIES[EN].items()
        if fault(EN.frequency, abs(value - 50_000)) != Levels(enters, holds)
    ]

    assert differing, name


def _bent(band: Any, deviation: int, by: int) -> Levels:
    thresholds = (band.alert, band.emergency, band.blackout)
    return Levels(
        sum(deviation + by >= one for one in thresholds),
        sum(deviation + by >= one - band.hysteresis for one in thresholds),
    )
