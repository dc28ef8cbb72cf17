"""openSuccession

├── nothing announced, too early, too late, other terms, another signer, a key in use: refused
├── the new meter begins before or after the last reading of an active one: SlotsBetween
├── ... unless no reading for the slots between counts any more, or the old one is not active
├── a baseline in the future: FirstSlotOutOfRange
├── opened by anybody: one meter ends, the other begins; registers of both on record; once only
└── I-30, I-33, I-34: no slot lost, none twice, nothing interpolated from one meter to the other
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy_grid.units import Watt
from tests.unit.meter_pages.street import FIRST_SLOT, SLOT, somebody
from tests.unit.meter_succession.stage import (
    ANNOUNCED,
    CONNECTION,
    DAY_SECONDS,
    PRODUCTION,
    STORAGE,
    SuccessionStage,
    slot_at,
)
from tests.unit.smart_meter.devices import (
    ACTIVE,
    DEACTIVATED,
    ESTIMATED,
    MEASURED,
    MISSING,
    QUARANTINED,
)

OPEN = ANNOUNCED + DAY_SECONDS
OPEN_SLOT = slot_at(OPEN)
WEEK = 7 * DAY_SECONDS
MONTH = 30 * DAY_SECONDS


def ready(stage: SuccessionStage, owner: str = "anna", **changes):
    """A succession whose delay has passed and whose old meter was read just now."""
    device = stage.new(owner, **changes)
    stage.announce(device)
    stage.at(OPEN if owner == "anna" else ANNOUNCED + WEEK)
    stage.read_until(stage.old, slot_at(stage.street.chain.now))
    stage.begin(device, stage.old.slot, 77, 11)
    return device


def test_open_succession__epoch__one_meter_ends_and_the_other_begins(stage: SuccessionStage):
    new = ready(stage)

    assert stage.open(new) == 2

    (event,) = stage.street.events("MeterSucceeded")
    assert (event.meterId, event.successorId, event.owner) == (1, 2, somebody("anna"))
    assert (event.lastSlot, event.lastImportWh, event.lastExportWh) == (
        stage.old.slot,
        5_000_000,
        1_000_000,
    )
    assert (event.firstSlot, event.firstImportWh, event.firstExportWh) == (stage.old.slot, 77, 11)
    assert [one.meterId for one in stage.street.events("MeterDeactivated")] == [1]
    assert [one.meterId for one in stage.street.events("MeterRegistered")] == [2]
    assert stage.street.info(stage.old).status == DEACTIVATED
    assert stage.street.info(new).status == ACTIVE
    assert stage.street.info(new).previousMeterId == 1
    assert stage.ask("successorOf", 1) == 2
    assert tuple(stage.ask("metersOf", somebody("anna"))) == (2, 0)
    assert stage.ask("connectionOf", somebody("anna")).firstSlot == FIRST_SLOT
    assert stage.ask("successionOf", 1).announcedAt == 0
    assert stage.refuses("anybody", "openSuccession", *stage.opening(new)) == (
        "NothingAnnounced",
        {"meterId": 1},
    )


def test_open_succession__handover__the_account_changes_at_that_slot(stage: SuccessionStage):
    new = ready(stage, "bert")
    border = stage.old.slot
    stage.open(new)
    stage.read(new, 40, 3)

    assert stage.street.info(new).previousMeterId == 0
    assert stage.ask("connectionOf", somebody("anna")).meterId == 0
    connection = stage.ask("connectionOf", somebody("bert"))
    assert (connection.meterId, connection.firstSlot) == (2, border)
    first = border - FIRST_SLOT - 1
    assert [one[3] for one in stage.energies("anna", first, 3)] == [MISSING, MISSING, MISSING]
    assert stage.energies("bert", first, 3) == [
        (0, 0, 0, MISSING),
        (40, 3, 3, MEASURED),
        (0, 0, 0, MISSING),
    ]


def test_open_succession__slots_of_both_meters__none_lost_none_twice(stage: SuccessionStage):
    """I-30, I-33: over the epoch, each slot is the difference of one meter's two readings."""
    new = stage.new("anna")
    stage.announce(new)
    stage.at(OPEN)
    stage.read_until(stage.old, OPEN_SLOT - 2)
    stage.read(stage.old, 100, 10)
    stage.read(stage.old, 200, 20)
    stage.begin(new, stage.old.slot, 9, 0)
    stage.open(new)
    stage.read(new, 300, 30)
    stage.read(new, 400, 40)

    first = OPEN_SLOT - 2 - FIRST_SLOT
    assert stage.energies("anna", first, 5) == [
        (100, 10, 10, MEASURED),
        (200, 20, 20, MEASURED),
        (300, 30, 30, MEASURED),
        (400, 40, 40, MEASURED),
        (0, 0, 0, MISSING),
    ]
    registers = 5_000_000 + 300, 1_000_000 + 30
    assert stage.ask("registersAt", 1, OPEN_SLOT) == (MEASURED, *registers)
    assert stage.ask("registersAt", 2, OPEN_SLOT) == (MEASURED, 9, 0)
    assert stage.ask("registersAt", 1, OPEN_SLOT + 1)[0] == MISSING
    assert stage.ask("registersAt", 2, OPEN_SLOT - 1)[0] == MISSING


def test_open_succession__gaps_on_both_sides__nothing_is_interpolated_across(
    stage: SuccessionStage,
):
    """I-34: the stretch before ends at the old meter's last reading, the one after begins there."""
    new = stage.new("anna")
    stage.announce(new)
    stage.at(OPEN)
    stage.read_until(stage.old, OPEN_SLOT - 4)
    stage.read(stage.old, 400, 0, slots=4)
    stage.begin(new, OPEN_SLOT, 9_000, 0)
    stage.open(new)
    stage.read(new, 0, 80, slots=4)

    first = OPEN_SLOT - 4 - FIRST_SLOT
    assert (
        stage.energies("anna", first, 8)
        == [(100, 0, 0, ESTIMATED)] * 4 + [(0, 20, 0, ESTIMATED)] * 4
    )
    for slot, stretch in (
        (OPEN_SLOT - 1, (OPEN_SLOT - 4, OPEN_SLOT, 400, 0)),
        (OPEN_SLOT, (OPEN_SLOT, OPEN_SLOT + 4, 0, 80)),
    ):
        assert tuple(stage.ask("gapAround", somebody("anna"), slot)) == (True, *stretch)


def test_open_succession__old_device_after_the_end__is_refused(stage: SuccessionStage):
    new = ready(stage)
    stage.open(new)
    reading = stage.old.advance(1, 1)
    stage.at(reading.timestamp + 5)

    assert stage.refuses(
        "anybody", "submitSignedReading", reading.as_tuple(), stage.old.signature(reading)
    ) == ("MeterNotActive", {"meterId": 1, "status": DEACTIVATED})


@pytest.mark.parametrize(
    ("owner", "delay"), [("anna", DAY_SECONDS), ("bert", WEEK)], ids=["epoch", "handover"]
)
def test_open_succession__outside_its_time__reverts(stage: SuccessionStage, owner: str, delay: int):
    new = stage.new(owner)
    stage.announce(new)
    start = ANNOUNCED + delay
    for now in (start - 1, start + MONTH):
        stage.at(now)
        stage.begin(new, slot_at(now))
        assert stage.refuses("anybody", "openSuccession", *stage.opening(new)) == (
            "SuccessionNotOpen",
            {"blockTimestamp": now, "openFrom": start, "openUntil": start + MONTH},
        )


def test_open_succession__last_second__opens(stage: SuccessionStage):
    new = stage.new("anna")
    stage.announce(new)
    stage.at(OPEN + MONTH - 1)
    stage.read_until(stage.old, slot_at(OPEN + MONTH - 1))
    stage.begin(new, stage.old.slot)

    assert stage.open(new) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"owner": somebody("carl")},
        {"zone": 2},
        {"kind": STORAGE},
        {"rated_export_w": Watt(17_000)},
        {"rated_import_w": Watt(17_000)},
        {"register_width_wh": 10**8},
    ],
    ids=lambda change: next(iter(change)),
)
def test_open_succession__other_terms__reverts(stage: SuccessionStage, change):
    new = ready(stage)
    announced = stage.ask("successionOf", 1).termsHash
    new.registration = replace(new.registration, **change)

    name, facts = stage.refuses("anybody", "openSuccession", *stage.opening(new))

    assert (name, facts["announced"]) == ("OtherTerms", announced)
    assert facts["given"] != announced


def test_open_succession__another_signer__reverts(stage: SuccessionStage):
    new = ready(stage)
    signature = stage.old.signature(new.registration)

    assert stage.refuses(
        "anybody", "openSuccession", 1, new.registration.as_tuple(), signature
    ) == ("WrongSigner", {"signer": stage.old.address, "expected": new.address})


def test_open_succession__key_registered_since__reverts(stage: SuccessionStage):
    new = ready(stage)
    other = stage.new("carl", "new")
    stage.begin(other, stage.old.slot)
    stage.send(
        "registrar",
        "registerMeter",
        other.registration.as_tuple(),
        other.signature(other.registration),
    )

    assert stage.refuses("anybody", "openSuccession", *stage.opening(new)) == (
        "DeviceKeyTaken",
        {"deviceKey": new.address, "meterId": 2},
    )


def test_open_succession__not_at_the_last_reading__reverts(stage: SuccessionStage):
    new = ready(stage)
    last = stage.old.slot
    possible = (last // 96 + 2) * DAY_SECONDS
    for slot in (last - 1, last + 1):
        stage.begin(new, slot)
        assert stage.refuses("anybody", "openSuccession", *stage.opening(new)) == (
            "SlotsBetween",
            {"firstSlot": slot, "lastSlot": last, "possibleFrom": possible},
        )


def test_open_succession__old_meter_silent__only_when_its_readings_count_no_more(
    stage: SuccessionStage,
):
    new = stage.new("anna")
    stage.announce(new)
    stage.at(OPEN)
    stage.read_until(stage.old, OPEN_SLOT - 3)
    last = stage.old.slot
    possible = (last // 96 + 2) * DAY_SECONDS
    stage.at(possible - 1)
    stage.begin(new, slot_at(possible - 1))
    assert stage.refuses("anybody", "openSuccession", *stage.opening(new)) == (
        "SlotsBetween",
        {"firstSlot": new.slot, "lastSlot": last, "possibleFrom": possible},
    )

    stage.at(possible)
    stage.open(new)

    (event,) = stage.street.events("MeterSucceeded")
    assert (event.lastSlot, event.firstSlot) == (last, new.slot)
    assert stage.energies("anna", last - FIRST_SLOT, 2) == [(0, 0, 0, MISSING)] * 2
    assert tuple(stage.ask("gapAround", somebody("anna"), last)) == (False, 0, 0, 0, 0)


def test_open_succession__baseline_ahead__reverts(stage: SuccessionStage):
    new = ready(stage)
    stage.send("registrar", "deactivateMeter", 1)
    now = stage.street.chain.now
    stage.begin(new, slot_at(now) + 1)

    name, facts = stage.refuses("anybody", "openSuccession", *stage.opening(new))

    assert (name, facts["latest"]) == ("FirstSlotOutOfRange", slot_at(now + 30))


def test_open_succession__quarantined_or_removed__is_followed_at_once(stage: SuccessionStage):
    new = ready(stage)
    conflict = stage.old.reading(import_wh=stage.old.import_wh + 1)
    stage.street.submit(stage.old, conflict)
    assert stage.street.info(stage.old).status == QUARANTINED
    stage.at(stage.street.chain.now + 2 * SLOT)
    stage.begin(new, slot_at(stage.street.chain.now))

    stage.open(new)

    assert stage.street.info(stage.old).status == DEACTIVATED
    assert new.slot > stage.old.slot


def test_open_succession__owner_got_another_meter_since__reverts(stage: SuccessionStage):
    new = ready(stage, "bert")
    stage.street.register("bert", first_slot=stage.old.slot)

    assert stage.refuses("anybody", "openSuccession", *stage.opening(new)) == (
        "OwnerHasMeter",
        {"owner": somebody("bert"), "meterId": 2},
    )


def test_open_succession__new_owner_in_another_zone__reverts(stage: SuccessionStage):
    stage.street.register("bert", zone=2)
    stage.send("registrar", "deactivateMeter", 2)
    new = ready(stage, "bert")

    assert stage.refuses("anybody", "openSuccession", *stage.opening(new)) == (
        "ZoneMismatch",
        {"given": 1, "expected": 2},
    )


def test_open_succession__paged_meter__its_pages_come_first(stage: SuccessionStage):
    """What a bridge has committed counts: the old meter ends only when it is revealed."""
    street = stage.street
    new = stage.new("anna")
    stage.announce(new)
    stage.at(OPEN)
    stage.read_until(stage.old, OPEN_SLOT)
    street.send("anna", "joinBridge", 1, somebody("bridge"), (OPEN_SLOT + 1) * SLOT)
    page = street.committed(street.page([(stage.old, stage.old.advance(50, 5))]))
    stage.begin(new, OPEN_SLOT + 1)
    assert stage.refuses("anybody", "openSuccession", *stage.opening(new))[0] == "SlotsBetween"

    assert street.reveal(page) == 1
    stage.open(new)

    assert stage.energies("anna", OPEN_SLOT - FIRST_SLOT, 1) == [(50, 5, 5, MEASURED)]
    later = street.committed(street.page([(stage.old, stage.old.advance(1, 1))]))
    assert street.reveal(later) == 0
    assert street.skipped() == [(1, 0, 3)]  # NOT_ACTIVE


def test_open_succession__battery_installed__kind_may_change(stage: SuccessionStage):
    new = ready(stage, kind=STORAGE)

    stage.open(new)
    stage.read(new, 0, 60)

    assert stage.street.info(stage.old).kind == CONNECTION
    border = new.registration.first_slot - FIRST_SLOT
    assert stage.energies("anna", border, 1) == [(0, 60, 0, MEASURED)]


def test_open_succession__production_meter__follows_its_connection_to_the_new_owner(
    stage: SuccessionStage,
):
    connection = stage.new("bert", "new home")
    roof = _roof(stage)
    new_roof = stage.new("bert", "new roof", kind=PRODUCTION)
    stage.announce(connection)
    stage.announce(new_roof, roof)
    stage.at(ANNOUNCED + WEEK)
    border = slot_at(ANNOUNCED + WEEK)
    for device in (stage.old, roof):
        stage.read_until(device, border)
    for device in (connection, new_roof):
        stage.begin(device, border)
    assert stage.refuses("anybody", "openSuccession", *stage.opening(new_roof, roof)) == (
        "ConnectionMissing",
        {"owner": somebody("bert")},
    )

    stage.open(connection)
    stage.open(new_roof, roof)

    assert tuple(stage.ask("metersOf", somebody("bert"))) == (3, 4)
    assert stage.ask("successorOf", roof.meter_id) == 4


def _roof(stage: SuccessionStage, slot: int = FIRST_SLOT):
    """A production meter behind anna's connection."""
    device = stage.new("anna", "roof", kind=PRODUCTION)
    stage.begin(device, slot)
    device.meter_id = stage.send(
        "registrar",
        "registerMeter",
        device.registration.as_tuple(),
        device.signature(device.registration),
    )
    return device


def test_open_succession__both_meters_exchanged__each_slot_by_the_one_in_charge(
    stage: SuccessionStage,
):
    storage = ready(stage, kind=STORAGE)
    stage.open(storage)
    roof = _roof(stage, storage.slot)
    new_home = stage.new("anna", "new home", kind=STORAGE)
    new_roof = stage.new("anna", "new roof", kind=PRODUCTION)
    stage.announce(new_home, storage)
    stage.announce(new_roof, roof)
    stage.at(stage.street.chain.now + DAY_SECONDS)
    border = slot_at(stage.street.chain.now) + 2
    for device in (roof, storage):
        stage.read_until(device, border - 2)
    for _ in range(2):
        stage.read(roof, 0, 30)
        stage.read(storage, 1, 50)
    for device, old in ((new_home, storage), (new_roof, roof)):
        stage.begin(device, border)
        stage.open(device, old)
    stage.read(new_home, 9, 40)
    stage.read(new_roof, 0, 39)

    assert stage.energies("anna", border - 2 - FIRST_SLOT, 4) == [
        (1, 50, 30, MEASURED),
        (1, 50, 30, MEASURED),
        (9, 40, 39, MEASURED),
        (0, 0, 0, MISSING),
    ]
    assert tuple(stage.ask("metersOf", somebody("anna"))) == (
        new_home.meter_id,
        new_roof.meter_id,
    )


def test_register_meter__after_a_handover__a_new_connection_needs_no_announcement(
    stage: SuccessionStage,
):
    new = ready(stage, "bert")
    stage.open(new)
    other = stage.new("anna", "other home")
    stage.begin(other, stage.old.slot)

    stage.send(
        "registrar",
        "registerMeter",
        other.registration.as_tuple(),
        other.signature(other.registration),
    )

    assert stage.ask("connectionOf", somebody("anna")).meterId == 3
    assert stage.ask("meterInfo", 3).previousMeterId == 1


def test_register_meter__after_a_removal__needs_an_announcement(stage: SuccessionStage):
    """Removing and registering again is no way around the delay."""
    stage.send("registrar", "deactivateMeter", 1)
    other = stage.new("anna")
    stage.begin(other, FIRST_SLOT)

    assert stage.refuses(
        "registrar",
        "registerMeter",
        other.registration.as_tuple(),
        other.signature(other.registration),
    ) == ("OwnerHasMeter", {"owner": somebody("anna"), "meterId": 1})

    stage.announce(other)
    stage.at(OPEN)
    stage.begin(other, OPEN_SLOT)
    assert stage.open(other) == 2
