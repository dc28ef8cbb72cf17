"""Signed readings of meters in a bridge: a record that a page may have made proves nothing.

├── the same reading, signed: nothing, whatever frequency and voltage it has
├── another one for a time or with a number on record: RecordFromPage, by every door; no quarantine
├── two signatures (reportEquivocation): quarantine as ever
└── after leaving: the record made since then proves again
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak

from energy_grid.units import MilliHertz, MilliVolt
from tests.unit.meter_pages.street import FIRST_SLOT, SLOT, Street
from tests.unit.smart_meter.devices import (
    ACTIVE,
    MEASURED,
    QUARANTINED,
    day_energies,
    own_reading,
)


@pytest.fixture
def revealed(street):
    """A meter with two revealed readings of 10 and 20 Wh."""
    (device,) = street.settle_in("anna")
    readings = [device.advance(10, 0), device.advance(20, 0)]
    for reading in readings:
        street.reveal(street.committed(street.page([(device, reading)])))
    return device, readings


def test_submit_signed_reading__same_as_the_page__does_nothing(street: Street, revealed) -> None:
    device, (first, second) = revealed
    measured = {"frequency_millihz": MilliHertz(50_000), "voltage_millivolts": MilliVolt(230_000)}

    for reading in (first, second, replace(first, **measured), replace(second, **measured)):
        assert street.submit(device, reading) is False
        assert street.chain.logs == []


def test_submit_reading__own_transaction_same_as_the_page__does_nothing(
    street: Street, revealed
) -> None:
    _, (_, second) = revealed
    measured = replace(second, frequency_millihz=MilliHertz(50_000))

    street.send("meter of anna", "submitReading", own_reading(measured))

    assert street.chain.logs == []


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("change", ["registers", "number"])
def test_submit_signed_reading__contradicts_the_page__quarantines_nobody(
    street: Street, revealed, which: int, change: str
) -> None:
    device, readings = revealed
    reading = readings[which]
    other = (
        replace(reading, import_wh=reading.import_wh + 1)
        if change == "registers"
        else replace(reading, sequence=reading.sequence + 2)
    )

    error, facts = street.refuses(
        "anybody", "submitSignedReading", other.as_tuple(), device.signature(other)
    )

    assert (error, facts) == (
        "RecordFromPage",
        {"meterId": device.meter_id, "timestamp": reading.timestamp},
    )
    assert street.info(device).status == ACTIVE


def test_submit_signed_reading__last_number_at_a_later_time__quarantines_nobody(
    street: Street, revealed
) -> None:
    device, (_, second) = revealed
    later = replace(second, timestamp=second.timestamp + SLOT)

    assert street.refuses(
        "anybody", "submitSignedReading", later.as_tuple(), device.signature(later)
    )[0] == ("RecordFromPage")
    assert street.info(device).status == ACTIVE


def test_submit_signed_readings__contradicts_the_page__is_skipped(street: Street, revealed) -> None:
    device, (_, second) = revealed
    other = replace(second, import_wh=second.import_wh + 1)
    street.after(3)
    following = device.advance(5, 5)
    items = [(one.as_tuple(), device.signature(one)) for one in (other, following)]

    assert street.send("anybody", "submitSignedReadings", items) == 1

    (skipped,) = street.events("ReadingSkipped")
    assert (skipped.index, bytes(skipped.errorSelector)) == (
        0,
        keccak(text="RecordFromPage(uint32,uint256)")[:4],
    )


def test_submit_reading__own_transaction_contradicts_the_page__quarantines_nobody(
    street: Street, revealed
) -> None:
    device, (_, second) = revealed
    other = replace(second, export_wh=second.export_wh + 1)

    assert street.refuses("meter of anna", "submitReading", own_reading(other))[0] == (
        "RecordFromPage"
    )
    assert street.info(device).status == ACTIVE


def test_submit_signed_day__contradicts_the_page__quarantines_nobody(
    street: Street, revealed
) -> None:
    device, _ = revealed
    device.slot, device.sequence = FIRST_SLOT, 0
    device.import_wh, device.export_wh = 5_000_000, 1_000_000
    day = device.day(day_energies(1, 100))
    street.after(96)

    assert street.refuses("anybody", "submitSignedDay", day.as_tuple(), device.signature(day))[
        0
    ] == ("RecordFromPage")
    assert street.info(device).status == ACTIVE


def test_submit_signed_day__agrees_with_the_page__is_taken(street: Street, revealed) -> None:
    device, _ = revealed
    device.slot, device.sequence = FIRST_SLOT, 0
    device.import_wh, device.export_wh = 5_000_000, 1_000_000
    day = device.day([(10, 0), (20, 0), *day_energies(1, 100)[2:]])
    street.after(96)

    assert street.send("anybody", "submitSignedDay", day.as_tuple(), device.signature(day)) == 94
    assert street.energy(device, 1) == (20, 0, MEASURED)


def test_report_equivocation__two_signatures__quarantine_as_ever(street: Street, revealed) -> None:
    device, (_, second) = revealed
    other = replace(second, import_wh=second.import_wh + 1)

    street.send(
        "anybody",
        "reportEquivocation",
        *(second.as_tuple(), device.signature(second)),
        *(other.as_tuple(), device.signature(other)),
    )

    assert street.info(device).status == QUARANTINED


def test_submit_signed_reading__record_made_after_leaving__proves_again(
    street: Street, revealed
) -> None:
    device, (_, second) = revealed
    street.send("anna", "leaveBridge", device.meter_id)
    left = street.meters.ask("pageMeter", device.meter_id).sinceBoundary
    old = replace(second, import_wh=second.import_wh + 1)
    slots = left // SLOT - FIRST_SLOT - 2 + 1
    street.after(2 + slots)
    reading = device.advance(10, 0, slots=slots)
    street.submit(device, reading)

    assert street.refuses("anybody", "submitSignedReading", old.as_tuple(), device.signature(old))[
        0
    ] == ("RecordFromPage")
    conflict = replace(reading, import_wh=reading.import_wh + 1)
    street.submit(device, conflict)

    assert street.info(device).status == QUARANTINED


def test_submit_signed_reading__never_in_a_bridge__record_proves(street: Street) -> None:
    device = street.register("anna")
    reading = device.advance(10, 0)
    street.after(1)
    street.submit(device, reading)

    street.submit(device, replace(reading, import_wh=reading.import_wh + 1))

    assert street.info(device).status == QUARANTINED
    assert street.meters.ask("pageMeter", device.meter_id).sinceBoundary == 0
