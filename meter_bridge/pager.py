"""Readings in pages: sealed and committed, looked after until they are revealed.

A page, its salt and the devices' signatures reach the disk in one transaction with the intent to
commit it. What the chain would not take from a page goes out under its own signature.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from energy_grid import eip712
from energy_grid.outbox import State
from energy_grid.pages import MeterPage, PageConsent, new_salt, page_of
from energy_grid.units import SLOT_SECONDS, MeterId, UnixSeconds
from meter_bridge.config import PagesSection
from meter_bridge.counters import Counters
from meter_bridge.forms import reading_of
from meter_bridge.meters import Meter
from meter_bridge.page_exports import export_pages
from meter_bridge.page_store import PageStore, SignedReading, commit_key
from meter_bridge.paging import PagePlan, fits_entry, plan_pages
from meter_bridge.registry import PageStanding, PageStatus, PagingStanding
from meter_bridge.store import Accepted, Form, Signature, Store

if TYPE_CHECKING:
    from meter_bridge.privacy.boxes import Recipient

_log = structlog.get_logger(__name__)

Encode = Callable[..., bytes]
"""Encodes a call of SmartMeter: function name and arguments."""

LONGEST_CHAIN_SECONDS: Final = 5 * 86_400
"""A page names the one before only if that is no older: the chain forgets places after 10 days."""
RETRY_SECONDS: Final = 60.0
"""Between attempts at a reveal that the contract refuses."""


@dataclass(frozen=True, slots=True)
class PagesView:
    """What the chain says about a bridge, its meters and its open pages.

    Args:
        now: time of the newest block.
        is_active: whether the bridge may commit and reveal.
        meters: dealings of its meters; meters that were not asked for keep what was known.
        pages: standing of the open pages by boundary and index.
    """

    now: int
    is_active: bool
    meters: Mapping[int, PagingStanding] = field(default_factory=dict)
    pages: Mapping[tuple[int, int], PageStanding] = field(default_factory=dict)


class Pager:
    """Gathers the readings of page-mode meters.

    Args:
        store: durable state of the bridge.
        meters: the meters reported in pages.
        section: size and time of pages.
        bridge: account that commits them.
        smart_meter: address of the contract.
        chain_id: its chain.
        domain: EIP-712 domain of the contract.
        encode: encodes the contract's calls.
        batch_size: signed readings in one transaction.
        counters: what is counted.
    """

    def __init__(
        self,
        store: Store,
        meters: Sequence[Meter],
        section: PagesSection,
        *,
        bridge: str,
        smart_meter: str,
        chain_id: int,
        domain: bytes,
        encode: Encode,
        batch_size: int,
        counters: Counters,
    ) -> None:
        self._store = store
        self.pages = PageStore(store)
        self.bridge = bridge
        self._section = section
        self._smart_meter = smart_meter
        self._recipient: Recipient | None = None
        self._about = {"chainId": chain_id, "smartMeter": smart_meter}
        self._domain = domain
        self._encode = encode
        self._batch_size = batch_size
        self._counters = counters
        self._is_active = False
        self._is_known = False
        ordered = sorted(meters, key=lambda meter: meter.meter_id)
        size = section.page_size
        self._groups = {
            first // size: ordered[first : first + size] for first in range(0, len(ordered), size)
        }
        self._group_of = {
            meter.meter_id: index for index, group in self._groups.items() for meter in group
        }
        self._by_id = {meter.meter_id: meter for meter in ordered}
        self._newest_sealed: dict[int, int] = {}
        self._changed: set[int] = set()
        self._waits_until: dict[int, int] = {}

    @property
    def meters(self) -> list[Meter]:
        """The meters reported in pages."""
        return list(self._by_id.values())

    def reload(self) -> None:
        """Take over what is on disk."""
        self._newest_sealed = self.pages.newest_boundaries()
        self._changed = set(self._groups)
        self._waits_until = {}

    # --- Sealing ----------------------------------------------------------------------------------

    def decided(self, meter: Meter) -> None:
        """A meter has a snapshot more to report."""
        if (index := self._group_of.get(meter.meter_id)) is not None:
            self._changed.add(index)

    def is_due(self, now: int) -> bool:
        """Whether what to seal must be thought over.

        Nothing is, before the chain has told where the bridge and its meters stand.
        """
        if not self._is_known:
            return False
        return bool(self._changed) or any(until < now for until in self._waits_until.values())

    def seal_due(self, connection: sqlite3.Connection, now: int) -> bool:
        """Seal the pages that are complete or past their deadline; sign what goes out by itself.

        Returns:
            Whether anything was put into the outbox.
        """
        if not self.is_due(now):
            return False
        due = self._changed | {index for index, until in self._waits_until.items() if until < now}
        groups = {
            index: [meter for meter in self._groups[index] if not meter.problem]
            for index in sorted(due)
        }
        plan = plan_pages(
            groups, self._newest_sealed, now, self._section.deadline_seconds, self._may_report
        )
        for page in plan.pages:
            self._seal(connection, page)
        through: dict[int, int] = {}
        for meter, accepted in plan.signed:
            self._sign_alone(connection, meter, accepted)
            through[meter.meter_id] = accepted.snapshot.boundary
        sent = self._submit_signed(connection, through)
        self._changed -= due
        for index in due:
            self._waits_until.pop(index, None)
            waiting = [
                meter.unsigned[0].snapshot.boundary for meter in groups[index] if meter.unsigned
            ]
            if waiting:
                self._waits_until[index] = min(waiting) + self._section.deadline_seconds
        return sent or bool(plan.pages)

    def _may_report(self, meter: Meter, accepted: Accepted) -> bool:
        """Whether the chain would take a snapshot from one of our pages."""
        boundary = accepted.snapshot.boundary
        standing = meter.paging
        if standing is None or not self._is_active or not fits_entry(accepted):
            return False
        if not standing.may_report(self.bridge, boundary):
            return False
        before = meter.registers_before(boundary)
        # A register that rolled over is taken by signature only.
        return before is None or (
            accepted.snapshot.import_wh >= before.import_wh
            and accepted.snapshot.export_wh >= before.export_wh
        )

    def _seal(self, connection: sqlite3.Connection, plan: PagePlan) -> None:
        signed: list[tuple[eip712.MeterReading, bytes]] = []
        signatures = []
        key = commit_key(plan.boundary, plan.index)
        for meter, accepted in plan.entries:
            message, signature = self._signed(meter, accepted, key)
            signed.append((message, signature.signature))
            signatures.append(signature)
        before = self._newest_sealed.get(plan.index, 0)
        if plan.boundary - before > LONGEST_CHAIN_SECONDS:
            before = 0
        page = page_of(self.bridge, plan.index, signed, salt=new_salt(), previous_boundary=before)
        page_hash = page.hash()
        self.pages.put(connection, page, page_hash)
        self._store.put_signatures(connection, signatures)
        self._enqueue(
            connection, key, self._encode("commitPage", plan.boundary, plan.index, page_hash)
        )
        self._newest_sealed[plan.index] = plan.boundary
        self._counters.pages_sealed += 1
        for meter, accepted in plan.entries:
            meter.unsigned.remove(accepted)

    def _sign_alone(self, connection: sqlite3.Connection, meter: Meter, accepted: Accepted) -> None:
        _, signature = self._signed(meter, accepted, f"alone/{accepted.snapshot.boundary}")
        self._store.put_signatures(connection, [signature])
        meter.unsigned.remove(accepted)

    def _signed(
        self, meter: Meter, accepted: Accepted, key: str
    ) -> tuple[eip712.MeterReading, Signature]:
        message = reading_of(accepted)
        digest = eip712.digest(message, self._domain)
        signature = meter.key.sign_digest(digest)
        self._counters.readings_signed += 1
        return message, Signature(
            meter.meter_id,
            Form.READING,
            accepted.snapshot.boundary,
            accepted.sequence,
            digest,
            signature,
            key,
        )

    # --- Signed readings --------------------------------------------------------------------------

    def _submit_signed(self, connection: sqlite3.Connection, through: Mapping[int, int]) -> bool:
        """Submit meters' signed readings from the chain's record up to a boundary each."""
        readings: list[SignedReading] = []
        for meter_id, until in through.items():
            registered = self._by_id[meter_id].registered
            if registered is not None:
                after = registered.latest.registers.boundary
                readings += self.pages.signed(meter_id, after, until)
        readings.sort(key=lambda signed: (signed.reading.timestamp, signed.reading.meter_id))
        is_new = False
        for first in range(0, len(readings), self._batch_size):
            batch = readings[first : first + self._batch_size]
            content = b"".join(signed.signature for signed in batch)
            key = f"readings/{hashlib.sha256(content).hexdigest()[:32]}"
            if self._store.outbox.get(key) is not None:
                continue
            is_new = True
            call = self._encode(
                "submitSignedReadings",
                [(signed.reading.as_tuple(), signed.signature) for signed in batch],
            )
            self._enqueue(connection, key, call)
        return is_new

    # --- For who reveals --------------------------------------------------------------------------

    def export(self, folder: Path) -> None:
        """Keep the open pages as files in a folder, for who reveals them.

        Raises:
            StoreUnavailableError: the folder cannot be written.
        """
        key_file = self._section.operator_key_file
        if self._recipient is None and key_file is not None:
            from meter_bridge.privacy.boxes import Recipient

            self._recipient = Recipient.load(key_file)
        export_pages(self.pages, folder, self._recipient, self._about)

    # --- On chain ---------------------------------------------------------------------------------

    def tend(self, view: PagesView) -> bool:
        """Join, reveal and answer as the chain's standing asks for."""
        if view.is_active != self._is_active or not self._is_known:
            self._changed = set(self._groups)
            _log.log(
                _level(view.is_active),
                "bridge may commit pages" if view.is_active else "bridge may not commit pages",
                bridge=self.bridge,
            )
        self._is_active = view.is_active
        self._is_known = True
        for meter in self.meters:
            if (standing := view.meters.get(meter.meter_id)) is not None:
                if standing != meter.paging:
                    self.decided(meter)
                    is_ours = standing.bridge == self.bridge
                    _log.info("standing of a meter", meter_id=meter.meter_id, in_pages=is_ours)
                meter.paging = standing
        with self._store.transaction() as connection:
            sent = self._join(connection, view)
            sent |= self._answer(connection)
            pages = self.pages.open()
            sent |= self._submit_signed(connection, self._owed(connection, view, pages))
            return self._reveal(connection, view, pages) or sent

    def _join(self, connection: sqlite3.Connection, view: PagesView) -> bool:
        """Give each device's consent once; who left the bridge later stays out of it."""
        sent = False
        if not (self._section.join and view.is_active):
            return sent
        for meter in self.meters:
            if meter.problem or meter.paging is None or meter.paging.bridge:
                continue
            key = f"page-join/{meter.meter_id}"
            if self._store.outbox.get(key) is not None:
                continue
            start = UnixSeconds(view.now // SLOT_SECONDS * SLOT_SECONDS + SLOT_SECONDS)
            consent = PageConsent(MeterId(meter.meter_id), self.bridge, start)
            signature = meter.key.sign(consent, self._domain)
            call = self._encode("joinBridgeWithConsent", consent.as_tuple(), signature)
            self._enqueue(connection, key, call)
            sent = True
        return sent

    def _owed(
        self, connection: sqlite3.Connection, view: PagesView, pages: Sequence[MeterPage]
    ) -> dict[int, int]:
        """Up to which boundary each meter's readings must be submitted under their signatures."""
        owed: dict[int, int] = {}
        for page in pages:
            place = (page.boundary, page.index)
            row = self._store.outbox.get(commit_key(*place))
            is_lost = row is not None and row.state is State.FAILED
            standing = view.pages.get(place)
            if standing is not None and standing.status is PageStatus.WITHDRAWN:
                is_lost = True
            if is_lost:
                self.pages.close(connection, page, "not committed")
                _log.error("page lost, readings sent signed", boundary=page.boundary)
            for entry in page.entries:
                meter = self._by_id.get(entry.meter_id)
                if meter is None or meter.paging is None:
                    continue
                if (
                    is_lost
                    or not view.is_active
                    or not meter.paging.may_report(self.bridge, page.boundary)
                ):
                    owed[meter.meter_id] = max(owed.get(meter.meter_id, 0), page.boundary)
        return owed

    def _answer(self, connection: sqlite3.Connection) -> bool:
        """Show the device's signature of an entry that a reading contradicts."""
        sent = False
        for meter in self.meters:
            accusation = None if meter.paging is None else meter.paging.accusation
            if accusation is None:
                continue
            boundary = accusation.boundary
            for signed in self.pages.signed(meter.meter_id, boundary - 1, boundary):
                key = f"page-answer/{meter.meter_id}/{boundary}"
                if self._store.outbox.get(key) is None:
                    call = self._encode(
                        "answerPageFraud", signed.reading.as_tuple(), signed.signature
                    )
                    self._enqueue(connection, key, call)
                    _log.critical(
                        "page accused, signature shown",
                        meter_id=meter.meter_id,
                        boundary=boundary,
                    )
                    sent = True
        return sent

    def _reveal(
        self, connection: sqlite3.Connection, view: PagesView, pages: Sequence[MeterPage]
    ) -> bool:
        sent = False
        for page in pages:
            standing = view.pages.get((page.boundary, page.index))
            if standing is None or standing.status is PageStatus.NONE:
                continue
            if standing.status is PageStatus.REVEALED:
                self.pages.close(connection, page, "revealed")
            elif view.now >= standing.reveal_until:
                self.pages.close(connection, page, "too late")
                _log.error("page was not revealed in time", boundary=page.boundary)
            elif self._section.reveal and view.is_active and view.now >= standing.reveal_from:
                sent |= self._reveal_page(connection, page)
        return sent

    def _reveal_page(self, connection: sqlite3.Connection, page: MeterPage) -> bool:
        """Reveal a page; if that was refused, half of it first, should it be too much at once."""
        key = f"page-reveal/{page.boundary}/{page.index}"
        row = self._store.outbox.get(key)
        if row is None:
            self._enqueue(connection, key, self._encode("revealPage", page.as_tuple()))
            return True
        half, key = len(page.entries) // 2, f"page-part/{page.boundary}/{page.index}"
        if row.state is not State.FAILED or not half or self._store.outbox.get(key) is not None:
            return False
        self._enqueue(connection, key, self._encode("revealPagePart", page.as_tuple(), half))
        return True

    def refused_reveals(self) -> list[str]:
        """Business keys of reveals that were refused before they were sent: worth another try."""
        rows = [
            self._store.outbox.get(f"page-reveal/{page.boundary}/{page.index}")
            for page in self.pages.open()
        ]
        now = time.time()
        return [
            row.business_key
            for row in rows
            if row is not None
            and row.state is State.FAILED
            and row.nonce is None
            and now - row.updated_at >= RETRY_SECONDS
        ]

    def _enqueue(self, connection: sqlite3.Connection, key: str, call: bytes) -> None:
        self._store.outbox.enqueue(key, self._smart_meter, call, connection=connection)


def _level(is_good: bool) -> int:
    import logging

    return logging.INFO if is_good else logging.ERROR
