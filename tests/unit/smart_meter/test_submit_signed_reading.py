"""submitSignedReading

├── unknown meter: UnknownMeter; another key: WrongDeviceKey
├── signature for another chain or contract, malformed, high s: errors; 64 bytes: taken
├── sequence 0, or below the last: SequenceNotRising
├── last sequence for another time, other content for a time on record: quarantine
├── same reading again, even an old one: nothing
├── sequence skipped: counted
├── gap of 2 to 96 slots: ESTIMATED, stretch on record
├── longer gap: MISSING, stretch on record
├── register rolls over: energy across it; falls from below 90 %: RegisterFell
└── ring: words of an older turn read MISSING
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.smart_meter.devices import (
    DAY_SECONDS,
    ESTIMATED,
    MEASURED,
    MISSING,
    NARROW_CAP_WH,
    NARROW_RATING_W,
    QUARANTINED,
    REGISTER_WIDTH_WH,
    RING_SLOTS,
    WIDE_CAP_WH,
    WIDE_RATING_W,
    accepted_event,
    compact,
    high_s,
    only_events,
    quarantined_event,
)

RATINGS = pytest.mark.parametrize(
    ("rating_w", "cap_wh"),
    [(NARROW_RATING_W, NARROW_CAP_WH), (WIDE_RATING_W, WIDE_CAP_WH)],
    ids=["narrow", "wide"],
)


def interpolated(energy_wh, count):
    """Differences of the boundaries `floor(E k / n)`."""
    return [energy_wh * (k + 1) // count - energy_wh * k // count for k in range(count)]


def lanes(smart_meter, meter_id, first_slot, count):
    return [tuple(smart_meter.slotEnergy(meter_id, first_slot + k)) for k in range(count)]


@RATINGS
def test_submit_signed_reading__relayed__is_on_record(
    smart_meter, register, relayer, at, day_start, first_slot, rating_w, cap_wh
):
    device = register(rated_import_w=rating_w, rated_export_w=rating_w)
    at(day_start + 900)
    device.advance(cap_wh, cap_wh)
    reading = device.reading(frequency_millihz=65_535, voltage_millivolts=16_777_215)

    receipt = device.submit(reading, relayer)

    assert receipt.return_value is True
    only_events(receipt, (smart_meter.ReadingAccepted, accepted_event(reading)))
    assert tuple(smart_meter.latestReading(1)) == reading.as_tuple()
    assert smart_meter.slotEnergy(1, first_slot) == (cap_wh, cap_wh, MEASURED)


def test_submit_signed_reading__compact_signature__is_taken(
    smart_meter, register, relayer, at, day_start
):
    device = register()
    at(day_start + 900)
    reading = device.advance(1, 1)

    receipt = smart_meter.submitSignedReading(
        reading.as_tuple(), compact(device.signature(reading)), sender=relayer
    )

    assert receipt.return_value is True


def test_submit_signed_reading__unknown_meter__reverts(
    smart_meter, register, prepare, relayer, at, day_start
):
    device = register()
    at(day_start + 900)
    device.advance(1, 1)

    for meter_id in (0, 2, 2**32 - 1):
        with ape.reverts(smart_meter.UnknownMeter, meterId=meter_id):
            device.submit(device.reading(meter_id=meter_id), relayer)


def test_submit_signed_reading__wrong_key__reverts(
    smart_meter, register, prepare, relayer, other_owner, at, day_start
):
    one, two = register("one"), register("two", owner=str(other_owner.address))
    thief = prepare("thief")
    at(day_start + 900)
    reading = one.advance(1, 1)

    for key, signer in ((two.key, two.address), (thief.key, thief.address)):
        with ape.reverts(smart_meter.WrongDeviceKey, meterId=1, signer=signer):
            smart_meter.submitSignedReading(
                reading.as_tuple(), one.signature(reading, key=key), sender=relayer
            )


@pytest.mark.parametrize("foreign", ["chain", "contract"])
def test_submit_signed_reading__signed_for_another_domain__reverts(
    smart_meter, register, relayer, signed_for_chain, chain, owner, at, day_start, foreign
):
    device = register()
    at(day_start + 900)
    reading = device.advance(1, 1)
    signature = signed_for_chain(
        reading,
        device.key,
        chain_id=int(chain.chain_id) + (foreign == "chain"),
        contract=str(owner.address if foreign == "contract" else smart_meter.address),
    )

    with ape.reverts(smart_meter.WrongDeviceKey, meterId=1):
        smart_meter.submitSignedReading(reading.as_tuple(), signature, sender=relayer)


@pytest.mark.parametrize(
    "field",
    ["sequence", "timestamp", "import_wh", "export_wh", "frequency_millihz", "voltage_millivolts"],
)
def test_submit_signed_reading__altered_field__reverts(
    smart_meter, register, relayer, at, day_start, field
):
    device = register()
    at(day_start + 900)
    reading = device.advance(1, 1)
    altered = device.reading(**{field: getattr(reading, field) + 1})

    with ape.reverts(smart_meter.WrongDeviceKey, meterId=1):
        smart_meter.submitSignedReading(
            altered.as_tuple(), device.signature(reading), sender=relayer
        )


def test_submit_signed_reading__malformed_signature__reverts(
    smart_meter, register, relayer, at, day_start
):
    device = register()
    at(day_start + 900)
    reading = device.advance(1, 1)
    signature = device.signature(reading)

    for length in (0, 63, 66):
        with ape.reverts(smart_meter.ECDSAInvalidSignatureLength, length=length):
            smart_meter.submitSignedReading(
                reading.as_tuple(), (signature + b"\0")[:length], sender=relayer
            )
    s = int.from_bytes(high_s(signature)[32:64], "big").to_bytes(32, "big")
    with ape.reverts(smart_meter.ECDSAInvalidSignatureS, s=s):
        smart_meter.submitSignedReading(reading.as_tuple(), high_s(signature), sender=relayer)
    with ape.reverts(smart_meter.ECDSAInvalidSignature):
        smart_meter.submitSignedReading(
            reading.as_tuple(), signature[:64] + b"\x02", sender=relayer
        )


def test_submit_signed_reading__again__does_nothing(smart_meter, register, relayer, at, day_start):
    device = register()
    at(day_start + 2_700)
    readings = [device.advance(k, k) for k in range(3)]
    for reading in readings:
        device.submit(reading, relayer)
    before = tuple(smart_meter.latestReading(1))

    for reading in reversed(readings):
        receipt = device.submit(reading, relayer)
        assert receipt.return_value is False
        only_events(receipt)
    assert tuple(smart_meter.latestReading(1)) == before


def test_submit_signed_reading__last_one_again_after_deadline__does_nothing(
    smart_meter, register, relayer, at, day_start
):
    device = register()
    at(day_start + 900)
    reading = device.advance(1, 1)
    device.submit(reading, relayer)
    at(day_start + 5 * DAY_SECONDS)

    assert device.submit(reading, relayer).return_value is False


def test_submit_signed_reading__sequence__must_rise(smart_meter, register, relayer, at, day_start):
    device = register()
    at(day_start + 2_700)
    device.advance(1, 1)
    device.submit(device.reading(sequence=7), relayer)
    device.advance(1, 1)

    for sequence in (0, 1, 6):
        with ape.reverts(smart_meter.SequenceNotRising, given=sequence, last=7):
            device.submit(device.reading(sequence=sequence), relayer)


def test_submit_signed_reading__skipped_sequences__are_counted(
    smart_meter, register, relayer, at, day_start
):
    device = register()
    at(day_start + 2_700)
    device.advance(1, 1)
    first = device.reading(sequence=3)

    receipt = device.submit(first, relayer)

    only_events(
        receipt,
        (smart_meter.SequenceSkipped, {"meterId": 1, "expected": 1, "found": 3}),
        (smart_meter.ReadingAccepted, accepted_event(first)),
    )
    device.advance(1, 1)
    device.submit(device.reading(sequence=4), relayer)
    device.advance(1, 1)
    device.submit(device.reading(sequence=10), relayer)
    assert smart_meter.meterInfo(1).skippedSequences == 2 + 5


def test_submit_signed_reading__last_sequence_for_another_time__quarantines(
    smart_meter, register, relayer, at, day_start
):
    device = register()
    at(day_start + 2_700)
    device.submit(device.advance(1, 1), relayer)
    device.advance(1, 1)
    conflict = device.reading(sequence=1)

    receipt = device.submit(conflict, relayer)

    assert receipt.return_value is False
    only_events(receipt, (smart_meter.MeterQuarantined, quarantined_event(conflict, relayer)))
    assert smart_meter.meterInfo(1).status == QUARANTINED


@pytest.mark.parametrize(
    "change",
    [
        {"import_wh": 5_000_000},
        {"export_wh": 1_000_000},
        {"frequency_millihz": 9},
        {"voltage_millivolts": 9},
        {"sequence": 2},
    ],
    ids=["import", "export", "frequency", "voltage", "sequence"],
)
def test_submit_signed_reading__other_content_for_last_time__quarantines(
    smart_meter, register, relayer, at, day_start, change
):
    device = register()
    at(day_start + 900)
    device.submit(device.advance(10, 10), relayer)
    before = tuple(smart_meter.latestReading(1))
    conflict = device.reading(**change)

    receipt = device.submit(conflict, relayer)

    assert receipt.return_value is False
    only_events(receipt, (smart_meter.MeterQuarantined, quarantined_event(conflict, relayer)))
    assert tuple(smart_meter.latestReading(1)) == before


def test_submit_signed_reading__other_baseline__quarantines(smart_meter, register, relayer):
    device = register()

    assert device.submit(device.reading(sequence=1), relayer).return_value is False
    assert smart_meter.meterInfo(1).status != QUARANTINED
    device.submit(device.reading(sequence=1, import_wh=1), relayer)

    assert smart_meter.meterInfo(1).status == QUARANTINED


@pytest.mark.parametrize(
    ("change", "quarantined"),
    [
        ({}, False),
        ({"import_wh": 5_000_011}, True),
        ({"sequence": 4}, True),
        ({"sequence": 3}, True),
        ({"sequence": 2}, False),
    ],
    ids=["same", "registers", "newer number", "last number", "other old number"],
)
def test_submit_signed_reading__older_time__is_compared_with_the_record(
    smart_meter, register, relayer, at, day_start, change, quarantined
):
    device = register()
    at(day_start + 2_700)
    device.submit(device.advance(10, 10), relayer)
    old = device.reading(**change)
    device.submit(device.advance(20, 20), relayer)
    device.submit(device.advance(30, 30), relayer)

    receipt = device.submit(old, relayer)

    assert receipt.return_value is False
    assert (smart_meter.meterInfo(1).status == QUARANTINED) is quarantined


def test_submit_signed_reading__inside_a_gap__is_out_of_order(
    smart_meter, register, relayer, at, day_start
):
    device = register()
    at(day_start + 3_600)
    device.submit(device.advance(10, 10), relayer)
    late = device.advance(10, 10)
    device.submit(device.advance(10, 10), relayer)

    with ape.reverts(
        smart_meter.TimestampNotRising, given=late.timestamp, last=late.timestamp + 900
    ):
        device.submit(late, relayer)
    with ape.reverts(smart_meter.TimestampNotRising, given=day_start - 900):
        device.submit(device.reading(sequence=2, timestamp=day_start - 900), relayer)
    conflict = device.reading(timestamp=late.timestamp)  # the last number, for another time
    device.submit(conflict, relayer)
    assert smart_meter.meterInfo(1).status == QUARANTINED


def test_submit_signed_reading__old_and_past_its_deadline__reverts(
    smart_meter, register, relayer, at, day_start
):
    device = register()
    at(day_start + 900)
    old = device.advance(1, 1)
    device.submit(old, relayer)
    at(day_start + DAY_SECONDS)
    device.submit(device.advance(1, 1, slots=95), relayer)
    at(day_start + 2 * DAY_SECONDS)

    with ape.reverts(smart_meter.ReadingTooLate, deadline=day_start + 2 * DAY_SECONDS):
        device.submit(old, relayer)


@RATINGS
@pytest.mark.parametrize("count", [2, 7, 95, 96])
def test_submit_signed_reading__gap__is_interpolated_at_once(
    smart_meter, register, relayer, at, day_start, first_slot, owner, rating_w, cap_wh, count
):
    device = register(rated_import_w=rating_w, rated_export_w=rating_w)
    at(day_start + 30 * 3_600)
    device.submit(device.advance(1, 2), relayer)
    import_wh, export_wh = cap_wh * count, cap_wh * count // 3 + 1
    reading = device.advance(import_wh, export_wh, slots=count)

    receipt = device.submit(reading, relayer)

    start = first_slot + 1
    only_events(
        receipt,
        (
            smart_meter.GapRecorded,
            {
                "meterId": 1,
                "fromSlot": start,
                "toSlot": start + count,
                "importWh": import_wh,
                "exportWh": export_wh,
                "estimated": True,
            },
        ),
        (smart_meter.ReadingAccepted, accepted_event(reading)),
    )
    expected = [
        (i, e, ESTIMATED)
        for i, e in zip(interpolated(import_wh, count), interpolated(export_wh, count), strict=True)
    ]
    found = smart_meter.slotEnergies(owner, start, count)
    assert [(x.importWh, x.exportWh, x.quality) for x in found] == expected
    assert smart_meter.slotEnergy(1, first_slot) == (1, 2, MEASURED)
    assert smart_meter.slotEnergy(1, start + count) == (0, 0, MISSING)
    assert smart_meter.stretchCount(1) == 1
    assert smart_meter.stretchAt(1, 0) == (start, start + count, import_wh, export_wh)
    middle = start + count // 2
    assert smart_meter.registersAt(1, middle) == (
        ESTIMATED,
        5_000_001 + import_wh * (count // 2) // count,
        1_000_002 + export_wh * (count // 2) // count,
    )


def test_submit_signed_reading__gap_above_cap__reverts(
    smart_meter, register, relayer, at, day_start
):
    device = register()
    at(day_start + 3_600)
    given = 3 * NARROW_CAP_WH + 1

    with ape.reverts(smart_meter.EnergyAboveCap, givenWh=given, allowedWh=3 * NARROW_CAP_WH):
        device.submit(device.advance(given, 0, slots=3), relayer)


@RATINGS
def test_submit_signed_reading__long_gap__stays_missing(
    smart_meter, register, relayer, at, day_start, first_slot, owner, rating_w, cap_wh
):
    device = register(rated_import_w=rating_w, rated_export_w=rating_w)
    at(day_start + 2 * DAY_SECONDS)
    reading = device.advance(97 * cap_wh, 5, slots=97)

    receipt = device.submit(reading, relayer)

    only_events(
        receipt,
        (
            smart_meter.GapRecorded,
            {
                "meterId": 1,
                "fromSlot": first_slot,
                "toSlot": first_slot + 97,
                "importWh": 97 * cap_wh,
                "exportWh": 5,
                "estimated": False,
            },
        ),
        (smart_meter.ReadingAccepted, accepted_event(reading)),
    )
    assert lanes(smart_meter, 1, first_slot, 97) == [(0, 0, MISSING)] * 97
    assert smart_meter.gapAround(owner, first_slot + 50) == (
        True,
        first_slot,
        first_slot + 97,
        97 * cap_wh,
        5,
    )
    assert smart_meter.registersAt(1, first_slot) == (MEASURED, 5_000_000, 1_000_000)
    assert smart_meter.registersAt(1, first_slot + 1) == (MISSING, 0, 0)
    assert smart_meter.registersAt(1, first_slot + 97) == (
        MEASURED,
        5_000_000 + 97 * cap_wh,
        1_000_005,
    )


def test_submit_signed_reading__rollover__counts_across(
    smart_meter, register, relayer, at, day_start, first_slot
):
    device = register(import_wh=REGISTER_WIDTH_WH - 100, export_wh=REGISTER_WIDTH_WH - 1)
    at(day_start + 2_700)
    reading = device.advance(150, 0)

    receipt = device.submit(reading, relayer)

    rolled = {"meterId": 1, "timestamp": reading.timestamp, "exportRegister": False}
    only_events(
        receipt,
        (smart_meter.RegisterRolledOver, rolled),
        (smart_meter.ReadingAccepted, accepted_event(reading)),
    )
    assert smart_meter.slotEnergy(1, first_slot) == (150, 0, MEASURED)
    reading = device.advance(0, 1)
    receipt = device.submit(reading, relayer)
    assert bool(receipt.events[0].exportRegister) is True
    assert smart_meter.slotEnergy(1, first_slot + 1) == (0, 1, MEASURED)
    assert smart_meter.registersAt(1, first_slot) == (
        MEASURED,
        REGISTER_WIDTH_WH - 100,
        REGISTER_WIDTH_WH - 1,
    )
    assert smart_meter.registersAt(1, first_slot + 1) == (MEASURED, 50, REGISTER_WIDTH_WH - 1)


@pytest.mark.parametrize(("below", "rolls"), [(0, False), (1, True)])
def test_submit_signed_reading__rollover__only_from_the_top_tenth(
    smart_meter, register, relayer, at, day_start, below, rolls
):
    width = NARROW_CAP_WH * 960  # the smallest: its top tenth is a day at the cap
    start = width * 9 // 10 + below
    device = register(register_width_wh=width, import_wh=start, export_wh=0)
    at(day_start + DAY_SECONDS)
    reading = device.advance(width - start, 0, slots=96)

    if rolls:
        assert device.submit(reading, relayer).return_value is True
        assert smart_meter.registersAt(1, device.slot) == (MEASURED, 0, 0)
    else:
        with ape.reverts(smart_meter.RegisterFell, givenWh=0, lastWh=start):
            device.submit(reading, relayer)


def test_submit_signed_reading__rollover_above_cap__reverts(
    smart_meter, register, relayer, at, day_start
):
    device = register(import_wh=REGISTER_WIDTH_WH - 1)
    at(day_start + 900)

    with ape.reverts(
        smart_meter.EnergyAboveCap, givenWh=NARROW_CAP_WH + 1, allowedWh=NARROW_CAP_WH
    ):
        device.submit(device.advance(NARROW_CAP_WH + 1, 0), relayer)


@RATINGS
def test_submit_signed_reading__ring_turned__never_shows_old_energy(
    smart_meter, register, relayer, at, day_start, first_slot, rating_w, cap_wh
):
    device = register(rated_import_w=rating_w, rated_export_w=rating_w)
    at(day_start + DAY_SECONDS)
    for _ in range(5):
        device.submit(device.advance(11, 7), relayer)
    turn = first_slot + RING_SLOTS
    at((turn + 3) * 900)
    gap = device.advance(0, 0, slots=turn + 1 - device.slot)  # ends inside the first word
    device.submit(gap, relayer)
    assert smart_meter.slotEnergy(1, first_slot + 1) == (11, 7, MEASURED)
    assert smart_meter.slotEnergy(1, turn + 1) == (0, 0, MISSING)

    device.submit(device.advance(5, 3), relayer)

    per_word = 4 if rating_w == WIDE_RATING_W else 8
    assert smart_meter.slotEnergy(1, turn + 1) == (5, 3, MEASURED)
    assert smart_meter.slotEnergy(1, turn) == (0, 0, MISSING)
    assert smart_meter.slotEnergy(1, turn + 2) == (0, 0, MISSING)
    for slot in range(first_slot, first_slot + 5):
        kept = slot - first_slot >= per_word
        expected = (11, 7, MEASURED) if kept else (0, 0, MISSING)
        assert smart_meter.slotEnergy(1, slot) == expected
    # Too old to reconstruct, and never wrong.
    assert smart_meter.registersAt(1, first_slot + 1) == (MISSING, 0, 0)
