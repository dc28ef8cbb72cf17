"""placeCurves, placeCurvesFor, cancelCurves, cancelCurvesFor, voidSignedOrders
├── nothing given: NothingGiven; not the delegate: NotDelegate
├── one curve wrong: the whole call reverts
├── placing: one event, one lock for all; of two curves of a product the later holds
├── cancelling: skips products without a curve, of other ids, and those past their gate
└── voiding: the moment is on record
"""

from __future__ import annotations

import ape

from tests.unit.call_auction.curves import auction_gate_of, auction_id, curve, curve_lock, levels
from tests.unit.energy_trading.book import (
    BUY,
    FREE,
    HOUR,
    OTHER_ZONE,
    SELL,
    ZONE,
    only_event,
    product_id,
)

BUY_50 = (BUY, 100, 50)


def test_place_curves__many__one_event_and_one_lock(market, buyer, slot, balances):
    hour = auction_id(slot, HOUR)
    curves = [curve(auction_id(slot + i), (BUY, 100 + i, 50)) for i in range(4)]
    curves.append(curve(hour, (BUY, 90, 10), (BUY, 91, 20)))

    receipt = market.placeCurves(curves, sender=buyer)

    event = only_event(receipt, market.CurvesPlaced)
    assert (event.accountId, list(event.curves)) == (1, curves)
    lock = sum(curve_lock((BUY, 100 + i, 50)) for i in range(4))
    lock += 4 * curve_lock((BUY, 90, 10), (BUY, 91, 20))
    assert balances(buyer) == (FREE - lock, lock)
    assert market.bookLevels(auction_id(slot + 3), BUY) == levels((103, 50))
    assert market.bookLevels(hour, BUY) == levels((90, 10), (91, 20))


def test_place_curves__product_twice__the_later_holds(market, buyer, auction, balances):
    market.placeCurves([curve(auction, (BUY, 300, 90)), curve(auction, BUY_50)], sender=buyer)

    assert market.bookLevels(auction, BUY) == levels((100, 50))
    assert balances(buyer) == (FREE - curve_lock(BUY_50), curve_lock(BUY_50))


def test_place_curves__one_wrong__none_is_placed(market, buyer, auction, slot, balances):
    good = curve(auction, BUY_50)
    with ape.reverts(market.NotHomeZone, given=OTHER_ZONE, allowed=ZONE):
        market.placeCurves([good, curve(auction_id(slot, zone=OTHER_ZONE), BUY_50)], sender=buyer)
    with ape.reverts(market.TooFewLots, given=9, allowed=10):
        market.placeCurves([good, curve(auction_id(slot + 1), (BUY, 100, 9))], sender=buyer)
    with ape.reverts(market.NothingGiven):
        market.placeCurves([], sender=buyer)

    assert balances(buyer) == (FREE, 0)
    assert market.bookLevels(auction, BUY) == []


def test_place_curves_for__delegate__acts_and_nobody_else(
    market, buyer, seller, delegate, auction, balances
):
    curves = [curve(auction, BUY_50)]
    for caller in (delegate, seller):
        with ape.reverts(market.NotDelegate, account=buyer, caller=caller):
            market.placeCurvesFor(buyer, curves, sender=caller)
        with ape.reverts(market.NotDelegate, account=buyer, caller=caller):
            market.cancelCurvesFor(buyer, [auction], sender=caller)
    market.nameDelegate(delegate, sender=buyer)

    receipt = market.placeCurvesFor(buyer, curves, sender=delegate)

    assert only_event(receipt, market.CurvesPlaced).accountId == 1
    assert balances(buyer)[1] == curve_lock(BUY_50)
    market.cancelCurvesFor(buyer, [auction], sender=delegate)
    assert balances(buyer) == (FREE, 0)
    market.placeCurvesFor(buyer, curves, sender=buyer)


def test_cancel_curves__some__skips_what_is_not_there(market, buyer, seller, slot, at, balances):
    first, second, third = (auction_id(slot + i) for i in range(3))
    market.placeCurves([curve(product, BUY_50) for product in (first, second)], sender=buyer)
    market.placeCurve(curve(third, (SELL, 200, 50)), sender=seller)
    at(auction_gate_of(first))

    receipt = market.cancelCurves(
        [first, second, third, second, product_id(slot + 1), 0, 2**56 - 1], sender=buyer
    )

    assert receipt.return_value == 1
    event = only_event(receipt, market.CurvesPlaced)
    assert (event.accountId, list(event.curves)) == (1, [curve(second)])
    assert balances(buyer)[1] == curve_lock(BUY_50)
    assert market.bookLevels(first, BUY) == levels((100, 50))
    assert market.bookLevels(second, BUY) == []
    assert market.bookLevels(third, SELL) == levels((200, 50))


def test_cancel_curves__nothing_to_cancel__says_zero(market, buyer, auction):
    receipt = market.cancelCurves([auction], sender=buyer)
    assert receipt.return_value == 0
    assert list(receipt.decode_logs(market.CurvesPlaced)) == []
    with ape.reverts(market.NothingGiven):
        market.cancelCurves([], sender=buyer)


def test_void_signed_orders__twice__moment_on_record(market, buyer, chain):
    first = market.voidSignedOrders(sender=buyer)
    second = market.voidSignedOrders(sender=buyer)

    moments = [chain.blocks[receipt.block_number].timestamp for receipt in (first, second)]
    for receipt, old, new in zip((first, second), (0, moments[0]), moments, strict=True):
        event = only_event(receipt, market.SignedOrdersVoided)
        assert (event.account, event.oldVoidedAt, event.voidedAt) == (buyer, old, new)
