"""revealPage

├── entries of no whole number or none or too many: MalformedEntries
├── bridge not active, boundary off the grid, not committed, another content, withdrawn: errors
├── before the time for disputes is over: RevealedTooEarly; after the deadline: ReadingTooLate
├── the page before still waits: EarlierPageFirst
├── revealed already: nothing
└── else each entry by itself: taken as a reading, or skipped for a reason
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy_grid.pages import MAX_ENTRIES, PageEntry, unpack_entries
from energy_grid.units import MeterId, UnixSeconds, Wh
from tests.unit.meter_pages.street import DAY, DISPUTE, SLOT, Street, somebody
from tests.unit.smart_meter.devices import (
    ESTIMATED,
    MEASURED,
    MISSING,
    NARROW_CAP_WH,
    QUARANTINED,
)

NOT_IN_BRIDGE, DEMANDED, NOT_ACTIVE, BEHIND, SEQUENCE, FELL, ABOVE_CAP = range(1, 8)


def test_reveal_page__honest__all_are_on_record(street: Street) -> None:
    devices = street.settle_in("anna", "bert", "carl")
    signed = [(device, device.advance(100 + n, n)) for n, device in enumerate(devices)]
    page = street.committed(street.page(signed))

    accepted = street.reveal(page)

    assert accepted == 3
    (event,) = street.events("PageRevealed")
    assert (event.bridge, event.boundary, event.index) == (somebody("bridge"), page.boundary, 0)
    assert (event.firstPlace, event.accepted) == (0, 3)
    assert unpack_entries(event.entries) == page.entries
    assert street.skipped() == []
    for n, device in enumerate(devices):
        assert street.energy(device, 0) == (100 + n, n, MEASURED)
        assert tuple(street.meters.ask("latestReading", device.meter_id)) == (
            device.reading().as_tuple()
        )


def test_reveal_page__page_after_page__slots_are_measured(street: Street) -> None:
    (device,) = street.settle_in("anna")
    pages = [street.page([(device, device.advance(n, 0))]) for n in range(1, 6)]
    for page in pages:
        street.at(page.boundary + 5)
        street.commit(page)
    street.after(5, DISPUTE + 5)

    assert [street.reveal(page) for page in pages] == [1] * 5
    assert [street.energy(device, slot) for slot in range(5)] == [
        (n, 0, MEASURED) for n in range(1, 6)
    ]


def test_reveal_page__again__does_nothing(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))
    street.reveal(page)

    assert street.reveal(page) == 0
    assert street.chain.logs == []


def test_reveal_page_part__part_by_part__is_revealed_once(street: Street) -> None:
    devices = street.settle_in("anna", "bert", "carl", "dora", "emil")
    page = street.committed(street.page([(one, one.advance(10, 1)) for one in devices]))

    def record():
        found = street.meters.ask("pageRecord", page.bridge, page.boundary, page.index)
        return (found.status, found.nextPlace)

    def part(count):
        accepted = street.send("anybody", "revealPagePart", page.as_tuple(), count)
        (event,) = street.events("PageRevealed")
        assert event.accepted == accepted
        assert unpack_entries(event.entries) == page.entries[event.firstPlace :][:accepted]
        return event.firstPlace, accepted

    assert part(2) == (0, 2)
    assert record() == (1, 2)
    assert part(0) == (2, 0)
    assert part(1) == (2, 1)
    assert record() == (1, 3)
    assert street.reveal(page) == 2
    assert record() == (2, 0)
    assert street.send("anybody", "revealPagePart", page.as_tuple(), 5) == 0
    assert [street.energy(device, 0) for device in devices] == [(10, 1, MEASURED)] * 5


def test_reveal_page_part__withdrawn_between__the_rest_never_counts(street: Street) -> None:
    devices = street.settle_in("anna", "bert")
    page = street.committed(street.page([(one, one.advance(10, 1)) for one in devices]))
    street.send("anybody", "revealPagePart", page.as_tuple(), 1)

    street.send("bridge", "withdrawPage", page.boundary, page.index)

    assert street.refuses("anybody", "revealPage", page.as_tuple())[0] == "PageIsWithdrawn"
    assert [street.energy(device, 0)[2] for device in devices] == [MEASURED, MISSING]


def test_reveal_page__malformed_entries__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))

    for entries in (b"", b"\0" * 16, b"\0" * 18, b"\0" * 17 * (MAX_ENTRIES + 1)):
        arguments = (*page.as_tuple()[:6], entries)
        assert street.refuses("anybody", "revealPage", arguments) == (
            "MalformedEntries",
            {"bytesGiven": len(entries)},
        )


def test_reveal_page__512_entries__are_taken(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.page([(device, device.advance(10, 0))])
    strangers = tuple(
        PageEntry(MeterId(1_000 + n), 1, Wh(1), Wh(1)) for n in range(MAX_ENTRIES - 1)
    )
    page = street.committed(replace(page, entries=page.entries + strangers))

    assert street.reveal(page) == 1
    assert len(street.skipped()) == MAX_ENTRIES - 1


def test_reveal_page__bridge_not_active__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))
    street.send("registrar", "suspendBridge", somebody("bridge"))

    assert street.refuses("anybody", "revealPage", page.as_tuple())[0] == "BridgeNotActive"


def test_reveal_page__off_the_grid_or_not_committed__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))
    crooked = (page.bridge, page.boundary + 1, *page.as_tuple()[2:])

    assert street.refuses("anybody", "revealPage", crooked)[0] == "TimestampMisaligned"
    for other in (
        replace(page, index=1),
        replace(page, boundary=UnixSeconds(page.boundary + SLOT)),
        replace(page, bridge=somebody("other bridge")),
    ):
        assert street.refuses("anybody", "revealPage", other.as_tuple()) == (
            "PageNotCommitted",
            {"bridge": other.bridge, "boundary": other.boundary, "index": other.index},
        )


def test_reveal_page__before_the_time_for_disputes_is_over__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]), DISPUTE - 1)

    now = page.boundary + 5 + DISPUTE
    assert street.refuses("anybody", "revealPage", page.as_tuple()) == (
        "RevealedTooEarly",
        {"blockTimestamp": now - 1, "revealFrom": now},
    )
    street.at(now)
    assert street.reveal(page) == 1


def test_reveal_page__after_the_deadline__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))
    deadline = street.meters.ask("readingDeadline", page.boundary // SLOT - 1)
    street.at(deadline)

    assert street.refuses("anybody", "revealPage", page.as_tuple()) == (
        "ReadingTooLate",
        {"blockTimestamp": deadline, "deadline": deadline},
    )
    street.at(deadline - 1)
    assert street.reveal(page) == 1


def test_reveal_page__page_before_still_waits__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    first = street.page([(device, device.advance(10, 0))])
    second = street.page([(device, device.advance(20, 0))], previous=first.boundary)
    for page in (first, second):
        street.at(page.boundary + 5)
        street.commit(page)
    street.after(2, DISPUTE + 5)

    assert street.refuses("anybody", "revealPage", second.as_tuple()) == (
        "EarlierPageFirst",
        {"previousBoundary": first.boundary},
    )
    assert (street.reveal(first), street.reveal(second)) == (1, 1)
    assert [street.energy(device, slot)[2] for slot in (0, 1)] == [MEASURED, MEASURED]


@pytest.mark.parametrize("way", ["withdrawn", "never committed", "overdue"])
def test_reveal_page__page_before_is_over__need_not_wait(street: Street, way: str) -> None:
    (device,) = street.settle_in("anna")
    street.after(0)
    slots = 95 if way == "overdue" else 1
    first = street.page([(device, device.advance(10, 0, slots=slots))])
    if way == "overdue":
        # Boundary 24:00 closes the last slot of the first day, 00:15 opens the next.
        first = street.page([(device, device.advance(10, 0))])
    second = street.page([(device, device.advance(20, 0))], previous=first.boundary)
    for page in (first, second):
        street.at(page.boundary + 5)
        if way != "never committed" or page is second:
            street.commit(page)
    if way == "withdrawn":
        street.send("bridge", "withdrawPage", first.boundary, 0)
    street.at(second.boundary + DISPUTE + 5)
    if way == "overdue":
        street.at(DAY + 2 * 86_400)

    assert street.reveal(second) == 1
    # A gap of 97 slots is too long to be interpolated.
    quality = MISSING if way == "overdue" else ESTIMATED
    assert street.energy(device, second.boundary // SLOT - DAY // SLOT - 1)[2] == quality


def test_reveal_page__gap__is_interpolated_as_between_signed_readings(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 1, slots=3))]))

    street.reveal(page)

    (gap,) = street.events("GapRecorded")
    assert (gap.meterId, gap.toSlot - gap.fromSlot, gap.importWh, gap.estimated) == (
        device.meter_id,
        3,
        10,
        True,
    )
    assert [street.energy(device, slot) for slot in range(3)] == [
        (3, 0, ESTIMATED),
        (3, 0, ESTIMATED),
        (4, 1, ESTIMATED),
    ]
    # The device numbered its readings 1 although three slots passed: no number is missing.
    assert street.info(device).skippedSequences == 0


def test_reveal_page__numbers_left_out__are_counted(street: Street) -> None:
    (device,) = street.settle_in("anna")
    device.sequence = 2  # the bridge never saw 1 and 2
    page = street.committed(street.page([(device, device.advance(10, 1, slots=3))]))

    assert street.reveal(page) == 1

    (skip,) = street.events("SequenceSkipped")
    assert (skip.meterId, skip.expected, skip.found) == (device.meter_id, 1, 3)
    assert street.info(device).skippedSequences == 2


def test_reveal_page__entries_that_fail__only_they_are_skipped(street: Street) -> None:
    names = ("good", "fell", "cap", "cap export", "old", "ahead", "quarantined", "demanded", "left")
    devices = dict(zip(names, street.settle_in(*names), strict=True))
    stranger = street.register("stranger")
    (elsewhere,) = street.settle_in("elsewhere", bridge="other bridge")
    late = street.register("late")
    street.send("late", "joinBridge", late.meter_id, somebody("bridge"), DAY + 2 * SLOT)
    readings = {name: device.advance(10, 10) for name, device in devices.items()}
    readings["fell"] = devices["fell"].reading(import_wh=4_999_999)
    readings["cap"] = devices["cap"].reading(import_wh=5_000_000 + NARROW_CAP_WH + 1)
    readings["cap export"] = devices["cap export"].reading(export_wh=1_000_001 + NARROW_CAP_WH)
    readings["old"] = devices["old"].reading(sequence=0)
    readings["ahead"] = devices["ahead"].reading(sequence=2)
    signed = [(devices[name], readings[name]) for name in names]
    signed += [(other, other.advance(10, 10)) for other in (stranger, elsewhere, late)]
    page = street.page(signed)
    nobody = PageEntry(MeterId(4_000), 1, Wh(10), Wh(10))
    page = street.committed(replace(page, entries=(*page.entries, nobody)))
    street.send("demanded", "demandSignature", devices["demanded"].meter_id, page.boundary)
    street.send("left", "leaveBridge", devices["left"].meter_id)
    one = devices["quarantined"].reading(import_wh=5_000_001)
    two = devices["quarantined"].reading(import_wh=5_000_002)
    street.send(
        "anybody",
        "reportEquivocation",
        *(one.as_tuple(), devices["quarantined"].signature(one)),
        *(two.as_tuple(), devices["quarantined"].signature(two)),
    )
    assert street.info(devices["quarantined"]).status == QUARANTINED

    accepted = street.reveal(page)

    assert accepted == 1
    expected = {
        "fell": FELL,
        "cap": ABOVE_CAP,
        "cap export": ABOVE_CAP,
        "old": SEQUENCE,
        "ahead": SEQUENCE,
        "quarantined": NOT_ACTIVE,
        "demanded": DEMANDED,
        "left": NOT_IN_BRIDGE,
    }
    reasons = {meter_id: reason for meter_id, _, reason in street.skipped()}
    assert reasons == {
        **{devices[name].meter_id: reason for name, reason in expected.items()},
        stranger.meter_id: NOT_IN_BRIDGE,
        elsewhere.meter_id: NOT_IN_BRIDGE,
        late.meter_id: NOT_IN_BRIDGE,
        4_000: NOT_IN_BRIDGE,
    }
    for meter_id, place, _ in street.skipped():
        assert page.entries[place].meter_id == meter_id
    assert street.energy(devices["good"], 0) == (10, 10, MEASURED)


def test_reveal_page__all_that_the_rating_allows__is_taken(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(
        street.page([(device, device.advance(2 * NARROW_CAP_WH, 2 * NARROW_CAP_WH, slots=2))])
    )

    assert street.reveal(page) == 1
    assert street.energy(device, 1) == (NARROW_CAP_WH, NARROW_CAP_WH, ESTIMATED)


def test_reveal_page__record_has_reached_the_boundary__is_skipped(street: Street) -> None:
    same, later = street.settle_in("same", "later")
    page = street.page([(same, same.advance(10, 0)), (later, later.advance(20, 0))])
    street.at(page.boundary + 5)
    street.submit(same, same.reading())
    street.commit(page)
    street.after(2)
    street.submit(later, later.advance(20, 0))
    street.at(page.boundary + 5 + DISPUTE)

    assert street.reveal(page) == 0
    assert street.skipped() == [
        (same.meter_id, page.place_of(same.meter_id), BEHIND),
        (later.meter_id, page.place_of(later.meter_id), BEHIND),
    ]
    assert street.energy(same, 0) == (10, 0, MEASURED)


def test_reveal_page__rollover__is_left_to_signatures(street: Street) -> None:
    device = street.register("anna", import_wh=999_999_990)
    street.send("anna", "joinBridge", device.meter_id, somebody("bridge"), DAY + SLOT)
    reading = device.advance(20, 0)
    page = street.committed(street.page([(device, reading)]))

    assert street.reveal(page) == 0
    assert street.skipped() == [(device.meter_id, 0, FELL)]
    assert street.submit(device, reading) is True
    assert street.energy(device, 0) == (20, 0, MEASURED)
