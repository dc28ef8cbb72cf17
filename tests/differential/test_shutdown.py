"""The end of a random market at a random moment (I-44)

Two zones with a line between them, operators rich and poor, members with and without money, meters
that fall silent, products that lie across the end. For each market, from the same moment on:
- two random orders of settling, closing, cancelling, claiming and leaving pay everybody the same
- the sum of what everybody took out is all there was, to the unit, and nothing is left anywhere
- nobody who acts has a role, and nobody can go back
Committed canaries plant faults in what is observed or done and see them noticed.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest
from eth_utils.crypto import keccak

from tests.utils.auction_market import ANYBODY, GOVERNOR
from tests.utils.revm import Refused
from tests.utils.shutdown_market import FIRST, OPERATORS, SLOTS, ZONES, ShutdownMarket

SEEDS = 3
DEEP_SEEDS = 200


def random_market(seed: int) -> tuple[ShutdownMarket, int]:
    """A market that has lived for a while and whose end has begun; its first void slot."""
    dice = random.Random(seed)
    market = ShutdownMarket()
    moment = FIRST * 900 + dice.randrange(-6 * 900, SLOTS * 900)
    market.live(dice, moment)
    market.read(dice, moment // 900 + 1)
    return market, market.wind_down()


def ends(seed: int) -> tuple[ShutdownMarket, Mapping[str, int], Mapping[str, int], int]:
    """The same market ended twice: exits of both orders, and what there was."""
    market, _ = random_market(seed)
    assets = int(market.settlement.ask("trackedTotal"))
    assert assets == market.token.ask("balanceOf", market.settlement.address)
    moment, snapshot = market.chain.now, market.chain.snapshot()
    first = market.end(random.Random(f"{seed} one"))
    market.chain.revert(snapshot)
    market.chain.at(moment)
    second = market.end(random.Random(f"{seed} two"))
    return market, first, second, assets


def check_end(seed: int) -> None:
    """Everything that must hold at the end."""
    market, first, second, assets = ends(seed)

    assert first == second
    assert sum(second.values()) == assets
    settlement = market.settlement
    assert settlement.ask("trackedTotal") == settlement.ask("clearing") == 0
    assert market.token.ask("balanceOf", settlement.address) == 0
    assert settlement.ask("exitStage") == 2
    for who in market.everybody():
        state = market.account(who)
        assert (state.free, state.locked, state.security) == (0, 0, 0)
    for zone in ZONES:
        assert settlement.ask("zoneState", zone).bond == 0
        assert settlement.ask("zoneExit", zone).unpaid == 0


@pytest.mark.parametrize("seed", range(SEEDS))
def test_i44__random_end__all_is_paid_out_in_any_order(seed: int) -> None:
    check_end(seed)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(SEEDS, DEEP_SEEDS))
def test_i44__two_hundred_random_ends__all_is_paid_out_in_any_order(seed: int) -> None:
    check_end(seed)


def test_i44__after_the_trigger__nothing_goes_back() -> None:
    market, slot = random_market(1)

    with pytest.raises(Refused):
        market.shutdown.send(GOVERNOR, "trigger")
    assert market.settlement.ask("windDownSlot") == slot
    for zone in ZONES:
        assert market.market.ask("closedFrom", zone) == slot
        with pytest.raises(Refused) as lifted:
            market.market.send(GOVERNOR, "liftHalt", zone)
        assert lifted.value.name == "ZoneClosed"
        market.market.send(GOVERNOR, "haltZone", zone, 1, 1, 2, market.chain.now + 60)
        assert market.market.ask("closedFrom", zone) == slot
    for function, arguments in (
        ("enrol", (ANYBODY,)),
        ("joinAsTrader", (ZONES[0],)),
        ("syncMeter", (market.people[0].address,)),
        ("appointOperator", (9, ANYBODY)),
    ):
        with pytest.raises(Refused) as refused:
            market.settlement.send(GOVERNOR, function, *arguments)
        assert refused.value.name == "WindingDown"


def test_i44__operator__leaves_last() -> None:
    market, _ = random_market(2)
    operator = OPERATORS[ZONES[0]]

    for function, arguments in (("withdrawAll", (operator,)), ("withdrawSecurity", (1,))):
        with pytest.raises(Refused) as early:
            market.settlement.send(operator, function, *arguments)
        assert early.value.name == "ZoneNotFinal"
    for function in ("postBond", "withdrawBond"):
        with pytest.raises(Refused) as early:
            market.settlement.send(operator, function, 1)
        assert early.value.name == "WindingDown"
    with pytest.raises(Refused) as early:
        market.settlement.send(ANYBODY, "finalizeZone", ZONES[0])
    assert early.value.name == "AccountsOpen"


# --- Canaries: faults that must be noticed ---

ACCOUNTS_AT = 2
"""Storage slot of `SettlementStorage._accounts`."""


class Planted(ShutdownMarket):
    """A market whose settlement does one thing wrong, once."""

    after = ""
    """Function after which the fault is planted."""
    free_more, locked_more = 0, 0

    def __init__(self) -> None:
        super().__init__()
        self.planted = 0
        act = self.settlement.send

        def send(sender: str, function: str, *arguments: Any, gas: int | None = None) -> Any:
            answer = act(sender, function, *arguments, gas=gas)
            events = self.settlement.events(WITNESS.get(function, ""))
            if function == self.after and events and not self.planted:
                self.planted += 1
                self.plant(events[0].arguments["account"])
            return answer

        self.settlement.send = send  # type: ignore[method-assign]

    def plant(self, account: str) -> None:
        """Change what an account has."""
        key = bytes(12) + bytes.fromhex(account[2:]) + ACCOUNTS_AT.to_bytes(32)
        at = int.from_bytes(keccak(key))
        word = self.settlement.ask("accountWord", account)
        evm = self.chain._evm
        if evm.storage(self.settlement.address, at) != word:
            raise LookupError("accounts lie elsewhere")
        word += (self.free_more << 176) + (self.locked_more << 96)
        evm.insert_account_storage(self.settlement.address, at, word)


WITNESS = {"closeAccounts": "AccountClosed", "payExits": "ExitPaid"}


class LockKept(Planted):
    after, free_more, locked_more = "closeAccounts", -1, 1


class RoundedUp(Planted):
    after, free_more = "payExits", 1


class PaidTwice(Planted):
    after, free_more = "payExits", 1_000


@pytest.mark.deep
@pytest.mark.parametrize("fault", [LockKept, RoundedUp, PaidTwice])
def test_canary__fault_in_the_end__is_noticed(
    fault: type[Planted], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Planted] = []

    def make() -> Planted:
        made.append(fault())
        return made[-1]

    monkeypatch.setattr("tests.differential.test_shutdown.ShutdownMarket", make)
    with pytest.raises((AssertionError, Refused)):
        for seed in range(12):
            check_end(seed)
    assert made[-1].planted, "noticed something else"
