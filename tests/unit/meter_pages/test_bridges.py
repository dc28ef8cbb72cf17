"""appointBridge, suspendBridge, joinBridge, joinBridgeWithConsent, leaveBridge

├── appointBridge, suspendBridge: not the registrar: AccessManagedUnauthorized
├── appointBridge: zero, active already: errors; else active, with an id for ever
├── suspendBridge: unknown or suspended: BridgeNotActive
├── joining: unknown meter, neither owner nor device, bridge not active, boundary off the grid or
│   out of range: errors
├── consent: another key, used before, or older than the last change: errors
└── leaving: by owner or device, at once; not in a bridge: NotInBridge
"""

from __future__ import annotations

import pytest

from energy_grid.eip712 import digest, domain
from energy_grid.pages import PageConsent
from energy_grid.units import MeterId, UnixSeconds
from tests.unit.meter_pages.street import DAY, FIRST_SLOT, SLOT, Street, somebody

UNKNOWN, ACTIVE, SUSPENDED = 0, 1, 2
NOBODY = "0x" + "0" * 40


@pytest.mark.parametrize("function", ["appointBridge", "suspendBridge"])
def test_appoint_and_suspend__not_the_registrar__is_unauthorised(
    street: Street, function: str
) -> None:
    error, facts = street.refuses("anybody", function, somebody("bridge"))

    assert (error, facts["caller"]) == ("AccessManagedUnauthorized", somebody("anybody"))


def test_appoint_bridge__new__is_active_with_the_next_id(street: Street) -> None:
    street.send("registrar", "appointBridge", somebody("third"))

    (event,) = street.events("BridgeAppointed")
    assert (event.bridge, event.bridgeId) == (somebody("third"), 3)
    assert tuple(street.meters.ask("bridgeInfo", somebody("third"))) == (ACTIVE, 3)
    assert tuple(street.meters.ask("bridgeInfo", somebody("anybody"))) == (UNKNOWN, 0)


def test_appoint_bridge__zero_or_active__is_refused(street: Street) -> None:
    assert street.refuses("registrar", "appointBridge", NOBODY) == ("ZeroBridge", {})
    assert street.refuses("registrar", "appointBridge", somebody("bridge")) == (
        "BridgeActive",
        {"bridge": somebody("bridge")},
    )


def test_suspend_bridge__active__until_appointed_again_with_its_id(street: Street) -> None:
    street.send("registrar", "suspendBridge", somebody("bridge"))
    (event,) = street.events("BridgeSuspended")
    assert (event.bridge, event.meterId) == (somebody("bridge"), 0)
    assert tuple(street.meters.ask("bridgeInfo", somebody("bridge"))) == (SUSPENDED, 1)

    street.send("registrar", "appointBridge", somebody("bridge"))

    assert tuple(street.meters.ask("bridgeInfo", somebody("bridge"))) == (ACTIVE, 1)


@pytest.mark.parametrize(("name", "status"), [("anybody", UNKNOWN), ("bridge", SUSPENDED)])
def test_suspend_bridge__not_active__is_refused(street: Street, name: str, status: int) -> None:
    if status == SUSPENDED:
        street.send("registrar", "suspendBridge", somebody(name))

    assert street.refuses("registrar", "suspendBridge", somebody(name)) == (
        "BridgeNotActive",
        {"bridge": somebody(name), "status": status},
    )


@pytest.mark.parametrize("by", ["owner", "device"])
def test_join_bridge__by_owner_or_device__is_on_record(street: Street, by: str) -> None:
    device = street.register("anna")
    caller = "anna" if by == "owner" else "meter of anna"

    street.send(caller, "joinBridge", device.meter_id, somebody("bridge"), DAY + SLOT)

    (event,) = street.events("BridgeJoined")
    assert (event.meterId, event.bridge, event.fromBoundary) == (
        device.meter_id,
        somebody("bridge"),
        DAY + SLOT,
    )
    assert tuple(street.meters.ask("pageMeter", device.meter_id)) == (
        somebody("bridge"),
        DAY + SLOT,
        0,
        0,
    )


def test_join_bridge__not_the_owner__is_refused(street: Street) -> None:
    device = street.register("anna")

    for caller in ("bridge", "registrar", "anybody"):
        assert street.refuses(
            caller, "joinBridge", device.meter_id, somebody("bridge"), DAY + SLOT
        ) == ("NotMeterOwner", {"meterId": device.meter_id, "caller": somebody(caller)})
    assert street.refuses("anna", "joinBridge", 99, somebody("bridge"), DAY)[0] == "UnknownMeter"


@pytest.mark.parametrize(("name", "status"), [("anybody", UNKNOWN), ("bridge", SUSPENDED)])
def test_join_bridge__bridge_not_active__is_refused(street: Street, name: str, status: int) -> None:
    device = street.register("anna")
    if status == SUSPENDED:
        street.send("registrar", "suspendBridge", somebody("bridge"))

    assert street.refuses("anna", "joinBridge", device.meter_id, somebody(name), DAY + SLOT) == (
        "BridgeNotActive",
        {"bridge": somebody(name), "status": status},
    )


def test_join_bridge__boundary_off_the_grid_or_out_of_range__is_refused(street: Street) -> None:
    device = street.register("anna")
    street.after(0)
    earliest, latest = DAY - 86_400, DAY + 7 * 86_400

    assert street.refuses("anna", "joinBridge", device.meter_id, somebody("bridge"), DAY + 1) == (
        "TimestampMisaligned",
        {"given": DAY + 1, "unit": SLOT},
    )
    for boundary in (earliest - SLOT, latest + SLOT):
        assert street.refuses(
            "anna", "joinBridge", device.meter_id, somebody("bridge"), boundary
        ) == (
            "BoundaryOutOfRange",
            {"given": boundary, "earliest": earliest, "latest": latest},
        )
    street.send("anna", "joinBridge", device.meter_id, somebody("bridge"), earliest)
    street.send("anna", "joinBridge", device.meter_id, somebody("bridge"), latest)


def test_join_bridge__another_one__replaces_it(street: Street) -> None:
    (device,) = street.settle_in("anna")

    street.send("anna", "joinBridge", device.meter_id, somebody("other bridge"), DAY + 2 * SLOT)

    found = street.meters.ask("pageMeter", device.meter_id)
    assert (found.bridge, found.sinceBoundary) == (somebody("other bridge"), DAY + 2 * SLOT)


def test_join_bridge_with_consent__signed_by_the_device__anybody_may_bring_it(
    street: Street,
) -> None:
    device = street.register("anna")
    consent = PageConsent(device.meter_id, somebody("bridge"), UnixSeconds(DAY + SLOT))
    digests = (
        street.meters.ask("pageConsentDigest", consent.as_tuple()),
        digest(consent, domain(street.chain_id, street.meters.address)),
    )

    street.send("anybody", "joinBridgeWithConsent", consent.as_tuple(), device.signature(consent))

    assert digests[0] == digests[1]
    assert street.meters.ask("pageMeter", device.meter_id).bridge == somebody("bridge")


def test_join_bridge_with_consent__another_key__is_refused(street: Street) -> None:
    device, other = street.register("anna"), street.register("bert")
    consent = PageConsent(device.meter_id, somebody("bridge"), UnixSeconds(DAY + SLOT))
    unknown = PageConsent(MeterId(77), somebody("bridge"), UnixSeconds(DAY + SLOT))

    # The owner's key is not the device's either: owners send the transaction themselves.
    for signature in (other.signature(consent), street.sign(consent, "anna")):
        error, facts = street.refuses(
            "anybody", "joinBridgeWithConsent", consent.as_tuple(), signature
        )
        assert (error, facts["meterId"]) == ("WrongDeviceKey", device.meter_id)
    assert street.refuses(
        "anybody", "joinBridgeWithConsent", unknown.as_tuple(), device.signature(unknown)
    ) == ("UnknownMeter", {"meterId": 77})


def test_join_bridge_with_consent__again_or_after_leaving__works_once(street: Street) -> None:
    device = street.register("anna")
    consent = PageConsent(device.meter_id, somebody("bridge"), UnixSeconds(DAY + 40 * SLOT))
    arguments = (consent.as_tuple(), device.signature(consent))
    street.send("anybody", "joinBridgeWithConsent", *arguments)

    assert street.refuses("anybody", "joinBridgeWithConsent", *arguments)[0] == (
        "BoundaryOutOfRange"
    )
    street.after(3)
    street.send("anna", "leaveBridge", device.meter_id)
    assert street.refuses("anybody", "joinBridgeWithConsent", *arguments)[0] == (
        "BoundaryOutOfRange"
    )


@pytest.mark.parametrize("caller", ["anna", "meter of anna"])
def test_leave_bridge__owner_or_device__no_page_reports_it_any_more(
    street: Street, caller: str
) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))

    street.send(caller, "leaveBridge", device.meter_id)

    (event,) = street.events("BridgeLeft")
    assert (event.meterId, event.bridge) == (device.meter_id, somebody("bridge"))
    now_slot = FIRST_SLOT + 5
    assert tuple(street.meters.ask("pageMeter", device.meter_id)) == (
        NOBODY,
        (now_slot + 1) * SLOT,
        0,
        0,
    )
    assert street.reveal(page) == 0
    assert street.skipped() == [(device.meter_id, 0, 1)]


def test_leave_bridge__not_the_owner_or_not_in_one__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    free = street.register("bert")

    assert street.refuses("bridge", "leaveBridge", device.meter_id)[0] == "NotMeterOwner"
    assert street.refuses("bert", "leaveBridge", free.meter_id) == (
        "NotInBridge",
        {"meterId": free.meter_id},
    )
