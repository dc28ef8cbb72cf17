"""Feeds in Python: configurations, the reference aggregation, reports and their signers.

branches:
├── config → refuses bounds out of order and a rhythm that is none; rounds and intervals
├── standard configurations → true values plausible, a thousand times as much not
├── aggregate → median within the honest values, spread, bounds, refusals by the contract's names
├── rounds → newer, not ahead, not too old; STALE from 1.5 heartbeats on
└── report → ordered by address, one value of each, signer recovered
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_keys.datatypes import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from energy_grid import eip712
from energy_grid.errors import InvalidValueError
from energy_grid.feeds import (
    GRID_DOMAIN,
    STANDARD_RATINGS,
    WEATHER_DOMAIN,
    Feed,
    FeedConfig,
    FeedKind,
    FeedStatus,
    Observation,
    Report,
    ReportRefused,
    SignedObservation,
    aggregate,
    faults_borne,
    median,
    min_answers,
    require_round,
    standard_config,
    status_at,
)
from energy_grid.units import MilliHertz, UnixSeconds, Watt, Zone

ZONE = Zone(7)
FREQUENCY = Feed(FeedKind.FREQUENCY, ZONE)
CONFIG = standard_config(FREQUENCY)
KINDS = [kind for kind in FeedKind if kind != FeedKind.NONE]
DOMAIN = eip712.domain(31337, "0x" + "11" * 20, GRID_DOMAIN)
KEYS = [bytes([number]) * 32 for number in range(1, 6)]
ADDRESSES = [PrivateKey(key).public_key.to_checksum_address() for key in KEYS]

TRUE_VALUES = {
    FeedKind.DEMAND: [0, 1, 50_000_000, 100_000_000],
    FeedKind.SUPPLY: [0, 1, 50_000_000, 100_000_000],
    FeedKind.FREQUENCY: [47_000, 49_800, 50_000, 50_200, 52_000],
    FeedKind.VOLTAGE: [195_500, 230_000, 253_000],
    FeedKind.LINE_LOADING: [0, 10_000, 15_000],
    FeedKind.IRRADIANCE: [0, 10_000, 13_610],
    FeedKind.TEMPERATURE: [-5_000, 0, 2_000, 5_500],
    FeedKind.WIND_SPEED: [0, 800, 6_000],
    FeedKind.CLOUD_COVER: [0, 5_000, 10_000],
    FeedKind.EXPECTED_SUPPLY: [0, 50_000_000],
    FeedKind.EXPECTED_DEMAND: [0, 50_000_000],
    FeedKind.MARKET_PRICE: [-500_000, 0, 1, 250_000, 4_000_000],
}
TOO_LARGE = {
    FeedKind.DEMAND: 50_000_000_000,
    FeedKind.SUPPLY: 50_000_000_000,
    FeedKind.FREQUENCY: 50_000_000,
    FeedKind.VOLTAGE: 230_000_000,
    FeedKind.LINE_LOADING: 10_000_000,
    FeedKind.IRRADIANCE: 10_000_000,
    FeedKind.TEMPERATURE: 2_000_000,
    FeedKind.WIND_SPEED: 800_000,
    FeedKind.CLOUD_COVER: 5_000_000,
    FeedKind.EXPECTED_SUPPLY: 50_000_000_000,
    FeedKind.EXPECTED_DEMAND: 50_000_000_000,
    FeedKind.MARKET_PRICE: 250_000_000,
}


@pytest.mark.parametrize("kind", KINDS)
def test_standard_config__true_values__plausible_and_in_bounds(kind: FeedKind) -> None:
    config = standard_config(Feed(kind, ZONE))

    for value in TRUE_VALUES[kind]:
        assert config.is_plausible(value)
        assert config.floor <= value <= config.cap
    assert (config.unit, config.decimals) == (Feed(kind, ZONE).unit, Feed(kind, ZONE).decimals)


@pytest.mark.parametrize("kind", KINDS)
def test_standard_config__a_thousand_times_a_true_value__implausible(kind: FeedKind) -> None:
    assert not standard_config(Feed(kind, ZONE)).is_plausible(TOO_LARGE[kind])


@pytest.mark.parametrize("value", [50, 50_000_000, 0, -50_000])
def test_standard_config__frequency_in_another_unit__implausible(value: int) -> None:
    assert not CONFIG.is_plausible(value)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (FeedKind.FREQUENCY, (42_500, 46_000, 49_000, 51_500, 57_500)),
        (FeedKind.VOLTAGE, (0, 11_500, 150_000, 253_001, 280_000, 345_000)),
        (FeedKind.LINE_LOADING, (20_001, 30_000, 50_000)),
    ],
)
def test_standard_config__grid_in_trouble__the_worst_values_are_no_bounded_ones(
    kind: FeedKind, values: tuple[int, ...]
) -> None:
    """The state of the grid leaves out what is BOUNDED: a bound would hide an emergency."""
    config = standard_config(Feed(kind, ZONE))
    for value in values:
        assert config.is_plausible(value)
        assert config.floor <= value <= config.cap


def test_standard_config__another_nominal_frequency__moves_its_bounds() -> None:
    ratings = replace(STANDARD_RATINGS, frequency_millihz=MilliHertz(60_000))
    config = standard_config(FREQUENCY, ratings)
    assert (config.floor, config.cap) == (51_000, 69_000)
    assert config.is_plausible(59_300)


def test_standard_config__ratings_of_a_zone__bound_its_powers() -> None:
    ratings = replace(STANDARD_RATINGS, demand_w=Watt(1_000), supply_w=Watt(500))

    assert standard_config(Feed(FeedKind.DEMAND, ZONE), ratings).cap == 1_000
    assert standard_config(Feed(FeedKind.EXPECTED_DEMAND, ZONE), ratings).cap == 1_000
    assert standard_config(Feed(FeedKind.SUPPLY, ZONE), ratings).cap == 500
    assert standard_config(Feed(FeedKind.EXPECTED_SUPPLY, ZONE), ratings).cap == 500


@pytest.mark.parametrize(
    "changes",
    [
        {"floor": 42_499},
        {"floor": 57_501},
        {"cap": 57_501},
        {"highest_observation": 0},
        {"round_seconds": 0},
        {"round_seconds": 901},
        {"interval_seconds": 0},
    ],
)
def test_feed_config__no_sense__refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        replace(CONFIG, **changes)


def test_feed_config__of_answer__comes_back() -> None:
    assert FeedConfig.of_answer(CONFIG.as_tuple()) == CONFIG
    assert FeedConfig.of_answer((0,) * 12) is None


@pytest.mark.parametrize(
    ("round_", "horizon", "start"),
    [(0, 0, 0), (14, 0, 0), (15, 0, 900), (29, 1, 1_800), (15, 255, 900 + 255 * 900)],
)
def test_interval_start__round__its_quarter_hour_and_the_horizon(
    round_: int, horizon: int, start: int
) -> None:
    assert CONFIG.interval_start(replace(FREQUENCY, horizon_slots=horizon), round_) == start


@pytest.mark.parametrize(
    ("reporters", "faults"), [(4, 1), (5, 1), (6, 1), (7, 2), (10, 3), (31, 10)]
)
def test_faults_borne__n__a_third_less_one(reporters: int, faults: int) -> None:
    assert faults_borne(reporters) == faults
    assert min_answers(reporters) == 2 * faults + 1
    assert 3 * faults < reporters


@pytest.mark.parametrize("reporters", [0, 3, 32])
def test_faults_borne__too_few_or_many__refused(reporters: int) -> None:
    with pytest.raises(InvalidValueError):
        faults_borne(reporters)


def test_median__nothing__refused() -> None:
    with pytest.raises(InvalidValueError):
        median([])


@given(st.lists(st.integers(-(2**127), 2**127 - 1), min_size=1, max_size=31), st.data())
def test_median__any_values_and_order__between_the_middle_ones(
    values: list[int], data: st.DataObject
) -> None:
    middle = median(data.draw(st.permutations(values)))

    assert min(values) <= middle <= max(values)
    assert sum(value <= middle for value in values) * 2 >= len(values)
    assert middle == median(values)


plausible = st.integers(CONFIG.lowest_observation, CONFIG.highest_observation)


@given(
    honest=st.lists(plausible, min_size=2, max_size=20),
    faulty=st.lists(plausible, max_size=10),
    silent=st.integers(0, 10),
)
def test_aggregate__at_most_f_faulty__within_the_honest(
    honest: list[int], faulty: list[int], silent: int
) -> None:
    answering = len(honest) + len(faulty)
    reporters = min(answering + silent, 31)
    if reporters < 4 or len(faulty) > faults_borne(reporters):
        return
    values = honest + faulty
    if answering < min_answers(reporters):
        with pytest.raises(ReportRefused) as refused:
            aggregate(CONFIG, values, reporters)
        assert refused.value.error == "TooFewAnswers"
        return

    made = aggregate(CONFIG, values, reporters)

    low, high = (min(max(one, CONFIG.floor), CONFIG.cap) for one in (min(honest), max(honest)))
    assert low <= made.value <= high
    assert made.answers == answering
    if made.status == FeedStatus.OK:
        assert made.spread <= CONFIG.allowed_spread(made.value)
        assert CONFIG.floor <= made.value <= CONFIG.cap


def test_aggregate__implausible_value__refused() -> None:
    with pytest.raises(ReportRefused) as refused:
        aggregate(CONFIG, [50_000, 50_000, 50_000_000], 4)

    assert refused.value.error == "ObservationImplausible"
    assert refused.value.found == 50_000_000


NOW = UnixSeconds(1_900_000_800)
ROUND = NOW // 60


@pytest.mark.parametrize(
    ("round_", "latest", "now", "error"),
    [
        (ROUND, ROUND, NOW, "RoundNotNewer"),
        (ROUND + 1, ROUND, NOW + 29, "RoundInFuture"),
        (ROUND, 0, NOW + 1_350, "RoundTooOld"),
    ],
)
def test_require_round__beside_its_limit__refused_and_taken(
    round_: int, latest: int, now: int, error: str
) -> None:
    with pytest.raises(ReportRefused) as refused:
        require_round(CONFIG, round_, latest, UnixSeconds(now))
    assert refused.value.error == error

    require_round(CONFIG, ROUND, ROUND - 1, NOW)
    require_round(CONFIG, ROUND + 1, ROUND, UnixSeconds(NOW + 30))
    require_round(CONFIG, ROUND, 0, UnixSeconds(NOW + 1_349))


@pytest.mark.parametrize("published", [FeedStatus.OK, FeedStatus.UNCERTAIN, FeedStatus.BOUNDED])
def test_status_at__one_and_a_half_heartbeats__stale(published: FeedStatus) -> None:
    assert status_at(CONFIG, ROUND, NOW + 5, published, NOW + 1_349) == published
    assert status_at(CONFIG, ROUND, NOW + 5, published, NOW + 1_350) == FeedStatus.STALE
    # The block was earlier than the round's beginning: its age counts.
    assert status_at(CONFIG, ROUND, NOW - 5, published, NOW + 1_345) == FeedStatus.STALE
    assert status_at(CONFIG, 0, 0, published, NOW) == FeedStatus.STALE


def observation(value: int = 50_000, round_: int = ROUND) -> Observation:
    return Observation(FREQUENCY, round_, NOW, 900, 1, value)


def test_signed_observation__any_key__recovered_and_64_bytes() -> None:
    for key, address in zip(KEYS, ADDRESSES, strict=True):
        signed = SignedObservation.sign(observation(), DOMAIN, key)
        assert signed.reporter(DOMAIN) == address
        assert len(signed.signature) == 64
        # For another oracle, another account signed it.
        other = eip712.domain(31337, "0x" + "11" * 20, WEATHER_DOMAIN)
        assert signed.reporter(other) != address


@given(st.integers(-(2**127), 2**127 - 1), st.sampled_from(KEYS))
def test_signed_observation__any_value__comes_back(value: int, key: bytes) -> None:
    signed = SignedObservation.sign(observation(value), DOMAIN, key)

    assert signed.reporter(DOMAIN) == ADDRESSES[KEYS.index(key)]
    assert signed.as_tuple() == (value, signed.signature[:32], signed.signature[32:])


def test_signed_observation__no_compact_signature__refused() -> None:
    with pytest.raises(InvalidValueError):
        SignedObservation(observation(), bytes(65))


def test_report__any_order__ascending_by_address() -> None:
    signed = [
        SignedObservation.sign(observation(49_990 + i), DOMAIN, key) for i, key in enumerate(KEYS)
    ]

    report = Report.of(reversed(signed), DOMAIN)

    assert report.reporters == tuple(sorted(ADDRESSES, key=lambda one: int(one, 16)))
    assert [one.reporter(DOMAIN) for one in report.values] == list(report.reporters)
    assert report.as_tuple()[:2] == (FREQUENCY.id, ROUND)
    assert report.as_tuple()[2] == [one.as_tuple() for one in report.values]


def test_report__two_values_of_one_reporter__refused() -> None:
    signed = [SignedObservation.sign(observation(value), DOMAIN, KEYS[0]) for value in (1, 2)]

    with pytest.raises(ReportRefused) as refused:
        Report.of(signed, DOMAIN)

    assert refused.value.error == "SignersNotAscending"


def test_report__nothing_or_of_two_rounds__refused() -> None:
    mixed = [
        SignedObservation.sign(observation(round_=ROUND + place), DOMAIN, key)
        for place, key in enumerate(KEYS[:3])
    ]
    for signed in ([], mixed):
        with pytest.raises(ReportRefused):
            Report.of(signed, DOMAIN)


def test_feed__id__comes_back_or_is_refused() -> None:
    for kind in KINDS:
        feed = Feed(kind, Zone(65_535), 255)
        assert Feed.of_id(feed.id) == feed
    for unknown in (0, 1, 13 << 24 | 1, 255 << 24 | 1, 1 << 24):
        with pytest.raises(InvalidValueError):
            Feed.of_id(unknown)
