"""What to settle and to claim: pure functions from a moment of the ledger to calls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

MOST_ACCOUNTS = 100
"""`settleMany` and `claimCertificates` take no more."""


class Kind(StrEnum):
    """Kinds of actions, as their business keys begin."""

    SETTLE = "settle"
    CLAIM = "certificates"


@dataclass(frozen=True, slots=True)
class Account:
    """One account as far as settlement goes.

    Attributes:
        number: its short id.
        address: the account.
        zone: its zone.
        settled_until: first slot that is not settled.
        ready_until: where settling it now would get to.
    """

    number: int
    address: str
    zone: int
    settled_until: int
    ready_until: int

    @property
    def ready_slots(self) -> int:
        """Slots that can be settled now."""
        return self.ready_until - self.settled_until


@dataclass(frozen=True, slots=True)
class Pool:
    """Certificates of one region and slot that wait to be claimed.

    Attributes:
        region: zones that are cleared together, by their head.
        slot: the slot.
        accounts: who has an entry left.
    """

    region: int
    slot: int
    accounts: tuple[str, ...]


@dataclass(frozen=True)
class Ledger:
    """One moment of the ledger.

    Attributes:
        now: unix second.
        slot: the slot that `now` lies in.
        accounts: those that have something to settle.
        pools: closed pools with entries.
    """

    now: int
    slot: int
    accounts: tuple[Account, ...] = ()
    pools: tuple[Pool, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """How the keeper works, as its operator chose.

    Attributes:
        transaction_gas: most gas one transaction may take.
        base_gas: what a call costs before its accounts.
        account_gas: an account, before its slots.
        slot_gas: a slot of an account.
        claim_gas: a claim of an account.
        least_slots: slots an account lets come together before it is settled.
        wait_slots: but it never waits longer than this.
    """

    transaction_gas: int = 12_000_000
    base_gas: int = 200_000
    account_gas: int = 130_000
    slot_gas: int = 40_000
    claim_gas: int = 110_000
    least_slots: int = 4
    wait_slots: int = 8

    @property
    def most_slots(self) -> int:
        """Slots of one account that fit one transaction."""
        return max(1, (self.transaction_gas - self.base_gas - self.account_gas) // self.slot_gas)


@dataclass(frozen=True, slots=True)
class Action:
    """One call of `Settlement`.

    Attributes:
        kind: what it is for.
        key: its business key.
        accounts: accounts concerned.
        slot: settle: first slot not settled by it; claim: the pool's.
        effects: settle: slots settled by it; claim: accounts.
    """

    kind: Kind
    key: str
    accounts: tuple[str, ...]
    slot: int
    effects: int = field(default=0, compare=False)


def decide(ledger: Ledger, policy: Policy) -> tuple[Action, ...]:
    """Everything worth sending now."""
    return (*decide_settling(ledger, policy), *decide_claims(ledger, policy))


def decide_settling(ledger: Ledger, policy: Policy) -> Iterator[Action]:
    """Settle accounts in batches that fit a transaction, those furthest behind first."""
    due = [account for account in ledger.accounts if is_due(account, ledger.slot, policy)]
    due.sort(key=lambda account: (account.settled_until, account.number))
    batch: list[Account] = []
    until = 0
    for account in due:
        if batch and not _fits(batch, account, until, policy):
            yield _settle(batch, until)
            batch = []
        if not batch:
            # One bound for the batch: what its first account can take in one transaction.
            until = min(account.settled_until + policy.most_slots, ledger.slot)
        batch.append(account)
    if batch:
        yield _settle(batch, until)


def _fits(batch: Sequence[Account], account: Account, until: int, policy: Policy) -> bool:
    together = [*batch, account]
    slots = sum(_slots(one, until) for one in together)
    gas = policy.base_gas + policy.account_gas * len(together) + policy.slot_gas * slots
    is_concerned = _slots(account, until) > 0
    return is_concerned and len(together) <= MOST_ACCOUNTS and gas <= policy.transaction_gas


def is_due(account: Account, slot: int, policy: Policy) -> bool:
    """Whether enough has come together, or waited long enough."""
    if account.ready_slots <= 0:
        return False
    waits = slot - account.settled_until - 1
    return account.ready_slots >= policy.least_slots or waits >= policy.wait_slots


def decide_claims(ledger: Ledger, policy: Policy) -> Iterator[Action]:
    """Claim what closed pools owe, slot by slot, for everybody."""
    fitting = max(1, (policy.transaction_gas - policy.base_gas) // policy.claim_gas)
    size = min(fitting, MOST_ACCOUNTS)
    for pool in sorted(ledger.pools, key=lambda pool: (pool.slot, pool.region)):
        for first in range(0, len(pool.accounts), size):
            part = pool.accounts[first : first + size]
            key = f"{Kind.CLAIM}:{pool.region}:{pool.slot}:{_digest(part)}"
            yield Action(Kind.CLAIM, key, part, pool.slot, len(part))


def lag_slots(ledger: Ledger) -> int:
    """How long the longest waiting slot has been ready, in slots; 0 if none waits."""
    return max((ledger.slot - one.settled_until for one in ledger.accounts), default=0)


def _slots(account: Account, bound: int) -> int:
    return max(0, min(account.ready_until, bound) - account.settled_until)


def _settle(batch: Sequence[Account], until: int) -> Action:
    ordered = sorted(batch, key=lambda account: account.number)
    accounts = tuple(account.address for account in ordered)
    span = f"{ordered[0].number}-{ordered[-1].number}"
    key = f"{Kind.SETTLE}:{span}:{until}:{_digest(accounts)}"
    return Action(
        Kind.SETTLE, key, accounts, until, sum(_slots(account, until) for account in batch)
    )


def _digest(accounts: Iterable[str]) -> str:
    return hashlib.sha256("".join(accounts).lower().encode()).hexdigest()[:8]
