"""The continuous book rebuilt from events, and the pairs that trade."""

from __future__ import annotations

import pytest

from energy_grid.ids import OrderId, Side
from energy_grid.order_book import Book, BookOrder, BookOutOfStepError, expired, pairs
from energy_grid.products import Period, Product
from energy_grid.quotes import Quote

PRODUCT = Product.continuous(1, Period.QUARTER_HOUR, 1_629_408)


def _order(sequence: int, side: Side, lots: int, tick: int, expires_at: int = 0) -> BookOrder:
    order_id = OrderId(PRODUCT.id, sequence, 0, side, sequence).pack()
    return BookOrder(
        order_id,
        sequence,
        Quote(PRODUCT, side, lots, tick, expires_at or PRODUCT.gate_at),
    )


def test_pairs__prices_then_sequence__trade_in_order():
    orders = [
        _order(1, Side.BUY, 100, 200),
        _order(2, Side.BUY, 50, 210),
        _order(3, Side.SELL, 30, 150),
        _order(4, Side.SELL, 90, 150),
        _order(5, Side.SELL, 90, 205),
        _order(6, Side.BUY, 10, 200),
    ]
    found = [(buy & 0xFF, sell & 0xFF) for buy, sell in pairs(orders, 0)]
    assert found == [(2, 3), (2, 4), (1, 4)]


def test_pairs__expired_order__is_left_out_and_listed():
    orders = [
        _order(1, Side.BUY, 10, 200, expires_at=1_000),
        _order(2, Side.BUY, 10, 190, expires_at=3_000),
        _order(3, Side.SELL, 10, 150),
    ]
    assert [pair[0] & 0xFF for pair in pairs(orders, 1_000)] == [2]
    assert [order.sequence for order in expired(orders, 1_000)] == [1]


def test_book__events__rebuild_what_is_open():
    book = Book(lot_wh=1)
    buy = OrderId(PRODUCT.id, 5, 0, Side.BUY, 1).pack()
    again = OrderId(PRODUCT.id, 5, 0, Side.BUY, 3).pack()
    sell = OrderId(PRODUCT.id, 6, 0, Side.SELL, 2).pack()
    book.apply("OrderPlaced", {"orderId": buy, "quote": Quote(PRODUCT, Side.BUY, 90, 9).pack()})
    book.apply("OrderPlaced", {"orderId": sell, "quote": Quote(PRODUCT, Side.SELL, 50, 8).pack()})
    again_quote = Quote(PRODUCT, Side.BUY, 80, 10).pack()
    book.apply("OrderReplaced", {"orderId": buy, "newOrderId": again, "quote": again_quote})
    book.apply("OrdersMatched", {"buyOrderId": again, "sellOrderId": sell, "amount": 50})
    assert [order.quote.lots for order in book.orders(PRODUCT)] == [30]
    assert book.orders_of(5)[0].quote.expires_at == PRODUCT.gate_at
    assert book.products() == (PRODUCT,)
    with pytest.raises(BookOutOfStepError):
        book.apply("OrderCancelled", {"orderId": sell})
    book.forget_closed(PRODUCT.gate_at)
    assert len(book) == 0


def test_book__order_of_a_closed_product_removed_later__changes_nothing():
    book = Book(lot_wh=1)
    order = OrderId(PRODUCT.id, 5, 0, Side.BUY, 1).pack()
    book.apply("OrderPlaced", {"orderId": order, "quote": Quote(PRODUCT, Side.BUY, 90, 9).pack()})
    book.forget_closed(PRODUCT.gate_at)

    book.apply("ExpiredOrderRemoved", {"orderId": order})

    assert len(book) == 0


def test_book__rebuilt_later__keeps_only_what_can_still_trade():
    book = Book(lot_wh=1, closed_before=PRODUCT.gate_at)
    order = OrderId(PRODUCT.id, 5, 0, Side.BUY, 1).pack()

    book.apply("OrderPlaced", {"orderId": order, "quote": Quote(PRODUCT, Side.BUY, 90, 9).pack()})

    assert len(book) == 0


def test_quote__pack_and_unpack__are_inverse():
    quote = Quote(Product.continuous(3, Period.HOUR, 1_629_408), Side.SELL, 123, 456, 1466467200)
    assert Quote.unpack(quote.pack()) == quote
