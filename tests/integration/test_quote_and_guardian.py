"""Quote keeper and guardian watch on a chain: a quote a slot, and a normal day raises nothing.

quote: too early | once a slot | next slot | far behind | frozen by the guardian
guardian: orders, trades, settlement, quotes of a normal day | a quote that jumps
"""

from __future__ import annotations

import pytest

from energy_grid.curves import Step
from energy_grid.outbox import Outbox, Sender
from oracles.guardian.detect import Policy as GuardianPolicy
from oracles.guardian.detect import detect
from oracles.guardian.evidence import EvidenceFolder
from oracles.guardian.keepers import GuardianWatch
from oracles.guardian.reader import SceneReader
from oracles.quoting.keepers import QuoteKeeper
from oracles.runtime.desk import Desk
from oracles.runtime.keeper import Ops
from tests.integration.engine_world import EAST, EngineWorld, hour, tomorrow
from tests.integration.engine_world import until_idle as until_market_rests
from tests.utils.anvil import Anvil
from tests.utils.deploying import test_account

KEEPER, GUARDIAN = 6, 7
WATCH_ROLE, FEED_ROLE = 10, 4


@pytest.fixture
def world(tmp_path):
    with Anvil() as anvil:
        world = EngineWorld(anvil, tmp_path)
        world.producer("sun", EAST)
        world.trader("buyer", EAST)
        yield world


def desk_of(world, name, index=KEEPER):
    account = test_account(index)
    world.anvil.rpc.call("anvil_setBalance", account.address, hex(10**24))
    outbox = Outbox(world.folder / f"{name}.sqlite")
    sender = Sender(outbox, world.anvil.rpc, account, confirmations=0, lock_folder=world.folder)
    return Desk(outbox, sender, retry_after_seconds=0.01)


def cycles(keeper, number=4):
    planned = {}
    for _ in range(number):
        for kind, count in keeper.cycle().planned.items():
            planned[kind] = planned.get(kind, 0) + count
    return planned


def quotes(world):
    return world.contracts["PriceOracle"].events("ZoneQuoted")


def test_quote__slot_after_slot__each_once(world):
    slot = world.now // 900 + 1
    ops = Ops.of("quote")
    with desk_of(world, "quote") as desk:
        keeper = QuoteKeeper(world.contracts, desk, ops)
        world.travel_to(slot * 900 + 100)
        assert "quote" not in cycles(keeper)
        for number in range(2):
            world.travel_to((slot + number) * 900 + 400)
            assert cycles(keeper) == {"quote": 1}
            assert cycles(keeper) == {}
    assert [(event.zone, event.slot) for event in quotes(world)] == [
        (EAST, slot + 1), (EAST, slot + 2),
    ]  # fmt: skip
    assert ops.metrics.value("eg_quote_age_seconds", zone="1") < 900


def test_quote__nobody_quoted_for_days__auctions_first_then_the_quote(world):
    slot = world.now // 900 + 60
    world.travel_to(slot * 900 + 400)
    with desk_of(world, "quote") as desk:
        planned = cycles(QuoteKeeper(world.contracts, desk, Ops.of("quote")), 8)
    assert planned == {"note": 3, "quote": 1}
    assert len(quotes(world)) == 1


def test_guardian__normal_day__nothing_and_a_jump_freezes_the_quotes_once(world):
    slot = tomorrow(world)
    world.curve("sun", hour(EAST, slot), Step.sell(100, 40))
    world.curve("buyer", hour(EAST, slot), Step.buy(300, 40))
    world.travel_to(hour(EAST, slot).gate_at)
    with world.engine() as engine:
        until_market_rests(engine)
    world.travel_to((slot + 4) * 900 + 400)
    settlement = world.contracts.settlement
    world.send(world.governor, settlement, "settleMany", [world.address("buyer")], slot + 4)
    with desk_of(world, "quote") as desk:
        cycles(QuoteKeeper(world.contracts, desk, Ops.of("quote")), 30)
    policy = GuardianPolicy(feeder_w={1: 100_000, 2: 100_000}, quote_factor=3)
    scene = SceneReader(world.contracts).read()
    assert scene.quotes and scene.zone_flows
    assert detect(scene, policy) == ()

    # The market's price feed leaps: by hand, as one who holds the role could.
    access, market = world.contracts.access_manager, world.contracts.energy_trading
    for role, holder in (
        (WATCH_ROLE, test_account(GUARDIAN).address),
        (FEED_ROLE, world.governor),
    ):
        world.send(world.governor, access, "grantRole", role, holder, 0)
    before = scene.quotes[0].price_per_kwh
    world.travel_to((slot + 5) * 900 + 60)
    world.send(world.governor, market, "quoteSlot", EAST, slot + 6, min(1_000_000, before * 6))
    with desk_of(world, "guardian", GUARDIAN) as desk:
        evidence = EvidenceFolder(world.folder / "evidence")
        watch = GuardianWatch(world.contracts, desk, Ops.of("guardian"), evidence, policy)
        assert cycles(watch) == {"quote_jump": 1}
        assert cycles(watch) == {}
    pricing = world.contracts["PriceOracle"].call("pricingOf", EAST)
    assert pricing.frozenUntil > world.now + 5 * 3_600
    with desk_of(world, "quote") as desk:
        assert "quote" not in cycles(QuoteKeeper(world.contracts, desk, Ops.of("quote")))
