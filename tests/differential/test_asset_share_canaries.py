"""Planted faults in the rules of shares: the machine of `test_asset_shares.py` must notice each.

Contract and model are compared at every step, so a rule that is bent in the model looks like the
opposite fault in the contract. No canary tells the machine where to look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from energy_grid.shares import Earnings, Revenue, ShareBook
from tests.differential import test_asset_shares as shares
from tests.unit.asset_shares.stage import ShareStage

pytestmark = pytest.mark.deep

move_rightly = ShareBook.move
divide_rightly = ShareBook.divide


@dataclass(frozen=True)
class Canary:
    """One fault: `owner.attribute` behaves like `fault` instead."""

    name: str
    owner: Any
    attribute: str
    fault: Any


def revenue_moves_with_shares(self: ShareBook, sender: str, to: str, shares: int) -> None:
    held = self.balances[sender]
    for earnings in self.earnings.values() if held else ():
        part = Fraction(earnings.claimable(sender) * shares, held)
        earnings.earned[sender] -= part
        earnings.earned[to] += part
    move_rightly(self, sender, to, shares)


def whole_units_a_share(self: ShareBook, kind: Revenue, amount: int) -> None:
    divide_rightly(self, kind, amount // self.shares * self.shares)
    self.earnings[kind].received += amount % self.shares


def whole_units_a_holder(self: ShareBook, kind: Revenue, amount: int) -> None:
    divide_rightly(self, kind, amount)
    earned = self.earnings[kind].earned
    for holder in earned:
        earned[holder] = Fraction(int(earned[holder]))


def one_kind_for_both(self: ShareBook, _kind: Revenue, amount: int) -> None:
    divide_rightly(self, Revenue.MONEY, amount)


def rounded_up(self: Earnings, holder: str) -> int:
    return -int(-self.earned[holder] // 1) - self.paid[holder]


offer_rightly: Callable[..., None] = shares.ModelOffer.__init__


def votes_follow_the_book(self: Any, bidder: str, amount: int, ends_at: int, held: Any) -> None:
    offer_rightly(self, bidder, amount, ends_at, held)
    self.held = dict.fromkeys(held, 0) | {bidder: sum(held.values())}


CANARIES = (
    Canary("a transfer takes revenue along", ShareBook, "move", revenue_moves_with_shares),
    Canary("remainder of a division is lost", ShareBook, "divide", whole_units_a_share),
    Canary("fractions of holders are lost", ShareBook, "divide", whole_units_a_holder),
    Canary("certificates count as money", ShareBook, "divide", one_kind_for_both),
    Canary("claims are rounded up", Earnings, "claimable", rounded_up),
    Canary("the bidder has all votes", shares.ModelOffer, "__init__", votes_follow_the_book),
    Canary("two thirds sell", shares, "SALE_PERCENT", 66),
    Canary("four percent outbid", shares, "TWENTIETHS", 25),
    Canary("the reserve is divided", shares, "RESERVE", 0),
    Canary("an hour less to vote", shares, "WINDOW", shares.WINDOW - 3_600),
)


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name.replace(" ", "-"))
def test_machine__rule_bent__notices(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary.owner, canary.attribute, canary.fault)
    shares.ShareMachine.stage = ShareStage()
    profile = settings(
        max_examples=40,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )

    with pytest.raises(AssertionError):
        run_state_machine_as_test(shares.ShareMachine, settings=profile)
