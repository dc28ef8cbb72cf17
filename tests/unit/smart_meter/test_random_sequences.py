"""Random sequences of readings against an oracle of a few lines.

I-30 sequences and registers only rise (registers but for a rollover)
I-31 only what the device signed is accepted, nothing twice; a conflict quarantines
I-32 accepted readings are aligned, not in the future, in order, and within the caps
I-33 the energies of slots on record add up to the register differences
I-34 a slot once MEASURED or ESTIMATED never changes
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field

import pytest
from eth_utils.crypto import keccak

from tests.unit.smart_meter.devices import (
    ACTIVE,
    DAY_SECONDS,
    ESTIMATED,
    MEASURED,
    MISSING,
    NARROW_CAP_WH,
    NARROW_RATING_W,
    QUARANTINED,
    REGISTER_WIDTH_WH,
    SLOTS_PER_DAY,
    WIDE_CAP_WH,
    WIDE_RATING_W,
)

STEPS = 50
ERRORS = {
    "number": "SequenceNotRising(uint256,uint256)",
    "time": "TimestampMisaligned(uint256,uint256)",
    "future": "ReadingInFuture(uint256,uint256)",
    "late": "ReadingTooLate(uint256,uint256)",
    "fall": "RegisterFell(uint256,uint256)",
    "cap": "EnergyAboveCap(uint256,uint256)",
    "key": "WrongDeviceKey(uint32,address)",
}


@dataclass
class Oracle:
    """True readings: slot boundary -> energy since the baseline."""

    points: dict[int, tuple[int, int]]
    seen: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def energy(self, slot):
        """Import, export and quality of a slot, by its neighbours among the true readings."""
        before = max((p for p in self.points if p <= slot), default=None)
        after = min((p for p in self.points if p > slot), default=None)
        if before is None or after is None or after - before > SLOTS_PER_DAY:
            return (0, 0, MISSING)
        count, k = after - before, slot - before
        rise = [b - a for a, b in zip(self.points[before], self.points[after], strict=True)]
        shares = [r * (k + 1) // count - r * k // count for r in rise]
        return (*shares, MEASURED if count == 1 else ESTIMATED)


@pytest.mark.parametrize(
    ("seed", "rating_w", "cap_wh"),
    [
        (1, NARROW_RATING_W, NARROW_CAP_WH),
        (2, NARROW_RATING_W, NARROW_CAP_WH),
        (3, WIDE_RATING_W, WIDE_CAP_WH),
    ],
    ids=["narrow-1", "narrow-2", "wide"],
)
def test_random_sequences__i30_to_i34__hold(
    smart_meter, register, registrar, relayer, owner, chain, first_slot, seed, rating_w, cap_wh
):
    rng = random.Random(seed)
    device = register(
        rated_import_w=rating_w,
        rated_export_w=rating_w,
        import_wh=REGISTER_WIDTH_WH - 20 * cap_wh,  # rolls over on the way
        export_wh=rng.randrange(cap_wh),
    )
    meter_id = device.meter_id
    oracle = Oracle({first_slot: (0, 0)})
    total = [0, 0]
    accepted = []
    counts = dict.fromkeys(["single", "gap", "day", "repeat", "conflict", *ERRORS], 0)

    def clock(slot, extra=120):
        wanted = slot * 900 + extra
        if chain.blocks.head.timestamp < wanted:
            chain.mine(timestamp=wanted)

    def energy(slots):
        return [rng.choice([0, 1, cap_wh, rng.randrange(cap_wh + 1)]) * slots for _ in range(2)]

    def took(slots, passed):
        total[0] += passed[0]
        total[1] += passed[1]
        oracle.points[device.slot] = (total[0], total[1])

    def refused(reading, error, *, key=None):
        data = smart_meter.submitSignedReading.encode_input(
            reading.as_tuple(), device.signature(reading, key=key)
        )
        answer = chain.provider.web3.provider.make_request(
            "eth_call", [{"to": smart_meter.address, "data": data.to_0x_hex()}, "latest"]
        )
        assert answer["error"]["data"][:10] == "0x" + keccak(text=ERRORS[error])[:4].hex()

    def check():
        first, count = first_slot - 2, min(672, device.slot - first_slot + 4)
        start = max(first, device.slot + 2 - count)
        found = smart_meter.slotEnergies(owner, start, count)
        for slot, energies in enumerate(found, start=start):
            value = (energies.importWh, energies.exportWh, energies.quality)
            assert value == oracle.energy(slot), f"slot {slot - first_slot}"
            if slot in oracle.seen:  # I-34
                assert value == oracle.seen[slot]
            if value[2] != MISSING:
                oracle.seen[slot] = value
        latest = smart_meter.latestReading(meter_id)  # I-30
        assert latest.sequence == device.sequence
        assert (latest.importWh, latest.exportWh) == (device.import_wh, device.export_wh)
        known = sorted(point for point in oracle.points if point >= start)
        for low, high in itertools.pairwise(known):  # I-33
            if high - low <= SLOTS_PER_DAY:
                sums = [sum(oracle.seen[slot][k] for slot in range(low, high)) for k in (0, 1)]
                assert sums == [oracle.points[high][k] - oracle.points[low][k] for k in (0, 1)]

    for step in range(STEPS):
        kind = rng.choice(
            ["single"] * 5 + ["gap"] * 2 + ["day"] * 2 + ["repeat", "conflict", *ERRORS]
        )
        if kind in ("repeat", "conflict", "number", "fall") and not accepted:
            kind = "single"
        counts[kind] += 1
        if kind in ("single", "gap"):
            slots = 1 if kind == "single" else rng.choice([2, 3, 9, 40, 95, 96, 97, 150])
            passed = energy(slots)
            reading = device.advance(*passed, slots=slots)
            if rng.random() < 0.2:  # V3: numbers may be left out
                device.sequence += rng.randint(1, 3)
                reading = device.reading()
            clock(device.slot)
            device.submit(reading, relayer)
            took(slots, passed)
            accepted.append(reading)
        elif kind == "day":
            # On from the day that the record has reached: joined inside it, or at its midnight.
            day_slot = device.slot // SLOTS_PER_DAY * SLOTS_PER_DAY
            join = device.slot - day_slot
            base = oracle.points.get(day_slot)
            if base is None or any(day_slot + k not in oracle.points for k in range(join + 1)):
                # The record does not show the whole day: single readings up to midnight.
                slots = day_slot + SLOTS_PER_DAY - device.slot
                passed = energy(slots)
                reading = device.advance(*passed, slots=slots)
                clock(device.slot)
                device.submit(reading, relayer)
                took(slots, passed)
                accepted.append(reading)
                day_slot, join = device.slot, 0
                base = oracle.points[day_slot]
            done = [
                tuple(
                    oracle.points[day_slot + k + 1][d] - oracle.points[day_slot + k][d]
                    for d in (0, 1)
                )
                for k in range(join)
            ]
            rest = [tuple(energy(1)) for _ in range(SLOTS_PER_DAY - join)]
            registers = [
                (start_wh + at_base) % REGISTER_WIDTH_WH
                for start_wh, at_base in zip(
                    (device.registration.import_wh, device.registration.export_wh),
                    base,
                    strict=True,
                )
            ]
            first_sequence = device.sequence + 1 - join
            if first_sequence < 1 or (
                join and accepted and accepted[-1].sequence != device.sequence
            ):
                continue
            day_fields = {
                "first_sequence": first_sequence,
                "day_start": day_slot * 900,
                "import_wh": registers[0],
                "export_wh": registers[1],
                "words": device.words([*done, *rest]),
            }
            day = device.day(rest, **day_fields)
            clock(device.slot)
            device.submit_day(day, relayer)
            for k, passed in enumerate(rest):
                total[0] += passed[0]
                total[1] += passed[1]
                oracle.points[day_slot + join + k + 1] = (total[0], total[1])
            accepted.append(device.reading())
        elif kind == "repeat":
            before = tuple(smart_meter.latestReading(meter_id))
            for reading in (accepted[-1], *rng.sample(accepted, min(2, len(accepted)))):
                old = reading.timestamp // 900
                deadline = ((old - 1) // SLOTS_PER_DAY + 2) * DAY_SECONDS
                if reading is not accepted[-1] and chain.blocks.head.timestamp > deadline - 60:
                    continue
                receipt = device.submit(reading, relayer)
                assert [log.event_name for log in receipt.events] == []
            assert tuple(smart_meter.latestReading(meter_id)) == before
        elif kind == "conflict":  # I-31
            released_at = smart_meter.meterInfo(meter_id).releasedAt
            if device.slot * 900 <= released_at:
                continue
            conflict = device.reading(import_wh=(device.import_wh + 1) % REGISTER_WIDTH_WH)
            receipt = device.submit(conflict, relayer)
            assert [log.event_name for log in receipt.events] == ["MeterQuarantined"]
            assert smart_meter.meterInfo(meter_id).status == QUARANTINED
            smart_meter.releaseQuarantine(meter_id, sender=registrar)
            assert smart_meter.meterInfo(meter_id).status == ACTIVE
        else:  # I-32
            clock(device.slot + 1)
            following = {"timestamp": (device.slot + 1) * 900, "sequence": device.sequence + 1}
            head = chain.blocks.head.timestamp
            if kind == "number" and device.sequence > 1:
                refused(device.reading(**{**following, "sequence": device.sequence - 1}), "number")
            elif kind == "time":
                offset = rng.randint(1, 899)
                refused(
                    device.reading(**{**following, "timestamp": (device.slot) * 900 + offset}),
                    "time",
                )
            elif kind == "future":
                ahead = (head // 900 + 2) * 900
                refused(device.reading(**{**following, "timestamp": ahead}), "future")
            elif kind == "late" and head >= (device.slot // SLOTS_PER_DAY + 2) * DAY_SECONDS:
                refused(device.reading(**following), "late")
            elif kind == "fall" and 0 < device.import_wh < REGISTER_WIDTH_WH * 9 // 10:
                refused(device.reading(**following, import_wh=device.import_wh - 1), "fall")
            elif kind == "cap" and device.export_wh + cap_wh + 1 < REGISTER_WIDTH_WH:
                refused(device.reading(**following, export_wh=device.export_wh + cap_wh + 1), "cap")
            elif kind == "key":
                refused(device.reading(**following), "key", key=keccak(text="thief"))
        if step % 10 == 9:
            check()
    check()

    assert counts["single"] and counts["gap"] and counts["day"]
    assert (
        smart_meter.meterInfo(meter_id).skippedSequences
        + sum(1 for point in oracle.points if point != first_slot)
        == device.sequence
    )
