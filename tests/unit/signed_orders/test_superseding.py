"""The newest decision of an account holds, signed or on chain
├── the same signature again: SUPERSEDED, alone and within a batch
├── newer signature: replaces; older or equally old: SUPERSEDED, in whatever order they are relayed
├── without steps: withdraws what stands, and what was signed before and not relayed yet
├── placed or cancelled on chain: whatever was signed up to that second is void
├── an order that nobody relays: the account places it itself
├── voidSignedOrders: VOIDED up to that second, in all products; what stands stays
├── products do not concern each other
└── a cleared auction, or one whose delivery began: PRODUCT
"""

from __future__ import annotations

import pytest

from energy_grid.curves import Curve, Step
from energy_grid.products import Period, Product
from tests.unit.energy_trading.book import SLOT_SECONDS, ZONE, buy_lock, sell_lock
from tests.unit.signed_orders.relay import Reason, buy, sell

BUY, SELL = range(2)


@pytest.fixture
def lots_at(market, product):
    """Lots of the buys at one tick."""
    return lambda tick: market.levelLots(product.id, BUY, tick)


def test_superseding__same_signature_again__superseded(desk, ledger, buyer, product, now, lots_at):
    order = desk.sign(buyer, buy(product, 9, 10), now)

    first = desk.relay(order, order)
    second = desk.relay(order)

    assert (len(first.placed), first.reasons) == (1, [Reason.SUPERSEDED])
    assert (second.placed, second.reasons) == ((), [Reason.SUPERSEDED])
    assert lots_at(9) == 10
    assert ledger.lockedOf(buyer) == buy_lock(10, 9)


def test_superseding__newer_then_older__newer_stays(desk, ledger, buyer, product, now, lots_at):
    older = desk.sign(buyer, buy(product, 9, 10), now - 1)
    newer = desk.sign(buyer, buy(product, 30, 20), now)
    as_new = desk.sign(buyer, buy(product, 31, 20), now)

    outcome = desk.relay(newer, older, as_new)

    assert outcome.reasons == [Reason.SUPERSEDED] * 2
    assert (lots_at(9), lots_at(30), lots_at(31)) == (0, 20, 0)
    assert ledger.lockedOf(buyer) == buy_lock(20, 30)


def test_superseding__older_then_newer__replaced_to_the_unit(
    desk, ledger, seller, product, now, lots_at, market
):
    first = Curve(product, (Step.buy(9, 10), Step.buy(30, 70), Step.sell(90, 10)))
    second = Curve(product, (Step.buy(10, 10), Step.buy(30, 20), Step.sell(200, 500)))

    desk.relay(desk.sign(seller, first, now - 1), desk.sign(seller, second, now))

    assert (lots_at(9), lots_at(10), lots_at(30)) == (0, 10, 20)
    assert market.levelLots(product.id, SELL, 90) == 0
    assert market.levelLots(product.id, SELL, 200) == 500
    assert ledger.lockedOf(seller) == market.curveLock(second.pack())
    assert market.bestAsk(product.id) == (200_000, 500)
    assert market.bestBid(product.id) == (30_000, 20)


def test_superseding__without_steps__withdraws(desk, ledger, buyer, product, now, lots_at, market):
    desk.relay(desk.sign(buyer, buy(product, 9, 10), now - 2))
    unrelayed = desk.sign(buyer, buy(product, 30, 10), now - 1)

    outcome = desk.relay(desk.sign(buyer, Curve(product), now), unrelayed)

    assert (len(outcome.placed), outcome.reasons) == (1, [Reason.SUPERSEDED])
    assert (lots_at(9), lots_at(30), ledger.lockedOf(buyer)) == (0, 0, 0)
    assert market.curveOf(1, product.id).signedAt == now


def test_superseding__without_steps_before_any_order__still_withdraws_older_ones(
    desk, buyer, product, now
):
    older = desk.sign(buyer, buy(product, 30, 10), now - 1)

    outcome = desk.relay(desk.sign(buyer, Curve(product), now), older)

    assert (len(outcome.placed), outcome.reasons) == (1, [Reason.SUPERSEDED])


def test_superseding__placed_on_chain__voids_what_was_signed_up_to_then(
    desk, market, ledger, buyer, product, now, lots_at, at
):
    """A relayer that keeps an order back cannot keep its account out, nor bring it in later."""
    kept_back = desk.sign(buyer, buy(product, 30, 10), now + 10)
    at(now + 10)

    market.placeCurve(buy(product, 9, 40).pack(), sender=buyer)

    assert desk.relay(kept_back).reasons == [Reason.SUPERSEDED]
    assert (lots_at(9), lots_at(30)) == (40, 0)
    assert ledger.lockedOf(buyer) == buy_lock(40, 9)
    later = desk.sign(buyer, buy(product, 31, 10), now + 11)
    at(now + 20)
    assert len(desk.relay(later).placed) == 1
    assert (lots_at(9), lots_at(31)) == (0, 10)


def test_superseding__cancelled_on_chain__one_order_and_what_was_signed_before(
    desk, market, ledger, buyer, product, now, lots_at, at
):
    other = Product.auction(ZONE, Period.QUARTER_HOUR, product.start_slot + 1)
    desk.relay(desk.sign(buyer, buy(product, 9, 10), now), desk.sign(buyer, buy(other, 9, 10), now))
    unrelayed = desk.sign(buyer, buy(product, 30, 10), now + 5)
    at(now + 10)

    market.cancelCurves([product.id], sender=buyer)

    assert desk.relay(unrelayed).reasons == [Reason.SUPERSEDED]
    assert (lots_at(9), lots_at(30)) == (0, 0)
    assert market.levelLots(other.id, BUY, 9) == 10
    assert ledger.lockedOf(buyer) == buy_lock(10, 9)


def test_superseding__unrelayed_cancelled_on_chain__by_an_empty_curve(
    desk, market, buyer, product, now, at
):
    unrelayed = desk.sign(buyer, buy(product, 30, 10), now)
    at(now + 10)

    market.placeCurve(Curve(product).pack(), sender=buyer)

    assert desk.relay(unrelayed).reasons == [Reason.SUPERSEDED]


def test_superseding__voided__everything_signed_until_then(
    desk, market, ledger, buyer, other, product, now, lots_at, at
):
    hour = Product.auction(ZONE, Period.HOUR, product.start_slot)
    standing = desk.relay(desk.sign(buyer, buy(product, 9, 10), now))
    unrelayed = [
        desk.sign(buyer, buy(product, 30, 10), now + 9),
        desk.sign(buyer, buy(hour, 30, 10), now + 10),
    ]
    elses = desk.sign(other, buy(product, 31, 10), now)
    at(now + 10)
    assert market.voidedAt(buyer) == 0

    receipt = market.voidSignedOrders(sender=buyer)

    (event,) = receipt.decode_logs(market.SignedOrdersVoided)
    assert (event.account, event.oldVoidedAt, event.voidedAt) == (buyer.address, 0, now + 10)
    assert market.voidedAt(buyer) == now + 10
    outcome = desk.relay(*unrelayed, elses)
    assert outcome.reasons == [Reason.VOIDED] * 2
    assert len(standing.placed) == len(outcome.placed) == 1
    assert (lots_at(9), lots_at(30), lots_at(31)) == (10, 0, 10)
    assert ledger.lockedOf(buyer) == buy_lock(10, 9)
    at(now + 20)
    assert len(desk.relay(desk.sign(buyer, buy(product, 30, 10), now + 11)).placed) == 1


def test_superseding__second_1970__voided(desk, buyer, product):
    assert desk.relay(desk.sign(buyer, buy(product, 9, 10), 0)).reasons == [Reason.VOIDED]


def test_superseding__other_product__not_concerned(desk, seller, product, now):
    later = Product.auction(ZONE, Period.QUARTER_HOUR, product.start_slot + 1)

    outcome = desk.relay(
        desk.sign(seller, sell(product, 9, 10), now), desk.sign(seller, sell(later, 9, 10), now - 9)
    )

    assert len(outcome.placed) == 2


def test_superseding__cleared__product_and_the_fill_stays(
    desk, market, ledger, relayer, buyer, seller, product, now, at
):
    order = desk.sign(buyer, buy(product, 60, 30), now)
    desk.relay(order, desk.sign(seller, sell(product, 40, 30), now))
    newer = desk.sign(buyer, buy(product, 61, 30), now + 1)
    cancel = desk.sign(buyer, Curve(product), now + 2)
    at(product.gate_at + 600)
    market.clear(product.id, 40, 60, sender=relayer)

    assert desk.relay(order).reasons == [Reason.SUPERSEDED]
    assert desk.relay(newer, cancel).reasons == [Reason.PRODUCT] * 2
    market.claim(product.id, [buyer, seller], sender=relayer)
    found = market.curveOf(1, product.id)
    assert (found.filledLots, found.filledTick) == (30, 50)
    assert ledger.lockedOf(buyer) == buy_lock(30, 50)
    assert ledger.lockedOf(seller) == sell_lock(30, 50)
    at(product.start_slot * SLOT_SECONDS)
    assert desk.relay(newer).reasons == [Reason.PRODUCT]
