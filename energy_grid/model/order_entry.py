"""The continuous session: placing, replacing and cancelling orders. Section 4."""

from __future__ import annotations

from collections.abc import Sequence

from energy_grid.ids import Side
from energy_grid.model.book import (
    LOT_WH,
    MAX_RECORD_LOTS,
    MAX_RECORDS,
    MIN_ORDER_LOTS,
    TICK_SIZE,
    Record,
)
from energy_grid.model.collars import Collars
from energy_grid.model.ledger import Account
from energy_grid.model.quotes import UNTIL_GATE, Quote, checked_product
from energy_grid.model.refused import Refused
from energy_grid.model.zones import HaltScope
from energy_grid.products import Product, hour_product_for_expiry


class OrderEntry(Collars):
    """Continuous orders on their way into the book and out of it."""

    # --- placing ---

    def create_order(
        self, sender: str, amount_wh: int, price_per_kwh: int, expiry: int, side: Side, now: int
    ) -> int:
        """The printed form: the hour that starts at `expiry` rounded up, in the home zone."""
        if expiry <= now:
            raise Refused("ExpiryPassed", given=expiry, now=now)
        product = hour_product_for_expiry(self.ledger.account(sender).zone, expiry)
        unit = product.slot_count * LOT_WH
        if amount_wh % unit:
            raise Refused("AmountNotInLots", given=amount_wh, unit=unit)
        if price_per_kwh % TICK_SIZE:
            raise Refused("PriceOffTick", given=price_per_kwh, tickSize=TICK_SIZE)
        quote = Quote.of(product, side, amount_wh // unit, price_per_kwh // TICK_SIZE, expiry)
        return self.place(sender, sender, [quote], now)[0]

    def place(self, sender: str, owner: str, quotes: Sequence[Quote], now: int) -> list[int]:
        """Place orders for `owner`, all or none; the money is locked once for all of them."""
        self.require_acts_for(sender, owner)
        if not quotes:
            raise Refused("NothingGiven")
        zone = quotes[0].zone
        accepted = [self._accepted(quote, zone, now) for quote in quotes]
        with self.all_or_nothing():
            account = self.ledger.account(owner)
            lock = sum(self._lock_of_new(quote, product) for quote, product, _ in accepted)
            self.ledger.adjust_lock(account, lock, now)
            if account.zone != zone:
                raise Refused("NotHomeZone", given=zone, allowed=account.zone)
            return [
                self._enter(account, quote, product, expires_at)
                for quote, product, expires_at in accepted
            ]

    def _enter(self, account: Account, quote: Quote, product: Product, expires_at: int) -> int:
        if account.settled_until > product.start_slot:
            raise Refused("SettlementReached", settledUntil=account.settled_until)
        self._refuse_self_cross(account, product, quote, replaced=None)
        index = self._free_index(account, product)
        self.records[(product, account.account_id, index)] = record = Record(
            product=product,
            account_id=account.account_id,
            index=index,
            side=quote.side,
            sequence=self._next_sequence(product.zone),
            limit_per_kwh=quote.limit_per_kwh,
            expires_at=expires_at,
            remaining_lots=quote.lots,
        )
        if quote.side is Side.SELL:
            self._refuse_beyond_capacity(account, self._net_sold_wh(account, product))
        self.open_delivery(product).require_within(quote.limit_tick)
        self.require_level_room(product, quote.side, quote.limit_tick)
        return record.order_id

    # --- replacing and cancelling ---

    def replace(self, sender: str, order_id: int, quote: Quote, now: int) -> int:
        """Put a quote in the place of what is open of an order; fills stay in the record."""
        self._open_record(order_id)
        return self._replace_all(sender, [(order_id, quote)], now)[0]

    def replace_many(
        self, sender: str, owner: str, pairs: Sequence[tuple[int, Quote]], now: int
    ) -> list[int]:
        """Replace many; orders of which nothing is open any more are skipped."""
        self.require_acts_for(sender, owner)
        if not pairs:
            raise Refused("NothingGiven")
        return self._replace_all(owner, pairs, now)

    def _replace_all(self, owner: str, pairs: Sequence[tuple[int, Quote]], now: int) -> list[int]:
        new_ids = []
        with self.all_or_nothing():
            owner_id = self._owner_id(pairs[0][0])
            lock_delta, most_net_sold_wh = 0, 0
            for order_id, quote in pairs:
                record = self._record_if_open(order_id)
                if record is None:
                    continue
                account = self._require_owner(record, owner_id, owner)
                locked_before = self.lock_of(record)
                new_ids.append(self._replace_one(account, record, quote, now))
                lock_delta += self.lock_of(record) - locked_before
                if quote.side is Side.SELL:
                    net_sold_wh = self._net_sold_wh(account, record.product)
                    most_net_sold_wh = max(most_net_sold_wh, net_sold_wh)
            if new_ids:
                account = self.ledger.account(owner)
                self.ledger.adjust_lock(account, lock_delta, now)
                self._refuse_beyond_capacity(account, most_net_sold_wh)
        return new_ids

    def _replace_one(self, account: Account, record: Record, quote: Quote, now: int) -> int:
        if not quote.is_for(record.product) or quote.side is not record.side:
            raise Refused("ReplacementDiffers", orderId=record.order_id)
        product, expires_at = self._accepted(quote, record.product.zone, now)[1:]
        quantity = quote.lots + record.filled_lots
        if quantity >= MAX_RECORD_LOTS:
            raise Refused("TooManyLots", given=quantity, allowed=MAX_RECORD_LOTS - 1)
        self._refuse_self_cross(account, product, quote, replaced=record)
        record.release_improvement()
        record.sequence = self._next_sequence(product.zone)
        record.limit_per_kwh = quote.limit_per_kwh
        record.expires_at = expires_at
        record.remaining_lots = quote.lots
        record.cancelled_lots = 0
        self.open_delivery(product).require_within(quote.limit_tick)
        self.require_level_room(product, quote.side, quote.limit_tick)
        return record.order_id

    def cancel(self, sender: str, order_id: int, now: int) -> None:
        """Withdraw what is open of one's own order; its lock returns in full."""
        record = self._open_record(order_id)
        if now >= record.product.gate_at:
            raise Refused("GateClosed", now=now, gateAt=record.product.gate_at)
        account = self._require_owner(record, record.account_id, sender)
        self._close(account, record, now)

    def cancel_many(self, sender: str, owner: str, order_ids: Sequence[int], now: int) -> int:
        """Cancel many; what is closed already or past its gate is skipped."""
        self.require_acts_for(sender, owner)
        if not order_ids:
            raise Refused("NothingGiven")
        cancelled = 0
        with self.all_or_nothing():
            for order_id in order_ids:
                record = self._record_if_open(order_id)
                if record is None or now >= record.product.gate_at:
                    continue
                account = self._require_owner(record, self._owner_id(order_ids[0]), owner)
                self._close(account, record, now)
                cancelled += 1
        return cancelled

    def remove_expired(self, order_ids: Sequence[int], now: int) -> int:
        """Free the remainder of expired orders; what cannot be removed is skipped."""
        removed = 0
        for order_id in order_ids:
            record = self._record_if_open(order_id)
            if record is None or now < record.expires_at:
                continue
            account = self.ledger.account_by_id(record.account_id)
            if account.settled_until > record.product.start_slot:
                continue  # settlement frees it slot by slot
            self._close(account, record, now)
            removed += 1
        return removed

    def _close(self, account: Account, record: Record, now: int) -> None:
        locked_before = self.lock_of(record)
        record.cancelled_lots = record.remaining_lots
        record.remaining_lots = 0
        record.release_improvement()
        self.ledger.adjust_lock(account, self.lock_of(record) - locked_before, now)

    # --- checks ---

    def _accepted(self, quote: Quote, zone: int, now: int) -> tuple[Quote, Product, int]:
        """All rules for a quote that need neither the account nor the book, and its expiry."""
        if quote.zone != zone:
            raise Refused("NotHomeZone", given=quote.zone, allowed=zone)
        product = checked_product(quote)
        if now < product.opens_at:
            raise Refused("NotOpenYet", now=now, opensAt=product.opens_at)
        if now >= product.gate_at:
            raise Refused("GateClosed", now=now, gateAt=product.gate_at)
        if self.halted(product, HaltScope.PLACE, now):
            raise Refused("TradingHalted", zone=zone)
        cap = self.zone(zone).terms_at(product.start_slot).short_price_cap
        if quote.lots < MIN_ORDER_LOTS:
            raise Refused("TooFewLots", given=quote.lots, allowed=MIN_ORDER_LOTS)
        if quote.lots >= MAX_RECORD_LOTS:
            raise Refused("TooManyLots", given=quote.lots, allowed=MAX_RECORD_LOTS - 1)
        if quote.limit_tick < 1:
            raise Refused("PriceTooLow", given=quote.limit_tick, allowed=1)
        if quote.limit_per_kwh > cap:
            raise Refused("PriceAboveCap", given=quote.limit_tick, allowed=cap // TICK_SIZE)
        if quote.expires_at == UNTIL_GATE or quote.expires_at > product.gate_at:
            return quote, product, product.gate_at
        if quote.expires_at <= now:
            raise Refused("ExpiryPassed", given=quote.expires_at, now=now)
        return quote, product, quote.expires_at

    def _refuse_self_cross(
        self, account: Account, product: Product, quote: Quote, replaced: Record | None
    ) -> None:
        for record in self.records_of(account.account_id, product):
            if record is replaced or record.side is quote.side or not record.remaining_lots:
                continue
            if quote.side is Side.BUY:
                crosses = quote.limit_per_kwh >= record.limit_per_kwh
            else:
                crosses = quote.limit_per_kwh <= record.limit_per_kwh
            if crosses:
                raise Refused("SelfCross", ownOrderId=record.order_id)

    def _free_index(self, account: Account, product: Product) -> int:
        for index in range(MAX_RECORDS):
            record = self.records.get((product, account.account_id, index))
            if record is None:
                for older, account_id, at in self.records:
                    if account_id == account.account_id and at == index:
                        self.refuse_unsettled_predecessor(account, older, product)
                return index
            if record.is_free:
                return index
        raise Refused("RecordsExhausted", given=MAX_RECORDS + 1, allowed=MAX_RECORDS)

    def _record_if_open(self, order_id: int) -> Record | None:
        try:
            return self._open_record(order_id)
        except Refused:
            return None

    def _open_record(self, order_id: int) -> Record:
        record = self.record_of_order(order_id)
        if not record.remaining_lots:
            raise Refused("OrderNotOpen", orderId=order_id)
        return record

    @staticmethod
    def _owner_id(order_id: int) -> int:
        return order_id >> 48 & 0xFFFFFF

    def _require_owner(self, record: Record, owner_id: int, owner: str) -> Account:
        """All orders of a call belong to one account, and that is who acts or is acted for."""
        account = self.ledger.accounts.get(owner)
        if account is None or not record.account_id == owner_id == account.account_id:
            raise Refused("NotOrderOwner", orderId=record.order_id, account=owner)
        return account

    # --- locks and numbers ---

    def lock_of(self, record: Record) -> int:
        """All that a record locks, over all slots of its product."""
        terms = self.zone(record.product.zone).terms_at(record.product.start_slot)
        return record.lock_per_slot(terms) * record.product.slot_count

    def _lock_of_new(self, quote: Quote, product: Product) -> int:
        record = Record(
            product, 1, 0, quote.side, 1, quote.limit_per_kwh, product.gate_at, quote.lots
        )
        return self.lock_of(record)

    def _next_sequence(self, zone: int) -> int:
        self.zone(zone).orders_accepted += 1
        return self.zone(zone).orders_accepted
