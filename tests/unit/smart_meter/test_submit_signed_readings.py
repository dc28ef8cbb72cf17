"""submitSignedReadings

├── empty: 0
├── all valid, of several meters: all land, their number is returned
├── repeats and conflicts: not counted, no revert
├── invalid items: skipped with the selector of their error, the others land
└── too little gas: the whole batch reverts, no item is called invalid
"""

from __future__ import annotations

import pytest
from ape.exceptions import TransactionError
from eth_utils.crypto import keccak

from tests.unit.smart_meter.devices import (
    MEASURED,
    MISSING,
    NARROW_CAP_WH,
    QUARANTINED,
    accepted_event,
    high_s,
    only_events,
    private_key,
    quarantined_event,
)


def item(device, reading, *, key=None, signature=None):
    return (reading.as_tuple(), signature or device.signature(reading, key=key))


def send(smart_meter, items, sender):
    """Return value (asked for beforehand: to trace a batch takes long) and receipt."""
    accepted = smart_meter.submitSignedReadings.call(items, sender=sender)
    return accepted, smart_meter.submitSignedReadings(items, sender=sender)


def selector(signature):
    return keccak(text=signature)[:4]


@pytest.fixture
def pair(register, other_owner, at, day_start):
    """Two meters at the end of their third slot."""
    devices = register("one"), register("two", owner=str(other_owner.address))
    at(day_start + 2_700)
    return devices


def test_submit_signed_readings__empty__does_nothing(smart_meter, relayer):
    accepted, receipt = send(smart_meter, [], relayer)

    assert accepted == 0
    only_events(receipt)


def test_submit_signed_readings__valid__all_land(smart_meter, pair, relayer, first_slot):
    readings = [(device, device.advance(k + 1, k)) for k in range(3) for device in pair]

    accepted, receipt = send(
        smart_meter, [item(device, reading) for device, reading in readings], relayer
    )

    assert accepted == 6
    only_events(
        receipt,
        *((smart_meter.ReadingAccepted, accepted_event(reading)) for _, reading in readings),
    )
    for meter_id in (1, 2):
        assert [tuple(smart_meter.slotEnergy(meter_id, first_slot + k)) for k in range(3)] == [
            (k + 1, k, MEASURED) for k in range(3)
        ]


def test_submit_signed_readings__repeats_and_conflicts__are_not_counted(smart_meter, pair, relayer):
    one, two = pair
    first = one.advance(5, 5)
    two_first = two.advance(5, 5)
    conflict = two.reading(import_wh=two.import_wh + 1)

    accepted, receipt = send(
        smart_meter,
        [item(one, first), item(one, first), item(two, two_first), item(two, conflict)],
        relayer,
    )

    assert accepted == 2
    reported = quarantined_event(conflict, smart_meter)  # the batch calls itself for each item
    only_events(
        receipt,
        (smart_meter.ReadingAccepted, accepted_event(first)),
        (smart_meter.ReadingAccepted, accepted_event(two_first)),
        (smart_meter.MeterQuarantined, reported),
    )
    assert smart_meter.meterInfo(2).status == QUARANTINED


def test_submit_signed_readings__invalid_items__are_skipped_and_named(
    smart_meter, pair, relayer, first_slot
):
    one, two = pair
    good = one.advance(5, 5)
    start = good.timestamp
    one.advance(5, 5)
    bad = [
        (one.reading(meter_id=7), {}, "UnknownMeter(uint256)"),
        (one.reading(), {"key": private_key("thief")}, "WrongDeviceKey(uint32,address)"),
        (one.reading(), {"signature": b"\1" * 63}, "ECDSAInvalidSignatureLength(uint256)"),
        (one.reading(), {"high": True}, "ECDSAInvalidSignatureS(bytes32)"),
        (one.reading(sequence=0), {}, "SequenceNotRising(uint256,uint256)"),
        (one.reading(timestamp=start + 901), {}, "TimestampMisaligned(uint256,uint256)"),
        (one.reading(timestamp=start + 900_000), {}, "ReadingInFuture(uint256,uint256)"),
        (one.reading(import_wh=0), {}, "RegisterFell(uint256,uint256)"),
        (
            one.reading(import_wh=good.import_wh + NARROW_CAP_WH + 1),
            {},
            "EnergyAboveCap(uint256,uint256)",
        ),
        (one.reading(voltage_millivolts=2**24), {}, "ValueOutOfRange(uint256,uint256)"),
        (one.reading(timestamp=start - 1_800), {}, "TimestampNotRising(uint256,uint256)"),
    ]
    items = [item(one, good)]
    for reading, how, _ in bad:
        signature = how.get("signature")
        if how.get("high"):
            signature = high_s(one.signature(reading))
        items.append(item(one, reading, key=how.get("key"), signature=signature))
    last = two.advance(9, 9)
    # A conflict, not an error, has to stay out of this batch: number 3 is new for all bad items.
    items[-1] = item(one, one.reading(timestamp=start - 1_800, sequence=3))
    items.append(item(two, last))

    accepted, receipt = send(smart_meter, items, relayer)

    assert accepted == 2
    skipped = [log for log in receipt.events if log.event_name == "ReadingSkipped"]
    assert [log.index for log in skipped] == list(range(1, len(bad) + 1))
    assert [bytes(log.errorSelector) for log in skipped] == [selector(error) for _, _, error in bad]
    assert [log.meterId for log in skipped] == [reading.meter_id for reading, _, _ in bad]
    assert skipped[4].sequence == 0
    assert smart_meter.slotEnergy(1, first_slot) == (5, 5, MEASURED)
    assert smart_meter.slotEnergy(1, first_slot + 1) == (0, 0, MISSING)
    assert smart_meter.slotEnergy(2, first_slot) == (9, 9, MEASURED)


def test_submit_signed_readings__too_little_gas__reverts_as_a_whole(
    smart_meter, pair, relayer, first_slot, chain
):
    one, _ = pair
    items = [item(one, one.advance(1, 1)) for _ in range(3)]

    with chain.isolate():
        enough = smart_meter.submitSignedReadings(items, sender=relayer).gas_used
    for percent in (50, 70, 90, 98):
        with pytest.raises(TransactionError):
            smart_meter.submitSignedReadings(items, gas=enough * percent // 100, sender=relayer)
    assert smart_meter.slotEnergy(1, first_slot) == (0, 0, MISSING)
    assert send(smart_meter, items, relayer)[0] == 3
