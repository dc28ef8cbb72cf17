"""The trading engine against the real contracts: two zones, one line, every kind of work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from energy_grid.curves import Step
from energy_grid.ids import Side
from energy_grid.outbox import Outbox, State
from energy_grid.products import Period, Product
from oracles.engine.decide import Policy
from tests.integration.engine_world import (
    EAST,
    LINE_OWNER,
    WEST,
    EngineWorld,
    hour,
    quarter,
    tomorrow,
    until_idle,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def opened(anvil, tmp_path_factory):
    """Both zones with a producer in the east and two buyers in the west."""
    world = EngineWorld(anvil(), tmp_path_factory.mktemp("engine-world"))
    world.producer("sun", EAST)
    world.trader("mill", WEST)
    world.trader("city", WEST)
    world.trader("east buyer", EAST)
    return world


@pytest.fixture
def world(opened, tmp_path):
    snapshot = opened.anvil.snapshot()
    for name in ("engine.sqlite", "engine.sqlite-wal", "engine.sqlite-shm"):
        (opened.folder / name).unlink(missing_ok=True)
    yield opened
    opened.anvil.revert(snapshot)


def result(world, product):
    return world.view("auctionResult", product.id)


# --- auctions -------------------------------------------------------------------------------------


def test_coupled__hour_and_then_quarter__share_the_line_and_everybody_is_claimed(world):
    slot = tomorrow(world)
    for product, lots in ((hour(EAST, slot), 60), (quarter(EAST, slot), 200)):
        world.curve("sun", product, Step.sell(100, lots))
        world.curve("mill", product.in_zone(WEST), Step.buy(300, lots))

    with world.engine() as engine:
        assert until_idle(engine)[0].planned == {}
        world.travel_to(hour(EAST, slot).gate_at)
        planned = [done.planned for done in until_idle(engine)]
        assert {"clear": 1} in planned and {"claim": 2} in planned
        world.travel_to(quarter(EAST, slot).gate_at)
        until_idle(engine)

    # The hour uses 60 of 100 lots: any price from 100 to 300 would do, so it is the middle.
    assert result(world, hour(EAST, slot)).priceTick == 200
    assert result(world, hour(WEST, slot)).boughtLots == 60
    assert world.view("flowOf", hour(EAST, slot).id, 0) == 60
    # The quarter hour finds 40 lots left, so each zone has its own price.
    assert result(world, quarter(EAST, slot)).priceTick == 100
    assert result(world, quarter(WEST, slot)).priceTick == 300
    assert world.view("flowOf", quarter(EAST, slot).id, 0) == 40
    # Claims freed what the orders did not need.
    assert len(world.events("CurvesClaimed")) == 4
    cap = world.view("marketTerms", EAST, slot).shortPriceCap // 1_000
    assert world.locked("sun") == 4 * 60 * (cap - 200) + 40 * (cap - 100)


def test_coupled_window_missed__zones_are_cleared_one_by_one(world):
    slot = tomorrow(world)
    product = hour(EAST, slot)
    world.curve("sun", product, Step.sell(100, 50))
    world.curve("east buyer", product, Step.buy(150, 20))
    world.curve("mill", product.in_zone(WEST), Step.buy(300, 50))
    world.travel_to(product.gate_at + 600)

    with world.engine() as engine:
        until_idle(engine)

    assert result(world, product).boughtLots == result(world, product).soldLots == 20
    west = result(world, product.in_zone(WEST))
    assert west.cleared and west.boughtLots == 0
    assert world.events("RegionCleared") == []
    assert world.locked("mill") == 0


def test_extension__price_jumps__cleared_when_the_moved_gate_has_passed(world):
    slot = tomorrow(world)
    product = hour(EAST, slot)
    market = world.contracts.energy_trading
    feed = world.contracts.price_oracle.address
    world.send(feed, market, "setReferencePrice", WEST, 100_000)
    world.curve("sun", product, Step.sell(160, 50))
    world.curve("mill", product.in_zone(WEST), Step.buy(160, 50))
    world.travel_to(product.gate_at)

    with world.engine() as engine:
        until_idle(engine)
        assert world.view("gateOf", product.id) == product.gate_at + 300
        assert not result(world, product).cleared
        assert until_idle(engine)[0].planned == {}
        world.travel_to(product.gate_at + 300)
        until_idle(engine)

    assert result(world, product).priceTick == 160
    assert len(world.events("GateExtended")) == 2


def test_rent__after_delivery__goes_to_the_owner_of_the_line(world):
    slot = tomorrow(world)
    product = quarter(EAST, slot)
    world.curve("sun", product, Step.sell(100, 200))
    world.curve("mill", product.in_zone(WEST), Step.buy(300, 200))
    world.travel_to(product.gate_at)
    with world.engine() as engine:
        until_idle(engine)
        world.travel_to(product.ends_at - 1)
        until_idle(engine)
        assert world.events("RentCollected") == []
        world.travel_to(product.ends_at)
        until_idle(engine)
        assert until_idle(engine)[0].planned == {}

    (collected,) = world.events("RentCollected")
    assert collected.owner.lower() == LINE_OWNER.lower()
    assert collected.amount == 100 * (300 - 100)


def test_void__delivery_started__claims_give_everything_back(world):
    slot = tomorrow(world)
    product = quarter(EAST, slot)
    world.curve("mill", product.in_zone(WEST), Step.buy(300, 50))
    world.travel_to(product.starts_at)
    assert world.locked("mill") > 0

    with world.engine() as engine:
        until_idle(engine)

    assert world.locked("mill") == 0
    assert not result(world, product.in_zone(WEST)).cleared


# --- the continuous book --------------------------------------------------------------------------


def continuous(slot, zone=WEST, period=Period.QUARTER_HOUR):
    return Product.continuous(zone, period, slot)


def test_continuous__price_then_time__over_several_transactions(world):
    slot = tomorrow(world)
    product = continuous(slot, EAST)
    first = world.order("east buyer", product, Side.BUY, 30, 200)
    second = world.order("east buyer", product, Side.BUY, 30, 200)
    best = world.order("east buyer", product, Side.BUY, 10, 210)
    world.order("sun", product, Side.SELL, 50, 150)
    policy = Policy(transaction_gas=350_000, base_gas=150_000, match_gas=100_000)

    with world.engine(policy) as engine:
        until_idle(engine)

    matched = world.events("OrdersMatched")
    assert [event.buyOrderId for event in matched] == [best, first, second]
    assert [event.pricePerKWh for event in matched] == [210_000, 200_000, 200_000]
    assert len({event.transaction_hash for event in matched}) == 2
    assert [world.view("orderRecord", order).openLots for order in (first, second)] == [0, 20]


def test_continuous__expired_order_in_the_way__removed_and_the_next_trades(world):
    slot = tomorrow(world)
    product = continuous(slot, EAST)
    expired = world.order("east buyer", product, Side.BUY, 30, 220, expires_at=world.now + 60)
    alive = world.order("east buyer", product, Side.BUY, 30, 200)
    world.travel_to(world.now + 61)
    world.order("sun", product, Side.SELL, 30, 150)

    with world.engine() as engine:
        until_idle(engine)

    assert [event.orderId for event in world.events("ExpiredOrderRemoved")] == [expired]
    assert [event.buyOrderId for event in world.events("OrdersMatched")] == [alive]


# --- a process of its own, killed ----------------------------------------------------------------


def start(world):
    return subprocess.Popen(
        [sys.executable, "-m", "oracles.engine", "run"],
        cwd=ROOT,
        env={**os.environ, **world.engine_environment()},
        stderr=(world.folder / "engine.log").open("ab"),
    )


def wait_for(condition, process, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the engine ended"
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def test_process__killed_again_and_again__everything_once(world):
    slot = tomorrow(world)
    product = hour(EAST, slot)
    world.engine_environment()
    world.curve("sun", product, Step.sell(100, 60))
    world.curve("mill", product.in_zone(WEST), Step.buy(300, 60))
    for offer in range(6):
        spot = continuous(slot + 4 * offer, EAST)
        world.order("sun", spot, Side.SELL, 40, 150)
        for _ in range(2):
            world.order("east buyer", spot, Side.BUY, 20, 150)
    world.travel_to(product.gate_at)
    # Mined only now and then, so that a kill meets planned, signed, sent and mined rows.
    world.anvil.rpc.call("evm_setAutomine", False)
    try:
        for pause in (0.8, 1.1, 1.2, 1.3, 1.4, 1.6):
            process = start(world)
            time.sleep(pause)
            process.send_signal(signal.SIGKILL)
            process.wait()
            world.anvil.mine()
    finally:
        world.anvil.rpc.call("evm_setAutomine", True)
    world.anvil.mine()
    log = world.folder / "engine.log"
    starts_before = log.read_bytes().count(b"engine running")
    process = start(world)
    outbox = Outbox(world.folder / "engine.sqlite")
    try:
        wait_for(
            lambda: (
                len(world.events("OrdersMatched")) == 12
                and len(world.events("CurvesClaimed")) == 2
                and not outbox.count(State.PLANNED, State.SIGNED, State.SENT)
                and log.read_bytes().count(b"engine running") > starts_before
            ),
            process,
        )
    finally:
        process.terminate()
        rows = outbox.rows()
        outbox.close()
    assert process.wait(20) == 0

    assert len(world.events("RegionCleared")) == 1
    matched = world.events("OrdersMatched")
    assert len({(e.buyOrderId, e.sellOrderId) for e in matched}) == len(matched) == 12
    assert {row.state for row in rows} <= {State.MINED, State.FINAL}
    assert all("#" not in row.business_key for row in rows), "nothing was done a second time"
