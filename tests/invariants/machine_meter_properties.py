"""The properties I-30 to I-34: what the chain shows of meters, and its events."""

from __future__ import annotations

from typing import Any

from energy_grid.abi import Event
from energy_grid.model.meters import slot_cap_wh
from energy_grid.units import SLOT_SECONDS
from tests.invariants.machine_base import MachineBase
from tests.invariants.properties import checks

ACTIVE_METER, QUARANTINED_METER = 1, 2


class MeterProperties(MachineBase):
    """Checks on readings and slots; the start of all properties."""

    def __init__(self) -> None:
        super().__init__()
        self.readings: dict[tuple[int, int], Event] = {}
        self.final: dict[tuple[int, int], tuple[int, int, int]] = {}

    # --- what happened in the step ---

    def events(self, name: str) -> list[Event]:
        """Events of the step."""
        return [event for receipt in self.receipts for event in receipt.named(name)]

    @property
    def earlier(self) -> Any:
        """What was seen before the step."""
        return self.before or self.seen

    # --- the properties ---

    @checks("I-30")
    def i30_numbers_rise_and_registers_only_rise(self) -> int:
        """A register may fall only by a rollover that is on record."""
        rolled = {(e.meterId, e.exportRegister) for e in self.events("RegisterRolledOver")}
        facts = 0
        for meter_id, reading in self.seen.readings.items():
            before = self.earlier.readings.get(meter_id)
            if before is None or before == reading:
                continue
            assert reading.sequence > before.sequence
            assert reading.timestamp > before.timestamp
            for export, now, then in (
                (False, reading.importWh, before.importWh),
                (True, reading.exportWh, before.exportWh),
            ):
                assert now >= then or (meter_id, export) in rolled
            facts += 1
        return facts

    @checks("I-31")
    def i31_readings_are_signed_single_and_equivocation_quarantines(self) -> int:
        """No time is accepted twice, nothing of an inactive meter; the key is the meter's."""
        accepted = self.events("ReadingAccepted")
        for event in accepted:
            key = (event.meterId, event.timestamp)
            assert key not in self.readings, f"accepted twice: {key}"
            self.readings[key] = event
            assert self.earlier.meters[event.meterId].status == ACTIVE_METER
            fields = (event.meterId, event.sequence, event.timestamp)
            registers = (event.importWh, event.exportWh)
            device = self.seen.meters[event.meterId].deviceKey
            assert device in self.world.signed.get((*fields, *registers), set())
        for event in self.events("MeterQuarantined"):
            assert self.seen.meters[event.meterId].status == QUARANTINED_METER
        return len(accepted) + len(self.events("MeterQuarantined"))

    @checks("I-32")
    def i32_readings_are_aligned_in_time_and_physical(self) -> int:
        """On the slot grid, not in the future, before their deadline, within the rating."""
        accepted = self.events("ReadingAccepted")
        for event in accepted:
            assert event.timestamp % SLOT_SECONDS == 0
            assert event.timestamp <= self.seen.now + 30
            day_of_last_slot = (event.timestamp // SLOT_SECONDS - 1) // 96
            assert self.seen.now < (day_of_last_slot + 2) * 86_400
        meters = {event.meterId for event in accepted}
        meters |= {event.meterId for event in self.events("MeterDayAccepted")}
        for meter_id in meters:
            before, after = self.earlier.readings[meter_id], self.seen.readings[meter_id]
            info = self.seen.meters[meter_id]
            slots = (after.timestamp - before.timestamp) // SLOT_SECONDS
            for then, now, rated_w in (
                (before.importWh, after.importWh, info.ratedImportW),
                (before.exportWh, after.exportWh, info.ratedExportW),
            ):
                rise = (now - then) % info.registerWidthWh
                assert rise <= slot_cap_wh(rated_w) * slots
        return len(meters)

    @checks("I-33", "I-34")
    def i33_i34_slots_add_up_to_the_registers_and_never_change(self) -> int:
        """Between two readings seen, all slots known add up to the register difference."""
        moved = [
            meter_id
            for meter_id, reading in self.seen.readings.items()
            if meter_id in self.earlier.readings
            and self.earlier.readings[meter_id].timestamp < reading.timestamp
        ]
        for meter_id in moved:
            self._check_span(meter_id)
        self._check_final_slots(len(moved))
        return len(moved)

    def _check_span(self, meter_id: int) -> None:
        before, after = self.earlier.readings[meter_id], self.seen.readings[meter_id]
        slots = range(before.timestamp // SLOT_SECONDS, after.timestamp // SLOT_SECONDS)
        meters = self.world.meters
        energies = self.world.chain.ask([(meters, "slotEnergy", (meter_id, s)) for s in slots])
        stretches = self._long_stretches(meter_id, slots)
        imported = sum(energy.importWh for energy in energies) + sum(s.importWh for s in stretches)
        exported = sum(energy.exportWh for energy in energies) + sum(s.exportWh for s in stretches)
        width = self.seen.meters[meter_id].registerWidthWh
        assert imported == (after.importWh - before.importWh) % width
        assert exported == (after.exportWh - before.exportWh) % width
        for slot, energy in zip(slots, energies, strict=True):
            if energy.quality:
                self.final[(meter_id, slot)] = tuple(energy)

    def _long_stretches(self, meter_id: int, slots: range) -> list[Any]:
        """Gaps too long to interpolate, within a span."""
        meters = self.world.meters
        count = meters.call("stretchCount", meter_id)
        newest = self.world.chain.ask(
            [(meters, "stretchAt", (meter_id, index)) for index in range(max(0, count - 3), count)]
        )
        return [
            stretch
            for stretch in newest
            if stretch.fromSlot in slots and stretch.toSlot - stretch.fromSlot > 96
        ]

    def _check_final_slots(self, changed: int) -> None:
        """A sample of the slots ever reported, some more when readings came in."""
        known = list(self.final.items())
        if not known:
            return
        sample = self.dice(len(known) + self.steps).sample(known, min(len(known), 3 + 5 * changed))
        answers = self.world.chain.ask(
            [(self.world.meters, "slotEnergy", key) for key, _ in sample]
        )
        for (key, expected), answer in zip(sample, answers, strict=True):
            assert tuple(answer) == expected, f"slot {key[1]} of meter {key[0]} changed"
