"""One meter as the running bridge sees it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from energy_grid.units import SECONDS_PER_DAY, SLOTS_PER_DAY
from meter_bridge.config import MeterSection
from meter_bridge.errors import RegistryError, StoreConflictError
from meter_bridge.keys import DeviceKey
from meter_bridge.registry import PagingStanding, RegisteredMeter
from meter_bridge.snapshots import Registers, Snapshot
from meter_bridge.store import Accepted, MeterRecord, Store
from meter_bridge.telegrams.telegram import FrameReader

HISTORY_SNAPSHOTS: Final = SLOTS_PER_DAY
"""A day before the newest: what the pattern checks look back on."""
SETTLE_SECONDS: Final = 20.0
"""How long a snapshot from before its boundary waits for a nearer telegram that never comes."""


@dataclass(slots=True, eq=False)
class Meter:
    """State of one meter; everything but the registration is reloaded from the store.

    Args:
        problem: why nothing is signed for it now, empty if nothing is wrong.
        newest_measured_at: newest time seen on its stream.
        candidates: undecided snapshots by boundary, with the host time each arrived at.
        previous: registers of the last accepted snapshot, or where the chain's record starts.
        newest_decided: newest boundary decided.
        is_plan_due: whether what to sign must be thought over, since something was decided.
        paging: the meter's dealings with bridges on chain; None before it was looked up.
    """

    config: MeterSection
    telegrams: FrameReader
    key: DeviceKey
    registered: RegisteredMeter | None = None
    record: MeterRecord | None = None
    problem: str = "not looked up on chain yet"
    newest_measured_at: int = 0
    candidates: dict[int, tuple[Snapshot, float]] = field(default_factory=dict)
    previous: Registers | None = None
    newest_decided: int = 0
    history: deque[Snapshot] = field(default_factory=lambda: deque(maxlen=HISTORY_SNAPSHOTS))
    unsigned: list[Accepted] = field(default_factory=list)
    is_plan_due: bool = True
    paging: PagingStanding | None = None

    @property
    def meter_id(self) -> int:
        """Id on chain."""
        return self.config.id

    def reload(self, store: Store) -> None:
        """Take over what is on disk."""
        self.record = store.meter(self.meter_id)
        self.candidates = {
            snapshot.boundary: (snapshot, arrived_at)
            for snapshot, arrived_at in store.candidates(self.meter_id)
        }
        self.unsigned = store.unsigned(self.meter_id)
        self.is_plan_due = True
        last = store.last_accepted(self.meter_id)
        self.newest_decided = store.last_decided(self.meter_id) or 0
        self.history.clear()
        self.previous = None if self.record is None else self.record.base
        if last is not None:
            boundary = last.snapshot.boundary
            since = boundary - SECONDS_PER_DAY
            self.history.extend(a.snapshot for a in store.accepted(self.meter_id, since, boundary))
            if self.previous is None or boundary > self.previous.boundary:
                self.previous = last.snapshot.registers

    def registers_before(self, boundary: int) -> Registers | None:
        """Registers on record before a boundary of the last day."""
        for snapshot in reversed(self.history):
            if snapshot.boundary < boundary:
                return snapshot.registers
        return None if self.record is None else self.record.base

    def record_from(self, base: Registers, signs_after: int, equipment: str) -> MeterRecord:
        """A record that goes on from registers on chain."""
        return MeterRecord(self.meter_id, self.key.address, equipment, signs_after, base)

    def next_settled(self, now: int, host_now: float, reorder_seconds: float) -> Snapshot | None:
        """The oldest undecided snapshot, if no nearer telegram can follow any more."""
        if not self.candidates:
            return None
        snapshot, arrived_at = self.candidates[min(self.candidates)]
        if snapshot.boundary > now:
            return None
        waited = host_now - arrived_at
        if self.config.source.kind.keeps_order:
            is_settled = snapshot.is_settled_in_order(self.newest_measured_at) or (
                waited >= SETTLE_SECONDS
            )
        else:
            is_settled = waited >= reorder_seconds
        return snapshot if is_settled else None

    def accept_registration(
        self, found: RegisteredMeter | RegistryError, store: Store
    ) -> MeterRecord | None:
        """Compare what the chain says with key and store.

        Afterwards `problem` says whether the meter can sign.

        Returns:
            At first contact the record to be stored before the meter signs.
        """
        if isinstance(found, RegistryError):
            # What was known before still holds: a node that is away stops no reading.
            if self.registered is None:
                self.problem = str(found)
            return None
        self.registered = found
        self.problem = self._problem_with(found, store)
        if self.problem or self.record is not None:
            return None
        base = found.latest.registers
        return self.record_from(base, base.boundary, "")

    def _problem_with(self, found: RegisteredMeter, store: Store) -> str:
        if found.device_key != self.key.address:
            return str(
                RegistryError(
                    f"meter {self.meter_id} has another device key on chain",
                    expected=found.device_key,
                    found=self.key.address,
                    remedy="Use the keystore that was registered, or correct the meter's id",
                )
            )
        if not found.is_active:
            return f"meter {self.meter_id} is {found.status} on chain"
        if self.record is not None and self.record.device_key != found.device_key:
            return str(
                StoreConflictError(
                    f"the store knows meter {self.meter_id} with another key",
                    expected=self.record.device_key,
                    found=found.device_key,
                    remedy="Use a new store for another chain",
                )
            )
        return self._history_problem(found, store)

    def _history_problem(self, found: RegisteredMeter, store: Store) -> str:
        """The chain must not know more than the store: else somebody else signed with this key."""
        on_chain = found.latest.registers
        if found.latest.sequence == 0 and self.record is None:
            return ""
        known = 0
        if self.record is not None:
            last = store.last_accepted(self.meter_id)
            known = max(self.record.signs_after, 0 if last is None else last.snapshot.boundary)
            if on_chain.boundary <= known:
                return ""
        return str(
            RegistryError(
                f"the chain has readings of meter {self.meter_id} that this store did not sign",
                expected=f"none after {known} (unix seconds)",
                found=f"one at {on_chain.boundary} with sequence {found.latest.sequence}",
                remedy="The store is new or was restored from a backup. If no other bridge signs "
                f"for this meter, run `python -m meter_bridge adopt {self.meter_id}`",
            )
        )
