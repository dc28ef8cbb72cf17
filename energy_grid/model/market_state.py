"""What the market remembers, in one place; every part of `Trading` works on it.

Nothing is indexed: the best bid is found by looking at every order there is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from energy_grid.ids import Side
from energy_grid.model.auction_record import AuctionRecord, AuctionResult
from energy_grid.model.book import (
    LOT_WH,
    MAX_LEVEL_LOTS,
    MAX_RECORDS,
    RING_SLOTS,
    TICK_SIZE,
    Record,
)
from energy_grid.model.interconnectors import Interconnector
from energy_grid.model.ledger import Account, Ledger
from energy_grid.model.openings import DeliveryId, Opening
from energy_grid.model.quotes import Trade, is_order_id, record_key
from energy_grid.model.refused import Refused
from energy_grid.model.zones import HaltScope, ZoneMarket
from energy_grid.products import Product
from energy_grid.units import slot_energy_wh


@dataclass
class MarketState:
    """Every record of every account, and what each zone allows.

    Attributes:
        records: continuous orders, by product, account and index.
        curves: auction orders, by product and account.
        results: outcome of every auction that was cleared.
        openings: what was frozen when a delivery was first traded, in either session.
        flows: lots a slot over each interconnector of a region, by the head zone's product.
        voided_at: since when an account's earlier signatures count for nothing.
    """

    ledger: Ledger
    zones: dict[int, ZoneMarket] = field(default_factory=dict)
    records: dict[tuple[Product, int, int], Record] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    delegates: dict[str, str | None] = field(default_factory=dict)
    curves: dict[tuple[Product, int], AuctionRecord] = field(default_factory=dict)
    results: dict[Product, AuctionResult] = field(default_factory=dict)
    openings: dict[DeliveryId, Opening] = field(default_factory=dict)
    members: dict[int, list[int]] = field(default_factory=dict)
    interconnectors: dict[int, list[Interconnector]] = field(default_factory=dict)
    flows: dict[Product, list[int]] = field(default_factory=dict)
    rent_collected: set[tuple[Product, int]] = field(default_factory=set)
    voided_at: dict[str, int] = field(default_factory=dict)

    # --- what stands in the book ---

    def records_of(self, account_id: int, product: Product) -> list[Record]:
        """An account's continuous records in a product, by index."""
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

    def curve_of(self, account_id: int, product: Product) -> AuctionRecord | None:
        """An account's order in an auction, None if it never had one there."""
        return self.curves.get((product, account_id))

    # --- zones ---

    def zone(self, zone: int) -> ZoneMarket:
        """A zone's market; without terms nothing can be ordered in it."""
        return self.zones.setdefault(zone, ZoneMarket(zone))

    def halted(self, product: Product, scope: HaltScope, now: int) -> bool:
        """Whether a halt stops this kind of action in a product."""
        return self.zone(product.zone).stops(scope, product.slots, now)

    # --- what an account may do ---

    def require_acts_for(self, sender: str, owner: str) -> None:
        """Only an account itself and its delegate act for it."""
        if sender not in (owner, self.delegates.get(owner)):
            raise Refused("NotDelegate", account=owner, caller=sender)

    def name_delegate(self, account: str, delegate: str | None) -> None:
        """Name the one key that may place, replace and cancel for an account."""
        if delegate == account:
            raise Refused("DelegateIsAccount", account=account)
        self.delegates[account] = delegate

    def _net_sold_wh(self, account: Account, product: Product) -> int:
        """Energy per slot sold or offered beyond what was bought, over both sessions."""
        net_lots = 0
        for record in self.records.values():
            if record.account_id == account.account_id and same_delivery(record.product, product):
                if record.side is Side.SELL:
                    net_lots += record.remaining_lots + record.filled_lots
                else:
                    net_lots -= record.filled_lots
        for curve in self.curves.values():
            if curve.account_id == account.account_id and same_delivery(curve.product, product):
                net_lots += curve.net_sold_lots
        return net_lots * LOT_WH

    @staticmethod
    def _refuse_beyond_capacity(account: Account, net_sold_wh: int) -> None:
        """What is sold and not bought must fit what the rated feed-in power can deliver."""
        allowed = slot_energy_wh(account.capacity_w)
        if net_sold_wh > allowed:
            raise Refused("CapacityExceeded", given=net_sold_wh, allowed=allowed)

    @staticmethod
    def refuse_unsettled_predecessor(account: Account, older: Product, product: Product) -> None:
        """A place in the ring serves the product 4,096 slots later once the older is settled."""
        same_place = (
            older != product
            and older.session is product.session
            and older.period is product.period
            and older.start_slot % RING_SLOTS == product.start_slot % RING_SLOTS
        )
        if same_place and account.settled_until < older.slots.stop:
            raise Refused("SettleFirst", slot=older.slots.stop)

    def require_level_room(self, product: Product, side: Side, tick: int) -> None:
        """A price level of the book counts so many lots and no more."""
        lots = sum(
            record.remaining_lots
            for record in self.open_records(product, side)
            if record.limit_per_kwh == tick * TICK_SIZE
        )
        for curve in self.curves.values():
            if curve.product == product:
                lots += sum(s.lots for s in curve.steps if (s.side, s.limit_tick) == (side, tick))
        if lots > MAX_LEVEL_LOTS:
            raise Refused("LevelFull", given=lots, allowed=MAX_LEVEL_LOTS)

    # --- all or nothing ---

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """If a step of the block is refused, nothing of the block has happened."""
        kept = ("records", "curves", "openings", "results", "flows")
        before = {name: copy.deepcopy(getattr(self, name)) for name in kept}
        sequences = {zone: market.orders_accepted for zone, market in self.zones.items()}
        money = {address: vars(one).copy() for address, one in self.ledger.accounts.items()}
        try:
            yield
        except Refused:
            for name, value in before.items():
                setattr(self, name, value)
            for zone, market in self.zones.items():
                market.orders_accepted = sequences.get(zone, 0)
            for address, values in money.items():
                vars(self.ledger.accounts[address]).update(values)
            raise


def same_delivery(one: Product, other: Product) -> bool:
    """Whether two products deliver the same, whatever their session."""
    return one.in_session(other.session) == other
