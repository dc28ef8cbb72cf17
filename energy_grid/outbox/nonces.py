"""Which nonces are ours: the next one, missing ones, and those used from elsewhere.

A nonce comes from the chain's counts and our own open rows, never from adding one to a memory.
"""

from __future__ import annotations

from typing import Final

import structlog

from energy_grid.outbox.errors import ForeignTransactionError
from energy_grid.outbox.rows import Row, State
from energy_grid.outbox.status import AlarmName
from energy_grid.outbox.workplace import Workplace

KEY_SHARED_SECONDS: Final = 600.0
"""How long the alarm stays on after the last sign of another user of the key."""
MOST_GAPS: Final = 64
GAP_KEY_PREFIX: Final = "nonce-gap/"

_log = structlog.get_logger(__name__)


class Nonces:
    """Watches the account's nonces."""

    def __init__(self, workplace: Workplace) -> None:
        self._work = workplace
        self._latest_seen: int | None = None
        self._gap_since: int | None = None

    def note(self, latest: int) -> None:
        """Compare the chain's count with our rows: others' transactions raise an alarm."""
        seen = self._latest_seen
        if seen is None:
            highest = self._work.outbox.highest_nonce()
            seen = latest if highest is None else highest + 1
        if latest > seen:
            foreign = latest - seen - self._work.outbox.count_nonces(seen, latest)
            if foreign:
                self.report_foreign(f"{foreign} of nonces {seen} to {latest - 1} are not ours")
                self._work.counters.foreign_nonces += foreign
        self._latest_seen = latest

    def report_foreign(self, detail: str) -> None:
        """Raise the alarm that the key is used elsewhere."""
        self._work.alarms.set(
            AlarmName.KEY_SHARED,
            f"{self._work.address}: {detail}",
            hold_seconds=KEY_SHARED_SECONDS,
        )

    def free(self, latest: int, pending: int, in_flight: list[Row]) -> int:
        """Lowest nonce that neither the chain nor an open row of ours uses; so gaps fill.

        Raises:
            ForeignTransactionError: the pool has transactions of this account that are not ours.
        """
        ours = {row.nonce for row in in_flight if row.nonce is not None}
        nonce = latest
        while nonce in ours:
            nonce += 1
        # A node may count across a gap below transactions of ours: after a while that proves
        # nothing any more.
        if pending > (max(ours, default=0) + 1 if self.is_gap_old() else nonce):
            self.report_foreign(f"nonce {nonce} is pending and not ours")
            raise ForeignTransactionError(
                f"{self._work.address} has pending transactions that this outbox did not send",
                expected=f"{nonce} as the next nonce",
                found=f"{pending} by the node's count",
                remedy="Wait until they are mined; an account belongs to one process",
            )
        return nonce

    def missing(self, latest: int, in_flight: list[Row]) -> list[int]:
        """Nonces below transactions of ours that nobody is known to have: those above wait."""
        ours = {row.nonce for row in in_flight if row.nonce is not None}
        above = [nonce for nonce in ours if nonce >= latest]
        if not above:
            self._gap_since = None
            self._work.gauges.nonce_gap = 0
            self._work.alarms.clear(AlarmName.NONCE_GAP)
            return []
        found = [nonce for nonce in range(latest, max(above)) if nonce not in ours]
        self._work.gauges.nonce_gap = len(found)
        if not found:
            self._gap_since = None
            self._work.alarms.clear(AlarmName.NONCE_GAP)
            return []
        self._work.alarms.set(
            AlarmName.NONCE_GAP, f"{len(found)} from {found[0]}, {len(above)} of ours wait above"
        )
        if self._gap_since is None:
            self._gap_since = self._work.head_number
        return found[:MOST_GAPS]

    def is_gap_old(self) -> bool:
        """Whether a gap has been there for as many blocks as a transaction may wait."""
        return (
            self._gap_since is not None
            and self._work.head_number - self._gap_since >= self._work.bump_after_blocks
        )

    def plan_filling(self, nonce: int) -> Row:
        """A planned transfer of nothing to oneself that takes a missing nonce."""
        outbox = self._work.outbox
        for row in outbox.rows(State.PLANNED):
            if row.business_key.startswith(GAP_KEY_PREFIX):
                return row
        key = f"{GAP_KEY_PREFIX}{nonce}/{self._work.head_number}"
        _log.warning("nonce missing, filled by a transfer to oneself", nonce=nonce)
        return outbox.enqueue(key, self._work.address, b"")
