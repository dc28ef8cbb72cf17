"""X-20: contracts that refuse: halted, role revoked, reporter set rotated.

Everywhere: simulated before it is sent, so nothing is paid for what is refused; the keeper says
what is wrong and goes on by itself once it is right again; one transaction a slot at most is lost.

market halted: before deciding | between deciding and sending | in the very block
guardian's role: revoked and granted again
reporter set: rotated between deciding and sending
"""

from __future__ import annotations

import json

import pytest

from energy_grid import eip712
from energy_grid.eip712 import MeterReading
from energy_grid.feeds import (
    GRID_DOMAIN,
    Feed,
    FeedKind,
    Observation,
    SignedObservation,
    standard_config,
)
from energy_grid.ids import Side
from energy_grid.outbox import Outbox, Sender, State
from energy_grid.products import Period, Product
from energy_grid.units import MeterId, UnixSeconds, Wh, Zone
from oracles.engine.acting import ActorOptions
from oracles.engine.decide import Policy as EnginePolicy
from oracles.engine.keepers import MATCHING_KINDS, EngineKeeper
from oracles.engine.service import Engine
from oracles.guardian.detect import Policy as GuardianPolicy
from oracles.guardian.evidence import EvidenceFolder
from oracles.guardian.keepers import GuardianWatch
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Ops
from tests.integration.engine_world import EAST, EngineWorld, tomorrow
from tests.utils.anvil import Anvil
from tests.utils.deploying import test_account
from tests.utils.oracles import reporter_keys

WATCH_ROLE = 10
STOP_TRADING = 3
KEEPER = 6
DEMAND = Feed(FeedKind.DEMAND, Zone(EAST))


@pytest.fixture
def world(tmp_path):
    with Anvil() as anvil:
        world = EngineWorld(anvil, tmp_path)
        world.producer("sun", EAST)
        world.trader("buyer", EAST)
        yield world


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def desk_of(world, name, clock=None):
    account = test_account(KEEPER)
    world.anvil.rpc.call("anvil_setBalance", account.address, hex(10**24))
    outbox = Outbox(world.folder / f"{name}.sqlite")
    sender = Sender(
        outbox,
        world.anvil.rpc,
        account,
        confirmations=0,
        decode_error=lambda data: str(world.contracts.decode_error(data)),
        lock_folder=world.folder,
    )
    options = {} if clock is None else {"clock": clock}
    return Desk(outbox, sender, retry_after_seconds=0.01, **options)


def transactions(world):
    return world.anvil.rpc.nonce(test_account(KEEPER).address)


def cycles(keeper, number=5):
    return [keeper.cycle() for _ in range(number)]


def halt(world, until=None):
    guardian, slot = world.contracts.guardian, tomorrow(world)
    expires = world.now + 3_600 if until is None else until
    world.send(
        world.governor, guardian, "haltZone", EAST, STOP_TRADING, slot - 96, slot + 96, expires
    )


# --- the market is halted -------------------------------------------------------------------------


def matching(world, desk):
    engine = Engine(
        world.contracts, desk.outbox, desk.sender, EnginePolicy(),
        ActorOptions(retry_after_seconds=0.01), kinds=MATCHING_KINDS,
    )  # fmt: skip
    return EngineKeeper("matching", engine, desk)


def cross(world):
    product = Product.continuous(EAST, Period.QUARTER_HOUR, tomorrow(world))
    world.order("buyer", product, Side.BUY, 20, 200)
    world.order("sun", product, Side.SELL, 20, 200)


def test_halted__before_deciding__nothing_is_sent_until_it_ends(world):
    cross(world)
    halt(world)
    with desk_of(world, "matching") as desk:
        keeper = matching(world, desk)
        assert all(report.is_idle for report in cycles(keeper))
        assert (transactions(world), desk.outbox.count()) == (0, 0)

        world.send(world.governor, world.contracts.energy_trading, "liftHalt", EAST)
        cycles(keeper)
    assert len(world.events("OrdersMatched")) == 1
    assert transactions(world) == 1


@pytest.mark.faults_long
def test_halted__between_deciding_and_sending__one_without_effect_and_no_more(world):
    cross(world)
    with desk_of(world, "matching") as desk:
        keeper = matching(world, desk)
        assert keeper.plan().planned == {"match": 1}
        halt(world)
        cycles(keeper)
        # A batch passes over pairs that cannot trade, so it does not fail.
        assert (transactions(world), len(world.events("OrdersMatched"))) == (1, 0)
        cycles(keeper)
        assert transactions(world) == 1

        world.send(world.governor, world.contracts.energy_trading, "liftHalt", EAST)
        cycles(keeper)
    assert len(world.events("OrdersMatched")) == 1
    assert transactions(world) == 2


@pytest.mark.faults_long
def test_halted__in_the_very_block__one_transaction_a_slot_at_most(world):
    market, rpc, clock = world.contracts.energy_trading, world.anvil.rpc, Clock()
    product = Product.continuous(EAST, Period.QUARTER_HOUR, tomorrow(world))
    buy = world.order("buyer", product, Side.BUY, 20, 200)
    sell = world.order("sun", product, Side.SELL, 20, 200)
    with desk_of(world, "matching", clock) as desk:
        desk.plan("match:1", market, "matchOrders", buy, sell)
        rpc.call("evm_setAutomine", False)
        desk.work()
        # The halt offers more, so it comes first in the block.
        slot = tomorrow(world)
        guardian = world.contracts.guardian
        data = guardian.encode(
            "haltZone", EAST, STOP_TRADING, slot - 96, slot + 96, world.now + 3_600
        )
        rpc.call(
            "eth_sendTransaction",
            {"from": world.governor, "to": guardian.address, "data": "0x" + data.hex(),
             "gas": hex(1_000_000), "maxFeePerGas": hex(10**12),
             "maxPriorityFeePerGas": hex(10**12)},
        )  # fmt: skip
        rpc.call("evm_mine")
        rpc.call("evm_setAutomine", True)
        desk.work()
        (row,) = desk.outbox.rows(State.FAILED)
        assert row.nonce == 0

        # Whatever decides it again and again: no second one in this slot.
        for seconds in range(0, 900, 10):
            clock.now = row.updated_at + seconds
            assert not desk.plan("match:1", market, "matchOrders", buy, sell)
            desk.work()
        assert transactions(world) == 1
        # After it the simulation refuses, which costs nothing.
        clock.now = row.updated_at + 900
        assert desk.plan("match:1", market, "matchOrders", buy, sell)
        desk.work()
        assert transactions(world) == 1


# --- the role is revoked --------------------------------------------------------------------------


def equivocate(world, slot):
    """The producer's meter signs two readings for one time."""
    meter = world.contracts.smart_meter
    domain = eip712.domain(world.contracts.deployment.chain_id, meter.address)
    (registered,) = meter.events("MeterRegistered")
    for export_wh in (100, 200):
        at = UnixSeconds((slot + 1) * 900)
        reading = MeterReading(MeterId(registered.meterId), 1, at, Wh(0), Wh(export_wh))
        signature = eip712.sign(reading, domain, bytes(world.people["meter of sun"].key))
        world.send(world.governor, meter, "submitSignedReading", reading.as_tuple(), signature)


def grant(world, has_role):
    access, address = world.contracts.access_manager, test_account(KEEPER).address
    if has_role:
        world.send(world.governor, access, "grantRole", WATCH_ROLE, address, 0)
    else:
        world.send(world.governor, access, "revokeRole", WATCH_ROLE, address)


def halted_scope(world):
    return world.contracts.energy_trading.call("haltOf", EAST).scope


def guardian(world, desk, ops, **policy):
    evidence = EvidenceFolder(world.folder / "evidence")
    return GuardianWatch(
        world.contracts, desk, ops, evidence, GuardianPolicy(**{"quarantines": 1, **policy})
    )


def test_guardian__role_revoked__says_so_sends_nothing_and_goes_on_when_granted(world):
    grant(world, has_role=True)
    grant(world, has_role=False)
    slot = world.now // 900 + 1
    world.travel_to((slot + 1) * 900 + 5)
    ops = Ops.of("guardian")
    with desk_of(world, "guardian") as desk:
        watch = guardian(world, desk, ops)
        assert all(report.is_idle for report in cycles(watch))

        equivocate(world, slot)
        cycles(watch)
        assert transactions(world) == 0
        (part,) = [one for one in ops.health.components() if one.name == "measures"]
        assert not part.good
        assert "AccessManagedUnauthorized" in part.detail
        assert ops.metrics.value("eg_alarms_count", cause="meters_equivocate") == 1

        grant(world, has_role=True)
        cycles(watch)
        assert halted_scope(world) == STOP_TRADING
        cycles(watch)
        assert transactions(world) == 1
        (part,) = [one for one in ops.health.components() if one.name == "measures"]
        assert part.good

    files = sorted(path.name for path in (world.folder / "evidence").iterdir())
    assert len(files) == 2
    content = json.loads((world.folder / "evidence" / files[1]).read_text())
    assert content["cause"] == "meters_equivocate"
    assert content["measure"]["function"] == "haltZone"


@pytest.mark.faults_long
def test_guardian__without_a_key__tells_and_does_nothing(world):
    slot = world.now // 900 + 1
    world.travel_to((slot + 1) * 900 + 5)
    equivocate(world, slot)
    ops = Ops.of("guardian")
    with Desk(Outbox(world.folder / "dry.sqlite"), None) as desk:
        cycles(guardian(world, desk, ops))
        assert desk.outbox.count() == 0
    assert halted_scope(world) == 0
    assert ops.metrics.value("eg_alarms_total", cause="meters_equivocate") == 1


@pytest.mark.faults_long
def test_guardian__order_spam__placing_stops_for_those_slots_alone(world):
    grant(world, has_role=True)
    slot = tomorrow(world)
    product = Product.continuous(EAST, Period.QUARTER_HOUR, slot)
    with desk_of(world, "guardian") as desk:
        watch = guardian(world, desk, Ops.of("guardian"), orders=3)
        for _ in range(3):
            world.order("buyer", product, Side.BUY, 20, 200)
        assert all(report.is_idle for report in cycles(watch))
        world.order("buyer", product, Side.BUY, 20, 200)
        cycles(watch)
    found = world.contracts.energy_trading.call("haltOf", EAST)
    assert (found.scope, found.fromSlot, found.toSlot) == (1, slot, slot + 1)
    assert transactions(world) == 1


# --- the reporter set is rotated ------------------------------------------------------------------


def report(world, oracle, keys, values):
    """A report of the round that runs now, signed for the set in force."""
    config = standard_config(DEMAND)
    number = config.round_at(world.now)
    domain = eip712.domain(world.contracts.deployment.chain_id, oracle.address, GRID_DOMAIN)
    signed = [
        SignedObservation.sign(
            Observation(
                feed=DEMAND,
                round=number,
                interval_start=config.interval_start(DEMAND, number),
                interval_seconds=config.interval_seconds,
                reporter_set=int(oracle.call("reporterSet")),
                value=value,
            ),
            domain,
            key,
        ).as_tuple()
        for (_, key), value in zip(keys, values, strict=False)
    ]
    return DEMAND.id, number, signed


def test_reporter_set__rotated_between_deciding_and_sending__refused_for_nothing(world):
    oracle = world.contracts["GridOracle"]
    keys = reporter_keys(5)
    addresses = [address for address, _ in keys]
    world.send(world.governor, oracle, "setReporters", addresses[:4])
    if DEMAND.id not in oracle.call("feedIds"):
        config = standard_config(DEMAND)
        no_shadow = (0, 0, "0x" + "00" * 20, 0)
        world.send(world.governor, oracle, "addFeed", DEMAND.id, config.as_tuple(), no_shadow)
    with desk_of(world, "collector") as desk:
        old = report(world, oracle, keys[:3], (5_000, 5_010, 5_020))
        key = f"report:{oracle.address}:{DEMAND.id}:{old[1]}"
        desk.plan(key, oracle, "submitReport", old)
        world.send(world.governor, oracle, "setReporters", addresses)

        for _ in range(5):
            desk.plan(key, oracle, "submitReport", old)
            desk.work()
        assert transactions(world) == 0
        assert desk.refusal(key)

        # Signed for the new set, the round is taken, once.
        new = report(world, oracle, keys, (5_000, 5_010, 5_020))
        desk.plan(f"{key}:set2", oracle, "submitReport", new)
        desk.work()
        desk.work()
        assert transactions(world) == 1
    assert oracle.call("read", DEMAND.id)[0] == 5_010
