"""Signed orders through the trading engine, and its command line, against the real contracts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from energy_grid.curves import Step
from energy_grid.signed_orders import pack_batch
from oracles.engine.decide import Policy
from oracles.engine.inbox import OrderState
from tests.integration.engine_world import EAST, WEST, EngineWorld, hour, tomorrow, until_idle

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


def test_signed_orders__relayed_before_the_gate_once_and_cleared(world):
    slot = tomorrow(world)
    product = hour(EAST, slot)
    offers = world.signed("sun", product, Step.sell(100, 60))
    bids = world.signed("mill", product.in_zone(WEST), Step.buy(300, 60))
    poor = world.signed("city", product.in_zone(WEST), Step.buy(900, 2**27))

    with world.engine(Policy(relay_wait_seconds=3_600, relay_lead_seconds=120)) as engine:
        taken = [engine.submit(order) for order in (offers, bids, poor, bids)]
        assert until_idle(engine)[-1].waiting_orders == 3
        assert world.events("SignedOrdersPlaced") == []
        world.travel_to(product.gate_at - 120)
        until_idle(engine)
        world.travel_to(product.gate_at)
        until_idle(engine)
        world.travel_to(product.extended_gate_at)
        until_idle(engine)
        found = engine.inbox.states([one.key for one in taken])

    assert [state for state, _ in found] == [
        OrderState.PLACED, OrderState.PLACED, OrderState.EXPIRED, OrderState.PLACED,
    ]  # fmt: skip
    assert result(world, product).soldLots == 60
    assert len(world.events("CurvesClaimed")) == 2, "who signed is claimed for too"


def test_signed_orders__superseded_on_chain__stay_behind(world):
    slot = tomorrow(world)
    product = hour(WEST, slot)
    order = world.signed("mill", product, Step.buy(300, 60))
    world.travel_to(world.now + 10)
    world.curve("mill", product, Step.buy(50, 10))

    with world.engine(Policy(relay_wait_seconds=0)) as engine:
        engine.submit(order)
        until_idle(engine)
        assert engine.inbox.waiting() != []

    assert world.events("SignedOrdersPlaced") == []


def test_commands__check_once_submit__against_the_chain(world):
    environment = {**os.environ, **world.engine_environment()}
    product = hour(WEST, tomorrow(world))
    batch = "0x" + pack_batch([world.signed("mill", product, Step.buy(300, 60))]).hex()

    def engine(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "oracles.engine", *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    checked = engine("check", "--json")
    assert checked.returncode == 0 and '"good": true' in checked.stdout
    assert world.address("mill") in engine("submit", batch, "--json").stdout
    once = engine("once", "--json")
    assert once.returncode == 0 and '"relay": 1' in once.stdout
    engine("once")
    (placed,) = world.events("SignedOrdersPlaced")
    assert len(placed.orders) == 35
