"""Meters: who measures what for whom, and which of them count for an account. Section 5."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from energy_grid.eip712 import MeterKind, MeterReading
from energy_grid.model.refused import Refused
from energy_grid.slots import reading_deadline, slot_of, slot_start
from energy_grid.successions import (
    EPOCH_DELAY_SECONDS,
    HANDOVER_DELAY_SECONDS,
    OBJECTION_DELAY_SECONDS,
    OPEN_SECONDS,
)
from energy_grid.units import MeterId, UnixSeconds, Wh, slot_energy_wh

CAP_MARGIN_PERCENT = 110
MAX_RATED_W = 2**26 - 1
MAX_REGISTER_WIDTH_WH = 2**40
MIN_REGISTER_WIDTH_SLOTS = 10 * 96
MAX_REGISTRATION_AHEAD_SECONDS = 7 * 86_400
NARROW_MAX_RATED_W = 59_578
CLOCK_LEAD_SECONDS = 30


class MeterStatus(Enum):
    """Standing of a meter."""

    ACTIVE = 1
    QUARANTINED = 2
    DEACTIVATED = 3


@dataclass(frozen=True)
class Registration:
    """What a device signs to be registered. Its registers stood so when `first_slot` began."""

    device: str
    owner: str
    zone: int
    kind: MeterKind
    rated_import_w: int
    rated_export_w: int
    register_width_wh: int
    first_slot: int
    import_wh: int = 0
    export_wh: int = 0


@dataclass(frozen=True)
class Snapshot:
    """A true reading. Totals never roll over: they count on where the registers wrapped."""

    reading: MeterReading
    total_import_wh: int
    total_export_wh: int


@dataclass
class Announcement:
    """What will follow a meter: a registration without its baseline."""

    terms: Registration
    announced_at: int
    open_from: int
    consented: bool = False
    objected: bool = False

    @property
    def open_until(self) -> int:
        """First second at which nobody may open it any more."""
        return self.open_from + OPEN_SECONDS


@dataclass
class Meter:
    """One registered meter and its true readings by timestamp; the first is the baseline.

    Attributes:
        bridge: who reports it in pages.
        bridge_since: with a bridge: first boundary it may report. Without: the record up to here
            may come from pages; 0 if it never had one.
        demanded: first and last boundary that no page reports.
        successor: the meter that followed at the same connection.
        announced: what is to follow.
    """

    meter_id: int
    registration: Registration
    previous: Meter | None
    status: MeterStatus = MeterStatus.ACTIVE
    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    skipped_sequences: int = 0
    released_at: int = 0
    bridge: str | None = None
    bridge_since: int = 0
    demanded: tuple[int, int] | None = None
    successor: Meter | None = None
    announced: Announcement | None = None

    @property
    def last(self) -> Snapshot:
        """The newest true reading."""
        return self.snapshots[max(self.snapshots)]

    @property
    def wide_lanes(self) -> bool:
        """Whether a slot's energy needs the wide lanes of a day's words."""
        return max(self.registration.rated_import_w, self.registration.rated_export_w) > (
            NARROW_MAX_RATED_W
        )

    def at_or_before(self, timestamp: int) -> Snapshot | None:
        """The newest true reading not after `timestamp`."""
        times = [time for time in self.snapshots if time <= timestamp]
        return self.snapshots[max(times)] if times else None

    def at_or_after(self, timestamp: int) -> Snapshot | None:
        """The oldest true reading not before `timestamp`."""
        times = [time for time in self.snapshots if time >= timestamp]
        return self.snapshots[min(times)] if times else None

    def may_come_from_page(self, timestamp: int) -> bool:
        """Whether what is on record at an instant may be what a bridge said."""
        if self.bridge is not None:
            return True
        return self.bridge_since != 0 and timestamp <= self.bridge_since

    def require_active(self) -> None:
        """Refuse a meter that is quarantined or removed."""
        if self.status is not MeterStatus.ACTIVE:
            raise Refused("MeterNotActive", meterId=self.meter_id, status=self.status.value)


def without_baseline(registration: Registration) -> Registration:
    """What is known of a meter before it begins."""
    return replace(registration, first_slot=0, import_wh=0, export_wh=0)


def slot_cap_wh(rated_w: int) -> int:
    """Most energy a rating allows in one slot, with a margin of 10 % (V14)."""
    return slot_energy_wh(rated_w * CAP_MARGIN_PERCENT) // 100


@dataclass
class MeterRegistry:
    """All meters ever registered.

    Attributes:
        ids_given: Number of meter ids used up so far.
    """

    meters: dict[int, Meter] = field(default_factory=dict)
    ids_given: int = 0

    def meter(self, meter_id: int) -> Meter:
        """A registered meter."""
        if meter_id not in self.meters:
            raise Refused("UnknownMeter", meterId=meter_id)
        return self.meters[meter_id]

    def connection_of(self, owner: str) -> Meter | None:
        """The connection meter that an account uses, or used last."""
        return self._latest(owner, production=False)

    def production_of(self, owner: str) -> Meter | None:
        """The production meter that an account uses, or used last."""
        return self._latest(owner, production=True)

    def register(self, wanted: Registration, signer: str, now: int) -> Meter:
        """Bind a device key to an owner, with its consent. A key serves one meter, for ever."""
        self._check_device(wanted, signer)
        previous = self._check_owner(wanted, followed=None)
        self._check_first_slot(wanted, previous, now, MAX_REGISTRATION_AHEAD_SECONDS)
        return self._add(wanted, previous)

    # --- one meter follows another ---

    def announce(self, meter_id: int, terms: Registration, signer: str, now: int) -> None:
        """The registrar says what will follow a meter; its baseline is not known yet."""
        meter = self.meter(meter_id)
        old = meter.registration
        if meter.successor is not None:
            raise Refused("AlreadySucceeded", successorId=meter.successor.meter_id)
        if meter.announced is not None and now < meter.announced.open_until:
            raise Refused("AlreadyAnnounced", openUntil=meter.announced.open_until)
        if terms != without_baseline(terms):
            raise Refused("BaselineStated", firstSlot=terms.first_slot)
        if (old.kind is MeterKind.PRODUCTION) != (terms.kind is MeterKind.PRODUCTION):
            raise Refused("RoleChanged", meterId=meter_id)
        if terms.zone != old.zone:
            raise Refused("ZoneMismatch", given=terms.zone, expected=old.zone)
        self._check_device(terms, signer)
        stays = terms.owner == old.owner
        delay = EPOCH_DELAY_SECONDS if stays else HANDOVER_DELAY_SECONDS
        meter.announced = Announcement(terms, now, now + delay)

    def withdraw(self, meter_id: int) -> None:
        """The registrar takes an announcement back."""
        self._announced(self.meter(meter_id))
        self.meter(meter_id).announced = None

    def consent(self, meter_id: int, sender: str) -> None:
        """The old owner agrees: it waits no longer than for an owner that stays."""
        announced = self._announced_to(meter_id, sender)
        if announced.consented:
            raise Refused("AlreadyDecided", meterId=meter_id)
        announced.consented = True
        announced.open_from = announced.announced_at + EPOCH_DELAY_SECONDS

    def object(self, meter_id: int, sender: str, now: int) -> None:
        """The old owner objects, once: it waits for thirty days from now on."""
        announced = self._announced_to(meter_id, sender)
        if announced.consented or announced.objected:
            raise Refused("AlreadyDecided", meterId=meter_id)
        if now >= announced.open_from:
            raise Refused("ObjectionTooLate", openFrom=announced.open_from)
        announced.objected = True
        announced.open_from = now + OBJECTION_DELAY_SECONDS

    def open(self, meter_id: int, wanted: Registration, signer: str, now: int) -> Meter:
        """One meter ends where it was read last, the other begins there."""
        if meter_id not in self.meters:
            raise Refused("NothingAnnounced", meterId=meter_id)
        old = self.meters[meter_id]
        announced = self._announced(old)
        if without_baseline(wanted) != announced.terms:
            raise Refused("OtherTerms")
        if not announced.open_from <= now < announced.open_until:
            raise Refused("SuccessionNotOpen", openFrom=announced.open_from)
        self._check_device(wanted, signer)
        last_slot = slot_of(old.last.reading.timestamp)
        if old.status is MeterStatus.ACTIVE and wanted.first_slot != last_slot:
            possible_from = reading_deadline(last_slot)
            if wanted.first_slot < last_slot or now < possible_from:
                raise Refused("SlotsBetween", lastSlot=last_slot, possibleFrom=possible_from)
        previous = self._check_owner(wanted, followed=old)
        self._check_first_slot(wanted, previous, now, CLOCK_LEAD_SECONDS)
        old.announced = None
        old.status = MeterStatus.DEACTIVATED
        old.successor = self._add(wanted, previous)
        return old.successor

    def _announced_to(self, meter_id: int, sender: str) -> Announcement:
        meter = self.meter(meter_id)
        if sender != meter.registration.owner:
            raise Refused("NotOldOwner", meterId=meter_id, caller=sender)
        return self._announced(meter)

    @staticmethod
    def _announced(meter: Meter) -> Announcement:
        if meter.announced is None:
            raise Refused("NothingAnnounced", meterId=meter.meter_id)
        return meter.announced

    # --- the end of a meter, and judging one ---

    def _add(self, wanted: Registration, previous: Meter | None) -> Meter:
        self.ids_given += 1
        meter = Meter(self.ids_given, wanted, previous)
        starts_at = slot_start(wanted.first_slot)
        baseline = MeterReading(
            MeterId(meter.meter_id),
            0,
            UnixSeconds(starts_at),
            Wh(wanted.import_wh),
            Wh(wanted.export_wh),
        )
        meter.snapshots[starts_at] = Snapshot(baseline, wanted.import_wh, wanted.export_wh)
        self.meters[meter.meter_id] = meter
        return meter

    def deactivate(self, meter_id: int) -> None:
        """Remove a meter for ever; what it measured stays on record."""
        meter = self.meter(meter_id)
        if meter.status is MeterStatus.DEACTIVATED:
            raise Refused("MeterNotActive", meterId=meter_id, status=meter.status.value)
        meter.status = MeterStatus.DEACTIVATED

    def release(self, meter_id: int, now: int) -> None:
        """End a quarantine: conflicts up to now are judged."""
        meter = self.meter(meter_id)
        if meter.status is not MeterStatus.QUARANTINED:
            raise Refused("MeterNotQuarantined", meterId=meter_id, status=meter.status.value)
        meter.status = MeterStatus.ACTIVE
        meter.released_at = now

    def _latest(self, owner: str, *, production: bool) -> Meter | None:
        found = None
        for meter in self.meters.values():
            is_production = meter.registration.kind is MeterKind.PRODUCTION
            if meter.registration.owner == owner and is_production == production:
                found = meter
        return found

    def _check_device(self, wanted: Registration, signer: str) -> None:
        """The device agrees, it is new, its numbers make sense."""
        self._check_fields(wanted)
        if signer != wanted.device:
            raise Refused("WrongSigner", signer=signer, expected=wanted.device)
        for meter in self.meters.values():
            if meter.registration.device == wanted.device:
                raise Refused("DeviceKeyTaken", meterId=meter.meter_id)

    @staticmethod
    def _check_fields(wanted: Registration) -> None:
        for name, value in (
            ("deviceKey", wanted.device),
            ("owner", wanted.owner),
            ("zone", wanted.zone),
        ):
            if not value:
                raise Refused("ZeroField", field=name)
        highest_w = max(wanted.rated_import_w, wanted.rated_export_w)
        if highest_w > MAX_RATED_W:
            raise Refused("RatingTooHigh", given=highest_w, allowed=MAX_RATED_W)
        smallest = slot_cap_wh(highest_w) * MIN_REGISTER_WIDTH_SLOTS
        if not smallest <= wanted.register_width_wh <= MAX_REGISTER_WIDTH_WH:
            raise Refused("RegisterWidthOutOfRange", given=wanted.register_width_wh)
        for baseline_wh in (wanted.import_wh, wanted.export_wh):
            if baseline_wh >= wanted.register_width_wh:
                raise Refused("BaselineAboveWidth", given=baseline_wh)

    def _check_owner(self, wanted: Registration, followed: Meter | None) -> Meter | None:
        """One connection and one production meter an owner, all in one zone.

        What was removed without a successor is followed by an announcement only.
        """
        production = wanted.kind is MeterKind.PRODUCTION
        previous = self._latest(wanted.owner, production=production)
        if previous is not None and previous is not followed:
            ended = previous.status is MeterStatus.DEACTIVATED
            if not ended or (followed is None and previous.successor is None):
                raise Refused("OwnerHasMeter", owner=wanted.owner, meterId=previous.meter_id)
        connection = self.connection_of(wanted.owner)
        if production and (connection is None or connection.status is MeterStatus.DEACTIVATED):
            raise Refused("ConnectionMissing", owner=wanted.owner)
        if connection is not None and connection.registration.zone != wanted.zone:
            raise Refused("ZoneMismatch", given=wanted.zone, expected=connection.registration.zone)
        return previous

    def _check_first_slot(
        self, wanted: Registration, previous: Meter | None, now: int, lead_seconds: int
    ) -> None:
        """Not before what is on record already, not overdue, not far ahead."""
        not_before = [previous] if previous is not None else []
        if wanted.kind is MeterKind.PRODUCTION:
            connection = self.connection_of(wanted.owner)
            assert connection is not None
            not_before.append(connection)
        starts_at = slot_start(wanted.first_slot)
        for meter in not_before:
            if starts_at < meter.last.reading.timestamp:
                raise Refused(
                    "FirstSlotOutOfRange",
                    given=wanted.first_slot,
                    earliest=slot_of(meter.last.reading.timestamp),
                )
        overdue = now >= reading_deadline(wanted.first_slot - 1)
        if overdue or starts_at > now + lead_seconds:
            raise Refused("FirstSlotOutOfRange", given=wanted.first_slot)
