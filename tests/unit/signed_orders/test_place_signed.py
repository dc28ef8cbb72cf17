"""placeSigned: what is placed
├── an order of either side, or of several steps: curve, levels, lock, log; nothing from the relayer
├── orders of several accounts, products and periods in one batch
├── several orders of one account: its balance is counted once
├── no item: nothing happens
├── nothing placed: no log, no call that changes anything
├── anyone relays, also the account itself
├── bytes that do not divide into items: BatchMalformed, whatever stands before
├── orders of one account apart
│   ├── it can pay for all: placed
│   └── it cannot: SignerSplit
└── called at the room itself: refused by the ledger
"""

from __future__ import annotations

import ape
import pytest

from energy_grid.curves import Curve, Step
from energy_grid.products import Period, Product
from energy_grid.signed_orders import pack_batch
from tests.unit.energy_trading.book import FREE, MAX_LOTS, ZONE, buy_lock, sell_lock
from tests.unit.signed_orders.relay import Entry, Reason, buy, sell

BUY, SELL = range(2)


def steps_of(market, account_id, product):
    return [
        (int(step.sell), step.limitTick, step.lots)
        for step in market.curveOf(account_id, product.id).steps
    ]


def test_place_signed__one_buy__curve_level_lock_and_log(
    market, desk, ledger, buyer, relayer, product, now
):
    curve = buy(product, 123, 77)

    outcome = desk.relay(desk.sign(buyer, curve, now))

    assert outcome.placed == (Entry(1, now, curve),)
    assert outcome.skipped == ()
    found = market.curveOf(1, product.id)
    assert (found.trader, found.signedAt) == (buyer.address, now)
    assert steps_of(market, 1, product) == [(BUY, 123, 77)]
    assert market.levelLots(product.id, BUY, 123) == 77
    lock = buy_lock(77, 123)
    assert found.lockedPerSlot == lock == market.curveLock(curve.pack())
    assert (ledger.freeOf(buyer), ledger.lockedOf(buyer)) == (FREE - lock, lock)
    assert ledger.lockedOf(relayer) == 0


def test_place_signed__sell_of_an_hour__locks_all_four_slots(
    market, desk, ledger, seller, product, now
):
    hour = Product.auction(ZONE, Period.HOUR, product.start_slot)

    outcome = desk.relay(desk.sign(seller, sell(hour, 90, 1_000), now))

    assert outcome.skipped == ()
    assert ledger.lockedOf(seller) == 4 * sell_lock(1_000, 90)
    assert market.levelLots(hour.id, SELL, 90) == 1_000


def test_place_signed__four_steps_of_both_sides__one_curve(
    market, desk, ledger, seller, product, now
):
    curve = Curve(
        product, (Step.buy(10, 100), Step.buy(11, 50), Step.sell(40, 20), Step.sell(400, 30))
    )

    desk.relay(desk.sign(seller, curve, now))

    assert steps_of(market, 2, product) == [
        (BUY, 10, 100),
        (BUY, 11, 50),
        (SELL, 40, 20),
        (SELL, 400, 30),
    ]
    assert ledger.lockedOf(seller) == market.curveLock(curve.pack())
    assert list(market.bookLevels(product.id, BUY)) == [10 << 32 | 100, 11 << 32 | 50]
    assert market.levelLots(product.id, SELL, 400) == 30


def test_place_signed__many_accounts_and_products__all_in_one(
    market, desk, ledger, buyer, seller, other, product, now
):
    hour = Product.auction(ZONE, Period.HOUR, product.start_slot)
    orders = [
        (buyer, buy(product, 120, 30)),
        (buyer, buy(hour, 121, 40)),
        (seller, sell(hour, 122, 50)),
        (other, buy(product, 123, 60)),
    ]

    outcome = desk.relay(*(desk.sign(account, curve, now) for account, curve in orders))

    assert [entry.curve for entry in outcome.placed] == [curve for _, curve in orders]
    assert [entry.account_id for entry in outcome.placed] == [1, 1, 2, 3]
    assert ledger.lockedOf(buyer) == buy_lock(30, 120) + 4 * buy_lock(40, 121)
    assert ledger.lockedOf(seller) == 4 * sell_lock(50, 122)
    assert ledger.lockedOf(other) == buy_lock(60, 123)


def test_place_signed__orders_of_one_account__same_money_is_not_counted_twice(
    market, desk, ledger, buyer, product, now
):
    hours = [Product.auction(ZONE, Period.HOUR, product.start_slot + 4 * i) for i in range(3)]
    assert 2 * 4 * buy_lock(MAX_LOTS, 500) > FREE > 4 * buy_lock(MAX_LOTS, 500)

    outcome = desk.relay(
        desk.sign(buyer, buy(hours[0], 500, MAX_LOTS), now),
        desk.sign(buyer, buy(hours[1], 500, MAX_LOTS), now),
        desk.sign(buyer, buy(hours[2], 1, 10), now),
    )

    assert [entry.curve.product for entry in outcome.placed] == [hours[0], hours[2]]
    assert outcome.skipped == ((1, buyer.address, Reason.FUNDS),)
    assert ledger.lockedOf(buyer) == 4 * (buy_lock(MAX_LOTS, 500) + buy_lock(10, 1))
    assert steps_of(market, 1, hours[1]) == []


def test_place_signed__no_item__nothing(desk):
    outcome = desk.relay()

    assert (outcome.placed, outcome.skipped) == ((), ())
    assert len(list(outcome.receipt.logs)) == 0


def test_place_signed__nothing_to_place__only_says_why(desk, stranger, buyer, product, now):
    outcome = desk.relay(
        desk.sign(stranger, buy(product, 1, 10), now),
        desk.sign(buyer, buy(product, 1, 10), 2**40 - 1),
    )

    assert outcome.reasons == [Reason.UNKNOWN_SIGNER, Reason.FROM_THE_FUTURE]
    assert len(list(outcome.receipt.logs)) == 2


def test_place_signed__account_relays_itself__placed(market, desk, buyer, product, now):
    item = desk.sign(buyer, buy(product, 9, 10), now)

    receipt = market.placeSigned(item.pack(), sender=buyer)

    assert receipt.return_value == 1


def test_place_signed__cut_off__batch_malformed_and_nothing_placed(
    market, desk, ledger, buyer, other, relayer, product, now
):
    first = desk.sign(buyer, buy(product, 9, 10), now)
    second = desk.sign(other, buy(product, 9, 10), now)
    data = pack_batch([first, second])
    for cut in (len(data) - 1, len(data) // 2 + 1, len(data) // 2 - 1):
        offset = len(data) // 2 if cut > len(data) // 2 else 0
        with ape.reverts(market.BatchMalformed, offset=offset, length=cut):
            market.placeSigned(data[:cut], sender=relayer)
    assert ledger.lockedOf(buyer) == 0


def test_place_signed__account_apart_but_solvent__placed(desk, ledger, buyer, other, product, now):
    later = Product.auction(ZONE, Period.QUARTER_HOUR, product.start_slot + 1)

    outcome = desk.relay(
        desk.sign(buyer, buy(product, 9, 10), now),
        desk.sign(other, buy(product, 9, 10), now),
        desk.sign(buyer, buy(later, 9, 20), now),
    )

    assert len(outcome.placed) == 3
    assert ledger.lockedOf(buyer) == buy_lock(10, 9) + buy_lock(20, 9)


def test_place_signed__account_apart_and_insolvent__signer_split(
    market, desk, ledger, buyer, other, relayer, product, now
):
    first, second = (
        Product.auction(ZONE, Period.HOUR, product.start_slot + 4 * i) for i in range(2)
    )
    data = pack_batch(
        [
            desk.sign(buyer, buy(first, 500, MAX_LOTS), now),
            desk.sign(other, buy(product, 9, 10), now),
            desk.sign(buyer, buy(second, 500, MAX_LOTS), now),
        ]
    )

    with ape.reverts(market.SignerSplit, signer=buyer.address):
        market.placeSigned(data, sender=relayer)

    assert ledger.lockedOf(buyer) == ledger.lockedOf(other) == 0
    assert market.levelLots(product.id, BUY, 9) == 0


def test_place_signed__at_the_room_itself__no_signature_fits(
    project, market, desk, relayer, buyer, product, now
):
    """The domain names the market; the room is another contract and has empty storage."""
    room = project.AuctionRoom.at(market.AUCTION_ROOM())
    item = desk.sign(buyer, buy(product, 9, 10), now)

    receipt = room.placeSigned(item.pack(), sender=relayer)

    assert receipt.return_value == 0
    (skipped,) = receipt.decode_logs(room.SignedOrderSkipped)
    assert skipped.reason == Reason.UNKNOWN_SIGNER


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_place_signed__steps_of_one_level_word__summed(market, desk, other, product, now, count):
    steps = tuple(Step.buy(16 + 2 * i, 10 + i) for i in range(count))

    desk.relay(desk.sign(other, Curve(product, steps), now))

    for step in steps:
        assert market.levelLots(product.id, BUY, step.limit_tick) == step.lots
    (best, lots) = market.bestBid(product.id)
    assert (best, lots) == (steps[-1].limit_tick * 1_000, steps[-1].lots)
