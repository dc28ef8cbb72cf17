"""stabilityScore, stabilityParts: as in Python, never reverting

branches:
├── no limits → all 0, STALE
├── parts: full inside the band less hysteresis, 0 from the emergency threshold on
├── a watched value is not to be trusted → its status; FALLBACK counts
└── BLACKOUT → 0
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from energy_grid.feeds.kinds import FeedStatus
from energy_grid.grid.limits import GridLimits, GridPreset, Watch, preset_limits
from energy_grid.grid.score import Metrics, StabilityParts, stability_parts
from energy_grid.grid.setpoints import Reading
from tests.unit.grid_management.stage import BLACKOUT_MILLIHZ, ZONE, GridStage
from tests.utils.revm import Contract

PRICE_ORACLES_GAS = 150_000


@pytest.fixture(scope="module")
def harness(built: GridStage) -> Contract:
    return built.chain.deploy("GridHarness")


def parts(stage: GridStage, zone: int = ZONE) -> StabilityParts:
    return StabilityParts.of_answer(stage.grid.ask("stabilityParts", zone))


def test_score__zone_without_limits__stale(stage: GridStage) -> None:
    assert tuple(stage.grid.ask("stabilityScore", 99)) == (0, 0, FeedStatus.STALE)
    assert parts(stage, 99).status is FeedStatus.STALE


@pytest.mark.parametrize(
    ("values", "name", "expected"),
    [
        ({"frequency": 50_030}, "frequency_bps", 10_000),
        ({"frequency": 50_115}, "frequency_bps", 5_000),  # half way from 30 to 200 mHz
        ({"frequency": 49_800}, "frequency_bps", 0),
        ({"voltage": 239_200}, "voltage_bps", 10_000),
        ({"voltage": 246_100}, "voltage_bps", 5_000),  # 7 %, between 4 and 10
        ({"voltage": 207_000}, "voltage_bps", 0),
        ({"loading": 7_500}, "loading_bps", 10_000),
        ({"loading": 9_750}, "loading_bps", 5_000),
        ({"loading": 12_000}, "loading_bps", 0),
    ],
)
def test_parts__along_a_band__linear(
    stage: GridStage, values: dict[str, int], name: str, expected: int
) -> None:
    stage.round(**values)

    found = parts(stage)
    assert getattr(found, name) == expected
    assert found.balance_bps == 8_000
    assert found.score_bps == (9_000 * expected + 1_000 * 8_000) // 10_000
    assert tuple(stage.grid.ask("stabilityScore", ZONE)) == (
        found.score_bps,
        stage.chain.now,
        FeedStatus.OK,
    )


def test_score__blackout__zero(stage: GridStage) -> None:
    stage.round(BLACKOUT_MILLIHZ)
    stage.calm(1)

    assert parts(stage).score_bps == 0


def test_score__price_oracle__enough_gas_from_cold(stage: GridStage) -> None:
    stage.round()

    *_, status = stage.grid.ask("stabilityScore", ZONE, gas=PRICE_ORACLES_GAS)

    assert status == FeedStatus.OK


def random_metrics(rng: random.Random, limits: GridLimits) -> Metrics:
    def reading(value: int) -> Reading:
        status = rng.choice([FeedStatus.OK] * 6 + list(FeedStatus))
        return Reading(value, rng.randrange(2**40), status)

    extreme = [-(2**127), 2**127 - 1, 0]
    nominal = limits.nominal_voltage_millivolts
    powers = [0, rng.randrange(10**6), rng.randrange(-100, 10**9), *extreme]
    return Metrics(
        demand_w=reading(rng.choice(powers)),
        supply_w=reading(rng.choice(powers)),
        frequency_millihz=reading(
            rng.choice([limits.nominal_frequency_millihz + rng.randint(-300, 300)] * 4 + extreme)
        ),
        voltage_millivolts=reading(
            rng.choice([nominal * rng.randint(8_500, 11_500) // 10_000] * 4 + extreme)
        ),
        line_loading_bps=reading(rng.choice([rng.randint(-13_000, 13_000)] * 4 + extreme)),
    )


def test_parts__random_values_and_limits__equal_in_python(harness: Contract) -> None:
    rng = random.Random(28)
    for _ in range(2_000):
        preset = rng.choice(list(GridPreset))
        limits = preset_limits(preset, rng.choice([120_000, 230_000, 20_000_000]))
        limits = replace(limits, watched=Watch(rng.randint(1, 7)))
        metrics = random_metrics(rng, limits)
        dark = rng.random() < 0.1
        answer = harness.ask(
            "parts",
            limits.as_tuple(),
            [
                (one.value, one.updated_at, int(one.status))
                for one in (
                    metrics.demand_w,
                    metrics.supply_w,
                    metrics.frequency_millihz,
                    metrics.voltage_millivolts,
                    metrics.line_loading_bps,
                )
            ],
            dark,
        )
        found = StabilityParts.of_answer(answer)
        assert found == stability_parts(limits, metrics, is_blackout=dark), (limits, metrics)
        assert 0 <= found.score_bps <= 10_000
