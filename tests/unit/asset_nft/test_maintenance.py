"""The maintenance log: signed by a technician whom the owner named, only ever added to.

logMaintenance
├── relayed by anybody; all of it on record; next due
├── refused: no permission, ended permission, other key, other place in the log, other asset
└── refused: in the future, due before done, no hash, a long address
"""

from __future__ import annotations

from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from tests.unit.asset_nft.stage import (
    ALICE,
    ANYBODY,
    BATTERY,
    BOB,
    CAROL,
    CHAIN_ID,
    MAINTAINER,
    NEVER,
    OPERATOR,
    START,
    AssetStage,
    refusal,
)

ENTRY = (3, START - 100, START + 1_000, CAROL.address, keccak(text="report"), "ipfs://bafy")
NAMES = ("kind", "doneAt", "nextDueAt", "technician", "contentHash", "uri")


def changed(**changes: Any) -> tuple[Any, ...]:
    """The entry with other values."""
    return tuple(changes.get(name, value) for name, value in zip(NAMES, ENTRY, strict=True))


@pytest.fixture
def asset_id(stage: AssetStage) -> int:
    """An asset whose technician is Carol."""
    asset = stage.register(stage.meter())
    stage.assets.send(ALICE.address, "setPermission", asset, MAINTAINER, CAROL.address, NEVER)
    return asset


def log(stage: AssetStage, asset_id: int, entry: Any = ENTRY, signer: Any = CAROL) -> None:
    """Sign and relay an entry."""
    signature = signer.sign(stage.assets.ask("maintenanceDigest", asset_id, entry))
    stage.assets.send(ANYBODY, "logMaintenance", asset_id, entry, signature)


def test_log__all_of_it_on_record(stage: AssetStage, asset_id: int) -> None:
    log(stage, asset_id)
    (event,) = stage.assets.events("MaintenanceLogged")
    assert tuple(event.arguments.values()) == (
        asset_id, 0, CAROL.address, 3, START - 100, START + 1_000, ENTRY[4], ENTRY[5],
    )  # fmt: skip
    assert stage.assets.ask("assetOf", asset_id).nextDueAt == START + 1_000
    log(stage, asset_id, changed(nextDueAt=0, uri=""))

    assert stage.assets.ask("maintenanceCount", asset_id) == 2
    assert tuple(stage.assets.ask("maintenanceAt", asset_id, 0)) == ENTRY
    assert tuple(stage.assets.ask("maintenanceAt", asset_id, 1)) == changed(nextDueAt=0, uri="")
    assert stage.assets.ask("assetOf", asset_id).nextDueAt == 0


def test_log__typed_data_as_documented(stage: AssetStage, asset_id: int) -> None:
    log(stage, asset_id)
    names = (
        "assetId:uint256 index:uint256 kind:uint8 doneAt:uint40 nextDueAt:uint40 "
        "technician:address contentHash:bytes32 uri:string"
    )
    fields = [dict(zip(("name", "type"), one.split(":"), strict=True)) for one in names.split()]
    message = dict(zip((one["name"] for one in fields), (asset_id, 1, *ENTRY), strict=True))
    typed = encode_typed_data(
        {
            "name": "energy-grid EnergyAssetNFT",
            "version": "1",
            "chainId": CHAIN_ID,
            "verifyingContract": stage.assets.address,
        },
        {"AssetMaintenance": fields},
        message,
    )
    expected = keccak(b"\x19" + typed.version + typed.header + typed.body)

    assert stage.assets.ask("maintenanceDigest", asset_id, ENTRY) == expected


def test_log__without_the_permission__refused(stage: AssetStage, asset_id: int) -> None:
    stage.assets.send(ALICE.address, "setPermission", asset_id, OPERATOR, BOB.address, NEVER)
    for technician in (BOB, ALICE):
        with refusal("PermissionMissing", permission=MAINTAINER, account=technician.address):
            log(stage, asset_id, changed(technician=technician.address), technician)
    stage.assets.send(ALICE.address, "setPermission", asset_id, MAINTAINER, CAROL.address, START)
    with refusal("PermissionMissing", permission=MAINTAINER, account=CAROL.address):
        log(stage, asset_id)


def test_log__after_a_sale__the_new_owner_names_his_technicians(
    stage: AssetStage, asset_id: int
) -> None:
    stage.release(asset_id)
    stage.transfer(asset_id, ALICE, BOB)
    with refusal("PermissionMissing", permission=MAINTAINER, account=CAROL.address):
        log(stage, asset_id)


def test_log__signed_by_another_or_for_another_place__refused(
    stage: AssetStage, asset_id: int
) -> None:
    other = stage.register(stage.meter(BOB), BOB, (BATTERY, 1, b"u33d", START))
    stage.assets.send(BOB.address, "setPermission", other, MAINTAINER, CAROL.address, NEVER)
    signature = CAROL.sign(stage.assets.ask("maintenanceDigest", asset_id, ENTRY))
    for place, entry, by in (
        (asset_id, ENTRY, BOB.sign(stage.assets.ask("maintenanceDigest", asset_id, ENTRY))),
        (asset_id, ENTRY, b""),
        (asset_id, changed(contentHash=keccak(text="other")), signature),
        (asset_id, changed(uri="ipfs://other"), signature),
        (other, ENTRY, signature),
    ):
        with refusal("ConsentInvalid", account=CAROL.address):
            stage.assets.send(ANYBODY, "logMaintenance", place, entry, by)
    stage.assets.send(ANYBODY, "logMaintenance", asset_id, ENTRY, signature)
    with refusal("ConsentInvalid", account=CAROL.address):
        stage.assets.send(ANYBODY, "logMaintenance", asset_id, ENTRY, signature)


@pytest.mark.parametrize(
    ("changes", "name", "arguments"),
    [
        ({"doneAt": START + 1}, "TimeInFuture", {"given": START + 1, "allowed": START}),
        (
            {"nextDueAt": START - 100},
            "DueBeforeDone",
            {"given": START - 100, "doneAt": START - 100},
        ),
        ({"contentHash": bytes(32)}, "ZeroAssetField", {}),
        ({"uri": "x" * 257}, "UriTooLong", {"given": 257, "allowed": 256}),
    ],
)
def test_log__what_makes_no_sense__refused(stage, asset_id, changes, name, arguments) -> None:
    with refusal(name, **arguments):
        log(stage, asset_id, changed(**changes))


def test_log__of_an_asset_that_does_not_exist__refused(stage: AssetStage) -> None:
    with refusal("ERC721NonexistentToken", tokenId=5):
        log(stage, 5)
