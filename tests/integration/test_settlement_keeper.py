"""Matching and settlement keepers, each alone, on a chain: from an order to certificates.

Story: an hour is traded and matched; the trader is settled at once, the producer when its readings
are there; then the certificates are handed out. Nothing is done twice, whoever repeats it.
"""

from __future__ import annotations

import pytest

from energy_grid import eip712
from energy_grid.eip712 import MeterReading
from energy_grid.ids import Side
from energy_grid.outbox import Outbox, Sender, State
from energy_grid.products import Period, Product
from energy_grid.units import MeterId, UnixSeconds, Wh
from oracles.engine.acting import ActorOptions
from oracles.engine.decide import Policy as EnginePolicy
from oracles.engine.keepers import MATCHING_KINDS, EngineKeeper
from oracles.engine.service import Engine
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Ops
from oracles.settling.keepers import SettlementKeeper
from tests.integration.engine_world import EAST, EngineWorld, tomorrow
from tests.utils.anvil import Anvil
from tests.utils.deploying import test_account

MEASURED, UNMETERED = 1, 0


@pytest.fixture
def world(tmp_path):
    with Anvil() as anvil:
        world = EngineWorld(anvil, tmp_path)
        world.producer("sun", EAST)
        world.trader("buyer", EAST)
        yield world


def desk_of(world, index, name):
    account = test_account(index)
    world.anvil.rpc.call("anvil_setBalance", account.address, hex(10**24))
    outbox = Outbox(world.folder / f"{name}.sqlite")
    sender = Sender(outbox, world.anvil.rpc, account, confirmations=0, lock_folder=world.folder)
    return Desk(outbox, sender, retry_after_seconds=0.1)


def settle(world, keeper):
    """Cycles until nothing is left to do; returns everything planned."""
    planned = []
    for _ in range(20):
        report = keeper.cycle()
        assert report.problems == ()
        assert report.failed == 0
        planned += [report.planned] if report.planned else []
        open_rows = keeper.outbox.count(State.PLANNED, State.SIGNED, State.SENT)
        if not (report.planned or open_rows):
            return planned
    raise AssertionError("no rest")


def read(world, meter_id, slot, import_wh, export_wh, sequence):
    """The producer's device signs its registers at the end of a slot, and somebody brings it."""
    meter = world.contracts.smart_meter
    device = world.people["meter of sun"]
    reading = MeterReading(
        MeterId(meter_id), sequence, UnixSeconds((slot + 1) * 900), Wh(import_wh), Wh(export_wh)
    )
    domain = eip712.domain(world.contracts.deployment.chain_id, meter.address)
    signature = eip712.sign(reading, domain, bytes(device.key))
    world.send(world.governor, meter, "submitSignedReading", reading.as_tuple(), signature)


def settled_until(world, name):
    return world.contracts.settlement.call("accountState", world.address(name)).settledUntil


def test_keepers__a_traded_hour__matched_settled_and_certified(world):
    slot = tomorrow(world)
    product = Product.continuous(EAST, Period.HOUR, slot)
    world.order("buyer", product, Side.BUY, 100, 200)
    world.order("sun", product, Side.SELL, 100, 200)
    with desk_of(world, 6, "matching") as desk:
        options = ActorOptions(retry_after_seconds=0.1)
        engine = Engine(
            world.contracts, desk.outbox, desk.sender, EnginePolicy(), options, kinds=MATCHING_KINDS
        )
        matching = EngineKeeper("matching", engine, desk)
        assert settle(world, matching) == [{"match": 1}]
    assert len(world.events("OrdersMatched")) == 1

    (meter,) = world.contracts.smart_meter.events("MeterRegistered")
    settlement = world.contracts.settlement
    ops = Ops.of("settlement")
    with desk_of(world, 7, "settlement") as desk:
        keeper = SettlementKeeper(world.contracts, desk, ops)

        # Delivery is over: the trader's slots are known, the producer's wait for readings.
        world.travel_to((slot + 4) * 900)
        assert settle(world, keeper) == [{"settle": 1}]
        assert settled_until(world, "buyer") == slot + 4
        assert settled_until(world, "sun") <= slot

        # Readings come: a gap up to the hour, then quarter hours.
        read(world, meter.meterId, slot - 1, 0, 0, 1)
        for number in range(4):
            read(world, meter.meterId, slot + number, 0, 150 * (number + 1), number + 2)
        assert {"settle": 1} in settle(world, keeper)
        assert settled_until(world, "sun") == slot + 4
        assert ops.metrics.value("eg_settlement_lag_slots") == 0

        # All positions of the hour are entered, so the pools are closed and were claimed.
        pool = settlement.call("certificatePool", EAST, slot)
        assert (pool.closed, pool.givenWh, pool.wantedWh) == (True, 100, 100)
        for name in ("buyer", "sun"):
            entry = settlement.call("certificateEntry", world.address(name), slot)
            assert entry.amountWh == 0
        energy = world.contracts.energy_token
        assert energy.call("balanceOf", world.address("buyer")) == 4 * 100
        assert settle(world, keeper) == []
        rows = keeper.outbox.count()

    # Another keeper with a fresh store finds nothing left; the first one's store gains no row.
    with desk_of(world, 8, "other") as desk:
        assert settle(world, SettlementKeeper(world.contracts, desk, Ops.of("other"))) == []
    with desk_of(world, 7, "settlement") as desk:
        again = SettlementKeeper(world.contracts, desk, Ops.of("settlement"))
        assert settle(world, again) == []
        assert again.outbox.count() == rows


def test_settlement_keeper__no_reading_comes__settled_by_default_then_corrected(world):
    slot = tomorrow(world)
    (meter,) = world.contracts.smart_meter.events("MeterRegistered")
    ops = Ops.of("settlement")
    with desk_of(world, 7, "settlement") as desk:
        keeper = SettlementKeeper(world.contracts, desk, ops)
        first = settled_until(world, "sun")
        deadline = world.contracts.smart_meter.call("readingDeadline", first)
        world.travel_to(deadline)
        settle(world, keeper)
        assert settled_until(world, "sun") == first

        world.travel_to(deadline + 1)
        settle(world, keeper)
        assert settled_until(world, "sun") > first
        assert ops.metrics.value("eg_defaulted_slots") > 0

        # The next true reading, at last.
        now = world.now // 900
        read(world, meter.meterId, now - 1, 9_000, 0, 1)
        world.travel_to((now + 12) * 900)
        settle(world, keeper)
        keeper.cycle()
        assert ops.metrics.value("eg_corrections_count", kind="corrected") == 1
    assert slot > 0


def test_settlement_keeper__dry__plans_nothing(world):
    world.travel_to((tomorrow(world) + 4) * 900)
    outbox = Outbox(world.folder / "dry.sqlite")
    with Desk(outbox, None) as desk:
        report = SettlementKeeper(world.contracts, desk, Ops.of("dry")).cycle()
    assert report.planned == {}
    assert settled_until(world, "buyer") < world.now // 900
