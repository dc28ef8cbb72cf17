"""The index of the market's events: whose curves stand where, and what is forgotten when."""

from __future__ import annotations

from energy_grid.abi import Event
from energy_grid.curves import Curve, Step
from energy_grid.ids import OrderId, Side
from energy_grid.products import Period, Product
from energy_grid.quotes import Quote
from oracles.engine.index import KEPT_AFTER_DELIVERY_SECONDS, MarketIndex

HOUR = Product.auction(1, Period.HOUR, 1_920_000)
QUARTER = Product.auction(1, Period.QUARTER_HOUR, 1_920_000)


def event(name, **arguments):
    return Event(name, arguments, "0x", 1, "0x", 0)


def placed(account_id, product, *steps):
    return event("CurvePlaced", accountId=account_id, curve=Curve(product, steps).pack())


def owners(index, product):
    return list(index.owners.get(product, ()))


def test_curves__placed_replaced_withdrawn__owners_follow():
    index = MarketIndex(lot_wh=1)

    index.apply([
        placed(5, HOUR, Step.buy(9, 10)),
        placed(6, HOUR, Step.buy(9, 10)),
        placed(5, HOUR, Step.buy(8, 10)),
        placed(6, HOUR),
        placed(7, QUARTER),
    ])  # fmt: skip

    assert owners(index, HOUR) == [5]
    assert owners(index, QUARTER) == []
    index.apply([placed(5, HOUR)])
    assert HOUR not in index.owners


def test_curves__many_in_one_event():
    index = MarketIndex(lot_wh=1)
    curves = [Curve(HOUR, (Step.buy(9, 10),)).pack(), Curve(QUARTER, (Step.buy(9, 10),)).pack()]

    index.apply([event("CurvesPlaced", accountId=5, curves=curves)])

    assert (owners(index, HOUR), owners(index, QUARTER)) == ([5], [5])


def test_signed_orders__placed_and_withdrawn_in_batches():
    index = MarketIndex(lot_wh=1)

    def entry(account_id, curve):
        return account_id.to_bytes(3, "big") + bytes(5) + curve.pack().to_bytes(27, "big")

    standing, none = Curve(HOUR, (Step.buy(9, 10),)), Curve(HOUR)
    index.apply([event("SignedOrdersPlaced", orders=entry(5, standing) + entry(6, standing))])
    assert owners(index, HOUR) == [5, 6]
    index.apply([event("SignedOrdersPlaced", orders=entry(5, none))])
    assert owners(index, HOUR) == [6]


def test_forget__claimed_owner_and_products_long_delivered():
    index = MarketIndex(lot_wh=1)
    index.apply([placed(5, HOUR, Step.buy(9, 10)), placed(6, HOUR, Step.buy(9, 10))])
    index.forget_owner(HOUR, 5)
    index.forget_owner(HOUR, 99)

    index.forget_closed(HOUR.ends_at + KEPT_AFTER_DELIVERY_SECONDS - 1)
    assert owners(index, HOUR) == [6]
    index.forget_closed(HOUR.ends_at + KEPT_AFTER_DELIVERY_SECONDS)
    assert HOUR not in index.owners


def test_regions__cleared_and_rents_collected():
    index = MarketIndex(lot_wh=1)

    index.apply([
        event("RegionCleared", regionProduct=HOUR.id, results=[]),
        event("RegionCleared", regionProduct=QUARTER.id, results=[]),
        event("RentCollected", regionProduct=HOUR.id, index=1, owner="0x", amount=1),
        event("RentCollected", regionProduct=QUARTER.id, index=0, owner="0x", amount=1),
    ])  # fmt: skip

    assert list(index.coupled) == [HOUR, QUARTER]
    assert index.collected == {(HOUR, 1), (QUARTER, 0)}
    index.forget_region_product(HOUR)
    assert (list(index.coupled), index.collected) == ([QUARTER], {(QUARTER, 0)})


def test_book__is_kept_beside_and_unknown_events_change_nothing():
    index = MarketIndex(lot_wh=1)
    product = Product.continuous(1, Period.HOUR, 1_920_000)
    order_id = OrderId(product.id, 5, 0, Side.BUY, 1).pack()
    quote = Quote(product, Side.BUY, 90, 9).pack()

    index.apply([event("OrderPlaced", orderId=order_id, quote=quote), event("ZoneHalted", zone=1)])

    assert [order.order_id for order in index.book.orders(product)] == [order_id]
    index.forget_closed(product.gate_at)
    assert len(index.book) == 0


def test_many_days__memory_stays_flat():
    index = MarketIndex(lot_wh=1)
    kept = []
    for day in range(30):
        product = Product.auction(1, Period.HOUR, 1_920_000 + 96 * day)
        index.apply(placed(account, product, Step.buy(9, 10)) for account in range(1, 51))
        index.forget_closed(product.ends_at)
        kept.append(sum(len(of_product) for of_product in index.owners.values()))

    assert max(kept) == kept[-1] == 50 * 5 - 50
