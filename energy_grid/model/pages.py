"""Pages of readings: who is reported by which bridge, what counts, disputes. Section 5.

The boundary of a page is the time of its readings; all times are unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum

from energy_grid.eip712 import MeterReading
from energy_grid.model.metering import MAX_CLOCK_AHEAD_SECONDS, Metering, append, check_deadline
from energy_grid.model.meters import (
    MAX_REGISTRATION_AHEAD_SECONDS,
    Meter,
    MeterStatus,
    slot_cap_wh,
)
from energy_grid.model.refused import Refused
from energy_grid.pages import (
    ANSWER_SECONDS,
    DISPUTE_SECONDS,
    MAX_ENTRIES,
    MeterPage,
    PageConsent,
    PageEntry,
)
from energy_grid.slots import is_aligned, reading_deadline, slot_of
from energy_grid.units import SECONDS_PER_DAY, SLOT_SECONDS, UnixSeconds

RING_SECONDS = 1_024 * SLOT_SECONDS
"""A page's place serves another page so much later."""

MAX_DEMANDED_BOUNDARIES = 256


class BridgeStatus(Enum):
    """Standing of a bridge."""

    ACTIVE = 1
    SUSPENDED = 2


class PageStatus(Enum):
    """Standing of a page on record."""

    COMMITTED = 1
    REVEALED = 2
    WITHDRAWN = 3


class EntryRefusal(IntEnum):
    """Why an entry was skipped, as numbered on chain."""

    NONE = 0
    NOT_IN_BRIDGE = 1
    SIGNATURE_DEMANDED = 2
    NOT_ACTIVE = 3
    BEHIND = 4
    SEQUENCE = 5
    REGISTER_FELL = 6
    ABOVE_CAP = 7


@dataclass(frozen=True)
class CommittedPage:
    """What is on record of a page."""

    page_hash: bytes
    committed_at: int
    status: PageStatus = PageStatus.COMMITTED
    next_place: int = 0


@dataclass(frozen=True)
class Accusation:
    """An entry whose signature its bridge has to show."""

    bridge: str
    entry: PageEntry
    boundary: int
    later_at: int
    answer_until: int


PageKey = tuple[str, int, int]


@dataclass
class Pages:
    """The door through which pages come in.

    Attributes:
        pages: by bridge, boundary and index.
        accusations: by meter.
        skipped: of the page revealed last: place and reason.
    """

    metering: Metering
    bridges: dict[str, BridgeStatus] = field(default_factory=dict)
    pages: dict[PageKey, CommittedPage] = field(default_factory=dict)
    accusations: dict[int, Accusation] = field(default_factory=dict)
    skipped: list[tuple[int, EntryRefusal]] = field(default_factory=list)

    # --- bridges and their meters ---

    def appoint(self, bridge: str) -> None:
        """Let a bridge work (again)."""
        if not int(bridge, 16):
            raise Refused("ZeroBridge")
        if self.bridges.get(bridge) is BridgeStatus.ACTIVE:
            raise Refused("BridgeActive", bridge=bridge)
        self.bridges[bridge] = BridgeStatus.ACTIVE

    def suspend(self, bridge: str) -> None:
        """Stop a bridge."""
        self._require_active(bridge)
        self.bridges[bridge] = BridgeStatus.SUSPENDED

    def join(self, meter_id: int, bridge: str, boundary: int, caller: str, now: int) -> None:
        """The owner or the device chooses a bridge."""
        self._join(self._own_meter(meter_id, caller), bridge, boundary, now)

    def join_with_consent(self, consent: PageConsent, signer: str, now: int) -> None:
        """Somebody brings the device's consent."""
        meter = self._signed_by(consent.meter_id, signer)
        self._join(meter, consent.bridge, consent.from_boundary, now)

    def _join(self, meter: Meter, bridge: str, boundary: int, now: int) -> None:
        self._require_active(bridge)
        check_aligned(boundary)
        this_slot = now - now % SLOT_SECONDS
        earliest = max(this_slot - SECONDS_PER_DAY, meter.bridge_since + SLOT_SECONDS)
        if not earliest <= boundary <= this_slot + MAX_REGISTRATION_AHEAD_SECONDS:
            raise Refused("BoundaryOutOfRange", given=boundary, earliest=earliest)
        meter.bridge = bridge
        meter.bridge_since = boundary
        meter.demanded = None

    def leave(self, meter_id: int, caller: str, now: int) -> None:
        """The owner or the device leaves its bridge, at once."""
        meter = self._own_meter(meter_id, caller)
        self._require_in_bridge(meter)
        next_boundary = now - now % SLOT_SECONDS + SLOT_SECONDS
        meter.bridge = None
        meter.bridge_since = max(meter.bridge_since, next_boundary)
        meter.demanded = None

    # --- pages ---

    def commit(self, bridge: str, boundary: int, index: int, page_hash: bytes, now: int) -> bool:
        """Put a hash on record; the same again does nothing."""
        self._require_active(bridge)
        check_aligned(boundary)
        check_not_future(boundary, now)
        on_record = self._record(bridge, boundary, index)
        if on_record is not None:
            if on_record.page_hash == page_hash:
                return False
            raise Refused("PlaceTaken", boundary=boundary, index=index)
        latest = reading_deadline(slot_of(boundary) - 1) - DISPUTE_SECONDS
        if now >= latest:
            raise Refused("CommitmentTooLate", blockTimestamp=now, latest=latest)
        self.pages[(bridge, boundary, index)] = CommittedPage(page_hash, now)
        return True

    def withdraw(self, bridge: str, boundary: int, index: int) -> None:
        """The bridge gives a page up."""
        check_aligned(boundary)
        on_record = self._on_record(bridge, boundary, index)
        if on_record.status is PageStatus.REVEALED:
            raise Refused("PageIsRevealed", boundary=boundary, index=index)
        if on_record.status is PageStatus.WITHDRAWN:
            raise Refused("PageIsWithdrawn", boundary=boundary, index=index)
        self.pages[(bridge, boundary, index)] = replace(on_record, status=PageStatus.WITHDRAWN)

    def reveal(self, page: MeterPage, now: int, count: int = MAX_ENTRIES) -> int:
        """Take a page's next entries, each by itself. Returns how many were taken."""
        self._require_active(page.bridge)
        check_aligned(page.boundary)
        on_record = self._matching(page)
        if on_record.status is PageStatus.REVEALED:
            return 0
        if on_record.status is PageStatus.WITHDRAWN:
            raise Refused("PageIsWithdrawn", boundary=page.boundary, index=page.index)
        if now < on_record.committed_at + DISPUTE_SECONDS:
            raise Refused("RevealedTooEarly", blockTimestamp=now)
        check_deadline(page.boundary, now)
        self._require_earlier_page_done(page, now)
        key = (page.bridge, page.boundary, page.index)
        first = on_record.next_place
        entries = list(enumerate(page.entries))[first : first + count]
        if first + count >= len(page.entries):
            self.pages[key] = replace(on_record, status=PageStatus.REVEALED, next_place=0)
        else:
            self.pages[key] = replace(on_record, next_place=first + count)
        self.skipped = []
        for place, entry in entries:
            reason = self._refusal(page, entry)
            if reason is not EntryRefusal.NONE:
                self.skipped.append((place, reason))
                continue
            append(self.metering.registry.meter(entry.meter_id), reading_of(page, entry))
        return len(entries) - len(self.skipped)

    def _require_earlier_page_done(self, page: MeterPage, now: int) -> None:
        before = page.previous_boundary - page.previous_boundary % SLOT_SECONDS
        if not 0 < before < page.boundary:
            return
        earlier = self._record(page.bridge, before, page.index)
        if earlier is None or earlier.status is not PageStatus.COMMITTED:
            return
        if now < reading_deadline(slot_of(before) - 1):
            raise Refused("EarlierPageFirst", previousBoundary=page.previous_boundary)

    def _refusal(self, page: MeterPage, entry: PageEntry) -> EntryRefusal:
        meter = self.metering.registry.meters.get(entry.meter_id)
        if meter is None or meter.bridge != page.bridge or page.boundary < meter.bridge_since:
            return EntryRefusal.NOT_IN_BRIDGE
        if meter.demanded is not None:
            first, last = meter.demanded
            if first <= page.boundary <= last:
                return EntryRefusal.SIGNATURE_DEMANDED
        if meter.status is not MeterStatus.ACTIVE:
            return EntryRefusal.NOT_ACTIVE
        known, record = meter.registration, meter.last.reading
        if page.boundary <= record.timestamp:
            return EntryRefusal.BEHIND
        slots = (page.boundary - record.timestamp) // SLOT_SECONDS
        if not record.sequence < entry.sequence <= record.sequence + slots:
            return EntryRefusal.SEQUENCE
        imported = entry.import_wh - record.import_wh
        exported = entry.export_wh - record.export_wh
        if imported < 0 or exported < 0:
            return EntryRefusal.REGISTER_FELL
        if (
            imported > slot_cap_wh(known.rated_import_w) * slots
            or exported > slot_cap_wh(known.rated_export_w) * slots
        ):
            return EntryRefusal.ABOVE_CAP
        return EntryRefusal.NONE

    # --- disputes ---

    def demand(self, meter_id: int, boundary: int, caller: str, now: int) -> None:
        """The owner or the device wants its signature to count alone."""
        self._demand(self._own_meter(meter_id, caller), boundary, now)

    def order(self, meter_id: int, boundary: int, now: int) -> None:
        """The registrar wants it."""
        self._demand(self._known(meter_id), boundary, now)

    def _demand(self, meter: Meter | None, boundary: int, now: int) -> None:
        if meter is None:
            raise Refused("NotInBridge")
        self._require_in_bridge(meter)
        check_aligned(boundary)
        check_not_future(boundary, now)
        check_deadline(boundary, now)
        stretch_demand(meter, boundary)

    def report_fraud(
        self, page: MeterPage, place: int, reading: MeterReading, signer: str, now: int
    ) -> None:
        """A reading of the device contradicts an entry."""
        self._require_active(page.bridge)
        check_aligned(page.boundary)
        on_record = self._matching(page)
        if on_record.status is PageStatus.WITHDRAWN:
            raise Refused("PageIsWithdrawn", boundary=page.boundary, index=page.index)
        meter = self._signed_by(reading.meter_id, signer)
        meter.require_active()
        check_not_future(reading.timestamp, now)
        if place >= len(page.entries) or page.entries[place].meter_id != reading.meter_id:
            raise Refused("NotThisMeter", place=place, meterId=reading.meter_id)
        entry = page.entries[place]
        same_time = reading.timestamp == page.boundary
        same_sequence = reading.sequence == entry.sequence
        if (
            not reading.sequence
            or not (same_time or same_sequence)
            or (same_time and entry.matches(reading))
        ):
            raise Refused("NoContradiction", meterId=reading.meter_id)
        later_at = max(reading.timestamp, page.boundary)
        if later_at <= meter.released_at:
            raise Refused("ConflictAlreadyJudged", meterId=reading.meter_id)
        if reading.meter_id in self.accusations:
            raise Refused("AlreadyAccused", meterId=reading.meter_id)
        self.accusations[reading.meter_id] = Accusation(
            page.bridge, entry, page.boundary, later_at, now + ANSWER_SECONDS
        )
        if on_record.status is PageStatus.COMMITTED and meter.bridge == page.bridge:
            stretch_demand(meter, page.boundary)

    def answer_fraud(self, reading: MeterReading, signer: str) -> None:
        """The device had signed the entry too: its key contradicts itself."""
        meter = self._signed_by(reading.meter_id, signer)
        accusation = self._accusation(reading.meter_id)
        if reading.timestamp != accusation.boundary or not accusation.entry.matches(reading):
            raise Refused("NotTheEntry", meterId=reading.meter_id)
        del self.accusations[reading.meter_id]
        if meter.status is MeterStatus.ACTIVE and accusation.later_at > meter.released_at:
            meter.status = MeterStatus.QUARANTINED

    def conclude_fraud(self, meter_id: int, now: int) -> None:
        """No answer came: the bridge is suspended."""
        accusation = self._accusation(meter_id)
        if now < accusation.answer_until:
            raise Refused("AnswerStillOpen", blockTimestamp=now)
        del self.accusations[meter_id]
        self.bridges[accusation.bridge] = BridgeStatus.SUSPENDED

    # --- checks ---

    def _known(self, meter_id: int) -> Meter | None:
        return self.metering.registry.meters.get(meter_id)

    def _own_meter(self, meter_id: int, caller: str) -> Meter:
        meter = self.metering.registry.meter(meter_id)
        if caller not in (meter.registration.owner, meter.registration.device):
            raise Refused("NotMeterOwner", meterId=meter_id, caller=caller)
        return meter

    def _signed_by(self, meter_id: int, signer: str) -> Meter:
        meter = self.metering.registry.meter(meter_id)
        if signer != meter.registration.device:
            raise Refused("WrongDeviceKey", meterId=meter_id, signer=signer)
        return meter

    @staticmethod
    def _require_in_bridge(meter: Meter) -> None:
        if meter.bridge is None:
            raise Refused("NotInBridge", meterId=meter.meter_id)

    def _require_active(self, bridge: str) -> None:
        if self.bridges.get(bridge) is not BridgeStatus.ACTIVE:
            raise Refused("BridgeNotActive", bridge=bridge)

    def _record(self, bridge: str, boundary: int, index: int) -> CommittedPage | None:
        """A page on record; it is forgotten once a later one has taken its place."""
        for other_bridge, other_boundary, other_index in self.pages:
            taken = (other_bridge, other_index) == (bridge, index)
            if (
                taken
                and other_boundary > boundary
                and ((other_boundary - boundary) % RING_SECONDS == 0)
            ):
                return None
        return self.pages.get((bridge, boundary, index))

    def _on_record(self, bridge: str, boundary: int, index: int) -> CommittedPage:
        on_record = self._record(bridge, boundary, index)
        if on_record is None:
            raise Refused("PageNotCommitted", bridge=bridge, boundary=boundary, index=index)
        return on_record

    def _matching(self, page: MeterPage) -> CommittedPage:
        on_record = self._on_record(page.bridge, page.boundary, page.index)
        if on_record.page_hash != page.hash():
            raise Refused("WrongPage", given=page.hash().hex())
        return on_record

    def _accusation(self, meter_id: int) -> Accusation:
        if meter_id not in self.accusations:
            raise Refused("NotAccused", meterId=meter_id)
        return self.accusations[meter_id]


def reading_of(page: MeterPage, entry: PageEntry) -> MeterReading:
    """The reading an entry stands for: frequency and voltage are not measured."""
    return MeterReading(
        entry.meter_id, entry.sequence, page.boundary, entry.import_wh, entry.export_wh
    )


def stretch_demand(meter: Meter, boundary: int) -> None:
    """Demand a boundary too, and all between; no more than the newest 256."""
    first, last = meter.demanded or (boundary, boundary)
    first, last = min(first, boundary), max(last, boundary)
    first = max(first, last - (MAX_DEMANDED_BOUNDARIES - 1) * SLOT_SECONDS)
    meter.demanded = (UnixSeconds(first), UnixSeconds(last))


def check_aligned(boundary: int) -> None:
    """V5."""
    if not is_aligned(boundary):
        raise Refused("TimestampMisaligned", given=boundary, unit=SLOT_SECONDS)


def check_not_future(timestamp: int, now: int) -> None:
    """V7, ahead."""
    if timestamp > now + MAX_CLOCK_AHEAD_SECONDS:
        raise Refused("ReadingInFuture", given=timestamp)
