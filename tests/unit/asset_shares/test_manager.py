"""Who runs the asset, and what counts as signed by the vault

consentToBinding and isValidSignature: manager; own meter; own asset; another manager; after the end
nameDelegate, postSecurity, setPermission: manager only
proposeManager, vote, enactManager: 1 %, more than half, once, in time
takeAsset: owner only
"""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from tests.unit.asset_nft.stage import (
    ALICE,
    ANYBODY,
    MAINTAINER,
    NEVER,
    REGISTRAR,
    SPEC,
    WIND,
    ZERO,
    refusal,
)
from tests.unit.asset_shares.stage import (
    BOB,
    CAROL,
    DAVE,
    MANAGER,
    OPEN,
    REDEEMED,
    SHARES,
    WINDOW,
    ShareStage,
)

VALID, INVALID = bytes.fromhex("1626ba7e"), b"\xff" * 4


def test_isValidSignature__only_what_the_manager_consented_to(stage: ShareStage) -> None:
    vault = stage.locked()
    device = stage.meter_for(vault)
    asset_id = vault.ask("assetId")
    digest = stage.assets.ask("consentDigest", asset_id, SPEC, device.meter_id, NEVER)
    assert vault.ask("isValidSignature", digest, b"") == INVALID

    # The asset's own data are signed, whatever is given here.
    other = (WIND, *SPEC[1:])
    answer = vault.send(MANAGER.address, "consentToBinding", other, device.meter_id, NEVER)

    assert answer == digest
    assert vault.ask("isValidSignature", digest, b"") == VALID
    assert vault.ask("isValidSignature", keccak(digest), b"") == INVALID
    stage.assets.send(REGISTRAR, "bindMeter", asset_id, device.meter_id, NEVER, b"")
    # Used: the vault's nonce has moved, so this digest is never asked for again.
    assert stage.assets.ask("consentDigest", asset_id, SPEC, device.meter_id, NEVER) != digest


def test_bindMeter__manager_has_not_consented__refused(stage: ShareStage) -> None:
    vault = stage.locked()
    device = stage.meter_for(vault)
    with refusal("ConsentInvalid", account=vault.address):
        stage.assets.send(
            REGISTRAR, "bindMeter", vault.ask("assetId"), device.meter_id, NEVER, b"\x01" * 65
        )


def test_consentToBinding__another_account_or_meter__refused(stage: ShareStage) -> None:
    vault = stage.locked()
    own, foreign = stage.meter_for(vault), stage.meter(BOB)

    for caller in (ANYBODY, ALICE.address):
        with refusal("NotAllowed", caller=caller, allowed=MANAGER.address):
            vault.send(caller, "consentToBinding", SPEC, own.meter_id, NEVER)
    with refusal("MeterNotOurs", meterId=foreign.meter_id, meterOwner=BOB.address):
        vault.send(MANAGER.address, "consentToBinding", SPEC, foreign.meter_id, NEVER)


def test_consentToBinding__manager_replaced_or_vault_ended__no_longer_valid(
    stage: ShareStage,
) -> None:
    vault = stage.locked()
    device = stage.meter_for(vault)
    digest = vault.send(MANAGER.address, "consentToBinding", SPEC, device.meter_id, NEVER)
    stage.pass_seconds(1)
    motion = vault.send(ALICE.address, "proposeManager", ALICE.address)
    vault.send(ALICE.address, "vote", motion)
    vault.send(ANYBODY, "enactManager", motion)
    assert vault.ask("isValidSignature", digest, b"") == INVALID

    vault.send(ALICE.address, "consentToBinding", SPEC, device.meter_id, NEVER)
    assert vault.ask("isValidSignature", digest, b"") == VALID
    vault.send(ALICE.address, "redeem")
    assert vault.ask("isValidSignature", digest, b"") == INVALID
    with refusal("WrongStatus", given=REDEEMED, allowed=OPEN):
        vault.send(ALICE.address, "consentToBinding", SPEC, device.meter_id, NEVER)


@pytest.mark.parametrize("call", (
    ("nameDelegate", BOB.address),
    ("postSecurity",),
    ("setPermission", MAINTAINER, BOB.address, NEVER),
))  # fmt: skip
def test_manager_functions__others__refused(stage: ShareStage, call: tuple[object, ...]) -> None:
    vault = stage.locked()
    for caller in (ALICE.address, ANYBODY):
        with refusal("NotAllowed", caller=caller, allowed=MANAGER.address):
            vault.send(caller, *call)


def test_takeAsset__before_the_end__refused_to_everybody(stage: ShareStage) -> None:
    vault = stage.locked()
    for caller in (ALICE.address, MANAGER.address):
        with refusal("NotAllowed", caller=caller, allowed=ZERO):
            vault.send(caller, "takeAsset", vault.ask("assetId"), caller)


def test_setPermission__by_the_manager__reaches_the_asset(stage: ShareStage) -> None:
    vault = stage.locked()
    vault.send(MANAGER.address, "setPermission", MAINTAINER, BOB.address, NEVER)
    assert stage.assets.ask("hasPermission", vault.ask("assetId"), MAINTAINER, BOB.address)


def test_proposeManager__too_few_votes_or_nobody__refused(stage: ShareStage) -> None:
    vault = stage.locked()
    vault.send(ALICE.address, "transfer", BOB.address, 9)
    stage.pass_seconds(1)
    with refusal("TooFewVotes", given=9, required=SHARES // 100):
        vault.send(BOB.address, "proposeManager", BOB.address)
    with refusal("ZeroVaultField", field=b"candidate".ljust(32, b"\0")):
        vault.send(ALICE.address, "proposeManager", ZERO)


def test_enactManager__more_than_half__new_manager_and_no_old_key(stage: ShareStage) -> None:
    vault = stage.locked()
    vault.send(MANAGER.address, "nameDelegate", DAVE.address)
    vault.send(ALICE.address, "transfer", BOB.address, 500)
    vault.send(BOB.address, "transfer", CAROL.address, 1)
    stage.pass_seconds(1)
    motion = vault.send(BOB.address, "proposeManager", CAROL.address)
    (event,) = vault.events("ManagerProposed")
    assert dict(event.arguments) == {
        "motionId": motion, "candidate": CAROL.address, "proposer": BOB.address,
        "endsAt": stage.chain.now + WINDOW,
    }  # fmt: skip
    vault.send(ALICE.address, "vote", motion)
    with refusal("TooFewVotes", given=500, required=501):
        vault.send(ANYBODY, "enactManager", motion)
    vault.send(CAROL.address, "vote", motion)

    vault.send(ANYBODY, "enactManager", motion)

    (event,) = vault.events("ManagerChanged")
    assert dict(event.arguments) == {
        "oldManager": MANAGER.address, "newManager": CAROL.address,
    }  # fmt: skip
    assert vault.ask("manager") == CAROL.address
    assert stage.market.ask("delegateOf", vault.address) == ZERO
    with refusal("VoteEnded", given=stage.chain.now, endsAt=stage.chain.now):
        vault.send(ANYBODY, "enactManager", motion)


def test_enactManager__an_offer_or_too_late__refused(stage: ShareStage) -> None:
    vault = stage.locked()
    stage.pass_seconds(1)
    offered = stage.offer(vault, DAVE, 1)
    vault.send(ALICE.address, "vote", offered)
    with refusal("MotionNotOpen", motionId=offered):
        vault.send(ANYBODY, "enactManager", offered)
    motion = vault.send(ALICE.address, "proposeManager", ALICE.address)
    vault.send(ALICE.address, "vote", motion)
    stage.pass_seconds(WINDOW)
    with refusal("VoteEnded", given=stage.chain.now, endsAt=stage.chain.now):
        vault.send(ANYBODY, "enactManager", motion)
