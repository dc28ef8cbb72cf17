"""The continuous session: placing, replacing, cancelling and matching orders. Section 4.

Nothing is indexed: the best bid is found by looking at every order there is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from energy_grid.errors import InvalidValueError
from energy_grid.ids import OrderId, Side, TransactionId
from energy_grid.model.book import (
    LOT_WH,
    MAX_RECORD_LOTS,
    MAX_RECORDS,
    MIN_ORDER_LOTS,
    RING_SLOTS,
    TICK_SIZE,
    Fill,
    Record,
)
from energy_grid.model.ledger import Account, Ledger
from energy_grid.model.refused import Refused
from energy_grid.model.settlement import SlotPosition
from energy_grid.model.zones import HaltScope, ZoneMarket
from energy_grid.products import (
    MAX_PRODUCT_ID,
    Period,
    Product,
    Session,
    hour_product_for_expiry,
)
from energy_grid.slots import FIRST_WEEK_SLOT
from energy_grid.units import AccountId, money, slot_energy_wh

UNTIL_GATE = 0
"""Expiry of an order that stands until the gate."""
TRANSACTION_BITS = 104


@dataclass(frozen=True)
class Quote:
    """What a trader asks for; unlike a `Product` it may be wrong in every field."""

    zone: int
    period: int
    session: int
    start_slot: int
    side: Side
    lots: int
    limit_tick: int
    expires_at: int = UNTIL_GATE

    @classmethod
    def of(
        cls, product: Product, side: Side, lots: int, limit_tick: int, expires_at: int = UNTIL_GATE
    ) -> Quote:
        """A quote for a product that exists."""
        return cls(
            product.zone,
            product.period,
            product.session,
            product.start_slot,
            side,
            lots,
            limit_tick,
            expires_at,
        )

    def is_for(self, product: Product) -> bool:
        """Whether the quote names this product."""
        named = (self.zone, self.period, self.session, self.start_slot)
        return named == (product.zone, product.period, product.session, product.start_slot)

    @property
    def limit_per_kwh(self) -> int:
        """Limit price, units per kWh."""
        return self.limit_tick * TICK_SIZE


@dataclass(frozen=True)
class Trade:
    """One execution."""

    buy_order_id: int
    sell_order_id: int
    product: Product
    buyer_id: int
    seller_id: int
    lots: int
    price_per_kwh: int

    @property
    def transaction_id(self) -> int:
        """All trades between the two parties in this product share it."""
        return TransactionId(
            self.product.id, AccountId(self.buyer_id), AccountId(self.seller_id)
        ).pack()

    @property
    def amount_wh(self) -> int:
        """Energy over the whole product."""
        return self.lots * LOT_WH * self.product.slot_count


@dataclass
class Trading:
    """The market: every record of every account, and what each zone allows."""

    ledger: Ledger
    zones: dict[int, ZoneMarket] = field(default_factory=dict)
    records: dict[tuple[Product, int, int], Record] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    delegates: dict[str, str | None] = field(default_factory=dict)

    # --- what stands in the book ---

    def records_of(self, account_id: int, product: Product) -> list[Record]:
        """An account's records in a product, by index."""
        found = [self.records.get((product, account_id, index)) for index in range(MAX_RECORDS)]
        return [record for record in found if record is not None]

    def open_records(self, product: Product, side: Side) -> list[Record]:
        """Everything in the book on one side; expired orders count until they are removed."""
        return [
            record
            for record in self.records.values()
            if record.product == product and record.side is side and record.remaining_lots
        ]

    def best_bid(self, product: Product) -> int | None:
        """Highest buy limit."""
        return max((r.limit_per_kwh for r in self.open_records(product, Side.BUY)), default=None)

    def best_ask(self, product: Product) -> int | None:
        """Lowest sell limit."""
        return min((r.limit_per_kwh for r in self.open_records(product, Side.SELL)), default=None)

    def record_of_order(self, order_id: int) -> Record:
        """The record that holds an order; an order that was replaced is held by none."""
        record = self.records.get(record_key(order_id)) if is_order_id(order_id) else None
        if record is None or record.order_id != order_id:
            raise Refused("OrderUnknown", orderId=order_id)
        return record

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
        self._require_acts_for(sender, owner)
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
        self._require_acts_for(sender, owner)
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
            raise Refused("ReplacementDiffers", orderId=record.order_id, quote=quote)
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
        self._require_acts_for(sender, owner)
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

    # --- matching ---

    def match(self, buy_id: int, sell_id: int, now: int) -> Trade:
        """Let the best bid and the best ask trade, at the limit of whichever was first."""
        buy, sell = self._checked_pair(buy_id, sell_id, now)
        first = buy if buy.sequence < sell.sequence else sell
        price = first.limit_per_kwh
        lots = min(buy.remaining_lots, sell.remaining_lots)
        for record in (buy, sell):
            record.remaining_lots -= lots
            record.fills.append(Fill(lots, price, abs(record.limit_per_kwh - price)))
        trade = Trade(buy_id, sell_id, buy.product, buy.account_id, sell.account_id, lots, price)
        self.trades.append(trade)
        return trade

    def match_many(self, pairs: Sequence[tuple[int, int]], now: int) -> int:
        """Match pairs in the order given; those that no longer match are skipped."""
        matched = 0
        for buy_id, sell_id in pairs:
            try:
                self.match(buy_id, sell_id, now)
            except Refused:
                continue
            matched += 1
        return matched

    def _checked_pair(self, buy_id: int, sell_id: int, now: int) -> tuple[Record, Record]:
        if side_byte(buy_id) != Side.BUY or side_byte(sell_id) != Side.SELL:
            raise Refused("NotABuyAndASell", buyOrderId=buy_id, sellOrderId=sell_id)
        if product_bits(buy_id) != product_bits(sell_id):
            raise Refused("ProductsDiffer", buyOrderId=buy_id, sellOrderId=sell_id)
        if is_order_id(buy_id):
            product = OrderId.unpack(buy_id).product
            if self._halted(product, HaltScope.MATCH, now):
                raise Refused("TradingHalted", zone=product.zone)
        buy, sell = (self._tradable_record(order_id, now) for order_id in (buy_id, sell_id))
        if buy.limit_per_kwh < sell.limit_per_kwh:
            raise Refused(
                "PricesDoNotCross",
                buyTick=buy.limit_per_kwh // TICK_SIZE,
                sellTick=sell.limit_per_kwh // TICK_SIZE,
            )
        best_bid, best_ask = self.best_bid(buy.product), self.best_ask(buy.product)
        if buy.limit_per_kwh != best_bid:
            raise Refused("NotBestBid", given=buy.limit_per_kwh, best=best_bid)
        if sell.limit_per_kwh != best_ask:
            raise Refused("NotBestAsk", given=sell.limit_per_kwh, best=best_ask)
        return buy, sell

    def _tradable_record(self, order_id: int, now: int) -> Record:
        record = self._open_record(order_id)
        if now >= record.product.gate_at:
            raise Refused("GateClosed", nowSeconds=now, gateAt=record.product.gate_at)
        if now >= record.expires_at:
            raise Refused("OrderExpired", orderId=order_id, expiredAt=record.expires_at)
        return record

    # --- what settlement asks ---

    def slot_position(self, account: Account, slot: int) -> SlotPosition:
        """What an account agreed for one slot, over all its products."""
        position = SlotPosition()
        for record in self.records.values():
            if record.account_id == account.account_id and slot in record.product.slots:
                position = position.plus(self._contribution(record, slot))
        return position

    def _contribution(self, record: Record, slot: int) -> SlotPosition:
        terms = self.zone(record.product.zone).terms_at(record.product.start_slot)
        energy_wh = record.filled_lots * LOT_WH
        if record.side is Side.SELL:
            return SlotPosition(
                sold_wh=energy_wh,
                proceeds=record.filled_value,
                unlocked=record.lock_per_slot(terms),
            )
        return SlotPosition(
            bought_wh=energy_wh,
            cost=record.filled_value,
            network_fee=money(energy_wh, terms.network_fee_per_kwh),
            trading_fee=record.trading_fee_of_slot(terms, slot),
            unlocked=record.lock_per_slot(terms),
        )

    def traded_wh(self, zone: int, slot: int) -> int:
        """Energy traded in a zone for one slot."""
        return sum(
            trade.lots * LOT_WH
            for trade in self.trades
            if trade.product.zone == zone and slot in trade.product.slots
        )

    def parties(self, transaction_id: int) -> tuple[Account, Account, Product]:
        """Buyer, seller and product of a transaction id that names a trade."""
        if transaction_id >> TRANSACTION_BITS:
            raise Refused("TransactionUnknown", transactionId=transaction_id)
        number = transaction_id >> 48
        check_product(number >> 36 & 0xF, number >> 32 & 0xF, number & 0xFFFFFFFF)
        try:
            wanted = TransactionId.unpack(transaction_id)
            product = wanted.product
        except InvalidValueError as error:
            raise Refused("TransactionUnknown", transactionId=transaction_id) from error
        for account_id, side in ((wanted.buyer_id, Side.BUY), (wanted.seller_id, Side.SELL)):
            if not any(
                record.fills and record.side is side
                for record in self.records_of(account_id, product)
            ):
                raise Refused("TransactionUnknown", transactionId=transaction_id)
        return (
            self.ledger.account_by_id(wanted.buyer_id),
            self.ledger.account_by_id(wanted.seller_id),
            product,
        )

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
        if self._halted(product, HaltScope.PLACE, now):
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

    def _net_sold_wh(self, account: Account, product: Product) -> int:
        """Energy per slot sold or offered beyond what was bought in the product."""
        net = 0
        for record in self.records_of(account.account_id, product):
            if record.side is Side.SELL:
                net += (record.remaining_lots + record.filled_lots) * LOT_WH
            else:
                net -= record.filled_lots * LOT_WH
        return net

    @staticmethod
    def _refuse_beyond_capacity(account: Account, net_sold_wh: int) -> None:
        """What is sold and not bought must fit what the rated feed-in power can deliver."""
        allowed = slot_energy_wh(account.capacity_w)
        if net_sold_wh > allowed:
            raise Refused("CapacityExceeded", given=net_sold_wh, allowed=allowed)

    def _free_index(self, account: Account, product: Product) -> int:
        for index in range(MAX_RECORDS):
            record = self.records.get((product, account.account_id, index))
            if record is None:
                self._refuse_unsettled_predecessor(account, product, index)
                return index
            if record.is_free:
                return index
        raise Refused("RecordsExhausted", given=MAX_RECORDS + 1, allowed=MAX_RECORDS)

    def _refuse_unsettled_predecessor(self, account: Account, product: Product, index: int) -> None:
        """A place in the ring serves the product 4,096 slots later once the older is settled."""
        for older, account_id, at in self.records:
            same_place = (
                account_id == account.account_id
                and at == index
                and older.period is product.period
                and older.start_slot % RING_SLOTS == product.start_slot % RING_SLOTS
            )
            if same_place and account.settled_until < older.slots.stop:
                raise Refused("SettleFirst", slot=older.slots.stop)

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

    def _require_acts_for(self, sender: str, owner: str) -> None:
        if sender not in (owner, self.delegates.get(owner)):
            raise Refused("NotDelegate", account=owner, caller=sender)

    def name_delegate(self, account: str, delegate: str | None) -> None:
        """Name the one key that may place, replace and cancel for an account."""
        if delegate == account:
            raise Refused("DelegateIsAccount", account=account)
        self.delegates[account] = delegate

    # --- helpers ---

    def zone(self, zone: int) -> ZoneMarket:
        """A zone's market; without terms nothing can be ordered in it."""
        return self.zones.setdefault(zone, ZoneMarket(zone))

    def lock_of(self, record: Record) -> int:
        """All that a record locks, over all slots of its product."""
        terms = self.zone(record.product.zone).terms_at(record.product.start_slot)
        return record.lock_per_slot(terms) * record.product.slot_count

    def _lock_of_new(self, quote: Quote, product: Product) -> int:
        record = Record(
            product, 1, 0, quote.side, 1, quote.limit_per_kwh, product.gate_at, quote.lots
        )
        return self.lock_of(record)

    def _halted(self, product: Product, scope: HaltScope, now: int) -> bool:
        return self.zone(product.zone).stops(scope, product.slots, now)

    def _next_sequence(self, zone: int) -> int:
        self.zone(zone).orders_accepted += 1
        return self.zone(zone).orders_accepted

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """If a step of the block is refused, nothing of the block has happened."""
        records = copy.deepcopy(self.records)
        sequences = {zone: market.orders_accepted for zone, market in self.zones.items()}
        money = {address: vars(one).copy() for address, one in self.ledger.accounts.items()}
        try:
            yield
        except Refused:
            self.records = records
            for zone, market in self.zones.items():
                market.orders_accepted = sequences.get(zone, 0)
            for address, values in money.items():
                vars(self.ledger.accounts[address]).update(values)
            raise


def check_product(period: int, session: int, start_slot: int) -> None:
    """Refuse what is no product of this session."""
    if period > max(Period):
        raise Refused("PeriodUnknown", given=period, allowed=int(max(Period)))
    if session != Session.CONTINUOUS:
        raise Refused("SessionUnavailable", given=session)
    anchor = FIRST_WEEK_SLOT if period == Period.WEEK else 0
    if (start_slot - anchor) % Period(period).slots:
        raise Refused("StartMisaligned", startSlot=start_slot)


def checked_product(quote: Quote) -> Product:
    """The product that a quote names, if there is such a product in this session."""
    check_product(quote.period, quote.session, quote.start_slot)
    return Product.continuous(quote.zone, Period(quote.period), quote.start_slot)


def is_order_id(number: int) -> bool:
    """Whether a number is an order id at all."""
    try:
        OrderId.unpack(number)
        Product.from_id(number >> 72)
    except InvalidValueError:
        return False
    return True


def record_key(order_id: int) -> tuple[Product, int, int]:
    """Where an order would be filed."""
    parts = OrderId.unpack(order_id)
    return parts.product, parts.account_id, parts.record_index


def side_byte(order_id: int) -> int:
    """The byte of an id that says buy or sell."""
    return order_id >> 32 & 0xFF


def product_bits(order_id: int) -> int:
    """The part of an id that names the product."""
    return order_id >> 72 & MAX_PRODUCT_ID
