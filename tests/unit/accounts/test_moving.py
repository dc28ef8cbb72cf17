"""Moving house, on the real register of meters and the real clearing house

├── same zone: another meter for the same address; old slots settle as ever
├── other zone: a new address, the money moved; the old account settles out with its deposit
├── next occupant: the old home's meter goes on under his account, from the very slot
└── in arrears: the hand-over is not blocked, and neither are the operator's claims
"""

from __future__ import annotations

import pytest

from tests.unit.accounts.stage import (
    COIN,
    DAY_SECONDS,
    MONEY,
    OTHER_ZONE,
    RETAIL,
    SECURITY,
    ZONE,
    AccountStage,
    address_of,
)
from tests.utils.revm import Refused

WEEK = 7 * DAY_SECONDS


def move_out(stage: AccountStage, old: str, new: str, occupant: str) -> int:
    """The old home's meter goes to the next occupant, with the old owner's consent."""
    owner = stage.meters.ask("meterInfo", stage.devices[old][0]).owner
    stage.announce(old, new, occupant)
    stage.meters.send(owner, "consentToSuccession", stage.devices[old][0])
    stage.after(DAY_SECONDS)
    stage.read_until_now(old)
    return stage.open(old, new, occupant)


def settle(stage: AccountStage, name: str) -> int:
    """Settle an account as far as it goes."""
    until: int = stage.do("anybody", "settle", address_of(name), stage.slot)
    return until


def test_moving_out__settled__the_deposit_is_free_and_everything_leaves(stage: AccountStage):
    stage.member("anna", "old")
    stage.read("old", 1_000, 0)

    border = move_out(stage, "old", "new", "bert")
    stage.do("anybody", "syncMeter", address_of("anna"))
    stage.do("anybody", "enrol", address_of("bert"))

    with pytest.raises(Refused, match="SecurityStillRequired"):
        stage.do("anna", "withdrawSecurity", SECURITY)
    assert stage.account("anna").meteredUntil == border
    assert settle(stage, "anna") == border
    assert [e.meteredUntil for e in stage.settlement.events("MeteringEnded")] == [border]
    stage.do("anna", "withdrawSecurity", SECURITY)
    assert stage.do("anna", "withdrawAll", address_of("anna")) == MONEY - RETAIL
    state = stage.account("anna")
    assert (state.free, state.locked, state.security, state.arrears) == (0, 0, 0, 0)


def test_moving_out__next_occupant__pays_from_his_first_slot_on(stage: AccountStage):
    """No slot is paid by both, none by nobody."""
    stage.member("anna", "old")
    border = move_out(stage, "old", "new", "bert")
    stage.do("anybody", "enrol", address_of("bert"))
    stage.pay_in("bert", MONEY)
    stage.read("new", 500, 0)
    stage.do("anybody", "syncMeter", address_of("anna"))

    assert settle(stage, "bert") == border + 1
    assert stage.account("bert").free == MONEY - RETAIL // 2
    stage.after(2 * DAY_SECONDS)
    settle(stage, "anna")
    assert stage.account("anna").free == MONEY - SECURITY


def test_moving_within_the_zone__same_address__trades_on_with_the_new_home(stage: AccountStage):
    stage.member("anna", "old")
    stage.member("carl", "other home")
    first = move_out(stage, "old", "for bert", "bert")
    stage.do("anybody", "syncMeter", address_of("anna"))
    second = move_out(stage, "other home", "for anna", "anna")
    stage.do("anybody", "syncMeter", address_of("anna"))

    stage.read("for anna", 2_000, 0)
    stage.after(2 * DAY_SECONDS)
    assert settle(stage, "anna") > second

    assert second > first
    state = stage.account("anna")
    assert (state.metered, state.meteredUntil, state.zone) == (True, 0, ZONE)
    assert state.free == MONEY - SECURITY - 2 * RETAIL
    assert state.security == SECURITY
    connection = stage.meters.ask("connectionOf", address_of("anna"))
    assert connection.meterId == stage.devices["for anna"][0]


def test_moving_to_another_zone__same_address__is_refused(stage: AccountStage):
    stage.member("anna", "old")
    stage.member("dora", "far home", OTHER_ZONE)
    move_out(stage, "old", "for bert", "bert")
    stage.announce("far home", "for anna", "anna", OTHER_ZONE)
    stage.after(WEEK)
    stage.read_until_now("far home")

    with pytest.raises(Refused, match="ZoneMismatch"):
        stage.open("far home", "for anna", "anna", OTHER_ZONE)


def test_moving_to_another_zone__new_address__takes_the_money_along(stage: AccountStage):
    stage.member("anna", "old")
    stage.member("dora", "far home", OTHER_ZONE)
    border = move_out(stage, "old", "for bert", "bert")
    stage.do("anybody", "syncMeter", address_of("anna"))
    stage.announce("far home", "for anna", "anna 2", OTHER_ZONE)
    stage.after(WEEK)
    stage.read_until_now("far home")
    stage.open("far home", "for anna", "anna 2", OTHER_ZONE)
    stage.do("anybody", "enrol", address_of("anna 2"))

    assert settle(stage, "anna") > border
    stage.do("anna", "withdrawSecurity", SECURITY)
    amount = stage.do("anna", "withdrawAll", address_of("anna 2"))
    stage.token.send(address_of("anna 2"), "approve", stage.settlement.address, amount)
    stage.do("anna 2", "deposit", amount)
    stage.do("anna 2", "postSecurity", SECURITY)

    state = stage.account("anna 2")
    assert amount == MONEY
    assert (state.zone, state.free, state.security) == (OTHER_ZONE, MONEY - SECURITY, SECURITY)


def test_moving_out__in_arrears__meter_goes_debts_stay(stage: AccountStage):
    stage.register("old", "anna")
    stage.do("anybody", "enrol", address_of("anna"))
    stage.read("old", 1_000, 0)
    settle(stage, "anna")
    assert stage.account("anna").arrears == RETAIL

    border = move_out(stage, "old", "new", "bert")
    stage.do("anybody", "enrol", address_of("bert"))
    stage.do("anybody", "syncMeter", address_of("anna"))

    assert stage.account("bert").meteredFrom == border
    assert stage.account("anna").arrears == RETAIL
    stage.pay_in("anna", COIN)
    assert stage.account("anna").arrears == 0
    assert stage.account("anna").free == COIN - RETAIL


def test_new_meter__same_owner__settles_on_without_a_break(stage: AccountStage):
    """A register epoch: the account need not do anything."""
    stage.member("anna", "old")
    stage.announce("old", "new", "anna")
    stage.after(DAY_SECONDS)
    stage.read_until_now("old")
    stage.read("old", 1_000, 0)
    border = stage.open("old", "new", "anna")
    stage.read("new", 2_000, 0)
    stage.do("anybody", "syncMeter", address_of("anna"))

    assert settle(stage, "anna") == border + 1

    assert stage.account("anna").free == MONEY - SECURITY - 3 * RETAIL
    assert stage.account("anna").metered is True


def test_removed_meter__nobody_follows__the_account_can_leave(stage: AccountStage):
    stage.member("anna", "old")
    stage.meters.send(address_of("registrar"), "deactivateMeter", stage.devices["old"][0])
    stage.after(900)
    stage.do("anybody", "syncMeter", address_of("anna"))
    stage.after(3 * DAY_SECONDS)

    settle(stage, "anna")
    stage.do("anna", "withdrawSecurity", SECURITY)

    assert stage.account("anna").capacityW == 0
    assert stage.account("anna").free == MONEY
