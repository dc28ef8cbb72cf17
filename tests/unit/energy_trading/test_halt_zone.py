"""haltZone, liftHalt, haltOf
├── caller without the role: AccessManagedUnauthorized; zone zero: ZoneZero
├── nothing stopped: HaltEmpty; interval too far: SlotOutOfRange; expiry: HaltExpiryInvalid
├── a halt in force: joined
├── lift: by governance only; NotHalted
└── placing and replacing stop for the products concerned, until it expires
"""

from __future__ import annotations

import ape

from tests.unit.energy_trading.book import (
    BUY,
    HALT_BOTH,
    HALT_MATCH,
    HALT_NONE,
    HALT_PLACE,
    HOUR,
    ZONE,
    buy_lock,
    only_event,
    product_id,
    quote,
)

MAX_HALT_SECONDS = 72 * 3_600


def test_halt_zone__placing__stops_the_products_concerned(
    market, place, guardian, buyer, slot, chain, balances
):
    order = place(buyer)
    expires_at = int(chain.pending_timestamp) + MAX_HALT_SECONDS - 10

    receipt = market.haltZone(ZONE, HALT_PLACE, slot + 3, slot + 5, expires_at, sender=guardian)

    event = only_event(receipt, market.ZoneHalted)
    halt = (HALT_PLACE, slot + 3, slot + 5, expires_at)
    assert (event.zone, event.scope, event.fromSlot, event.toSlot, event.expiresAt) == (ZONE, *halt)
    assert tuple(market.haltOf(ZONE)) == halt
    for halted in (
        product_id(slot + 3),
        product_id(slot + 4),
        product_id(slot, HOUR),
        product_id(slot + 4, HOUR),
    ):
        with ape.reverts(market.TradingHalted, zone=ZONE, expiresAt=expires_at):
            market.placeOrder(quote(halted, BUY, 100, 50), sender=buyer)
    market.placeOrder(quote(product_id(slot + 2), BUY, 100, 50), sender=buyer)
    market.placeOrder(quote(product_id(slot + 5), BUY, 100, 50), sender=buyer)
    market.replaceOrder(order, quote(product_id(slot), BUY, 101, 50), sender=buyer)
    assert balances(buyer)[1] == 2 * buy_lock(50, 100) + buy_lock(50, 101)


def test_halt_zone__placing__stops_replacing(market, place, guardian, buyer, slot, product, chain):
    order = place(buyer)
    expires_at = int(chain.pending_timestamp) + 600
    market.haltZone(ZONE, HALT_BOTH, slot, slot + 1, expires_at, sender=guardian)

    with ape.reverts(market.TradingHalted, zone=ZONE, expiresAt=expires_at):
        market.replaceOrder(order, quote(product, BUY, 101, 50), sender=buyer)
    chain.pending_timestamp = expires_at
    market.replaceOrder(order, quote(product, BUY, 101, 50), sender=buyer)
    assert tuple(market.haltOf(ZONE)) == (HALT_NONE, 0, 0, 0)


def test_halt_zone__again__only_widens(market, guardian, slot, chain):
    expires_at = int(chain.pending_timestamp) + 10_000
    market.haltZone(ZONE, HALT_PLACE, slot, slot + 9, expires_at, sender=guardian)

    market.haltZone(ZONE, HALT_MATCH, slot + 2, slot + 3, expires_at - 500, sender=guardian)
    assert tuple(market.haltOf(ZONE)) == (HALT_BOTH, slot, slot + 9, expires_at)
    market.haltZone(ZONE, HALT_MATCH, slot - 1, slot + 12, expires_at + 500, sender=guardian)
    assert tuple(market.haltOf(ZONE)) == (HALT_BOTH, slot - 1, slot + 12, expires_at + 500)


def test_halt_zone__after_expiry__starts_afresh(market, guardian, slot, chain):
    expires_at = int(chain.pending_timestamp) + 100
    market.haltZone(ZONE, HALT_BOTH, slot, slot + 9, expires_at, sender=guardian)
    chain.pending_timestamp = expires_at

    market.haltZone(ZONE, HALT_MATCH, slot + 2, slot + 3, expires_at + 50, sender=guardian)

    assert tuple(market.haltOf(ZONE)) == (HALT_MATCH, slot + 2, slot + 3, expires_at + 50)


def test_halt_zone__bad_arguments__are_refused(market, guardian, slot, chain):
    now = int(chain.pending_timestamp) + 5
    later = now + 1_000
    for scope, first, end in ((HALT_NONE, slot, slot + 1), (HALT_BOTH, slot, slot)):
        with ape.reverts(market.HaltEmpty, scope=scope, fromSlot=first, toSlot=end):
            market.haltZone(ZONE, scope, first, end, later, sender=guardian)
    with ape.reverts(market.SlotOutOfRange, given=2**28, allowed=2**28 - 1):
        market.haltZone(ZONE, HALT_BOTH, slot, 2**28, later, sender=guardian)
    with ape.reverts(market.ZoneZero):
        market.haltZone(0, HALT_BOTH, slot, slot + 1, later, sender=guardian)
    for i, given in enumerate((0, MAX_HALT_SECONDS + 1)):
        at = now + 100 * (i + 1)
        chain.pending_timestamp = at
        with ape.reverts(
            market.HaltExpiryInvalid,
            given=at + given,
            earliest=at + 1,
            latest=at + MAX_HALT_SECONDS,
        ):
            market.haltZone(ZONE, HALT_BOTH, slot, slot + 1, at + given, sender=guardian)


def test_halt_zone__without_the_role__is_refused(market, buyer, slot, chain):
    expires_at = int(chain.pending_timestamp) + 600
    with ape.reverts(market.AccessManagedUnauthorized, caller=buyer):
        market.haltZone(ZONE, HALT_BOTH, slot, slot + 1, expires_at, sender=buyer)


def test_lift_halt__governance__ends_it(market, guardian, governor, place, buyer, slot, chain):
    expires_at = int(chain.pending_timestamp) + 600
    market.haltZone(ZONE, HALT_BOTH, slot, slot + 1, expires_at, sender=guardian)
    for caller in (guardian, buyer):
        with ape.reverts(market.AccessManagedUnauthorized, caller=caller):
            market.liftHalt(ZONE, sender=caller)

    receipt = market.liftHalt(ZONE, sender=governor)

    assert only_event(receipt, market.HaltLifted).zone == ZONE
    assert tuple(market.haltOf(ZONE)) == (HALT_NONE, 0, 0, 0)
    place(buyer)
    with ape.reverts(market.NotHalted, zone=ZONE):
        market.liftHalt(ZONE, sender=governor)
