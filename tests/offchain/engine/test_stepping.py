"""Rounds on command: nothing is answered before all is at rest, nothing is swallowed."""

from __future__ import annotations

import json

import pytest

from energy_grid import signed_orders
from energy_grid.curves import Curve, MarketUnits, Step
from energy_grid.products import Period, Product
from energy_grid.signed_orders import SignedOrder, pack_batch
from oracles.engine.inbox import SignedOrderRefusedError
from oracles.engine.service import Round
from oracles.engine.stepping import NoRestError, RequestError, answers, orders_of, step

PRODUCT = Product.auction(1, Period.HOUR, 1_629_408)
ORDERS = [
    SignedOrder.sign(
        Curve(PRODUCT, (Step.buy(100, lots),)),
        1_000 + lots,
        units=MarketUnits(),
        domain_separator=signed_orders.domain(31_337, "0x" + "11" * 20),
        private_key=bytes([1]) * 32,
    )
    for lots in (10, 20)
]


class _Engine:
    """Plays a list of cycles, then rests."""

    def __init__(self, *cycles, open_transactions=(0,), refuses=()):
        self.cycles = list(cycles)
        self.open_transactions = list(open_transactions)
        self.refuses = refuses
        self.taken = []
        self.cycled = 0

    def submit(self, order):
        if order in self.refuses:
            raise SignedOrderRefusedError("too late")
        self.taken.append(order)

    def cycle(self):
        self.cycled += 1
        return self.cycles.pop(0) if self.cycles else Round(now=7)

    def transactions_open(self):
        left = self.open_transactions
        return left.pop(0) if len(left) > 1 else left[0]


def test_step__one_thing_follows_from_another__answers_when_all_is_in_blocks():
    engine = _Engine(
        Round(now=1, planned={"clear": 2}, sent=2),
        Round(now=3, planned={"claim": 4}, sent=4, mined=2),
        Round(now=5, mined=4),
    )
    answer = step(engine, [])
    assert answer.transactions == 6
    assert answer.planned == {"clear": 2, "claim": 4}
    assert (answer.now, answer.failed, answer.problems) == (5, 0, ())
    assert engine.cycled == 3


def test_step__node_still_mining__waits_for_it():
    engine = _Engine(Round(now=1, planned={"match": 1}, sent=1), open_transactions=(1, 1, 0))
    step(engine, [])
    assert engine.cycled == 4


def test_step__failures_problems_and_refused_orders__are_in_the_answer():
    engine = _Engine(
        Round(now=1, failed=1, planned={"match": 1}),
        Round(now=2, problems=("cannot be solved",)),
        refuses=ORDERS[:1],
    )
    answer = step(engine, ORDERS)
    assert answer.failed == 1
    assert answer.problems == ("cannot be solved",)
    assert len(answer.refused) == 1
    assert "too late" in answer.refused[0]
    assert engine.taken == ORDERS[1:]


def test_step__always_something_left__gives_up():
    engine = _Engine(open_transactions=(3,))
    with pytest.raises(NoRestError, match="3 transactions open"):
        step(engine, [], round_seconds=0.05)


def test_answers__each_line__is_answered_by_a_line_before_the_next_is_read():
    engine = _Engine()
    read = []

    def lines():
        for number in range(2):
            read.append(number)
            yield json.dumps({"signed_orders": pack_batch(ORDERS[number : number + 1]).hex()})

    given = answers(engine, lines())
    assert json.loads(next(given))["transactions"] == 0
    assert read == [0]
    assert engine.taken == ORDERS[:1]
    assert json.loads(next(given))["refused"] == []
    assert engine.taken == ORDERS
    assert next(given, None) is None


def test_orders_of__nothing_to_relay__is_an_empty_request():
    assert orders_of("{}") == []
    assert orders_of('{"signed_orders": "0x"}') == []


@pytest.mark.parametrize(
    "line",
    ["", "hello", "[]", "1", '{"orders": ""}', '{"signed_orders": 5}', '{"signed_orders": "0xzz"}'],
)
def test_orders_of__no_request__is_refused(line):
    with pytest.raises(RequestError, match="no request of a round"):
        orders_of(line)


def test_orders_of__batch_cut_off__is_refused():
    with pytest.raises(RequestError, match="cut off"):
        orders_of(json.dumps({"signed_orders": pack_batch(ORDERS)[:-1].hex()}))
