"""registerMeter
├── caller without the REGISTRAR role, owner and device included: AccessManagedUnauthorized
├── device key, owner or zone zero: ZeroField
├── signed by another key, for another contract or chain, or other content: WrongSigner
├── signature malformed or with high s: ECDSA...
├── key registered before, even if deactivated: DeviceKeyTaken
├── rating above 2^26 - 1 W: RatingTooHigh
├── register width too small or too large: RegisterWidthOutOfRange
├── baseline register at or above the width: BaselineAboveWidth
├── first slot too early or too late: FirstSlotOutOfRange
├── owner has such a meter: OwnerHasMeter
├── other zone than the owner's first meter: ZoneMismatch
├── PRODUCTION meter without active connection: ConnectionMissing
└── else: registered, event, views
"""

from __future__ import annotations

from dataclasses import replace

import ape
import pytest

from energy_grid.eip712 import MeterKind, digest, domain
from tests.unit.smart_meter.devices import (
    ACTIVE,
    CONNECTION_WITH_STORAGE,
    DAY_SECONDS,
    NARROW_CAP_WH,
    NARROW_RATING_W,
    PRODUCTION,
    REGISTER_WIDTH_WH,
    SLOTS_PER_DAY,
    WIDE_RATING_W,
    compact,
    high_s,
    only_events,
    private_key,
)

ZERO_ADDRESS = "0x" + "00" * 20
MAX_WIDTH_WH = 1 << 40
MAX_RATED_W = (1 << 26) - 1


def send(smart_meter, device, sender, *, signature=None):
    return smart_meter.registerMeter(
        device.registration.as_tuple(),
        signature or device.signature(device.registration),
        sender=sender,
    )


def test_register_meter__valid__is_on_record(
    smart_meter, registrar, prepare, midnight, owner, first_slot
):
    device = prepare()

    receipt = send(smart_meter, device, registrar)

    assert receipt.return_value == 1
    only_events(
        receipt,
        (
            smart_meter.MeterRegistered,
            {
                "meterId": 1,
                "deviceKey": device.address,
                "owner": str(owner.address),
                "zone": 1,
                "kind": 0,
                "ratedImportW": NARROW_RATING_W,
                "ratedExportW": NARROW_RATING_W,
                "registerWidthWh": REGISTER_WIDTH_WH,
                "firstSlot": first_slot,
                "importWh": 5_000_000,
                "exportWh": 1_000_000,
            },
        ),
    )
    assert smart_meter.meterCount() == 1
    assert smart_meter.meterOf(device.address) == 1
    assert smart_meter.metersOf(owner) == (1, 0)
    info = smart_meter.meterInfo(1)
    assert tuple(info) == (
        device.address,
        str(owner.address),
        1,
        0,
        ACTIVE,
        False,
        NARROW_RATING_W,
        NARROW_RATING_W,
        REGISTER_WIDTH_WH,
        first_slot,
        0,
        0,
        0,
    )
    assert tuple(smart_meter.latestReading(1)) == (
        1,
        0,
        first_slot * 900,
        5_000_000,
        1_000_000,
        0,
        0,
    )
    assert tuple(smart_meter.connectionOf(owner)) == (1, 1, NARROW_RATING_W, first_slot)


def test_register_meter__second_owner__gets_the_next_id(smart_meter, register, owner, other_owner):
    register("one")
    second = register("two", owner=str(other_owner.address), zone=9)

    assert second.meter_id == 2
    assert smart_meter.meterCount() == 2
    assert smart_meter.metersOf(other_owner) == (2, 0)
    assert smart_meter.connectionOf(other_owner).zone == 9


def test_register_meter__compact_signature__is_taken(smart_meter, registrar, prepare, midnight):
    device = prepare()

    send(smart_meter, device, registrar, signature=compact(device.signature(device.registration)))

    assert smart_meter.meterOf(device.address) == 1


@pytest.mark.parametrize(
    ("rated_import_w", "rated_export_w", "wide"),
    [
        (59_578, 59_578, False),
        (59_579, 0, True),
        (0, 59_579, True),
        (0, 0, False),
        (MAX_RATED_W, MAX_RATED_W, True),
    ],
)
def test_register_meter__rating__decides_the_lanes(
    smart_meter, register, rated_import_w, rated_export_w, wide
):
    device = register(
        rated_import_w=rated_import_w,
        rated_export_w=rated_export_w,
        register_width_wh=MAX_WIDTH_WH,
    )

    info = smart_meter.meterInfo(device.meter_id)
    assert info.wideLanes is wide
    assert (info.ratedImportW, info.ratedExportW) == (rated_import_w, rated_export_w)


@pytest.mark.parametrize("role", ["owner", "relayer", "device_account"])
def test_register_meter__unauthorised__is_auth_protected(
    smart_meter, prepare, midnight, request, role
):
    caller = request.getfixturevalue(role)
    device = prepare()

    with ape.reverts(smart_meter.AccessManagedUnauthorized, caller=caller.address):
        send(smart_meter, device, caller)


@pytest.mark.parametrize(
    ("field", "value"),
    [("device_key", ZERO_ADDRESS), ("owner", ZERO_ADDRESS), ("zone", 0)],
)
def test_register_meter__zero_field__reverts(
    smart_meter, registrar, prepare, midnight, field, value
):
    device = prepare()
    device.registration = replace(device.registration, **{field: value})
    name = {"device_key": b"deviceKey", "owner": b"owner", "zone": b"zone"}[field]

    with ape.reverts(smart_meter.ZeroField, field=name.ljust(32, b"\0")):
        send(smart_meter, device, registrar)


def test_register_meter__signed_by_another_key__reverts(smart_meter, registrar, prepare, midnight):
    device, thief = prepare("one"), prepare("thief")
    signature = device.signature(device.registration, key=thief.key)

    with ape.reverts(smart_meter.WrongSigner, signer=thief.address, expected=device.address):
        send(smart_meter, device, registrar, signature=signature)


def test_register_meter__other_content_than_signed__reverts(
    smart_meter, registrar, prepare, midnight, other_owner
):
    device = prepare()
    signature = device.signature(device.registration)
    device.registration = replace(device.registration, owner=str(other_owner.address))

    with ape.reverts(smart_meter.WrongSigner, expected=device.address):
        send(smart_meter, device, registrar, signature=signature)


@pytest.mark.parametrize("foreign", ["chain", "contract"])
def test_register_meter__signed_for_another_domain__reverts(
    smart_meter, registrar, prepare, midnight, signed_for_chain, chain, owner, foreign
):
    device = prepare()
    signature = signed_for_chain(
        device.registration,
        device.key,
        chain_id=int(chain.chain_id) + (foreign == "chain"),
        contract=str(owner.address if foreign == "contract" else smart_meter.address),
    )

    with ape.reverts(smart_meter.WrongSigner, expected=device.address):
        send(smart_meter, device, registrar, signature=signature)


def test_register_meter__malformed_signature__reverts(smart_meter, registrar, prepare, midnight):
    device = prepare()
    signature = device.signature(device.registration)

    with ape.reverts(smart_meter.ECDSAInvalidSignatureLength, length=63):
        send(smart_meter, device, registrar, signature=signature[:63])
    with ape.reverts(smart_meter.ECDSAInvalidSignatureS):
        send(smart_meter, device, registrar, signature=high_s(signature))
    with ape.reverts(smart_meter.ECDSAInvalidSignature):
        send(smart_meter, device, registrar, signature=signature[:64] + b"\x07")


def test_register_meter__key_in_use__reverts(
    smart_meter, registrar, register, prepare, other_owner
):
    register("one")
    again = prepare("one", owner=str(other_owner.address))

    with ape.reverts(smart_meter.DeviceKeyTaken, deviceKey=again.address, meterId=1):
        send(smart_meter, again, registrar)

    smart_meter.deactivateMeter(1, sender=registrar)
    with ape.reverts(smart_meter.DeviceKeyTaken, deviceKey=again.address, meterId=1):
        send(smart_meter, again, registrar)


@pytest.mark.parametrize("field", ["rated_import_w", "rated_export_w"])
def test_register_meter__rating_too_high__reverts(smart_meter, registrar, prepare, midnight, field):
    device = prepare(register_width_wh=MAX_WIDTH_WH, **{field: MAX_RATED_W + 1})

    with ape.reverts(smart_meter.RatingTooHigh, givenW=MAX_RATED_W + 1, allowedW=MAX_RATED_W):
        send(smart_meter, device, registrar)


def test_register_meter__register_width__has_bounds(smart_meter, registrar, prepare, midnight):
    smallest = NARROW_CAP_WH * 10 * SLOTS_PER_DAY

    for width in (smallest - 1, MAX_WIDTH_WH + 1):
        device = prepare(register_width_wh=width, import_wh=0, export_wh=0)
        with ape.reverts(
            smart_meter.RegisterWidthOutOfRange,
            givenWh=width,
            smallestWh=smallest,
            largestWh=MAX_WIDTH_WH,
        ):
            send(smart_meter, device, registrar)

    device = prepare(register_width_wh=smallest, import_wh=smallest - 1, export_wh=smallest - 1)
    send(smart_meter, device, registrar)
    assert smart_meter.meterInfo(1).registerWidthWh == smallest


@pytest.mark.parametrize("field", ["import_wh", "export_wh"])
def test_register_meter__baseline_above_width__reverts(
    smart_meter, registrar, prepare, midnight, field
):
    device = prepare(**{field: REGISTER_WIDTH_WH})

    with ape.reverts(
        smart_meter.BaselineAboveWidth,
        givenWh=REGISTER_WIDTH_WH,
        registerWidthWh=REGISTER_WIDTH_WH,
    ):
        send(smart_meter, device, registrar)


def test_register_meter__first_slot__has_bounds(
    smart_meter, registrar, prepare, at, next_block_at, day_start, first_slot
):
    at(day_start + DAY_SECONDS // 2)
    earliest = first_slot - SLOTS_PER_DAY + 1
    latest = first_slot + SLOTS_PER_DAY // 2 + 7 * SLOTS_PER_DAY

    for given in (earliest - 1, latest + 1):
        with ape.reverts(
            smart_meter.FirstSlotOutOfRange, given=given, earliest=earliest, latest=latest
        ):
            send(smart_meter, prepare(first_slot=given), registrar)

    send(smart_meter, prepare("early", first_slot=earliest), registrar)
    assert smart_meter.meterInfo(1).firstSlot == earliest


def test_register_meter__latest_first_slot__is_taken(smart_meter, register, first_slot):
    register(first_slot=first_slot + 7 * SLOTS_PER_DAY)

    assert smart_meter.meterInfo(1).firstSlot == first_slot + 7 * SLOTS_PER_DAY


def test_register_meter__owner_has_connection__reverts(
    smart_meter, registrar, register, prepare, owner
):
    register("one")

    with ape.reverts(smart_meter.OwnerHasMeter, owner=owner.address, meterId=1):
        send(
            smart_meter,
            prepare("two", kind=MeterKind(CONNECTION_WITH_STORAGE)),
            registrar,
        )


def test_register_meter__other_zone__reverts(smart_meter, registrar, register, prepare):
    register("one", zone=3)
    smart_meter.deactivateMeter(1, sender=registrar)

    with ape.reverts(smart_meter.ZoneMismatch, given=4, expected=3):
        send(smart_meter, prepare("two", zone=4), registrar)


def test_register_meter__production_without_connection__reverts(
    smart_meter, registrar, register, prepare, midnight, owner
):
    production = prepare("roof", kind=MeterKind(PRODUCTION))
    with ape.reverts(smart_meter.ConnectionMissing, owner=owner.address):
        send(smart_meter, production, registrar)

    register("one")
    smart_meter.deactivateMeter(1, sender=registrar)
    with ape.reverts(smart_meter.ConnectionMissing, owner=owner.address):
        send(smart_meter, production, registrar)


def test_register_meter__production_in_another_zone__reverts(
    smart_meter, registrar, register, prepare
):
    register("one", zone=3)

    with ape.reverts(smart_meter.ZoneMismatch, given=4, expected=3):
        send(smart_meter, prepare("roof", zone=4, kind=MeterKind(PRODUCTION)), registrar)


def test_register_meter__production_behind_connection__is_linked(
    smart_meter, registrar, register, prepare, owner, first_slot
):
    register("one", kind=MeterKind(CONNECTION_WITH_STORAGE))
    register("roof", kind=MeterKind(PRODUCTION), rated_export_w=WIDE_RATING_W)

    assert smart_meter.metersOf(owner) == (1, 2)
    assert tuple(smart_meter.connectionOf(owner)) == (1, 1, NARROW_RATING_W, first_slot)
    with ape.reverts(smart_meter.OwnerHasMeter, owner=owner.address, meterId=2):
        send(smart_meter, prepare("roof 2", kind=MeterKind(PRODUCTION)), registrar)


def test_register_meter__production__begins_after_the_connections_record(
    smart_meter, registrar, register, prepare, relayer, at, day_start, first_slot
):
    connection = register("one", kind=MeterKind(CONNECTION_WITH_STORAGE))
    at(day_start + 7_200)
    connection.submit(connection.advance(10, 10, slots=5), relayer)

    with ape.reverts(
        smart_meter.FirstSlotOutOfRange, given=first_slot + 4, earliest=first_slot + 5
    ):
        send(
            smart_meter,
            prepare("roof", kind=MeterKind(PRODUCTION), first_slot=first_slot + 4),
            registrar,
        )
    send(
        smart_meter,
        prepare("roof", kind=MeterKind(PRODUCTION), first_slot=first_slot + 5),
        registrar,
    )
    assert smart_meter.meterInfo(2).firstSlot == first_slot + 5


def test_register_meter__removed_without_successor__needs_an_announcement(
    smart_meter, registrar, register, prepare, relayer, owner, at, day_start, first_slot
):
    old = register("one")
    at(day_start + 7_200)
    old.submit(old.advance(10, 10, slots=5), relayer)
    smart_meter.deactivateMeter(1, sender=registrar)

    with ape.reverts(smart_meter.OwnerHasMeter, owner=owner.address, meterId=1):
        send(smart_meter, prepare("two", first_slot=first_slot + 7), registrar)


def test_register_meter__unknown_kind__reverts(smart_meter, registrar, prepare, midnight):
    device = prepare()
    fields = list(device.registration.as_tuple())
    fields[3] = 3

    with ape.reverts():
        smart_meter.registerMeter(fields, device.signature(device.registration), sender=registrar)
    assert smart_meter.meterCount() == 0


def test_register_meter__digest__is_that_of_the_python_core(smart_meter, prepare, chain):
    device = prepare("any", key=private_key("any"))

    assert smart_meter.registrationDigest(device.registration.as_tuple()) == digest(
        device.registration, domain(int(chain.chain_id), str(smart_meter.address))
    )
