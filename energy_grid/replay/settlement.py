"""Money: free, locked, security, arrears, bonds, claims, clearing, treasury, and settled slots.

Each event has a fixed effect on the ledgers, so the order within a transaction does not matter. A
settled slot moves what its figures say; what an account could not pay, or was not paid, stands in
events of its own (`SecurityUsed`, `ArrearsRecorded`, `BondUsed`, `ClaimQueued`) and is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from eth_utils.address import to_checksum_address

from energy_grid.abi import Event
from energy_grid.replay.reducer import Handler, Reducer, require
from energy_grid.settled_slots import unpack_figures
from energy_grid.slots import slot_of

LOCK_CHANGE_BYTES: Final = 16
ACCOUNT_BYTES: Final = 3
DEFAULTED: Final = 3


@dataclass
class AccountReplay:
    """One account, in the words of `AccountState`; money in token units."""

    account_id: int = 0
    zone: int = 0
    settled_until: int = 0
    metered_from: int = 0
    metered_until: int = 0
    capacity_w: int = 0
    free: int = 0
    locked: int = 0
    security: int = 0
    arrears: int = 0
    metered: bool = False
    was_metered: bool = False
    is_operator: bool = False
    defaulted_from: int = 0
    corrected_until: int = 0
    assumed_import_wh: int = 0


@dataclass
class ZoneReplay:
    """One zone: its operator, the bond, and what the operator owes by position in the queue."""

    operator: str = ""
    bond: int = 0
    claims: dict[int, tuple[str, int]] = field(default_factory=dict)
    tariffs: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def owed(self) -> int:
        """Sum of all claims."""
        return sum(amount for _, amount in self.claims.values())


class SettlementReplay(Reducer):
    """`Settlement`.

    Args:
        treasury: account that receives the trading fees.
    """

    PASSED_OVER: ClassVar[frozenset[str]] = frozenset(
        {
            "AuthorityUpdated",
            "BondStandingChanged",
            "CertificatesClaimed",
            "EnergyRetired",
            "JoinLimitsChanged",
            "TariffBoundsChanged",
        }
    )

    def __init__(self, treasury: str) -> None:
        super().__init__()
        self.treasury = to_checksum_address(treasury)
        self.accounts: dict[str, AccountReplay] = {self.treasury: AccountReplay()}
        self.by_id: dict[int, str] = {}
        self.zones: dict[int, ZoneReplay] = {}
        self.tracked = 0
        self.clearing = 0

    def handlers(self) -> Mapping[str, Handler]:
        """See `Reducer`."""
        return {
            "AccountEnrolled": self._enrolled,
            "AccountPassedOver": self._passed_over,
            "ArrearsPaid": self._arrears_paid,
            "ArrearsRecorded": self._arrears_recorded,
            "BondPosted": self._bond_posted,
            "BondUsed": self._bond_used,
            "BondWithdrawn": self._bond_withdrawn,
            "ClaimPaid": self._claim_paid,
            "ClaimQueued": self._claim_queued,
            "CorrectionLapsed": self._lapsed,
            "DefaultCorrected": self._corrected,
            "Deposited": self._deposited,
            "LockAdjusted": self._lock_adjusted,
            "LocksAdjusted": self._locks_adjusted,
            "MeterSynced": self._synced,
            "MeteringEnded": self._metering_ended,
            "OperatorAppointed": self._appointed,
            "RentCredited": self._rent,
            "SecurityPosted": self._security_posted,
            "SecurityUsed": self._security_used,
            "SecurityWithdrawn": self._security_withdrawn,
            "SlotsSettled": self._settled,
            "TariffSet": self._tariff,
            "Withdrawn": self._withdrawn,
        }

    def account(self, address: str) -> AccountReplay:
        """An account; empty if nothing was heard of it."""
        return self.accounts.setdefault(address, AccountReplay())

    def zone(self, zone: int) -> ZoneReplay:
        """A zone; empty if nothing was heard of it."""
        return self.zones.setdefault(zone, ZoneReplay())

    def operator_of(self, zone: int) -> AccountReplay:
        """Account of a zone's operator."""
        return self.account(self.zone(zone).operator)

    # --- accounts ---

    def _enrolled(self, event: Event, _now: int) -> None:
        account = self.account(event.account)  # may have got rent before
        account.account_id, account.zone = event.accountId, event.zone
        account.settled_until, account.capacity_w = event.settledUntil, event.capacityW
        account.metered = account.was_metered = event.metered
        account.metered_from = event.settledUntil if event.metered else 0
        self.by_id[event.accountId] = event.account

    def _synced(self, event: Event, now: int) -> None:
        account = self.account(event.account)
        if not account.metered:
            self._forward(account, now)
        account.metered = account.was_metered = True
        account.capacity_w = event.capacityW
        account.metered_from, account.metered_until = event.meteredFrom, event.meteredUntil

    def _metering_ended(self, event: Event, _now: int) -> None:
        self.account(event.account).metered = False

    @staticmethod
    def _forward(account: AccountReplay, now: int) -> None:
        """An account that has nothing to settle skips to the present when it is touched."""
        if not account.locked and not account.was_metered:
            account.settled_until = max(account.settled_until, slot_of(now))

    def _passed_over(self, event: Event, _now: int) -> None:
        self.account(event.account).settled_until = event.settledUntil

    # --- money in and out ---

    def _deposited(self, event: Event, _now: int) -> None:
        self.account(event.account).free += event.amount
        self.tracked += event.amount

    def _withdrawn(self, event: Event, _now: int) -> None:
        self.account(event.account).free -= event.amount
        self.tracked -= event.amount

    def _security_posted(self, event: Event, _now: int) -> None:
        self._move_security(event, -event.amount)

    def _security_withdrawn(self, event: Event, _now: int) -> None:
        self._move_security(event, event.amount)

    def _security_used(self, event: Event, _now: int) -> None:
        self._move_security(event, event.amount)  # the debt itself is among the settled figures

    def _move_security(self, event: Event, to_free: int) -> None:
        account = self.account(event.account)
        account.free += to_free
        account.security -= to_free
        require(
            account.security == event.security,
            f"security deposit of {event.account}",
            expected=event.security,
            found=account.security,
        )

    def _lock_adjusted(self, event: Event, now: int) -> None:
        self._lock(self.account(event.account), event.lockDelta, now)

    def _locks_adjusted(self, event: Event, now: int) -> None:
        changes = bytes(event.changes)
        for at in range(0, len(changes), LOCK_CHANGE_BYTES):
            item = changes[at : at + LOCK_CHANGE_BYTES]
            account_id = int.from_bytes(item[:ACCOUNT_BYTES], "big")
            delta = int.from_bytes(item[ACCOUNT_BYTES:], "big", signed=True)
            self._lock(self.account(self.by_id[account_id]), delta, now)

    def _lock(self, account: AccountReplay, delta: int, now: int) -> None:
        if delta > 0:
            self._forward(account, now)
        account.free -= delta
        account.locked += delta

    def _rent(self, event: Event, _now: int) -> None:
        self.account(event.owner).free += event.amount
        self.clearing -= event.amount

    # --- debts ---

    def _arrears_recorded(self, event: Event, _now: int) -> None:
        self._owe(event, event.amount)

    def _arrears_paid(self, event: Event, _now: int) -> None:
        self._owe(event, -event.amount)

    def _owe(self, event: Event, more: int) -> None:
        """Unpaid money stays with the member and is lacking at the operator; paid, the reverse."""
        account = self.account(event.account)
        account.arrears += more
        account.free += more
        self.operator_of(event.zone).free -= more

    def _claim_queued(self, event: Event, _now: int) -> None:
        self.zone(event.zone).claims[event.position] = (event.account, event.amount)
        self.account(event.account).free -= event.amount
        self.operator_of(event.zone).free += event.amount

    def _claim_paid(self, event: Event, _now: int) -> None:
        zone = self.zone(event.zone)
        account, owed = zone.claims.pop(event.position)
        require(
            (account, owed - event.amount) == (event.account, event.remaining),
            f"claim {event.position} of zone {event.zone}",
            expected=(event.account, event.remaining),
            found=(account, owed - event.amount),
        )
        if event.remaining:
            zone.claims[event.position] = (account, event.remaining)
        self.account(account).free += event.amount
        self.operator_of(event.zone).free -= event.amount

    # --- operators ---

    def _appointed(self, event: Event, _now: int) -> None:
        self.zone(event.zone).operator = event.operator
        self.account(event.operator).is_operator = True

    def _bond_posted(self, event: Event, _now: int) -> None:
        self._move_bond(event, -event.amount)

    def _bond_withdrawn(self, event: Event, _now: int) -> None:
        self._move_bond(event, event.amount)

    def _bond_used(self, event: Event, _now: int) -> None:
        self._move_bond(event, event.amount)  # what was paid from it is among the settled figures

    def _move_bond(self, event: Event, to_free: int) -> None:
        zone = self.zone(event.zone)
        zone.bond -= to_free
        self.operator_of(event.zone).free += to_free
        require(
            zone.bond == event.bond,
            f"bond of zone {event.zone}",
            expected=event.bond,
            found=zone.bond,
        )

    def _tariff(self, event: Event, _now: int) -> None:
        prices = (event.retailPricePerKWh, event.feedInPricePerKWh)
        self.zone(event.zone).tariffs[event.fromSlot] = prices

    # --- settlement ---

    def _settled(self, event: Event, _now: int) -> None:
        account = self.account(event.account)
        operator = self.operator_of(account.zone)
        treasury = self.account(self.treasury)
        require(
            event.firstSlot == account.settled_until,
            f"slots of {event.account} are settled out of order",
            expected=account.settled_until,
            found=event.firstSlot,
        )
        for slot in unpack_figures(bytes(event.figures)):
            fees = slot["networkFee"] + slot["tradingFee"]
            account.locked -= slot["unlocked"]
            account.free += slot["unlocked"] + slot["proceeds"] - slot["cost"] - fees
            operator.free += slot["networkFee"]
            self.charge(event.account, slot["imbalance"])
            treasury.free += slot["tradingFee"]
            self.clearing += slot["cost"] - slot["proceeds"]
            # A stretch that ends within a run is corrected before the run is told.
            if slot["basis"] == DEFAULTED and account.settled_until >= account.corrected_until:
                account.defaulted_from = account.defaulted_from or account.settled_until
                account.assumed_import_wh += slot["importWh"]
            account.settled_until += 1

    def charge(self, address: str, imbalance: int) -> None:
        """An account pays its zone's operator, or is paid by it if `imbalance` < 0."""
        account = self.account(address)
        account.free -= imbalance
        self.operator_of(account.zone).free += imbalance

    def _corrected(self, event: Event, now: int) -> None:
        self.charge(event.account, event.imbalance)
        self._lapsed(event, now)

    def _lapsed(self, event: Event, _now: int) -> None:
        account = self.account(event.account)
        account.defaulted_from = account.assumed_import_wh = 0
        account.corrected_until = event.untilSlot
