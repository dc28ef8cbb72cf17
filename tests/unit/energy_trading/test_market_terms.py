"""setMarketTerms, marketTerms, pendingTerms, shortPriceCap
├── caller without the role: AccessManagedUnauthorized
├── zone zero: ZoneZero
├── the terms: CapNotInTicks, NetworkFeeInvalid, TradingFeeTooHigh
├── first terms not from slot 0: FirstTermsStartAtOnce
├── change: TermsTooSoon, TermsNotOnWeekStart, SlotOutOfRange, TermsPending
└── else: in force from the slot on, former terms stay known for old slots
"""

from __future__ import annotations

import ape

from tests.unit.energy_trading.book import (
    BUY,
    DAY_SECONDS,
    OTHER_ZONE,
    SLOT_SECONDS,
    TERMS,
    WEEK_SLOTS,
    ZONE,
    only_event,
    product_id,
    quote,
)

NOTICE_SLOTS = 67 * 96
NEW_TERMS = (90_000, 5_000, 100)
NEWER_TERMS = (200_000, 0, 0)


def first_monday(monday: int, chain) -> int:
    earliest = -(-(int(chain.pending_timestamp) + 67 * DAY_SECONDS) // SLOT_SECONDS)
    return monday + -(-(earliest - monday) // WEEK_SLOTS) * WEEK_SLOTS


def test_set_market_terms__first__hold_at_once(market, governor):
    with ape.reverts(market.ZoneNotOpen, zone=OTHER_ZONE):
        market.marketTerms(OTHER_ZONE, 0)

    receipt = market.setMarketTerms(OTHER_ZONE, 0, NEW_TERMS, sender=governor)

    event = only_event(receipt, market.MarketTermsSet)
    assert (event.zone, event.fromSlot) == (OTHER_ZONE, 0)
    assert tuple(event.oldTerms) == (0, 0, 0)
    assert tuple(event.newTerms) == NEW_TERMS
    assert tuple(market.marketTerms(OTHER_ZONE, 0)) == NEW_TERMS
    assert market.pendingTerms(OTHER_ZONE)[0] == 0


def test_set_market_terms__change__holds_from_its_slot(market, governor, chain, monday):
    start = first_monday(monday, chain)

    receipt = market.setMarketTerms(ZONE, start, NEW_TERMS, sender=governor)

    event = only_event(receipt, market.MarketTermsSet)
    assert (event.zone, event.fromSlot) == (ZONE, start)
    assert (tuple(event.oldTerms), tuple(event.newTerms)) == (TERMS, NEW_TERMS)
    assert tuple(market.marketTerms(ZONE, start - 1)) == TERMS
    assert tuple(market.marketTerms(ZONE, start)) == NEW_TERMS
    assert market.shortPriceCap(ZONE, start - 1) == TERMS[0]
    assert market.shortPriceCap(ZONE, start) == NEW_TERMS[0]
    pending = market.pendingTerms(ZONE)
    assert (pending[0], tuple(pending[1])) == (start, NEW_TERMS)


def test_set_market_terms__several_changes__former_terms_stay_known(
    market, governor, buyer, chain, monday, at
):
    first = first_monday(monday, chain)
    market.setMarketTerms(ZONE, first, NEW_TERMS, sender=governor)
    at(first * SLOT_SECONDS)
    second = first + -(-NOTICE_SLOTS // WEEK_SLOTS) * WEEK_SLOTS
    market.setMarketTerms(ZONE, second, NEWER_TERMS, sender=governor)
    at(second * SLOT_SECONDS)
    third = second + -(-NOTICE_SLOTS // WEEK_SLOTS) * WEEK_SLOTS
    market.setMarketTerms(ZONE, third, TERMS, sender=governor)

    for slot, terms in (
        (0, TERMS),
        (first - 1, TERMS),
        (first, NEW_TERMS),
        (second - 1, NEW_TERMS),
        (second, NEWER_TERMS),
        (third - 1, NEWER_TERMS),
        (third, TERMS),
    ):
        assert tuple(market.marketTerms(ZONE, slot)) == terms
        assert market.shortPriceCap(ZONE, slot) == terms[0]
    with ape.reverts(market.PriceAboveCap, givenTicks=201, allowedTicks=200):
        market.placeOrder(quote(product_id(second + 8), BUY, 201, 10), sender=buyer)


def test_set_market_terms__change__too_soon_or_off_the_week__is_refused(
    market, governor, chain, monday
):
    start = first_monday(monday, chain)
    now = int(chain.pending_timestamp) // SLOT_SECONDS * SLOT_SECONDS + 901
    chain.pending_timestamp = now
    earliest = -(-(now + 67 * DAY_SECONDS) // SLOT_SECONDS)
    with ape.reverts(market.TermsTooSoon, given=earliest - 1, earliest=earliest):
        market.setMarketTerms(ZONE, earliest - 1, NEW_TERMS, sender=governor)
    with ape.reverts(market.TermsNotOnWeekStart, given=start + 1, next=start + WEEK_SLOTS):
        market.setMarketTerms(ZONE, start + 1, NEW_TERMS, sender=governor)
    with ape.reverts(market.SlotOutOfRange, given=2**28 - 1, allowed=2**28 - 2):
        market.setMarketTerms(ZONE, 2**28 - 1, NEW_TERMS, sender=governor)
    with ape.reverts(market.FirstTermsStartAtOnce, given=start, allowed=0):
        market.setMarketTerms(OTHER_ZONE, start, NEW_TERMS, sender=governor)


def test_set_market_terms__second_change__waits_for_the_first(market, governor, chain, monday):
    start = first_monday(monday, chain)
    market.setMarketTerms(ZONE, start, NEW_TERMS, sender=governor)

    with ape.reverts(market.TermsPending, pendingFrom=start):
        market.setMarketTerms(ZONE, start + WEEK_SLOTS, NEWER_TERMS, sender=governor)


def test_set_market_terms__bad_terms__are_refused(market, governor):
    for cap in (0, 500, 1_024_000, 1_001):
        with ape.reverts(market.CapNotInTicks, given=cap, tickSize=1_000):
            market.setMarketTerms(OTHER_ZONE, 0, (cap, 0, 0), sender=governor)
    for fee in (1, 65_536_000):
        with ape.reverts(market.NetworkFeeInvalid, given=fee, unit=1_000, allowed=65_535_000):
            market.setMarketTerms(OTHER_ZONE, 0, (1_000, fee, 0), sender=governor)
    with ape.reverts(market.TradingFeeTooHigh, given=101, allowed=100):
        market.setMarketTerms(OTHER_ZONE, 0, (1_000, 0, 101), sender=governor)
    with ape.reverts(market.ZoneZero):
        market.setMarketTerms(0, 0, NEW_TERMS, sender=governor)
    market.setMarketTerms(OTHER_ZONE, 0, (1_023_000, 65_535_000, 100), sender=governor)
    assert tuple(market.marketTerms(OTHER_ZONE, 5)) == (1_023_000, 65_535_000, 100)


def test_set_market_terms__without_the_role__is_refused(market, guardian, buyer):
    for caller in (guardian, buyer):
        with ape.reverts(market.AccessManagedUnauthorized, caller=caller):
            market.setMarketTerms(OTHER_ZONE, 0, NEW_TERMS, sender=caller)


def test_short_price_cap__zone_without_terms__is_refused(market):
    with ape.reverts(market.ZoneNotOpen, zone=OTHER_ZONE):
        market.shortPriceCap(OTHER_ZONE, 5)
