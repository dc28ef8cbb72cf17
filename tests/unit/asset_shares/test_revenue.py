"""What shares earn (I-36, I-37)

collect: not open; reserve kept; donations; certificates; arrears; nothing new
transfer: accrued revenue stays; shares to the vault
claim: to the unit; by anybody; to another address; nothing; re-entered; token with a fee
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.asset_nft.stage import ALICE, ANYBODY, refusal
from tests.unit.asset_shares.stage import (
    BOB,
    CAROL,
    CERTIFICATES,
    COIN,
    EMPTY,
    FEED_IN_A_WH,
    MONEY,
    OPEN,
    RESERVE,
    SHARES,
    ShareStage,
)


@pytest.fixture(scope="module")
def fee_stage() -> Iterator[ShareStage]:
    """The token keeps 1 % of every transfer."""
    yield ShareStage(("MockFeeToken", 100))


@pytest.fixture(scope="module")
def hostile_stage() -> Iterator[ShareStage]:
    """The token makes a call of the attacker's choice during a transfer."""
    yield ShareStage(("MockReentrantToken", 6))


def test_collect__empty_vault__refused(stage: ShareStage) -> None:
    vault = stage.create()
    with refusal("WrongStatus", given=EMPTY, allowed=OPEN):
        vault.send(ANYBODY, "collect", MONEY)


def test_collect__what_the_account_earned__above_the_reserve_only(stage: ShareStage) -> None:
    vault, device = stage.running()
    assert vault.send(ANYBODY, "collect", MONEY) == 0
    earned = stage.earn(vault, device, 500, 250)

    assert vault.send(ANYBODY, "collect", MONEY) == earned == 750 * FEED_IN_A_WH

    (event,) = vault.events("RevenueDivided")
    assert dict(event.arguments) == {"kind": MONEY, "amount": earned}
    assert stage.account(vault.address).free == RESERVE
    assert tuple(vault.ask("revenueOf", MONEY)) == (earned, 0)
    assert vault.ask("claimable", MONEY, ALICE.address) == earned
    assert vault.send(ANYBODY, "collect", MONEY) == 0
    assert vault.events("RevenueDivided") == []


def test_collect__certificates_of_the_export__reach_the_holders(stage: ShareStage) -> None:
    vault, device = stage.running()
    stage.earn(vault, device, 501)
    vault.send(ALICE.address, "transfer", BOB.address, 500)

    assert vault.send(ANYBODY, "collect", CERTIFICATES) == 501

    assert vault.send(ANYBODY, "claim", CERTIFICATES, BOB.address) == 250
    assert stage.energy.ask("balanceOf", BOB.address) == 250
    assert vault.ask("claimable", CERTIFICATES, ALICE.address) == 250


def test_collect__donations__everybodys_and_nobody_is_harmed(stage: ShareStage) -> None:
    vault = stage.locked(shares=3)
    vault.send(ALICE.address, "transfer", BOB.address, 1)
    stage.give(vault.address, 100)

    assert vault.send(ANYBODY, "collect", MONEY) == 100

    assert vault.ask("claimable", MONEY, ALICE.address) == 66
    assert vault.ask("claimable", MONEY, BOB.address) == 33
    # The third units that are left become whole with the next ones.
    stage.give(vault.address, 2)
    assert vault.send(BOB.address, "collect", MONEY) == 2
    assert vault.send(ANYBODY, "claim", MONEY, ALICE.address) == 68
    assert vault.send(ANYBODY, "claim", MONEY, BOB.address) == 34
    assert stage.balance(vault.address) == 0


def test_collect__donation_before_the_first_share__divided_like_revenue(stage: ShareStage) -> None:
    vault = stage.create()
    stage.give(vault.address, 10**30)
    asset_id = stage.asset()
    stage.assets.send(ALICE.address, "approve", vault.address, asset_id)
    vault.send(ALICE.address, "lock", asset_id)
    vault.send(ALICE.address, "transfer", BOB.address, 1)

    vault.send(ANYBODY, "collect", MONEY)

    # The number of shares is fixed: no donation changes what a share is.
    assert vault.ask("totalSupply") == SHARES
    assert vault.ask("claimable", MONEY, BOB.address) == 10**30 // SHARES


def test_collect__more_than_can_be_counted__what_is_beyond_waits(stage: ShareStage) -> None:
    vault = stage.locked()
    stage.give(vault.address, 2**128 + 5)

    assert vault.send(ANYBODY, "collect", MONEY) == 2**128 - 1
    assert vault.send(ANYBODY, "collect", MONEY) == 0
    assert vault.send(ANYBODY, "claim", MONEY, ALICE.address) == 2**128 - 1
    assert stage.balance(vault.address) == 6


def test_transfer__accrued_revenue__stays_with_the_seller(stage: ShareStage) -> None:
    vault, device = stage.running()
    first = stage.earn(vault, device, 100)
    vault.send(ANYBODY, "collect", MONEY)

    vault.send(ALICE.address, "transfer", BOB.address, 250)

    assert vault.ask("claimable", MONEY, ALICE.address) == first
    assert vault.ask("claimable", MONEY, BOB.address) == 0
    second = stage.earn(vault, device, 200)
    vault.send(ANYBODY, "collect", MONEY)
    assert vault.ask("claimable", MONEY, ALICE.address) == first + second * 3 // 4
    assert vault.ask("claimable", MONEY, BOB.address) == second // 4
    # Back and forth, also to oneself, moves nothing.
    for sender, to in ((BOB, ALICE), (ALICE, ALICE), (ALICE, CAROL)):
        vault.send(sender.address, "transfer", to.address, 250)
    assert vault.ask("claimable", MONEY, ALICE.address) == first + second * 3 // 4
    assert vault.ask("claimable", MONEY, BOB.address) == second // 4
    assert vault.ask("claimable", MONEY, CAROL.address) == 0


def test_transfer__to_the_vault__refused(stage: ShareStage) -> None:
    vault = stage.locked()
    with refusal("NotTransferable", to=vault.address):
        vault.send(ALICE.address, "transfer", vault.address, 1)


def test_claim__uneven_shares__all_of_it_to_the_unit(stage: ShareStage) -> None:
    vault, device = stage.running(shares=7)
    vault.send(ALICE.address, "transfer", BOB.address, 2)
    vault.send(ALICE.address, "transfer", CAROL.address, 1)
    stage.earn(vault, device, 1)
    assert vault.send(ANYBODY, "collect", MONEY) == 80

    assert vault.send(ANYBODY, "claim", MONEY, ALICE.address) == 80 * 4 // 7
    (event,) = vault.events("RevenueClaimed")
    assert dict(event.arguments) == {
        "kind": MONEY, "holder": ALICE.address, "to": ALICE.address, "amount": 45,
    }  # fmt: skip
    assert vault.send(ANYBODY, "claim", MONEY, BOB.address) == 80 * 2 // 7
    assert vault.send(CAROL.address, "claimTo", MONEY, BOB.address) == 80 // 7
    assert (stage.balance(ALICE.address), stage.balance(BOB.address)) == (45, 22 + 11)
    # Two units are left, in three fractions; seven more make them whole.
    assert stage.balance(vault.address) == 2
    stage.earn(vault, device, 7)
    vault.send(ANYBODY, "collect", MONEY)
    for person, amount in ((ALICE, 8 * 80 * 4 // 7 - 45), (BOB, 182 - 22), (CAROL, 91 - 11)):
        assert vault.send(ANYBODY, "claim", MONEY, person.address) == amount
    assert tuple(vault.ask("revenueOf", MONEY)) == (640, 638)


def test_claim__nothing_there_or_to_the_vault__refused(stage: ShareStage) -> None:
    vault, device = stage.running()
    with refusal("NothingToClaim", holder=ALICE.address):
        vault.send(ANYBODY, "claim", MONEY, ALICE.address)
    stage.earn(vault, device, 1)
    vault.send(ANYBODY, "collect", MONEY)
    with refusal("NotTransferable", to=vault.address):
        vault.send(ALICE.address, "claimTo", MONEY, vault.address)


@pytest.mark.parametrize("inner", ("claim", "collect", "transfer", "redeem"))
def test_claim__token_calls_back__paid_once(hostile_stage: ShareStage, inner: str) -> None:
    stage = hostile_stage
    origin = stage.remember()
    vault, device = stage.running()
    attacker = stage.token.address  # calls that it makes come from a holder
    vault.send(ALICE.address, "transfer", attacker, 500)
    stage.earn(vault, device, 1_000)
    calls = {
        "claim": ("claim", MONEY, attacker),
        "collect": ("collect", MONEY),
        "transfer": ("transfer", BOB.address, 500),
        "redeem": ("redeem",),
    }
    # In the middle of the payout of `collect`, then of that of `claim`.
    stage.token.send(ANYBODY, "arm", vault.address, vault.abi.encode(*calls[inner]))
    assert vault.send(ANYBODY, "collect", MONEY) == 80_000
    kept = vault.ask("balanceOf", attacker)
    stage.token.send(ANYBODY, "arm", vault.address, vault.abi.encode(*calls[inner]))
    if kept == 0:  # its shares went before the revenue was divided
        with refusal("NothingToClaim", holder=attacker):
            vault.send(ANYBODY, "claim", MONEY, attacker)
        paid = 0
    else:
        paid = vault.send(ANYBODY, "claim", MONEY, attacker)
        assert paid == 80_000 // 2

    total = paid + vault.ask("claimable", MONEY, attacker)
    total += sum(vault.ask("claimable", MONEY, one.address) for one in (ALICE, BOB))
    assert total == 80_000
    assert stage.balance(attacker) == paid
    assert stage.balance(vault.address) == 80_000 - paid
    stage.restore(origin)


def test_collect__token_with_a_fee__what_arrives_counts(fee_stage: ShareStage) -> None:
    stage = fee_stage
    origin = stage.remember()
    vault = stage.locked()
    stage.give(BOB.address, COIN)
    stage.token.send(BOB.address, "transfer", vault.address, COIN)
    arrived = COIN * 99 // 100

    assert vault.send(ANYBODY, "collect", MONEY) == arrived
    assert vault.send(ANYBODY, "claim", MONEY, ALICE.address) == arrived
    assert stage.balance(ALICE.address) == arrived - arrived // 100
    assert stage.balance(vault.address) == 0
    stage.give(CAROL.address, COIN)
    stage.token.send(CAROL.address, "approve", vault.address, COIN)
    motion = vault.send(CAROL.address, "offer", COIN)
    assert vault.ask("motion", motion).amount == arrived
    stage.restore(origin)
