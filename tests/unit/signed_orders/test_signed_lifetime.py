"""I-20: over its lifetime a signed order executes at most its quantity.

Whatever the relayer does with the signatures it has (any order, again and again, any grouping) and
whatever the account does on chain in between, a signature is placed at most once, the book holds
what the newest decision says and nothing else, and what is filled in the end is part of it.
"""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from energy_grid.curves import Curve, Step
from tests.unit.signed_orders.relay import Reason

on_chain = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
SECONDS = 30
"""Signatures and actions fall into this time, close enough to collide."""
SUPPLY_LOTS = 1_000

ticks = st.sets(st.integers(50, 58), min_size=0, max_size=3)
step_lots = st.integers(10, 60)
signatures = st.lists(st.tuples(ticks, st.integers(0, SECONDS), step_lots), min_size=1, max_size=5)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("relay"), st.lists(st.integers(0, 4), min_size=1, max_size=6)),
        st.tuples(st.just("place"), ticks),
        st.tuples(st.just("cancel"), st.none()),
        st.tuples(st.just("void"), st.none()),
    ),
    min_size=1,
    max_size=7,
)


@pytest.fixture
def undone(chain):
    """Every example begins on the same chain."""

    @contextmanager
    def isolated():
        snapshot = chain.snapshot()
        try:
            yield
        finally:
            chain.restore(snapshot)

    return isolated


def curve_of(product, chosen, lots):
    return Curve(product, tuple(Step.buy(tick, lots) for tick in sorted(chosen)))


class Expected:
    """What the rules say, told by hand."""

    def __init__(self, product):
        self.curve = Curve(product)
        self.decided_at = -1
        self.voided_at = 0

    def relay(self, order, now):
        if order.signed_at > now:
            return Reason.FROM_THE_FUTURE
        if order.signed_at <= self.decided_at:
            return Reason.SUPERSEDED
        if order.signed_at <= self.voided_at:
            return Reason.VOIDED
        self.decide(order.curve, order.signed_at)
        return None

    def decide(self, curve, at):
        self.curve, self.decided_at = curve, at


@on_chain
@given(signatures, actions)
def test_i20__any_relayer_and_any_actions__each_signature_at_most_once(
    market, desk, relayer, buyer, seller, product, now, at, undone, signatures, actions
):
    with undone():
        market.placeCurve(Curve(product, (Step.sell(40, SUPPLY_LOTS),)).pack(), sender=seller)
        begin = now + 10
        orders = [
            desk.sign(buyer, curve_of(product, chosen, lots), begin + second)
            for chosen, second, lots in signatures
        ]
        expected = Expected(product)
        placed = []
        for number, (action, detail) in enumerate(actions):
            time = begin + (number + 1) * SECONDS // len(actions)
            at(time)
            if action == "relay":
                batch = [orders[index % len(orders)] for index in detail]
                outcome = desk.relay(*batch)
                found = {index: reason for index, _, reason in outcome.skipped}
                for index, order in enumerate(batch):
                    reason = expected.relay(order, time)
                    assert found.get(index) == reason
                    if reason is None:
                        placed.append(order)
                        event("placed")
                    else:
                        event(reason.name)
            elif action == "place":
                curve = curve_of(product, detail, 33)
                market.placeCurve(curve.pack(), sender=buyer)
                expected.decide(curve, time)
            elif action == "cancel":
                market.cancelCurves([product.id], sender=buyer)
                if not expected.curve.is_empty:
                    expected.decide(Curve(product), time)
            else:
                market.voidSignedOrders(sender=buyer)
                expected.voided_at = time

        assert len({order.signature for order in placed}) == len(placed)
        steps = {step.limit_tick: step.lots for step in expected.curve.steps}
        for tick in range(50, 59):
            assert market.levelLots(product.id, 0, tick) == steps.get(tick, 0)

        filled = expected.curve.lots(0)
        if filled:
            at(product.gate_at + 600)
            lowest, highest = clearing_interval(filled, steps)
            market.clear(product.id, lowest, highest, sender=relayer)
            market.claim(product.id, [buyer], sender=relayer)
            assert market.curveOf(1, product.id).filledLots == filled
            assert desk.relay(*orders).placed == ()
            assert market.curveOf(1, product.id).filledLots == filled


def clearing_interval(filled, steps):
    """All buys stand above the one sell, which is larger: only its price clears."""
    assert filled < SUPPLY_LOTS
    assert min(steps) > 40
    return 40, 40
