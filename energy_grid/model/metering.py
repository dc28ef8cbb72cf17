"""Which readings are taken, and what becomes of the others. Specification, section 5.

A reading is a snapshot of two registers that only ever rise. Single readings and signed days end up
as the same list of true readings, see `slot_energy` for what follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from energy_grid.day_words import LaneWidth, Quality, SlotRegisters, unpack_day
from energy_grid.eip712 import MeterDay, MeterReading
from energy_grid.errors import InvalidValueError
from energy_grid.model.meters import Meter, MeterRegistry, MeterStatus, Snapshot, slot_cap_wh
from energy_grid.model.refused import Refused
from energy_grid.slots import is_aligned, reading_deadline, slot_of
from energy_grid.units import (
    SECONDS_PER_DAY,
    SLOT_SECONDS,
    SLOTS_PER_DAY,
    MilliHertz,
    MilliVolt,
    UnixSeconds,
    Wh,
)

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
        if reading.sequence == 0:
            raise Refused("SequenceNotRising", given=0, last=meter.last.reading.sequence)
        meter.require_active()
        return self._record(meter, reading, now)

    def submit_own(self, reading: MeterReading, device: str, now: int) -> Outcome:
        """The device's own transaction: the number is the next one, whatever the reading says."""
        meter = next(
            (one for one in self.registry.meters.values() if one.registration.device == device),
            None,
        )
        if meter is None:
            raise Refused("UnknownDevice", deviceKey=device)
        meter.require_active()
        last = meter.last.reading
        number = last.sequence + 1
        if reading.timestamp <= last.timestamp:
            number = last.sequence if reading.timestamp == last.timestamp else 0
        return self._record(meter, replace(reading, sequence=number), now)

    def submit_many(self, readings: Sequence[tuple[MeterReading, str]], now: int) -> int:
        """Take many readings; what would be refused alone is skipped. Returns how many were new."""
        accepted = 0
        for reading, signer in readings:
            try:
                accepted += self.submit(reading, signer, now) is Outcome.ACCEPTED
            except Refused:
                continue
        return accepted

    def submit_day(self, day: MeterDay, signer: str, now: int) -> int:
        """Take a signed day: what is new of it, snapshot by snapshot. Returns how many were new."""
        meter = self.registry.meter(day.meter_id)
        if signer != meter.registration.device:
            raise Refused("WrongDeviceKey", meterId=day.meter_id, signer=signer)
        meter.require_active()
        if day.day_start % SECONDS_PER_DAY:
            raise Refused("TimestampMisaligned", given=day.day_start, unit=SECONDS_PER_DAY)
        if day.day_start + SECONDS_PER_DAY > now + MAX_CLOCK_AHEAD_SECONDS:
            raise Refused("ReadingInFuture", given=day.day_start + SECONDS_PER_DAY)
        last = meter.last.reading
        if day.first_sequence == 0:
            raise Refused("SequenceNotRising", given=0, last=last.sequence)
        for base_wh in (day.import_wh, day.export_wh):
            if base_wh >= meter.registration.register_width_wh:
                raise Refused("BaseAboveWidth", givenWh=base_wh)
        readings = day_snapshots(meter, day)
        check_form(readings[-1], now)
        if last.timestamp >= readings[-1].timestamp:
            self._compare_with_record(meter, readings[-1], now)
            return 0
        conflict = self._conflict_of_day(last, day, readings)
        if conflict is not None:
            self._contradicted(meter, conflict, last.timestamp)
            return 0
        check_deadline(readings[-1].timestamp, now)
        return self._record_day(meter, readings, now)

    @staticmethod
    def _conflict_of_day(
        last: MeterReading, day: MeterDay, readings: Sequence[MeterReading]
    ) -> MeterReading | None:
        """V4: where a day meets the record, registers and numbers must agree."""
        for place, reading in enumerate(readings):
            if reading.timestamp != last.timestamp:
                continue
            if not same_registers(reading, last):
                return reading
            if place and last.sequence and reading.sequence != last.sequence:
                return reading
            if place:
                return None
        if day.first_sequence > last.sequence:
            return None
        if last.sequence <= readings[-1].sequence:
            return readings[0] if last.timestamp >= readings[0].timestamp else readings[-1]
        raise Refused("SequenceNotRising", given=day.first_sequence, last=last.sequence)

    @staticmethod
    def _record_day(meter: Meter, readings: Sequence[MeterReading], now: int) -> int:
        base, snapshots = readings[0], readings[1:]
        accepted = 0
        last = meter.last.reading
        base_is_in_time = now < reading_deadline(slot_of(base.timestamp) - 1)
        if last.timestamp < base.timestamp and base_is_in_time and base.sequence > last.sequence:
            append(meter, base)
            accepted += 1
        for reading in snapshots:
            if reading.timestamp > meter.last.reading.timestamp:
                append(meter, reading)
                accepted += 1
        return accepted

    def report_equivocation(
        self,
        first: tuple[MeterReading, str],
        second: tuple[MeterReading, str],
        now: int,
    ) -> None:
        """Quarantine a meter whose key signed two readings that exclude each other."""
        (one, one_signer), (other, other_signer) = first, second
        same_place = one.timestamp == other.timestamp or one.sequence == other.sequence
        if one.meter_id != other.meter_id or one == other or not same_place:
            raise Refused("NoConflict")
        meter = self.registry.meter(one.meter_id)
        for signer in (one_signer, other_signer):
            if signer != meter.registration.device:
                raise Refused("WrongDeviceKey", meterId=one.meter_id, signer=signer)
        meter.require_active()
        later = max(one, other, key=lambda reading: reading.timestamp)
        if later.timestamp > now + MAX_CLOCK_AHEAD_SECONDS:
            raise Refused("ReadingInFuture", given=later.timestamp)
        self._quarantine(meter, later)

    def _record(self, meter: Meter, reading: MeterReading, now: int) -> Outcome:
        check_form(reading, now)
        if reading.timestamp <= meter.last.reading.timestamp:
            return self._compare_with_record(meter, reading, now)
        if reading.sequence == meter.last.reading.sequence:
            return self._contradicted(meter, reading, meter.last.reading.timestamp)
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
            # The baseline has no number, frequency or voltage to differ in, a page only a number.
            same = same_registers(reading, last)
            if last.sequence:
                same = same and reading.sequence == last.sequence
                same = same and (not_measured(meter, last) or same_quality(reading, last))
            if same:
                return Outcome.DUPLICATE
            return self._contradicted(meter, reading, reading.timestamp)
        check_deadline(reading.timestamp, now)
        on_record = meter.snapshots.get(reading.timestamp)
        if on_record is None:
            if reading.sequence == last.sequence and last.sequence:
                return self._contradicted(meter, reading, reading.timestamp)
            raise Refused("TimestampNotRising", given=reading.timestamp, last=last.timestamp)
        # Of older readings only the registers are kept; their numbers lie below the last one.
        if reading.sequence < last.sequence and same_registers(reading, on_record.reading):
            return Outcome.DUPLICATE
        return self._contradicted(meter, reading, reading.timestamp)

    def _contradicted(self, meter: Meter, reading: MeterReading, record_at: int) -> Outcome:
        """A signed reading differs from the record, which proves nothing if a page made it."""
        if meter.may_come_from_page(record_at):
            raise Refused("RecordFromPage", meterId=meter.meter_id, timestamp=reading.timestamp)
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


def same_quality(one: MeterReading, other: MeterReading) -> bool:
    """Whether two readings show the same frequency and voltage."""
    return (one.frequency_millihz, one.voltage_millivolts) == (
        other.frequency_millihz,
        other.voltage_millivolts,
    )


def not_measured(meter: Meter, last: MeterReading) -> bool:
    """Whether the latest reading has no frequency and voltage because a page may have made it."""
    return not (last.frequency_millihz or last.voltage_millivolts) and (
        meter.may_come_from_page(last.timestamp)
    )


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
    if width * ROLLOVER_FROM_PERCENT < previous * 100 < width * 100:
        return current + width - previous
    raise Refused("RegisterFell", givenWh=current, lastWh=previous)


def day_snapshots(meter: Meter, day: MeterDay) -> list[MeterReading]:
    """The base of a signed day and the 96 readings it stands for, in order of time."""
    width = meter.registration.register_width_wh
    imported, exported = int(day.import_wh), int(day.export_wh)
    readings = [snapshot_of_day(day, 0, imported, exported)]
    for place, moved in enumerate(checked_lanes(meter, day), start=1):
        imported = (imported + moved.import_wh) % width
        exported = (exported + moved.export_wh) % width
        readings.append(snapshot_of_day(day, place, imported, exported))
    return readings


def snapshot_of_day(day: MeterDay, place: int, import_wh: int, export_wh: int) -> MeterReading:
    """Snapshot `place` of a day: 0 is the base at midnight, 96 the end."""
    is_last = place == SLOTS_PER_DAY
    return MeterReading(
        meter_id=day.meter_id,
        sequence=day.first_sequence + place - 1,
        timestamp=UnixSeconds(day.day_start + SLOT_SECONDS * place),
        import_wh=Wh(import_wh),
        export_wh=Wh(export_wh),
        frequency_millihz=day.frequency_millihz if is_last else MilliHertz(0),
        voltage_millivolts=day.voltage_millivolts if is_last else MilliVolt(0),
    )


def checked_lanes(meter: Meter, day: MeterDay) -> Sequence[SlotRegisters]:
    """The 96 quarter hours of a day, if its words are in form and physics allows them."""
    width = LaneWidth.WIDE if meter.wide_lanes else LaneWidth.NARROW
    if len(day.words) != width.words_per_day:
        raise Refused("WrongWordCount", given=len(day.words), expected=width.words_per_day)
    try:
        lanes = unpack_day(day.words, width)
    except InvalidValueError as error:
        raise Refused("MalformedDayWord") from error
    for lane in lanes:
        if lane.quality is not Quality.MEASURED:
            raise Refused("MalformedDayWord")
        for energy_wh, rated_w in (
            (lane.import_wh, meter.registration.rated_import_w),
            (lane.export_wh, meter.registration.rated_export_w),
        ):
            if energy_wh > slot_cap_wh(rated_w):
                raise Refused("EnergyAboveCap", givenWh=energy_wh)
    return lanes
