"""When the market is wound down, holders get all that the account of their vault holds"""

from __future__ import annotations

from tests.unit.asset_nft.stage import ALICE, ANYBODY, GOVERNOR
from tests.unit.asset_shares.stage import (
    BOB,
    FEED_IN_A_WH,
    MONEY,
    OPEN,
    RESERVE,
    SECURITY,
    ZONE,
    ShareStage,
)


def test_collect__market_wound_down__reserve_deposit_and_claims_to_the_unit(
    stage: ShareStage,
) -> None:
    vault, device = stage.running()
    vault.send(ALICE.address, "transfer", BOB.address, 400)
    earned = stage.earn(vault, device, 500)
    assert vault.send(ANYBODY, "collect", MONEY) == earned
    stage.settlement.send(GOVERNOR, "windDown")

    # There is nothing to work for any more.
    assert vault.send(ANYBODY, "collect", MONEY) == RESERVE
    stage.earn(vault, device, 100)  # the slot that had begun
    stage.settlement.send(ANYBODY, "closeAccounts", [vault.address])
    assert vault.send(ANYBODY, "collect", MONEY) == SECURITY
    stage.settlement.send(ANYBODY, "closeNext", 100)
    stage.settlement.send(ANYBODY, "finalizeZone", ZONE)
    stage.settlement.send(ANYBODY, "payExits", [vault.address])
    assert vault.send(ANYBODY, "collect", MONEY) == 100 * FEED_IN_A_WH

    total = SECURITY + RESERVE + 600 * FEED_IN_A_WH
    assert vault.send(ANYBODY, "claim", MONEY, ALICE.address) == total * 6 // 10
    assert vault.send(ANYBODY, "claim", MONEY, BOB.address) == total * 4 // 10
    assert stage.balance(vault.address) == 0
    assert vault.ask("status") == OPEN
