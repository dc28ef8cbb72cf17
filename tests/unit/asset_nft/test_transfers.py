"""Whose an asset is, and what a transfer ends.

transfers
├── while the meter is in use (active or quarantined): MeterStillEarns, by any way and by anybody
├── once it is removed or released: the asset moves, its binding has ended, its history stays
├── the new owner's meter continues the history
└── to oneself: the meter stays
retireAsset → like a transfer, by the owner or who he approved
bindMeter, releaseMeter → each refusal
permissions and ERC-4907 use → as granted, until they expire, end with each transfer
resource register → an asset counts while its binding holds
"""

from __future__ import annotations

import pytest

from energy_grid.eip712 import MeterKind
from tests.unit.asset_nft.stage import (
    ALICE,
    ANYBODY,
    BATTERY,
    BOB,
    CAROL,
    DATA_READER,
    FIRST_DAY,
    MAINTAINER,
    NEVER,
    OPERATOR,
    REGISTRAR,
    SLOTS_PER_DAY,
    START,
    ZERO,
    AssetStage,
    refusal,
)

FIRST_SLOT = FIRST_DAY * SLOTS_PER_DAY


@pytest.mark.parametrize("quarantined", [False, True])
def test_transfer__meter_in_use__refused(stage: AssetStage, quarantined: bool) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    if quarantined:
        stage.read(device, [1])
        at = device.slot * 900
        stage.meters.send(device.address, "submitReading", (at, 0, 2, 0, 0))
    stage.assets.send(ALICE.address, "approve", CAROL.address, asset_id)
    owners = (ALICE.address, BOB.address, asset_id)
    calls = (
        (ALICE.address, "transferFrom", owners),
        (CAROL.address, "transferFrom", owners),
        (ALICE.address, "safeTransferFrom", (*owners, b"")),
        (ALICE.address, "retireAsset", (asset_id,)),
    )
    for sender, function, arguments in calls:
        with refusal(
            "MeterStillEarns",
            assetId=asset_id,
            meterId=device.meter_id,
            meterOwner=ALICE.address,
        ):
            stage.assets.send(sender, function, *arguments)


def test_transfer__battery_too(stage: AssetStage) -> None:
    asset_id = stage.register(stage.meter(), spec=(BATTERY, 1, b"u33d", START))
    with refusal("MeterStillEarns"):
        stage.transfer(asset_id, ALICE, BOB)


def test_transfer__meter_removed__history_goes_along_and_goes_on(stage: AssetStage) -> None:
    old = stage.meter()
    asset_id = stage.register(old)
    stage.read(old, [10] * 40)
    stage.remove(old)
    stage.transfer(asset_id, ALICE, BOB)
    (released,) = stage.assets.events("MeterReleased")
    assert released.arguments["toSlot"] == FIRST_SLOT + 40
    assert stage.assets.ask("generatorOf", ALICE.address) == 0
    assert tuple(stage.assets.ask("bindingOf", asset_id)) == (BOB.address, 0)

    new = stage.meter(BOB, first_slot=FIRST_SLOT + 30)  # he has had it for a while
    stage.bind(asset_id, new, BOB)
    stage.read(new, [1] * 66)
    stage.day_is_final(FIRST_DAY)

    assert stage.bindings(asset_id)[1] == (new.meter_id, FIRST_SLOT + 40, 0)
    assert stage.record(asset_id) == 400 + 56
    assert stage.assets.ask("generatorOf", BOB.address) == asset_id


def test_transfer__released__the_old_owners_meter_no_longer_counts(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    stage.read(device, [10] * 40)
    stage.release(asset_id)
    stage.transfer(asset_id, ALICE, BOB)
    stage.read(device, [10] * 56)
    stage.day_is_final(FIRST_DAY)

    assert stage.record(asset_id) == 41 * 10
    with refusal(
        "MeterOfAnother",
        meterId=device.meter_id,
        meterOwner=ALICE.address,
        assetOwner=BOB.address,
    ):
        stage.bind(asset_id, device)


def test_transfer__to_oneself__keeps_the_meter(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    stage.transfer(asset_id, ALICE, ALICE)
    assert stage.assets.ask("assetOf", asset_id).meterId == device.meter_id


def test_transfer__to_a_contract_that_takes_no_tokens__refused(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    stage.release(asset_id)
    with refusal("ERC721InvalidReceiver", receiver=stage.manager.address):
        stage.assets.send(
            ALICE.address, "safeTransferFrom", ALICE.address, stage.manager.address, asset_id, b""
        )


def test_retire__by_owner_or_approved_alone(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    stage.remove(device)
    with refusal("ERC721InsufficientApproval", operator=BOB.address, tokenId=asset_id):
        stage.assets.send(BOB.address, "retireAsset", asset_id)
    stage.assets.send(ALICE.address, "setApprovalForAll", BOB.address, True)
    stage.assets.send(BOB.address, "retireAsset", asset_id)

    assert stage.assets.ask("totalSupply") == 0
    assert stage.assets.ask("generatorOf", ALICE.address) == 0
    for function, arguments in (("retireAsset", ()), ("bindMeter", (1, NEVER, b""))):
        sender = ALICE.address if function == "retireAsset" else REGISTRAR
        with refusal("ERC721NonexistentToken", tokenId=asset_id):
            stage.assets.send(sender, function, asset_id, *arguments)


def test_bind_and_release__in_the_wrong_order__refused(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    with refusal("AlreadyBound", assetId=asset_id, meterId=device.meter_id):
        stage.bind(asset_id, device)
    stage.release(asset_id)
    with refusal("NotBound", assetId=asset_id):
        stage.release(asset_id)


def test_bind__64_times_and_no_more(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    for _ in range(63):
        stage.release(asset_id)
        stage.bind(asset_id, device)
    stage.release(asset_id)
    with refusal("TooManyBindings", assetId=asset_id, allowed=64):
        stage.bind(asset_id, device)


# --- permissions ----------------------------------------------------------------------------------


def holds(stage: AssetStage, permission: int, asset_id: int = 1) -> bool:
    """Whether Carol has a permission now."""
    found: bool = stage.assets.ask("hasPermission", asset_id, permission, CAROL.address)
    return found


def test_permission__as_granted_until_it_expires(stage: AssetStage) -> None:
    asset_id = stage.register(stage.meter())
    for permission in (OPERATOR, MAINTAINER, DATA_READER):
        arguments = (asset_id, permission, CAROL.address, START + 10)
        stage.assets.send(ALICE.address, "setPermission", *arguments)
        (event,) = stage.assets.events("PermissionSet")
        assert (event.arguments["expiresAt"], event.arguments["epoch"]) == (START + 10, 0)
        held = [holds(stage, one) for one in (OPERATOR, MAINTAINER, DATA_READER)]
        assert held == [one <= permission for one in (OPERATOR, MAINTAINER, DATA_READER)]

    stage.assets.send(ALICE.address, "setPermission", asset_id, OPERATOR, CAROL.address, 0)
    stage.assets.send(CAROL.address, "renouncePermission", asset_id, DATA_READER)
    assert not holds(stage, OPERATOR)
    assert not holds(stage, DATA_READER)
    stage.chain.at(START + 9)
    assert holds(stage, MAINTAINER)
    stage.chain.at(START + 10)
    assert not holds(stage, MAINTAINER)
    with refusal("PermissionMissing", permission=MAINTAINER, account=CAROL.address):
        stage.assets.send(CAROL.address, "renouncePermission", asset_id, MAINTAINER)


def test_permission__by_the_owner_alone(stage: AssetStage) -> None:
    asset_id = stage.register(stage.meter())
    stage.assets.send(ALICE.address, "setPermission", asset_id, OPERATOR, CAROL.address, NEVER)
    stage.assets.send(ALICE.address, "setApprovalForAll", BOB.address, True)
    for caller in (CAROL.address, BOB.address, REGISTRAR, ANYBODY):
        with refusal("NotAssetOwner", caller=caller, owner=ALICE.address):
            stage.assets.send(caller, "setPermission", asset_id, OPERATOR, BOB.address, NEVER)
    with refusal("ZeroAssetField", field=b"account".ljust(32, b"\0")):
        stage.assets.send(ALICE.address, "setPermission", asset_id, OPERATOR, ZERO, NEVER)


def test_permission_and_use__end_with_a_transfer_and_do_not_come_back(stage: AssetStage) -> None:
    asset_id = stage.register(stage.meter())
    stage.release(asset_id)
    for permission in (OPERATOR, MAINTAINER, DATA_READER):
        arguments = (asset_id, permission, CAROL.address, NEVER)
        stage.assets.send(ALICE.address, "setPermission", *arguments)
    stage.assets.send(ALICE.address, "setUser", asset_id, CAROL.address, NEVER)
    stage.transfer(asset_id, ALICE, BOB)
    assert [event.name for event in stage.assets.all_events()] == [
        "Transfer",
        "PermissionsEnded",
        "UpdateUser",
    ]
    stage.transfer(asset_id, BOB, ALICE)

    assert not any(holds(stage, one) for one in (OPERATOR, MAINTAINER, DATA_READER))
    assert stage.assets.ask("userOf", asset_id) == ZERO
    assert stage.assets.ask("userExpires", asset_id) == 0


def test_user__until_the_last_second__set_by_owner_or_approved(stage: AssetStage) -> None:
    asset_id = stage.register(stage.meter())
    stage.assets.send(ALICE.address, "approve", BOB.address, asset_id)
    stage.assets.send(BOB.address, "setUser", asset_id, CAROL.address, START + 5)
    with refusal("ERC721InsufficientApproval", operator=CAROL.address, tokenId=asset_id):
        stage.assets.send(CAROL.address, "setUser", asset_id, CAROL.address, NEVER)

    stage.chain.at(START + 5)
    assert stage.assets.ask("userOf", asset_id) == CAROL.address
    stage.chain.at(START + 6)
    assert stage.assets.ask("userOf", asset_id) == ZERO
    assert stage.assets.ask("userExpires", asset_id) == START + 5


def test_interfaces__those_it_has(stage: AssetStage) -> None:
    ids = ("01ffc9a7", "80ac58cd", "5b5e139f", "780e9d63", "49064906", "ad092b5c")
    for one in ids:
        assert stage.assets.ask("supportsInterface", bytes.fromhex(one)), one
    assert not stage.assets.ask("supportsInterface", b"\xff" * 4)


# --- register of resources ------------------------------------------------------------------------


def test_resources__bound_by_the_asset_while_its_binding_holds(stage: AssetStage) -> None:
    grid = stage.chain.deploy(
        "GridResourcesHarness",
        stage.manager.address,
        stage.meters.address,
        stage.meters.address,
        stage.assets.address,
    )
    stage.meter(kind=MeterKind.CONNECTION_WITH_STORAGE)
    roof = stage.meter(kind=MeterKind.PRODUCTION)
    asset_id = stage.register(roof)
    resource = (0, 0, asset_id, (0, 8_000, 8_800, 0, 0, 0, 0))
    with refusal("NotAssetOwner", caller=BOB.address, owner=ALICE.address):
        grid.send(BOB.address, "registerResource", resource)
    grid.send(ALICE.address, "registerResource", resource)
    assert grid.ask("resourceOf", 1).isActive

    stage.release(asset_id)
    assert not grid.ask("resourceOf", 1).isActive
    stage.bind(asset_id, roof)
    assert grid.ask("resourceOf", 1).isActive
    stage.remove(roof)
    stage.transfer(asset_id, ALICE, BOB)
    assert not grid.ask("resourceOf", 1).isActive
