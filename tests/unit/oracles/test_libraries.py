"""The packed round, the ids of feeds, and reading another contract's oracle.

branches:
├── RoundWord → every field comes back, whatever the others hold
├── FeedIds → as in Python, for every kind
└── FeedReading → broken oracle: STALE; starved: reverts; a good answer as it is
"""

from __future__ import annotations

import random

import pytest

from energy_grid.feeds import Feed, FeedKind, FeedStatus, standard_config
from energy_grid.units import Zone
from tests.utils.oracles import ANYBODY, DEMAND, GOVERNOR, START, OracleStage
from tests.utils.revm import Contract, Refused

RETURN, REVERT, BURN = range(3)


@pytest.fixture
def harness(stage: OracleStage) -> Contract:
    return stage.chain.deploy("OracleHarness")


def test_round_word__random_and_extreme_rounds__come_back(harness: Contract) -> None:
    chance = random.Random(128)
    values = [0, 1, -1, 2**127 - 1, -(2**127)]
    for index in range(60):
        value = values[index] if index < 5 else chance.randrange(-(2**127), 2**127)
        bits = [chance.choice([0, 2**size - 1, chance.randrange(2**size)]) for size in (40, 40, 8)]
        sequence = chance.choice([0, 2**32 - 1, chance.randrange(2**32)])
        published = (value, bits[0], bits[1], chance.randrange(6), bits[2])

        raw = harness.ask("packRound", published, sequence)

        unpacked, again = harness.ask("unpackRound", raw)
        assert tuple(unpacked) == published
        assert again == sequence
        assert raw >> 224 == sequence
        assert raw >> 128 & (2**40 - 1) == published[1]


def test_round_word__sequence_of_more_bits__cut(harness: Contract) -> None:
    raw = harness.ask("packRound", (-1, 1, 1, 0, 3), 2**32 + 7)

    assert harness.ask("unpackRound", raw)[1] == 7


@pytest.mark.parametrize("kind", [kind for kind in FeedKind if kind != FeedKind.NONE])
def test_feed_ids__every_kind__as_in_python(harness: Contract, kind: FeedKind) -> None:
    for zone, horizon in ((1, 0), (65_535, 255), (258, 4)):
        feed = Feed(kind, Zone(zone), horizon)
        assert harness.ask("feedId", kind, zone, horizon) == feed.id
        assert tuple(harness.ask("partsOf", feed.id)) == (kind, horizon, zone)
        assert Feed.of_id(feed.id) == feed
    assert tuple(harness.ask("unitOf", kind)) == (feed.unit, feed.decimals)


@pytest.mark.parametrize("kind", [kind for kind in FeedKind if kind != FeedKind.NONE])
def test_feed_limits__standard_configuration__inside(harness: Contract, kind: FeedKind) -> None:
    lowest, highest = harness.ask("limitsOf", kind)
    config = standard_config(Feed(kind, Zone(1)))

    assert lowest <= config.lowest_observation < config.highest_observation <= highest
    assert config.max_spread <= config.highest_observation - config.lowest_observation


def test_try_read__good_oracle__its_answer(stage: OracleStage, harness: Contract) -> None:
    stage.submit(DEMAND, [1, 2, 3])

    for function in ("tryRead", "tryReadWithFallback"):
        answer = harness.ask(function, stage.oracle.address, DEMAND.id)
        assert tuple(answer) == (2, START, FeedStatus.OK)


@pytest.mark.parametrize(
    ("answer", "manner"),
    [
        (b"", RETURN),
        (b"", REVERT),
        (bytes(95), RETURN),
        (bytes(64) + (6).to_bytes(32, "big"), RETURN),
        (b"\xff" * 96, RETURN),
        (bytes(96), REVERT),
        (b"\x01" * 4_000, REVERT),
    ],
    ids=["empty", "reverts", "short", "no status", "all ones", "reverts well", "long reason"],
)
def test_try_read__broken_oracle__stale(
    stage: OracleStage, harness: Contract, answer: bytes, manner: int
) -> None:
    broken = stage.chain.deploy("MockBrokenOracle")
    broken.send(ANYBODY, "answerWith", answer, manner)

    assert tuple(harness.ask("tryRead", broken.address, 1)) == (0, 0, FeedStatus.STALE)


def test_try_read__no_code__stale(harness: Contract) -> None:
    assert tuple(harness.ask("tryRead", GOVERNOR, 1)) == (0, 0, FeedStatus.STALE)


def test_try_read__starved__reverts_and_never_lies(stage: OracleStage, harness: Contract) -> None:
    """T10: with any gas a consumer gets the true answer or none."""
    stage.submit(DEMAND, [1, 2, 3])
    right = (2, START, FeedStatus.OK)
    outcomes = set()
    for gas in range(21_500, 45_000, 61):
        try:
            answer = tuple(harness.ask("tryRead", stage.oracle.address, DEMAND.id, gas=gas))
        except Refused as refused:
            outcomes.add(refused.name or "out of gas")
            continue
        assert answer == right
        outcomes.add("right")

    assert {"right", "out of gas"} <= outcomes <= {"right", "out of gas", "OracleStarved"}


def test_try_read__oracle_burns_all_gas__reverts(stage: OracleStage, harness: Contract) -> None:
    broken = stage.chain.deploy("MockBrokenOracle")
    broken.send(ANYBODY, "answerWith", b"", BURN)

    with pytest.raises(Refused) as refused:
        harness.ask("tryRead", broken.address, 1, gas=1_000_000)

    assert refused.value.name == "OracleStarved"
    assert refused.value.arguments == {"oracle": broken.address, "feedId": 1}
