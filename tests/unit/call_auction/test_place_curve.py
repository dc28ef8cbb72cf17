"""placeCurve
├── curve: a bit too many, a gap, out of order, buy after sell, lots, prices: named errors
├── product: other session, period, alignment, zone, zone without terms, not open, past its gate
├── halted for placing: TradingHalted; cancelling goes on
├── account: other home, arrears, no security deposit, too little money, settled past the product
├── place in the ring: former turn not settled: SettleFirst
├── level full: LevelFull
└── else: record, levels, heads, lock; placing again replaces, an empty curve cancels
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.call_auction.curves import (
    OPEN,
    auction_gate_of,
    auction_id,
    curve,
    curve_lock,
    levels,
    readable,
)
from tests.unit.energy_trading.book import (
    BUY,
    CAP_TICKS,
    DAY,
    FREE,
    HALT_PLACE,
    HOUR,
    LENGTH_SLOTS,
    MAX_LOTS,
    OPENS_SECONDS,
    OTHER_ZONE,
    QUARTER_HOUR,
    RING_SLOTS,
    SELL,
    SLOT_SECONDS,
    WEEK,
    ZONE,
    only_event,
    product_id,
    start_of,
)

BUY_50 = (BUY, 100, 50)
SELL_50 = (SELL, 120, 50)


# --- Accepted -------------------------------------------------------------------------------------


def test_place_curve__one_buy__record_level_lock_and_event(
    market, buyer, auction, balances, place_curve, chain
):
    receipt = place_curve(buyer, BUY_50)

    event = only_event(receipt, market.CurvePlaced)
    assert (event.accountId, event.curve) == (1, curve(auction, BUY_50))
    lock = curve_lock(BUY_50)
    assert balances(buyer) == (FREE - lock, lock)
    assert market.curveLock(curve(auction, BUY_50)) == lock
    seen = market.curveOf(1, auction)
    assert seen.trader == buyer
    assert [tuple(step) for step in seen.steps] == readable(BUY_50)
    assert (seen.state, seen.signedAt) == (OPEN, chain.blocks[receipt.block_number].timestamp)
    assert (seen.filledLots, seen.filledTick, seen.lockedPerSlot) == (0, 0, lock)
    assert market.bookLevels(auction, BUY) == levels((100, 50))
    assert market.bookLevels(auction, SELL) == []
    assert market.levelLots(auction, BUY, 100) == 50
    assert tuple(market.bestBid(auction)) == (100_000, 50)


def test_place_curve__four_steps_of_both_sides__every_level_and_one_lock(
    market, seller, auction, balances, place_curve
):
    steps = ((BUY, 3, 10), (BUY, 4, 20), (SELL, 200, 30), (SELL, CAP_TICKS, 40))

    place_curve(seller, *steps)

    assert market.bookLevels(auction, BUY) == levels((3, 10), (4, 20))
    assert market.bookLevels(auction, SELL) == levels((200, 30), (CAP_TICKS, 40))
    assert balances(seller) == (FREE - curve_lock(*steps), curve_lock(*steps))
    assert [tuple(step) for step in market.curveOf(2, auction).steps] == readable(*steps)


@pytest.mark.parametrize("period", [QUARTER_HOUR, HOUR, DAY, WEEK])
def test_place_curve__every_period__locks_all_its_slots(
    market, buyer, monday, at, balances, period
):
    product = auction_id(monday + LENGTH_SLOTS[WEEK], period)
    opens = start_of(product) * SLOT_SECONDS - OPENS_SECONDS[period]
    at(max(opens, monday * SLOT_SECONDS + 9))

    market.placeCurve(curve(product, BUY_50), sender=buyer)

    assert balances(buyer)[1] == curve_lock(BUY_50) * LENGTH_SLOTS[period]
    assert market.gateOf(product) == auction_gate_of(product)


def test_place_curve__again__replaces_the_whole_curve(
    market, buyer, seller, auction, balances, place_curve
):
    place_curve(seller, (BUY, 101, 15))
    place_curve(buyer, (BUY, 100, 50), (BUY, 101, 20), (BUY, 300, 30))
    later = ((BUY, 101, 60), (BUY, 102, 10), (BUY, 104, 10))

    place_curve(buyer, *later)

    assert market.bookLevels(auction, BUY) == levels((101, 75), (102, 10), (104, 10))
    assert balances(buyer) == (FREE - curve_lock(*later), curve_lock(*later))
    assert tuple(market.bestBid(auction)) == (104_000, 10)


def test_place_curve__all_money_locked__can_still_be_requoted(
    market, ledger, auction, place_curve, seller
):
    lock = curve_lock(BUY_50)
    poor = ape.accounts.test_accounts[9]
    ledger.enrol(poor, ZONE, 0, 0, lock, 0, sender=seller)
    place_curve(poor, BUY_50)

    place_curve(poor, (BUY, 99, 50))

    assert market.bookLevels(auction, BUY) == levels((99, 50))
    with ape.reverts(ledger.InsufficientFree, needed=1 * 50 + 1 * 50 * 25 // 10_000 + 1):
        place_curve(poor, (BUY, 101, 50))


def test_place_curve__empty__cancels(market, buyer, auction, balances, place_curve):
    place_curve(buyer, BUY_50, (BUY, 400, 20))

    receipt = place_curve(buyer)

    assert only_event(receipt, market.CurvePlaced).curve == curve(auction)
    assert market.bookLevels(auction, BUY) == []
    assert tuple(market.bestBid(auction)) == (0, 0)
    assert balances(buyer) == (FREE, 0)
    assert market.curveOf(1, auction).steps == []


def test_place_curve__empty_without_an_order__still_supersedes_signatures(
    market, buyer, auction, place_curve, chain
):
    receipt = place_curve(buyer)

    signed_at = market.curveOf(1, auction).signedAt
    assert signed_at == chain.blocks[receipt.block_number].timestamp


def test_place_curve__both_sessions__have_books_of_their_own(
    market, buyer, auction, product, place, place_curve
):
    place(buyer, BUY, 100, 70)
    place_curve(buyer, BUY_50)

    assert market.bookLevels(product, BUY) == levels((100, 70))
    assert market.bookLevels(auction, BUY) == levels((100, 50))


# --- Refused: the curve ---------------------------------------------------------------------------


def test_place_curve__bit_above_the_product__is_refused(market, buyer, auction):
    odd = curve(auction, BUY_50) | 1 << 212
    with ape.reverts(market.CurveMalformed, given=odd):
        market.placeCurve(odd, sender=buyer)


@pytest.mark.parametrize(
    ("steps", "error", "arguments"),
    [
        ([(BUY, 100, 9)], "TooFewLots", {"given": 9, "allowed": 10}),
        ([(BUY, 0, 50)], "PriceTooLow", {"givenTicks": 0, "allowedTicks": 1}),
        ([(BUY, 501, 50)], "PriceAboveCap", {"givenTicks": 501, "allowedTicks": CAP_TICKS}),
        ([(SELL, 1023, 50)], "PriceAboveCap", {"givenTicks": 1023, "allowedTicks": CAP_TICKS}),
        ([BUY_50, (0, 0, 0), SELL_50], "StepAfterGap", {"index": 1}),
        ([(0, 0, 0), BUY_50], "StepAfterGap", {"index": 0}),
        (
            [BUY_50, BUY_50],
            "StepsOutOfOrder",
            {"index": 1, "givenTick": 100, "previousTick": 100},
        ),
        (
            [BUY_50, SELL_50, (SELL, 119, 50)],
            "StepsOutOfOrder",
            {"index": 2, "givenTick": 119, "previousTick": 120},
        ),
        (
            [BUY_50, (SELL, 50, 50)],
            "StepsOutOfOrder",
            {"index": 1, "givenTick": 50, "previousTick": 100},
        ),
        (
            [BUY_50, (SELL, 100, 50)],
            "StepsOutOfOrder",
            {"index": 1, "givenTick": 100, "previousTick": 100},
        ),
        ([(SELL, 100, 50), (BUY, 101, 50)], "BuyAfterSell", {"index": 1}),
    ],
)
def test_place_curve__not_canonical__is_refused(
    market, seller, place_curve, steps, error, arguments
):
    with ape.reverts(getattr(market, error), **arguments):
        place_curve(seller, *steps)


def test_pack_curve__as_place_curve_takes_it(market, auction):
    steps = (BUY_50, SELL_50, (SELL, 400, 70))
    assert market.packCurve(auction, readable(*steps)) == curve(auction, *steps)
    assert market.packCurve(auction, []) == curve(auction)


def test_pack_curve__what_no_curve_can_be__is_refused(market, auction, product):
    with ape.reverts(market.TooManySteps, given=5, allowed=4):
        market.packCurve(auction, readable(*[(BUY, tick, 50) for tick in range(1, 6)]))
    with ape.reverts(market.TooManyLots, given=2**28, allowed=MAX_LOTS):
        market.packCurve(auction, [(False, 100, 2**28)])
    with ape.reverts(market.PriceAboveCap, givenTicks=1024, allowedTicks=1023):
        market.packCurve(auction, [(False, 1024, 50)])
    with ape.reverts(market.TooFewLots, given=9, allowed=10):
        market.packCurve(auction, [(False, 100, 9)])
    with ape.reverts(market.SessionUnavailable, given=1, allowed=0):
        market.packCurve(product, readable(BUY_50))


# --- Refused: the product -------------------------------------------------------------------------


def test_place_curve__no_product_of_the_session__is_refused(market, buyer, product, slot):
    with ape.reverts(market.SessionUnavailable, given=1, allowed=0):
        market.placeCurve(curve(product, BUY_50), sender=buyer)
    with ape.reverts(market.PeriodUnknown, given=4, allowed=3):
        market.placeCurve(curve(auction_id(slot, 4), BUY_50), sender=buyer)
    with ape.reverts(market.StartMisaligned, startSlot=slot + 1, next=slot + 4):
        market.placeCurve(curve(auction_id(slot + 1, HOUR), BUY_50), sender=buyer)


@pytest.mark.parametrize("period", [QUARTER_HOUR, HOUR, DAY, WEEK])
def test_place_curve__before_opening_and_from_the_gate_on__is_refused(
    market, buyer, monday, at, period
):
    product = auction_id(monday + 14 * LENGTH_SLOTS[WEEK], period)
    opens = start_of(product) * SLOT_SECONDS - OPENS_SECONDS[period]
    gate = auction_gate_of(product)

    at(opens - 1)
    with ape.reverts(market.NotOpenYet, nowSeconds=opens - 1, opensAt=opens):
        market.placeCurve(curve(product, BUY_50), sender=buyer)
    at(opens)
    market.placeCurve(curve(product, BUY_50), sender=buyer)
    at(gate - 1)
    market.placeCurve(curve(product, (BUY, 101, 50)), sender=buyer)
    at(gate)
    with ape.reverts(market.GateClosed, nowSeconds=gate, gateAt=gate):
        market.placeCurve(curve(product, (BUY, 102, 50)), sender=buyer)
    assert market.bookLevels(product, BUY) == levels((101, 50))


def test_place_curve__other_zone__is_refused(market, buyer, foreigner, slot):
    elsewhere = auction_id(slot, zone=OTHER_ZONE)
    with ape.reverts(market.NotHomeZone, given=OTHER_ZONE, allowed=ZONE):
        market.placeCurve(curve(elsewhere, BUY_50), sender=buyer)
    with ape.reverts(market.ZoneNotOpen, zone=OTHER_ZONE):
        market.placeCurve(curve(elsewhere, BUY_50), sender=foreigner)


def test_place_curve__halted__is_refused_and_cancelling_goes_on(
    market, buyer, guardian, auction, slot, chain, place_curve, balances
):
    place_curve(buyer, BUY_50)
    until = chain.pending_timestamp + 3_600
    market.haltZone(ZONE, HALT_PLACE, slot, slot + 1, until, sender=guardian)

    with ape.reverts(market.TradingHalted, zone=ZONE, expiresAt=until):
        place_curve(buyer, (BUY, 101, 50))
    place_curve(buyer, into=auction)

    assert balances(buyer) == (FREE, 0)


# --- Refused: the account -------------------------------------------------------------------------


def test_place_curve__stranger__is_refused(market, stranger, place_curve):
    with ape.reverts(market.NotHomeZone, given=ZONE, allowed=0):
        place_curve(stranger, BUY_50)


def test_place_curve__ledger_refuses__nothing_changes(
    market, ledger, seller, auction, place_curve, balances
):
    ledger.setFlag(seller, 2, False, sender=seller)
    with ape.reverts(ledger.SecurityDepositMissing, account=seller):
        place_curve(seller, BUY_50)
    ledger.setFlag(seller, 2, True, sender=seller)
    ledger.setOwed(seller, 5, sender=seller)
    with ape.reverts(ledger.ArrearsOutstanding, account=seller, owed=5):
        place_curve(seller, BUY_50)
    ledger.setOwed(seller, 0, sender=seller)
    rich = (BUY, CAP_TICKS, MAX_LOTS)
    ledger.enrol(ape.accounts.test_accounts[9], ZONE, 0, 0, 10, 0, sender=seller)
    with ape.reverts(ledger.InsufficientFree, needed=curve_lock(rich), available=10):
        place_curve(ape.accounts.test_accounts[9], rich)

    assert market.bookLevels(auction, BUY) == []
    assert balances(seller) == (FREE, 0)


def test_place_curve__settled_past_the_start__is_refused(market, ledger, seller, slot, place_curve):
    ledger.setSettledUntil(seller, slot + 1, sender=seller)

    with ape.reverts(market.SettlementReached, settledUntil=slot + 1, startSlot=slot):
        place_curve(seller, SELL_50)


def test_place_curve__level_full__is_refused(market, seller, buyer, ledger, place_curve):
    rich = ape.accounts.test_accounts[9]
    ledger.enrol(rich, ZONE, 0, 0, 10**15, 0, sender=seller)
    place_curve(rich, (BUY, 1, MAX_LOTS))

    with ape.reverts(market.LevelFull, given=MAX_LOTS + 10, allowed=MAX_LOTS):
        place_curve(buyer, (BUY, 1, 10))
    place_curve(rich, (BUY, 1, MAX_LOTS - 10))
    place_curve(buyer, (BUY, 1, 10))


# --- The ring -------------------------------------------------------------------------------------


def test_place_curve__former_turn_not_settled__settle_first(
    market, ledger, seller, auction, slot, at, place_curve, balances
):
    place_curve(seller, SELL_50)
    next_turn = auction_id(slot + RING_SLOTS)
    at((slot + RING_SLOTS - 8) * SLOT_SECONDS)
    ledger.setSettledUntil(seller, slot, sender=seller)
    with ape.reverts(market.SettleFirst, slot=slot + 1):
        place_curve(seller, BUY_50, into=next_turn)

    ledger.setFinalUntil(slot + 1, sender=seller)
    ledger.settleUpTo(seller, slot + 1, sender=seller)
    place_curve(seller, BUY_50, into=next_turn)

    assert market.bookLevels(next_turn, BUY) == levels((100, 50))
    assert market.bookLevels(next_turn, SELL) == []
    assert balances(seller) == (FREE - curve_lock(BUY_50), curve_lock(BUY_50))
    assert market.curveOf(2, auction).steps == []


def test_product_id__sessions__differ_in_one_field(slot):
    assert auction_id(slot) ^ product_id(slot) == 1 << 32
