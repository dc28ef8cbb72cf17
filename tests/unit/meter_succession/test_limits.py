"""setMeterLimits and what the limits hold back (I-43)

├── setMeterLimits: not the governor: AccessManagedUnauthorized; out of range: MeterLimitOutOfRange
├── registrations and announcements: per registrar and in all, refilled linearly
├── removals: in all
└── opening, consent, objection, withdrawal, readings: never limited, with all buckets empty
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.deployment.roles import Role
from tests.unit.meter_pages.street import FIRST_SLOT, SLOT, somebody
from tests.unit.meter_succession.stage import (
    ANNOUNCED,
    DAY_SECONDS,
    SuccessionStage,
    slot_at,
)

SMALL = (20, 12, 10)


@pytest.fixture
def limited(stage: SuccessionStage) -> SuccessionStage:
    """Small limits, and a second registrar; all buckets are full."""
    stage.send("governor", "setMeterLimits", SMALL)
    stage.street.manager.send(
        somebody("governor"), "grantRole", int(Role.REGISTRAR), somebody("other registrar"), 0
    )
    stage.at(ANNOUNCED + DAY_SECONDS)
    return stage


def registration(stage: SuccessionStage, name: str) -> tuple[Any, bytes]:
    """What registers a first meter of an owner."""
    device = stage.new(name, f"first of {name}")
    stage.begin(device, slot_at(stage.street.chain.now))
    return device.registration.as_tuple(), device.signature(device.registration)


def register(stage: SuccessionStage, count: int, registrar: str = "registrar") -> None:
    """Register so many meters."""
    for number in range(count):
        name = f"{registrar} {stage.street.chain.now} {number}"
        stage.send(registrar, "registerMeter", *registration(stage, name))


def allowances(stage: SuccessionStage, registrar: str = "registrar") -> tuple[int, int, int]:
    """What is left."""
    left: tuple[int, int, int] = tuple(stage.ask("meterAllowances", somebody(registrar)))
    return left


@pytest.mark.parametrize("actor", ["registrar", "anna", "bridge"])
def test_set_meter_limits__not_the_governor__is_unauthorised(stage: SuccessionStage, actor: str):
    assert stage.refuses(actor, "setMeterLimits", SMALL) == (
        "AccessManagedUnauthorized",
        {"caller": somebody(actor)},
    )


def test_set_meter_limits__in_range__all_change_in_one_call(stage: SuccessionStage):
    assert tuple(stage.ask("meterLimits")) == (500, 200, 200)

    stage.send("governor", "setMeterLimits", SMALL)

    (event,) = stage.street.events("MeterLimitsChanged")
    assert (tuple(event.previous), tuple(event.current)) == ((500, 200, 200), SMALL)
    assert tuple(stage.ask("meterLimits")) == SMALL


@pytest.mark.parametrize(
    ("limits", "given_", "highest"),
    [
        ((9, 10, 10), 9, 10_000),
        ((10_001, 10, 10), 10_001, 10_000),
        ((50, 9, 10), 9, 50),
        ((50, 51, 10), 51, 50),
        ((50, 10, 9), 9, 10_000),
        ((50, 10, 10_001), 10_001, 10_000),
    ],
)
def test_set_meter_limits__out_of_range__reverts(
    stage: SuccessionStage, limits: tuple[int, int, int], given_: int, highest: int
):
    assert stage.refuses("governor", "setMeterLimits", limits) == (
        "MeterLimitOutOfRange",
        {"given": given_, "lowest": 10, "highest": highest},
    )


def test_register_meter__one_registrars_limit__holds_him_back_alone(limited: SuccessionStage):
    register(limited, 12)
    refused = ("RateLimited", {"given": 1, "allowed": 0})
    assert limited.refuses("registrar", "registerMeter", *registration(limited, "x")) == refused
    announcement = limited.announcement(limited.new("bert"))
    assert limited.refuses("registrar", "announceSuccession", 1, *announcement) == refused

    register(limited, 8, "other registrar")

    assert (
        limited.refuses("other registrar", "registerMeter", *registration(limited, "x")) == refused
    )
    assert allowances(limited) == (0, 0, 10)
    assert allowances(limited, "other registrar") == (0, 4, 10)


def test_register_meter__refused__takes_nothing(limited: SuccessionStage):
    taken = registration(limited, "x")
    limited.send("registrar", "registerMeter", *taken)
    before = allowances(limited)

    assert limited.refuses("registrar", "registerMeter", *taken)[0] == "DeviceKeyTaken"

    assert allowances(limited) == before == (19, 11, 10)


def test_register_meter__time_passes__comes_back_linearly(limited: SuccessionStage):
    """A registrar's 12 a day are one in 7,200 s; of all, 20 a day, one in 4,320 s."""
    start = limited.street.chain.now
    register(limited, 12)
    for seconds, expected in ((4_319, (8, 0)), (4_320, (9, 0)), (7_199, (9, 0)), (7_200, (9, 1))):
        limited.at(start + seconds)
        assert allowances(limited)[:2] == expected
    limited.at(start + DAY_SECONDS)
    assert allowances(limited) == (20, 12, 10)


def test_deactivate_meter__many__limited_in_all(limited: SuccessionStage):
    register(limited, 11)
    for meter_id in range(2, 12):
        limited.send("registrar", "deactivateMeter", meter_id)

    assert limited.refuses("registrar", "deactivateMeter", 12) == (
        "RateLimited",
        {"given": 1, "allowed": 0},
    )


def test_open_succession__all_buckets_empty__is_never_limited(limited: SuccessionStage):
    """I-43: what ends, leaves or was decided before goes on."""
    new = limited.new("bert")
    announced_at = limited.street.chain.now
    limited.announce(new)
    limited.send("anna", "consentToSuccession", 1)
    limited.at(announced_at + DAY_SECONDS)
    limited.read_until(limited.old, slot_at(limited.street.chain.now))
    register(limited, 12)
    register(limited, 8, "other registrar")
    for meter_id in range(2, 12):
        limited.send("registrar", "deactivateMeter", meter_id)
    assert allowances(limited) == (0, 0, 0)

    limited.begin(new, limited.old.slot)
    limited.open(new)
    limited.read(new, 5, 0)

    assert limited.ask("successorOf", 1) == new.meter_id
    assert limited.refuses("registrar", "withdrawSuccession", 1)[0] == "NothingAnnounced"


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["registrar", "other registrar"]), st.integers(0, 9_000)),
        max_size=30,
    )
)
def test_register_meter__any_moments__as_a_slow_model_in_fractions(
    built: SuccessionStage, steps: list[tuple[str, int]]
):
    """I-43: what is used never exceeds the capacity and falls linearly, registrar by registrar."""
    origin = built.remember()
    try:
        built.send("governor", "setMeterLimits", SMALL)
        built.street.manager.send(
            somebody("governor"), "grantRole", int(Role.REGISTRAR), somebody("other registrar"), 0
        )
        now = ANNOUNCED + DAY_SECONDS
        debts = {"all": 0, "registrar": 0, "other registrar": 0}  # units times a day
        sizes = {"all": 20, "registrar": 12, "other registrar": 12}
        for number, (registrar, wait) in enumerate(steps):
            now += wait
            built.at(now)
            debts = {name: max(0, debt - wait * sizes[name]) for name, debt in debts.items()}
            free = all(
                debts[name] + DAY_SECONDS <= sizes[name] * DAY_SECONDS
                for name in ("all", registrar)
            )
            arguments = registration(built, f"model {number}")
            if free:
                built.send(registrar, "registerMeter", *arguments)
                for name in ("all", registrar):
                    debts[name] += DAY_SECONDS
            else:
                assert built.refuses(registrar, "registerMeter", *arguments)[0] == "RateLimited"
            for name in ("registrar", "other registrar"):
                left = [
                    (sizes[one] * DAY_SECONDS - debts[one]) // DAY_SECONDS for one in ("all", name)
                ]
                assert list(allowances(built, name)[:2]) == left
    finally:
        built.restore(origin)


@given(sends=st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_submit_reading__any_tries__at_most_one_a_slot_counts(
    built: SuccessionStage, sends: list[int]
):
    """Readings need no bucket: a meter's record moves one boundary at a time, so its bucket holds
    the slots that have passed and refills by one in 900 s."""
    origin = built.remember()
    try:
        street, old = built.street, built.old
        accepted = 0
        for ahead in sends:
            built.at(street.chain.now + SLOT)
            passed = slot_at(street.chain.now + 30) - FIRST_SLOT
            for _ in range(ahead):
                reading = old.reading(
                    sequence=old.sequence + 1, timestamp=(FIRST_SLOT + passed) * SLOT
                )
                if street.submit(old, reading):
                    accepted += 1
                    old.sequence, old.slot = reading.sequence, FIRST_SLOT + passed
                    # The same again is no second reading.
                    assert street.submit(old, reading) is False
                    break
            assert accepted <= passed
            assert street.meters.ask("latestReading", 1).sequence == accepted
    finally:
        built.restore(origin)
