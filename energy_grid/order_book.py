"""The continuous book as the chain's events tell it, and who trades with whom next.

This is what a matching engine needs: it sends the pairs, the contract checks price priority and
sets the prices. Time priority within a price is the engine's own service.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from energy_grid.errors import FatalError
from energy_grid.ids import OrderId, Side
from energy_grid.products import Product
from energy_grid.quotes import Quote


class BookOutOfStepError(FatalError):
    """An event names an order that the book does not have."""


@dataclass(frozen=True, slots=True)
class BookOrder:
    """An open order.

    Attributes:
        order_id: id on chain; its lowest 32 bits say who was first.
        account_id: short id of the owner.
        quote: what is open of it; `expires_at` is never 0 here.
    """

    order_id: int
    account_id: int
    quote: Quote

    @property
    def sequence(self) -> int:
        """Time priority: the lower was accepted first."""
        return self.order_id & 0xFFFF_FFFF


class Book:
    """All open orders, rebuilt from events in their order.

    Args:
        lot_wh: energy of one lot.
        closed_before: orders of products whose gate has closed by then are not kept.
    """

    def __init__(self, lot_wh: int, closed_before: int = 0) -> None:
        self._lot_wh = lot_wh
        self._closed_before = closed_before
        self._orders: dict[int, BookOrder] = {}
        self._by_product: dict[Product, dict[int, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._orders)

    def apply(self, event: str, arguments: dict[str, Any]) -> None:
        """Take one event of the market over; events of other kinds change nothing."""
        if event == "OrderPlaced":
            self._add(int(arguments["orderId"]), int(arguments["quote"]))
        elif event == "OrderReplaced":
            self._remove(int(arguments["orderId"]))
            self._add(int(arguments["newOrderId"]), int(arguments["quote"]))
        elif event in ("OrderCancelled", "ExpiredOrderRemoved"):
            self._remove(int(arguments["orderId"]))
        elif event == "OrdersMatched":
            for key in ("buyOrderId", "sellOrderId"):
                self._fill(int(arguments[key]), int(arguments["amount"]))

    def orders(self, product: Product) -> tuple[BookOrder, ...]:
        """Open orders of a product in order of acceptance."""
        found = [self._orders[order_id] for order_id in self._by_product.get(product, ())]
        return tuple(sorted(found, key=lambda order: order.sequence))

    def products(self) -> tuple[Product, ...]:
        """Products with open orders, in delivery order."""
        return tuple(sorted(product for product, orders in self._by_product.items() if orders))

    def orders_of(self, account_id: int) -> tuple[BookOrder, ...]:
        """Open orders of an account in order of acceptance."""
        found = [order for order in self._orders.values() if order.account_id == account_id]
        return tuple(sorted(found, key=lambda order: order.sequence))

    def forget_closed(self, now: int) -> None:
        """Drop the products whose gate has closed: nothing of them trades any more."""
        self._closed_before = max(self._closed_before, now)
        for product in [product for product in self._by_product if product.gate_at <= now]:
            for order_id in self._by_product.pop(product):
                del self._orders[order_id]

    def _add(self, order_id: int, word: int) -> None:
        if self._is_forgotten(order_id):
            return
        quote = Quote.unpack(word)
        if not quote.expires_at or quote.expires_at > quote.product.gate_at:
            quote = replace(quote, expires_at=quote.product.gate_at)
        account_id = OrderId.unpack(order_id).account_id
        self._orders[order_id] = BookOrder(order_id, account_id, quote)
        self._by_product[quote.product][order_id] = None

    def _remove(self, order_id: int) -> None:
        if self._is_forgotten(order_id):
            return
        order = self._orders.pop(order_id, None)
        if order is None:
            raise BookOutOfStepError(
                "an event names an order that is not in the book", found=hex(order_id)
            )
        del self._by_product[order.quote.product][order_id]

    def _is_forgotten(self, order_id: int) -> bool:
        """Expired orders may still be removed long after nobody needs to know."""
        return OrderId.unpack(order_id).product.gate_at <= self._closed_before

    def _fill(self, order_id: int, amount_wh: int) -> None:
        if self._is_forgotten(order_id):
            return
        order = self._orders.get(order_id)
        if order is None:
            raise BookOutOfStepError("a match names an order not in the book", found=hex(order_id))
        lots = amount_wh // (order.quote.product.slot_count * self._lot_wh)
        if lots >= order.quote.lots:
            self._remove(order_id)
            return
        self._orders[order_id] = replace(
            order, quote=replace(order.quote, lots=order.quote.lots - lots)
        )


def expired(orders: Iterable[BookOrder], now: int) -> list[BookOrder]:
    """Orders that no longer trade but still stand in the way of those behind them."""
    return [order for order in orders if order.quote.expires_at <= now]


def pairs(orders: Iterable[BookOrder], now: int) -> Iterator[tuple[int, int]]:
    """Pairs (buy, sell) that trade one after the other: best price first, then first come.

    Expired orders are left out: they must have been removed before, or the contract refuses.
    """
    alive = [order for order in orders if order.quote.expires_at > now]
    bids = _queue(alive, Side.BUY)
    asks = _queue(alive, Side.SELL)
    bid_lots, ask_lots = 0, 0
    while bids and asks:
        bid, ask = bids[0], asks[0]
        if bid.quote.limit_tick < ask.quote.limit_tick:
            return
        bid_lots = bid_lots or bid.quote.lots
        ask_lots = ask_lots or ask.quote.lots
        yield bid.order_id, ask.order_id
        traded = min(bid_lots, ask_lots)
        bid_lots -= traded
        ask_lots -= traded
        if not bid_lots:
            bids.pop(0)
        if not ask_lots:
            asks.pop(0)


def _queue(orders: list[BookOrder], side: Side) -> list[BookOrder]:
    direction = -1 if side is Side.BUY else 1
    return sorted(
        (order for order in orders if order.quote.side is side),
        key=lambda order: (direction * order.quote.limit_tick, order.sequence),
    )
