"""deactivateMeter, releaseQuarantine and the registry's views.

deactivateMeter
├── caller without the REGISTRAR role: AccessManagedUnauthorized
├── unknown id: UnknownMeter; deactivated before: MeterNotActive
└── active or quarantined: DEACTIVATED for ever, slots stay readable, no connection any more

releaseQuarantine
├── caller without the REGISTRAR role: AccessManagedUnauthorized
├── unknown id: UnknownMeter; not quarantined: MeterNotQuarantined
└── quarantined: ACTIVE, readings count again, conflicts up to then are judged
"""

from __future__ import annotations

import ape
import pytest

from tests.unit.smart_meter.devices import (
    ACTIVE,
    DEACTIVATED,
    MEASURED,
    QUARANTINED,
    only_events,
)


@pytest.fixture
def conflicting(register, relayer, at, day_start):
    """A quarantined meter, its last accepted reading, and the one that conflicts with it."""
    device = register()
    at(day_start + 7_200)
    accepted = device.advance(100, 50)
    device.submit(accepted, relayer)
    conflict = device.reading(import_wh=accepted.import_wh + 1)
    device.submit(conflict, relayer)
    return device, accepted, conflict


def test_deactivate_meter__active__is_final(
    smart_meter, register, registrar, relayer, owner, at, day_start, first_slot
):
    device = register()
    at(day_start + 7_200)
    device.submit(device.advance(100, 50), relayer)

    receipt = smart_meter.deactivateMeter(1, sender=registrar)

    only_events(receipt, (smart_meter.MeterDeactivated, {"meterId": 1}))
    assert smart_meter.meterInfo(1).status == DEACTIVATED
    assert smart_meter.slotEnergy(1, first_slot) == (100, 50, MEASURED)
    assert tuple(smart_meter.connectionOf(owner)) == (0, 0, 0, 0)
    with ape.reverts(smart_meter.MeterNotActive, meterId=1, status=DEACTIVATED):
        device.submit(device.advance(1, 1), relayer)
    with ape.reverts(smart_meter.MeterNotActive, meterId=1, status=DEACTIVATED):
        smart_meter.deactivateMeter(1, sender=registrar)


def test_deactivate_meter__quarantined__is_final(smart_meter, conflicting, registrar):
    smart_meter.deactivateMeter(1, sender=registrar)

    assert smart_meter.meterInfo(1).status == DEACTIVATED
    with ape.reverts(smart_meter.MeterNotQuarantined, meterId=1, status=DEACTIVATED):
        smart_meter.releaseQuarantine(1, sender=registrar)


@pytest.mark.parametrize("meter_id", [0, 2])
def test_deactivate_meter__unknown__reverts(smart_meter, register, registrar, meter_id):
    register()

    with ape.reverts(smart_meter.UnknownMeter, meterId=meter_id):
        smart_meter.deactivateMeter(meter_id, sender=registrar)


@pytest.mark.parametrize("role", ["owner", "relayer", "device_account"])
def test_deactivate_meter__unauthorised__is_auth_protected(smart_meter, register, request, role):
    register()
    caller = request.getfixturevalue(role)

    with ape.reverts(smart_meter.AccessManagedUnauthorized, caller=caller.address):
        smart_meter.deactivateMeter(1, sender=caller)


def test_release_quarantine__quarantined__readings_count_again(
    smart_meter, conflicting, registrar, relayer, chain, first_slot
):
    device, _, _ = conflicting
    assert smart_meter.meterInfo(1).status == QUARANTINED

    receipt = smart_meter.releaseQuarantine(1, sender=registrar)

    only_events(receipt, (smart_meter.MeterReleased, {"meterId": 1}))
    info = smart_meter.meterInfo(1)
    assert info.status == ACTIVE
    assert info.releasedAt == chain.blocks[receipt.block_number].timestamp
    assert device.submit(device.advance(7, 3), relayer).return_value is True
    assert smart_meter.slotEnergy(1, first_slot + 1) == (7, 3, MEASURED)


def test_release_quarantine__judged_conflict__does_not_count_again(
    smart_meter, conflicting, registrar, relayer
):
    device, accepted, conflict = conflicting
    smart_meter.releaseQuarantine(1, sender=registrar)
    released_at = smart_meter.meterInfo(1).releasedAt

    with ape.reverts(smart_meter.ConflictAlreadyJudged, meterId=1, releasedAt=released_at):
        device.submit(conflict, relayer)
    with ape.reverts(smart_meter.ConflictAlreadyJudged, meterId=1, releasedAt=released_at):
        smart_meter.reportEquivocation(
            accepted.as_tuple(),
            device.signature(accepted),
            conflict.as_tuple(),
            device.signature(conflict),
            sender=relayer,
        )
    assert smart_meter.meterInfo(1).status == ACTIVE


def test_release_quarantine__later_conflict__quarantines_again(
    smart_meter, conflicting, registrar, relayer, at, day_start
):
    device, _, _ = conflicting
    smart_meter.releaseQuarantine(1, sender=registrar)
    at(day_start + 14_400)
    device.submit(device.advance(100, 100, slots=12), relayer)

    device.submit(device.reading(export_wh=device.export_wh + 1), relayer)

    assert smart_meter.meterInfo(1).status == QUARANTINED


def test_release_quarantine__not_quarantined__reverts(smart_meter, register, registrar):
    register()

    with ape.reverts(smart_meter.MeterNotQuarantined, meterId=1, status=ACTIVE):
        smart_meter.releaseQuarantine(1, sender=registrar)
    with ape.reverts(smart_meter.UnknownMeter, meterId=2):
        smart_meter.releaseQuarantine(2, sender=registrar)


@pytest.mark.parametrize("role", ["owner", "relayer", "device_account"])
def test_release_quarantine__unauthorised__is_auth_protected(
    smart_meter, conflicting, request, role
):
    caller = request.getfixturevalue(role)

    with ape.reverts(smart_meter.AccessManagedUnauthorized, caller=caller.address):
        smart_meter.releaseQuarantine(1, sender=caller)
    assert smart_meter.meterInfo(1).status == QUARANTINED


def test_views__nothing_registered__are_empty_or_revert(smart_meter, relayer):
    assert smart_meter.meterCount() == 0
    assert smart_meter.meterOf(relayer) == 0
    assert smart_meter.metersOf(relayer) == (0, 0)
    assert tuple(smart_meter.connectionOf(relayer)) == (0, 0, 0, 0)
    for view in (smart_meter.meterInfo, smart_meter.latestReading, smart_meter.stretchCount):
        with ape.reverts(smart_meter.UnknownMeter, meterId=1):
            view(1)
    for view in (
        smart_meter.slotEnergy,
        smart_meter.registersAt,
        smart_meter.dailyProduction,
        smart_meter.dailyConsumption,
        smart_meter.stretchAt,
    ):
        with ape.reverts(smart_meter.UnknownMeter, meterId=1):
            view(1, 0)


def test_domain__is_that_of_the_specification(smart_meter, chain):
    _, name, version, chain_id, contract, salt, extensions = smart_meter.eip712Domain()

    assert (name, version) == ("energy-grid SmartMeter", "1")
    assert (chain_id, contract) == (chain.chain_id, smart_meter.address)
    assert (salt, extensions) == (b"\0" * 32, [])
