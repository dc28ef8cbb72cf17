"""What a sender tells about itself: figures for the metrics, alarms for people."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum

import structlog

_log = structlog.get_logger(__name__)


class AlarmName(StrEnum):
    """What a sender may raise an alarm about; `docs/outbox.md` says what to do about each."""

    KEY_SHARED = "key shared"
    """The account's nonces are used from elsewhere too."""
    FEE_CAP = "fee cap"
    """A transaction waits although it offers as much as is allowed."""
    LOW_FUNDS = "low funds"
    """The account can pay for few transactions more, or for none."""
    RPC_DOWN = "rpc down"
    """No node answers."""
    RPC_LAG = "rpc lag"
    """A node is behind what is known of the chain, or serves another chain."""
    BLIND = "blind"
    """No trustworthy news of the chain for too long: nothing new is signed."""
    NONCE_GAP = "nonce gap"
    """A nonce is missing below transactions of ours."""
    DEEP_REORG = "deep reorg"
    """A transaction that counted as final has left the chain: nothing is sent."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person should know.

    Attributes:
        name: which alarm.
        detail: what was found.
        since: unix time at which it was raised first.
    """

    name: AlarmName
    detail: str
    since: float


class Alarms:
    """The alarms that are on. Raising one again keeps its age."""

    def __init__(self) -> None:
        self._on: dict[AlarmName, Alarm] = {}
        self._ends: dict[AlarmName, float] = {}

    def set(self, name: AlarmName, detail: str, *, hold_seconds: float | None = None) -> None:
        """Raise an alarm, or renew its detail.

        Args:
            name: which.
            detail: what was found.
            hold_seconds: it ends by itself after this long; None: with `clear`.
        """
        known = self._on.get(name)
        if known is None:
            _log.error("alarm", alarm=name.value, detail=detail)
        self._on[name] = Alarm(name, detail, time.time() if known is None else known.since)
        if hold_seconds is None:
            self._ends.pop(name, None)
        else:
            self._ends[name] = time.monotonic() + hold_seconds

    def clear(self, name: AlarmName) -> None:
        """Take an alarm back."""
        if self._on.pop(name, None) is not None:
            _log.info("alarm over", alarm=name.value)
        self._ends.pop(name, None)

    def list(self) -> tuple[Alarm, ...]:
        """The alarms that are on."""
        now = time.monotonic()
        for name in [name for name, end in list(self._ends.items()) if end <= now]:
            self.clear(name)
        return tuple(self._on.copy().values())


@dataclass(slots=True)
class Counters:
    """What has happened since the sender was made."""

    bumps: int = 0
    rebroadcasts: int = 0
    reorgs: int = 0
    rows_reorged: int = 0
    gaps_filled: int = 0
    foreign_nonces: int = 0


@dataclass(slots=True)
class Gauges:
    """What the last cycle saw."""

    head: int | None = None
    head_changed_at: float | None = None
    """Monotonic time."""
    balance_wei: int | None = None
    transactions_left: int | None = None
    nonce_gap: int = 0


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """Figures and alarms of one sender.

    Attributes:
        address: its account.
        chain_id: its chain; 0 before it has started.
        head: newest block it has seen.
        head_age_seconds: since it saw a new head; None before the first.
        blind_seconds: since a trustworthy node answered.
        depth: open rows, mined ones left out.
        in_flight: rows whose transaction may be under way.
        mined: rows in a block that is not yet deep.
        oldest_unsent_seconds: age of the oldest row that is in no block; 0 without one.
        nonce_gap: nonces missing below transactions of ours.
        balance_wei: what the account holds.
        transactions_left: transactions that this pays for at today's fees; None where gas is free.
        bumps: transactions signed again with higher fees.
        rebroadcasts: transactions broadcast again, the same bytes.
        reorgs: times that a known block was replaced.
        rows_reorged: rows whose block vanished.
        gaps_filled: transfers to oneself at a missing nonce.
        key_shared: whether the key is used elsewhere.
        rpc_failovers: changes to another node.
        alarms: the alarms that are on.
    """

    address: str
    chain_id: int
    head: int | None
    head_age_seconds: float | None
    blind_seconds: float
    depth: int
    in_flight: int
    mined: int
    oldest_unsent_seconds: float
    nonce_gap: int
    balance_wei: int | None
    transactions_left: int | None
    bumps: int
    rebroadcasts: int
    reorgs: int
    rows_reorged: int
    gaps_filled: int
    key_shared: bool
    rpc_failovers: int
    alarms: tuple[Alarm, ...] = field(default=())

    @property
    def is_good(self) -> bool:
        """Whether no alarm is on."""
        return not self.alarms

    def alarm(self, name: AlarmName) -> Alarm | None:
        """One alarm, None if it is off."""
        return next((alarm for alarm in self.alarms if alarm.name is name), None)
