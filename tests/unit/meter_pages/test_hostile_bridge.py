"""What a bridge can do that it should not, and what becomes of it. Each is caught or harmless.

The harm that is left: energy moves between slots, by at most the cap of the slots since the last
true reading; later readings bring the sum of the registers back to the truth.
"""

from __future__ import annotations

from dataclasses import replace

from energy_grid.pages import ANSWER_SECONDS, PageEntry
from energy_grid.units import MeterId, UnixSeconds, Wh
from tests.unit.meter_pages.street import DAY, DISPUTE, SALT, SLOT, Street, somebody
from tests.unit.smart_meter.devices import (
    ACTIVE,
    ESTIMATED,
    MEASURED,
    MISSING,
    NARROW_CAP_WH,
)

NOT_IN_BRIDGE, DEMANDED, NOT_ACTIVE, BEHIND, SEQUENCE, FELL, ABOVE_CAP = range(1, 8)


def test_withholds_the_page__the_owner_submits_himself__nothing_is_lost(street: Street) -> None:
    (device,) = street.settle_in("anna")
    reading = device.advance(10, 3)
    street.after(1)

    assert street.submit(device, reading) is True

    assert street.energy(device, 0) == (10, 3, MEASURED)


def test_withholds_pages__nobody_notices__the_next_reading_brings_all_energy(
    street: Street,
) -> None:
    (device,) = street.settle_in("anna")
    for energy_wh in (10, 20, 30):
        street.committed(street.page([(device, device.advance(energy_wh, 0))]))
    page = street.committed(street.page([(device, device.advance(40, 0))]))

    assert street.reveal(page) == 1

    energies = [street.energy(device, slot) for slot in range(4)]
    assert sum(import_wh for import_wh, _, _ in energies) == 100
    assert {quality for _, _, quality in energies} == {ESTIMATED}


def test_never_reveals__after_the_deadline__the_page_counts_no_more(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))
    street.at(DAY + 2 * 86_400)

    assert street.refuses("bridge", "revealPage", page.as_tuple())[0] == "ReadingTooLate"
    assert street.energy(device, 0) == (0, 0, MISSING)


def test_alters_an_entry__owner_submits_before_the_reveal__the_signed_reading_wins(
    street: Street,
) -> None:
    (device,) = street.settle_in("anna")
    reading = device.advance(10, 0)
    lie = replace(reading, import_wh=reading.import_wh + 500)
    page = street.committed(street.page([(device, lie)]))

    street.submit(device, reading)

    assert street.reveal(page) == 0
    assert street.skipped() == [(device.meter_id, 0, BEHIND)]
    assert street.energy(device, 0) == (10, 0, MEASURED)


def test_alters_an_entry__owner_notices_after_the_reveal__the_bridge_is_suspended(
    street: Street,
) -> None:
    (device,) = street.settle_in("anna")
    reading = device.advance(10, 0)
    lie = replace(reading, import_wh=reading.import_wh + 500)
    page = street.committed(street.page([(device, lie)]))
    street.reveal(page)

    street.send(
        "anna",
        "reportPageFraud",
        *(page.as_tuple(), 0, reading.as_tuple(), device.signature(reading)),
    )
    street.at(street.chain.now + ANSWER_SECONDS)
    street.send("anna", "concludePageFraud", device.meter_id)

    assert street.meters.ask("bridgeInfo", somebody("bridge")).status == 2
    assert street.info(device).status == ACTIVE
    # The slot was MEASURED and stays; the registers are ahead of the truth until it catches up.
    assert street.energy(device, 0) == (510, 0, MEASURED)
    street.send("anna", "leaveBridge", device.meter_id)
    street.submit(device, device.advance(700, 0, slots=100))
    assert street.meters.ask("latestReading", device.meter_id).importWh == 5_000_710


def test_says_too_little__later_readings_bring_the_sum_back(street: Street) -> None:
    (device,) = street.settle_in("anna")
    reading = device.advance(4_000, 0)
    lie = replace(reading, import_wh=reading.import_wh - 1_500)
    street.reveal(street.committed(street.page([(device, lie)])))
    street.reveal(street.committed(street.page([(device, device.advance(1_000, 0))])))

    energies = [street.energy(device, slot) for slot in (0, 1)]

    assert energies == [(2_500, 0, MEASURED), (2_500, 0, MEASURED)]


def test_says_too_much__no_more_than_the_cap_of_the_time_passed(street: Street) -> None:
    (device,) = street.settle_in("anna")
    reading = device.advance(0, 0)
    lie = replace(reading, export_wh=reading.export_wh + NARROW_CAP_WH + 1)
    page = street.committed(street.page([(device, lie)]))

    assert street.reveal(page) == 0
    assert street.skipped() == [(device.meter_id, 0, ABOVE_CAP)]


def test_invents_a_reading__of_a_silent_device__its_next_number_convicts_the_bridge(
    street: Street,
) -> None:
    (device,) = street.settle_in("anna")
    invented = device.reading(sequence=1, timestamp=DAY + SLOT, import_wh=5_000_400)
    page = street.committed(street.page([(device, invented)]))
    street.reveal(page)
    true = device.advance(500, 0, slots=6)  # the device's first reading has the number 1
    street.after(6)
    true_signed = (true.as_tuple(), device.signature(true))

    assert street.refuses("anybody", "submitSignedReading", *true_signed)[0] == "RecordFromPage"
    street.send("anybody", "reportPageFraud", page.as_tuple(), 0, *true_signed)

    following = device.advance(100, 0)
    street.after(7)
    assert street.submit(device, following) is True
    assert street.meters.ask("latestReading", device.meter_id).importWh == 5_000_600


def test_inflates_the_number__to_shut_the_device_out__is_skipped(street: Street) -> None:
    (device,) = street.settle_in("anna")
    reading = device.advance(10, 0)
    for sequence in (2, 2**32 - 1):
        lie = replace(reading, sequence=sequence)
        page = street.committed(street.page([(device, lie)], index=sequence % 7))
        assert street.reveal(page) == 0
        assert street.skipped() == [(device.meter_id, 0, SEQUENCE)]

    assert street.submit(device, reading) is True


def test_feigns_a_rollover__is_skipped(street: Street) -> None:
    device = street.register("anna", import_wh=999_999_990)
    street.send("anna", "joinBridge", device.meter_id, somebody("bridge"), DAY + SLOT)
    lie = device.reading(sequence=1, timestamp=DAY + SLOT, import_wh=400)
    page = street.committed(street.page([(device, lie)]))

    assert street.reveal(page) == 0
    assert street.skipped() == [(device.meter_id, 0, FELL)]


def test_reorders_pages__later_one_first__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    first = street.page([(device, device.advance(10, 0))])
    second = street.page([(device, device.advance(20, 0))], previous=first.boundary)
    for page in (first, second):
        street.at(page.boundary + 5)
        street.commit(page)
    street.after(2, DISPUTE + 5)

    assert street.refuses("bridge", "revealPage", second.as_tuple())[0] == "EarlierPageFirst"


def test_reorders_entries__after_the_commitment__is_another_page(street: Street) -> None:
    devices = street.settle_in("anna", "bert")
    page = street.committed(street.page([(one, one.advance(10, 0)) for one in devices]))
    shuffled = replace(page, entries=page.entries[::-1])

    assert street.refuses("bridge", "revealPage", shuffled.as_tuple())[0] == "WrongPage"


def test_swaps_two_meters_registers__both_owners_can_prove_it(street: Street) -> None:
    anna, bert = street.settle_in("anna", "bert")
    readings = [anna.advance(100, 0), bert.advance(2_000, 0)]
    page = street.page([(anna, readings[0]), (bert, readings[1])])
    one, two = page.entries
    swapped = (replace(one, import_wh=two.import_wh), replace(two, import_wh=one.import_wh))
    page = street.committed(replace(page, entries=swapped))

    for device, reading in zip((anna, bert), readings, strict=True):
        street.send(
            "anybody",
            "reportPageFraud",
            *(page.as_tuple(), page.place_of(device.meter_id)),
            *(reading.as_tuple(), device.signature(reading)),
        )

    assert street.reveal(page) == 0
    assert [reason for _, _, reason in street.skipped()] == [DEMANDED, DEMANDED]


def test_duplicates_an_entry__second_one_is_behind(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.page([(device, device.advance(10, 0))])
    lie = replace(page.entries[0], import_wh=Wh(page.entries[0].import_wh + 1))
    page = street.committed(replace(page, entries=(page.entries[0], lie, page.entries[0])))

    assert street.reveal(page) == 1
    assert [(place, reason) for _, place, reason in street.skipped()] == [(1, BEHIND), (2, BEHIND)]
    assert street.energy(device, 0) == (10, 0, MEASURED)


def test_duplicates_a_meter_in_two_pages__only_one_counts(street: Street) -> None:
    (device,) = street.settle_in("anna")
    reading = device.advance(10, 0)
    lie = replace(reading, import_wh=reading.import_wh + 1)
    pages = [
        street.page([(device, reading)], index=0),
        street.page([(device, lie)], index=1),
    ]
    for page in pages:
        street.committed(page)

    assert [street.reveal(page) for page in pages] == [1, 0]


def test_reports_a_meter_of_another_bridge__is_skipped(street: Street) -> None:
    (device,) = street.settle_in("anna", bridge="other bridge")
    page = street.committed(street.page([(device, device.advance(10, 0))]))

    assert street.reveal(page) == 0
    assert street.skipped() == [(device.meter_id, 0, NOT_IN_BRIDGE)]


def test_reports_a_meter_that_does_not_exist__is_skipped(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.page([(device, device.advance(10, 0))])
    ghosts = (
        PageEntry(MeterId(0), 1, Wh(1), Wh(1)),
        PageEntry(MeterId(2**24 - 1), 1, Wh(1), Wh(1)),
    )
    page = street.committed(replace(page, entries=(*ghosts, *page.entries)))

    assert street.reveal(page) == 1
    assert [reason for _, _, reason in street.skipped()] == [NOT_IN_BRIDGE] * 2


def test_commits_late__no_time_for_disputes_left__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.page([(device, device.advance(10, 0))])
    street.at(DAY + 2 * 86_400 - DISPUTE)

    assert street.refuses("bridge", "commitPage", page.boundary, 0, page.hash())[0] == (
        "CommitmentTooLate"
    )


def test_commits_two_contents__for_one_place__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))
    other = replace(page, salt=SALT[::-1])

    assert street.refuses("bridge", "commitPage", page.boundary, 0, other.hash())[0] == "PlaceTaken"
    assert street.refuses("bridge", "revealPage", other.as_tuple())[0] == "WrongPage"


def test_reveals_a_wrong_salt__is_another_page(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))

    for other in (
        replace(page, salt=SALT[::-1]),
        replace(page, signatures_hash=SALT),
        replace(page, previous_boundary=UnixSeconds(DAY)),
    ):
        assert street.refuses("bridge", "revealPage", other.as_tuple())[0] == "WrongPage"
    assert street.reveal(page) == 1


def test_frames_an_honest_bridge__device_signs_twice__the_meter_is_quarantined(
    street: Street,
) -> None:
    (device,) = street.settle_in("anna")
    reading = device.advance(10, 0)
    page = street.committed(street.page([(device, reading)]))
    second = replace(reading, import_wh=reading.import_wh - 5)
    street.send(
        "anna",
        "reportPageFraud",
        *(page.as_tuple(), 0, second.as_tuple(), device.signature(second)),
    )

    street.send("bridge", "answerPageFraud", reading.as_tuple(), device.signature(reading))

    assert street.info(device).status != ACTIVE
    assert street.refuses("anna", "concludePageFraud", device.meter_id)[0] == "NotAccused"
    assert street.meters.ask("bridgeInfo", somebody("bridge")).status == 1
    assert street.reveal(page) == 0
    assert NOT_ACTIVE not in [reason for _, _, reason in street.skipped()]  # demanded comes first


def test_measured_slots__whatever_the_bridge_does_later__never_change(street: Street) -> None:
    (device,) = street.settle_in("anna")
    reading = device.advance(10, 0)
    page = street.committed(street.page([(device, reading)]))
    street.reveal(page)
    before = street.energy(device, 0)
    lie = replace(reading, import_wh=reading.import_wh + 9)

    for index in (1, 2):
        street.reveal(street.committed(street.page([(device, lie)], index=index)))
    street.send("registrar", "suspendBridge", somebody("bridge"))

    assert street.energy(device, 0) == before == (10, 0, MEASURED)
