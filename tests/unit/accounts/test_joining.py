"""Limits of joining as a trader (I-43)

├── setJoinLimits: not the governor: AccessManagedUnauthorized; out of range: JoinLimitOutOfRange
├── one zone's limit holds back that zone alone; that of all holds back all
└── members, deposits, withdrawals, settling, recovery: never limited, with all buckets empty
"""

from __future__ import annotations

import pytest

from tests.unit.accounts.stage import (
    COIN,
    DAY_SECONDS,
    MONEY,
    OTHER_ZONE,
    SECURITY,
    ZONE,
    AccountStage,
    address_of,
)
from tests.utils.revm import Refused

SMALL = (150, 100)
NONE_LEFT = ("RateLimited", {"given": 1, "allowed": 0})


def refused(stage: AccountStage, actor: str, function: str, *arguments: object):
    """Error and arguments of a call that must fail."""
    with pytest.raises(Refused) as error:
        stage.do(actor, function, *arguments)
    return error.value.name, error.value.arguments


def join(stage: AccountStage, zone: int, count: int) -> None:
    """So many strangers join."""
    for number in range(count):
        sender = "0x" + (zone << 40 | stage.chain.now << 8 | number).to_bytes(20, "big").hex()
        stage.settlement.send(sender, "joinAsTrader", zone)


@pytest.mark.parametrize("actor", ["registrar", "operator 1", "stranger"])
def test_set_join_limits__not_the_governor__is_unauthorised(stage: AccountStage, actor: str):
    assert refused(stage, actor, "setJoinLimits", SMALL) == (
        "AccessManagedUnauthorized",
        {"caller": address_of(actor)},
    )


@pytest.mark.parametrize(
    ("limits", "given", "highest"),
    [
        ((99, 99), 99, 20_000),
        ((20_001, 100), 20_001, 20_000),
        ((200, 99), 99, 200),
        ((200, 201), 201, 200),
    ],
)
def test_set_join_limits__out_of_range__reverts(
    stage: AccountStage, limits: tuple[int, int], given: int, highest: int
):
    assert refused(stage, "governor", "setJoinLimits", limits) == (
        "JoinLimitOutOfRange",
        {"given": given, "lowest": 100, "highest": highest},
    )


def test_set_join_limits__in_range__both_change_in_one_call(stage: AccountStage):
    assert tuple(stage.ask("joinLimits")) == (10_000, 2_000)

    stage.do("governor", "setJoinLimits", SMALL)

    (event,) = stage.settlement.events("JoinLimitsChanged")
    assert (tuple(event.previous), tuple(event.current)) == ((10_000, 2_000), SMALL)
    assert tuple(stage.ask("joinLimits")) == SMALL
    assert tuple(stage.ask("joinAllowances", ZONE)) == (150, 100)


def test_join__zone_and_all_used_up__each_holds_back_its_own_and_refills(stage: AccountStage):
    stage.do("governor", "setJoinLimits", SMALL)
    join(stage, ZONE, 100)
    assert refused(stage, "x", "joinAsTrader", ZONE) == NONE_LEFT
    join(stage, OTHER_ZONE, 50)
    assert refused(stage, "x", "joinAsTrader", OTHER_ZONE) == NONE_LEFT

    # 150 a day are one in 576 s, 100 one in 864 s.
    stage.after(575)
    assert refused(stage, "x", "joinAsTrader", OTHER_ZONE) == NONE_LEFT
    stage.after(1)
    stage.do("x", "joinAsTrader", OTHER_ZONE)
    stage.after(288 + 576)
    stage.do("y", "joinAsTrader", ZONE)
    stage.after(DAY_SECONDS)
    assert tuple(stage.ask("joinAllowances", ZONE)) == (150, 100)


def test_exits__all_buckets_empty__are_never_limited(stage: AccountStage):
    """I-43: who has a meter comes in, and everybody's money goes out."""
    stage.do("governor", "setJoinLimits", SMALL)
    stage.member("anna", "meter")
    stage.do("anna", "nameRecoveryHelper", address_of("safe"))
    stage.do("safe", "requestRecovery", address_of("anna"), address_of("new"))
    stage.after(7 * DAY_SECONDS)
    join(stage, ZONE, 100)
    join(stage, OTHER_ZONE, 50)
    assert tuple(stage.ask("joinAllowances", ZONE)) == (0, 0)

    stage.member("bert", "another meter")
    stage.do("anna", "withdraw", COIN)
    assert stage.do("new", "takeRecovered", address_of("anna")) == MONEY - SECURITY - COIN
    stage.do("bert", "withdrawAll", address_of("bert"))
    stage.read("another meter", 5, 0)
    assert stage.do("anybody", "settle", address_of("bert"), stage.slot) == stage.slot
