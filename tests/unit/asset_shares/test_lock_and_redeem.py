"""Locking an asset, the way back by all shares

createVault: terms without shares or manager; any caller; genuine or not
lock: founder only; once; approved; registered for the vault; another's asset
redeem: all shares; fewer; then asset, revenue, reserve
"""

from __future__ import annotations

from tests.unit.asset_nft.stage import (
    ALICE,
    ANYBODY,
    NEVER,
    REGISTRAR,
    SPEC,
    ZERO,
    Person,
    refusal,
)
from tests.unit.asset_shares.stage import (
    BOB,
    EMPTY,
    FEED_IN_A_WH,
    MANAGER,
    MONEY,
    OPEN,
    REDEEMED,
    RESERVE,
    SECURITY,
    SHARES,
    ShareStage,
)


def test_createVault__anybody__genuine_and_as_fixed(stage: ShareStage) -> None:
    vault = stage.create(BOB)

    assert stage.vaults.ask("isVault", vault.address)
    assert not stage.vaults.ask("isVault", stage.token.address)
    assert stage.vaults.ask("vaultAt", stage.vaults.ask("vaultCount") - 1) == vault.address
    assert stage.vaults.ask("vaultAt", stage.vaults.ask("vaultCount")) == ZERO
    assert tuple(vault.ask("terms")) == (SHARES, RESERVE, MANAGER.address)
    assert (vault.ask("status"), vault.ask("totalSupply"), vault.ask("decimals")) == (EMPTY, 0, 0)
    assert (vault.ask("founder"), vault.ask("owner")) == (BOB.address, ZERO)


def test_createVault__missing_terms__refused(stage: ShareStage) -> None:
    for terms, field in (((0, 0, BOB.address), b"shares"), ((1, 0, ZERO), b"manager")):
        with refusal("ZeroVaultField", field=field.ljust(32, b"\0")):
            stage.vaults.send(ANYBODY, "createVault", terms)


def test_lock__approved_asset__all_shares_to_the_founder(stage: ShareStage) -> None:
    vault, asset_id = stage.create(), stage.asset()
    stage.assets.send(ALICE.address, "approve", vault.address, asset_id)

    vault.send(ALICE.address, "lock", asset_id)

    (event,) = vault.events("AssetLocked")
    assert dict(event.arguments) == {
        "assetId": asset_id, "founder": ALICE.address, "shares": SHARES,
    }  # fmt: skip
    assert stage.assets.ask("ownerOf", asset_id) == vault.address
    assert vault.ask("balanceOf", ALICE.address) == vault.ask("totalSupply") == SHARES
    assert vault.ask("getVotes", ALICE.address) == SHARES
    assert (vault.ask("status"), vault.ask("assetId")) == (OPEN, asset_id)
    with refusal("WrongStatus", given=OPEN, allowed=EMPTY):
        vault.send(ALICE.address, "lock", asset_id)


def test_lock__not_the_founder_or_not_approved__refused(stage: ShareStage) -> None:
    vault, asset_id = stage.create(BOB), stage.asset()

    with refusal("NotAllowed", caller=ALICE.address, allowed=BOB.address):
        vault.send(ALICE.address, "lock", asset_id)
    assert stage.assets.ask("ownerOf", asset_id) == ALICE.address


def test_lock__asset_registered_for_the_vault__needs_no_approval(stage: ShareStage) -> None:
    vault = stage.create()
    device = stage.meter_for(vault)
    vault.send(MANAGER.address, "consentToBinding", SPEC, device.meter_id, NEVER)
    asset_id = stage.assets.send(
        REGISTRAR, "registerAsset", SPEC, device.meter_id, NEVER, b"anything"
    )

    vault.send(ALICE.address, "lock", asset_id)

    assert tuple(stage.assets.ask("bindingOf", asset_id)) == (vault.address, device.meter_id)
    assert vault.ask("balanceOf", ALICE.address) == SHARES


def test_redeem__fewer_than_all__refused(stage: ShareStage) -> None:
    vault = stage.locked()
    vault.send(ALICE.address, "transfer", BOB.address, 1)

    for person, shares in ((ALICE, SHARES - 1), (BOB, 1), (MANAGER, 0)):
        with refusal("NotAllShares", given=shares, required=SHARES):
            vault.send(person.address, "redeem")


def test_redeem__all_shares__asset_revenue_and_reserve_come_back(stage: ShareStage) -> None:
    vault, device = stage.running()
    asset_id = vault.ask("assetId")
    stage.earn(vault, device, 500)
    vault.send(ANYBODY, "collect", MONEY)
    vault.send(ALICE.address, "transfer", BOB.address, 400)
    vault.send(BOB.address, "transfer", ALICE.address, 400)

    vault.send(ALICE.address, "redeem")

    assert (vault.ask("status"), vault.ask("totalSupply")) == (REDEEMED, 0)
    assert vault.ask("owner") == vault.ask("manager") == ALICE.address
    with refusal("MeterStillEarns", assetId=asset_id):
        vault.send(ALICE.address, "takeAsset", asset_id, ALICE.address)
    # What the asset still earns is the owner's, and so is all that its account holds.
    later = stage.earn(vault, device, 300)
    assert later == 300 * FEED_IN_A_WH
    vault.send(ANYBODY, "collect", MONEY)
    stage.remove(device)
    vault.send(ANYBODY, "claim", MONEY, ALICE.address)
    assert stage.balance(ALICE.address) == 800 * FEED_IN_A_WH + RESERVE
    account = stage.account(vault.address)
    assert (account.free, account.locked, account.security) == (0, 0, SECURITY)
    assert stage.balance(vault.address) == 0
    with refusal("NotAllowed", caller=BOB.address, allowed=ALICE.address):
        vault.send(BOB.address, "takeAsset", asset_id, BOB.address)
    vault.send(ALICE.address, "takeAsset", asset_id, Person("carol").address)
    assert stage.assets.ask("ownerOf", asset_id) == Person("carol").address


def test_redeem__meter_handed_over_to_the_owner__security_deposit_comes_back(
    stage: ShareStage,
) -> None:
    vault, device = stage.running()
    asset_id = vault.ask("assetId")
    vault.send(ALICE.address, "redeem")
    stage.hand_over(device, BOB)
    stage.settlement.send(ANYBODY, "syncMeter", vault.address)
    stage.pass_seconds(3 * 86_400)
    for _ in range(2):
        stage.settlement.send(ANYBODY, "settle", vault.address, 2**28 - 1)
    assert not stage.account(vault.address).metered

    assert vault.send(ANYBODY, "collect", MONEY) == SECURITY + RESERVE

    vault.send(ANYBODY, "claim", MONEY, ALICE.address)
    assert stage.balance(ALICE.address) == SECURITY + RESERVE
    assert stage.account(vault.address).security == 0
    vault.send(ALICE.address, "takeAsset", asset_id, BOB.address)
    assert stage.assets.ask("ownerOf", asset_id) == BOB.address
