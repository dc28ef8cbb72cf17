"""Which readings are taken, and what becomes of the others. Specification, section 5.

A reading is a snapshot of two registers that only ever rise. Single readings and signed days end up
as the same list of true readings, see `slot_energy` for what follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from energy_grid.eip712 import MeterReading
from energy_grid.model.meters import Meter, MeterRegistry, MeterStatus, Snapshot, slot_cap_wh
from energy_grid.model.refused import Refused
from energy_grid.slots import is_aligned, reading_deadline, slot_of
from energy_grid.units import SLOT_SECONDS, SLOTS_PER_DAY, MeterId, UnixSeconds, Wh

MAX_CLOCK_AHEAD_SECONDS = 30
ROLLOVER_FROM_PERCENT = 90
MAX_REGISTER_WH = 2**40 - 1
MAX_FREQUENCY_MILLIHZ = 65_535
MAX_VOLTAGE_MILLIVOLTS = 16_777_215


class Outcome(Enum):
    """What became of a validly signed reading that was not refused."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


@dataclass
class Metering:
    """The door through which readings come in."""

    registry: MeterRegistry = field(default_factory=MeterRegistry)

    def submit(self, reading: MeterReading, signer: str, now: int) -> Outcome:
        """Take one signed reading (rules V1 to V5, V7, V10 to V12, V14, V15)."""
        meter = self.registry.meter(reading.meter_id)
        if signer != meter.registration.device:
            raise Refused("WrongDeviceKey", meterId=reading.meter_id, signer=signer)
        meter.require_active()
        return self._record(meter, reading, now)

    def submit_many(self, readings: Sequence[tuple[MeterReading, str]], now: int) -> int:
        """Take many readings; what would be refused alone is skipped. Returns how many were new."""
        accepted = 0
        for reading, signer in readings:
            try:
                accepted += self.submit(reading, signer, now) is Outcome.ACCEPTED
            except Refused:
                continue
        return accepted

    def _record(self, meter: Meter, reading: MeterReading, now: int) -> Outcome:
        check_form(reading, now)
        if reading.timestamp <= meter.last.reading.timestamp:
            return self._compare_with_record(meter, reading, now)
        if reading.sequence == meter.last.reading.sequence:
            return self._quarantine(meter, reading)
        if reading.sequence < meter.last.reading.sequence:
            raise Refused(
                "SequenceNotRising", given=reading.sequence, last=meter.last.reading.sequence
            )
        check_deadline(reading.timestamp, now)
        append(meter, reading)
        return Outcome.ACCEPTED

    def _compare_with_record(self, meter: Meter, reading: MeterReading, now: int) -> Outcome:
        """V4: what is on record for this time decides what an older reading is."""
        last = meter.last.reading
        if reading.timestamp == last.timestamp:
            # The baseline has no number, frequency or voltage to differ in.
            same = reading == last if last.sequence else same_registers(reading, last)
            return Outcome.DUPLICATE if same else self._quarantine(meter, reading)
        check_deadline(reading.timestamp, now)
        on_record = meter.snapshots.get(reading.timestamp)
        if on_record is None:
            if reading.sequence == last.sequence:
                return self._quarantine(meter, reading)
            raise Refused("TimestampNotRising", given=reading.timestamp, last=last.timestamp)
        # Of older readings only the registers are kept; their numbers lie below the last one.
        if reading.sequence < last.sequence and same_registers(reading, on_record.reading):
            return Outcome.DUPLICATE
        return self._quarantine(meter, reading)

    @staticmethod
    def _quarantine(meter: Meter, reading: MeterReading) -> Outcome:
        if reading.timestamp <= meter.released_at:
            raise Refused("ConflictAlreadyJudged", meterId=meter.meter_id)
        meter.status = MeterStatus.QUARANTINED
        return Outcome.QUARANTINED


def check_form(reading: MeterReading, now: int) -> None:
    """V5, V7 ahead, and what the contract can hold."""
    if not is_aligned(reading.timestamp):
        raise Refused("TimestampMisaligned", given=reading.timestamp, unit=SLOT_SECONDS)
    if reading.timestamp > now + MAX_CLOCK_AHEAD_SECONDS:
        raise Refused("ReadingInFuture", given=reading.timestamp)
    for given, allowed in (
        (reading.import_wh, MAX_REGISTER_WH),
        (reading.export_wh, MAX_REGISTER_WH),
        (reading.frequency_millihz, MAX_FREQUENCY_MILLIHZ),
        (reading.voltage_millivolts, MAX_VOLTAGE_MILLIVOLTS),
    ):
        if given > allowed:
            raise Refused("ValueOutOfRange", given=given, allowed=allowed)


def check_deadline(timestamp: int, now: int) -> None:
    """V7 behind: a reading counts before the deadline of the slot that it closes."""
    deadline = reading_deadline(slot_of(timestamp) - 1)
    if now >= deadline:
        raise Refused("ReadingTooLate", blockTimestamp=now, deadline=deadline)


def same_registers(one: MeterReading, other: MeterReading) -> bool:
    """Whether two readings show the same registers."""
    return (one.import_wh, one.export_wh) == (other.import_wh, other.export_wh)


def append(meter: Meter, reading: MeterReading) -> None:
    """Put a newer reading on record; refuses what physics does not allow (V11, V12, V14)."""
    last = meter.last
    known = meter.registration
    slots = (reading.timestamp - last.reading.timestamp) // SLOT_SECONDS
    imported = register_rise(last.reading.import_wh, reading.import_wh, known.register_width_wh)
    exported = register_rise(last.reading.export_wh, reading.export_wh, known.register_width_wh)
    for energy_wh, rated_w in (
        (imported, known.rated_import_w),
        (exported, known.rated_export_w),
    ):
        if energy_wh > slot_cap_wh(rated_w) * slots:
            raise Refused("EnergyAboveCap", givenWh=energy_wh)
    meter.skipped_sequences += reading.sequence - last.reading.sequence - 1
    meter.snapshots[reading.timestamp] = Snapshot(
        reading, last.total_import_wh + imported, last.total_export_wh + exported
    )


def register_rise(previous: int, current: int, width: int) -> int:
    """How far a register rose, over one rollover if it was nearly full (V11, V12)."""
    if current >= previous:
        return current - previous
    if previous * 100 > width * ROLLOVER_FROM_PERCENT:
        return current + width - previous
    raise Refused("RegisterFell", givenWh=current, lastWh=previous)


def day_snapshots(
    meter_id: int,
    first_sequence: int,
    day_start: int,
    base: tuple[int, int],
    differences: Sequence[tuple[int, int]],
    register_width_wh: int,
) -> list[MeterReading]:
    """The 96 readings that a signed day stands for."""
    imported, exported = base
    readings = []
    for place, (import_wh, export_wh) in enumerate(differences):
        imported = (imported + import_wh) % register_width_wh
        exported = (exported + export_wh) % register_width_wh
        readings.append(
            MeterReading(
                MeterId(meter_id),
                first_sequence + place,
                UnixSeconds(day_start + SLOT_SECONDS * (place + 1)),
                Wh(imported),
                Wh(exported),
            )
        )
    assert len(readings) == SLOTS_PER_DAY
    return readings
