"""Readings and slot energies of the reference model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_grid.day_words import Quality
from energy_grid.eip712 import MeterKind, MeterReading
from energy_grid.model.metering import Metering, Outcome, register_rise
from energy_grid.model.meters import (
    Meter,
    MeterStatus,
    Registration,
    slot_cap_wh,
    without_baseline,
)
from energy_grid.model.refused import Refused
from energy_grid.model.slot_energy import (
    SlotEnergy,
    Stretch,
    account_energy,
    account_gap,
    interpolated,
    register_energy,
)
from energy_grid.slots import reading_deadline, slot_of
from energy_grid.units import MeterId, UnixSeconds, Wh

DAY = 20_000 * 86_400  # some UTC midnight
SLOT = DAY // 900
WIDTH = 10_000_000
MUCH_LATER = DAY + 10 * 86_400


def home(metering: Metering, kind: MeterKind = MeterKind.CONNECTION, n: int = 1) -> Meter:
    """A meter whose registers stand at 1,000 and 500 Wh when the day begins."""
    device = f"device {kind.name} {n}"
    registration = Registration(
        device, f"owner {n}", 1, kind, 10_000, 8_000, WIDTH, SLOT, import_wh=1_000, export_wh=500
    )
    return metering.registry.register(registration, device, DAY - 100)


def energy(metering: Metering, slot: int, now: int = MUCH_LATER) -> SlotEnergy:
    return account_energy(metering.registry, "owner 1", slot, now)


def read(meter: Meter, slots_after: int, import_wh: int, export_wh: int, seq: int) -> MeterReading:
    return MeterReading(
        MeterId(meter.meter_id),
        seq,
        UnixSeconds(DAY + 900 * slots_after),
        Wh(import_wh),
        Wh(export_wh),
    )


def submit(metering: Metering, reading: MeterReading, late: int = 5) -> Outcome:
    device = metering.registry.meters[reading.meter_id].registration.device
    return metering.submit(reading, device, reading.timestamp + late)


# --- slot energies by hand ---


def test_account_energy__readings_on_both_boundaries__measured_and_mintable() -> None:
    metering = Metering()
    meter = home(metering)
    submit(metering, read(meter, 1, 1_200, 900, 1))

    assert energy(metering, SLOT) == SlotEnergy(200, 400, 400, Quality.MEASURED)
    assert energy(metering, SLOT + 1).quality is Quality.MISSING
    assert energy(metering, SLOT - 1).quality is Quality.MISSING


def test_account_energy__gap_of_three__shared_by_floors_of_the_boundaries_never_mintable() -> None:
    metering = Metering()
    meter = home(metering)
    submit(metering, read(meter, 3, 1_100, 510, 1))

    # Boundaries 0, 33, 66, 100 and 0, 3, 6, 10.
    assert [energy(metering, SLOT + k) for k in range(3)] == [
        SlotEnergy(33, 3, 0, Quality.ESTIMATED),
        SlotEnergy(33, 3, 0, Quality.ESTIMATED),
        SlotEnergy(34, 4, 0, Quality.ESTIMATED),
    ]


@pytest.mark.parametrize(
    ("slots", "quality"),
    [(1, Quality.MEASURED), (2, Quality.ESTIMATED), (96, Quality.ESTIMATED)],
)
def test_account_energy__gap_up_to_a_day__known(slots: int, quality: Quality) -> None:
    metering = Metering()
    meter = home(metering)
    submit(metering, read(meter, slots, 1_960, 500, 1))

    assert energy(metering, SLOT + slots - 1).quality is quality


def test_account_energy__gap_of_97__missing_but_on_record() -> None:
    metering = Metering()
    meter = home(metering)
    submit(metering, read(meter, 97, 1_970, 500, 1))

    assert energy(metering, SLOT + 50).quality is Quality.MISSING
    assert account_gap(metering.registry, "owner 1", SLOT + 50) == Stretch(SLOT, SLOT + 97, 970, 0)


def test_account_gap__single_slot__is_none() -> None:
    metering = Metering()
    meter = home(metering)
    submit(metering, read(meter, 1, 1_970, 500, 1))

    assert account_gap(metering.registry, "owner 1", SLOT) is None
    assert account_gap(metering.registry, "owner 1", SLOT + 1) is None


def test_register_rise__nearly_full_register_wraps__counts_on() -> None:
    assert register_rise(WIDTH - 10, 20, WIDTH) == 30


def test_register_rise__half_full_register_falls__refused() -> None:
    with pytest.raises(Refused, match="RegisterFell"):
        register_rise(WIDTH // 2, 20, WIDTH)


@pytest.mark.parametrize(("rated_w", "cap_wh"), [(10_000, 2_750), (1, 0), (3, 0), (4, 1)])
def test_slot_cap__rating__eleven_fortieths_rounded_down(rated_w: int, cap_wh: int) -> None:
    assert slot_cap_wh(rated_w) == rated_w * 11 // 40 == cap_wh


# --- what is refused, and what it leaves behind ---


def test_submit__latest_reading_again__no_op_even_past_the_deadline() -> None:
    metering = Metering()
    meter = home(metering)
    reading = read(meter, 1, 1_000, 500, 1)
    submit(metering, reading)

    assert submit(metering, reading, late=10**6) is Outcome.DUPLICATE
    assert len(meter.snapshots) == 2


def test_submit__older_reading_again__no_op_in_time() -> None:
    metering = Metering()
    meter = home(metering)
    reading = read(meter, 1, 1_000, 500, 1)
    submit(metering, reading)
    submit(metering, read(meter, 2, 1_000, 500, 2))

    assert submit(metering, reading) is Outcome.DUPLICATE


@pytest.mark.parametrize(
    "other",
    [(1, 1_201, 900, 1), (1, 1_200, 900, 2), (2, 1_300, 900, 1), (0, 1_000, 501, 9)],
    ids=["other register", "other number", "number used again", "another baseline"],
)
def test_submit__contradicting_reading__quarantines_until_released(
    other: tuple[int, int, int, int],
) -> None:
    metering = Metering()
    meter = home(metering)
    submit(metering, read(meter, 1, 1_200, 900, 1))

    assert submit(metering, read(meter, *other), late=1_000) is Outcome.QUARANTINED
    assert len(meter.snapshots) == 2
    with pytest.raises(Refused, match="MeterNotActive"):
        submit(metering, read(meter, 3, 1_300, 900, 5))
    metering.registry.release(meter.meter_id, DAY + 5_000)
    with pytest.raises(Refused, match="ConflictAlreadyJudged"):
        submit(metering, read(meter, *other), late=5_000)
    assert meter.status is MeterStatus.ACTIVE


def test_submit__time_inside_an_estimated_gap__out_of_order_not_a_conflict() -> None:
    metering = Metering()
    meter = home(metering)
    submit(metering, read(meter, 4, 1_200, 900, 3))

    with pytest.raises(Refused, match="TimestampNotRising"):
        submit(metering, read(meter, 2, 1_100, 600, 1), late=3_000)
    assert meter.status is MeterStatus.ACTIVE


@pytest.mark.parametrize("late", [-31, "at deadline"])
def test_submit__too_early_or_too_late__refused(late: int | str) -> None:
    metering = Metering()
    meter = home(metering)
    reading = read(meter, 4, 1_000, 500, 1)
    deadline = reading_deadline(slot_of(reading.timestamp) - 1)
    seconds = late if isinstance(late, int) else deadline - reading.timestamp

    with pytest.raises(Refused, match=r"ReadingInFuture|ReadingTooLate"):
        submit(metering, reading, late=seconds)
    assert len(meter.snapshots) == 1


@pytest.mark.parametrize("late", [-30, "a second before the deadline"])
def test_submit__just_in_time__accepted(late: int | str) -> None:
    metering = Metering()
    meter = home(metering)
    reading = read(meter, 4, 1_000, 500, 1)
    deadline = reading_deadline(slot_of(reading.timestamp) - 1)
    seconds = late if isinstance(late, int) else deadline - 1 - reading.timestamp

    assert submit(metering, reading, late=seconds) is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("import_wh", "export_wh", "error"),
    [
        (1_000 + 2_751, 500, "EnergyAboveCap"),
        (1_000, 500 + 2_201, "EnergyAboveCap"),
        (999, 500, "RegisterFell"),
        (1_000, 499, "RegisterFell"),
        (2**40, 500, "ValueOutOfRange"),
    ],
)
def test_submit__impossible_energy__refused(import_wh: int, export_wh: int, error: str) -> None:
    metering = Metering()
    meter = home(metering)

    with pytest.raises(Refused, match=error):
        submit(metering, read(meter, 1, import_wh, export_wh, 1))
    assert len(meter.snapshots) == 1


def test_submit__key_of_another_device__refused() -> None:
    metering = Metering()
    meter = home(metering)

    with pytest.raises(Refused, match="WrongDeviceKey"):
        metering.submit(read(meter, 1, 1_000, 500, 1), "thief", DAY + 905)


def test_submit_many__one_bad_item__the_others_land() -> None:
    metering = Metering()
    meter = home(metering)
    device = meter.registration.device
    readings = [
        read(meter, 1, 1_000, 500, 1),
        read(meter, 2, 0, 0, 2),
        read(meter, 2, 1_000, 500, 2),
    ]

    assert metering.submit_many([(one, device) for one in readings], DAY + 1_805) == 2


# --- registering ---


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"device": ""}, "ZeroField"),
        ({"rated_import_w": 2**26}, "RatingTooHigh"),
        ({"register_width_wh": 1_000}, "RegisterWidthOutOfRange"),
        ({"import_wh": WIDTH}, "BaselineAboveWidth"),
        ({"first_slot": SLOT - 200}, "FirstSlotOutOfRange"),
        ({"first_slot": SLOT + 8 * 96}, "FirstSlotOutOfRange"),
        ({"kind": MeterKind.PRODUCTION}, "ConnectionMissing"),
    ],
)
def test_register__bad_field__refused(change: dict[str, object], error: str) -> None:
    metering = Metering()
    good = Registration("key", "owner", 1, MeterKind.CONNECTION, 10_000, 8_000, WIDTH, SLOT)
    bad = replace(good, **change)  # type: ignore[arg-type]

    with pytest.raises(Refused, match=error):
        metering.registry.register(bad, bad.device, DAY - 100)
    assert metering.registry.meters == {}


def test_register__second_connection__only_follows_by_announcement() -> None:
    metering = Metering()
    registry = metering.registry
    first = home(metering)
    second = replace(first.registration, device="another key")
    terms = without_baseline(second)

    with pytest.raises(Refused, match="OwnerHasMeter"):
        registry.register(second, "another key", DAY - 100)
    registry.deactivate(first.meter_id)
    with pytest.raises(Refused, match="OwnerHasMeter"):
        registry.register(second, "another key", DAY - 100)
    registry.announce(first.meter_id, terms, "another key", DAY - 100)
    with pytest.raises(Refused, match="SuccessionNotOpen"):
        registry.open(first.meter_id, second, "another key", DAY + 86_299)
    follower = registry.open(first.meter_id, second, "another key", DAY + 86_300)
    assert follower.previous is first
    assert first.successor is follower


def test_open__another_owner__continues_no_account() -> None:
    metering = Metering()
    registry = metering.registry
    first = home(metering)
    terms = replace(without_baseline(first.registration), device="new key", owner="owner 2")
    registry.announce(first.meter_id, terms, "new key", DAY - 100)
    registry.object(first.meter_id, "owner 1", DAY + 5)
    assert first.announced is not None
    assert first.announced.open_from == DAY + 5 + 30 * 86_400
    registry.consent(first.meter_id, "owner 1")
    with pytest.raises(Refused, match="SlotsBetween"):
        late = replace(terms, first_slot=SLOT + 96)
        registry.open(first.meter_id, late, "new key", DAY + 86_300)
    follower = registry.open(
        first.meter_id, replace(terms, first_slot=SLOT), "new key", DAY + 86_300
    )

    assert (follower.previous, first.successor) == (None, follower)
    assert first.status is MeterStatus.DEACTIVATED


def test_register__key_in_use_or_no_consent__refused() -> None:
    metering = Metering()
    first = home(metering)

    with pytest.raises(Refused, match="DeviceKeyTaken"):
        taken = replace(first.registration, owner="somebody else")
        metering.registry.register(taken, taken.device, DAY - 100)
    with pytest.raises(Refused, match="WrongSigner"):
        metering.registry.register(replace(first.registration, device="new"), "thief", DAY - 100)


# --- properties ---


@given(
    st.lists(
        st.tuples(st.integers(1, 120), st.integers(0, 2_000), st.integers(0, 2_000)),
        min_size=1,
        max_size=8,
    )
)
def test_register_energy__any_readings__sums_to_the_register_differences(
    steps: list[tuple[int, int, int]],
) -> None:
    """I-33: over every stretch that is known, the slots add up to what the registers say."""
    metering = Metering()
    meter = home(metering)
    at, imported, exported = 0, 1_000, 500
    for number, (slots, import_wh, export_wh) in enumerate(steps):
        before = (at, imported, exported)
        at, imported, exported = at + slots, imported + import_wh, exported + export_wh
        submit(metering, read(meter, at, imported, exported, number + 1))

        energies = [register_energy(meter, SLOT + k) for k in range(before[0], at)]

        if slots > 96:
            assert all(energy == (0, 0, Quality.MISSING) for energy in energies)
        else:
            assert sum(energy[0] for energy in energies) == import_wh
            assert sum(energy[1] for energy in energies) == export_wh
            expected = Quality.MEASURED if slots == 1 else Quality.ESTIMATED
            assert {energy[2] for energy in energies} == {expected}


@given(st.integers(1, 96), st.integers(0, 10**6))
def test_interpolated__flat_stretch__every_slot_within_one_wh(slots: int, energy_wh: int) -> None:
    stretch = Stretch(SLOT, SLOT + slots, energy_wh, 0)

    parts = [interpolated(energy_wh, stretch, SLOT + k) for k in range(slots)]

    assert sum(parts) == energy_wh
    assert max(parts) - min(parts) <= 1
