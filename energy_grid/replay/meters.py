"""Meters, their latest readings and the energy of their slots, of `SmartMeter`.

Slots follow from neighbouring snapshots: one slot apart is MEASURED, 2 to 96 apart is interpolated
and ESTIMATED, a longer stretch stays MISSING (specification, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from energy_grid.abi import Event
from energy_grid.day_words import LaneWidth, Quality, unpack_day
from energy_grid.pages import unpack_entries
from energy_grid.replay.reducer import Handler, Reducer, require
from energy_grid.slots import slot_of
from energy_grid.units import SLOT_SECONDS, SLOTS_PER_DAY

MAX_INTERPOLATED_SLOTS: Final = 96
ACTIVE, QUARANTINED, DEACTIVATED = 1, 2, 3

SlotReplay = tuple[int, int, int]
"""Import and export in Wh, quality."""


@dataclass
class OneMeterReplay:
    """One meter. `slots` has those that are not MISSING."""

    device_key: str
    owner: str
    zone: int
    kind: int
    first_slot: int
    width_wh: int
    last_slot: int
    import_wh: int
    export_wh: int
    sequence: int = 0
    frequency_millihz: int = 0
    voltage_millivolts: int = 0
    status: int = ACTIVE
    skipped_sequences: int = 0
    bridge: str = ""
    slots: dict[int, SlotReplay] = field(default_factory=dict)

    @property
    def latest(self) -> tuple[int, int, int, int, int, int]:
        """Sequence, time, registers, frequency, voltage of the latest reading."""
        return (
            self.sequence,
            self.last_slot * SLOT_SECONDS,
            self.import_wh,
            self.export_wh,
            self.frequency_millihz,
            self.voltage_millivolts,
        )

    def snapshot(self, slot: int, import_wh: int, export_wh: int) -> None:
        """Take the registers at the start of `slot`.

        Raises:
            ReplayError: a reading at or after it is on record.
        """
        length = slot - self.last_slot
        require(length > 0, "readings fall back", expected=f"> {self.last_slot}", found=slot)
        if length <= MAX_INTERPOLATED_SLOTS:
            quality = Quality.MEASURED if length == 1 else Quality.ESTIMATED
            imported = (import_wh - self.import_wh) % self.width_wh
            exported = (export_wh - self.export_wh) % self.width_wh
            for index in range(length):
                self.slots[self.last_slot + index] = (
                    _part(imported, index, length),
                    _part(exported, index, length),
                    quality,
                )
        self.last_slot, self.import_wh, self.export_wh = slot, import_wh, export_wh


def _part(energy_wh: int, index: int, length: int) -> int:
    return energy_wh * (index + 1) // length - energy_wh * index // length


class MeterReplay(Reducer):
    """`SmartMeter` with its pages."""

    PASSED_OVER: ClassVar[frozenset[str]] = frozenset(
        {
            "AuthorityUpdated",
            "EIP712DomainChanged",
            "GapRecorded",
            "MeterLimitsChanged",
            "MeterSucceeded",
            "PageDisputeAnswered",
            "PageDisputed",
            "ReadingSkipped",
            "RegisterRolledOver",
            "SignatureDemanded",
            "SuccessionAnnounced",
            "SuccessionConsented",
            "SuccessionObjected",
            "SuccessionWithdrawn",
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.meters: dict[int, OneMeterReplay] = {}
        self.bridges: dict[str, bool] = {}
        self.pages: dict[tuple[str, int, int], bytes] = {}
        self._skipped: set[tuple[int, int]] = set()

    def handlers(self) -> Mapping[str, Handler]:
        """See `Reducer`."""
        return {
            "BridgeAppointed": self._bridge_appointed,
            "BridgeJoined": self._bridge_joined,
            "BridgeLeft": self._bridge_left,
            "BridgeSuspended": self._bridge_suspended,
            "MeterDayAccepted": self._day,
            "MeterDeactivated": self._deactivated,
            "MeterQuarantined": self._quarantined,
            "MeterRegistered": self._registered,
            "MeterReleased": self._released,
            "PageCommitted": self._page_committed,
            "PageEntrySkipped": self._entry_skipped,
            "PageRevealed": self._page_revealed,
            "PageWithdrawn": self._page_withdrawn,
            "ReadingAccepted": self._reading,
            "SequenceSkipped": self._sequence_skipped,
        }

    # --- registry ---

    def _registered(self, event: Event, _now: int) -> None:
        self.meters[event.meterId] = OneMeterReplay(
            device_key=event.deviceKey,
            owner=event.owner,
            zone=event.zone,
            kind=event.kind,
            first_slot=event.firstSlot,
            width_wh=event.registerWidthWh,
            last_slot=event.firstSlot,
            import_wh=event.importWh,
            export_wh=event.exportWh,
        )

    def _deactivated(self, event: Event, _now: int) -> None:
        self.meters[event.meterId].status = DEACTIVATED

    def _quarantined(self, event: Event, _now: int) -> None:
        self.meters[event.meterId].status = QUARANTINED

    def _released(self, event: Event, _now: int) -> None:
        self.meters[event.meterId].status = ACTIVE

    def _sequence_skipped(self, event: Event, _now: int) -> None:
        self.meters[event.meterId].skipped_sequences += event.found - event.expected

    # --- readings ---

    def _reading(self, event: Event, _now: int) -> None:
        meter = self.meters[event.meterId]
        meter.snapshot(slot_of(event.timestamp), event.importWh, event.exportWh)
        meter.sequence = event.sequence
        meter.frequency_millihz = event.frequencyMilliHz
        meter.voltage_millivolts = event.voltageMilliV

    def _day(self, event: Event, _now: int) -> None:
        meter = self.meters[event.meterId]
        words = [bytes(word) for word in event.words]
        width = next(one for one in LaneWidth if one.words_per_day == len(words))
        start = slot_of(event.dayStart)
        energies = unpack_day(words, width)[event.firstSlot - start :]
        import_wh = event.importWh - sum(energy.import_wh for energy in energies[1:])
        export_wh = event.exportWh - sum(energy.export_wh for energy in energies[1:])
        meter.snapshot(event.firstSlot + 1, import_wh % meter.width_wh, export_wh % meter.width_wh)
        for slot, energy in enumerate(energies[1:], event.firstSlot + 1):
            import_wh += energy.import_wh
            export_wh += energy.export_wh
            meter.snapshot(slot + 1, import_wh % meter.width_wh, export_wh % meter.width_wh)
        require(
            meter.last_slot == start + SLOTS_PER_DAY,
            f"day of meter {event.meterId}",
            expected=start + SLOTS_PER_DAY,
            found=meter.last_slot,
        )
        meter.sequence = event.lastSequence
        meter.frequency_millihz = event.frequencyMilliHz
        meter.voltage_millivolts = event.voltageMilliV

    # --- pages ---

    def _page_committed(self, event: Event, _now: int) -> None:
        self.pages[event.bridge, event.boundary, event.index] = bytes(event.pageHash)

    def _page_withdrawn(self, event: Event, _now: int) -> None:
        del self.pages[event.bridge, event.boundary, event.index]

    def _entry_skipped(self, event: Event, _now: int) -> None:
        self._skipped.add((event.meterId, event.place))

    def _page_revealed(self, event: Event, _now: int) -> None:
        skipped, self._skipped = self._skipped, set()
        accepted = 0
        for place, entry in enumerate(unpack_entries(bytes(event.entries)), event.firstPlace):
            if (entry.meter_id, place) in skipped:
                continue
            meter = self.meters[entry.meter_id]
            meter.snapshot(slot_of(event.boundary), entry.import_wh, entry.export_wh)
            meter.sequence = entry.sequence
            meter.frequency_millihz = meter.voltage_millivolts = 0
            accepted += 1
        require(
            accepted == event.accepted,
            "entries taken from a page",
            expected=event.accepted,
            found=accepted,
        )

    # --- bridges ---

    def _bridge_appointed(self, event: Event, _now: int) -> None:
        self.bridges[event.bridge] = True

    def _bridge_suspended(self, event: Event, _now: int) -> None:
        self.bridges[event.bridge] = False

    def _bridge_joined(self, event: Event, _now: int) -> None:
        self.meters[event.meterId].bridge = event.bridge

    def _bridge_left(self, event: Event, _now: int) -> None:
        self.meters[event.meterId].bridge = ""
