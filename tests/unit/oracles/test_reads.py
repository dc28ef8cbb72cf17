"""Reads: value, time and status; they never revert.

branches:
├── unknown feed, or no round yet → (0, 0, STALE)
├── in the shadow, or frozen → FROZEN
├── switched to the fallback → its value, FALLBACK, while it is OK; else FROZEN
├── 1.5 heartbeats old → STALE, a second before: as published
└── with fallback: anything but OK → the fallback's value while that is OK
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from energy_grid.feeds import Feed, FeedKind, FeedStatus
from energy_grid.units import Zone
from tests.utils.oracles import (
    ANYBODY,
    DEMAND,
    FREQUENCY,
    GOVERNOR,
    GUARDIAN,
    START,
    OracleStage,
)

NEIGHBOUR = Feed(FeedKind.FREQUENCY, Zone(2))
"""Of the same synchronous area, so a fallback."""
READS = ("read", "readWithFallback")


@pytest.fixture
def pair() -> OracleStage:
    """FREQUENCY of zone 1 with that of zone 2 as its fallback."""
    stage = OracleStage(feeds=[NEIGHBOUR])
    stage.add(FREQUENCY, fallback_feed=NEIGHBOUR.id)
    return stage


@pytest.mark.parametrize("function", READS)
def test_read__unknown_or_empty_feed__stale(stage: OracleStage, function: str) -> None:
    for feed_id in (0, DEMAND.id, 0xFFFF_FFFF):
        assert tuple(stage.oracle.ask(function, feed_id)) == (0, 0, FeedStatus.STALE)


@pytest.mark.parametrize("function", READS)
def test_read__one_and_a_half_heartbeats__stale_at_that_second(
    stage: OracleStage, function: str
) -> None:
    stage.submit(DEMAND, [7, 7, 7])

    stage.chain.at(START + 1349)
    assert stage.read(DEMAND, function) == (7, START, FeedStatus.OK)
    stage.chain.at(START + 1350)
    assert stage.read(DEMAND, function) == (7, START, FeedStatus.STALE)


def test_read__report_brought_late__age_counts_from_the_round(stage: OracleStage) -> None:
    report = stage.report(DEMAND, [7, 7, 7])
    stage.chain.at(START + 600)
    stage.oracle.send(ANYBODY, "submitReport", report)

    assert stage.read(DEMAND) == (7, START + 600, FeedStatus.OK)
    stage.chain.at(START + 1350)
    assert stage.read(DEMAND) == (7, START + 600, FeedStatus.STALE)


def test_read__round_ahead_of_its_block__age_counts_from_the_block(stage: OracleStage) -> None:
    round_ = stage.round_now(DEMAND) + 1
    stage.chain.at(START + 30)
    stage.submit(DEMAND, [7, 7, 7], round_)

    stage.chain.at(START + 30 + 1349)
    assert stage.read(DEMAND)[2] == FeedStatus.OK
    stage.chain.at(START + 30 + 1350)
    assert stage.read(DEMAND)[2] == FeedStatus.STALE


def test_read__heartbeat_changed__new_limit_holds_at_once(stage: OracleStage) -> None:
    stage.submit(DEMAND, [7, 7, 7])
    shorter = replace(stage.configs[DEMAND], heartbeat_seconds=101)
    stage.oracle.send(GOVERNOR, "configureFeed", DEMAND.id, shorter.as_tuple())

    stage.chain.at(START + 150)
    assert stage.read(DEMAND)[2] == FeedStatus.OK
    stage.chain.at(START + 151)
    assert stage.read(DEMAND)[2] == FeedStatus.STALE


def test_read__frozen__until_that_second(stage: OracleStage) -> None:
    stage.submit(DEMAND, [7, 7, 7])
    stage.oracle.send(GUARDIAN, "freezeFeed", DEMAND.id, START + 100)

    stage.chain.at(START + 99)
    assert stage.read(DEMAND) == (7, START, FeedStatus.FROZEN)
    stage.chain.at(START + 100)
    assert stage.read(DEMAND) == (7, START, FeedStatus.OK)


def test_read__frozen__still_takes_rounds(stage: OracleStage) -> None:
    stage.oracle.send(GUARDIAN, "freezeFeed", DEMAND.id, START + 100)

    stage.submit(DEMAND, [7, 7, 7])

    assert stage.read(DEMAND) == (7, START, FeedStatus.FROZEN)


def test_read_with_fallback__own_ok__own(pair: OracleStage) -> None:
    pair.submit(FREQUENCY, [50_010] * 3)
    pair.submit(NEIGHBOUR, [49_990] * 3)

    assert pair.read(FREQUENCY, "readWithFallback") == (50_010, START, FeedStatus.OK)


@pytest.mark.parametrize("values", [None, [49_000, 50_000, 51_000], [52_500] * 3])
def test_read_with_fallback__own_not_ok__fallback(
    pair: OracleStage, values: list[int] | None
) -> None:
    if values:
        pair.submit(FREQUENCY, values)
    pair.submit(NEIGHBOUR, [49_990] * 3)

    assert pair.read(FREQUENCY)[2] != FeedStatus.OK
    assert pair.read(FREQUENCY, "readWithFallback") == (49_990, START, FeedStatus.FALLBACK)


@pytest.mark.parametrize("values", [None, [49_000, 50_000, 51_000], [52_500] * 3])
def test_read_with_fallback__fallback_not_ok__own(
    pair: OracleStage, values: list[int] | None
) -> None:
    pair.submit(FREQUENCY, [49_000, 50_000, 51_000])
    if values:
        pair.submit(NEIGHBOUR, values)

    expected = (50_000, START, FeedStatus.UNCERTAIN)
    assert pair.read(FREQUENCY, "readWithFallback") == expected


def test_read_with_fallback__fallback_frozen__own(pair: OracleStage) -> None:
    pair.submit(FREQUENCY, [49_000, 50_000, 51_000])
    pair.submit(NEIGHBOUR, [50_000] * 3)
    pair.oracle.send(GUARDIAN, "freezeFeed", NEIGHBOUR.id, START + 100)

    assert pair.read(FREQUENCY, "readWithFallback")[2] == FeedStatus.UNCERTAIN


@pytest.mark.parametrize("function", READS)
def test_read__switched__fallback_until_that_second(pair: OracleStage, function: str) -> None:
    pair.submit(FREQUENCY, [50_010] * 3)
    pair.submit(NEIGHBOUR, [49_990] * 3)
    pair.oracle.send(GUARDIAN, "switchToFallback", FREQUENCY.id, START + 100)

    pair.chain.at(START + 99)
    assert pair.read(FREQUENCY, function) == (49_990, START, FeedStatus.FALLBACK)
    pair.chain.at(START + 100)
    assert pair.read(FREQUENCY, function) == (50_010, START, FeedStatus.OK)


@pytest.mark.parametrize("function", READS)
def test_read__switched_to_a_fallback_that_is_not_ok__frozen(
    pair: OracleStage, function: str
) -> None:
    pair.submit(FREQUENCY, [50_010] * 3)
    pair.oracle.send(GUARDIAN, "switchToFallback", FREQUENCY.id, START + 100)

    assert pair.read(FREQUENCY, function) == (50_010, START, FeedStatus.FROZEN)


def test_read__switched_and_frozen__frozen(pair: OracleStage) -> None:
    pair.submit(NEIGHBOUR, [49_990] * 3)
    pair.oracle.send(GUARDIAN, "switchToFallback", FREQUENCY.id, START + 100)
    pair.oracle.send(GUARDIAN, "freezeFeed", FREQUENCY.id, START + 100)

    assert pair.read(FREQUENCY)[2] == FeedStatus.FROZEN
    assert pair.read(FREQUENCY, "readWithFallback")[2] == FeedStatus.FALLBACK


def test_read__two_feeds_switched_to_each_other__frozen_both(pair: OracleStage) -> None:
    circle = replace(pair.configs[NEIGHBOUR], fallback_feed=FREQUENCY.id)
    pair.oracle.send(GOVERNOR, "configureFeed", NEIGHBOUR.id, circle.as_tuple())
    for feed in (FREQUENCY, NEIGHBOUR):
        pair.submit(feed, [50_000] * 3)
        pair.oracle.send(GUARDIAN, "switchToFallback", feed.id, START + 100)

    for feed in (FREQUENCY, NEIGHBOUR):
        for function in READS:
            assert pair.read(feed, function)[2] == FeedStatus.FROZEN


def test_grid_metrics__each_with_its_own_status(stage: OracleStage) -> None:
    stage.submit(DEMAND, [7, 7, 7])
    stage.submit(FREQUENCY, [49_000, 50_000, 51_000])

    metrics = stage.oracle.ask("gridMetrics", 1)

    assert tuple(metrics.demandW) == (7, START, FeedStatus.OK)
    assert tuple(metrics.frequencyMilliHz) == (50_000, START, FeedStatus.UNCERTAIN)
    for empty in (metrics.supplyW, metrics.voltageMilliV, metrics.lineLoadingBps):
        assert tuple(empty) == (0, 0, FeedStatus.STALE)


def test_weather__by_horizon__each_in_its_place() -> None:
    kinds = [
        FeedKind.IRRADIANCE,
        FeedKind.TEMPERATURE,
        FeedKind.WIND_SPEED,
        FeedKind.CLOUD_COVER,
        FeedKind.EXPECTED_SUPPLY,
        FeedKind.EXPECTED_DEMAND,
    ]
    feeds = [Feed(kind, Zone(3), horizon) for kind in kinds for horizon in (0, 4)]
    stage = OracleStage(4, feeds, "WeatherOracle", "energy-grid WeatherOracle")
    for number, feed in enumerate(feeds, start=-2):
        value = number if feed.kind == FeedKind.TEMPERATURE else abs(number)
        stage.submit(feed, [value] * 3)

    for index, horizon in enumerate((0, 4)):
        weather = stage.oracle.ask("weather", 3, horizon)
        values = [metric.value for metric in weather]
        assert values == [2 - index, index, 2 + index, 4 + index]
        assert stage.oracle.ask("expectedSupply", 3, horizon).value == 6 + index
        assert stage.oracle.ask("expectedDemand", 3, horizon).value == 8 + index
    assert tuple(stage.oracle.ask("expectedDemand", 3, 1)) == (0, 0, FeedStatus.STALE)


def test_observation_digest__random_observations__equals_python(stage: OracleStage) -> None:
    """EIP-712 in both languages, over all kinds, horizons, zones and signs."""
    chance = random.Random(712)
    oracles = {}
    for name in ("GridOracle", "WeatherOracle"):
        feeds = [
            Feed(kind, Zone(chance.choice([1, 77, 65_535])), horizon)
            for kind in FeedKind
            if kind != FeedKind.NONE
            and kind != FeedKind.MARKET_PRICE
            and (kind <= FeedKind.LINE_LOADING) == (name == "GridOracle")
            for horizon in (0, chance.randrange(256))
        ]
        oracles[name] = OracleStage(4, dict.fromkeys(feeds), name, f"energy-grid {name}")
    checked = 0
    for stage_ in oracles.values():
        for feed in stage_.configs:
            for _ in range(8):
                round_ = stage_.configs[feed].round_at(chance.randrange(2**39))
                value = chance.randrange(-(2**127), 2**127)
                python = stage_.digest(stage_.observation(feed, round_, value))
                assert stage_.oracle.ask("observationDigest", feed.id, round_, value) == python
                checked += 1
    assert checked > 120
