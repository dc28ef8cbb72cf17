"""setGridLimits, gridLimits, presetLimits; layouts

branches:
├── zone 0 → GridZoneZero; a value out of its bounds → LimitOutOfBounds, Python refuses it too
├── else: stored whole, event with old and new
└── presets: as in Python, within the bounds
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from energy_grid.errors import InvalidValueError
from energy_grid.grid.limits import Band, GridLimits, GridPreset, Watch, preset_limits
from tests.unit.grid_management.stage import LIMITS, ZONE, GridStage
from tests.utils.revm import Contract, Refused

BANDS = ("frequency", "voltage_low", "voltage_high", "loading")
LIMITS_OF_BAND = {
    "frequency": (10, 500, 1_000, 3_000),
    "voltage_low": (100, 1_500, 2_000, 10_000),
    "voltage_high": (100, 1_500, 2_000, 10_000),
    "loading": (5_000, 10_000, 20_000, 30_000),
}


@pytest.fixture(scope="module")
def harness(built: GridStage) -> Contract:
    return built.chain.deploy("GridHarness")


def plain(answer: Any) -> tuple[Any, ...]:
    """Structs as tuples, all the way down."""
    return tuple(plain(one) if isinstance(one, (tuple, list)) else one for one in answer)


def test_set__zone_zero__is_refused(stage: GridStage) -> None:
    with pytest.raises(Refused, match="GridZoneZero"):
        stage.set_limits(0)


def test_set__new_limits__stored_whole_with_event(stage: GridStage) -> None:
    other = replace(LIMITS, calm_rounds=5, halt_seconds=600, loading=Band(7_000, 9_000, 0, 1))

    stage.set_limits(ZONE, other)

    event = stage.event("GridLimitsSet")
    assert event.zone == ZONE
    assert plain(event.oldLimits) == LIMITS.as_tuple()
    assert plain(event.newLimits) == other.as_tuple()
    assert GridLimits.of_answer(stage.grid.ask("gridLimits", ZONE)) == other
    assert GridLimits.of_answer(stage.grid.ask("gridLimits", 99)) is None


@pytest.mark.parametrize("preset", GridPreset)
@pytest.mark.parametrize("nominal", [120_000, 230_000, 20_000_000, 400_000_000])
def test_presets__as_in_python_and_within_bounds(
    stage: GridStage, preset: GridPreset, nominal: int
) -> None:
    expected = preset_limits(preset, nominal)

    assert plain(stage.grid.ask("presetLimits", preset, nominal)) == expected.as_tuple()
    expected.require_bounds()
    stage.set_limits(ZONE, expected)


def edges() -> Iterator[tuple[GridLimits, int | None]]:
    """Limits at and beside each bound, with the number of the field that is out of bounds."""

    def head(number: int, name: str, lowest: int, highest: int) -> Iterator[Any]:
        for value in (lowest, highest):
            yield replace(LIMITS, **{name: value}), None
        for value in (lowest - 1, highest + 1):
            yield replace(LIMITS, **{name: value}), number

    yield from head(0, "nominal_voltage_millivolts", 50_000, 1_200_000_000)
    for frequency in (0, 49_999, 50_001, 59_999, 60_001):
        yield replace(LIMITS, nominal_frequency_millihz=frequency), 1
    yield replace(LIMITS, nominal_frequency_millihz=60_000), None
    for watched in (0, 8, 255):
        yield replace(LIMITS, watched=watched), 2  # type: ignore[arg-type]
    for bit in Watch:
        yield replace(LIMITS, watched=bit), None
    yield from head(3, "calm_rounds", 2, 20)
    yield from head(4, "halt_seconds", 300, 3_600)
    for at, name in enumerate(BANDS):
        lowest, alert, emergency, blackout = LIMITS_OF_BAND[name]
        first = 5 + 4 * at
        highest = Band(alert, emergency, blackout, alert - 1)
        smallest = Band(lowest, lowest + 1, lowest + 2, 1)
        for band, field in (
            (highest, None),
            (smallest, None),
            (replace(smallest, alert=lowest - 1), first),
            (replace(highest, alert=alert + 1), first),
            (replace(smallest, emergency=lowest), first + 1),
            (replace(highest, emergency=emergency + 1), first + 1),
            (replace(smallest, blackout=lowest + 1), first + 2),
            (replace(highest, blackout=blackout + 1), first + 2),
            (replace(smallest, blackout=0), first + 2 if name == "frequency" else None),
            (replace(smallest, hysteresis=0), first + 3),
            (replace(smallest, hysteresis=lowest), first + 3),
        ):
            yield replace(LIMITS, **{name: band}), field


def test_set__at_and_beside_each_bound__as_in_python(stage: GridStage) -> None:
    seen = set()
    for limits, field in edges():
        if field is None:
            stage.set_limits(ZONE, limits)
            limits.require_bounds()
            continue
        seen.add(field)
        with pytest.raises(Refused, match="LimitOutOfBounds") as refused:
            stage.set_limits(ZONE, limits)
        assert refused.value.arguments["field"] == field
        with pytest.raises(InvalidValueError):
            limits.require_bounds()
    assert seen == set(range(21))


def test_words__random_and_extreme_limits__come_back_whole(harness: Contract) -> None:
    rng = random.Random(7)

    def band() -> tuple[int, ...]:
        return tuple(rng.choice((0, 65_535, rng.randrange(65_536))) for _ in range(4))

    for _ in range(40):
        limits = (
            rng.choice((0, 2**32 - 1, rng.randrange(2**32))),
            rng.choice((0, 2**32 - 1, rng.randrange(2**32))),
            rng.randrange(256),
            rng.randrange(256),
            rng.randrange(65_536),
            *(band() for _ in range(4)),
        )
        assert plain(harness.ask("repack", limits)) == limits


@pytest.mark.parametrize("share", [0, 1, 9_999, 10_000])
@pytest.mark.parametrize("power", [0, 2**39 - 1])
def test_line_words__fields__come_back_whole(harness: Contract, share: int, power: int) -> None:
    answer = tuple(harness.ask("line", 65_535, 1, power, 2**39 - 1 - power, share))

    assert answer == (65_535, 1, power, 2**39 - 1 - power, share, True, False)
