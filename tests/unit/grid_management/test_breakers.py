"""Halts and capacities in the real market: pushBreakers, rateLine, breakerOf, lines (I-28)

branches:
├── NORMAL, ALERT: nothing; EMERGENCY, RESTORATION: slots that start within the hour; BLACKOUT: all
├── a halt is renewed in its last half or when it no longer covers; never while a wider one covers
├── the market refuses → state all the same, event; anyone pushes again; too little gas → refused
└── lines: a share by loading and state, only falling within a state, the smaller of both ends
"""

from __future__ import annotations

from typing import Any

import pytest

from energy_grid.grid.limits import GridState
from energy_grid.grid.transitions import line_cut, wanted_halt
from energy_grid.ids import Side
from energy_grid.products import Period, Product, Session
from energy_grid.units import Slot, Zone
from tests.unit.grid_management.stage import (
    ALERT_MILLIHZ,
    ANYBODY,
    BLACKOUT_MILLIHZ,
    EMERGENCY_MILLIHZ,
    GOVERNOR,
    GUARDIAN,
    LIMITS,
    NEIGHBOUR,
    ZONE,
    GridStage,
    fields,
)
from tests.utils.auction_market import Account
from tests.utils.revm import Refused

N, A, E, B, R = GridState
NEVER = 2**28 - 1
HALT = LIMITS.halt_seconds
BOTH = 3


@pytest.fixture
def trader(stage: GridStage) -> Account:
    return stage.market.enrol()


def quote(stage: GridStage, slot: int, period: Period = Period.QUARTER_HOUR) -> int:
    """A buy of a continuous product that starts at a slot."""
    product = Product(Zone(ZONE), period, Session.CONTINUOUS, Slot(slot))
    amount = 100 * product.slot_count
    expires = stage.chain.now + 3_000
    packed: int = stage.market.market.ask(
        "packQuote", product.id, Side.BUY, amount, 50_000, expires
    )
    return packed


def place(stage: GridStage, trader: Account, slot: int, **product: Any) -> int:
    """Place an order; its id."""
    market = stage.market.market
    order_id: int = market.send(trader.address, "placeOrder", quote(stage, slot, **product))
    return order_id


def refused(stage: GridStage, trader: Account, slot: int, **product: Any) -> bool:
    """Whether the market refuses an order because of a halt."""
    snapshot = stage.chain.snapshot()
    try:
        place(stage, trader, slot, **product)
    except Refused as refusal:
        assert refusal.name == "TradingHalted"
        return True
    finally:
        stage.chain.revert(snapshot)
    return False


@pytest.mark.parametrize(
    ("frequency", "state", "near", "far"),
    [
        (50_000, N, False, False),
        (ALERT_MILLIHZ, A, False, False),
        (EMERGENCY_MILLIHZ, E, True, False),
        (BLACKOUT_MILLIHZ, B, True, True),
    ],
)
def test_states__new_orders__as_the_market_rules_say(
    stage: GridStage, trader: Account, frequency: int, state: GridState, near: bool, far: bool
) -> None:
    kept = place(stage, trader, stage.slot + 2)

    assert stage.round(frequency) is state

    slot = stage.slot
    for ahead in range(1, 9):
        within = ahead * 900 < 3_600 + stage.chain.now % 900
        assert refused(stage, trader, slot + ahead) is (near if within else far), ahead
    assert refused(stage, trader, slot + 96) is far
    hour = -(-(slot + 5) // 4) * 4
    assert refused(stage, trader, hour, period=Period.HOUR) is far
    # Exits are open in every state.
    stage.market.market.send(trader.address, "cancelOrder", kept)
    assert stage.market.balances(trader)[1] == 0


@pytest.mark.parametrize("state", GridState)
def test_wanted_halt__python_and_event__agree(stage: GridStage, state: GridState) -> None:
    stage.round({A: ALERT_MILLIHZ, E: EMERGENCY_MILLIHZ}.get(state, 50_000))
    if state in (B, R):
        stage.round(BLACKOUT_MILLIHZ)
    if state is R:
        stage.calm(3, seconds=HALT)  # the blackout's halt has run out meanwhile
    assert stage.state() is state

    wanted = tuple(stage.grid.ask("breakerOf", ZONE)[0])
    assert (wanted if wanted[0] else None) == wanted_halt(state, stage.chain.now, HALT)


def test_emergency__lasts__halt_is_renewed_and_moves_on(stage: GridStage) -> None:
    stage.round(EMERGENCY_MILLIHZ)
    assert stage.halt() == (BOTH, stage.slot + 1, stage.slot + 5, stage.chain.now + HALT)

    pushes = 0
    for _ in range(120):
        assert stage.round(EMERGENCY_MILLIHZ) is E
        pushes += len(stage.grid.events("HaltPushed"))
        scope, start, end, expiry = stage.halt()
        assert scope == BOTH and start <= stage.slot + 1
        assert end == -(-(stage.chain.now + 3_600) // 900)
        assert stage.chain.now < expiry <= stage.chain.now + HALT
    assert pushes <= 2 * 120 * 60 // 900


def test_emergency__over__halt_runs_out_within_its_life(stage: GridStage, trader: Account) -> None:
    stage.round(EMERGENCY_MILLIHZ)
    assert stage.calm(3) is A
    expiry = stage.halt()[3]
    assert expiry <= stage.chain.now + HALT
    stage.calm(5)
    assert stage.halt()[3] == expiry

    stage.chain.at(expiry)
    assert stage.halt() == (0, 0, 0, 0)
    assert not refused(stage, trader, stage.slot + 2)


def test_blackout__over__its_halt_is_not_kept_alive_by_restoration(
    stage: GridStage, trader: Account
) -> None:
    """The market joins halts: an hour's halt pushed onto a halt of all slots would renew that."""
    stage.round(BLACKOUT_MILLIHZ)
    assert stage.calm(3) is R
    wide = stage.halt()
    assert wide[2] == NEVER
    while stage.chain.now < wide[3] - 60:
        stage.round(49_510)  # holds the blackout
        assert stage.state() is R
        assert stage.halt() == wide

    stage.chain.at(wide[3])
    assert stage.halt() == (0, 0, 0, 0)
    assert stage.grid.send(ANYBODY, "pushBreakers", ZONE) is True
    assert stage.halt()[2] == -(-(stage.chain.now + 3_600) // 900)
    assert refused(stage, trader, stage.slot + 2)
    assert not refused(stage, trader, stage.slot + 96)


def test_guardians_halt__wider__is_left_to_its_own_end(stage: GridStage) -> None:
    expiry = stage.chain.now + 7_200
    stage.market.market.send(GUARDIAN, "haltZone", ZONE, BOTH, stage.slot, stage.slot + 96, expiry)
    before = stage.halt()

    for _ in range(100):
        stage.round(EMERGENCY_MILLIHZ)

    assert stage.halt() == before


def test_market_refuses__state_changes_all_the_same__pushed_by_anybody_later(
    stage: GridStage,
) -> None:
    stage.let_market_refuse()

    assert stage.round(EMERGENCY_MILLIHZ) is E
    event = stage.event("HaltRefused")
    assert fields(event, "zone", "state") == [ZONE, E]
    assert stage.halt() == (0, 0, 0, 0)
    assert stage.grid.ask("breakerOf", ZONE)[1] is True
    assert stage.grid.send(ANYBODY, "pushBreakers", ZONE) is False

    stage.let_market_refuse(False)
    assert stage.grid.send(ANYBODY, "pushBreakers", ZONE) is True
    assert stage.halt()[0] == BOTH
    assert stage.grid.ask("breakerOf", ZONE)[1] is False


def test_update__little_gas__never_a_state_without_its_halt(stage: GridStage) -> None:
    """A caller who is mean with gas gets nothing or both."""
    stage.chain.at(stage.chain.now + 60)
    stage.say(frequency_millihz=EMERGENCY_MILLIHZ)
    outcomes, reasons = set(), set()
    for gas in range(30_000, 700_000, 10_000):
        snapshot = stage.chain.snapshot()
        try:
            stage.grid.send(ANYBODY, "updateGridState", ZONE, gas=gas)
        except Refused as refused:
            reasons.add(refused.name)
        outcomes.add((stage.state(), stage.halt()[0]))
        stage.chain.revert(snapshot)

    assert outcomes == {(N, 0), (E, BOTH)}
    assert reasons == {"", "GasTooLow"}


# --- Lines ---


def test_rate_line__registers_and_gives_the_market_the_rating(stage: GridStage) -> None:
    stage.grid.send(GOVERNOR, "rateLine", ZONE, 0, 600_000, 500_000)

    assert fields(stage.event("LineRated"), "region", "index", "forwardW", "backW") == [
        ZONE,
        0,
        600_000,
        500_000,
    ]
    assert stage.capacities() == (600_000, 500_000)
    assert tuple(stage.grid.ask("lineOf", ZONE, 0)) == (600_000, 500_000, 10_000)
    for zone in (ZONE, NEIGHBOUR):
        assert list(stage.grid.ask("linesOf", zone)) == [ZONE << 8]


def test_rate_line__bad_arguments__are_refused(stage: GridStage) -> None:
    with pytest.raises(Refused, match="RatingInvalid"):
        stage.grid.send(GOVERNOR, "rateLine", ZONE, 0, 2**39, 1)
    with pytest.raises(Refused, match="LineUnknown"):
        stage.grid.send(GOVERNOR, "rateLine", ZONE, 1, 1, 1)
    with pytest.raises(Refused, match="LineNotManaged"):
        stage.grid.send(GOVERNOR, "rateLine", ZONE, 0, 0, 0)


def test_rate_line__zero__ends_it_and_leaves_the_capacity(stage: GridStage) -> None:
    stage.grid.send(GOVERNOR, "rateLine", ZONE, 0, 600_000, 500_000)
    stage.grid.send(GOVERNOR, "rateLine", ZONE, 0, 0, 0)

    assert list(stage.grid.ask("linesOf", ZONE)) == []
    stage.round(BLACKOUT_MILLIHZ)
    assert stage.capacities() == (600_000, 500_000)


def test_lines__loading_rises_and_falls__share_falls_at_once_and_returns_with_the_state(
    stage: GridStage,
) -> None:
    stage.grid.send(GOVERNOR, "rateLine", ZONE, 0, 1_000_000, 900_000)

    stage.round(loading=7_900)
    assert stage.capacities() == (1_000_000, 900_000)
    stage.round(loading=8_900)  # 8,000 / 8,900 = 89.9 %, in steps of 5 %
    assert stage.capacities() == (850_000, 765_000)
    stage.round(loading=10_100)
    assert stage.capacities() == (750_000, 675_000)
    stage.round(loading=8_100)  # still ALERT: nothing is given back
    assert stage.capacities() == (750_000, 675_000)
    assert stage.calm(3, loading=7_000) is N
    assert stage.capacities() == (1_000_000, 900_000)


def test_lines__blackout_and_restoration__nothing_then_half(stage: GridStage) -> None:
    stage.grid.send(GOVERNOR, "rateLine", ZONE, 0, 1_000_000, 900_000)

    stage.round(BLACKOUT_MILLIHZ)
    assert stage.capacities() == (0, 0)
    assert stage.calm(3) is R
    assert stage.capacities() == (500_000, 450_000)
    assert stage.calm(3) is N
    assert stage.capacities() == (1_000_000, 900_000)


def test_lines__two_zones__the_smaller_share_of_both_ends(stage: GridStage) -> None:
    stage.grid.send(GOVERNOR, "rateLine", ZONE, 0, 1_000_000, 1_000_000)

    stage.round(loading=10_000)
    stage.round(loading=16_000, zone=NEIGHBOUR)
    assert stage.capacities() == (500_000, 500_000)
    for _ in range(6):
        stage.round(zone=NEIGHBOUR)
    assert stage.capacities() == (800_000, 800_000)


def test_lines__market_refuses__stays_due_until_pushed(stage: GridStage) -> None:
    stage.grid.send(GOVERNOR, "rateLine", ZONE, 0, 1_000_000, 1_000_000)
    stage.let_market_refuse()

    assert stage.round(loading=10_000) is A
    assert fields(stage.event("LineRefused"), "region", "index") == [ZONE, 0]
    assert stage.grid.send(ANYBODY, "pushBreakers", ZONE) is False
    stage.let_market_refuse(False)
    assert stage.grid.send(ANYBODY, "pushBreakers", ZONE) is True
    assert stage.capacities() == (800_000, 800_000)


@pytest.mark.parametrize("zone", [ZONE, NEIGHBOUR])
def test_rate_line__market_refuses__pushed_later_from_either_end(
    stage: GridStage, zone: int
) -> None:
    stage.let_market_refuse()
    stage.grid.send(GOVERNOR, "rateLine", ZONE, 0, 600_000, 500_000)
    assert fields(stage.event("LineRefused"), "region", "index") == [ZONE, 0]
    stage.let_market_refuse(False)

    assert stage.grid.send(ANYBODY, "pushBreakers", zone) is True

    assert stage.capacities() == (600_000, 500_000)


def test_line_cut__every_state_and_loading__as_in_python(stage: GridStage) -> None:
    harness = stage.chain.deploy("GridHarness")
    cases = [
        (state, loading, old, changed)
        for state in GridState
        for loading in (None, 0, 7_999, 8_000, 8_001, 8_421, 8_422, 10_000, 16_000, 10**9)
        for old in (0, 500, 5_000, 10_000)
        for changed in (False, True)
    ]
    words = [
        state
        | int(loading is not None) << 8
        | int(changed) << 16
        | old << 24
        | 8_000 << 40
        | (loading or 0) << 56
        for state, loading, old, changed in cases
    ]

    cuts = list(harness.ask("lineCuts", words))

    assert cuts == [line_cut(s, 8_000, one, old, has_changed=c) for s, one, old, c in cases]
    assert all(0 <= cut <= 10_000 for cut in cuts)
