"""Feeds: adding, configuring, shadow and activation, the guardian's freeze and switch.

branches:
├── addFeed → refused: known, kind, zone, unit, rhythm, bounds, spread, fallback, shadow terms
│   └── ACTIVE at once if it replaces none and needs no rounds, else SHADOW
├── configureFeed → all at once; refused: unknown, rhythm changed, as addFeed
├── shadowFeed → SHADOW again, counted anew
├── activateFeed → refused: not in shadow, too few rounds, own or replaced feed not OK, too far off
├── freezeFeed, switchToFallback → at most 72 h, joined, never shortened
└── unfreezeFeed, endFallback → at once
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from energy_grid.feeds import Feed, FeedConfig, FeedKind, FeedStatus, Unit, standard_config
from energy_grid.units import Zone
from tests.utils.oracles import (
    DEMAND,
    FREQUENCY,
    GOVERNOR,
    GUARDIAN,
    NO_SHADOW,
    START,
    ZERO,
    OracleStage,
)
from tests.utils.revm import Refused

MW = 1_000_000
SUPPLY = Feed(FeedKind.SUPPLY, Zone(1))
NEIGHBOUR = Feed(FeedKind.FREQUENCY, Zone(2))
HOURS_72 = 72 * 3600
SHADOW, ACTIVE = 1, 2
EIGHT_ROUNDS = (8, 0, ZERO, 0)


def refused_by(stage: OracleStage, sender: str, function: str, *arguments: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        stage.oracle.send(sender, function, *arguments)
    return refused.value


def add_raw(stage: OracleStage, feed_id: int, config: tuple[int, ...], shadow: Any) -> Refused:
    refused = refused_by(stage, GOVERNOR, "addFeed", feed_id, config, shadow)
    if feed_id != DEMAND.id:
        assert stage.oracle.ask("feedState", feed_id).phase == 0
    return refused


def changed(feed: Feed, **changes: int) -> tuple[int, ...]:
    """The standard configuration with fields that `FeedConfig` itself would refuse."""
    names = list(FeedConfig.__dataclass_fields__)
    values = list(standard_config(feed).as_tuple())
    for name, value in changes.items():
        values[names.index(name)] = value
    return tuple(values)


def test_add_feed__replaces_none__active_at_once(stage: OracleStage) -> None:
    config = stage.add(SUPPLY)
    (event,) = stage.oracle.events("FeedAdded")

    assert event.arguments["feedId"] == SUPPLY.id
    assert event.arguments["phase"] == ACTIVE
    assert tuple(event.arguments["config"]) == config.as_tuple()
    assert FeedConfig.of_answer(stage.oracle.ask("feedConfig", SUPPLY.id)) == config
    assert list(stage.oracle.ask("feedIds")) == [DEMAND.id, FREQUENCY.id, SUPPLY.id]
    assert stage.oracle.ask("feedState", SUPPLY.id).phase == ACTIVE


def test_feed_config__unknown__all_zero(stage: OracleStage) -> None:
    assert FeedConfig.of_answer(stage.oracle.ask("feedConfig", SUPPLY.id)) is None


def test_add_feed__known__refused(stage: OracleStage) -> None:
    refused = add_raw(stage, DEMAND.id, stage.configs[DEMAND].as_tuple(), NO_SHADOW)

    assert refused.name == "FeedKnown"
    assert refused.arguments == {"feedId": DEMAND.id, "phase": ACTIVE}


@pytest.mark.parametrize("kind", [0, FeedKind.TEMPERATURE, FeedKind.MARKET_PRICE, 13, 255])
def test_add_feed__kind_of_another_oracle_or_none__refused(stage: OracleStage, kind: int) -> None:
    refused = add_raw(stage, kind << 24 | 1, standard_config(DEMAND).as_tuple(), NO_SHADOW)

    assert refused.name == "KindNotAllowed"
    assert refused.arguments == {"given": kind, "allowed": 0b111110}


def test_add_feed__without_zone__refused(stage: OracleStage) -> None:
    refused = add_raw(stage, 1 << 24, standard_config(DEMAND).as_tuple(), NO_SHADOW)

    assert (refused.name, refused.arguments) == ("FeedWithoutZone", {"feedId": 1 << 24})


@pytest.mark.parametrize(("unit", "decimals"), [(Unit.MILLI_HERTZ, 0), (Unit.WATT, 3)])
def test_add_feed__other_unit__refused(stage: OracleStage, unit: Unit, decimals: int) -> None:
    refused = add_raw(stage, SUPPLY.id, changed(SUPPLY, unit=unit, decimals=decimals), NO_SHADOW)

    assert refused.name == "UnitMismatch"
    assert refused.arguments == {
        "given": unit,
        "givenDecimals": decimals,
        "allowed": Unit.WATT,
        "allowedDecimals": 0,
    }


@pytest.mark.parametrize(
    ("changes", "given", "highest"),
    [
        ({"interval_seconds": 0}, 0, 86_400),
        ({"interval_seconds": 86_401}, 86_401, 86_400),
        ({"heartbeat_seconds": 86_401}, 86_401, 86_400),
        ({"heartbeat_seconds": 0}, 0, 86_400),
        ({"round_seconds": 0}, 0, 900),
        ({"round_seconds": 901}, 901, 900),
    ],
)
def test_add_feed__rhythm_out_of_bounds__refused(
    stage: OracleStage, changes: dict[str, int], given: int, highest: int
) -> None:
    refused = add_raw(stage, SUPPLY.id, changed(SUPPLY, **changes), NO_SHADOW)

    assert refused.name == "RhythmInvalid"
    assert refused.arguments == {"given": given, "lowest": 1, "highest": highest}


@pytest.mark.parametrize(
    ("changes", "lower", "upper"),
    [
        ({"lowest_observation": -1}, 0, -1),
        ({"floor": -1}, 0, -1),
        ({"cap": -1}, 0, -1),
        ({"cap": 121 * MW}, 121 * MW, 120 * MW),
        ({"highest_observation": 10**13 + 1}, 10**13 + 1, 10**13),
    ],
)
def test_add_feed__bounds_out_of_order__refused(
    stage: OracleStage, changes: dict[str, int], lower: int, upper: int
) -> None:
    refused = add_raw(stage, SUPPLY.id, changed(SUPPLY, **changes), NO_SHADOW)

    assert refused.name == "BoundsNotAscending"
    assert refused.arguments == {"lower": lower, "upper": upper}


def test_add_feed__spread_beyond_all_sense__refused(stage: OracleStage) -> None:
    refused = add_raw(stage, SUPPLY.id, changed(SUPPLY, max_spread=120 * MW + 1), NO_SHADOW)
    assert refused.name == "SpreadTooLarge"
    assert refused.arguments == {"given": 120 * MW + 1, "allowed": 120 * MW}

    refused = add_raw(stage, SUPPLY.id, changed(SUPPLY, max_spread_bps=10_001), NO_SHADOW)
    assert refused.name == "BpsTooHigh"
    assert refused.arguments == {"given": 10_001, "allowed": 10_000}


@pytest.mark.parametrize("fallback", [NEIGHBOUR.id, DEMAND.id, SUPPLY.id, 1])
def test_add_feed__fallback_unknown_or_of_another_kind_or_itself__refused(
    stage: OracleStage, fallback: int
) -> None:
    refused = add_raw(stage, SUPPLY.id, changed(SUPPLY, fallback_feed=fallback), NO_SHADOW)

    assert refused.name == "FallbackInvalid"
    assert refused.arguments == {"feedId": SUPPLY.id, "fallbackFeed": fallback}


@pytest.mark.parametrize(
    ("shadow", "error"),
    [
        ((7, 0, ZERO, 0), "ShadowTooShort"),
        ((0, 100, GOVERNOR, SUPPLY.id), "ShadowTooShort"),
        ((8, 2_001, GOVERNOR, SUPPLY.id), "BpsTooHigh"),
        ((8, 100, ZERO, SUPPLY.id), "ReplacedFeedInvalid"),
        ((8, 100, GOVERNOR, DEMAND.id), "ReplacedFeedInvalid"),
        ((8, 100, GOVERNOR, 0), "ReplacedFeedInvalid"),
        ((8, 100, "self", SUPPLY.id), "ReplacedFeedInvalid"),
    ],
)
def test_add_feed__shadow_terms_that_show_nothing__refused(
    stage: OracleStage, shadow: tuple[Any, ...], error: str
) -> None:
    terms = tuple(stage.oracle.address if part == "self" else part for part in shadow)

    refused = add_raw(stage, SUPPLY.id, standard_config(SUPPLY).as_tuple(), terms)

    assert refused.name == error


def test_configure_feed__linked_parameters__change_together(stage: OracleStage) -> None:
    old = stage.configs[DEMAND]
    new = replace(old, cap=80 * MW, highest_observation=90 * MW, max_spread=5, max_spread_bps=7)

    stage.oracle.send(GOVERNOR, "configureFeed", DEMAND.id, new.as_tuple())
    (event,) = stage.oracle.events("FeedConfigured")

    assert tuple(event.arguments["oldConfig"]) == old.as_tuple()
    assert tuple(event.arguments["newConfig"]) == new.as_tuple()
    assert FeedConfig.of_answer(stage.oracle.ask("feedConfig", DEMAND.id)) == new
    assert stage.submit(DEMAND, [85 * MW] * 3) == (80 * MW, FeedStatus.BOUNDED)


def test_configure_feed__keeps_phase_and_freeze(stage: OracleStage) -> None:
    stage.oracle.send(GUARDIAN, "freezeFeed", DEMAND.id, START + 50)
    stage.oracle.send(
        GOVERNOR, "configureFeed", DEMAND.id, replace(stage.configs[DEMAND], cap=MW).as_tuple()
    )

    state = stage.oracle.ask("feedState", DEMAND.id)
    assert (state.phase, state.frozenUntil) == (ACTIVE, START + 50)


@pytest.mark.parametrize(
    ("field", "given", "allowed"), [("round_seconds", 61, 60), ("interval_seconds", 3600, 900)]
)
def test_configure_feed__other_rhythm__refused(
    stage: OracleStage, field: str, given: int, allowed: int
) -> None:
    config = changed(DEMAND, **{field: given})

    refused = refused_by(stage, GOVERNOR, "configureFeed", DEMAND.id, config)

    assert refused.name == "RhythmFixed"
    assert refused.arguments == {"given": given, "allowed": allowed}


def test_configure_feed__out_of_hard_bounds__refused(stage: OracleStage) -> None:
    config = changed(DEMAND, highest_observation=10**13 + 1)

    refused = refused_by(stage, GOVERNOR, "configureFeed", DEMAND.id, config)

    assert refused.name == "BoundsNotAscending"


@pytest.mark.parametrize(
    ("sender", "function", "arguments"),
    [
        (GOVERNOR, "configureFeed", [standard_config(SUPPLY).as_tuple()]),
        (GOVERNOR, "shadowFeed", [EIGHT_ROUNDS]),
        (GOVERNOR, "activateFeed", []),
        (GOVERNOR, "unfreezeFeed", []),
        (GOVERNOR, "endFallback", []),
        (GUARDIAN, "freezeFeed", [START + 1]),
        (GUARDIAN, "switchToFallback", [START + 1]),
    ],
)
def test_powers__unknown_feed__refused(
    stage: OracleStage, sender: str, function: str, arguments: list[Any]
) -> None:
    refused = refused_by(stage, sender, function, SUPPLY.id, *arguments)

    assert (refused.name, refused.arguments) == ("FeedUnknown", {"feedId": SUPPLY.id})


def rounds(stage: OracleStage, feed: Feed, values: list[int], count: int) -> None:
    """Publish rounds, a minute apart."""
    for _ in range(count):
        stage.chain.at(stage.chain.now + 60)
        stage.submit(feed, values)


def test_shadow__new_feed__frozen_until_it_has_shown_enough(stage: OracleStage) -> None:
    stage.add(SUPPLY, EIGHT_ROUNDS)
    rounds(stage, SUPPLY, [5, 5, 5], 7)

    for function in ("read", "readWithFallback"):
        assert stage.read(SUPPLY, function)[2] == FeedStatus.FROZEN
    refused = refused_by(stage, GOVERNOR, "activateFeed", SUPPLY.id)
    assert (refused.name, refused.arguments) == ("ShadowTooShort", {"given": 7, "required": 8})

    rounds(stage, SUPPLY, [5, 5, 5], 1)
    assert stage.read(SUPPLY)[2] == FeedStatus.FROZEN
    stage.oracle.send(GOVERNOR, "activateFeed", SUPPLY.id)
    (event,) = stage.oracle.events("FeedActivated")
    assert event.arguments == {"feedId": SUPPLY.id, "value": 5, "replacedValue": 0}
    assert stage.read(SUPPLY) == (5, stage.chain.now, FeedStatus.OK)
    refused = refused_by(stage, GOVERNOR, "activateFeed", SUPPLY.id)
    assert refused.name == "FeedNotInShadow"


@pytest.mark.parametrize("fallback_too", [False, True])
def test_shadow__feed_with_a_good_fallback__still_frozen(
    stage: OracleStage, fallback_too: bool
) -> None:
    stage.add(NEIGHBOUR, EIGHT_ROUNDS, fallback_feed=FREQUENCY.id)
    stage.submit(FREQUENCY, [50_000] * 3)
    stage.submit(NEIGHBOUR, [50_000] * 3)
    if fallback_too:
        stage.oracle.send(GUARDIAN, "switchToFallback", NEIGHBOUR.id, START + 50)

    for function in ("read", "readWithFallback"):
        assert stage.read(NEIGHBOUR, function)[2] == FeedStatus.FROZEN


@pytest.mark.parametrize("values", [[52_500] * 3, [49_000, 50_000, 51_000]])
def test_activate_feed__last_round_not_ok__refused(stage: OracleStage, values: list[int]) -> None:
    stage.add(NEIGHBOUR, EIGHT_ROUNDS)
    rounds(stage, NEIGHBOUR, [50_000] * 3, 8)
    rounds(stage, NEIGHBOUR, values, 1)

    assert refused_by(stage, GOVERNOR, "activateFeed", NEIGHBOUR.id).name == "ShadowNotOk"


def test_activate_feed__last_round_stale__refused(stage: OracleStage) -> None:
    stage.add(NEIGHBOUR, EIGHT_ROUNDS)
    rounds(stage, NEIGHBOUR, [50_000] * 3, 8)
    stage.chain.at(stage.chain.now + 1350)

    refused = refused_by(stage, GOVERNOR, "activateFeed", NEIGHBOUR.id)

    assert refused.arguments == {"feedId": NEIGHBOUR.id, "status": FeedStatus.STALE}


def replacing(stage: OracleStage, old_value: int) -> OracleStage:
    """A second oracle whose demand feed shall replace that of the first, at 1 %."""
    replacement = OracleStage.__new__(OracleStage)
    replacement.__dict__ = {**stage.__dict__, "configs": {}}
    replacement.oracle = stage.deploy_oracle()
    replacement.domain = stage.domain_of(replacement.oracle)
    replacement.oracle.send(GOVERNOR, "setReporters", [address for address, _ in stage.reporters])
    replacement.add(DEMAND, (8, 100, stage.oracle.address, DEMAND.id), max_spread=50)
    stage.chain.at(START + 8 * 60)
    stage.submit(DEMAND, [old_value] * 3)
    stage.chain.at(START)
    return replacement


@pytest.mark.parametrize("value", [49_500_000, 50_500_000])
def test_activate_feed__near_to_the_replaced_one__activated(stage: OracleStage, value: int) -> None:
    replacement = replacing(stage, 50 * MW)
    rounds(replacement, DEMAND, [value] * 3, 8)

    replacement.oracle.send(GOVERNOR, "activateFeed", DEMAND.id)

    (event,) = replacement.oracle.events("FeedActivated")
    assert event.arguments == {
        "feedId": DEMAND.id,
        "value": value,
        "replacedValue": 50 * MW,
    }


@pytest.mark.parametrize(
    "value",
    [49_499_999, 50_500_001, 50 * MW // 2_000, 0],
    ids=["below", "above", "2,000 times off", "zero"],
)
def test_activate_feed__too_far_from_the_replaced_one__refused(
    stage: OracleStage, value: int
) -> None:
    """T11: a formula 2,000 times off never reaches its readers."""
    replacement = replacing(stage, 50 * MW)
    rounds(replacement, DEMAND, [value] * 3, 8)

    refused = refused_by(replacement, GOVERNOR, "activateFeed", DEMAND.id)

    assert refused.name == "ShadowDeviates"
    assert refused.arguments == {"value": value, "replacedValue": 50 * MW, "allowed": 500_000}
    assert replacement.read(DEMAND)[2] == FeedStatus.FROZEN


@pytest.mark.parametrize(("value", "accepted"), [(50, True), (51, False)])
def test_activate_feed__replaced_value_zero__absolute_spread_holds(
    stage: OracleStage, value: int, accepted: bool
) -> None:
    replacement = replacing(stage, 0)
    rounds(replacement, DEMAND, [value] * 3, 8)

    if accepted:
        replacement.oracle.send(GOVERNOR, "activateFeed", DEMAND.id)
    else:
        refused = refused_by(replacement, GOVERNOR, "activateFeed", DEMAND.id)
        assert refused.arguments["allowed"] == 50


def test_activate_feed__replaced_feed_frozen__refused(stage: OracleStage) -> None:
    replacement = replacing(stage, 50 * MW)
    rounds(replacement, DEMAND, [50 * MW] * 3, 8)
    stage.oracle.send(GUARDIAN, "freezeFeed", DEMAND.id, stage.chain.now + 100)

    refused = refused_by(replacement, GOVERNOR, "activateFeed", DEMAND.id)

    assert refused.name == "ReplacedFeedNotOk"
    assert refused.arguments == {"replacedFeed": DEMAND.id, "status": FeedStatus.FROZEN}


def test_activate_feed__replaced_oracle_is_no_contract__refused_until_terms_change(
    stage: OracleStage,
) -> None:
    stage.add(SUPPLY, (8, 100, GOVERNOR, SUPPLY.id))
    rounds(stage, SUPPLY, [5] * 3, 8)
    refused = refused_by(stage, GOVERNOR, "activateFeed", SUPPLY.id)
    assert refused.arguments == {"replacedFeed": SUPPLY.id, "status": FeedStatus.STALE}

    stage.oracle.send(GOVERNOR, "shadowFeed", SUPPLY.id, EIGHT_ROUNDS)
    (event,) = stage.oracle.events("FeedShadowed")
    assert tuple(event.arguments["newShadow"]) == EIGHT_ROUNDS
    refused = refused_by(stage, GOVERNOR, "activateFeed", SUPPLY.id)
    assert refused.arguments == {"given": 0, "required": 8}

    rounds(stage, SUPPLY, [5] * 3, 8)
    stage.oracle.send(GOVERNOR, "activateFeed", SUPPLY.id)
    assert stage.oracle.ask("feedState", SUPPLY.id).publishedRounds == 16


def test_shadow_feed__active_feed__back_to_frozen(stage: OracleStage) -> None:
    stage.submit(DEMAND, [5, 5, 5])

    stage.oracle.send(GOVERNOR, "shadowFeed", DEMAND.id, EIGHT_ROUNDS)

    state = stage.oracle.ask("feedState", DEMAND.id)
    assert (state.phase, state.publishedRounds, state.shadowRounds) == (SHADOW, 1, 0)
    assert stage.read(DEMAND) == (5, START, FeedStatus.FROZEN)
    refused = refused_by(stage, GOVERNOR, "shadowFeed", DEMAND.id, NO_SHADOW)
    assert (refused.name, refused.arguments) == ("ShadowTooShort", {"given": 0, "required": 8})


POWERS = {
    "freezeFeed": ("FeedFrozen", "frozenUntil", "unfreezeFeed", "FeedUnfrozen"),
    "switchToFallback": ("FallbackSwitched", "fallbackUntil", "endFallback", "FallbackEnded"),
}


@pytest.fixture
def backed() -> OracleStage:
    stage = OracleStage(feeds=[NEIGHBOUR])
    stage.add(FREQUENCY, fallback_feed=NEIGHBOUR.id)
    return stage


@pytest.mark.parametrize("function", POWERS)
@pytest.mark.parametrize("until", [0, START, START + HOURS_72 + 1, 2**40 - 1])
def test_guardian__expiry_past_or_beyond_72_hours__refused(
    backed: OracleStage, function: str, until: int
) -> None:
    refused = refused_by(backed, GUARDIAN, function, FREQUENCY.id, until)

    assert refused.name == "ExpiryInvalid"
    assert refused.arguments == {
        "given": until,
        "earliest": START + 1,
        "latest": START + HOURS_72,
    }


@pytest.mark.parametrize("function", POWERS)
def test_guardian__joined_with_the_one_in_force__never_shortened(
    backed: OracleStage, function: str
) -> None:
    event_name, field, _, _ = POWERS[function]
    backed.oracle.send(GUARDIAN, function, FREQUENCY.id, START + HOURS_72)

    backed.oracle.send(GUARDIAN, function, FREQUENCY.id, START + 1)

    (event,) = backed.oracle.events(event_name)
    assert event.arguments["oldUntil"] == event.arguments["newUntil"] == START + HOURS_72
    assert getattr(backed.oracle.ask("feedState", FREQUENCY.id), field) == START + HOURS_72


@pytest.mark.parametrize("function", POWERS)
def test_governance__lifts_early(backed: OracleStage, function: str) -> None:
    _, field, lifting, event_name = POWERS[function]
    backed.oracle.send(GUARDIAN, function, FREQUENCY.id, START + 100)
    backed.submit(FREQUENCY, [50_000] * 3)
    assert backed.read(FREQUENCY)[2] == FeedStatus.FROZEN

    backed.oracle.send(GOVERNOR, lifting, FREQUENCY.id)

    (event,) = backed.oracle.events(event_name)
    assert event.arguments == {"feedId": FREQUENCY.id, "oldUntil": START + 100}
    assert getattr(backed.oracle.ask("feedState", FREQUENCY.id), field) == 0
    assert backed.read(FREQUENCY)[2] == FeedStatus.OK


def test_switch_to_fallback__none_approved__refused(stage: OracleStage) -> None:
    refused = refused_by(stage, GUARDIAN, "switchToFallback", DEMAND.id, START + 1)

    assert (refused.name, refused.arguments) == ("FallbackMissing", {"feedId": DEMAND.id})
