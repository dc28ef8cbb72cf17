"""`FeedAggregatorV3`: a feed for tools that know Chainlink's interface.

branches:
├── unknown feed → FeedMissing at construction
├── OK, or STALE and OK when published → answered, with the true time
├── UNCERTAIN, BOUNDED, FROZEN, FALLBACK → AnswerWithheld
└── round unknown, too old, or no round yet → RoundUnknown
"""

from __future__ import annotations

import pytest

from energy_grid.abi import Abi
from energy_grid.feeds import Feed, FeedKind, FeedStatus
from energy_grid.units import Zone
from tests.utils.oracles import DEMAND, FREQUENCY, GUARDIAN, START, OracleStage
from tests.utils.revm import Contract, Refused

SELECTORS = {
    "decimals": "313ce567",
    "description": "7284e416",
    "version": "54fd4d50",
    "getRoundData": "9a6fc8f5",
    "latestRoundData": "feaf968c",
}
"""As every reader of such feeds calls them."""


def facade(stage: OracleStage, feed: Feed) -> Contract:
    return stage.chain.deploy("FeedAggregatorV3", stage.oracle.address, feed.id)


def test_interface__selectors__are_those_of_the_public_interface(stage: OracleStage) -> None:
    abi = Abi("IAggregatorV3", stage.chain.artifacts.get("IAggregatorV3").abi)

    assert {name: abi.selector(name).hex() for name in SELECTORS} == SELECTORS


def test_latest_round_data__ok__answered(stage: OracleStage) -> None:
    v3 = facade(stage, FREQUENCY)
    stage.chain.at(START + 70)
    stage.submit(FREQUENCY, [50_010] * 3)
    round_ = stage.round_now(FREQUENCY)

    expected = (round_, 50_010, START + 60, START + 70, round_)
    assert tuple(v3.ask("latestRoundData")) == expected
    assert tuple(v3.ask("getRoundData", round_)) == expected
    assert (v3.ask("decimals"), v3.ask("version")) == (0, 1)
    assert v3.ask("description") == "FREQUENCY zone 1 (mHz)"
    assert v3.ask("feedId") == FREQUENCY.id


@pytest.mark.parametrize(
    ("feed", "decimals", "description"),
    [
        (Feed(FeedKind.IRRADIANCE, Zone(65_535)), 1, "IRRADIANCE zone 65535 (W/m2)"),
        (Feed(FeedKind.TEMPERATURE, Zone(2), 8), 2, "TEMPERATURE zone 2 +8 (degC)"),
        (Feed(FeedKind.WIND_SPEED, Zone(2)), 2, "WIND_SPEED zone 2 (m/s)"),
        (Feed(FeedKind.CLOUD_COVER, Zone(2)), 0, "CLOUD_COVER zone 2 (1/10000)"),
        (Feed(FeedKind.EXPECTED_SUPPLY, Zone(2), 255), 0, "EXPECTED_SUPPLY zone 2 +255 (W)"),
        (Feed(FeedKind.EXPECTED_DEMAND, Zone(2)), 0, "EXPECTED_DEMAND zone 2 (W)"),
    ],
)
def test_description__weather__from_the_feed(feed: Feed, decimals: int, description: str) -> None:
    stage = OracleStage(4, [feed], "WeatherOracle", "energy-grid WeatherOracle")
    v3 = facade(stage, feed)

    assert (v3.ask("decimals"), v3.ask("description")) == (decimals, description)


def test_latest_round_data__stale__answered_with_its_true_time(stage: OracleStage) -> None:
    v3 = facade(stage, FREQUENCY)
    stage.submit(FREQUENCY, [50_010] * 3)
    stage.chain.at(START + 10_000)

    assert stage.read(FREQUENCY)[2] == FeedStatus.STALE
    assert v3.ask("latestRoundData")[1:4] == (50_010, START, START)


def test_latest_round_data__zero__is_an_answer(stage: OracleStage) -> None:
    v3 = facade(stage, DEMAND)
    stage.submit(DEMAND, [0] * 3)

    assert v3.ask("latestRoundData")[1] == 0


@pytest.mark.parametrize(
    ("values", "status"),
    [([49_000, 50_000, 51_000], FeedStatus.UNCERTAIN), ([52_500] * 3, FeedStatus.BOUNDED)],
)
@pytest.mark.parametrize("later", [0, 10_000])
def test_round_data__not_ok_when_published__withheld(
    stage: OracleStage, values: list[int], status: FeedStatus, later: int
) -> None:
    v3 = facade(stage, FREQUENCY)
    stage.submit(FREQUENCY, values)
    round_ = stage.round_now(FREQUENCY)
    stage.chain.at(START + later)

    for function, arguments in (("latestRoundData", []), ("getRoundData", [round_])):
        with pytest.raises(Refused) as refused:
            v3.ask(function, *arguments)
        assert refused.value.name == "AnswerWithheld"
        assert refused.value.arguments == {"roundId": round_, "status": status}


def test_latest_round_data__frozen__withheld_and_history_stays(stage: OracleStage) -> None:
    v3 = facade(stage, FREQUENCY)
    stage.submit(FREQUENCY, [50_000] * 3)
    stage.oracle.send(GUARDIAN, "freezeFeed", FREQUENCY.id, START + 100)

    with pytest.raises(Refused) as refused:
        v3.ask("latestRoundData")

    assert refused.value.arguments["status"] == FeedStatus.FROZEN
    assert v3.ask("getRoundData", stage.round_now(FREQUENCY))[1] == 50_000


def test_latest_round_data__switched_to_the_fallback__withheld() -> None:
    neighbour = Feed(FeedKind.FREQUENCY, Zone(2))
    stage = OracleStage(feeds=[neighbour])
    stage.add(FREQUENCY, fallback_feed=neighbour.id)
    v3 = facade(stage, FREQUENCY)
    for feed in (FREQUENCY, neighbour):
        stage.submit(feed, [50_000] * 3)
    stage.oracle.send(GUARDIAN, "switchToFallback", FREQUENCY.id, START + 100)

    with pytest.raises(Refused) as refused:
        v3.ask("latestRoundData")

    assert refused.value.arguments["status"] == FeedStatus.FALLBACK


@pytest.mark.parametrize("round_id", [0, 1, START // 60 + 1, 2**40, 2**80 - 1])
def test_get_round_data__unknown__refused(stage: OracleStage, round_id: int) -> None:
    v3 = facade(stage, FREQUENCY)
    stage.submit(FREQUENCY, [50_000] * 3)

    with pytest.raises(Refused) as refused:
        v3.ask("getRoundData", round_id)

    assert (refused.value.name, refused.value.arguments) == ("RoundUnknown", {"roundId": round_id})


def test_latest_round_data__no_round_yet__refused(stage: OracleStage) -> None:
    with pytest.raises(Refused) as refused:
        facade(stage, FREQUENCY).ask("latestRoundData")

    assert refused.value.name == "RoundUnknown"


def test_constructor__unknown_feed__refused(stage: OracleStage) -> None:
    with pytest.raises((Refused, RuntimeError), match=r"FeedMissing|Revert"):
        facade(stage, Feed(FeedKind.SUPPLY, Zone(1)))
