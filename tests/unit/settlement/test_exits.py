"""The end of the market, case by case (`ISettlementExits`)

trigger
├── not the governor: refused          ├── running slot counts, the next is void
close
├── not settled: refused               ├── locks and security become free money
├── owes: pays, the rest stays arrears  ├── is owed: has a claim, with what waited before
├── stretch without its reading: waits 7 days, or is corrected
├── zone without terms: as it is       └── 300 empty accounts: a look each
zones
├── operator can pay: in full, surplus its own
└── operator cannot: floor of the part, remainder its own
afterwards
├── cancelling releases nothing twice   ├── known debts are kept back
└── a successor starts where the predecessor ends
"""

from __future__ import annotations

from typing import Any

import pytest

from energy_grid.ids import Side
from energy_grid.products import Period, Product, Session
from energy_grid.units import Slot, Zone
from tests.utils.auction_market import ANYBODY, GOVERNOR, TERMS, TICK_SIZE
from tests.utils.revm import Contract, Refused
from tests.utils.settlement import deploy_settlement
from tests.utils.shutdown_market import (
    BOND,
    BOUNDS,
    COIN,
    FIRST,
    MEASURED,
    MINTER_ROLE,
    OPERATORS,
    SECURITY,
    TREASURY,
    ZONES,
    ShutdownMarket,
)

ZONE = ZONES[0]
OPERATOR = OPERATORS[ZONE]
ANNA, BEN, TRADER = (f"0x{0xA0_0000 + number:040x}" for number in range(3))
RETAIL, FEED_IN = 400_000, 300_000
RUNNING = FIRST + 4
"""Slot in which governance triggers."""
VOID = RUNNING + 1
DAY = 86_400


class Quiet(ShutdownMarket):
    """Two members and a trader in one zone; nothing happens by itself."""

    def __init__(self, operator_free: int = 40 * COIN) -> None:
        super().__init__()
        self.fund(OPERATOR, BOND + operator_free)
        self.settlement.send(OPERATOR, "postBond", BOND)
        first = self.chain.now // 900 + 1
        self.settlement.send(OPERATOR, "setTariff", ZONE, first, RETAIL, FEED_IN)
        for number, member in enumerate((ANNA, BEN), 1):
            self.meter.send(GOVERNOR, "setConnection", member, (number, ZONE, 40_000, FIRST))
            self.settlement.send(ANYBODY, "enrol", member)
            self.fund(member, SECURITY + COIN)
            self.settlement.send(member, "postSecurity", SECURITY)
        self.settlement.send(TRADER, "joinAsTrader", ZONE)
        self.fund(TRADER, COIN)
        self.chain.at((FIRST - 4) * 900)

    def measured(self, account: str, slot: int, imported: int, exported: int = 0) -> None:
        self.meter.send(
            GOVERNOR, "setEnergies", account, slot, [(imported, exported, exported, MEASURED)]
        )

    def idle(self, *accounts: str) -> None:
        for account in accounts:
            energies = [(0, 0, 0, MEASURED)] * (VOID - FIRST)
            self.meter.send(GOVERNOR, "setEnergies", account, FIRST, energies)

    def order(self, account: str, side: Side, slot: int, tick: int = 150) -> int:
        product = Product(Zone(ZONE), Period.QUARTER_HOUR, Session.CONTINUOUS, Slot(slot))
        quote = self.market.ask(
            "packQuote", product.id, side, 1_000, tick * TICK_SIZE, slot * 900 - 400
        )
        order: int = self.market.send(account, "placeOrder", quote)
        return order

    def trigger(self) -> None:
        self.chain.at(RUNNING * 900)
        assert self.wind_down() == VOID
        self.chain.at(VOID * 900)

    def settle(self, *accounts: str) -> None:
        self.settlement.send(ANYBODY, "settleMany", list(accounts), 2**28 - 1)

    def close(self, *accounts: str) -> None:
        self.settlement.send(ANYBODY, "closeAccounts", list(accounts))


@pytest.fixture
def market() -> Quiet:
    return Quiet()


def refusal(contract: Contract, sender: str, function: str, *arguments: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        contract.send(sender, function, *arguments)
    return caught.value


# --- Trigger ---


def test_trigger__no_role__reverts(market: Quiet) -> None:
    for contract, function, arguments in (
        (market.shutdown, "trigger", ()),
        (market.settlement, "windDown", ()),
        (market.market, "closeZones", ([ZONE], VOID)),
    ):
        assert refusal(contract, ANYBODY, function, *arguments).name == "AccessManagedUnauthorized"


def test_trigger__running_slot__counts_and_the_next_is_void(market: Quiet) -> None:
    market.trigger()
    market.measured(ANNA, RUNNING, 100)
    market.idle(BEN)
    market.meter.send(GOVERNOR, "setEnergies", ANNA, FIRST, [(0, 0, 0, MEASURED)] * 4)
    market.measured(ANNA, VOID, 5_000)
    market.chain.at((VOID + 3) * 900)

    market.settle(ANNA)

    assert market.account(ANNA).settledUntil == VOID
    assert market.settlement.ask("netBalance", ANNA) == -100 * RETAIL // 1_000
    assert market.market.ask("closedFrom", ZONE) == VOID


def test_before_the_trigger__nothing_of_it_works(market: Quiet) -> None:
    for function, arguments in (
        ("closeAccounts", ([ANNA],)),
        ("closeNext", (1,)),
        ("gatherClaims", (ZONE, 1)),
        ("finalizeZone", (ZONE,)),
    ):
        assert refusal(market.settlement, ANYBODY, function, *arguments).name == "StillOpen"
    assert refusal(market.shutdown, ANYBODY, "closeZones", 0, 1).name == "StillOpen"
    assert market.shutdown.ask("stage") == 0


# --- Closing ---


def test_close__not_settled__reverts(market: Quiet) -> None:
    market.trigger()

    error = refusal(market.settlement, ANYBODY, "closeAccounts", [ANNA])

    assert (error.name, error.arguments["openUntil"]) == ("NotClosable", 0)
    assert market.settlement.send(ANYBODY, "closeNext", 10) == 2  # the operators only


def test_close__lock_and_security__become_free_and_a_late_cancel_changes_nothing(
    market: Quiet,
) -> None:
    order = market.order(ANNA, Side.BUY, VOID + 8)
    locked = market.account(ANNA).locked
    assert locked > 0
    market.trigger()
    market.idle(ANNA)
    market.settle(ANNA)

    market.close(ANNA)

    state = market.account(ANNA)
    assert (state.free, state.locked, state.security) == (SECURITY + COIN, 0, 0)
    assert not state.metered
    market.market.send(ANNA, "cancelOrder", order)
    assert not market.settlement.events("LockAdjusted")
    assert market.account(ANNA).free == SECURITY + COIN
    assert market.settlement.send(ANNA, "withdrawAll", ANNA) == SECURITY + COIN
    market.settlement.send(ANYBODY, "closeAccounts", [ANNA])
    assert not market.settlement.events("AccountClosed")


def test_close__owes_more_than_it_has__pays_all_and_the_rest_stays_arrears(market: Quiet) -> None:
    market.trigger()
    market.idle(ANNA)
    market.measured(ANNA, FIRST, 10_000)
    before = market.account(OPERATOR).free
    market.settle(ANNA)
    assert market.account(OPERATOR).free == before
    reserved = refusal(market.settlement, ANNA, "withdraw", 1)
    assert reserved.name == "InsufficientFree"

    market.close(ANNA)

    owed = 10_000 * RETAIL // 1_000
    assert owed > SECURITY + COIN
    state = market.account(ANNA)
    assert (state.free, state.arrears) == (0, owed - SECURITY - COIN)
    assert market.account(OPERATOR).free == before + SECURITY + COIN
    # A late credit still goes to the operator.
    market.fund(ANNA, 7)
    assert market.account(ANNA).free == 0
    assert market.account(OPERATOR).free == before + SECURITY + COIN + 7


def test_close__known_debt__only_that_much_is_kept_back(market: Quiet) -> None:
    market.trigger()
    market.idle(ANNA)
    market.measured(ANNA, FIRST, 1_000)
    market.settle(ANNA)
    owed = 1_000 * RETAIL // 1_000

    assert market.settlement.send(ANNA, "withdrawAll", ANNA) == COIN - owed
    market.close(ANNA)

    assert market.settlement.send(ANNA, "withdrawAll", ANNA) == SECURITY


def test_close__missing_reading__waits_seven_days_then_lapses(market: Quiet) -> None:
    market.trigger()
    market.chain.at(FIRST * 900 + 4 * DAY)
    market.settle(ANNA)  # by default
    assert market.account(ANNA).settledUntil == VOID

    until = (VOID + 672) * 900
    error = refusal(market.settlement, ANYBODY, "closeAccounts", [ANNA])
    assert (error.name, error.arguments["openUntil"]) == ("NotClosable", until)
    market.chain.at(until)
    market.close(ANNA)
    assert market.account(ANNA).free == SECURITY + COIN


def test_close__reading_after_the_end__corrects_the_slots_before_it(market: Quiet) -> None:
    market.trigger()
    market.chain.at(FIRST * 900 + 4 * DAY)
    market.settle(ANNA)
    # 10 slots, half of them void: half of the energy counts.
    market.meter.send(GOVERNOR, "addGap", ANNA, FIRST, FIRST + 10, 2_000, 0)

    market.close(ANNA)

    due = 1_000 * RETAIL // 1_000
    assert market.account(ANNA).free == SECURITY + COIN - due


def test_close_next__empty_accounts__cost_a_look_each(market: Quiet) -> None:
    for number in range(300):
        market.settlement.send(f"0x{0xE0_0000 + number:040x}", "joinAsTrader", ZONE)
    joining = market.chain.gas_used
    market.trigger()
    market.idle(ANNA, BEN)
    market.settle(ANNA, BEN)

    passed = market.settlement.send(ANYBODY, "closeNext", 500)

    assert passed == market.settlement.ask("accountCount")
    assert market.settlement.ask("exitStage") == 2
    assert market.chain.gas_used < 300 * joining


# --- Zones ---


def closed(operator_free: int, fed_in: dict[str, int]) -> Quiet:
    """All accounts closed after members fed in what nobody bought."""
    market = Quiet(operator_free)
    market.trigger()
    market.idle(ANNA, BEN)
    for member, energy in fed_in.items():
        market.measured(member, FIRST, 0, energy)
    market.settle(ANNA, BEN)
    assert market.settlement.send(ANYBODY, "closeNext", 500) == 5
    return market


def test_finalize__operator_can_pay__claims_in_full_and_the_surplus_is_its_own() -> None:
    market = closed(40 * COIN, {ANNA: 1_000, BEN: 3_000})
    claims = 4_000 * FEED_IN // 1_000

    market.settlement.send(ANYBODY, "finalizeZone", ZONE)

    assert market.settlement.send(OPERATOR, "withdrawAll", OPERATOR) == 40 * COIN + BOND - claims
    market.settlement.send(ANYBODY, "payExits", [BEN, OPERATOR, TRADER, ANNA])
    assert market.account(ANNA).free == SECURITY + COIN + 1_000 * FEED_IN // 1_000
    assert market.settlement.ask("zoneState", ZONE).bond == 0
    error = refusal(market.settlement, ANYBODY, "finalizeZone", ZONE)
    assert error.name == "ZoneIsFinal"


def test_finalize__operator_cannot_pay__floor_of_the_part_and_the_remainder_its_own() -> None:
    market = closed(2, {ANNA: 1_000, BEN: 3_001})
    pot, claims = BOND + 2, [1_000 * FEED_IN // 1_000, 3_001 * FEED_IN // 1_000]
    assert sum(claims) > pot

    market.settlement.send(ANYBODY, "finalizeZone", ZONE)
    assert market.account(OPERATOR).free == 0
    for member in (BEN, ANNA):
        market.settlement.send(ANYBODY, "payExits", [member])
        market.settlement.send(ANYBODY, "payExits", [member])  # once only

    shares = [claim * pot // sum(claims) for claim in claims]
    assert [market.account(one).free for one in (ANNA, BEN)] == [
        SECURITY + COIN + share for share in shares
    ]
    assert market.account(OPERATOR).free == pot - sum(shares)


def test_pay_exits__zone_not_counted_up__reverts() -> None:
    market = closed(40 * COIN, {ANNA: 1_000})

    assert refusal(market.settlement, ANYBODY, "payExits", [ANNA]).name == "ZoneNotFinal"


def test_gather__claims_from_before_the_end__share_alike() -> None:
    market = Quiet(0)
    market.idle(ANNA, BEN)
    market.measured(ANNA, FIRST, 0, 4_000)
    market.chain.at((FIRST + 1) * 900)
    market.settle(ANNA)
    waiting = market.settlement.ask("zoneState", ZONE).claims
    assert waiting == 4_000 * FEED_IN // 1_000 - BOND
    market.trigger()
    market.fund(OPERATOR, COIN)  # comes for all, not for the oldest claim
    assert market.settlement.send(ANYBODY, "payClaims", ZONE, 10) == 0
    market.measured(BEN, FIRST, 0, 4_000)
    market.settle(ANNA, BEN)

    assert market.settlement.send(ANYBODY, "closeNext", 500) == 5

    assert market.settlement.ask("zoneState", ZONE).claims == 0
    assert market.settlement.ask("netBalance", ANNA) == waiting
    market.settlement.send(ANYBODY, "finalizeZone", ZONE)
    market.settlement.send(ANYBODY, "payExits", [ANNA, BEN])
    claims = [waiting, 4_000 * FEED_IN // 1_000]
    paid = [market.account(one).free for one in (ANNA, BEN)]
    assert paid[0] == SECURITY + COIN + BOND + claims[0] * COIN // sum(claims)
    assert paid[1] == SECURITY + COIN + claims[1] * COIN // sum(claims)


def test_close__zone_without_terms__as_it_is() -> None:
    market = Quiet()
    operator = f"0x{0x0B_0099:040x}"
    market.settlement.send(GOVERNOR, "appointOperator", 99, operator)
    lonely = f"0x{0xA0_0099:040x}"
    market.meter.send(GOVERNOR, "setConnection", lonely, (9, 99, 40_000, FIRST))
    market.settlement.send(ANYBODY, "enrol", lonely)
    market.fund(lonely, 3 * COIN)
    market.trigger()

    market.close(lonely)

    assert market.settlement.send(lonely, "withdrawAll", lonely) == 3 * COIN


# --- What is fixed together ---


def values(market: Quiet, ahead: int) -> tuple[Any, ...]:
    return (
        market.authority.address,
        market.token.address,
        market.energy.address,
        market.meter.address,
        market.chain.address_of_next(ahead),
        TREASURY,
        (SECURITY, BOND, BOUNDS),
    )


def test_deploy__room_of_another_settlement__reverts(market: Quiet) -> None:
    other = market.chain.deploy("SettlementExits", *values(market, 9), f"0x{0:040x}")
    delivery = market.settlement.ask("delivery")

    with pytest.raises(RuntimeError):
        market.chain.deploy(
            "Settlement", *values(market, 9), f"0x{0:040x}", delivery, other.address
        )


def test_successor__market_goes_on__cannot_exist(market: Quiet) -> None:
    with pytest.raises(RuntimeError):
        deploy_settlement(market.chain, *values(market, 5), predecessor=market.settlement.address)


def test_successor__slot_minted_by_the_predecessor__is_not_minted_again(market: Quiet) -> None:
    market.trigger()
    market.idle(ANNA, BEN)
    market.measured(ANNA, RUNNING, 0, 500)
    market.settle(ANNA, BEN)
    minted = market.energy.ask("balanceOf", ANNA)
    assert minted == 500
    chain = market.chain
    after = deploy_settlement(chain, *values(market, 5), predecessor=market.settlement.address)
    units = (market.authority.address, after.address, TICK_SIZE, 1)
    rooms = [chain.deploy(name, *units).address for name in ("MarketRegister", "AuctionRoom")]
    trading = chain.deploy("EnergyTrading", *units, *rooms, interface="IMarket")
    assert after.ask("market") == trading.address
    market.give_role(MINTER_ROLE, after.address, market.energy, "mint")
    trading.send(GOVERNOR, "setMarketTerms", ZONE, 0, TERMS)
    after.send(GOVERNOR, "appointOperator", ZONE, OPERATOR)

    # Registrations are carried over by anybody; the meter's first slot lies before the end.
    after.send(ANYBODY, "enrol", ANNA)
    assert after.ask("accountState", ANNA).settledUntil == VOID
    market.measured(ANNA, VOID, 0, 300)
    chain.at((VOID + 1) * 900)
    assert after.send(ANYBODY, "settle", ANNA, VOID + 1) == VOID + 1
    market.settle(ANNA)

    assert market.energy.ask("balanceOf", ANNA) == minted + 300
    assert market.account(ANNA).settledUntil == VOID
    # Money moves by its owner.
    market.close(ANNA)
    free = market.settlement.send(ANNA, "withdrawAll", ANNA)
    market.token.send(ANNA, "approve", after.address, free)
    after.send(ANNA, "depositFor", ANNA, free)
    assert after.ask("accountState", ANNA).free == free
