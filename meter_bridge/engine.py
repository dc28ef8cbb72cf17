"""The heart of the bridge: telegrams in, signed readings in the outbox out.

Synchronous and free of network, so that every step is one durable transaction and can be tested by
itself. The order is fixed: a telegram is stored, then judged, then signed, and only what is stored
with its signature can be sent.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from energy_grid import eip712
from energy_grid.units import SECONDS_PER_DAY, UnixSeconds
from meter_bridge import checks
from meter_bridge.checks import Finding
from meter_bridge.clock import Clock
from meter_bridge.config import PagesSection, SourceKind, SubmissionSection, SubmitMode
from meter_bridge.counters import Counters
from meter_bridge.errors import RegistryError, TelegramRejected
from meter_bridge.forms import (
    DayPlan,
    FormPlan,
    day_of,
    plan_days,
    reading_of,
    start_of_day,
)
from meter_bridge.meters import Meter
from meter_bridge.pager import Encode, Pager, PagesView
from meter_bridge.readers.base import Arrival
from meter_bridge.registry import RegisteredMeter
from meter_bridge.snapshots import Registers, Snapshot, snapshot_of
from meter_bridge.store import Accepted, Form, MeterRecord, Signature, Store

_log = structlog.get_logger(__name__)

CLOCK_AHEAD_SECONDS = 60
"""V6: a telegram this far in our future comes from a wrong clock, its own or ours."""
DAYS_COMPARED = 14
"""V17: how many days a day's energy is compared with."""
REJECTION_LOG_SECONDS = 60.0


class Engine:
    """Takes telegrams and brings them, judged and signed, into the outbox.

    Args:
        store: durable state.
        meters: the meters it serves.
        clock: what time it is.
        submission: how readings are gathered.
        smart_meter: address of the contract.
        chain_id: its chain.
        encode: encodes the contract's calls.
        reorder_seconds: how long telegrams over MQTT may overtake each other.
        clock_source: `system` or `chain`, which bounds delays differently.
        pages: how readings are gathered into pages.
        bridge: account that commits pages, empty if no meter is reported in pages.
    """

    def __init__(
        self,
        store: Store,
        meters: Iterable[Meter],
        clock: Clock,
        submission: SubmissionSection,
        *,
        smart_meter: str,
        chain_id: int,
        encode: Encode,
        reorder_seconds: float = 0.0,
        clock_source: str = "system",
        pages: PagesSection | None = None,
        bridge: str = "",
    ) -> None:
        self.store = store
        self.meters = {meter.meter_id: meter for meter in meters}
        self.counters = Counters()
        self.blocked = ""
        """Why nothing is signed at all now (clock), empty if nothing is wrong."""
        self._clock = clock
        self._submission = submission
        self._smart_meter = smart_meter
        self._domain = eip712.domain(chain_id, smart_meter)
        self._encode = encode
        self._reorder_seconds = reorder_seconds
        self._clock_source = clock_source
        self._readings_wait_since: float | None = None
        self._rejection_logged_at: dict[tuple[int, str], float] = {}
        store.bind(chain_id, smart_meter)
        self.pager = Pager(
            store,
            [meter for meter in self.meters.values() if meter.config.mode is SubmitMode.PAGE],
            pages or PagesSection(),
            bridge=bridge,
            smart_meter=smart_meter,
            chain_id=chain_id,
            domain=self._domain,
            encode=encode,
            batch_size=submission.batch_size,
            counters=self.counters,
        )
        self.reload()

    def reload(self) -> None:
        """Take over what is on disk, at the start and after a transaction that failed."""
        for meter in self.meters.values():
            meter.reload(self.store)
        self.pager.reload()

    def register(self, found: dict[int, RegisteredMeter | RegistryError]) -> None:
        """Take over what the chain knows of the meters; new ones are begun in one transaction."""
        before = {meter_id: self.meters[meter_id].problem for meter_id in found}
        new: dict[int, MeterRecord] = {}
        for meter_id, answer in found.items():
            record = self.meters[meter_id].accept_registration(answer, self.store)
            if record is not None:
                new[meter_id] = record
        if new:
            self._begin(new)
        for meter_id, earlier in before.items():
            meter = self.meters[meter_id]
            if meter.problem and meter.problem != earlier:
                _log.error("meter cannot sign", meter_id=meter_id, reason=meter.problem)
            elif earlier and not meter.problem:
                _log.info("meter ready", meter_id=meter_id, device_key=meter.key.address)

    def _begin(self, records: dict[int, MeterRecord]) -> None:
        """Store the records of new meters; until then none of them signs."""
        try:
            with self.store.transaction() as connection:
                for record in records.values():
                    self.store.put_meter(connection, record)
        except BaseException:
            for meter_id in records:
                self.meters[meter_id].problem = "its record could not be stored yet"
            raise
        for meter_id in records:
            self.meters[meter_id].reload(self.store)

    # --- Telegrams --------------------------------------------------------------------------------

    def take(self, arrivals: Sequence[Arrival]) -> None:
        """Judge telegrams and keep those that may become a snapshot; durable when this returns.

        Raises:
            StoreUnavailableError: none of them is stored.
        """
        kept: dict[tuple[int, int], tuple[Snapshot, float]] = {}
        identities: dict[int, str] = {}
        for arrival in arrivals:
            self.counters.telegrams += 1
            meter = self.meters[arrival.meter_id]
            try:
                snapshot = self._judge(meter, arrival, identities)
            except TelegramRejected as error:
                self.counters.rejected[error.cause] += 1
                self._log_rejection(meter, error, arrival.arrived_at)
                continue
            if snapshot is None:
                continue
            key = (meter.meter_id, snapshot.boundary)
            known = kept.get(key) or meter.candidates.get(snapshot.boundary)
            if known is not None and not snapshot.is_nearer_than(known[0]):
                self.counters.duplicates += 1
                continue
            kept[key] = (snapshot, arrival.arrived_at)
        if not kept and not identities:
            return
        with self.store.transaction() as connection:
            for meter_id, equipment in identities.items():
                self.store.put_equipment(connection, meter_id, equipment)
            for snapshot, arrived_at in kept.values():
                self.store.put_candidate(connection, snapshot, arrived_at)
        for meter_id in identities:
            self.meters[meter_id].record = self.store.meter(meter_id)
        for (meter_id, boundary), candidate in kept.items():
            self.meters[meter_id].candidates[boundary] = candidate

    def _judge(self, meter: Meter, arrival: Arrival, identities: dict[int, str]) -> Snapshot | None:
        telegram = meter.telegrams.read(arrival.frame)
        self._require_identity(meter, telegram.equipment, identities)
        now = self._clock.now()
        measured_at = now if telegram.measured_at is None else telegram.measured_at
        is_recorded = meter.config.source.kind is SourceKind.FILE
        if measured_at > now + CLOCK_AHEAD_SECONDS:
            now = self._clock.now(fresh=True)
        if measured_at > now + CLOCK_AHEAD_SECONDS:
            raise TelegramRejected(
                "clock_ahead",
                "the meter's clock is ahead of ours",
                expected=f"at most {CLOCK_AHEAD_SECONDS} s",
                found=f"{measured_at - now} s",
                remedy="Correct the clock of the meter, or of this host",
            )
        allowed = meter.config.allowed_delay_seconds(self._clock_source)
        if now - measured_at > allowed:
            raise TelegramRejected(
                "clock_behind",
                "the telegram is too old, or the meter's clock is behind ours",
                expected=f"at most {allowed} s",
                found=f"{now - measured_at} s",
                remedy="Correct the clocks; if the source queues telegrams, set max_delay_seconds",
            )
        meter.newest_measured_at = max(meter.newest_measured_at, measured_at)
        snapshot = snapshot_of(
            meter.meter_id, telegram, measured_at, now, clock_checked=not is_recorded
        )
        if snapshot is not None and (
            snapshot.boundary == meter.newest_decided
            or (
                snapshot.boundary < meter.newest_decided
                and self.store.is_decided(meter.meter_id, snapshot.boundary)
            )
        ):
            self.counters.duplicates += 1
            return None
        return snapshot

    def _log_rejection(self, meter: Meter, error: TelegramRejected, host_now: float) -> None:
        """Log the first of a kind, then one a minute: a port may reject once a second."""
        key = (meter.meter_id, error.cause)
        if host_now - self._rejection_logged_at.get(key, float("-inf")) < REJECTION_LOG_SECONDS:
            return
        self._rejection_logged_at[key] = host_now
        _log.warning(
            "telegram rejected", meter_id=meter.meter_id, cause=error.cause, reason=str(error)
        )

    def _require_identity(self, meter: Meter, found: str, identities: dict[int, str]) -> None:
        """A meter keeps the identity it was first seen with, or the one configured."""
        expected = meter.config.equipment_id or (
            identities.get(meter.meter_id, "") or (meter.record.equipment if meter.record else "")
        )
        if not expected:
            if found and meter.record is not None:
                identities[meter.meter_id] = found
            return
        if found != expected:
            raise TelegramRejected(
                "equipment",
                "telegram of another meter",
                expected=expected,
                found=found or "no identity",
                remedy="Check the wiring; after a meter exchange register the new meter",
            )

    # --- Decisions and signatures -----------------------------------------------------------------

    def advance(self, host_now: float | None = None) -> bool:
        """Decide what is settled, sign what is due and put it into the outbox, in one transaction.

        Returns:
            Whether anything was put into the outbox.

        Raises:
            StoreUnavailableError: nothing was stored, and so nothing signed.
        """
        if self.blocked:
            return False
        host_now = time.time() if host_now is None else host_now
        now = self._clock.now()
        if not self._has_work(now, host_now):
            now = self._clock.now(fresh=True)
            if not self._has_work(now, host_now):
                return False
        before = self.counters.signed()
        try:
            with self.store.transaction() as connection:
                for meter in self._able():
                    while True:
                        snapshot = meter.next_settled(now, host_now, self._reorder_seconds)
                        if snapshot is None:
                            break
                        self._decide(connection, meter, snapshot, now)
                sent = self._sign_due(connection, now, host_now)
        except BaseException:
            # Memory went ahead of the disk: the disk is what holds.
            self.counters.restore(before)
            self.reload()
            raise
        return sent

    def _able(self) -> list[Meter]:
        return [meter for meter in self.meters.values() if not meter.problem]

    def _has_work(self, now: int, host_now: float) -> bool:
        return self.pager.is_due(now) or any(
            self._may_sign(meter, now) or meter.next_settled(now, host_now, self._reorder_seconds)
            for meter in self._able()
        )

    def _may_sign(self, meter: Meter, now: int) -> bool:
        """Whether the meter's unsigned snapshots are worth a look; pages are the pager's."""
        if not meter.unsigned or meter.config.mode is SubmitMode.PAGE:
            return False
        if meter.config.mode is SubmitMode.SINGLE or meter.is_plan_due:
            return True
        oldest_end = start_of_day(meter.unsigned[0].snapshot.boundary) + SECONDS_PER_DAY
        return now > oldest_end + self._submission.day_deadline_seconds

    def _decide(self, connection: Any, meter: Meter, snapshot: Snapshot, now: int) -> None:
        registered, previous, record = meter.registered, meter.previous, meter.record
        if registered is None or previous is None or record is None:
            raise RegistryError(f"meter {meter.meter_id} was not looked up on chain")
        found = checks.refusals(previous, snapshot, registered, now)
        sequence: int | None = None
        if snapshot.boundary <= record.signs_after:
            found.append(checks.before_record(snapshot.boundary, record.signs_after))
        if not found:
            sequence = registered.sequence_at(snapshot.boundary)
            found = checks.findings(meter.history, snapshot, registered)
            if snapshot.boundary % SECONDS_PER_DAY == 0:
                found += self._day_findings(meter, snapshot, registered)
        self.store.decide(connection, snapshot, sequence, found)
        del meter.candidates[snapshot.boundary]
        meter.newest_decided = max(meter.newest_decided, snapshot.boundary)
        self._log_findings(snapshot, found)
        if sequence is None:
            self.counters.snapshots_refused += 1
            return
        self.counters.snapshots_accepted += 1
        meter.previous = snapshot.registers
        meter.history.append(snapshot)
        meter.unsigned.append(Accepted(snapshot, sequence, None))
        meter.is_plan_due = True
        self.pager.decided(meter)

    def _day_findings(
        self, meter: Meter, snapshot: Snapshot, registered: RegisteredMeter
    ) -> list[Finding]:
        """Completeness of the day that ends here (V9) and its energy against days before (V17)."""
        present = 1 + sum(
            snapshot.boundary - SECONDS_PER_DAY < earlier.boundary for earlier in meter.history
        )
        found = checks.completeness_findings(present)
        midnights = self.store.midnights(meter.meter_id, snapshot.boundary - 1, DAYS_COMPARED + 1)
        return found + checks.day_use_findings([snapshot, *midnights], registered.register_width_wh)

    def _log_findings(self, snapshot: Snapshot, found: Sequence[Finding]) -> None:
        for finding in found:
            _log.warning(
                "snapshot " + finding.severity.value,
                meter_id=snapshot.meter_id,
                boundary=snapshot.boundary,
                rule=finding.rule,
                # Reasons quote registers: where those are sealed, the log has none of them.
                reason=finding.message if self.store.vault is None else "sealed in the store",
            )

    def _sign_due(self, connection: Any, now: int, host_now: float) -> bool:
        readings: list[tuple[Meter, Accepted]] = []
        days: list[tuple[Meter, DayPlan]] = []
        for meter in self._able():
            if not self._may_sign(meter, now):
                continue
            plan = self._plan(meter, now)
            # Readings that wait for their batch are looked at again.
            meter.is_plan_due = bool(plan.readings)
            readings += [(meter, accepted) for accepted in plan.readings]
            days += [(meter, day) for day in plan.days]
        # A day in the chain's order: what is before it goes first.
        sent = self._sign_readings(connection, readings, host_now)
        for meter, day in days:
            self._sign_day(connection, meter, day)
        return self.pager.seal_due(connection, now) or sent or bool(days)

    def _plan(self, meter: Meter, now: int) -> FormPlan:
        if meter.config.mode is SubmitMode.SINGLE:
            return FormPlan(tuple(meter.unsigned), ())

        def registers_at(boundary: int) -> Registers | None:
            if meter.record is not None and meter.record.base.boundary == boundary:
                return meter.record.base
            rows = self.store.accepted(meter.meter_id, boundary - 1, boundary)
            return rows[0].snapshot.registers if rows else None

        return plan_days(
            meter.unsigned,
            registers_at,
            meter.newest_decided,
            now,
            self._submission.day_deadline_seconds,
        )

    def _sign_readings(
        self, connection: Any, readings: list[tuple[Meter, Accepted]], host_now: float
    ) -> bool:
        """Sign readings when a batch is full or its window over."""
        if not readings:
            return False
        if self._readings_wait_since is None:
            self._readings_wait_since = host_now
        waited = host_now - self._readings_wait_since
        size = self._submission.batch_size
        if waited < self._submission.batch_window_seconds and len(readings) < size:
            return False
        readings.sort(key=lambda item: (item[1].snapshot.boundary, item[0].meter_id))
        for first in range(0, len(readings), size):
            self._sign_batch(connection, readings[first : first + size])
        self._readings_wait_since = None
        return True

    def _sign_batch(self, connection: Any, batch: list[tuple[Meter, Accepted]]) -> None:
        signed = []
        for meter, accepted in batch:
            message = reading_of(accepted)
            digest = eip712.digest(message, self._domain)
            signed.append((meter, accepted, message, digest, meter.key.sign_digest(digest)))
        fingerprint = hashlib.sha256(b"".join(item[3] for item in signed)).hexdigest()[:32]
        business_key = f"readings/{fingerprint}"
        self.store.put_signatures(
            connection,
            [
                Signature(
                    meter.meter_id,
                    Form.READING,
                    accepted.snapshot.boundary,
                    accepted.sequence,
                    digest,
                    signature,
                    business_key,
                )
                for meter, accepted, _, digest, signature in signed
            ],
        )
        call = self._encode(
            "submitSignedReadings",
            [(message.as_tuple(), signature) for _, _, message, _, signature in signed],
        )
        self._enqueue(connection, business_key, call)
        for meter, accepted, *_ in signed:
            meter.unsigned.remove(accepted)
        self.counters.readings_signed += len(signed)

    def _sign_day(self, connection: Any, meter: Meter, plan: DayPlan) -> None:
        if meter.registered is None:
            raise RegistryError(f"meter {meter.meter_id} was not looked up on chain")
        message = day_of(plan, meter.registered.register_width_wh, meter.registered.lane_width)
        signature = meter.key.sign(message, self._domain)
        business_key = f"meter-day/{meter.meter_id}/{plan.base.boundary // SECONDS_PER_DAY}"
        self.store.put_signatures(
            connection,
            [
                Signature(
                    meter.meter_id,
                    Form.DAY,
                    plan.day_end,
                    message.first_sequence,
                    eip712.digest(message, self._domain),
                    signature,
                    business_key,
                )
            ],
        )
        call = self._encode("submitSignedDay", message.as_tuple(), signature)
        self._enqueue(connection, business_key, call)
        signed = set(plan.snapshots)
        meter.unsigned = [accepted for accepted in meter.unsigned if accepted not in signed]
        self.counters.days_signed += 1

    def _enqueue(self, connection: Any, business_key: str, call: bytes) -> None:
        self.store.outbox.enqueue(business_key, self._smart_meter, call, connection=connection)

    def tend_pages(self, view: PagesView) -> bool:
        """Look after pages on chain: join, reveal, answer, or submit signed readings instead.

        Returns:
            Whether anything was put into the outbox.

        Raises:
            StoreUnavailableError: nothing was stored.
        """
        if self.blocked:
            return False
        try:
            return self.pager.tend(view)
        except BaseException:
            self.reload()
            raise

    def adopt(self, meter_id: int, host_now: float | None = None) -> UnixSeconds:
        """Go on from what is on chain, for a store that is new or restored from a backup.

        Only boundaries after now are signed: an earlier one may have been signed before.

        Returns:
            The time after which boundaries are signed.
        """
        meter = self.meters[meter_id]
        if meter.registered is None:
            raise RegistryError(f"meter {meter_id} was not found on chain")
        latest = meter.registered.latest.registers
        after = UnixSeconds(
            max(latest.boundary, int(time.time() if host_now is None else host_now))
        )
        equipment = "" if meter.record is None else meter.record.equipment
        with self.store.transaction() as connection:
            self.store.put_meter(connection, meter.record_from(latest, after, equipment))
        self.reload()
        meter.accept_registration(meter.registered, self.store)
        return after
