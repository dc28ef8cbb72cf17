"""Round trips never profit (I-38): the eight of ERC-4626 vaults, as far as shares have them

A vault of shares has no price at which it gives or takes shares: they are made once, when the asset
is locked. What goes in and out is the asset, revenue, and the price of all shares. In the places of
deposit and mint stand locking, paying in and buying, in those of redeem and withdraw redeeming,
claiming and selling; `docs/shares.md` has the table. Each starts with revenue that others have
earned, in amounts that do not divide.
"""

from __future__ import annotations

import pytest

from tests.unit.asset_nft.stage import ALICE, ANYBODY, Person
from tests.unit.asset_shares.stage import (
    BOB,
    CAROL,
    DAVE,
    MONEY,
    WINDOW,
    ShareStage,
)
from tests.utils.revm import Contract

SHARES = 97
EARLIER = 1_003
"""Units that were divided before, to be claimed by those who had the shares then."""
AMOUNTS = (1, 96, 98, 10**6 + 7)


@pytest.fixture
def vault(stage: ShareStage) -> Contract:
    """Alice has 60 shares, Bob 37; nobody has claimed."""
    vault = stage.locked(shares=SHARES)
    stage.give(vault.address, EARLIER)
    vault.send(ANYBODY, "collect", MONEY)
    vault.send(ALICE.address, "transfer", BOB.address, 37)
    stage.pass_seconds(1)
    return vault


def wealth(stage: ShareStage, vault: Contract, person: Person) -> int:
    """Coins that a person has or can take at once."""
    claimable = vault.ask("claimable", MONEY, person.address)
    refund = vault.ask("refundOf", person.address)
    return int(stage.balance(person.address) + claimable + refund)


def test_1__lock_then_redeem__the_asset_and_nothing_more(stage: ShareStage) -> None:
    vault, asset_id = stage.create(), stage.asset()
    stage.assets.send(ALICE.address, "approve", vault.address, asset_id)
    vault.send(ALICE.address, "lock", asset_id)
    vault.send(ALICE.address, "redeem")
    vault.send(ALICE.address, "takeAsset", asset_id, ALICE.address)

    assert stage.assets.ask("ownerOf", asset_id) == ALICE.address
    assert stage.assets.ask("balanceOf", ALICE.address) == 1
    assert wealth(stage, vault, ALICE) == vault.ask("totalSupply") == 0


def test_2__redeem_then_lock_again__as_many_shares_and_no_more(
    stage: ShareStage, vault: Contract
) -> None:
    asset_id = vault.ask("assetId")
    vault.send(BOB.address, "transfer", ALICE.address, 37)
    vault.send(ALICE.address, "redeem")
    vault.send(ALICE.address, "takeAsset", asset_id, ALICE.address)
    second = stage.create(shares=SHARES)
    stage.assets.send(ALICE.address, "approve", second.address, asset_id)
    second.send(ALICE.address, "lock", asset_id)

    assert second.ask("balanceOf", ALICE.address) == SHARES
    assert vault.ask("totalSupply") == 0
    assert wealth(stage, vault, ALICE) == EARLIER


@pytest.mark.parametrize("amount", AMOUNTS)
def test_3__give_then_claim__at_most_what_was_given(
    stage: ShareStage, vault: Contract, amount: int
) -> None:
    """The donor is a holder; others gain what he loses."""
    stage.give(ALICE.address, amount)
    before = {person: wealth(stage, vault, person) for person in (ALICE, BOB)}
    stage.token.send(ALICE.address, "transfer", vault.address, amount)
    vault.send(ALICE.address, "collect", MONEY)

    after = {person: wealth(stage, vault, person) for person in (ALICE, BOB)}
    assert after[ALICE] < before[ALICE]
    assert after[BOB] >= before[BOB]
    assert sum(after.values()) <= sum(before.values())


def test_4__claim_then_give_back__no_larger_claim(stage: ShareStage, vault: Contract) -> None:
    before = vault.ask("claimable", MONEY, ALICE.address)
    vault.send(ANYBODY, "claim", MONEY, ALICE.address)
    stage.token.send(ALICE.address, "transfer", vault.address, before)
    vault.send(ANYBODY, "collect", MONEY)

    assert vault.ask("claimable", MONEY, ALICE.address) <= before


def test_5__buy_then_sell_shares__nothing_of_what_others_earned(
    stage: ShareStage, vault: Contract
) -> None:
    """Also with claims and collections in between, as long as nothing new comes in."""
    before = {person: wealth(stage, vault, person) for person in (ALICE, BOB, CAROL)}
    vault.send(ALICE.address, "transfer", CAROL.address, 60)
    vault.send(ANYBODY, "collect", MONEY)
    assert vault.ask("claimable", MONEY, CAROL.address) == 0
    vault.send(CAROL.address, "transfer", ALICE.address, 60)

    assert {p: wealth(stage, vault, p) for p in (ALICE, BOB, CAROL)} == before


@pytest.mark.parametrize("amount", AMOUNTS)
def test_6__sell_then_buy_back__no_more_than_had_he_kept_them(
    stage: ShareStage, vault: Contract, amount: int
) -> None:
    """Split over accounts and put together again around a collection: rounding favours nobody."""
    kept = stage.chain.snapshot()
    stage.give(vault.address, amount)
    vault.send(ANYBODY, "collect", MONEY)
    expected = wealth(stage, vault, ALICE)
    stage.chain.revert(kept)

    for part, person in ((13, CAROL), (29, DAVE)):
        vault.send(ALICE.address, "transfer", person.address, part)
    stage.give(vault.address, amount)
    vault.send(ANYBODY, "collect", MONEY)
    for part, person in ((13, CAROL), (29, DAVE)):
        vault.send(person.address, "transfer", ALICE.address, part)

    together = sum(wealth(stage, vault, person) for person in (ALICE, CAROL, DAVE))
    assert together <= expected
    assert expected - together < 3


@pytest.mark.parametrize("amount", AMOUNTS)
def test_7__offer_then_refund__exactly_the_offer(
    stage: ShareStage, vault: Contract, amount: int
) -> None:
    """Outbid, and failed, with revenue that comes in meanwhile."""
    for ends in ("outbid", "failed"):
        stage.give(CAROL.address, amount)
        before = wealth(stage, vault, CAROL)
        stage.token.send(CAROL.address, "approve", vault.address, amount)
        vault.send(CAROL.address, "offer", amount)
        stage.give(vault.address, 11)
        vault.send(ANYBODY, "collect", MONEY)
        if ends == "outbid":
            stage.offer(vault, DAVE, 2 * amount)
        stage.pass_seconds(WINDOW)
        vault.send(ANYBODY, "closeOffer")

        assert wealth(stage, vault, CAROL) == before
        vault.send(CAROL.address, "takeRefund", CAROL.address)


@pytest.mark.parametrize("amount", AMOUNTS)
def test_8__buy_all_then_sell_it_to_oneself__no_more_than_paid(
    stage: ShareStage, vault: Contract, amount: int
) -> None:
    """A majority buys from itself and the others: each share gets the same, also theirs."""
    vault.send(BOB.address, "transfer", ALICE.address, 20)
    stage.pass_seconds(1)
    stage.give(ALICE.address, amount)
    before = wealth(stage, vault, ALICE)
    stage.token.send(ALICE.address, "approve", vault.address, amount)
    motion = vault.send(ALICE.address, "offer", amount)
    vault.send(ALICE.address, "vote", motion)
    stage.pass_seconds(WINDOW)
    bobs = wealth(stage, vault, BOB)
    assert vault.send(ANYBODY, "closeOffer") is True
    vault.send(ANYBODY, "collect", MONEY)

    assert wealth(stage, vault, ALICE) <= before - amount * 17 // SHARES
    assert amount * 17 // SHARES <= wealth(stage, vault, BOB) - bobs <= amount * 17 // SHARES + 1
