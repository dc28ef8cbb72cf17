"""Exits in every state of the grid, with the real market and the real settlement (I-28)

Anna sold Ben a quarter hour over the book and another in an auction. Then the grid leaves its
limits. In each state: a resting order is cancelled, free money withdrawn, the auction's fills are
claimed, the delivered slots settled, certificates claimed. New orders are refused as the market
rules say. At the end every unit is in a ledger.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from energy_grid.artifacts import Artifacts
from energy_grid.curves import Curve, Step
from energy_grid.grid.limits import GridState
from energy_grid.ids import Side
from energy_grid.products import Period, Product, Session
from energy_grid.units import Slot, Zone
from tests.unit.grid_management.stage import (
    ALERT_MILLIHZ,
    ANYBODY,
    BLACKOUT_MILLIHZ,
    EMERGENCY_MILLIHZ,
    GOVERNOR,
    START,
    ZONE,
    GridStage,
    address,
)
from tests.utils.auction_market import LOT_WH, MONDAY, TICK_SIZE, AuctionMarket
from tests.utils.revm import Refused, Revm
from tests.utils.settlement import deploy_settlement

N, A, E, B, R = GridState
OPERATOR, TREASURY, ANNA, BEN = (address(0xE0 + number) for number in range(4))
COIN: Final = 1_000_000
RETAIL, FEED_IN = 320_000, 80_000
SECURITY, BOND = 20 * COIN, 60 * COIN
MINTER_ROLE: Final = 3
MEASURED: Final = 1
FREQUENCY: Final = {N: 50_000, A: ALERT_MILLIHZ, E: EMERGENCY_MILLIHZ, B: BLACKOUT_MILLIHZ}
FIRST: Final = START // 900
"""Slot that runs at the beginning."""


class SettledMarket(AuctionMarket):
    """The real market over the real settlement; energies are written down by the test."""

    def __init__(self) -> None:
        self.chain = Revm(Artifacts.load(), GOVERNOR)
        self.chain.at((MONDAY - 96 * 14) * 900)
        deploy = self.chain.deploy
        self.authority = deploy("GridAccessManager", GOVERNOR)
        self.token = deploy("MockSettlementToken")
        self.energy = deploy("EnergyToken", self.authority.address)
        self.meter = deploy("MockMeterEnergy")
        self.settlement = deploy_settlement(
            self.chain,
            self.authority.address,
            self.token.address,
            self.energy.address,
            self.meter.address,
            self.chain.address_of_next(5),
            TREASURY,
            (SECURITY, BOND, (100_000, 900_000, 0, 500_000)),
        )
        units = (self.authority.address, self.settlement.address, TICK_SIZE, LOT_WH)
        rooms = [deploy(name, *units).address for name in ("MarketRegister", "AuctionRoom")]
        self.market = deploy("EnergyTrading", *units, *rooms, interface="IMarket")
        assert self.settlement.ask("market") == self.market.address
        mint = self.energy.abi.encode("mint", ANNA, 0)[:4]
        self.authority.send(
            GOVERNOR, "setTargetFunctionRole", self.energy.address, [mint], MINTER_ROLE
        )
        self.authority.send(GOVERNOR, "grantRole", MINTER_ROLE, self.settlement.address, 0)
        self.set_terms(ZONE)
        self._people()

    def _people(self) -> None:
        settlement = self.settlement
        settlement.send(GOVERNOR, "appointOperator", ZONE, OPERATOR)
        self._fund(OPERATOR, 200 * COIN)
        settlement.send(OPERATOR, "postBond", BOND)
        first_tariff = self.chain.now // 900 + 1
        settlement.send(OPERATOR, "setTariff", ZONE, first_tariff, RETAIL, FEED_IN)
        for number, member in enumerate((ANNA, BEN), 7):
            self.meter.send(GOVERNOR, "setConnection", member, (number, ZONE, 10_000, FIRST))
            settlement.send(ANYBODY, "enrol", member)
            self._fund(member, 100 * COIN + SECURITY)
            settlement.send(member, "postSecurity", SECURITY)

    def _fund(self, account: str, amount: int) -> None:
        self.token.send(account, "mint", account, amount)
        self.token.send(account, "approve", self.settlement.address, amount)
        self.settlement.send(account, "deposit", amount)

    def account(self, account: str) -> Any:
        """`AccountState` of an account."""
        return self.settlement.ask("accountState", account)

    def order(self, account: str, side: Side, slot: int, lots: int = 1_000) -> int:
        """Place an order of the book at 150,000; its id."""
        product = Product(Zone(ZONE), Period.QUARTER_HOUR, Session.CONTINUOUS, Slot(slot))
        quote = self.market.ask("packQuote", product.id, side, lots, 150_000, slot * 900 - 400)
        order_id: int = self.market.send(account, "placeOrder", quote)
        return order_id


@pytest.fixture(scope="module")
def settled() -> GridStage:
    return GridStage(SettledMarket())


def accounts_in_all(market: SettledMarket) -> int:
    """Every unit that a ledger holds."""
    total = market.settlement.ask("zoneState", ZONE).bond + market.settlement.ask("clearing")
    for one in (OPERATOR, TREASURY, ANNA, BEN):
        state = market.account(one)
        total += state.free + state.locked + state.security
    return int(total)


def bring_about(stage: GridStage, state: GridState) -> None:
    """Let the grid come into a state."""
    stage.round(FREQUENCY.get(state, BLACKOUT_MILLIHZ))
    if state is R:
        stage.calm(3)
    assert stage.state() is state


@pytest.mark.parametrize("state", GridState)
def test_exits__every_state__open_and_exact(settled: GridStage, state: GridState) -> None:
    stage, market = settled, settled.market
    assert isinstance(market, SettledMarket)
    snapshot = stage.chain.snapshot()
    values = stage.values
    try:
        live_through(stage, market, state)
    finally:
        stage.chain.revert(snapshot)
        stage.chain.at(START)
        stage.values = values


def live_through(stage: GridStage, market: SettledMarket, state: GridState) -> None:
    """Trade, then exit in a state."""
    booked, auctioned, later = FIRST + 3, FIRST + 4, FIRST + 12
    sell = market.order(ANNA, Side.SELL, booked)
    buy = market.order(BEN, Side.BUY, booked)
    market.market.send(ANYBODY, "matchOrders", buy, sell)
    resting = market.order(BEN, Side.BUY, later)
    auction = Product(Zone(ZONE), Period.QUARTER_HOUR, Session.AUCTION, Slot(auctioned))
    for member, side in ((ANNA, Side.SELL), (BEN, Side.BUY)):
        step = Step(side, 150, 500)
        market.market.send(member, "placeCurve", curve_of(auction, step))
    stage.chain.at(auction.gate_at + 600)  # nobody cleared the zones together
    market.market.send(ANYBODY, "clear", auction.id, 150, 150)

    bring_about(stage, state)

    # New orders as the market rules say.
    for slot, is_refused in (
        (stage.slot + 3, state in (E, B, R)),
        (stage.slot + 20, far(stage, state)),
    ):
        assert refuses(stage, market, slot) is is_refused

    # Exits: cancelling, claiming, withdrawing.
    before = market.account(BEN)
    market.market.send(BEN, "cancelOrder", resting)
    assert market.account(BEN).locked < before.locked
    assert market.market.send(ANYBODY, "claim", auction.id, [ANNA, BEN]) == 2
    free = market.account(BEN).free
    held = market.token.ask("balanceOf", BEN)
    market.settlement.send(BEN, "withdraw", free)
    assert market.token.ask("balanceOf", BEN) == held + free

    # Delivery, settlement and certificates, with the grid still in that state.
    for slot, sold in ((booked, 1_000), (auctioned, 500)):
        for member, energy in ((ANNA, (0, sold, sold, MEASURED)), (BEN, (sold, 0, 0, MEASURED))):
            market.meter.send(GOVERNOR, "setEnergies", member, slot, [energy])
    for member in (ANNA, BEN):
        idle = [(0, 0, 0, MEASURED)] * (booked - FIRST)
        market.meter.send(GOVERNOR, "setEnergies", member, FIRST, idle)
    while stage.slot <= auctioned:
        if state is R:
            stage.round(49_510, seconds=300)  # within the hysteresis of a blackout
        else:
            stage.round(FREQUENCY[state], seconds=300)
    assert stage.state() is state
    for member in (ANNA, BEN):
        assert market.settlement.send(ANYBODY, "settle", member, auctioned + 1) == auctioned + 1
        assert market.account(member).locked == 0
    proceeds = 1_500 * 150_000 // 1_000
    assert market.account(ANNA).free == 100 * COIN + proceeds
    for slot in (booked, auctioned):
        market.settlement.send(ANYBODY, "claimCertificates", [ANNA, BEN], slot)
    assert market.energy.ask("totalSupply") == 0  # all of it was used and retired
    free = market.account(ANNA).free
    market.settlement.send(ANNA, "withdraw", free)
    assert accounts_in_all(market) == market.token.ask("balanceOf", market.settlement.address)


def far(stage: GridStage, state: GridState) -> bool:
    """Whether slots far ahead are halted: in a blackout, and until its halt runs out."""
    return state is B or (state is R and stage.halt()[2] > stage.slot + 20)


def refuses(stage: GridStage, market: SettledMarket, slot: int) -> bool:
    """Whether an order is refused because of a halt."""
    snapshot = stage.chain.snapshot()
    try:
        market.order(BEN, Side.BUY, slot, lots=100)
    except Refused as refusal:
        assert refusal.name == "TradingHalted"
        return True
    finally:
        stage.chain.revert(snapshot)
    return False


def curve_of(product: Product, step: Step) -> int:
    """A curve of one step."""
    return Curve.of(product, [step]).pack()
