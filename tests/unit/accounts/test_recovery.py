"""ISettlementRecovery: nameRecoveryHelper, requestRecovery, cancelRecovery, takeRecovered

├── helper: oneself or the contract: InvalidHelper; the first counts at once, a change in seven days
├── request: by the helper alone; to nobody, the account or the contract: InvalidRecipient
├── cancelled by the account, before it opens and after
├── taken: by the named address alone, from the opening on, again and again
├── arrears come first; what is locked or still required stays
└── deposits, withdrawals and orders of the account go on as if nothing were asked for
"""

from __future__ import annotations

import pytest

from tests.unit.accounts.stage import (
    COIN,
    DAY_SECONDS,
    MONEY,
    RETAIL,
    SECURITY,
    START,
    AccountStage,
    address_of,
)
from tests.utils.revm import Refused

WEEK = 7 * DAY_SECONDS
NOBODY = "0x" + "0" * 40
FREE = MONEY - SECURITY


def refused(stage: AccountStage, actor: str, function: str, *arguments: object):
    """Error and arguments of a call that must fail."""
    with pytest.raises(Refused) as error:
        stage.do(actor, function, *arguments)
    return error.value.name, error.value.arguments


@pytest.fixture
def anna(stage: AccountStage) -> AccountStage:
    """A member whose helper is a Safe of her relatives."""
    stage.member("anna", "meter")
    stage.do("anna", "nameRecoveryHelper", address_of("safe"))
    return stage


def ask_for_recovery(stage: AccountStage) -> None:
    """The helper asks, and the delay passes."""
    stage.do("safe", "requestRecovery", address_of("anna"), address_of("anna's new key"))
    stage.after(WEEK)


def take(stage: AccountStage) -> int:
    """Take what is free."""
    amount: int = stage.do("anna's new key", "takeRecovered", address_of("anna"))
    return amount


def test_take_recovered__delay_over__the_free_money_is_paid_out(anna: AccountStage):
    ask_for_recovery(anna)

    assert take(anna) == FREE

    (event,) = anna.settlement.events("Withdrawn")
    assert (event.account, event.to, event.amount) == (
        address_of("anna"),
        address_of("anna's new key"),
        FREE,
    )
    assert anna.coins("anna's new key") == FREE
    state = anna.account("anna")
    assert (state.free, state.security) == (0, SECURITY)
    assert refused(anna, "anna's new key", "takeRecovered", address_of("anna")) == (
        "NothingToMove",
        {},
    )


def test_take_recovered__more_becomes_free__later_too(anna: AccountStage):
    ask_for_recovery(anna)
    take(anna)
    anna.market.send(address_of("anybody"), "creditRent", address_of("anna"), 7 * COIN)

    assert take(anna) == 7 * COIN
    assert anna.coins("anna's new key") == FREE + 7 * COIN


def test_take_recovered__a_second_early__is_refused(anna: AccountStage):
    anna.do("safe", "requestRecovery", address_of("anna"), address_of("anna's new key"))
    (event,) = anna.settlement.events("RecoveryRequested")
    assert (event.account, event.helper, event.to, event.openFrom) == (
        address_of("anna"),
        address_of("safe"),
        address_of("anna's new key"),
        START + WEEK,
    )
    anna.after(WEEK - 1)

    assert refused(anna, "anna's new key", "takeRecovered", address_of("anna")) == (
        "RecoveryNotOpen",
        {"blockTimestamp": START + WEEK - 1, "openFrom": START + WEEK},
    )


@pytest.mark.parametrize("actor", ["anna", "safe", "stranger", "governor", "registrar"])
def test_take_recovered__anybody_else__is_refused(anna: AccountStage, actor: str):
    assert refused(anna, actor, "takeRecovered", address_of("anna")) == (
        "NothingRequested",
        {"account": address_of("anna")},
    )
    ask_for_recovery(anna)

    assert refused(anna, actor, "takeRecovered", address_of("anna")) == (
        "NotTheRecipient",
        {"account": address_of("anna"), "caller": address_of(actor)},
    )


@pytest.mark.parametrize("wait", [0, WEEK - 1, WEEK + 1], ids=["at once", "last second", "after"])
def test_cancel_recovery__by_the_account__nothing_can_be_taken(anna: AccountStage, wait: int):
    anna.do("safe", "requestRecovery", address_of("anna"), address_of("anna's new key"))
    anna.after(wait)

    anna.do("anna", "cancelRecovery")

    (event,) = anna.settlement.events("RecoveryCancelled")
    assert (event.account, event.to) == (address_of("anna"), address_of("anna's new key"))
    anna.after(WEEK)
    assert refused(anna, "anna's new key", "takeRecovered", address_of("anna")) == (
        "NothingRequested",
        {"account": address_of("anna")},
    )
    assert refused(anna, "anna", "cancelRecovery")[0] == "NothingRequested"


@pytest.mark.parametrize("actor", ["anna", "stranger", "governor", "registrar"])
def test_request_recovery__not_the_helper__is_refused(anna: AccountStage, actor: str):
    assert refused(anna, actor, "requestRecovery", address_of("anna"), address_of(actor)) == (
        "NotTheHelper",
        {"account": address_of("anna"), "caller": address_of(actor)},
    )


def test_request_recovery__no_helper_named__nobody_can(stage: AccountStage):
    stage.member("anna", "meter")

    assert refused(stage, "safe", "requestRecovery", address_of("anna"), address_of("x")) == (
        "NotTheHelper",
        {"account": address_of("anna"), "caller": address_of("safe")},
    )


def test_request_recovery__to_where_it_would_be_lost__is_refused(anna: AccountStage):
    for to in (NOBODY, address_of("anna"), anna.settlement.address):
        assert refused(anna, "safe", "requestRecovery", address_of("anna"), to) == (
            "InvalidRecipient",
            {"to": to},
        )


def test_request_recovery__again__the_delay_begins_anew(anna: AccountStage):
    ask_for_recovery(anna)

    anna.do("safe", "requestRecovery", address_of("anna"), address_of("third"))

    assert refused(anna, "anna's new key", "takeRecovered", address_of("anna"))[0] == (
        "NotTheRecipient"
    )
    assert refused(anna, "third", "takeRecovered", address_of("anna")) == (
        "RecoveryNotOpen",
        {"blockTimestamp": START + WEEK, "openFrom": START + 2 * WEEK},
    )


def test_name_helper__oneself_or_the_contract__is_refused(stage: AccountStage):
    for helper in (address_of("anna"), stage.settlement.address):
        assert refused(stage, "anna", "nameRecoveryHelper", helper) == (
            "InvalidHelper",
            {"helper": helper},
        )


def test_name_helper__a_change__takes_a_week_and_what_was_asked_counts(anna: AccountStage):
    """Who has stolen the key does not get rid of the helper at once."""
    anna.do("anna", "nameRecoveryHelper", address_of("thief's friend"))
    (event,) = anna.settlement.events("RecoveryHelperNamed")
    assert (event.previous, event.current, event.fromTime) == (
        address_of("safe"),
        address_of("thief's friend"),
        START + WEEK,
    )
    anna.after(WEEK - 1)
    assert refused(
        anna, "thief's friend", "requestRecovery", address_of("anna"), address_of("thief")
    )[0] == ("NotTheHelper")
    anna.do("safe", "requestRecovery", address_of("anna"), address_of("anna's new key"))

    anna.after(WEEK)

    assert anna.ask("recoveryOf", address_of("anna")).helper == address_of("thief's friend")
    assert take(anna) == FREE
    assert (
        refused(anna, "safe", "requestRecovery", address_of("anna"), address_of("x"))[0]
        == "NotTheHelper"
    )


@pytest.mark.parametrize("other", [NOBODY, address_of("other")], ids=["removal", "change"])
def test_name_helper__the_present_one_again__takes_a_change_back(anna: AccountStage, other: str):
    anna.do("anna", "nameRecoveryHelper", other)
    anna.after(DAY_SECONDS)

    anna.do("anna", "nameRecoveryHelper", address_of("safe"))

    anna.after(2 * WEEK)
    assert tuple(anna.ask("recoveryOf", address_of("anna"))) == (
        address_of("safe"),
        NOBODY,
        0,
        NOBODY,
        0,
    )


def test_name_helper__removed__the_next_counts_at_once(anna: AccountStage):
    anna.do("anna", "nameRecoveryHelper", NOBODY)
    anna.after(WEEK)
    assert anna.ask("recoveryOf", address_of("anna")).helper == NOBODY

    anna.do("anna", "nameRecoveryHelper", address_of("other"))

    assert anna.ask("recoveryOf", address_of("anna")).helper == address_of("other")


def test_take_recovered__locked_money__only_when_it_is_free(anna: AccountStage):
    anna.market.send(address_of("anybody"), "adjustLock", address_of("anna"), 30 * COIN)
    ask_for_recovery(anna)
    assert take(anna) == FREE - 30 * COIN

    anna.market.send(address_of("anybody"), "adjustLock", address_of("anna"), -30 * COIN)

    assert take(anna) == 30 * COIN


def test_take_recovered__arrears__come_first(stage: AccountStage):
    """The operator is paid before anybody takes anything: the order of claims is as it was."""
    stage.register("meter", "anna")
    stage.do("anybody", "enrol", address_of("anna"))
    stage.do("anna", "nameRecoveryHelper", address_of("safe"))
    stage.read("meter", 1_000, 0)
    stage.do("anybody", "settle", address_of("anna"), stage.slot)
    assert stage.account("anna").arrears == RETAIL
    ask_for_recovery(stage)
    assert refused(stage, "anna's new key", "takeRecovered", address_of("anna")) == (
        "ArrearsOutstanding",
        {"account": address_of("anna"), "owed": RETAIL},
    )

    stage.market.send(address_of("anybody"), "creditRent", address_of("anna"), COIN)

    assert stage.account("anna").arrears == 0
    assert take(stage) == COIN - RETAIL


def test_take_recovered__meter_handed_over__the_security_deposit_too(anna: AccountStage):
    """The whole way: money and, when the meter is gone, the deposit; the meter to a new account."""
    ask_for_recovery(anna)
    assert take(anna) == FREE
    anna.announce("meter", "reader", "anna's new key")
    anna.after(WEEK)
    anna.read_until_now("meter")
    border = anna.open("meter", "reader", "anna's new key")
    for name in ("anna", "anna's new key"):
        anna.do("anybody", "syncMeter" if name == "anna" else "enrol", address_of(name))
    anna.after(3 * DAY_SECONDS)
    anna.do("anybody", "settle", address_of("anna"), border)
    anna.do("anybody", "settle", address_of("anna"), border + 1)

    assert anna.account("anna").metered is False
    assert take(anna) == SECURITY
    assert anna.account("anna's new key").meteredFrom == border


def test_recovery__asked_for__the_account_goes_on(anna: AccountStage):
    """It adds a hand and takes none away."""
    ask_for_recovery(anna)

    anna.pay_in("anna", COIN)
    anna.do("anna", "withdraw", FREE)
    anna.market.send(address_of("anybody"), "adjustLock", address_of("anna"), COIN)
    anna.market.send(address_of("anybody"), "adjustLock", address_of("anna"), -COIN)

    assert anna.coins("anna") == FREE
    assert take(anna) == COIN


def test_recovery__operator_and_treasury__their_free_money_alone(stage: AccountStage):
    stage.do("operator 1", "nameRecoveryHelper", address_of("safe"))
    stage.do("safe", "requestRecovery", address_of("operator 1"), address_of("new"))
    stage.after(WEEK)

    assert stage.do("new", "takeRecovered", address_of("operator 1")) == MONEY
    assert stage.ask("zoneState", 1).bond == 60 * COIN
