"""Which signature a snapshot goes into: its own, or that of its whole UTC day.

A day takes one signature for its 96 snapshots once they are all there. As soon as one is known to
be missing, or the deadline passes, the day's snapshots go out singly: late is worse than dear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from energy_grid.day_words import LaneWidth, SlotRegisters, pack_day
from energy_grid.eip712 import MeterDay, MeterReading
from energy_grid.errors import InvalidValueError
from energy_grid.units import (
    SECONDS_PER_DAY,
    SLOT_SECONDS,
    SLOTS_PER_DAY,
    MeterId,
    UnixSeconds,
    Wh,
)
from meter_bridge.checks import difference
from meter_bridge.snapshots import Registers
from meter_bridge.store import Accepted


@dataclass(frozen=True, slots=True)
class DayPlan:
    """A complete day, ready for its signature.

    Args:
        base: registers at its first midnight, on chain already or about to be.
        snapshots: the 96 that follow, in order.
    """

    base: Registers
    snapshots: tuple[Accepted, ...]

    @property
    def day_end(self) -> int:
        """Midnight at its end."""
        return self.base.boundary + SECONDS_PER_DAY


@dataclass(frozen=True, slots=True)
class FormPlan:
    """What to sign now; snapshots in neither list wait for the rest of their day."""

    readings: tuple[Accepted, ...]
    days: tuple[DayPlan, ...]


def start_of_day(boundary: int) -> int:
    """Midnight that begins the day a snapshot belongs to: that of the slot it ends."""
    return (boundary - 1) // SECONDS_PER_DAY * SECONDS_PER_DAY


def plan_days(
    unsigned: Sequence[Accepted],
    registers_at: Callable[[int], Registers | None],
    newest_decided: int,
    now: int,
    deadline_seconds: int,
) -> FormPlan:
    """Sort a meter's unsigned snapshots into days and single readings.

    Args:
        unsigned: accepted snapshots in no signature yet, oldest first.
        registers_at: registers on record at a midnight.
        newest_decided: newest boundary decided: an older one that is not there never comes.
        now: current time.
        deadline_seconds: how long after its end a day is waited for.
    """
    by_day: dict[int, list[Accepted]] = {}
    for accepted in unsigned:
        by_day.setdefault(start_of_day(accepted.snapshot.boundary), []).append(accepted)
    readings: list[Accepted] = []
    days: list[DayPlan] = []
    for day_start, snapshots in by_day.items():
        base = registers_at(day_start)
        if base is not None and len(snapshots) == SLOTS_PER_DAY:
            days.append(DayPlan(base, tuple(snapshots)))
            continue
        newest = min(newest_decided, day_start + SECONDS_PER_DAY)
        is_broken = base is None or len(snapshots) * SLOT_SECONDS != newest - day_start
        if is_broken or now > day_start + SECONDS_PER_DAY + deadline_seconds:
            readings += snapshots
    return FormPlan(tuple(readings), tuple(days))


def reading_of(accepted: Accepted) -> MeterReading:
    """The message of a single reading."""
    snapshot = accepted.snapshot
    return MeterReading(
        meter_id=MeterId(snapshot.meter_id),
        sequence=accepted.sequence,
        timestamp=snapshot.boundary,
        import_wh=snapshot.import_wh,
        export_wh=snapshot.export_wh,
        frequency_millihz=snapshot.frequency_millihz,
        voltage_millivolts=snapshot.voltage_millivolts,
    )


def day_of(plan: DayPlan, width_wh: int, lane_width: LaneWidth) -> MeterDay:
    """The message of a day.

    Raises:
        InvalidValueError: a slot's energy does not fit; refused snapshots never get here.
    """
    slots = []
    before = plan.base
    for accepted in plan.snapshots:
        after = accepted.snapshot.registers
        import_wh = difference(before.import_wh, after.import_wh, width_wh)
        export_wh = difference(before.export_wh, after.export_wh, width_wh)
        if import_wh is None or export_wh is None:
            raise InvalidValueError(
                f"register fell within a day at {after.boundary}", expected=before, found=after
            )
        slots.append(SlotRegisters(Wh(import_wh), Wh(export_wh)))
        before = after
    last = plan.snapshots[-1].snapshot
    return MeterDay(
        meter_id=MeterId(last.meter_id),
        first_sequence=plan.snapshots[0].sequence,
        day_start=UnixSeconds(plan.base.boundary),
        import_wh=plan.base.import_wh,
        export_wh=plan.base.export_wh,
        words=pack_day(slots, lane_width),
        frequency_millihz=last.frequency_millihz,
        voltage_millivolts=last.voltage_millivolts,
    )
