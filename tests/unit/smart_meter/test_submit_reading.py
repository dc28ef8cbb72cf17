"""submitReading (the printed one) and the printed views

submitReading
├── caller is no device: UnknownDevice, the owner too
├── meter not active: MeterNotActive
├── time misaligned, in the future, past the deadline, or not rising: errors
├── a value too large: ValueOutOfRange
├── register falls, energy above the cap: errors
├── same reading again: nothing
├── other content for a time on record: quarantine, no revert
├── sequence used up: SequenceExhausted
└── else: recorded, sequence last + 1

views: the caller's meter; an owner's connection meter; NoMeter
"""

from __future__ import annotations

import ape
import pytest

from energy_grid.eip712 import MeterKind
from tests.unit.smart_meter.devices import (
    CONNECTION_WITH_STORAGE,
    DAY_SECONDS,
    DEACTIVATED,
    MEASURED,
    MISSING,
    NARROW_CAP_WH,
    PRODUCTION,
    QUARANTINED,
    accepted_event,
    only_events,
    own_reading,
    quarantined_event,
)


@pytest.fixture
def device(register, device_account):
    """A meter whose device sends its own transactions."""
    return register(key=bytes.fromhex(device_account.private_key.removeprefix("0x")))


@pytest.fixture
def send(smart_meter, device_account):
    def submit(reading):
        return smart_meter.submitReading(own_reading(reading), sender=device_account)

    return submit


def test_submit_reading__next_boundary__is_on_record(
    smart_meter, device, send, device_account, at, day_start, first_slot
):
    at(day_start + 900)
    device.advance(100, 50)
    reading = device.reading(frequency_millihz=50_012, voltage_millivolts=231_400)

    receipt = send(reading)

    only_events(receipt, (smart_meter.ReadingAccepted, accepted_event(reading)))
    assert smart_meter.slotEnergy(1, first_slot) == (100, 50, MEASURED)
    assert tuple(smart_meter.latestReading(1)) == reading.as_tuple()
    latest = smart_meter.getLatestReading(sender=device_account)
    assert tuple(latest) == own_reading(reading)


def test_submit_reading__again__does_nothing(smart_meter, device, send, at, day_start):
    at(day_start + 1_800)
    first = device.advance(100, 50)
    send(first)
    second = device.advance(10, 5)
    send(second)
    before = tuple(smart_meter.latestReading(1))

    only_events(send(second))
    only_events(send(first))  # an older one, too

    assert tuple(smart_meter.latestReading(1)) == before


def test_submit_reading__after_relayed_one__does_nothing(
    smart_meter, device, send, relayer, at, day_start
):
    at(day_start + 900)
    reading = device.advance(100, 50)
    device.submit(reading, relayer)

    only_events(send(reading))


def test_submit_reading__baseline_again__does_nothing(smart_meter, device, send):
    only_events(send(device.reading(frequency_millihz=50_000)))


@pytest.mark.parametrize(
    "change",
    [
        {"import_wh": 5_000_101},
        {"export_wh": 1_000_049},
        {"frequency_millihz": 1},
        {"voltage_millivolts": 1},
    ],
)
def test_submit_reading__other_content_for_last_time__quarantines(
    smart_meter, device, send, device_account, at, day_start, change
):
    at(day_start + 900)
    send(device.advance(100, 50))
    before = tuple(smart_meter.latestReading(1))
    conflict = device.reading(sequence=0, **change)

    receipt = send(conflict)

    only_events(
        receipt, (smart_meter.MeterQuarantined, quarantined_event(conflict, device_account))
    )
    assert smart_meter.meterInfo(1).status == QUARANTINED
    assert tuple(smart_meter.latestReading(1)) == before
    with ape.reverts(smart_meter.MeterNotActive, meterId=1, status=QUARANTINED):
        send(conflict)


def test_submit_reading__other_content_for_older_time__quarantines(
    smart_meter, device, send, device_account, at, day_start
):
    at(day_start + 1_800)
    first = device.advance(100, 50)
    send(first)
    send(device.advance(100, 50))
    conflict = device.reading(sequence=0, timestamp=first.timestamp, import_wh=first.import_wh + 1)

    receipt = send(conflict)

    only_events(
        receipt, (smart_meter.MeterQuarantined, quarantined_event(conflict, device_account))
    )


def test_submit_reading__interpolated_or_unknown_time__is_not_rising(
    smart_meter, device, send, at, day_start
):
    at(day_start + 2_700)
    send(device.advance(300, 30, slots=3))
    for timestamp in (day_start + 900, day_start - 900):
        with ape.reverts(smart_meter.TimestampNotRising, given=timestamp, last=day_start + 2_700):
            send(device.reading(timestamp=timestamp))
    assert smart_meter.meterInfo(1).status != QUARANTINED


@pytest.mark.parametrize("role", ["owner", "relayer", "registrar"])
def test_submit_reading__not_a_device__reverts(smart_meter, device, request, role):
    caller = request.getfixturevalue(role)

    with ape.reverts(smart_meter.UnknownDevice, deviceKey=caller.address):
        smart_meter.submitReading(own_reading(device.reading()), sender=caller)


def test_submit_reading__deactivated__reverts(smart_meter, device, send, registrar):
    smart_meter.deactivateMeter(1, sender=registrar)

    with ape.reverts(smart_meter.MeterNotActive, meterId=1, status=DEACTIVATED):
        send(device.advance(1, 1))


@pytest.mark.parametrize("offset", [1, 450, 899])
def test_submit_reading__misaligned__reverts(smart_meter, device, send, at, day_start, offset):
    at(day_start + 1_800)
    device.advance(1, 1)

    with ape.reverts(smart_meter.TimestampMisaligned, given=day_start + 900 + offset, unit=900):
        send(device.reading(timestamp=day_start + 900 + offset))


def test_submit_reading__clock_ahead__thirty_seconds_are_allowed(
    smart_meter, device, send, next_block_at, day_start
):
    reading = device.advance(1, 1)

    next_block_at(day_start + 900 - 31)
    with ape.reverts(
        smart_meter.ReadingInFuture, given=day_start + 900, latestAllowed=day_start + 899
    ):
        send(reading)
    next_block_at(day_start + 900 - 30)
    only_events(send(reading), (smart_meter.ReadingAccepted, accepted_event(reading)))


def test_submit_reading__deadline__is_the_end_of_the_next_day(
    smart_meter, device, send, next_block_at, day_start
):
    first, second = device.advance(1, 1), device.advance(1, 1)
    deadline = day_start + 2 * DAY_SECONDS

    next_block_at(deadline - 1)
    only_events(send(first), (smart_meter.ReadingAccepted, accepted_event(first)))
    next_block_at(deadline)
    with ape.reverts(smart_meter.ReadingTooLate, blockTimestamp=deadline, deadline=deadline):
        send(second)


def test_submit_reading__midnight__belongs_to_the_day_before(
    smart_meter, device, send, next_block_at, day_start
):
    reading = device.advance(96, 96, slots=96)
    deadline = day_start + 2 * DAY_SECONDS

    next_block_at(deadline)
    with ape.reverts(smart_meter.ReadingTooLate, deadline=deadline):
        send(reading)


@pytest.mark.parametrize(
    ("field", "allowed"),
    [
        ("import_wh", (1 << 40) - 1),
        ("export_wh", (1 << 40) - 1),
        ("frequency_millihz", 65_535),
        ("voltage_millivolts", 16_777_215),
    ],
)
def test_submit_reading__value_too_large__reverts(
    smart_meter, device, send, at, day_start, field, allowed
):
    at(day_start + 900)
    device.advance(1, 1)

    with ape.reverts(smart_meter.ValueOutOfRange, given=allowed + 1, allowed=allowed):
        send(device.reading(**{field: allowed + 1}))


def test_submit_reading__huge_numbers__revert(smart_meter, device, device_account):
    top = 2**256 - 1
    for reading in ((top, 0, 0, 0, 0), (top - top % 900, 0, 0, 0, 0)):
        with ape.reverts():
            smart_meter.submitReading(reading, sender=device_account)
    with ape.reverts(smart_meter.ValueOutOfRange, given=top):
        smart_meter.submitReading((device.slot * 900, top, 0, 0, 0), sender=device_account)


def test_submit_reading__time_zero__is_not_rising(smart_meter, device, send):
    with ape.reverts(smart_meter.ReadingTooLate, deadline=2 * DAY_SECONDS):
        send(device.reading(timestamp=0))


@pytest.mark.parametrize("register_name", ["import_wh", "export_wh"])
def test_submit_reading__register_falls__reverts(
    smart_meter, device, send, at, day_start, register_name
):
    at(day_start + 900)
    last = getattr(device, register_name)
    device.advance(1, 1)

    with ape.reverts(smart_meter.RegisterFell, givenWh=last - 1, lastWh=last):
        send(device.reading(**{register_name: last - 1}))


@pytest.mark.parametrize("register_name", ["import_wh", "export_wh"])
def test_submit_reading__energy_above_cap__reverts(
    smart_meter, device, send, at, day_start, first_slot, register_name
):
    at(day_start + 900)
    last = getattr(device, register_name)
    device.advance(0, 0)

    with ape.reverts(
        smart_meter.EnergyAboveCap, givenWh=NARROW_CAP_WH + 1, allowedWh=NARROW_CAP_WH
    ):
        send(device.reading(**{register_name: last + NARROW_CAP_WH + 1}))
    send(device.reading(**{register_name: last + NARROW_CAP_WH}))
    assert NARROW_CAP_WH in tuple(smart_meter.slotEnergy(1, first_slot))


def test_submit_reading__after_last_sequence__is_exhausted(
    smart_meter, device, send, relayer, at, day_start
):
    at(day_start + 1_800)
    device.advance(1, 1)
    device.submit(device.reading(sequence=2**32 - 1), relayer)

    with ape.reverts(smart_meter.SequenceExhausted, meterId=1):
        send(device.advance(1, 1))


def test_printed_views__device_and_owner__see_the_meter(
    smart_meter, device, send, device_account, owner, at, day_start
):
    at(day_start + 3_600)
    send(device.advance(100, 50))
    send(device.advance(200, 70, slots=2))

    for caller in (device_account, owner):
        assert smart_meter.getDailyConsumption(sender=caller) == 300
        assert smart_meter.getDailyProduction(sender=caller) == 120
        assert smart_meter.getLatestReading(sender=caller).timestamp == day_start + 2_700


def test_printed_views__next_day__start_at_zero(smart_meter, device, send, owner, at, day_start):
    at(day_start + DAY_SECONDS)
    send(device.advance(960, 480, slots=96))
    assert smart_meter.getDailyConsumption(sender=owner) == 0
    at(day_start + DAY_SECONDS + 900)
    send(device.advance(5, 4))

    assert smart_meter.getDailyConsumption(sender=owner) == 5
    assert smart_meter.getDailyProduction(sender=owner) == 4
    day = day_start // DAY_SECONDS
    assert smart_meter.dailyConsumption(1, day) == 960
    assert smart_meter.dailyProduction(1, day) == 480
    assert smart_meter.dailyProduction(1, day + 1) == 4
    assert smart_meter.dailyProduction(1, 2**32 - 1) == 0


def test_printed_views__owner_of_production_meter__sees_the_connection(
    smart_meter, register, owner, at, day_start, relayer
):
    connection = register("home", kind=MeterKind(CONNECTION_WITH_STORAGE))
    roof = register("roof", kind=MeterKind(PRODUCTION))
    at(day_start + 900)
    connection.submit(connection.advance(10, 20), relayer)
    roof.submit(roof.advance(0, 99), relayer)

    assert smart_meter.getDailyProduction(sender=owner) == 20


def test_printed_views__before_first_reading__show_the_baseline(smart_meter, device, owner):
    assert tuple(smart_meter.getLatestReading(sender=owner)) == own_reading(device.reading())
    assert smart_meter.slotEnergy(1, device.slot) == (0, 0, MISSING)


def test_printed_views__stranger__reverts(smart_meter, device, relayer):
    for view in (
        smart_meter.getLatestReading,
        smart_meter.getDailyProduction,
        smart_meter.getDailyConsumption,
    ):
        with ape.reverts(smart_meter.NoMeter, caller=relayer.address):
            view(sender=relayer)
