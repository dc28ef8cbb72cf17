"""Actions on their way into the outbox: each once, and again only when it had no effect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from energy_grid import signed_orders
from energy_grid.abi import Abi
from energy_grid.contracts import Contract
from energy_grid.curves import Curve, MarketUnits, Step
from energy_grid.outbox import Attempt, Outbox, State
from energy_grid.products import Period, Product
from energy_grid.signed_orders import SignedOrder
from oracles.engine import actions
from oracles.engine.acting import Actor, ActorOptions
from oracles.engine.inbox import Inbox, OrderState

MARKET = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
HOUR = Product.auction(1, Period.HOUR, 1_920_000)
NOW = HOUR.gate_at - 3_600
SKIPPED_TOPIC_TYPES = [("index", "uint256", True), ("signer", "address", True)]


def entry(name, inputs, kind="function"):
    return {
        "type": kind,
        "name": name,
        "stateMutability": "nonpayable",
        "inputs": [
            {"name": n, "type": t, "internalType": t, "indexed": indexed}
            for n, t, indexed in inputs
        ],
        "outputs": [],
    }


ABI = Abi(
    "EnergyTrading",
    [
        entry("clear", [("product", "uint56", False), ("low", "uint256", False),
                        ("high", "uint256", False)]),
        entry("placeSigned", [("orders", "bytes", False)]),
        entry("SignedOrderSkipped", [*SKIPPED_TOPIC_TYPES, ("reason", "uint8", False)], "event"),
    ],
)  # fmt: skip


@dataclass
class Node:
    """Answers for receipts."""

    receipts: dict[str, Any] = field(default_factory=dict)

    def receipt(self, transaction_hash):
        return self.receipts.get(transaction_hash)


@dataclass
class World:
    outbox: Outbox
    inbox: Inbox
    node: Node
    actor: Actor
    clock: list[float]


@pytest.fixture
def world(tmp_path):
    outbox = Outbox(tmp_path / "engine.sqlite")
    units, domain = MarketUnits(), signed_orders.domain(31337, MARKET)
    inbox, node = Inbox(outbox, units, domain), Node()
    market = Contract("EnergyTrading", MARKET, ABI, node)  # type: ignore[arg-type]
    import time

    clock = [time.time()]
    actor = Actor(
        market, outbox, inbox, node, ActorOptions(retry_after_seconds=10),  # type: ignore[arg-type]
        clock=lambda: clock[0],
    )  # fmt: skip
    yield World(outbox, inbox, node, actor, clock)
    outbox.close()


CLEAR = actions.clear(HOUR, HOUR.gate_at, 4, 9)


def finish(world, key, state):
    """Bring a row to the end the sender would have brought it to."""
    row = world.outbox.get(key)
    if state is State.FAILED:
        world.outbox.record_refused(row, "refused", b"")
        return
    row = world.outbox.reserve(row, world.outbox.count(State.MINED, State.FINAL))
    attempt = Attempt(f"0x{key}", b"", 0, 0, 0.0, None)
    world.outbox.record_signed(row, attempt)
    world.outbox.record_mined(row, attempt.transaction_hash, 1, 21_000)


def keys(world):
    return [row.business_key for row in world.outbox.rows()]


def test_act__planned_once_with_the_call(world):
    assert world.actor.act(CLEAR)
    assert not world.actor.act(CLEAR)

    (row,) = world.outbox.rows()
    assert row.to == MARKET
    assert row.data == ABI.encode("clear", HOUR.id, 4, 9)
    assert world.actor.under_way() == {CLEAR.topic}


@pytest.mark.parametrize("state", [State.MINED, State.FAILED])
def test_act__decided_again_without_effect__new_attempts_further_and_further_apart(world, state):
    world.actor.act(CLEAR)
    finish(world, CLEAR.business_key, state)

    assert world.actor.under_way() == frozenset()
    assert not world.actor.act(CLEAR)
    world.clock[0] += 11
    assert world.actor.act(CLEAR)
    assert keys(world) == [CLEAR.business_key, f"{CLEAR.business_key}#2"]
    finish(world, f"{CLEAR.business_key}#2", state)
    assert not world.actor.act(CLEAR)
    world.clock[0] += 11
    assert world.actor.act(CLEAR)
    assert len(keys(world)) == 3


def test_under_way__rows_of_somebody_else_in_the_same_outbox__ignored(world):
    world.outbox.enqueue("settle/1", MARKET, b"")

    assert world.actor.under_way() == frozenset()


# --- signed orders --------------------------------------------------------------------------------


def submitted(world, seed):
    order = SignedOrder.sign(
        Curve(HOUR, (Step.buy(100, 10),)),
        NOW,
        units=MarketUnits(),
        domain_separator=signed_orders.domain(31337, MARKET),
        private_key=bytes([seed]) * 32,
    )
    return world.inbox.submit(order, NOW)


def states(world, *orders):
    return [found[0] for found in world.inbox.states([one.key for one in orders])]


def skipped_log(index, reason):
    topics = [ABI.event_topic("SignedOrderSkipped"), f"0x{index:064x}", "0x" + "00" * 32]
    return {
        "address": MARKET, "topics": topics, "data": f"0x{reason:064x}",
        "blockNumber": "0x1", "transactionHash": "0x00", "logIndex": "0x0",
    }  # fmt: skip


def test_act__relay__orders_leave_the_inbox_with_the_plan(world):
    orders = (submitted(world, 1), submitted(world, 2))

    world.actor.act(actions.relay(orders))

    assert world.inbox.waiting() == []
    assert states(world, *orders) == [OrderState.RELAYED] * 2


def test_act__store_fails_while_planning__orders_still_wait(world, monkeypatch):
    orders = (submitted(world, 1),)
    monkeypatch.setattr(Inbox, "relay", lambda *_: (_ for _ in ()).throw(OSError("disk")))

    with pytest.raises(OSError, match="disk"):
        world.actor.act(actions.relay(orders))

    assert keys(world) == []
    assert world.inbox.waiting() == list(orders)


def test_note_outcomes__mined__placed_but_for_the_skipped(world):
    orders = (submitted(world, 1), submitted(world, 2))
    action = actions.relay(orders)
    world.actor.act(action)
    world.actor.note_outcomes()
    assert states(world, *orders) == [OrderState.RELAYED] * 2

    finish(world, action.business_key, State.MINED)
    world.actor.note_outcomes()  # the receipt is not there yet
    assert states(world, *orders) == [OrderState.RELAYED] * 2
    world.node.receipts[f"0x{action.business_key}"] = {"logs": [skipped_log(1, 15)]}
    world.actor.note_outcomes()

    assert world.inbox.states([orders[0].key, orders[1].key]) == [
        (OrderState.PLACED, None),
        (OrderState.SKIPPED, "15"),
    ]


def test_note_outcomes__batch_refused__orders_wait_again_and_go_later(world):
    orders = (submitted(world, 1),)
    action = actions.relay(orders)
    world.actor.act(action)
    finish(world, action.business_key, State.FAILED)

    world.actor.note_outcomes()

    assert states(world, *orders) == [OrderState.WAITING]
    world.clock[0] += 11
    assert world.actor.act(actions.relay(tuple(world.inbox.waiting())))
    assert states(world, *orders) == [OrderState.RELAYED]
    assert world.inbox.under_way() == [f"{action.business_key}#2"]
