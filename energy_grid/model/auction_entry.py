"""The auction session: placing, replacing and withdrawing price curves. Section 4."""

from __future__ import annotations

from collections.abc import Sequence

from energy_grid.curves import Curve
from energy_grid.ids import Side
from energy_grid.model.auction_record import AuctionRecord, lock_of_steps
from energy_grid.model.book import TICK_SIZE
from energy_grid.model.collars import Collars
from energy_grid.model.ledger import Account
from energy_grid.model.quotes import auction_product
from energy_grid.model.refused import Refused
from energy_grid.model.zones import HaltScope


class AuctionEntry(Collars):
    """Auction orders on their way into the book and out of it."""

    def place_curve(self, sender: str, curve: Curve, now: int) -> None:
        """Make a curve the sender's whole order in its product; an empty one withdraws it."""
        self.place_curves(sender, sender, [curve], now)

    def place_curves(self, sender: str, owner: str, curves: Sequence[Curve], now: int) -> None:
        """Place curves for `owner`, all or none; the money is locked once for all of them."""
        self.require_acts_for(sender, owner)
        if not curves:
            raise Refused("NothingGiven")
        zone = curves[0].product.zone
        for curve in curves:
            self._check_curve(curve, zone, now)
        with self.all_or_nothing():
            account = self.ledger.account(owner)
            self.ledger.adjust_lock(account, self._lock_change(account, curves), now)
            if account.zone != zone:
                raise Refused("NotHomeZone", given=zone, allowed=account.zone)
            for curve in curves:
                self._enter_curve(account, curve, now, signed_at=now)

    def cancel_curves(self, sender: str, owner: str, product_ids: Sequence[int], now: int) -> int:
        """Withdraw many; where nothing stands, or nothing can change any more, is skipped."""
        self.require_acts_for(sender, owner)
        if not product_ids:
            raise Refused("NothingGiven")
        cancelled = 0
        with self.all_or_nothing():
            account = self.ledger.account(owner)
            for product_id in product_ids:
                product = auction_product(product_id)
                record = self.curve_of(account.account_id, product)
                if record is None or not record.steps or now >= product.gate_at:
                    continue
                curve = Curve(product)
                self.ledger.adjust_lock(account, self._lock_change(account, [curve]), now)
                self._enter_curve(account, curve, now, signed_at=now)
                cancelled += 1
        return cancelled

    # --- rules ---

    def _check_curve(self, curve: Curve, zone: int, now: int) -> None:
        """All rules for a curve that need neither the account nor the book."""
        product = curve.product
        if product.zone != zone:
            raise Refused("NotHomeZone", given=product.zone, allowed=zone)
        if now < product.opens_at:
            raise Refused("NotOpenYet", now=now, opensAt=product.opens_at)
        gate_at = self.auction_gate(product)
        if now >= gate_at:
            raise Refused("GateClosed", now=now, gateAt=gate_at)
        if not curve.is_empty and self.halted(product, HaltScope.PLACE, now):
            raise Refused("TradingHalted", zone=zone)
        cap = self.zone(zone).terms_at(product.start_slot).short_price_cap
        for step in curve.steps:
            if step.limit_tick * TICK_SIZE > cap:
                raise Refused("PriceAboveCap", given=step.limit_tick, allowed=cap // TICK_SIZE)

    def _enter_curve(self, account: Account, curve: Curve, now: int, *, signed_at: int) -> None:
        product = curve.product
        if account.settled_until > product.start_slot:
            raise Refused("SettlementReached", settledUntil=account.settled_until)
        record = self.curve_of(account.account_id, product)
        if record is None:
            for older, account_id in self.curves:
                if account_id == account.account_id:
                    self.refuse_unsettled_predecessor(account, older, product)
        elif now >= product.gate_at and not curve.only_adds_to(record.curve):
            raise Refused("OnlyAdditions", product=product.id)
        self.curves[(product, account.account_id)] = AuctionRecord(
            product, account.account_id, curve.steps, signed_at
        )
        if curve.lots(Side.SELL):
            self._refuse_beyond_capacity(account, self._net_sold_wh(account, product))
        if curve.steps:
            opening = self.open_delivery(product)
            for step in curve.steps:
                opening.require_within(step.limit_tick)
                self.require_level_room(product, step.side, step.limit_tick)

    # --- locks ---

    def _lock_change(self, account: Account, curves: Sequence[Curve]) -> int:
        """What curves lock beyond what they replace; of two for one product the later counts."""
        change = 0
        for product, curve in {curve.product: curve for curve in curves}.items():
            terms = self.zone(product.zone).terms_at(product.start_slot)
            change += lock_of_steps(curve.steps, terms) * product.slot_count
            record = self.curve_of(account.account_id, product)
            change -= 0 if record is None else self.lock_of_curve(record)
        return change

    def lock_of_curve(self, record: AuctionRecord) -> int:
        """All that an auction order locks, over all slots of its product."""
        terms = self.zone(record.product.zone).terms_at(record.product.start_slot)
        return record.lock_per_slot(terms) * record.product.slot_count
