"""Registering an asset and binding its meter.

registerAsset
├── all of it on record; the asset is the meter's owner's
├── refused: no rating, a cell that is no geohash, commissioned tomorrow, meter unknown or removed
├── consent: of the owner, for exactly this, once, until its deadline
└── meters: what generates needs proof of production, what does not stands behind a connection
an account's production counts for one asset
bindingOf → the connection, also behind a PRODUCTION meter
roles → REGISTRAR alone
"""

from __future__ import annotations

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from energy_grid.eip712 import MeterKind
from tests.unit.asset_nft.stage import (
    ALICE,
    ANYBODY,
    ASSET_FUNCTIONS,
    BATTERY,
    BOB,
    CHAIN_ID,
    FIRST_DAY,
    HEAT_AND_POWER,
    NEVER,
    OTHER,
    RATED_W,
    REGISTRAR,
    SLOTS_PER_DAY,
    SOLAR,
    SPEC,
    START,
    ZERO,
    AssetStage,
    refusal,
)
from tests.utils.revm import Refused

STORAGE, PRODUCTION = MeterKind.CONNECTION_WITH_STORAGE, MeterKind.PRODUCTION
FIRST_SLOT = FIRST_DAY * SLOTS_PER_DAY


def test_register__all_of_it_on_record(stage: AssetStage) -> None:
    device = stage.meter()
    asset_id = stage.register(device)
    events = [event.name for event in stage.assets.all_events()]

    assert asset_id == 1
    assert events == ["Transfer", "AssetRegistered", "MeterBound", "MetadataUpdate"]
    assert stage.assets.ask("ownerOf", 1) == ALICE.address
    spec, *rest = stage.assets.ask("assetOf", 1)
    assert tuple(spec) == SPEC
    assert rest == [device.meter_id, 0, 0, 0]
    assert stage.bindings(1) == [(device.meter_id, FIRST_SLOT, 0)]
    assert stage.assets.ask("generatorOf", ALICE.address) == 1
    assert stage.assets.ask("totalSupply") == 1
    assert stage.assets.ask("assetOf", 2)[0][1] == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({1: 0}, ("ZeroAssetField", {"field": b"ratedW".ljust(32, b"\0")})),
        ({2: b"u3ad"}, ("CellInvalid", {"given": b"u3ad"})),
        ({2: b'u3"d'}, ("CellInvalid", {"given": b'u3"d'})),
        ({2: b"u3d\0"}, ("CellInvalid", {"given": b"u3d\0"})),
        ({2: b"u3d\xf0"}, ("CellInvalid", {"given": b"u3d\xf0"})),
        ({3: START + 1}, ("TimeInFuture", {"given": START + 1, "allowed": START})),
    ],
)
def test_register__what_makes_no_sense__refused(stage, changes, error) -> None:
    spec = tuple(changes.get(place, value) for place, value in enumerate(SPEC))
    with refusal(error[0], **error[1]):
        stage.register(stage.meter(), spec=spec)


def test_register__every_geohash_digit_and_no_other(stage: AssetStage) -> None:
    device, good = stage.meter(), []
    for character in range(256):
        spec = (SOLAR, 1, b"u33" + bytes([character]), START)
        try:
            stage.register(device, spec=spec)
        except Refused as error:
            if error.name == "CellInvalid":
                continue
            assert error.name == "AccountHasGenerator"  # the check behind this one
        good.append(chr(character))
    assert "".join(good) == "0123456789bcdefghjkmnpqrstuvwxyz"


def test_register__meter_unknown_or_removed__refused(stage: AssetStage) -> None:
    device = stage.meter()
    stage.remove(device)
    with refusal("MeterNotInUse", meterId=device.meter_id, status=3):
        stage.register(device)
    with pytest.raises(Refused, match=keccak(text="UnknownMeter(uint256)")[:4].hex()):
        stage.assets.send(REGISTRAR, "registerAsset", SPEC, 99, NEVER, b"")


def test_register__before_commissioning__slots_do_not_count(stage: AssetStage) -> None:
    spec = (SOLAR, RATED_W, b"u33d", START + 901)
    device = stage.meter()
    stage.chain.at(START + 901)
    stage.register(device, spec=spec)

    assert stage.bindings(1) == [(device.meter_id, FIRST_SLOT + 2, 0)]


# --- consent --------------------------------------------------------------------------------------


def test_consent__typed_data_as_documented(stage: AssetStage) -> None:
    device = stage.meter()
    names = (
        "assetId:uint256 kind:uint8 ratedW:uint32 cell:bytes4 commissionedAt:uint40 "
        "meterId:uint32 owner:address nonce:uint256 deadline:uint40"
    )
    fields = [dict(zip(("name", "type"), one.split(":"), strict=True)) for one in names.split()]
    values = (7, *SPEC, device.meter_id, ALICE.address, 0, 12_345)
    message = dict(zip((field["name"] for field in fields), values, strict=True))
    typed = encode_typed_data(
        {
            "name": "energy-grid EnergyAssetNFT",
            "version": "1",
            "chainId": CHAIN_ID,
            "verifyingContract": stage.assets.address,
        },
        {"AssetBinding": fields},
        message,
    )
    expected = keccak(b"\x19" + typed.version + typed.header + typed.body)

    assert stage.assets.ask("consentDigest", 7, SPEC, device.meter_id, 12_345) == expected


def test_consent__of_somebody_else_or_for_something_else__refused(stage: AssetStage) -> None:
    device = stage.meter()
    other = (SOLAR, RATED_W + 1, b"u33d", SPEC[3])
    for consent in (
        stage.consent(BOB, 0, SPEC, device.meter_id),
        stage.consent(ALICE, 0, other, device.meter_id),
        stage.consent(ALICE, 1, SPEC, device.meter_id),
        b"",
    ):
        with refusal("ConsentInvalid", account=ALICE.address):
            stage.assets.send(REGISTRAR, "registerAsset", SPEC, device.meter_id, NEVER, consent)


def test_consent__serves_once(stage: AssetStage) -> None:
    device = stage.meter()
    spec = (OTHER, 1, b"u33d", START)
    consent = stage.consent(ALICE, 0, spec, device.meter_id)
    arguments = ("registerAsset", spec, device.meter_id, NEVER, consent)
    stage.assets.send(REGISTRAR, *arguments)

    with refusal("ConsentInvalid", account=ALICE.address):
        stage.assets.send(REGISTRAR, *arguments)


def test_consent__after_its_deadline__refused(stage: AssetStage) -> None:
    device = stage.meter()
    digest = stage.assets.ask("consentDigest", 0, SPEC, device.meter_id, START)
    arguments = ("registerAsset", SPEC, device.meter_id, START, ALICE.sign(digest))
    stage.chain.at(START + 1)
    with refusal("ConsentExpired", given=START + 1, deadline=START):
        stage.assets.send(REGISTRAR, *arguments)
    stage.chain.at(START)
    stage.assets.send(REGISTRAR, *arguments)


# --- meters ---------------------------------------------------------------------------------------


def test_generating__behind_storage__needs_a_production_meter(stage: AssetStage) -> None:
    connection = stage.meter(kind=STORAGE)
    with refusal("ExportProvesNothing", meterId=connection.meter_id):
        stage.register(connection)

    roof = stage.meter(kind=PRODUCTION)
    asset_id = stage.register(roof)

    assert tuple(stage.assets.ask("bindingOf", asset_id)) == (ALICE.address, connection.meter_id)


def test_battery__behind_a_connection_alone__several_of_them(stage: AssetStage) -> None:
    spec = (BATTERY, 5_000, b"u33d", START)
    connection, roof = stage.meter(kind=STORAGE), stage.meter(kind=PRODUCTION)
    with refusal("NotAConnectionMeter", meterId=roof.meter_id):
        stage.register(roof, spec=spec)
    ids = [stage.register(connection, spec=spec), stage.register(connection, spec=spec)]

    for asset_id in ids:
        assert tuple(stage.assets.ask("bindingOf", asset_id)) == (
            ALICE.address,
            connection.meter_id,
        )
    assert stage.assets.ask("generatorOf", ALICE.address) == 0


def test_generating__second_of_an_account__refused(stage: AssetStage) -> None:
    """Also behind another meter of the account: the connection's export contains the roof's."""
    first = stage.register(stage.meter())
    roof = stage.meter(kind=PRODUCTION)
    for kind in range(HEAT_AND_POWER + 1):
        with refusal("AccountHasGenerator", account=ALICE.address, assetId=first):
            stage.register(roof, spec=(kind, 1, b"u33d", START))


def test_binding_of__asset_that_does_not_exist__refused(stage: AssetStage) -> None:
    with refusal("ERC721NonexistentToken", tokenId=1):
        stage.assets.ask("bindingOf", 1)


def test_roles__registrar_alone(stage: AssetStage) -> None:
    calls = {
        "registerAsset": (SPEC, 1, NEVER, b""),
        "bindMeter": (1, 1, NEVER, b""),
        "releaseMeter": (1,),
    }
    assert set(calls) == set(ASSET_FUNCTIONS)
    for function, arguments in calls.items():
        for caller in (ANYBODY, ALICE.address):
            with refusal("AccessManagedUnauthorized", caller=caller):
                stage.assets.send(caller, function, *arguments)


def test_constructor__without_meters__refused(stage: AssetStage) -> None:
    with pytest.raises(RuntimeError, match=keccak(text="ZeroAssetField(bytes32)")[:4].hex()):
        stage.chain.deploy("EnergyAssetNFT", stage.manager.address, ZERO)
