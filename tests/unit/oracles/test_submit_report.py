"""`submitReport`: what is taken, what is published, and every reason to refuse.

branches:
├── feed unknown → FeedUnknown
├── round not newer / in the future / too old → refused at the second beside it
├── fewer than 2f + 1 values, or no reporters → TooFewAnswers
├── a value signed for another unit, zone, interval, round, set, oracle, chain → NotAReporter
├── signature malformed or with a high s → SignatureInvalid
├── signers not ascending, or one twice → SignersNotAscending
├── a value outside plausibility → ObservationImplausible
└── taken → median; UNCERTAIN by spread, BOUNDED by floor and cap, else OK
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_keys.constants import SECPK1_N
from eth_utils.crypto import keccak

from energy_grid import eip712
from energy_grid.feeds import Feed, FeedKind, FeedStatus, SignedObservation, Unit
from energy_grid.feeds.observation import OBSERVATION_TYPE
from energy_grid.signed_orders import compact
from energy_grid.units import Zone
from tests.utils.oracles import (
    ANYBODY,
    DEMAND,
    FREQUENCY,
    GOVERNOR,
    START,
    OracleStage,
    reporter_keys,
)
from tests.utils.revm import Refused

MW = 1_000_000


def refusal(stage: OracleStage, report: Any) -> Refused:
    """How the contract refuses a report."""
    with pytest.raises(Refused) as refused:
        stage.oracle.send(ANYBODY, "submitReport", report)
    assert stage.oracle.ask("latestRound", report[0]).answers == 0, "nothing is left behind"
    return refused.value


def report_with(
    stage: OracleStage, change: dict[str, Any], *, feed: Feed = DEMAND, domain: bytes | None = None
) -> Any:
    """A report in which reporter 1 signed something else than the contract expects."""
    round_ = stage.round_now(feed)
    feed_id, number, values = stage.report(feed, [50 * MW] * 3)
    observation = replace(stage.observation(feed, round_, 50 * MW), **change)
    key = stage.reporters[1][1]
    signed = SignedObservation.sign(observation, domain or stage.domain, key)
    values[1] = signed.as_tuple()
    return feed_id, number, values


def test_submit_report__three_of_five__publishes_the_median(stage: OracleStage) -> None:
    round_ = stage.round_now(DEMAND)

    answer = stage.submit(DEMAND, {0: 52 * MW, 2: 50 * MW, 4: 51 * MW})
    (event,) = stage.oracle.events("RoundPublished")

    assert answer == (51 * MW, FeedStatus.OK)
    assert event.arguments == {
        "feedId": DEMAND.id,
        "round": round_,
        "value": 51 * MW,
        "status": FeedStatus.OK,
        "answers": 3,
        "spread": 2 * MW,
    }
    expected = (51 * MW, round_, START, FeedStatus.OK, 3)
    assert tuple(stage.oracle.ask("latestRound", DEMAND.id)) == expected
    assert tuple(stage.oracle.ask("roundOf", DEMAND.id, round_)) == expected
    assert stage.read(DEMAND) == (51 * MW, START, FeedStatus.OK)


@pytest.mark.parametrize(
    ("values", "median"),
    [([3, 5, 4, 8], 4), ([-8, -5, -4, -3], -5), ([0, 0, 0, 1], 0), ([-1, 0, -1, 0], -1)],
)
def test_submit_report__even_count__mean_of_the_middle_rounded_down(
    values: list[int], median: int
) -> None:
    temperature = Feed(FeedKind.TEMPERATURE, Zone(1))
    stage = OracleStage(4, [temperature], "WeatherOracle", "energy-grid WeatherOracle")

    assert stage.submit(temperature, values) == (median, FeedStatus.OK)


def test_submit_report__zero_everywhere__is_a_value_like_any(stage: OracleStage) -> None:
    assert stage.submit(DEMAND, [0, 0, 0]) == (0, FeedStatus.OK)
    assert stage.read(DEMAND) == (0, START, FeedStatus.OK)


def test_submit_report__unknown_feed__refused(stage: OracleStage) -> None:
    feed_id, round_, values = stage.report(DEMAND, [1, 2, 3])

    refused = refusal(stage, (feed_id + 1, round_, values))

    assert (refused.name, refused.arguments) == ("FeedUnknown", {"feedId": feed_id + 1})


def test_submit_report__same_or_older_round__refused(stage: OracleStage) -> None:
    stage.submit(DEMAND, [1, 2, 3])
    latest = stage.round_now(DEMAND)

    for round_ in (latest, latest - 1):
        with pytest.raises(Refused) as refused:
            stage.submit(DEMAND, [1, 2, 3], round_)
        assert refused.value.name == "RoundNotNewer"
        assert refused.value.arguments == {"given": round_, "latest": latest}


def test_submit_report__round_thirty_seconds_ahead__taken_and_not_one_more(
    stage: OracleStage,
) -> None:
    round_ = stage.round_now(DEMAND) + 1
    stage.chain.at(START + 29)

    refused = refusal(stage, stage.report(DEMAND, [1, 2, 3], round_))

    assert refused.name == "RoundInFuture"
    assert refused.arguments == {"given": round_, "allowed": round_ - 1}
    stage.chain.at(START + 30)
    stage.submit(DEMAND, [1, 2, 3], round_)


def test_submit_report__round_of_one_and_a_half_heartbeats__too_old(stage: OracleStage) -> None:
    round_ = stage.round_now(DEMAND)
    limit = stage.configs[DEMAND].age_limit_seconds
    report = stage.report(DEMAND, [1, 2, 3], round_)
    stage.chain.at(START + limit)

    refused = refusal(stage, report)

    assert (limit, refused.name) == (1350, "RoundTooOld")
    assert refused.arguments == {"given": round_, "allowed": round_ + 1}
    stage.chain.at(START + limit - 1)
    stage.oracle.send(ANYBODY, "submitReport", report)
    assert stage.read(DEMAND)[2] == FeedStatus.OK


@pytest.mark.parametrize(("reporters", "required"), [(4, 3), (5, 3), (7, 5), (10, 7), (31, 21)])
def test_submit_report__one_answer_too_few__refused(reporters: int, required: int) -> None:
    stage = OracleStage(reporters)

    refused = refusal(stage, stage.report(DEMAND, [1] * (required - 1)))

    assert stage.oracle.ask("minAnswers") == required
    assert refused.name == "TooFewAnswers"
    assert refused.arguments == {"given": required - 1, "required": required}
    assert stage.submit(DEMAND, [1] * required) == (1, FeedStatus.OK)
    stage.chain.at(START + 60)
    assert stage.submit(DEMAND, [1] * reporters) == (1, FeedStatus.OK)


def test_submit_report__before_the_first_set__refused(stage: OracleStage) -> None:
    stage.oracle = stage.deploy_oracle()
    stage.add(DEMAND)

    refused = refusal(stage, (DEMAND.id, stage.round_now(DEMAND), []))

    assert refused.name == "TooFewAnswers"
    assert refused.arguments == {"given": 0, "required": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"feed": replace(DEMAND, kind=FeedKind.FREQUENCY)},
        {"feed": replace(DEMAND, kind=FeedKind.SUPPLY)},
        {"feed": replace(DEMAND, zone=Zone(2))},
        {"feed": replace(DEMAND, horizon_slots=1)},
        {"interval_start": START + 900},
        {"interval_start": START - 900},
        {"interval_seconds": 3600},
        {"round": START // 60 - 1},
        {"round": START // 60 + 1},
        {"reporter_set": 0},
        {"reporter_set": 2},
        {"value": 50 * MW + 1},
    ],
    ids=str,
)
def test_submit_report__signed_for_something_else__is_nobodys(
    stage: OracleStage, change: dict[str, Any]
) -> None:
    report = report_with(stage, change)
    if "value" in change:
        # The value told is not the one that was signed.
        told = report[2][1]
        report[2][1] = (50 * MW, *told[1:])

    refused = refusal(stage, report)

    assert refused.name == "NotAReporter"
    assert refused.arguments["index"] == 1


class OtherUnit:
    """An observation in kW instead of W: the unit's number or the decimals differ."""

    def __init__(self, stage: OracleStage, unit: int, decimals: int) -> None:
        self._words = [
            *(DEMAND.id, DEMAND.zone, unit, decimals, stage.round_now(DEMAND)),
            *(START, 900, 1, 50_000),
        ]

    def struct_hash(self) -> bytes:
        encoded = b"".join(value.to_bytes(32, "big") for value in self._words)
        return keccak(keccak(text=OBSERVATION_TYPE) + encoded)


@pytest.mark.parametrize(
    ("unit", "decimals"), [(Unit.WATT, 3), (Unit.MILLI_HERTZ, 0), (Unit.NONE, 0)]
)
def test_submit_report__other_unit_or_decimals__is_nobodys(
    stage: OracleStage, unit: Unit, decimals: int
) -> None:
    feed_id, round_, values = stage.report(DEMAND, [50_000] * 3)
    key = stage.reporters[2][1]
    signature = compact(eip712.sign(OtherUnit(stage, unit, decimals), stage.domain, key))
    values[2] = (50_000, signature[:32], signature[32:])

    refused = refusal(stage, (feed_id, round_, values))

    assert (refused.name, refused.arguments["index"]) == ("NotAReporter", 2)


@pytest.mark.parametrize("where", ["chain", "contract", "name"])
def test_submit_report__signed_for_another_domain__is_nobodys(
    stage: OracleStage, where: str
) -> None:
    address = stage.oracle.address
    domain = {
        "chain": eip712.domain(2, address, "energy-grid GridOracle"),
        "contract": eip712.domain(1, stage.authority.address, "energy-grid GridOracle"),
        "name": eip712.domain(1, address, "energy-grid WeatherOracle"),
    }[where]

    refused = refusal(stage, report_with(stage, {}, domain=domain))

    assert (refused.name, refused.arguments["index"]) == ("NotAReporter", 1)


def test_submit_report__stranger__refused(stage: OracleStage) -> None:
    stage.reporters = reporter_keys(7)
    known = set(stage.oracle.ask("reporters"))
    stranger = next(i for i, (address, _) in enumerate(stage.reporters) if address not in known)

    refused = refusal(stage, stage.report(DEMAND, {stranger: 1, 0: 1, 3: 1}))

    assert refused.name == "NotAReporter"
    assert refused.arguments["recovered"] == stage.reporters[stranger][0]


def test_submit_report__removed_reporter__has_no_influence(stage: OracleStage) -> None:
    remaining = [address for address, _ in stage.reporters[:4]]
    stage.oracle.send(GOVERNOR, "setReporters", remaining)

    refused = refusal(stage, stage.report(DEMAND, {0: 1, 1: 1, 4: 99 * MW}))

    assert refused.name == "NotAReporter"
    assert refused.arguments == {"index": 2, "recovered": stage.reporters[4][0]}


def test_submit_report__signed_for_an_older_set__void(stage: OracleStage) -> None:
    old = stage.report(DEMAND, [1, 2, 3])
    stage.oracle.send(GOVERNOR, "setReporters", [address for address, _ in stage.reporters])

    refused = refusal(stage, old)

    assert (refused.name, refused.arguments["index"]) == ("NotAReporter", 0)
    assert stage.submit(DEMAND, [1, 2, 3]) == (2, FeedStatus.OK)


def test_submit_report__one_signer_twice__refused(stage: OracleStage) -> None:
    feed_id, round_, values = stage.report(DEMAND, [1, 2, 3])

    refused = refusal(stage, (feed_id, round_, [values[0], values[1], values[1]]))

    twice = stage.reporters[1][0]
    assert refused.name == "SignersNotAscending"
    assert refused.arguments == {"previous": twice, "given": twice}


def test_submit_report__signers_out_of_order__refused(stage: OracleStage) -> None:
    feed_id, round_, values = stage.report(DEMAND, [1, 2, 3])

    refused = refusal(stage, (feed_id, round_, [values[1], values[0], values[2]]))

    assert refused.name == "SignersNotAscending"


def test_submit_report__high_s__refused(stage: OracleStage) -> None:
    feed_id, round_, values = stage.report(DEMAND, [1, 2, 3])
    values[1] = (2, values[1][1], (SECPK1_N // 2 + 1).to_bytes(32, "big"))

    refused = refusal(stage, (feed_id, round_, values))

    assert (refused.name, refused.arguments) == ("SignatureInvalid", {"index": 1})


def test_submit_report__no_signature__refused(stage: OracleStage) -> None:
    feed_id, round_, values = stage.report(DEMAND, [1, 2, 3])
    values[2] = (3, bytes(32), bytes(32))

    refused = refusal(stage, (feed_id, round_, values))

    assert (refused.name, refused.arguments) == ("SignatureInvalid", {"index": 2})


@pytest.mark.parametrize(
    ("feed", "value"),
    [
        (DEMAND, 50 * MW * 1_000),
        (DEMAND, -1),
        (FREQUENCY, 50_000 * 1_000),
        (FREQUENCY, 50),
        (FREQUENCY, -50_000),
        (FREQUENCY, 0),
        (FREQUENCY, 2**127 - 1),
        (FREQUENCY, -(2**127)),
    ],
)
def test_submit_report__a_thousand_times_off__refused(
    stage: OracleStage, feed: Feed, value: int
) -> None:
    config = stage.configs[feed]
    honest = 50 * MW if feed == DEMAND else 50_000

    refused = refusal(stage, stage.report(feed, [honest, value, honest]))

    assert refused.name == "ObservationImplausible"
    assert refused.arguments == {
        "reporter": stage.reporters[1][0],
        "given": value,
        "lowestAllowed": config.lowest_observation,
        "highestAllowed": config.highest_observation,
    }


def test_submit_report__at_the_edges_of_plausibility__taken(stage: OracleStage) -> None:
    config = stage.configs[FREQUENCY]
    low, high = config.lowest_observation, config.highest_observation

    assert stage.submit(FREQUENCY, [low, 50_000, high]) == (50_000, FeedStatus.UNCERTAIN)


@pytest.mark.parametrize(
    ("values", "value", "status"),
    [
        ([49_950, 50_000, 50_000], 50_000, FeedStatus.OK),
        ([49_949, 50_000, 50_000], 50_000, FeedStatus.UNCERTAIN),
        ([52_000, 52_000, 52_000], 52_000, FeedStatus.OK),
        ([52_001, 52_001, 52_001], 52_000, FeedStatus.BOUNDED),
        ([46_999, 46_999, 46_999], 47_000, FeedStatus.BOUNDED),
        ([46_000, 46_999, 46_999], 47_000, FeedStatus.UNCERTAIN),
    ],
)
def test_submit_report__spread_and_bounds__status(
    stage: OracleStage, values: list[int], value: int, status: FeedStatus
) -> None:
    assert stage.submit(FREQUENCY, values) == (value, status)
    assert stage.read(FREQUENCY) == (value, START, status)


def test_submit_report__spread_relative_to_the_median__larger_limit_holds(
    stage: OracleStage,
) -> None:
    # 10 % of 80 MW is more than 2 % of the rating.
    assert stage.submit(DEMAND, [76 * MW, 80 * MW, 84 * MW])[1] == FeedStatus.OK
    stage.chain.at(START + 60)
    assert stage.submit(DEMAND, [76 * MW, 80 * MW, 84 * MW + 1])[1] == FeedStatus.UNCERTAIN


def test_round_of__ring_has_gone_round__old_rounds_are_gone(stage: OracleStage) -> None:
    first = stage.round_now(DEMAND)
    stage.submit(DEMAND, [1, 1, 1])
    stage.chain.at(START + 128 * 60)
    stage.submit(DEMAND, [2, 2, 2])

    assert tuple(stage.oracle.ask("roundOf", DEMAND.id, first)) == (0, 0, 0, 0, 0)
    assert stage.oracle.ask("roundOf", DEMAND.id, first + 128).value == 2
    assert tuple(stage.oracle.ask("roundOf", DEMAND.id, first + 1)) == (0, 0, 0, 0, 0)
