"""Who owns how much of the money that lies in `Settlement`. Specification, section 6.

Every unit belongs to exactly one entry: free and locked balances, security deposits, operators'
bonds, and the clearing account through which trades are paid. The sum never changes except by a
deposit or a withdrawal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from energy_grid.model.refused import Refused
from energy_grid.slots import slot_of

MAX_TRACKED = 2**80 - 1
CLAIMS_PER_ACTION = 8
CAPACITY_UNIT_W = 100
TREASURY = "treasury"


@dataclass
class Account:
    """One participant, operator, or the treasury (which has an entry of money and nothing else).

    Attributes:
        settled_until: First slot that is not settled yet.
        metered_from: First slot settled against readings; 0 without a meter.
        metered_until: First slot after the meter was taken away; 0 while it is there.
        arrears: What it owes its zone's operator and could not pay.
    """

    address: str
    account_id: int = 0
    zone: int = 0
    settled_until: int = 0
    metered: bool = False
    metered_from: int = 0
    metered_until: int = 0
    capacity_w: int = 0
    is_operator: bool = False
    free: int = 0
    locked: int = 0
    security: int = 0
    arrears: int = 0
    delegate: str | None = None

    @property
    def has_nothing_to_settle(self) -> bool:
        """Whether it never had a meter and holds no locks.

        A trader can only sell what it bought in the same product, and a purchase holds a lock until
        it is settled. A member's sale at the cap holds none, so whoever has had a meter is settled
        slot by slot, even after it was taken away.
        """
        return not self.metered and not self.metered_until and not self.locked


@dataclass
class Claim:
    """What an operator still owes to an account."""

    account: Account
    amount: int


@dataclass
class Operator:
    """The residual supplier and buyer of a zone: every imbalance is settled against it."""

    account: Account
    bond: int = 0
    claims: list[Claim] = field(default_factory=list)
    claims_made: int = 0

    @property
    def owed(self) -> int:
        """All that it could not pay yet."""
        return sum(claim.amount for claim in self.claims)


@dataclass
class Ledger:
    """All money entries, and the rules by which money moves between them.

    Attributes:
        ids_given: Number of short account ids used up so far.
        others: Money of accounts that the model does not follow (it may begin in mid-life).
        outsiders: Money of addresses that take no part in the market (owners of lines).
    """

    security_deposit: int
    bond_floor: int
    accounts: dict[str, Account] = field(default_factory=dict)
    operators: dict[int, Operator] = field(default_factory=dict)
    treasury: Account = field(default_factory=lambda: Account(TREASURY))
    clearing: int = 0
    tracked_total: int = 0
    ids_given: int = 0
    others: int = 0
    outsiders: dict[str, Account] = field(default_factory=dict)

    # --- who ---

    def account(self, address: str) -> Account:
        """An enrolled account."""
        if address not in self.accounts:
            raise Refused("NotEnrolled", account=address)
        return self.accounts[address]

    def account_by_id(self, account_id: int) -> Account:
        """An account by its short id."""
        return next(one for one in self.accounts.values() if one.account_id == account_id)

    def outsider(self, address: str) -> Account:
        """The money of an address that is not enrolled; the treasury is one."""
        if address == self.treasury.address:
            return self.treasury
        return self.outsiders.setdefault(address, Account(address))

    def is_secured(self, account: Account) -> bool:
        """Whether the required security deposit is posted in full."""
        return account.security >= self.security_deposit

    def sum_of_entries(self) -> int:
        """Everything anybody owns: equals `tracked_total` between any two calls (I-02)."""
        return (
            sum(one.free + one.locked + one.security for one in self.accounts.values())
            + self.treasury.free
            + sum(one.free for one in self.outsiders.values())
            + sum(operator.bond for operator in self.operators.values())
            + self.clearing
            + self.others
        )

    # --- money in and out ---

    def deposit(self, address: str, amount: int) -> None:
        """Money comes in, into the free balance."""
        if amount == 0:
            raise Refused("NothingToMove")
        account = self.account(address)
        if self.tracked_total + amount > MAX_TRACKED:
            raise Refused("DepositTooLarge", given=self.tracked_total + amount)
        self.tracked_total += amount
        self.credit(account, amount)

    def withdraw(self, address: str, amount: int) -> None:
        """Free money goes out, if nothing is owed."""
        account = self.accounts.get(address) or self.outsider(address)
        self._refuse_debts(account)
        if amount == 0:
            raise Refused("NothingToMove")
        self._refuse_beyond_free(account, amount)
        account.free -= amount
        self.tracked_total -= amount

    def withdraw_all(self, address: str) -> int:
        """All free money goes out. Returns how much that was."""
        amount = (self.accounts.get(address) or self.outsider(address)).free
        self.withdraw(address, amount)
        return amount

    def post_security(self, address: str, amount: int) -> None:
        """Free money becomes security."""
        if amount == 0:
            raise Refused("NothingToMove")
        account = self.account(address)
        self._refuse_debts(account)
        self._refuse_beyond_free(account, amount)
        account.free -= amount
        account.security += amount

    def withdraw_security(self, address: str, amount: int) -> None:
        """Security beyond what is required becomes free money."""
        if amount == 0:
            raise Refused("NothingToMove")
        account = self.account(address)
        self._refuse_debts(account)
        required = self.security_deposit if account.metered else 0
        allowed = max(0, account.security - required)
        if amount > allowed:
            raise Refused("SecurityStillRequired", given=amount, allowed=allowed)
        account.security -= amount
        account.free += amount

    # --- locks ---

    def adjust_lock(self, account: Account, lock_delta: int, now: int) -> None:
        """Lock money for orders (refused in many cases) or release it (never refused)."""
        if lock_delta < 0:
            account.locked += lock_delta
            account.free -= lock_delta
            self.settle_debts(account)
            return
        self.bring_forward(account, now)
        if lock_delta == 0:
            return
        self.require_may_lock(account)
        self._refuse_beyond_free(account, lock_delta)
        account.free -= lock_delta
        account.locked += lock_delta

    def require_may_lock(self, account: Account) -> None:
        """Who may lock money at all."""
        if account.is_operator:
            raise Refused("OperatorCannotTrade", account=account.address)
        if account.arrears:
            raise Refused("ArrearsOutstanding", account=account.address, owed=account.arrears)
        if account.metered and not self.is_secured(account):
            raise Refused("SecurityDepositMissing", account=account.address)

    def adjust_locks(self, changes: Sequence[tuple[Account, int]], now: int = 0) -> None:
        """Several locks at once, all or none."""
        for account, lock_delta in changes:
            self.adjust_lock(account, lock_delta, now)

    def bring_forward(self, account: Account, now: int) -> None:
        """A trader that never had a meter and holds no locks has nothing to settle."""
        if account.has_nothing_to_settle:
            account.settled_until = max(account.settled_until, slot_of(now))

    # --- rent ---

    def credit_rent(self, owner: str, amount: int) -> None:
        """What buyers paid beyond what sellers received, because a line was full."""
        self.clearing -= amount
        if owner in self.accounts:
            self.credit(self.accounts[owner], amount)
        else:
            self.outsider(owner).free += amount

    # --- debts ---

    def credit(self, account: Account, amount: int) -> None:
        """Give free money; debts are paid out of it at once."""
        account.free += amount
        self.settle_debts(account)

    def settle_debts(self, account: Account) -> None:
        """A member pays its arrears to the operator, an operator the oldest claims on it."""
        if account.arrears:
            paid = self._pay_arrears(account)
            if paid:
                self.credit(self.operators[account.zone].account, paid)
        elif account.is_operator:
            self.pay_claims(account.zone, CLAIMS_PER_ACTION)

    def pay_claims(self, zone: int, max_count: int) -> int:
        """Pay the oldest claims on an operator from its free balance. Returns what was paid."""
        operator = self.operators[zone]
        paid_in_all = 0
        for _ in range(max_count):
            if not operator.claims or operator.account.free == 0:
                break
            claim = operator.claims[0]
            paid = min(operator.account.free, claim.amount)
            paid_in_all += paid
            operator.account.free -= paid
            claim.amount -= paid
            if claim.amount == 0:
                operator.claims.pop(0)
            claim.account.free += paid
            # A member in arrears hands its part straight back; that may pay the next claim.
            operator.account.free += self._pay_arrears(claim.account)
        return paid_in_all

    def add_claim(self, zone: int, account: Account, amount: int) -> None:
        """Queue what an operator could not pay."""
        operator = self.operators[zone]
        operator.claims.append(Claim(account, amount))
        operator.claims_made += 1

    @staticmethod
    def _pay_arrears(account: Account) -> int:
        paid = min(account.free, account.arrears)
        account.free -= paid
        account.arrears -= paid
        return paid

    def _refuse_debts(self, account: Account) -> None:
        if account.arrears:
            raise Refused("ArrearsOutstanding", account=account.address, owed=account.arrears)
        if account.is_operator and self.operators[account.zone].claims:
            owed = self.operators[account.zone].owed
            raise Refused("ClaimsOutstanding", zone=account.zone, owed=owed)

    @staticmethod
    def _refuse_beyond_free(account: Account, needed: int) -> None:
        if account.free < needed:
            raise Refused("InsufficientFree", needed=needed, available=account.free)

    # --- bonds ---

    def post_bond(self, address: str, amount: int) -> None:
        """An operator's free money becomes bond."""
        operator = self._operator_of(address, amount)
        self._refuse_beyond_free(operator.account, amount)
        operator.account.free -= amount
        operator.bond += amount

    def withdraw_bond(self, address: str, amount: int) -> None:
        """Bond beyond the floor becomes free money, while nobody waits to be paid."""
        operator = self._operator_of(address, amount)
        allowed = max(0, operator.bond - self.bond_floor)
        if amount > allowed:
            raise Refused("BondBelowFloor", given=amount, allowed=allowed)
        operator.bond -= amount
        operator.account.free += amount

    def _operator_of(self, address: str, amount: int) -> Operator:
        account = self.accounts.get(address)
        if account is None or not account.is_operator:
            raise Refused("NotTheOperator", caller=address, zone=0)
        if amount == 0:
            raise Refused("NothingToMove")
        self._refuse_debts(account)
        return self.operators[account.zone]
