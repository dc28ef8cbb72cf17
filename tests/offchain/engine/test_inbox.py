"""Signed orders between the one who signs and the chain: nothing lost, nothing relayed twice."""

from __future__ import annotations

import dataclasses

import pytest
from eth_account import Account

from energy_grid import signed_orders
from energy_grid.curves import Curve, MarketUnits, Step
from energy_grid.outbox import Outbox, transaction
from energy_grid.products import Period, Product
from energy_grid.signed_orders import SignedOrder
from oracles.engine.inbox import Inbox, OrderState, SignedOrderRefusedError

MARKET = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DOMAIN = signed_orders.domain(31337, MARKET)
UNITS = MarketUnits()
HOUR = Product.auction(1, Period.HOUR, 1_920_000)
NOW = HOUR.gate_at - 3_600
KEYS = [bytes([i]) * 32 for i in (1, 2)]
A, B = (Account.from_key(key).address for key in KEYS)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "engine.sqlite"


@pytest.fixture
def inbox(path):
    outbox = Outbox(path)
    yield Inbox(outbox, UNITS, DOMAIN)
    outbox.close()


def signed(*steps, signed_at=NOW, key=KEYS[0], product=HOUR):
    return SignedOrder.sign(
        Curve(product, steps or (Step.buy(100, 10),)),
        signed_at,
        units=UNITS,
        domain_separator=DOMAIN,
        private_key=key,
    )


def states(inbox, *orders):
    return [found and found[0] for found in inbox.states([one.key for one in orders])]


def test_submit__good_order__waits_with_its_signer(inbox):
    order = signed()

    taken = inbox.submit(order, NOW)

    assert taken.signer == A
    assert inbox.waiting() == [taken]
    assert inbox.waiting()[0].order == order


def test_submit__twice__once(inbox):
    first = inbox.submit(signed(), NOW)
    second = inbox.submit(signed(), NOW + 5)

    assert first.key == second.key
    assert [one.received_at for one in inbox.waiting()] == [NOW]


def test_submit__twice_after_it_was_relayed__not_again(inbox):
    taken = inbox.submit(signed(), NOW)
    inbox.relay("key", [taken])

    inbox.submit(signed(), NOW + 5)

    assert inbox.waiting() == []


def test_submit__newer_of_the_same_account_and_product__the_older_is_dropped(inbox):
    older = inbox.submit(signed(), NOW)
    other_product = inbox.submit(signed(product=HOUR.in_zone(2)), NOW)
    other_account = inbox.submit(signed(key=KEYS[1]), NOW)

    newer = inbox.submit(signed(Step.buy(90, 10), signed_at=NOW + 1), NOW + 1)

    assert states(inbox, older, newer) == [OrderState.SUPERSEDED, OrderState.WAITING]
    waiting = {one.key for one in inbox.waiting()}
    assert waiting == {newer.key, other_product.key, other_account.key}


@pytest.mark.parametrize("signed_at", [NOW - 1, NOW])
def test_submit__older_or_as_old_as_one_known__refused(inbox, signed_at):
    inbox.submit(signed(), NOW)

    with pytest.raises(SignedOrderRefusedError, match="as new, or newer"):
        inbox.submit(signed(Step.buy(90, 10), signed_at=signed_at), NOW)


@pytest.mark.parametrize(
    ("now", "signed_at", "text"),
    [
        (NOW, NOW + 1, "in the future"),
        (HOUR.gate_at, NOW, "takes no orders"),
        (HOUR.opens_at - 1, HOUR.opens_at - 2, "takes no orders"),
    ],
)
def test_submit__wrong_time__refused(inbox, now, signed_at, text):
    with pytest.raises(SignedOrderRefusedError, match=text):
        inbox.submit(signed(signed_at=signed_at), now)


def test_submit__forged__refused_or_of_nobody_known(inbox):
    forged = dataclasses.replace(signed(), signature=b"\xff" * 64)
    with pytest.raises(SignedOrderRefusedError, match="signature"):
        inbox.submit(forged, NOW)

    altered = dataclasses.replace(signed(), signed_at=NOW - 1)
    assert inbox.submit(altered, NOW).signer not in (A, B)


def test_relay__rolled_back__still_waiting(inbox):
    taken = inbox.submit(signed(), NOW)

    with pytest.raises(RuntimeError), transaction(inbox._connection):
        inbox.relay("key", [taken])
        raise RuntimeError("killed before the commit")

    assert inbox.waiting() == [taken]
    assert inbox.under_way() == []


def test_note_outcome__skipped_ones_keep_their_reason(inbox):
    placed, skipped = inbox.submit(signed(), NOW), inbox.submit(signed(key=KEYS[1]), NOW)
    inbox.relay("key", [placed, skipped])
    assert inbox.under_way() == ["key"]

    inbox.note_outcome("key", {1: "FUNDS"})

    assert inbox.states([placed.key, skipped.key]) == [
        (OrderState.PLACED, None),
        (OrderState.SKIPPED, "FUNDS"),
    ]
    assert inbox.under_way() == []


def test_take_back__batch_failed__waits_again(inbox):
    taken = inbox.submit(signed(), NOW)
    inbox.relay("key", [taken])

    inbox.take_back("key")

    assert inbox.waiting() == [taken]


def test_expire_and_prune__closed_gates(inbox):
    taken = inbox.submit(signed(), NOW)

    assert inbox.expire(HOUR.extended_gate_at - 1) == 0
    assert inbox.expire(HOUR.extended_gate_at) == 1
    assert states(inbox, taken) == [OrderState.EXPIRED]
    assert inbox.prune(HOUR.extended_gate_at) == 0
    assert inbox.prune(HOUR.extended_gate_at + 1) == 1
    assert states(inbox, taken) == [None]


def test_inbox__opened_again__everything_is_still_there(path, inbox):
    taken = inbox.submit(signed(), NOW)

    outbox = Outbox(path)
    try:
        assert Inbox(outbox, UNITS, DOMAIN).waiting() == [taken]
    finally:
        outbox.close()
