"""Settling accounts slot by slot: agreements against meters, money, certificates. Section 6."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from energy_grid.day_words import Quality
from energy_grid.model.certificates import Certificates, Pool
from energy_grid.model.ledger import Account, Claim, Ledger
from energy_grid.model.meters import MeterRegistry
from energy_grid.model.refused import Refused
from energy_grid.model.settlement import (
    UNMETERED_ENERGY,
    Basis,
    ImbalancePrices,
    SlotPosition,
    energy_by_default,
    imbalance_due,
    imbalance_wh,
)
from energy_grid.model.slot_energy import (
    MAX_INTERPOLATED_SLOTS,
    SlotEnergy,
    Stretch,
    account_energy,
    account_gap,
)
from energy_grid.model.tariffs import ZoneTariffs
from energy_grid.model.trading import Trading
from energy_grid.slots import reading_deadline, slot_of

MAX_RUN_SLOTS = 672
MAX_BATCH = 100
CORRECTION_WINDOW_SLOTS = 30 * 96
POOL_GRACE_SECONDS = 86_400


@dataclass
class DefaultedStretch:
    """Slots of one account settled by default, waiting for their one correction."""

    from_slot: int
    until_slot: int
    assumed_import_wh: int
    prices: ImbalancePrices


@dataclass(frozen=True)
class SettledSlot:
    """What became of one slot, for the record."""

    account: str
    zone: int
    slot: int
    basis: Basis
    position: SlotPosition
    energy: SlotEnergy
    imbalance: int


@dataclass(frozen=True)
class Correction:
    """What a late true reading changed for slots settled by default."""

    account: str
    from_slot: int
    until_slot: int
    delta_wh: int
    imbalance: int


@dataclass
class Delivery:
    """Settlement of delivered energy."""

    ledger: Ledger
    trading: Trading
    registry: MeterRegistry
    certificates: Certificates
    tariffs: dict[int, ZoneTariffs]
    defaulted: dict[str, DefaultedStretch] = field(default_factory=dict)
    settled: list[SettledSlot] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)

    # --- settling ---

    def settle_many(self, addresses: Sequence[str], until_slot: int, now: int) -> int:
        """Settle several accounts. Returns the number of slots settled."""
        if len(addresses) > MAX_BATCH:
            raise Refused("TooManyInBatch", given=len(addresses), allowed=MAX_BATCH)
        for address in addresses:
            self._settleable(address)
        total = 0
        for address in addresses:
            before = self.ledger.account(address).settled_until
            total += self.settle(address, until_slot, now) - before
        return total

    def settle(self, address: str, until_slot: int, now: int) -> int:
        """Settle an account as far as its slots are over and known or overdue.

        Returns:
            The first slot that is not settled afterwards.
        """
        account = self._settleable(address)
        first = account.settled_until
        end = min(until_slot, slot_of(now))
        if end <= first:
            return first
        if account.has_nothing_to_settle:
            account.settled_until = end  # nothing was agreed, nothing is owed
            return end
        end = self._first_unknown(account, first, min(end, first + MAX_RUN_SLOTS), now)
        if end == first:
            return first
        self._settle_run(account, range(first, end), now)
        return end

    def _settleable(self, address: str) -> Account:
        account = self.ledger.account(address)
        if account.is_operator:
            raise Refused("OperatorCannotTrade", account=address)
        return account

    def _first_unknown(self, account: Account, first: int, end: int, now: int) -> int:
        """First slot for which settlement still waits for a reading."""
        for slot in range(first, end):
            if self._waits(account, slot, now):
                return slot
        return end

    def _waits(self, account: Account, slot: int, now: int) -> bool:
        if not is_metered_in(account, slot):
            return False
        if self.energy_of(account, slot, now).quality is not Quality.MISSING:
            return False
        if now > reading_deadline(slot):
            return False
        gap = self._gap(account, slot)
        return gap is None or gap.slots <= MAX_INTERPOLATED_SLOTS

    def _settle_run(self, account: Account, run: range, now: int) -> None:
        """Settle slots one after the other. Older claims on the operator are not overtaken."""
        operator = self.ledger.operators[account.zone]
        claims_wait = bool(operator.claims)
        kept_for_older_claims = operator.account.free if claims_wait else 0
        operator.account.free -= kept_for_older_claims
        claimed = Claim(account, 0)
        self.trading.take_positions(account, run)
        for slot in run:
            self._settle_slot(account, slot, claimed, now)
        account.settled_until = run.stop
        self._close_run(account, run.stop, claimed)
        operator.account.free += kept_for_older_claims
        if claimed.amount:
            self.ledger.add_claim(account.zone, account, claimed.amount)
        if claims_wait:
            self.ledger.settle_debts(operator.account)

    def _settle_slot(self, account: Account, slot: int, claimed: Claim, now: int) -> None:
        position = self.trading.slot_position(account, slot)
        basis, energy = self._energy_and_basis(account, slot, position, now)
        if self._stretch_ends(account, slot, basis):
            self._correct(account, claimed)
        prices = self.prices(account.zone, slot)
        if basis is Basis.DEFAULTED:
            self._extend_stretch(account, slot, position.bought_wh, prices)
        if basis is Basis.ESTIMATED:
            prices = self._worst_prices_of_gap(account, slot, prices)
        imbalance = imbalance_due(imbalance_wh(position, energy), prices)
        self._pay_trades(account, position)
        self._pay_imbalance(account, imbalance, claimed)
        self._enter_certificates(account, slot, position, energy, now)
        self.settled.append(
            SettledSlot(account.address, account.zone, slot, basis, position, energy, imbalance)
        )

    def _energy_and_basis(
        self, account: Account, slot: int, position: SlotPosition, now: int
    ) -> tuple[Basis, SlotEnergy]:
        if not is_metered_in(account, slot):
            return Basis.UNMETERED, UNMETERED_ENERGY
        energy = self.energy_of(account, slot, now)
        if energy.quality is Quality.MISSING:
            return Basis.DEFAULTED, energy_by_default(position)
        measured = energy.quality is Quality.MEASURED
        return Basis.MEASURED if measured else Basis.ESTIMATED, energy

    def _close_run(self, account: Account, end: int, claimed: Claim) -> None:
        """Correct a stretch whose end is known; a removed meter that is settled is forgotten."""
        metering_ends = account.metered and 0 < account.metered_until <= end
        stretch = self.defaulted.get(account.address)
        if stretch is not None:
            gap = self._gap(account, stretch.from_slot)
            if metering_ends or (gap is not None and end >= gap.to_slot):
                self._correct(account, claimed)
        if metering_ends:
            account.metered = False

    # --- money ---

    def _pay_trades(self, account: Account, position: SlotPosition) -> None:
        """Cost and fees come out of what was locked for the slot; it always suffices."""
        account.locked -= position.unlocked
        account.free += position.unlocked
        account.free -= position.cost + position.network_fee + position.trading_fee
        account.free += position.proceeds
        self.ledger.clearing += position.cost - position.proceeds
        self.ledger.operators[account.zone].account.free += position.network_fee
        self.ledger.treasury.free += position.trading_fee

    def _pay_imbalance(self, account: Account, due: int, claimed: Claim) -> None:
        if due > 0:
            self._charge(account, due)
        else:
            self._reward(account, -due, claimed)
        self._settle_mutually(account, claimed)

    def _settle_mutually(self, account: Account, claimed: Claim) -> None:
        """Afterwards neither owes the other what it could pay."""
        operator = self.ledger.operators[account.zone].account
        set_off = min(account.arrears, claimed.amount)
        account.arrears -= set_off
        claimed.amount -= set_off
        paid_late = min(claimed.amount, operator.free)
        claimed.amount -= paid_late
        operator.free -= paid_late
        account.free += paid_late
        paid = min(account.free, account.arrears)
        account.free -= paid
        account.arrears -= paid
        operator.free += paid

    def _charge(self, account: Account, due: int) -> None:
        """From the free balance, then from the security deposit; the rest are arrears."""
        operator = self.ledger.operators[account.zone].account
        from_free = min(due, account.free)
        from_security = min(due - from_free, account.security)
        account.free -= from_free
        account.security -= from_security
        account.arrears += due - from_free - from_security
        operator.free += from_free + from_security

    def _reward(self, account: Account, due: int, claimed: Claim) -> None:
        """Set off against arrears, then from the operator's money, its bond, then as a claim."""
        operator = self.ledger.operators[account.zone]
        set_off = min(due, account.arrears)
        account.arrears -= set_off
        due -= set_off
        from_free = min(due, operator.account.free)
        from_bond = min(due - from_free, operator.bond)
        operator.account.free -= from_free
        operator.bond -= from_bond
        account.free += from_free + from_bond
        claimed.amount += due - from_free - from_bond

    # --- prices ---

    def prices(self, zone: int, slot: int) -> ImbalancePrices:
        """Prices of one slot's imbalance."""
        cap = self.trading.zone(zone).terms_at(slot).short_price_cap
        covering = self.trading.covering_prices(zone, slot)
        return self.tariffs[zone].prices(slot, cap, covering)

    def _worst_prices_of_gap(
        self, account: Account, slot: int, prices: ImbalancePrices
    ) -> ImbalancePrices:
        """Withholding readings never pays: an estimate settles at the worst prices of its gap."""
        gap = self._gap(account, slot)
        if gap is None:
            return prices
        for other in range(gap.from_slot, gap.to_slot):
            prices = prices.worst(self.prices(account.zone, other))
        return prices

    # --- defaults and their correction ---

    def _stretch_ends(self, account: Account, slot: int, basis: Basis) -> bool:
        """Whether the stretch on record does not reach `slot`: a true reading lies between."""
        stretch = self.defaulted.get(account.address)
        if stretch is None:
            return False
        gap = self._gap(account, stretch.from_slot)
        return basis is not Basis.DEFAULTED or (gap is not None and slot >= gap.to_slot)

    def _extend_stretch(
        self, account: Account, slot: int, assumed_wh: int, prices: ImbalancePrices
    ) -> None:
        stretch = self.defaulted.get(account.address)
        if stretch is None:
            self.defaulted[account.address] = DefaultedStretch(slot, slot + 1, assumed_wh, prices)
            return
        stretch.until_slot = slot + 1
        stretch.assumed_import_wh += assumed_wh
        stretch.prices = stretch.prices.worst(prices)

    def _correct(self, account: Account, claimed: Claim) -> None:
        """The one correction of a stretch: what the registers say less what was assumed."""
        stretch = self.defaulted.pop(account.address)
        gap = self._gap(account, stretch.from_slot)
        if gap is None or gap.to_slot > stretch.from_slot + CORRECTION_WINDOW_SLOTS:
            return  # too late, or never
        real_wh = _share(gap, gap.import_wh, stretch) - _share(gap, gap.export_wh, stretch)
        delta_wh = real_wh - stretch.assumed_import_wh
        imbalance = imbalance_due(delta_wh, stretch.prices)
        self._pay_imbalance(account, imbalance, claimed)
        self.corrections.append(
            Correction(account.address, stretch.from_slot, stretch.until_slot, delta_wh, imbalance)
        )

    # --- certificates ---

    def _enter_certificates(
        self, account: Account, slot: int, position: SlotPosition, energy: SlotEnergy, now: int
    ) -> None:
        measured = energy.quality is Quality.MEASURED
        self.certificates.enter(
            account=account.address,
            region=self.trading.region_of(account.zone),
            slot=slot,
            bought_wh=position.bought_wh,
            sold_wh=position.sold_wh,
            minted_wh=energy.mintable_wh if measured else 0,
            cover_wh=energy.import_wh if measured else 0,
            closed=now >= reading_deadline(slot) + POOL_GRACE_SECONDS,
        )

    def claim_certificates(self, addresses: Sequence[str], slot: int, now: int) -> int:
        """Hand out what a closed pool owes to accounts. Returns the energy retired."""
        if len(addresses) > MAX_BATCH:
            raise Refused("TooManyInBatch", given=len(addresses), allowed=MAX_BATCH)
        entered = [
            self.ledger.accounts[address]
            for address in addresses
            if address in self.ledger.accounts
            and address in self._pool(self.ledger.accounts[address], slot).entries
        ]
        for account in entered:
            region = self.trading.region_of(account.zone)
            if not self.pool_closed(region, slot, now):
                raise Refused("PoolNotClosed", region=region, slot=slot)
        return sum(
            self.certificates.claim(self.trading.region_of(account.zone), slot, account.address)
            for account in entered
        )

    def _pool(self, account: Account, slot: int) -> Pool:
        return self.certificates.pool(self.trading.region_of(account.zone), slot)

    def pool_closed(self, region: int, slot: int, now: int) -> bool:
        """Everybody who traded has entered, or time is up."""
        if slot_of(now) <= slot:
            return False
        entered_wh = self.certificates.pool(region, slot).entered_wh
        return (
            entered_wh == 2 * self.trading.traded_wh(region, slot)
            or now >= reading_deadline(slot) + POOL_GRACE_SECONDS
        )

    # --- metering as settlement sees it ---

    def energy_of(self, account: Account, slot: int, now: int) -> SlotEnergy:
        """Verified energy of an account in a slot."""
        return account_energy(self.registry, account.address, slot, now)

    def _gap(self, account: Account, slot: int) -> Stretch | None:
        return account_gap(self.registry, account.address, slot)


def is_metered_in(account: Account, slot: int) -> bool:
    """Whether a slot of the account is settled against readings."""
    return (
        account.metered
        and slot >= account.metered_from
        and (account.metered_until == 0 or slot < account.metered_until)
    )


def _share(gap: Stretch, energy_wh: int, stretch: DefaultedStretch) -> int:
    """Part of a gap's register difference that falls on defaulted slots, interpolated."""
    until_slot = min(stretch.until_slot, gap.to_slot)
    at_end = energy_wh * (until_slot - gap.from_slot) // gap.slots
    at_start = energy_wh * (stretch.from_slot - gap.from_slot) // gap.slots
    return at_end - at_start
