"""reportEquivocation

├── other meters, same content, or neither time nor number shared: NoConflict
├── unknown meter, wrong key: errors
├── meter not active: MeterNotActive
├── later reading in the future: ReadingInFuture
└── else: quarantine by anyone, readings on record or not
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.smart_meter.devices import (
    ACTIVE,
    QUARANTINED,
    only_events,
    private_key,
    quarantined_event,
)


@pytest.fixture
def device(register, at, day_start):
    device = register()
    at(day_start + 7_200)
    device.advance(10, 10)
    return device


@pytest.fixture
def report(smart_meter, device, relayer):
    def send(first, second, *, first_key=None, second_key=None):
        return smart_meter.reportEquivocation(
            first.as_tuple(),
            device.signature(first, key=first_key),
            second.as_tuple(),
            device.signature(second, key=second_key),
            sender=relayer,
        )

    return send


@pytest.mark.parametrize(
    "change",
    [
        {"import_wh": 1},
        {"sequence": 9},
        {"voltage_millivolts": 1},
    ],
    ids=["registers", "number", "voltage"],
)
def test_report_equivocation__same_time__quarantines(smart_meter, device, report, relayer, change):
    first, second = device.reading(), device.reading(**change)

    receipt = report(first, second)

    only_events(receipt, (smart_meter.MeterQuarantined, quarantined_event(second, relayer)))
    assert smart_meter.meterInfo(1).status == QUARANTINED
    assert smart_meter.latestReading(1).sequence == 0


def test_report_equivocation__same_sequence__names_the_later_reading(
    smart_meter, device, report, relayer, day_start
):
    early = device.reading(timestamp=day_start + 900)
    late = device.reading(timestamp=day_start + 1_800)

    receipt = report(late, early)

    only_events(receipt, (smart_meter.MeterQuarantined, quarantined_event(late, relayer)))


def test_report_equivocation__no_conflict__reverts(smart_meter, device, report):
    reading = device.reading()
    for other in (
        reading,
        device.reading(timestamp=reading.timestamp + 900, sequence=2),
        device.reading(meter_id=2, import_wh=1),
    ):
        with ape.reverts(
            smart_meter.NoConflict,
            firstDigest=smart_meter.readingDigest(reading.as_tuple()),
            secondDigest=smart_meter.readingDigest(other.as_tuple()),
        ):
            report(reading, other)
    assert smart_meter.meterInfo(1).status == ACTIVE


@pytest.mark.parametrize("side", ["first_key", "second_key"])
def test_report_equivocation__wrong_key__reverts(smart_meter, prepare, device, report, side):
    thief = prepare("thief")

    with ape.reverts(smart_meter.WrongDeviceKey, meterId=1, signer=thief.address):
        report(device.reading(), device.reading(import_wh=1), **{side: private_key("thief")})
    assert smart_meter.meterInfo(1).status == ACTIVE


def test_report_equivocation__unknown_meter__reverts(smart_meter, device, report):
    with ape.reverts(smart_meter.UnknownMeter, meterId=2):
        report(device.reading(meter_id=2), device.reading(meter_id=2, import_wh=1))


def test_report_equivocation__in_the_future__reverts(smart_meter, device, report, day_start):
    future = device.reading(timestamp=day_start + 86_400)

    with ape.reverts(smart_meter.ReadingInFuture, given=day_start + 86_400):
        report(device.reading(), future)


def test_report_equivocation__already_quarantined__reverts(smart_meter, device, report):
    report(device.reading(), device.reading(import_wh=1))

    with ape.reverts(smart_meter.MeterNotActive, meterId=1, status=QUARANTINED):
        report(device.reading(), device.reading(import_wh=1))
