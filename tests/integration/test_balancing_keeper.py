"""The balancing keeper on a chain: from what reporters say to what market and devices are told.

states
├── calm: one update, then none before the heartbeat
├── emergency: in the next block after the round; trading halted; NORMAL after calm rounds
└── market refuses: state changes all the same; pushed again once it does not
flexibility
├── oracle value to dispatched set-point: two blocks; nothing is called twice
├── readings final: settled once, paid as delivered, the books close
├── operator's request: allocated by the keeper; nobody offers: closed when it lapses
└── budget spent: told, not sent
demand response
└── operator's plan: published with the state, devices enrolled, given back when it is stopped
"""

from __future__ import annotations

import pytest

from energy_grid.deployment.roles import Role
from energy_grid.feeds import FeedKind
from oracles.balancing.keepers import BalancingKeeper
from oracles.balancing.scene import GridState
from oracles.runtime.keeper import Ops
from tests.integration.engine_world import EAST
from tests.integration.grid_world import CAP, LOAD, OFFERED_W, OPERATOR, UP, FlexWorld, GridWorld
from tests.utils.anvil import Anvil
from tests.utils.deploying import test_account

KEEPER = 4
EMERGENCY_HERTZ = {FeedKind.FREQUENCY: 49_750}
CALM_HERTZ = {FeedKind.FREQUENCY: 50_000}


@pytest.fixture
def world(tmp_path):
    with Anvil() as anvil:
        yield GridWorld(anvil, tmp_path)


@pytest.fixture
def ops():
    return Ops.of("balancing")


@pytest.fixture
def keeper(world, ops):
    with world.desk("balancing", KEEPER) as desk:
        yield BalancingKeeper(world.contracts, desk, ops)


def rest(keeper, most=12):
    """Cycles until nothing more happens; what was planned, in order."""
    planned = []
    for _ in range(most):
        report = keeper.cycle()
        assert report.problems == ()
        planned += list(report.planned)
        if report.is_idle:
            return planned
    raise AssertionError(f"no rest: {planned}")


def state(world):
    return GridState(world.contracts.grid_management.call("gridState", EAST).state)


def changes(world):
    events = world.contracts.grid_management.events("GridStateChanged")
    return [(event.block_number, GridState(event.to)) for event in events]


def halt(world):
    return world.contracts.energy_trading.call("haltOf", EAST)


def test_states__calm__one_update_and_then_a_heartbeat(world, keeper, ops):
    assert rest(keeper) == []  # nothing was ever reported
    world.report()
    assert rest(keeper) == ["update"]
    world.report()
    assert rest(keeper) == []

    world.travel_to(world.now + 600)
    world.report()

    assert rest(keeper) == ["update"]
    assert changes(world) == []
    assert ops.metrics.value("eg_grid_state_bool", zone="1", state="normal") == 1
    assert ops.metrics.value("eg_grid_state_age_seconds", zone="1") <= 60


def test_states__emergency__halts_in_the_next_block_and_ends_after_calm_rounds(world, keeper, ops):
    world.report()
    rest(keeper)
    seen_in = world.report(EMERGENCY_HERTZ)

    assert rest(keeper) == ["update"]

    assert changes(world) == [(seen_in + 1, GridState.EMERGENCY)]
    slot = world.now // 900
    assert (halt(world).fromSlot, halt(world).toSlot) == (slot + 1, slot + 5)
    assert ops.metrics.value("eg_grid_state_bool", zone="1", state="emergency") == 1
    assert ops.metrics.value("eg_breakers_due_count") == 0

    for _ in range(6):
        world.report(CALM_HERTZ)
        assert rest(keeper) == ["update"]
    assert [to for _, to in changes(world)][1:] == [GridState.ALERT, GridState.NORMAL]
    assert state(world) is GridState.NORMAL


def test_states__market_refuses__state_changes_and_the_halt_is_pushed_when_it_may(
    world, keeper, ops
):
    manager, grid = world.contracts.access_manager, world.contracts.grid_management
    world.send(world.governor, manager, "revokeRole", int(Role.BREAKER), grid.address)
    world.report(EMERGENCY_HERTZ)
    assert "update" in rest(keeper)
    assert state(world) is GridState.EMERGENCY
    assert halt(world).toSlot == 0
    assert ops.metrics.value("eg_breakers_due_count") == 1

    world.send(world.governor, manager, "grantRole", int(Role.BREAKER), grid.address, 0)
    world.travel_to(world.now + 60)

    assert rest(keeper) == ["push"]
    assert halt(world).toSlot > world.now // 900
    assert rest(keeper) == []
    assert ops.metrics.value("eg_breakers_due_count") == 0


# --- Flexibility ----------------------------------------------------------------------------------

LOW_HERTZ = {FeedKind.FREQUENCY: 49_900}


@pytest.fixture
def homes(tmp_path):
    with Anvil() as anvil:
        yield FlexWorld(anvil, tmp_path)


@pytest.fixture
def balancing(homes, ops):
    with homes.desk("balancing", KEEPER) as desk:
        yield BalancingKeeper(homes.contracts, desk, ops)


def flexibility_events(world, name):
    return world.contracts.flexibility.events(name)


def test_flexibility__oracle_value_to_dispatched_set_point__within_two_blocks(homes, balancing):
    rpc, slot = homes.anvil.rpc, homes.today + 44
    homes.travel_to(slot * 900 + 5)
    homes.report()
    rest(balancing)
    rpc.call("evm_setAutomine", False)
    try:
        # Blocks come by hand, one after each cycle, as they come by time elsewhere.
        homes.travel_to(homes.now + 60)
        reports = homes.contracts.grid_oracle.encode("submitReports", homes.lowered(LOW_HERTZ))
        seen_in = homes.mine_with(homes.contracts.grid_oracle, reports)
        for _ in range(4):
            balancing.cycle()
            homes.anvil.mine()
    finally:
        rpc.call("evm_setAutomine", True)

    (dispatched,) = flexibility_events(homes, "Dispatched")
    assert changes(homes) == [(seen_in + 1, GridState.ALERT)]
    assert dispatched.block_number - seen_in == 2
    assert (dispatched.zone, dispatched.direction, dispatched.fromSlot) == (EAST, UP, slot)
    market = homes.contracts.flexibility
    for number in range(1, homes.homes + 1):
        assert market.call("dispatchOf", number, slot).powerW == OFFERED_W
    assert dispatched.acceptedW == OFFERED_W * homes.homes
    assert homes.owed_to_nobody() == 0


def test_flexibility__readings_final__settled_once_and_paid_as_delivered(homes, balancing, ops):
    slot = homes.today + 44
    homes.travel_to(slot * 900 + 5)
    homes.report(LOW_HERTZ)
    planned = rest(balancing)
    assert (planned.count("update"), planned.count("call")) == (1, 1)
    homes.report(CALM_HERTZ)
    assert "settle" not in rest(balancing)
    assert ops.metrics.value("eg_flexibility_requests_count", phase="allocated") == 1

    # Each home draws 1 kW less in both slots: all that was accepted of the second one.
    homes.meter_day({slot: 250, slot + 1: 250})
    assert rest(balancing) == ["settle"]

    settled = flexibility_events(homes, "FlexSettled")
    assert sorted(event.offerId for event in settled) == homes.offers
    price = flexibility_events(homes, "Dispatched")[0].marginalPrice
    for event in settled:
        assert event.penalty == 0
        assert event.deliveredWh == event.acceptedWh
        assert event.payment == event.acceptedWh * price // 1_000
    assert len(flexibility_events(homes, "RequestClosed")) == 1
    assert homes.owed_to_nobody() == 0
    assert rest(balancing) == []
    assert ops.metrics.value("eg_flexibility_requests_count", phase="allocated") == 0


def test_flexibility__operators_requests__allocated_or_closed_when_they_lapse(homes, balancing):
    operator, market = str(test_account(OPERATOR).address), homes.contracts.flexibility
    slot = homes.today + 44
    request = (EAST, UP, 1_500, CAP, slot, slot + 2, 0)
    homes.send(operator, market, "requestFlexibility", *request)
    without_offer = (EAST, UP, 1_500, CAP, slot + 30, slot + 32, 0)
    homes.send(operator, market, "requestFlexibility", *without_offer)

    assert rest(balancing) == ["allocate"]

    (dispatched,) = flexibility_events(homes, "Dispatched")
    assert (dispatched.requestId, dispatched.acceptedW) == (1, 1_500)
    homes.travel_to((slot + 31) * 900)
    assert rest(balancing) == ["close"]
    (closed,) = flexibility_events(homes, "RequestClosed")
    assert closed.requestId == 2
    assert homes.owed_to_nobody() == 0


def test_flexibility__budget_spent__told_and_not_sent(homes, balancing, ops):
    operator, market = str(test_account(OPERATOR).address), homes.contracts.flexibility
    homes.send(operator, market, "withdrawBudget", EAST, market.call("budgetOf", EAST))
    homes.travel_to((homes.today + 44) * 900 + 5)
    homes.report(LOW_HERTZ)

    assert rest(balancing) == ["update"]

    assert ops.metrics.value("eg_flexibility_refused_count") == 1
    assert flexibility_events(homes, "Dispatched") == []


# --- Demand response ------------------------------------------------------------------------------


def test_demand__operators_plan__published_with_the_state_enrolled_and_given_back(homes, balancing):
    operator, demand = str(test_account(OPERATOR).address), homes.contracts.demand_response
    alert, level, slots, value = 1, 0, 4, 2
    plan = (alert, 1 << LOAD, level, slots, value)
    homes.send(operator, demand, "setStatePlan", EAST, plan)
    homes.travel_to((homes.today + 70) * 900 + 5)  # after the windows of the offers
    homes.report(LOW_HERTZ)

    planned = rest(balancing)

    assert planned == ["update", "publish", "enrol"]
    joined = demand.events("ResourceJoined")
    assert [event.resourceId for event in joined] == [1, 2, 3]
    homes.send(homes.governor, homes.contracts.guardian, "stopEvent", 1)
    assert rest(balancing) == ["release"]
    assert [event.meterId for event in demand.events("MeterReleased")] == list(homes.meters)
    assert rest(balancing) == []
