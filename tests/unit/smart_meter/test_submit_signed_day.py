"""submitSignedDay

├── unknown meter, wrong key, domain, signature: errors
├── day not at midnight, in the future, past its deadline: errors
├── wrong number of words, malformed word, lane above the cap, base above the width: errors
├── first sequence 0, too large, or all numbers old: errors
├── meter not active: MeterNotActive
├── record ends at the day's midnight
│   ├── base equal: 96 new snapshots
│   └── base different: quarantine
├── record ends inside the day: equal there: the rest is new; different: quarantine
├── record ends at the day's end or later: nothing, or quarantine
├── record ends before the day
│   ├── base in time and numbered: 97 new snapshots, gap before the base
│   └── base left out: 96 new snapshots, gap up to the first
└── in every view the same as single readings
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
    SLOTS_PER_DAY,
    WIDE_CAP_WH,
    WIDE_RATING_W,
    accepted_event,
    compact,
    day_energies,
    high_s,
    only_events,
    pack_words,
    private_key,
)

RATINGS = pytest.mark.parametrize(
    ("rating_w", "cap_wh"),
    [(NARROW_RATING_W, NARROW_CAP_WH), (WIDE_RATING_W, WIDE_CAP_WH)],
    ids=["narrow", "wide"],
)


def day_event(day, device, *, first_lane=0):
    """Fields of `MeterDayAccepted` after the device advanced to the day's end."""
    return {
        "meterId": day.meter_id,
        "dayStart": day.day_start,
        "firstSlot": day.day_start // 900 + first_lane,
        "lastSequence": day.first_sequence + 95,
        "importWh": device.import_wh,
        "exportWh": device.export_wh,
        "frequencyMilliHz": day.frequency_millihz,
        "voltageMilliV": day.voltage_millivolts,
        "words": [bytes(word) for word in day.words],
    }


def views(smart_meter, device, owner, first_slot, day_count=2):
    """Everything the contract says about a meter."""
    meter_id = device.meter_id
    day = first_slot // SLOTS_PER_DAY
    slots = range(first_slot - 1, first_slot + day_count * SLOTS_PER_DAY + 1)
    return {
        "latest": tuple(smart_meter.latestReading(meter_id))[1:],
        "energies": [
            (x.importWh, x.exportWh, x.mintableWh, x.quality)
            for x in smart_meter.slotEnergies(owner, slots[0], len(slots))
        ],
        "registers": [tuple(smart_meter.registersAt(meter_id, slot)) for slot in slots[::37]],
        "gaps": [tuple(smart_meter.gapAround(owner, slot)) for slot in slots[::19]],
        "stretches": [
            tuple(smart_meter.stretchAt(meter_id, index))
            for index in range(smart_meter.stretchCount(meter_id))
        ],
        "days": [
            (
                smart_meter.dailyConsumption(meter_id, day + k),
                smart_meter.dailyProduction(meter_id, day + k),
            )
            for k in range(day_count)
        ],
        "skipped": smart_meter.meterInfo(meter_id).skippedSequences,
    }


@RATINGS
def test_submit_signed_day__after_midnight_reading__is_on_record(
    smart_meter, register, relayer, owner, at, day_start, first_slot, rating_w, cap_wh
):
    device = register(rated_import_w=rating_w, rated_export_w=rating_w)
    at(day_start + DAY_SECONDS)
    energies = day_energies(1, cap_wh)
    day = device.day(energies, frequency_millihz=49_990, voltage_millivolts=230_100)

    receipt = device.submit_day(day, relayer)

    assert receipt.return_value == 96
    only_events(receipt, (smart_meter.MeterDayAccepted, day_event(day, device)))
    found = smart_meter.slotEnergies(owner, first_slot, 96)
    assert [(x.importWh, x.exportWh, x.quality) for x in found] == [
        (i, e, MEASURED) for i, e in energies
    ]
    assert (
        tuple(smart_meter.latestReading(1))
        == device.reading(frequency_millihz=49_990, voltage_millivolts=230_100).as_tuple()
    )
    assert smart_meter.stretchCount(1) == 0


@RATINGS
def test_submit_signed_day__against_singles__is_the_same_in_every_view(
    smart_meter,
    register,
    relayer,
    owner,
    other_owner,
    at,
    day_start,
    first_slot,
    rating_w,
    cap_wh,
):
    rating = {"rated_import_w": rating_w, "rated_export_w": rating_w}
    # Both registers roll over inside the day.
    rating |= {"import_wh": REGISTER_WIDTH_WH - cap_wh, "export_wh": REGISTER_WIDTH_WH - 1}
    singles = register("singles", owner=str(other_owner.address), **rating)
    whole = register("whole", **rating)
    at(day_start + DAY_SECONDS)
    energies = day_energies(2, cap_wh)

    singles.submit_all([singles.advance(*energy) for energy in energies], relayer)
    receipt = whole.submit_day(whole.day(energies), relayer)

    assert receipt.return_value == 96
    assert views(smart_meter, whole, owner, first_slot) == views(
        smart_meter, singles, other_owner, first_slot
    )


@pytest.mark.parametrize(
    ("rating_w", "cap_wh", "join"),
    [
        (NARROW_RATING_W, NARROW_CAP_WH, 1),
        (NARROW_RATING_W, NARROW_CAP_WH, 5),
        (NARROW_RATING_W, NARROW_CAP_WH, 8),
        (NARROW_RATING_W, NARROW_CAP_WH, 95),
        (WIDE_RATING_W, WIDE_CAP_WH, 50),
    ],
)
def test_submit_signed_day__joined_inside__completes_the_day(
    smart_meter,
    register,
    relayer,
    owner,
    other_owner,
    at,
    day_start,
    first_slot,
    rating_w,
    cap_wh,
    join,
):
    rating = {"rated_import_w": rating_w, "rated_export_w": rating_w}
    singles = register("singles", owner=str(other_owner.address), **rating)
    mixed = register("mixed", **rating)
    at(day_start + DAY_SECONDS)
    energies = day_energies(join, cap_wh)
    # A gap of two slots ends at the join: what is on record stays, the day does not overwrite it.
    left_out = join - 2 if join >= 5 else None
    for device, count in ((singles, 96), (mixed, join)):
        readings = [device.advance(*energy) for energy in energies[:count]]
        device.submit_all(
            [reading for slot, reading in enumerate(readings) if slot != left_out], relayer
        )
    mixed.sequence, mixed.slot = 0, first_slot
    mixed.import_wh, mixed.export_wh = 5_000_000, 1_000_000
    day = mixed.day(energies)

    receipt = mixed.submit_day(day, relayer)

    assert receipt.return_value == 96 - join
    only_events(receipt, (smart_meter.MeterDayAccepted, day_event(day, mixed, first_lane=join)))
    assert views(smart_meter, mixed, owner, first_slot) == views(
        smart_meter, singles, other_owner, first_slot
    )


def test_submit_signed_day__again__does_nothing(smart_meter, register, relayer, at, day_start):
    device = register()
    at(day_start + DAY_SECONDS + 1_800)
    day = device.day(day_energies(1, NARROW_CAP_WH))
    device.submit_day(day, relayer)

    receipt = device.submit_day(day, relayer)
    assert receipt.return_value == 0
    only_events(receipt)
    device.submit(device.advance(1, 1), relayer)
    receipt = device.submit_day(day, relayer)
    assert receipt.return_value == 0
    only_events(receipt)


def test_submit_signed_day__compact_signature__is_taken(
    smart_meter, register, relayer, at, day_start
):
    device = register()
    at(day_start + DAY_SECONDS)
    day = device.day([(1, 1)] * 96)

    receipt = smart_meter.submitSignedDay(
        day.as_tuple(), compact(device.signature(day)), sender=relayer
    )

    assert receipt.return_value == 96


@pytest.mark.parametrize(
    "change",
    [
        {"import_wh": 4_999_999},
        {"export_wh": 1_000_001},
        {"voltage_millivolts": 1},
        {"frequency_millihz": 1},
        {"first_sequence": 2},
    ],
    ids=["import", "export", "voltage", "frequency", "numbers"],
)
def test_submit_signed_day__other_content_for_same_day__quarantines(
    smart_meter, register, relayer, at, day_start, change
):
    device = register()
    at(day_start + DAY_SECONDS)
    energies = day_energies(1, NARROW_CAP_WH)
    device.submit_day(device.day(energies), relayer)
    before = tuple(smart_meter.latestReading(1))
    fields = {
        "first_sequence": 1,
        "day_start": day_start,
        "import_wh": 5_000_000,
        "export_wh": 1_000_000,
    }
    conflict = device.day(energies, **{**fields, **change})

    receipt = device.submit_day(conflict, relayer)

    assert receipt.return_value == 0
    assert [log.event_name for log in receipt.events] == ["MeterQuarantined"]
    named = receipt.events[0].event_arguments
    assert named["timestamp"] == day_start + DAY_SECONDS
    assert named["reporter"] == relayer.address
    assert smart_meter.meterInfo(1).status == QUARANTINED
    assert tuple(smart_meter.latestReading(1)) == before


@pytest.mark.parametrize(
    "change", [{"import_wh": 5_000_001}, {"export_wh": 999_999}], ids=["import", "export"]
)
def test_submit_signed_day__other_base_than_on_record__quarantines(
    smart_meter, register, relayer, at, day_start, first_slot, change
):
    device = register()
    at(day_start + DAY_SECONDS)
    day = device.day([(1, 1)] * 96, **change)

    receipt = device.submit_day(day, relayer)

    assert receipt.return_value == 0
    only_events(
        receipt,
        (
            smart_meter.MeterQuarantined,
            {
                "meterId": 1,
                "reporter": relayer.address,
                "sequence": 0,
                "timestamp": day_start,
                "importWh": day.import_wh,
                "exportWh": day.export_wh,
            },
        ),
    )
    assert smart_meter.slotEnergy(1, first_slot) == (0, 0, MISSING)


@pytest.mark.parametrize("what", ["registers", "number"])
def test_submit_signed_day__contradicts_the_last_reading__quarantines(
    smart_meter, register, relayer, at, day_start, first_slot, what
):
    device = register()
    at(day_start + DAY_SECONDS)
    for _ in range(10):
        device.submit(device.advance(100, 10), relayer)
    device.sequence, device.slot = 0, first_slot
    device.import_wh, device.export_wh = 5_000_000, 1_000_000
    other = [(101 if what == "registers" else 100, 10)] + [(100, 10)] * 95
    change = {} if what == "registers" else {"first_sequence": 2}
    day = device.day(other, **change)

    receipt = device.submit_day(day, relayer)

    assert receipt.return_value == 0
    only_events(
        receipt,
        (
            smart_meter.MeterQuarantined,
            {
                "meterId": 1,
                "reporter": relayer.address,
                "sequence": 10 if what == "registers" else 11,
                "timestamp": day_start + 9_000,
                "importWh": 5_001_001 if what == "registers" else 5_001_000,
                "exportWh": 1_000_100,
            },
        ),
    )
    assert smart_meter.slotEnergy(1, first_slot + 10) == (0, 0, MISSING)


def test_submit_signed_day__base_after_a_gap_in_time__is_a_reading(
    smart_meter, register, relayer, owner, next_block_at, day_start, first_slot
):
    device = register(first_slot=first_slot - 4)
    device.advance(40, 20, slots=4)  # never sent alone: the base brings it
    base = device.reading()
    day = device.day([(7, 3)] * 96)
    # The base's deadline is the day's end; clocks may run 30 s ahead of the chain.
    next_block_at(day_start + DAY_SECONDS - 30)

    receipt = device.submit_day(day, relayer)

    assert receipt.return_value == 97
    only_events(
        receipt,
        (
            smart_meter.GapRecorded,
            {
                "meterId": 1,
                "fromSlot": first_slot - 4,
                "toSlot": first_slot,
                "importWh": 40,
                "exportWh": 20,
                "estimated": True,
            },
        ),
        (smart_meter.ReadingAccepted, accepted_event(base)),
        (smart_meter.MeterDayAccepted, day_event(day, device)),
    )
    found = smart_meter.slotEnergies(owner, first_slot - 4, 100)
    assert [(x.importWh, x.exportWh, x.quality) for x in found] == [(10, 5, ESTIMATED)] * 4 + [
        (7, 3, MEASURED)
    ] * 96


@pytest.mark.parametrize("late", [True, False], ids=["deadline passed", "number old"])
def test_submit_signed_day__base_left_out__gap_ends_at_first_snapshot(
    smart_meter, register, relayer, owner, next_block_at, day_start, first_slot, late
):
    device = register(first_slot=first_slot - 4)
    device.advance(40, 20, slots=4)
    if not late:
        device.sequence = 0  # the base would need number 0, that of the baseline
    day = device.day([(10, 10)] + [(7, 3)] * 95)
    next_block_at(day_start + DAY_SECONDS - (0 if late else 30))

    receipt = device.submit_day(day, relayer)

    assert receipt.return_value == 96
    gap = (
        smart_meter.GapRecorded,
        {
            "meterId": 1,
            "fromSlot": first_slot - 4,
            "toSlot": first_slot + 1,
            "importWh": 50,
            "exportWh": 30,
            "estimated": True,
        },
    )
    skipped = (smart_meter.SequenceSkipped, {"meterId": 1, "expected": 1, "found": 2})
    whole = (smart_meter.MeterDayAccepted, day_event(day, device))
    only_events(receipt, *([gap, skipped, whole] if late else [gap, whole]))
    found = smart_meter.slotEnergies(owner, first_slot - 4, 100)
    assert [(x.importWh, x.exportWh, x.quality) for x in found] == [(10, 6, ESTIMATED)] * 5 + [
        (7, 3, MEASURED)
    ] * 95
    assert smart_meter.latestReading(1).sequence == day.first_sequence + 95


def test_submit_signed_day__after_a_long_gap__leaves_it_missing(
    smart_meter, register, relayer, owner, at, day_start, first_slot
):
    device = register()
    at(day_start + 3 * DAY_SECONDS)
    device.advance(500, 100, slots=192)
    day = device.day([(7, 3)] * 96)

    assert device.submit_day(day, relayer).return_value == 96

    found = smart_meter.slotEnergies(owner, first_slot, 288)
    assert [x.quality for x in found] == [MISSING] * 193 + [MEASURED] * 95
    assert smart_meter.gapAround(owner, first_slot + 192) == (
        True,
        first_slot,
        first_slot + 193,
        507,
        103,
    )


@RATINGS
def test_submit_signed_day__ring_turned__replaces_whole_words(
    smart_meter, register, relayer, owner, at, day_start, first_slot, rating_w, cap_wh
):
    device = register(rated_import_w=rating_w, rated_export_w=rating_w)
    at(day_start + DAY_SECONDS)
    device.submit_day(device.day(day_energies(1, cap_wh)), relayer)
    # A turn is 42 days and 64 slots: the day there lies across two days of this turn.
    last = first_slot + 43 * SLOTS_PER_DAY
    at((last + SLOTS_PER_DAY) * 900)
    device.submit(device.advance(0, 0, slots=last + 1 - device.slot), relayer)
    device.slot -= 1
    device.sequence -= 1
    energies = [(0, 0), *day_energies(2, cap_wh)[1:]]
    device.submit_day(device.day(energies), relayer)

    found = smart_meter.slotEnergies(owner, last, 96)
    assert [(x.importWh, x.exportWh) for x in found] == energies
    assert found[0].quality == MISSING  # inside the long gap
    assert {x.quality for x in found[1:]} == {MEASURED}
    reused = last + 96 - RING_SLOTS - first_slot
    old = smart_meter.slotEnergies(owner, first_slot, 96)
    assert [x.quality for x in old] == [
        MEASURED if slot < reused - 96 or slot >= reused else MISSING for slot in range(96)
    ]


def test_submit_signed_day__skipped_sequences__are_counted(
    smart_meter, register, relayer, at, day_start
):
    device = register()
    at(day_start + DAY_SECONDS)
    device.sequence = 4
    day = device.day([(1, 1)] * 96)

    receipt = device.submit_day(day, relayer)

    only_events(
        receipt,
        (smart_meter.SequenceSkipped, {"meterId": 1, "expected": 1, "found": 5}),
        (smart_meter.MeterDayAccepted, day_event(day, device)),
    )
    assert smart_meter.meterInfo(1).skippedSequences == 4


def test_submit_signed_day__unknown_meter_or_key__reverts(
    smart_meter, register, prepare, relayer, at, day_start
):
    device = register()
    thief = prepare("thief")
    at(day_start + DAY_SECONDS)
    day = device.day([(1, 1)] * 96)

    with ape.reverts(smart_meter.WrongDeviceKey, meterId=1, signer=thief.address):
        smart_meter.submitSignedDay(
            day.as_tuple(), device.signature(day, key=private_key("thief")), sender=relayer
        )
    with ape.reverts(smart_meter.UnknownMeter, meterId=2):
        device.submit_day(device.day([(1, 1)] * 96, meter_id=2), relayer)
    with ape.reverts(smart_meter.ECDSAInvalidSignatureS):
        smart_meter.submitSignedDay(day.as_tuple(), high_s(device.signature(day)), sender=relayer)
    with ape.reverts(smart_meter.ECDSAInvalidSignatureLength, length=0):
        smart_meter.submitSignedDay(day.as_tuple(), b"", sender=relayer)


def test_submit_signed_day__altered_word__reverts(smart_meter, register, relayer, at, day_start):
    device = register()
    at(day_start + DAY_SECONDS)
    day = device.day([(1, 1)] * 96)
    signature = device.signature(day)
    altered = list(day.as_tuple())
    altered[7] = [*day.words[:11], device.words([(2, 1)] * 96)[11]]

    with ape.reverts(smart_meter.WrongDeviceKey, meterId=1):
        smart_meter.submitSignedDay(altered, signature, sender=relayer)


def test_submit_signed_day__signed_for_another_chain__reverts(
    smart_meter, register, relayer, signed_for_chain, chain, at, day_start
):
    device = register()
    at(day_start + DAY_SECONDS)
    day = device.day([(1, 1)] * 96)
    signature = signed_for_chain(
        day, device.key, chain_id=int(chain.chain_id) + 1, contract=str(smart_meter.address)
    )

    with ape.reverts(smart_meter.WrongDeviceKey, meterId=1):
        smart_meter.submitSignedDay(day.as_tuple(), signature, sender=relayer)


def test_submit_signed_day__not_at_midnight__reverts(smart_meter, register, relayer, at, day_start):
    device = register()
    at(day_start + 2 * DAY_SECONDS)

    with ape.reverts(smart_meter.TimestampMisaligned, given=day_start + 900, unit=DAY_SECONDS):
        device.submit_day(device.day([(1, 1)] * 96, day_start=day_start + 900), relayer)


def test_submit_signed_day__time_limits__hold_for_its_end(
    smart_meter, register, relayer, next_block_at, day_start
):
    device = register()
    day = device.day([(1, 1)] * 96)
    deadline = day_start + 2 * DAY_SECONDS

    next_block_at(day_start + DAY_SECONDS - 31)
    with ape.reverts(smart_meter.ReadingInFuture, given=day_start + DAY_SECONDS):
        device.submit_day(day, relayer)
    next_block_at(deadline)
    with ape.reverts(smart_meter.ReadingTooLate, blockTimestamp=deadline, deadline=deadline):
        device.submit_day(day, relayer)


def test_submit_signed_day__last_second__counts(
    smart_meter, register, relayer, next_block_at, day_start
):
    device = register()
    next_block_at(day_start + 2 * DAY_SECONDS - 1)

    assert device.submit_day(device.day([(1, 1)] * 96), relayer).return_value == 96


@RATINGS
def test_submit_signed_day__wrong_word_count__reverts(
    smart_meter, register, relayer, at, day_start, rating_w, cap_wh
):
    device = register(rated_import_w=rating_w, rated_export_w=rating_w)
    at(day_start + DAY_SECONDS)
    expected = 24 if device.wide else 12
    day = device.day([(1, 1)] * 96)

    for words in ((), day.words[:-1], (*day.words, day.words[0])):
        device.sequence, device.slot = 0, day_start // 900
        bad = device.day([(0, 0)] * 96, words=words, import_wh=5_000_000, export_wh=1_000_000)
        with ape.reverts(smart_meter.WrongWordCount, given=len(words), expected=expected):
            device.submit_day(bad, relayer)


@RATINGS
@pytest.mark.parametrize("flaw", ["tag", "missing", "estimated", "spare"])
def test_submit_signed_day__malformed_word__reverts(
    smart_meter, register, relayer, at, day_start, rating_w, cap_wh, flaw
):
    device = register(rated_import_w=rating_w, rated_export_w=rating_w)
    at(day_start + DAY_SECONDS)
    quality_at, pitch = (56, 60) if device.wide else (28, 30)
    last_lane = (3 if device.wide else 7) * pitch
    flip = {
        "tag": 1 << 240,
        "missing": 1 << (last_lane + quality_at),
        "estimated": 3 << (last_lane + quality_at),
        "spare": 1 << (last_lane + quality_at + 1),
    }[flaw]
    words = list(pack_words([(1, 1)] * 96, wide=device.wide))
    words[5] = (int.from_bytes(words[5], "big") ^ flip).to_bytes(32, "big")

    with ape.reverts(smart_meter.MalformedDayWord, index=5, word=words[5]):
        device.submit_day(device.day([(1, 1)] * 96, words=tuple(words)), relayer)


@RATINGS
@pytest.mark.parametrize("lane", [0, 3, 95])
@pytest.mark.parametrize("direction", [0, 1])
def test_submit_signed_day__lane_above_cap__reverts(
    smart_meter, register, relayer, at, day_start, rating_w, cap_wh, lane, direction
):
    device = register(rated_import_w=rating_w, rated_export_w=rating_w)
    at(day_start + DAY_SECONDS)
    energies = [(cap_wh, cap_wh)] * 96
    energies[lane] = (cap_wh + 1, cap_wh) if direction == 0 else (cap_wh, cap_wh + 1)

    with ape.reverts(smart_meter.EnergyAboveCap, givenWh=cap_wh + 1, allowedWh=cap_wh):
        device.submit_day(device.day(energies), relayer)


def test_submit_signed_day__gap_above_cap__reverts(
    smart_meter, register, relayer, at, day_start, first_slot
):
    device = register(first_slot=first_slot - 4)
    at(day_start + DAY_SECONDS)
    device.advance(5 * NARROW_CAP_WH + 1, 0, slots=4)

    with ape.reverts(
        smart_meter.EnergyAboveCap,
        givenWh=5 * NARROW_CAP_WH + 1,
        allowedWh=5 * NARROW_CAP_WH,
    ):
        device.submit_day(device.day([(0, 0)] * 96), relayer)


def test_submit_signed_day__register_falls_before_it__reverts(
    smart_meter, register, relayer, at, day_start, first_slot
):
    device = register(first_slot=first_slot - 4)
    at(day_start + DAY_SECONDS)
    device.advance(0, 0, slots=4)

    with ape.reverts(smart_meter.RegisterFell, givenWh=4_000_000, lastWh=5_000_000):
        device.submit_day(device.day([(0, 0)] * 96, import_wh=4_000_000), relayer)


@pytest.mark.parametrize("field", ["import_wh", "export_wh"])
def test_submit_signed_day__base_above_width__reverts(
    smart_meter, register, relayer, at, day_start, field
):
    device = register()
    at(day_start + DAY_SECONDS)

    with ape.reverts(
        smart_meter.BaseAboveWidth,
        givenWh=REGISTER_WIDTH_WH,
        registerWidthWh=REGISTER_WIDTH_WH,
    ):
        device.submit_day(device.day([(0, 0)] * 96, **{field: REGISTER_WIDTH_WH}), relayer)


def test_submit_signed_day__sequence_limits__revert(smart_meter, register, relayer, at, day_start):
    device = register()
    at(day_start + DAY_SECONDS)

    with ape.reverts(smart_meter.SequenceNotRising, given=0, last=0):
        device.submit_day(device.day([(0, 0)] * 96, first_sequence=0), relayer)
    device.slot = day_start // 900
    with ape.reverts(smart_meter.SequenceExhausted, meterId=1):
        device.submit_day(device.day([(0, 0)] * 96, first_sequence=2**32 - 95), relayer)
    device.slot = day_start // 900
    last = device.day([(0, 0)] * 96, first_sequence=2**32 - 96)
    assert device.submit_day(last, relayer).return_value == 96


@pytest.mark.parametrize(
    ("first_sequence", "quarantined"), [(1, False), (4, False), (5, True), (100, True)]
)
def test_submit_signed_day__old_numbers__are_refused(
    smart_meter, register, relayer, at, day_start, first_slot, first_sequence, quarantined
):
    device = register(first_slot=first_slot - 4)
    at(day_start + DAY_SECONDS - 60)
    device.advance(1, 1, slots=3)
    device.submit(device.reading(sequence=100), relayer)
    device.advance(1, 1)
    at(day_start + DAY_SECONDS)
    day = device.day([(1, 1)] * 96, first_sequence=first_sequence)

    if quarantined:  # one of its snapshots claims the last number for another time
        assert device.submit_day(day, relayer).return_value == 0
        assert smart_meter.meterInfo(1).status == QUARANTINED
    else:
        with ape.reverts(smart_meter.SequenceNotRising, given=first_sequence, last=100):
            device.submit_day(day, relayer)


def test_submit_signed_day__not_active__reverts(
    smart_meter, register, registrar, relayer, at, day_start
):
    device = register()
    at(day_start + DAY_SECONDS)
    smart_meter.deactivateMeter(1, sender=registrar)

    with ape.reverts(smart_meter.MeterNotActive, meterId=1, status=3):
        device.submit_day(device.day([(1, 1)] * 96), relayer)


@pytest.mark.parametrize(
    ("field", "allowed"), [("frequency_millihz", 65_535), ("voltage_millivolts", 16_777_215)]
)
def test_submit_signed_day__value_too_large__reverts(
    smart_meter, register, relayer, at, day_start, field, allowed
):
    device = register()
    at(day_start + DAY_SECONDS)

    with ape.reverts(smart_meter.ValueOutOfRange, given=allowed + 1, allowed=allowed):
        device.submit_day(device.day([(1, 1)] * 96, **{field: allowed + 1}), relayer)
