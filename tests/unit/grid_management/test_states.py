"""updateGridState, escalateZone, liftEscalation, releaseZone, gridState, zoneStatus (I-28)

branches:
├── no limits → ZoneWithoutLimits; views: NORMAL, 0, 0
├── a value counts once, if OK, newer than the last used and watched
├── up at once, event with what it is based on; down one level after three complete rounds
├── BLACKOUT → RESTORATION → what the last round holds; back to BLACKOUT at once
├── escalation: guardian, at most 72 h, joined; ends by itself, event at the next update
└── release: governance, after 24 h without a value
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy_grid.feeds.kinds import FeedStatus
from energy_grid.grid.limits import GridState, Watch
from energy_grid.grid.setpoints import Reading
from tests.unit.grid_management.stage import (
    ALERT_MILLIHZ,
    ANYBODY,
    BLACKOUT_MILLIHZ,
    EMERGENCY_MILLIHZ,
    GOVERNOR,
    GUARDIAN,
    LIMITS,
    START,
    ZONE,
    GridStage,
    fields,
)
from tests.utils.revm import Refused

N, A, E, B, R = GridState
HOURS_72 = 72 * 3600


def test_update__zone_without_limits__is_refused(stage: GridStage) -> None:
    with pytest.raises(Refused, match="ZoneWithoutLimits"):
        stage.update(99)
    assert tuple(stage.grid.ask("gridState", 99)) == (N, 0, 0)


def test_update__values_leave_their_bands__level_at_once_with_event(stage: GridStage) -> None:
    assert stage.round() is N
    assert stage.grid.events("GridStateChanged") == []
    for value, before, after in (
        (ALERT_MILLIHZ, N, A),
        (EMERGENCY_MILLIHZ, A, E),
        (BLACKOUT_MILLIHZ, E, B),
    ):
        assert stage.round(value) is after
        event = stage.event("GridStateChanged")
        assert fields(event, "zone", "from", "to", "basedOn") == [
            ZONE,
            before,
            after,
            stage.chain.now,
        ]
        now = stage.chain.now
        assert tuple(stage.grid.ask("gridState", ZONE)) == (after, now, now)


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"voltage": 241_500}, A),
        ({"voltage": 207_000}, E),
        ({"voltage": 11_500}, B),
        ({"loading": 8_000}, A),
        ({"loading": 12_000}, E),
        ({"frequency": ALERT_MILLIHZ, "loading": 12_000}, E),
    ],
)
def test_update__any_quantity__the_worst_decides(
    stage: GridStage, values: dict[str, int], state: GridState
) -> None:
    assert stage.round(**values) is state


def test_update__same_values_again__count_once(stage: GridStage) -> None:
    stage.round(ALERT_MILLIHZ)
    stage.round()
    for _ in range(5):
        assert stage.update() is A
    assert stage.grid.ask("zoneStatus", ZONE).calmRounds == 1


def test_update__three_calm_rounds__one_level_down(stage: GridStage) -> None:
    stage.round(EMERGENCY_MILLIHZ)

    assert stage.calm(2) is E
    assert stage.calm(1) is A
    assert stage.calm(2) is A
    assert stage.calm(1) is N


def test_update__a_value_within_hysteresis__count_starts_again(stage: GridStage) -> None:
    stage.round(ALERT_MILLIHZ)
    stage.calm(2)

    assert stage.round(49_970) is A  # 30 mHz: above 50 - 20
    assert stage.calm(2) is A
    assert stage.calm(1) is N


@pytest.mark.parametrize("status", [s for s in FeedStatus if s is not FeedStatus.OK])
def test_update__untrusted_value__neither_raises_nor_lowers(
    stage: GridStage, status: FeedStatus
) -> None:
    stage.round()
    stage.chain.at(stage.chain.now + 60)
    stage.say(frequency_millihz=Reading(BLACKOUT_MILLIHZ, stage.chain.now, status))
    assert stage.update() is N

    stage.round(EMERGENCY_MILLIHZ)
    for _ in range(6):
        stage.chain.at(stage.chain.now + 60)
        stage.say(
            frequency_millihz=Reading(50_000, stage.chain.now, status),
            voltage_millivolts=230_000,
            line_loading_bps=0,
        )
        assert stage.update() is E


def test_update__quantities_published_apart__round_is_complete_with_the_last(
    stage: GridStage,
) -> None:
    stage.round(ALERT_MILLIHZ)
    for _ in range(3):
        stage.chain.at(stage.chain.now + 20)
        stage.say(frequency_millihz=50_000)
        stage.update()
        stage.chain.at(stage.chain.now + 20)
        stage.say(voltage_millivolts=230_000)
        assert stage.update() is A
        stage.chain.at(stage.chain.now + 20)
        stage.say(line_loading_bps=0)
        state = stage.update()
    assert state is N


def test_update__quantity_not_watched__does_not_count(stage: GridStage) -> None:
    stage.set_limits(ZONE, replace(LIMITS, watched=Watch.FREQUENCY))
    assert stage.round(voltage=100_000, loading=20_000) is N
    stage.round(ALERT_MILLIHZ)
    assert stage.calm(3, loading=20_000) is N


def test_update__blackout__leaves_through_restoration_only(stage: GridStage) -> None:
    stage.round(BLACKOUT_MILLIHZ)
    assert stage.calm(2) is B
    assert stage.calm(1) is R
    assert stage.calm(2) is R
    assert stage.round(EMERGENCY_MILLIHZ) is E


def test_update__restoration__back_to_blackout_at_once_or_on(stage: GridStage) -> None:
    stage.round(BLACKOUT_MILLIHZ)
    stage.calm(3)
    assert stage.round(BLACKOUT_MILLIHZ) is B
    stage.calm(3)
    assert stage.calm(3) is N


def test_escalate__guardian__holds_until_its_end_and_never_lowers(stage: GridStage) -> None:
    stage.round()
    until = stage.chain.now + 3_600
    stage.grid.send(GUARDIAN, "escalateZone", ZONE, E, until)
    assert fields(stage.event("ZoneEscalated"), "zone", "level", "until") == [ZONE, E, until]
    assert fields(stage.event("GridStateChanged"), "from", "to") == [N, E]

    stage.grid.send(GUARDIAN, "escalateZone", ZONE, A, stage.chain.now + 60)
    status = stage.grid.ask("zoneStatus", ZONE)
    assert (status.escalation, status.escalatedUntil) == (E, until)
    assert stage.calm(6) is E
    assert stage.round(BLACKOUT_MILLIHZ) is B
    stage.calm(6)  # the oracle's state: restoration, then normal
    assert stage.state() is E

    stage.chain.at(until)
    assert tuple(stage.grid.ask("gridState", ZONE))[:2] == (N, until)
    assert stage.update() is N
    assert fields(stage.event("GridStateChanged"), "from", "to") == [E, N]


def test_escalate__bad_arguments__are_refused(stage: GridStage) -> None:
    now = stage.chain.now
    for level in (N, R):
        with pytest.raises(Refused, match="EscalationInvalid"):
            stage.grid.send(GUARDIAN, "escalateZone", ZONE, level, now + 60)
    for until in (now, now + HOURS_72 + 1):
        with pytest.raises(Refused, match="EscalationExpiryInvalid"):
            stage.grid.send(GUARDIAN, "escalateZone", ZONE, E, until)
    with pytest.raises(Refused, match="ZoneWithoutLimits"):
        stage.grid.send(GUARDIAN, "escalateZone", 99, E, now + 60)


def test_lift__governance__ends_an_escalation(stage: GridStage) -> None:
    with pytest.raises(Refused, match="NotEscalated"):
        stage.grid.send(GOVERNOR, "liftEscalation", ZONE)
    stage.grid.send(GUARDIAN, "escalateZone", ZONE, B, stage.chain.now + 60)

    stage.grid.send(GOVERNOR, "liftEscalation", ZONE)

    assert fields(stage.event("GridStateChanged"), "from", "to") == [B, N]
    assert stage.state() is N


def test_release__only_after_a_day_of_silence(stage: GridStage) -> None:
    with pytest.raises(Refused, match="NothingToRelease"):
        stage.grid.send(GOVERNOR, "releaseZone", ZONE)
    stage.round(BLACKOUT_MILLIHZ)
    silent_at = stage.chain.now + 86_400
    stage.chain.at(silent_at - 1)
    with pytest.raises(Refused) as refused:
        stage.grid.send(GOVERNOR, "releaseZone", ZONE)
    assert refused.value.name == "OracleNotSilent"
    assert refused.value.arguments == {"earliest": silent_at}
    assert stage.update() is B

    stage.chain.at(silent_at)
    stage.grid.send(GOVERNOR, "releaseZone", ZONE)

    assert fields(stage.event("ZoneReleased"), "zone", "from") == [ZONE, B]
    assert stage.state() is N


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("setGridLimits", (ZONE, LIMITS.as_tuple())),
        ("rateLine", (ZONE, 0, 1, 1)),
        ("escalateZone", (ZONE, E, START + 60)),
        ("liftEscalation", (ZONE,)),
        ("releaseZone", (ZONE,)),
    ],
)
def test_restricted__anybody__is_refused(
    stage: GridStage, function: str, arguments: tuple[object, ...]
) -> None:
    with pytest.raises(Refused, match="AccessManagedUnauthorized"):
        stage.grid.send(ANYBODY, function, *arguments)
    if function != "escalateZone":  # the guardian can only tighten
        with pytest.raises(Refused, match="AccessManagedUnauthorized"):
            stage.grid.send(GUARDIAN, function, *arguments)
