"""The auction session: placing, replacing and withdrawing price curves. Section 4."""

from __future__ import annotations

from collections.abc import Sequence

from energy_grid.curves import Curve
from energy_grid.ids import Side
from energy_grid.model.auction_record import AuctionRecord
from energy_grid.model.book import TICK_SIZE
from energy_grid.model.collars import Collars
from energy_grid.model.curve_rules import RawCurve, checked_steps
from energy_grid.model.ledger import Account
from energy_grid.model.quotes import auction_product
from energy_grid.model.refused import Refused
from energy_grid.model.zones import HaltScope
from energy_grid.products import Product


class AuctionEntry(Collars):
    """Auction orders on their way into the book and out of it."""

    def place_curve(self, sender: str, curve: Curve | int, now: int) -> None:
        """Make a curve the sender's whole order in its product; an empty one withdraws it."""
        self.place_curves(sender, sender, [curve], now)

    def place_curves(
        self, sender: str, owner: str, curves: Sequence[Curve | int], now: int
    ) -> None:
        """Place curves for `owner`, all or none; the money is locked once for all of them."""
        self.require_acts_for(sender, owner)
        if not curves:
            raise Refused("NothingGiven")
        given = [RawCurve.of(curve) for curve in curves]
        account = self.ledger.account(owner)
        if account.zone != given[0].zone:
            raise Refused("NotHomeZone", given=given[0].zone, allowed=account.zone)
        with self.all_or_nothing():
            self.ledger.bring_forward(account, now)
            lock_delta = sum(self._set_curve(account, curve, now, now) for curve in given)
            self.ledger.adjust_lock(account, lock_delta, now)

    def cancel_curves(self, sender: str, owner: str, product_ids: Sequence[int], now: int) -> int:
        """Withdraw many; where nothing stands, or nothing can change any more, is skipped."""
        self.require_acts_for(sender, owner)
        if not product_ids:
            raise Refused("NothingGiven")
        account = self.ledger.account(owner)
        self.ledger.bring_forward(account, now)
        standing = {
            record.product.id: record
            for record in self.curves.values()
            if record.account_id == account.account_id and record.steps
        }
        cancelled = 0
        for product_id in dict.fromkeys(product_ids):
            record = standing.get(product_id)
            if record is None or now >= record.product.gate_at:
                continue
            lock = self.lock_of_curve(record)
            record.steps, record.signed_at = (), now
            self.ledger.adjust_lock(account, -lock, now)
            cancelled += 1
        return cancelled

    # --- rules ---

    def _set_curve(self, account: Account, given: RawCurve, signed_at: int, now: int) -> int:
        """Make a curve the account's order. Returns by how much its lock changes."""
        product = self._product_of(account, given)
        if now < product.opens_at:
            raise Refused("NotOpenYet", now=now, opensAt=product.opens_at)
        self._refuse_settled(account, product)
        self._refuse_closed(product, now)
        curve = self._checked_curve(product, given, now)
        return self._enter_curve(account, curve, signed_at, now)

    def _enter_curve(self, account: Account, curve: Curve, signed_at: int, now: int) -> int:
        """File a curve in the place of what stood there. Returns by how much the lock changes."""
        product = curve.product
        lock_before = self._make_room(account, curve, now)
        record = AuctionRecord(product, account.account_id, curve.steps, signed_at)
        self.curves[(product, account.account_id)] = record
        if record.curve.lots(Side.SELL):
            self._refuse_beyond_capacity(account, self._net_sold_wh(account, product))
        for step in curve.steps:
            self.open_delivery(product).require_within(step.limit_tick)
        for step in curve.steps:
            self.require_level_room(product, step.side, step.limit_tick)
        return self.lock_of_curve(record) - lock_before

    @staticmethod
    def _product_of(account: Account, given: RawCurve) -> Product:
        """The auction that a curve is for, if it is one of the account's home zone."""
        if not given.is_well_formed:
            raise Refused("CurveMalformed")
        if given.zone != account.zone:
            raise Refused("NotHomeZone", given=given.zone, allowed=account.zone)
        return auction_product(given.product_id)

    def _checked_curve(self, product: Product, given: RawCurve, now: int) -> Curve:
        """The curve, if nothing is wrong with it by itself. Withdrawing is never halted."""
        if not given.steps:
            return Curve(product)
        if self.halted(product, HaltScope.PLACE, now):
            raise Refused("TradingHalted", zone=product.zone)
        cap = self.zone(product.zone).terms_at(product.start_slot).short_price_cap
        return Curve(product, checked_steps(given.steps, cap // TICK_SIZE))

    @staticmethod
    def _refuse_settled(account: Account, product: Product) -> None:
        # A member whose first metered slot lies ahead is settled past products before it.
        if account.settled_until > product.start_slot:
            raise Refused("SettlementReached", settledUntil=account.settled_until)

    def _refuse_closed(self, product: Product, now: int) -> None:
        gate_at = self.auction_gate(product)
        if now >= gate_at:
            raise Refused("GateClosed", now=now, gateAt=gate_at)

    def _make_room(self, account: Account, curve: Curve, now: int) -> int:
        """Check what a curve replaces. Returns what that has locked."""
        record = self.curve_of(account.account_id, curve.product)
        if record is None:
            for older, account_id in self.curves:
                if account_id == account.account_id:
                    self.refuse_unsettled_predecessor(account, older, curve.product)
            return 0
        if now >= curve.product.gate_at and not curve.only_adds_to(record.curve):
            raise Refused("OnlyAdditions", product=curve.product.id)
        return self.lock_of_curve(record)

    # --- locks ---

    def lock_of_curve(self, record: AuctionRecord) -> int:
        """All that an auction order locks, over all slots of its product."""
        if not record.steps:
            return 0
        terms = self.zone(record.product.zone).terms_at(record.product.start_slot)
        return record.lock_per_slot(terms) * record.product.slot_count
