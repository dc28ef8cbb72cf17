"""Offers for all shares

offer: open only; taken into escrow; lower than 5 % more; outbid; after one that failed or passed
vote: votes of the second before; twice; bought later; delegated; after the end; outbid
closeOffer: too early; not accepted; accepted: same price for every share, money of the account
redeem and refunds: never stopped by an offer
after a sale: receipts, who is paid first, the buyer's trading
"""

from __future__ import annotations

import pytest

from tests.unit.asset_nft.stage import ALICE, ANYBODY, ZERO, refusal
from tests.unit.asset_shares.stage import (
    BOB,
    CAROL,
    COIN,
    DAVE,
    MANAGER,
    MONEY,
    OPEN,
    RESERVE,
    SECURITY,
    SHARES,
    SOLD,
    WINDOW,
    ShareStage,
)
from tests.utils.revm import Contract

PRICE = 1_000 * COIN


@pytest.fixture
def vault(stage: ShareStage) -> Contract:
    """Alice has 600 shares, Bob 250, Carol 150; since yesterday."""
    vault = stage.locked()
    vault.send(ALICE.address, "transfer", BOB.address, 250)
    vault.send(ALICE.address, "transfer", CAROL.address, 150)
    stage.pass_seconds(86_400)
    return vault


def test_offer__first__in_escrow_with_a_week_to_vote(stage: ShareStage, vault: Contract) -> None:
    motion = stage.offer(vault, DAVE, PRICE)

    (event,) = vault.events("OfferMade")
    ends_at = stage.chain.now + WINDOW
    assert dict(event.arguments) == {
        "motionId": motion, "bidder": DAVE.address, "amount": PRICE, "endsAt": ends_at,
    }  # fmt: skip
    assert vault.ask("openOffer") == motion
    asked = vault.ask("motion", motion)
    assert (asked.snapshot, asked.votes) == (stage.chain.now - 1, 0)
    assert stage.balance(vault.address) == PRICE
    # An escrow is no revenue.
    assert vault.send(ANYBODY, "collect", MONEY) == 0


def test_offer__before_the_asset_is_locked__refused(stage: ShareStage) -> None:
    vault = stage.create()
    with refusal("WrongStatus", given=0, allowed=OPEN):
        stage.offer(vault, DAVE, PRICE)


def test_offer__nothing_or_less_than_five_percent_more__refused(
    stage: ShareStage, vault: Contract
) -> None:
    with refusal("OfferTooLow", given=0, lowest=1):
        vault.send(DAVE.address, "offer", 0)
    stage.offer(vault, DAVE, 101)
    # 5 % of 101, rounded up against the new bidder.
    with refusal("OfferTooLow", given=106, lowest=107):
        stage.offer(vault, BOB, 106)

    stage.offer(vault, BOB, 107)

    (event,) = vault.events("OfferEnded")
    assert dict(event.arguments) == {"motionId": 1, "bidder": DAVE.address, "amount": 101}
    assert vault.ask("refundOf", DAVE.address) == 101


def test_offer__outbid__escrow_comes_back_and_its_vote_is_over(
    stage: ShareStage, vault: Contract
) -> None:
    """A dust offer, even one that a majority wants, stands in nobody's way."""
    dust = stage.offer(vault, ALICE, 1)
    vault.send(ALICE.address, "vote", dust)
    vault.send(BOB.address, "vote", dust)

    stage.offer(vault, CAROL, PRICE)

    with refusal("MotionNotOpen", motionId=dust):
        vault.send(CAROL.address, "vote", dust)
    assert vault.send(ALICE.address, "takeRefund", ALICE.address) == 1
    assert stage.balance(ALICE.address) == 1
    with refusal("NothingToClaim", holder=ALICE.address):
        vault.send(ALICE.address, "takeRefund", ALICE.address)
    with refusal("NotTransferable", to=vault.address):
        vault.send(CAROL.address, "takeRefund", vault.address)


def test_vote__shares_got_later__count_for_who_had_them(stage: ShareStage, vault: Contract) -> None:
    """Borrowed for a transaction, or in the very second of the offer: no votes."""
    vault.send(ALICE.address, "transfer", DAVE.address, 600)
    motion = stage.offer(vault, DAVE, PRICE)

    with refusal("NoVotes", motionId=motion, voter=DAVE.address):
        vault.send(DAVE.address, "vote", motion)
    assert vault.send(ALICE.address, "vote", motion) == 600
    with refusal("NoVotes", motionId=motion, voter=ALICE.address):
        vault.send(ALICE.address, "vote", motion)


def test_vote__delegated__with_the_delegate(stage: ShareStage, vault: Contract) -> None:
    vault.send(BOB.address, "delegate", DAVE.address)
    stage.pass_seconds(1)
    motion = stage.offer(vault, DAVE, PRICE)

    assert vault.send(DAVE.address, "vote", motion) == 250
    with refusal("NoVotes", motionId=motion, voter=BOB.address):
        vault.send(BOB.address, "vote", motion)
    (event,) = stage_events(stage, vault, "vote", motion)
    assert dict(event.arguments) == {
        "motionId": motion, "voter": ALICE.address, "votes": 600,
    }  # fmt: skip


def stage_events(stage: ShareStage, vault: Contract, function: str, motion: int) -> list[object]:
    vault.send(ALICE.address, function, motion)
    return list(vault.events("VoteCast"))


def test_vote__unknown_or_over__refused(stage: ShareStage, vault: Contract) -> None:
    with refusal("MotionNotOpen", motionId=9):
        vault.send(ALICE.address, "vote", 9)
    motion = stage.offer(vault, DAVE, PRICE)
    stage.pass_seconds(WINDOW)
    with refusal("VoteEnded", given=stage.chain.now, endsAt=stage.chain.now):
        vault.send(ALICE.address, "vote", motion)


def test_closeOffer__none_or_too_early__refused(stage: ShareStage, vault: Contract) -> None:
    with refusal("MotionNotOpen", motionId=0):
        vault.send(ANYBODY, "closeOffer")
    stage.offer(vault, DAVE, PRICE)
    for person in (ALICE, BOB, CAROL):
        vault.send(person.address, "vote", 1)
    # However many are for it, others have their time to offer more.
    with refusal("VoteNotEnded", given=stage.chain.now, endsAt=stage.chain.now + WINDOW):
        vault.send(ANYBODY, "closeOffer")


def test_closeOffer__one_share_short_of_three_quarters__fails(
    stage: ShareStage, vault: Contract
) -> None:
    vault.send(CAROL.address, "transfer", BOB.address, 1)
    stage.pass_seconds(1)
    motion = stage.offer(vault, DAVE, PRICE)
    vault.send(ALICE.address, "vote", motion)
    vault.send(CAROL.address, "vote", motion)  # 749 of 1,000
    stage.pass_seconds(WINDOW)

    assert vault.send(ANYBODY, "closeOffer") is False

    assert (vault.ask("status"), vault.ask("openOffer")) == (OPEN, 0)
    assert vault.send(DAVE.address, "takeRefund", DAVE.address) == PRICE
    (event,) = vault.events("RefundPaid")
    assert dict(event.arguments) == {
        "bidder": DAVE.address, "to": DAVE.address, "amount": PRICE,
    }  # fmt: skip
    # Any price may follow it.
    stage.offer(vault, DAVE, 1)


def test_offer__after_one_that_failed_or_passed__ends_it_or_waits(
    stage: ShareStage, vault: Contract
) -> None:
    stage.offer(vault, DAVE, PRICE)
    stage.pass_seconds(WINDOW)
    second = stage.offer(vault, CAROL, 1)
    assert vault.ask("refundOf", DAVE.address) == PRICE
    vault.send(ALICE.address, "vote", second)
    vault.send(CAROL.address, "vote", second)
    stage.pass_seconds(WINDOW)
    with refusal("OfferAccepted", motionId=second):
        stage.offer(vault, DAVE, PRICE)
    assert vault.send(ANYBODY, "closeOffer") is True


def sell(stage: ShareStage, vault: Contract, price: int = PRICE) -> None:
    """Dave buys with the votes of Alice and Carol."""
    motion = stage.offer(vault, DAVE, price)
    vault.send(ALICE.address, "vote", motion)
    vault.send(CAROL.address, "vote", motion)
    stage.pass_seconds(WINDOW)
    assert vault.send(ANYBODY, "closeOffer") is True


def test_closeOffer__accepted__every_share_gets_the_same_and_the_asset_goes(
    stage: ShareStage, vault: Contract
) -> None:
    asset_id = vault.ask("assetId")
    stage.give(vault.address, 10)  # revenue that nobody has collected yet

    sell(stage, vault)

    (event,) = vault.events("VaultEnded")
    assert dict(event.arguments) == {"status": SOLD, "owner": DAVE.address, "holdersDue": 0}
    for person, shares in ((ALICE, 600), (BOB, 250), (CAROL, 150)):
        amount = (PRICE + 10) * shares // SHARES
        assert vault.send(ANYBODY, "claim", MONEY, person.address) == amount
        assert vault.ask("balanceOf", person.address) == shares  # a receipt
        with refusal("NotTransferable", to=DAVE.address):
            vault.send(person.address, "transfer", DAVE.address, 1)
    vault.send(DAVE.address, "takeAsset", asset_id, DAVE.address)
    assert stage.assets.ask("ownerOf", asset_id) == DAVE.address
    for call in (("offer", 1), ("closeOffer",), ("redeem",), ("vote", 1)):
        with refusal("WrongStatus", given=SOLD, allowed=OPEN):
            vault.send(ALICE.address, *call)


def test_closeOffer__money_of_the_account__holders_first(stage: ShareStage) -> None:
    """Reserve and security deposit stood in it: the buyer gets what comes after them."""
    vault, device = stage.running()
    vault.send(ALICE.address, "transfer", CAROL.address, 400)
    stage.earn(vault, device, 1_000)
    vault.send(MANAGER.address, "nameDelegate", BOB.address)
    stage.pass_seconds(1)

    sell(stage, vault)

    due = SECURITY + RESERVE + 80_000
    assert vault.ask("holdersDue") == due
    assert stage.market.ask("delegateOf", vault.address) == ZERO
    # Until then the buyer names no one who could lose it in trades.
    for call in (("nameDelegate", DAVE.address), ("postSecurity",)):
        with refusal("HoldersComeFirst", due=due):
            vault.send(DAVE.address, *call)
    vault.send(ANYBODY, "collect", MONEY)
    assert vault.ask("holdersDue") == SECURITY
    assert vault.ask("claimable", MONEY, DAVE.address) == 0
    # The security deposit stays where it is; the buyer pays it out and keeps it.
    stage.give(vault.address, SECURITY + 7)
    vault.send(ANYBODY, "collect", MONEY)
    (event,) = vault.events("RevenueAssigned")
    assert dict(event.arguments) == {"kind": MONEY, "owner": DAVE.address, "amount": 7}
    assert vault.ask("holdersDue") == 0
    assert vault.send(ANYBODY, "claim", MONEY, ALICE.address) == (PRICE + due) * 6 // 10
    assert vault.send(ANYBODY, "claim", MONEY, CAROL.address) == (PRICE + due) * 4 // 10
    vault.send(DAVE.address, "nameDelegate", DAVE.address)
    assert stage.market.ask("delegateOf", vault.address) == DAVE.address


def test_redeem__an_offer_stands__it_ends(stage: ShareStage, vault: Contract) -> None:
    stage.offer(vault, DAVE, PRICE)
    for person, shares in ((BOB, 250), (CAROL, 150)):
        vault.send(person.address, "transfer", ALICE.address, shares)

    vault.send(ALICE.address, "redeem")

    assert vault.send(DAVE.address, "takeRefund", CAROL.address) == PRICE
    assert stage.balance(CAROL.address) == PRICE
    assert vault.send(ANYBODY, "collect", MONEY) == 0
