"""placeSigned: what is left out, and why; the rest of the batch is placed
├── SIGNATURE: fits nobody, or high s
├── UNKNOWN_SIGNER: not enrolled; anything altered; other chain, market or domain; a delegate's key
├── FROM_THE_FUTURE
├── PRODUCT: not an auction, no such period, misaligned, not open yet, past its gate
├── HALTED (an order without steps is placed)
├── ZONE: not at home there; a zone without terms
├── STEPS: too few lots, price of zero or above the cap, out of order, crossing, an unused step
├── COLLAR: below and above it; at its ends placed
├── ADDITIONS: in an extension, anything that takes away; additions are placed
├── LEVEL_FULL: the account's own old lots do not count
├── CAPACITY: over both sessions
├── UNSETTLED: an old curve stands in the place; settlement is past the product
├── ACCOUNT: arrears, no security deposit, an operator (cancelling works)
└── FUNDS
"""

from __future__ import annotations

import dataclasses

import pytest

from energy_grid import eip712, signed_orders
from energy_grid.curves import Curve, Step
from energy_grid.products import Period, Product, Session
from tests.unit.energy_trading.book import (
    CAP_TICKS,
    CAPACITY_WH,
    HALT_PLACE,
    MAX_LOTS,
    OTHER_ZONE,
    RING_SLOTS,
    SLOT_SECONDS,
    TERMS,
    TICK_SIZE,
    ZONE,
    buy_lock,
    quote,
)
from tests.unit.signed_orders.relay import Reason, buy, raw_item, sell, with_high_s

BUY, SELL = range(2)
FLAG_METERED, FLAG_SECURED, FLAG_OPERATOR = 1, 2, 8


@pytest.fixture
def refused(desk, other, product, now):
    """Relay something beside an order that is good: that one is placed, why is the other not?"""

    def relay(*items):
        outcome = desk.relay(*items, desk.sign(other, buy(product, 17, 10), now))
        assert [entry.account_id for entry in outcome.placed][-1:] == [3]
        assert len(outcome.placed) == 1, "placed more than the good one"
        assert len(outcome.skipped) == len(items)
        return outcome.reasons

    return relay


def test_skipped__signature_of_nobody__signature(refused, desk, buyer, product, now):
    good = desk.sign(buyer, buy(product, 9, 10), now)
    no_r = dataclasses.replace(good, signature=b"\0" * 32 + good.signature[32:])

    assert refused(no_r, with_high_s(good)) == [Reason.SIGNATURE] * 2


def test_skipped__event__index_and_signer(desk, buyer, stranger, product, now):
    good = desk.sign(buyer, buy(product, 9, 10), now)

    outcome = desk.relay(good, with_high_s(good), desk.sign(stranger, buy(product, 9, 10), now))

    assert outcome.skipped == (
        (1, "0x" + "00" * 20, Reason.SIGNATURE),
        (2, stranger.address, Reason.UNKNOWN_SIGNER),
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda order: {"signed_at": order.signed_at - 1},
        lambda order: {"curve": buy(order.curve.product, 9, 11)},
        lambda order: {"curve": buy(order.curve.product, 10, 10)},
        lambda order: {"curve": sell(order.curve.product, 9, 10)},
        lambda order: {"curve": Curve(order.curve.product)},
        lambda order: {"curve": buy(order.curve.product.in_zone(OTHER_ZONE), 9, 10)},
        lambda order: {
            "curve": buy(Product.auction(ZONE, Period.HOUR, order.curve.product.start_slot), 9, 10)
        },
    ],
)
def test_skipped__altered__unknown_signer(refused, desk, buyer, product, now, change):
    order = desk.sign(buyer, buy(product, 9, 10), now)

    assert refused(dataclasses.replace(order, **change(order))) == [Reason.UNKNOWN_SIGNER]


def test_skipped__other_chain_market_or_domain__unknown_signer(
    refused, desk, ledger, buyer, product, now
):
    domains = (
        signed_orders.domain(desk.chain_id + 1, desk.market.address),
        signed_orders.domain(desk.chain_id, ledger.address),
        eip712.domain(desk.chain_id, desk.market.address),
    )
    orders = [desk.sign(buyer, buy(product, 9, 10), now, domain) for domain in domains]

    assert refused(*orders) == [Reason.UNKNOWN_SIGNER] * 3


def test_skipped__delegate__its_key_signs_only_for_itself(
    refused, desk, market, buyer, stranger, product, now
):
    market.nameDelegate(stranger, sender=buyer)

    order = desk.sign(stranger, buy(product, 9, 10), now)

    assert refused(order) == [Reason.UNKNOWN_SIGNER]


def test_skipped__signed_later_than_now__from_the_future_until_then(
    refused, desk, buyer, product, now, at
):
    order = desk.sign(buyer, buy(product, 9, 10), now + 100)
    at(now + 99)

    assert refused(order) == [Reason.FROM_THE_FUTURE]

    at(now + 100)
    assert len(desk.relay(order).placed) == 1


def test_skipped__product_that_takes_no_order__product(refused, desk, buyer, product, now):
    start = product.start_slot
    ids = (
        dataclasses.replace(product, session=Session.CONTINUOUS).id,
        product.id | 2 << 32,
        product.id | 4 << 36,
        product.id | 15 << 36,
        Product.auction(ZONE, Period.HOUR, start).id + 1,
        Product.auction(ZONE, Period.QUARTER_HOUR, start + 2 * 96).id,
        Product.auction(ZONE, Period.QUARTER_HOUR, start - 7).id,
        Product.auction(ZONE, Period.QUARTER_HOUR, 0).id,
    )

    items = [raw_item(desk, buyer, one, now, [(BUY, 9, 10)]) for one in ids]

    assert refused(*items) == [Reason.PRODUCT] * len(ids)


def test_skipped__gate__last_second_before_it_is_in_time(desk, buyer, other, product, now, at):
    at(product.gate_at - 1)
    assert len(desk.relay(desk.sign(buyer, buy(product, 9, 10), now)).placed) == 1
    at(product.gate_at)

    outcome = desk.relay(desk.sign(other, buy(product, 9, 10), now))

    assert outcome.reasons == [Reason.PRODUCT]


def test_skipped__placing_halted__only_cancelling(
    desk, market, governor, chain, buyer, other, product, now
):
    desk.relay(desk.sign(buyer, buy(product, 9, 10), now - 1))
    start = product.start_slot
    until = int(chain.pending_timestamp) + 3_600
    market.haltZone(ZONE, HALT_PLACE, start, start + 1, until, sender=governor)
    elsewhere = Product.auction(ZONE, Period.QUARTER_HOUR, start + 1)

    outcome = desk.relay(
        desk.sign(other, buy(product, 9, 10), now),
        desk.sign(other, buy(elsewhere, 9, 10), now),
        desk.sign(buyer, Curve(product), now),
    )

    assert outcome.reasons == [Reason.HALTED]
    assert [entry.curve for entry in outcome.placed] == [buy(elsewhere, 9, 10), Curve(product)]
    assert market.levelLots(product.id, BUY, 9) == 0


def test_skipped__not_home_or_without_terms__zone(
    refused, desk, market, governor, buyer, foreigner, product, now
):
    there = product.in_zone(OTHER_ZONE)
    assert (
        refused(
            desk.sign(buyer, buy(there, 9, 10), now),
            desk.sign(foreigner, buy(product, 9, 10), now),
            desk.sign(foreigner, buy(there, 9, 10), now),
        )
        == [Reason.ZONE] * 3
    )

    market.setMarketTerms(OTHER_ZONE, 0, TERMS, sender=governor)
    assert len(desk.relay(desk.sign(foreigner, buy(there, 9, 10), now)).placed) == 1


@pytest.mark.parametrize(
    "steps",
    [
        [(BUY, 9, 9)],
        [(BUY, 9, 0)],
        [(BUY, 0, 10)],
        [(BUY, CAP_TICKS + 1, 10)],
        [(SELL, CAP_TICKS + 1, 10)],
        [(BUY, 9, 10), (BUY, 9, 10)],
        [(BUY, 9, 10), (BUY, 8, 10)],
        [(SELL, 9, 10), (BUY, 10, 10)],
        [(BUY, 9, 10), (SELL, 9, 10)],
        [(BUY, 9, 10), (SELL, 8, 10)],
        [(BUY, 9, 10), (0, 0, 0)],
        [(0, 0, 0), (BUY, 9, 10)],
        [(0, 0, 0)],
        [(BUY, 9, 10), (BUY, 10, 10), (BUY, 11, 10), (SELL, 12, 9)],
    ],
)
def test_skipped__not_canonical_or_out_of_range__steps(refused, desk, seller, product, now, steps):
    item = raw_item(desk, seller, product.id, now, steps)

    assert refused(item) == [Reason.STEPS]


def test_skipped__price_at_the_cap__placed(desk, buyer, seller, product, now):
    outcome = desk.relay(
        desk.sign(buyer, buy(product, CAP_TICKS, 10), now),
        desk.sign(seller, sell(product, CAP_TICKS, 10), now),
    )

    assert outcome.skipped == ()


def test_skipped__outside_the_collar__collar(desk, market, governor, buyer, other, product, now):
    market.setReferencePrice(ZONE, 80 * TICK_SIZE, sender=governor)
    lowest, highest = 16, 407  # 20 % to 500 %, whole words of eight ticks

    outcome = desk.relay(
        desk.sign(buyer, buy(product, lowest - 1, 10), now),
        desk.sign(buyer, buy(product, highest + 1, 10), now),
        desk.sign(buyer, Curve(product, (Step.buy(lowest, 10), Step.buy(highest + 1, 10))), now),
        desk.sign(other, Curve(product, (Step.buy(lowest - 1, 10), Step.buy(highest, 10))), now),
        desk.sign(buyer, buy(product, lowest, 10), now),
        desk.sign(other, buy(product, highest, 10), now),
    )

    assert outcome.reasons == [Reason.COLLAR] * 4
    assert len(outcome.placed) == 2
    opening = market.openingOf(product.id)
    assert (opening.referenceTick, opening.lowestTick, opening.highestTick) == (80, lowest, highest)


def test_skipped__refused_order__does_not_open_the_product(
    desk, market, governor, buyer, product, now
):
    market.setReferencePrice(ZONE, 80 * TICK_SIZE, sender=governor)
    assert desk.relay(desk.sign(buyer, buy(product, 1, 10), now)).reasons == [Reason.COLLAR]

    assert not market.openingOf(product.id).opened
    market.setReferencePrice(ZONE, 2 * TICK_SIZE, sender=governor)
    assert len(desk.relay(desk.sign(buyer, buy(product, 1, 10), now)).placed) == 1


def test_skipped__extended_gate__only_additions(
    desk, market, governor, relayer, buyer, seller, other, product, now, at
):
    market.setReferencePrice(ZONE, 80 * TICK_SIZE, sender=governor)
    old = Curve(product, (Step.buy(300, 20), Step.buy(310, 10)))
    desk.relay(desk.sign(buyer, old, now - 50), desk.sign(seller, sell(product, 290, 30), now - 50))
    at(product.gate_at)
    market.clear(product.id, 290, 300, sender=relayer)
    assert market.openingOf(product.id).extended
    at(product.gate_at + 200)
    wanted = [
        (Curve(product), Reason.ADDITIONS),
        (buy(product, 310, 10), Reason.ADDITIONS),
        (Curve(product, (Step.buy(300, 19), Step.buy(310, 10))), Reason.ADDITIONS),
        (Curve(product, (Step.buy(300, 20), Step.buy(311, 10))), Reason.ADDITIONS),
        (Curve(product, (Step.buy(300, 20), Step.sell(310, 10))), Reason.ADDITIONS),
    ]
    more = Curve(product, (Step.buy(299, 10), Step.buy(300, 21), Step.buy(310, 10)))

    outcome = desk.relay(
        *(desk.sign(buyer, curve, now) for curve, _ in wanted),
        desk.sign(buyer, more, now),
        desk.sign(other, buy(product, 200, 10), now),
    )

    assert outcome.reasons == [reason for _, reason in wanted]
    assert [entry.curve for entry in outcome.placed] == [more, buy(product, 200, 10)]

    at(product.gate_at + 300)
    late = desk.relay(desk.sign(other, buy(product, 200, 11), product.gate_at))
    assert late.reasons == [Reason.PRODUCT]


def test_skipped__level_cannot_hold_it__level_full_and_nothing_moved(
    desk, market, ledger, buyer, other, product, now
):
    full = buy(product, 1, MAX_LOTS)
    desk.relay(desk.sign(buyer, full, now - 2))
    two = Curve(product, (Step.buy(1, 10), Step.buy(2, 10)))

    outcome = desk.relay(
        desk.sign(other, two, now), desk.sign(buyer, buy(product, 1, MAX_LOTS), now - 1)
    )

    assert outcome.reasons == [Reason.LEVEL_FULL]
    assert [entry.account_id for entry in outcome.placed] == [1]
    assert market.levelLots(product.id, BUY, 1) == MAX_LOTS
    assert market.levelLots(product.id, BUY, 2) == 0
    assert ledger.lockedOf(other) == 0
    desk.relay(desk.sign(buyer, buy(product, 1, MAX_LOTS - 10), now))
    assert len(desk.relay(desk.sign(other, two, now)).placed) == 1


def test_skipped__more_than_the_rated_power__capacity(refused, desk, seller, buyer, product, now):
    assert (
        refused(
            desk.sign(seller, sell(product, 9, CAPACITY_WH + 1), now),
            desk.sign(
                seller, Curve(product, (Step.sell(9, 10), Step.sell(19, CAPACITY_WH - 9))), now
            ),
            desk.sign(buyer, sell(product, 9, 10), now),
        )
        == [Reason.CAPACITY] * 3
    )
    assert len(desk.relay(desk.sign(seller, sell(product, 9, CAPACITY_WH), now)).placed) == 1


def test_skipped__offers_of_the_continuous_session__count_too(
    desk, market, seller, buyer, product, now
):
    continuous = dataclasses.replace(product, session=Session.CONTINUOUS).id
    market.placeOrder(quote(continuous, SELL, 50, CAPACITY_WH - 500), sender=seller)
    market.placeOrder(quote(continuous, BUY, 20, 300), sender=seller)

    assert desk.relay(desk.sign(seller, sell(product, 9, 501), now)).reasons == [Reason.CAPACITY]
    assert len(desk.relay(desk.sign(seller, sell(product, 9, 500), now)).placed) == 1


def test_skipped__old_curve_unsettled__unsettled_until_settled(
    desk, market, ledger, governor, seller, product, now, at
):
    desk.relay(desk.sign(seller, buy(product, 9, 10), now))
    again = Product.auction(ZONE, Period.QUARTER_HOUR, product.start_slot + RING_SLOTS)
    at((again.start_slot - 8) * SLOT_SECONDS)
    ledger.setSettledUntil(seller, product.start_slot, sender=governor)
    order = desk.sign(seller, buy(again, 9, 10), now)
    empty = desk.sign(seller, Curve(again), now)

    assert desk.relay(order, empty).reasons == [Reason.UNSETTLED] * 2

    ledger.setSettledUntil(seller, product.start_slot + 1, sender=governor)
    assert len(desk.relay(order).placed) == 1


def test_skipped__settled_past_the_start__unsettled(
    refused, desk, ledger, governor, buyer, seller, product, now
):
    ledger.setSettledUntil(seller, product.start_slot + 1, sender=governor)

    assert refused(desk.sign(seller, buy(product, 9, 10), now)) == [Reason.UNSETTLED]

    ledger.setSettledUntil(seller, product.start_slot, sender=governor)
    assert len(desk.relay(desk.sign(seller, buy(product, 9, 10), now)).placed) == 1


@pytest.mark.parametrize("fault", ["arrears", "no security", "operator"])
def test_skipped__account_may_not_lock_more__account_but_cancels(
    desk, ledger, governor, buyer, product, now, fault
):
    desk.relay(desk.sign(buyer, buy(product, 9, 100), now - 5))
    if fault == "arrears":
        ledger.setOwed(buyer, 1, sender=governor)
    elif fault == "no security":
        ledger.setFlag(buyer, FLAG_METERED, True, sender=governor)
        ledger.setFlag(buyer, FLAG_SECURED, False, sender=governor)
    else:
        ledger.setFlag(buyer, FLAG_OPERATOR, True, sender=governor)

    outcome = desk.relay(
        desk.sign(buyer, buy(product, 9, 101), now - 4),
        desk.sign(buyer, buy(product, 9, 50), now - 3),
        desk.sign(buyer, buy(product, 9, 51), now - 2),
        desk.sign(buyer, Curve(product), now - 1),
    )

    assert outcome.reasons == [Reason.ACCOUNT] * 2
    assert [entry.signed_at for entry in outcome.placed] == [now - 3, now - 1]
    assert ledger.lockedOf(buyer) == 0


def test_skipped__free_balance_too_small__funds_by_one_unit(
    desk, ledger, governor, accounts, product, now
):
    poor = accounts[7]
    curve = buy(product, 100, 10)
    ledger.enrol(poor, ZONE, 0, 0, buy_lock(10, 100) - 1, product.start_slot, sender=governor)
    assert desk.relay(desk.sign(poor, curve, now)).reasons == [Reason.FUNDS]

    richer = accounts[8]
    ledger.enrol(richer, ZONE, 0, 0, buy_lock(10, 100), product.start_slot, sender=governor)
    assert len(desk.relay(desk.sign(richer, curve, now)).placed) == 1
    assert ledger.freeOf(richer) == 0


def test_skipped__lowered_first__frees_money_for_the_next(
    desk, ledger, governor, accounts, product, now
):
    account = accounts[9]
    later = Product.auction(ZONE, Period.QUARTER_HOUR, product.start_slot + 1)
    free = buy_lock(100, 100)
    ledger.enrol(account, ZONE, 0, 0, free, product.start_slot, sender=governor)
    desk.relay(desk.sign(account, buy(product, 100, 100), now - 1))
    lowered = desk.sign(account, buy(product, 100, 60), now)
    other = desk.sign(account, buy(later, 100, 40), now)

    assert desk.relay(other).reasons == [Reason.FUNDS]
    assert len(desk.relay(lowered, other).placed) == 2
    assert ledger.lockedOf(account) == buy_lock(60, 100) + buy_lock(40, 100)
