"""The whole market in one object: everything a participant can do, and a clock.

The model is chain-free. Addresses are any strings, signatures are the name of whoever signed, and
time passes only by `advance`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from energy_grid.model.certificates import Certificates
from energy_grid.model.delivery import Delivery
from energy_grid.model.ledger import Account, Ledger, Operator
from energy_grid.model.metering import Metering
from energy_grid.model.meters import Meter, MeterStatus
from energy_grid.model.pages import Pages
from energy_grid.model.refused import Refused
from energy_grid.model.tariffs import TariffBounds, ZoneTariffs
from energy_grid.model.terms import Tariff
from energy_grid.model.trading import Trading
from energy_grid.pages import MeterPage
from energy_grid.slots import slot_of

MAX_CLAIMS_PER_CALL = 100


@dataclass
class Market:
    """One deployment of the platform.

    Attributes:
        now: Unix seconds; every rule that needs the time reads it here.
    """

    now: int
    security_deposit: int
    bond_floor: int
    tariff_bounds: TariffBounds
    ledger: Ledger = field(init=False)
    metering: Metering = field(default_factory=Metering)
    pages: Pages = field(init=False)
    trading: Trading = field(init=False)
    certificates: Certificates = field(default_factory=Certificates)
    delivery: Delivery = field(init=False)
    tariffs: dict[int, ZoneTariffs] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.security_deposit, self.bond_floor)
        self.pages = Pages(self.metering)
        self.trading = Trading(self.ledger)
        self.delivery = Delivery(
            self.ledger,
            self.trading,
            self.metering.registry,
            self.certificates,
            self.tariffs,
        )

    def advance(self, to: int) -> None:
        """Let time pass."""
        if to < self.now:
            raise ValueError(f"time only rises: {to} is before {self.now}")
        self.now = to

    # --- accounts ---

    def appoint_operator(self, zone: int, address: str) -> Account:
        """Give a zone its operator, for good."""
        if zone == 0:
            raise Refused("InvalidZone", zone=zone)
        if zone in self.ledger.operators:
            raise Refused("ZoneHasOperator", zone=zone)
        account = self._register(Account(address, zone=zone, is_operator=True))
        self.ledger.operators[zone] = Operator(account)
        self.tariffs[zone] = ZoneTariffs()
        self._note_bond_standing(zone)
        return account

    def enrol(self, address: str) -> Account:
        """Open the account of a meter's owner."""
        meter = self._connection(address)
        if meter is None:
            raise Refused("NoConnectionMeter", account=address)
        first_slot = self._first_metered_slot(address)
        zone = meter.registration.zone
        self._require_operator(zone)
        return self._register(
            Account(
                address,
                zone=zone,
                settled_until=first_slot,
                metered=True,
                metered_from=first_slot,
                capacity_w=self._capacity_w(address),
            )
        )

    def join_as_trader(self, address: str, zone: int) -> Account:
        """Open an account without a meter."""
        self._require_operator(zone)
        return self._register(Account(address, zone=zone, settled_until=slot_of(self.now)))

    def sync_meter(self, address: str) -> None:
        """Take over what changed in the meter registry."""
        account = self.ledger.account(address)
        if account.is_operator:
            raise Refused("OperatorCannotTrade", account=address)
        meter = self._connection(address)
        if meter is None:
            if not account.metered:
                raise Refused("NoConnectionMeter", account=address)
            if account.metered_until == 0:
                account.metered_until = max(slot_of(self.now), account.metered_from)
        else:
            if meter.registration.zone != account.zone:
                raise Refused("ZoneMismatch", homeZone=account.zone)
            if not account.metered:
                self.ledger.bring_forward(account, self.now)
                account.metered = True
                account.metered_from = max(self._first_metered_slot(address), account.settled_until)
            account.metered_until = 0
        account.capacity_w = self._capacity_w(address)

    def _register(self, account: Account) -> Account:
        if account.address in self.ledger.accounts:
            raise Refused("AlreadyEnrolled", account=account.address)
        if account.address == self.ledger.treasury.address:
            raise Refused("ReservedAddress", account=account.address)
        self.ledger.ids_given += 1
        account.account_id = self.ledger.ids_given
        self.ledger.accounts[account.address] = account
        return account

    def _require_operator(self, zone: int) -> None:
        if zone not in self.ledger.operators:
            raise Refused("ZoneWithoutOperator", zone=zone)

    def _connection(self, owner: str) -> Meter | None:
        """The connection an account has; a removed meter is none."""
        meter = self.metering.registry.connection_of(owner)
        if meter is None or meter.status is MeterStatus.DEACTIVATED:
            return None
        return meter

    def _first_metered_slot(self, owner: str) -> int:
        """Where the record of an account's first connection meter begins."""
        meter = self.metering.registry.connection_of(owner)
        assert meter is not None
        while meter.previous is not None:
            meter = meter.previous
        return meter.registration.first_slot

    def _capacity_w(self, owner: str) -> int:
        """Rated feed-in power, in whole 100 W; none without a connection."""
        meter = self._connection(owner)
        if meter is None:
            return 0
        return meter.registration.rated_export_w // 100 * 100

    # --- zones ---

    def post_bond(self, address: str, amount: int) -> None:
        """An operator posts bond out of its free balance."""
        self.ledger.post_bond(address, amount)
        self._note_bond_standing(self.ledger.accounts[address].zone)

    def withdraw_bond(self, address: str, amount: int) -> None:
        """An operator takes back bond above the floor."""
        self.ledger.withdraw_bond(address, amount)
        self._note_bond_standing(self.ledger.accounts[address].zone)

    def pay_claims(self, zone: int, max_count: int) -> int:
        """Anybody lets an operator pay what it owes."""
        self._require_operator(zone)
        if max_count > MAX_CLAIMS_PER_CALL:
            raise Refused("TooManyInBatch", given=max_count, allowed=MAX_CLAIMS_PER_CALL)
        return self.ledger.pay_claims(zone, max_count)

    def set_tariff(self, sender: str, zone: int, from_slot: int, tariff: Tariff) -> None:
        """An operator announces tariffs."""
        if zone not in self.ledger.operators or (
            self.ledger.operators[zone].account.address != sender
        ):
            raise Refused("NotTheOperator", caller=sender, zone=zone)
        self.tariffs[zone].set(
            from_slot,
            tariff,
            bounds=self.tariff_bounds,
            cap=self.trading.zone(zone).terms_at(from_slot).short_price_cap,
            now=self.now,
        )

    def _note_bond_standing(self, zone: int) -> None:
        """Slots that begin from now on pay a feed-in tariff only if the bond reaches its floor."""
        suffices = self.ledger.operators[zone].bond >= self.bond_floor
        standing = self.tariffs[zone].bond_suffices
        if not standing.entries or standing.entries[-1][1] != suffices:
            standing.set_from(slot_of(self.now) + 1, suffices)

    # --- settlement ---

    def settle(self, address: str, until_slot: int) -> int:
        """Settle an account as far as its slots are over and known or overdue."""
        end = self.delivery.settle(address, until_slot, self.now)
        self._note_bond_standing(self.ledger.account(address).zone)
        return end

    def settle_many(self, addresses: list[str], until_slot: int) -> int:
        """Settle several accounts."""
        total = self.delivery.settle_many(addresses, until_slot, self.now)
        for zone in self.ledger.operators:
            self._note_bond_standing(zone)
        return total

    def settle_page(self, page: MeterPage, addresses: list[str], until_slot: int) -> int:
        """Reveal a page and settle several accounts."""
        self.pages.reveal(page, self.now)
        return self.settle_many(addresses, until_slot)

    def settle_transaction(self, transaction_id: int) -> None:
        """Settle both parties of a trade, at most to the end of its product."""
        buyer, seller, product = self.trading.parties(transaction_id)
        self.settle(buyer.address, product.slots.stop)
        self.settle(seller.address, product.slots.stop)
