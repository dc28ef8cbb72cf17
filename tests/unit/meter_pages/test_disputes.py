"""demandSignature, orderSignature, reportPageFraud, answerPageFraud, concludePageFraud

├── demandSignature: not the owner; orderSignature: not the registrar: errors
├── demanding: not in a bridge, off the grid, ahead, overdue: errors; else only signatures count
├── reportPageFraud: bridge, page, signature, meter, place, content: errors
├── answerPageFraud: no accusation, another reading or key: errors; else quarantines the meter
└── concludePageFraud: no accusation, too early: errors; else the bridge is suspended
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy_grid.pages import ANSWER_SECONDS, HASH_START_BYTES
from tests.unit.meter_pages.street import DAY, DISPUTE, FIRST_SLOT, SALT, SLOT, Street, somebody
from tests.unit.smart_meter.devices import ACTIVE, MEASURED, QUARANTINED

DEMANDED = 2
NOBODY = "0x" + "0" * 40
NO_ACCUSATION = (NOBODY, 0, 0, 0, 0, 0)


def report(street, page, device, reading, *, actor="anybody", place=None, key=None):
    """Arguments of `reportPageFraud`."""
    place = page.place_of(device.meter_id) if place is None else place
    signature = device.signature(reading, key=key)
    return (actor, "reportPageFraud", page.as_tuple(), place, reading.as_tuple(), signature)


# --- demanding ---


@pytest.mark.parametrize("caller", ["anna", "meter of anna"])
def test_demand_signature__by_owner_or_device__only_the_signed_reading_counts(
    street: Street, caller: str
) -> None:
    device, other = street.settle_in("anna", "bert")
    reading = device.advance(10, 0)
    page = street.committed(street.page([(device, reading), (other, other.advance(5, 5))]))

    street.send(caller, "demandSignature", device.meter_id, page.boundary)

    (event,) = street.events("SignatureDemanded")
    assert (event.meterId, event.boundary, event.by) == (
        device.meter_id,
        page.boundary,
        somebody(caller),
    )
    found = street.meters.ask("pageMeter", device.meter_id)
    assert (found.demandedFrom, found.demandedUntil) == (page.boundary, page.boundary)
    assert street.reveal(page) == 1
    assert street.skipped() == [(device.meter_id, page.place_of(device.meter_id), DEMANDED)]
    assert street.submit(device, reading) is True
    assert street.energy(device, 0) == (10, 0, MEASURED)


def test_demand_signature__two_boundaries__cover_those_between_and_no_others(
    street: Street,
) -> None:
    (device,) = street.settle_in("anna")
    pages = [street.page([(device, device.advance(n, 0))]) for n in range(1, 6)]
    for page in pages:
        street.at(page.boundary + 5)
        street.commit(page)
    street.send("anna", "demandSignature", device.meter_id, pages[3].boundary)
    street.send("anna", "demandSignature", device.meter_id, pages[1].boundary)
    street.send("anna", "demandSignature", device.meter_id, pages[2].boundary)
    street.after(5, DISPUTE + 5)

    assert [street.reveal(page) for page in pages] == [1, 0, 0, 0, 1]


def test_demand_signature__boundaries_far_apart__the_newest_256_stay(street: Street) -> None:
    (device,) = street.settle_in("anna")
    street.after(1)
    street.send("anna", "demandSignature", device.meter_id, DAY + SLOT)
    street.after(300)
    street.send("anna", "demandSignature", device.meter_id, DAY + 300 * SLOT)

    found = street.meters.ask("pageMeter", device.meter_id)
    assert (found.demandedFrom, found.demandedUntil) == (DAY + 45 * SLOT, DAY + 300 * SLOT)
    assert (found.bridge, found.sinceBoundary) == (somebody("bridge"), DAY + SLOT)


def test_demand_signature__not_the_owner__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    street.after(1)

    for caller in ("bridge", "registrar", "anybody"):
        assert street.refuses(caller, "demandSignature", device.meter_id, DAY + SLOT) == (
            "NotMeterOwner",
            {"meterId": device.meter_id, "caller": somebody(caller)},
        )


def test_order_signature__by_the_registrar__counts_like_a_demand(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))

    street.send("registrar", "orderSignature", device.meter_id, page.boundary)

    assert street.reveal(page) == 0
    error, facts = street.refuses("anna", "orderSignature", device.meter_id, page.boundary)
    assert (error, facts["caller"]) == ("AccessManagedUnauthorized", somebody("anna"))


def test_demand_signature__no_bridge_or_impossible_boundary__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    free = street.register("bert")
    street.after(1)

    assert street.refuses("bert", "demandSignature", free.meter_id, DAY + SLOT) == (
        "NotInBridge",
        {"meterId": free.meter_id},
    )
    assert street.refuses("registrar", "orderSignature", 9_999, DAY + SLOT) == (
        "NotInBridge",
        {"meterId": 9_999},
    )
    for boundary, error in ((DAY + 1, "TimestampMisaligned"), (DAY + 2 * SLOT, "ReadingInFuture")):
        assert street.refuses("anna", "demandSignature", device.meter_id, boundary)[0] == error
    street.at(DAY + 2 * 86_400)
    assert street.refuses("anna", "demandSignature", device.meter_id, DAY + SLOT)[0] == (
        "ReadingTooLate"
    )


# --- accusing ---


@pytest.fixture
def altered(street):
    """A committed page that says 11 Wh where the device signed 10; and the reading."""
    (device,) = street.settle_in("anna")
    reading = device.advance(10, 0)
    lie = replace(reading, import_wh=reading.import_wh + 1)
    page = street.committed(street.page([(device, lie)]))
    return device, reading, lie, page


def test_report_page_fraud__before_the_reveal__the_entry_does_not_count(street, altered) -> None:
    device, reading, lie, page = altered
    now = street.chain.now

    street.send(*report(street, page, device, reading))

    (event,) = street.events("PageDisputed")
    assert (event.meterId, event.bridge, event.boundary, event.reporter) == (
        device.meter_id,
        somebody("bridge"),
        page.boundary,
        somebody("anybody"),
    )
    assert (event.entrySequence, event.entryImportWh, event.entryExportWh) == (
        lie.sequence,
        lie.import_wh,
        lie.export_wh,
    )
    assert (tuple(event.reading), event.answerUntil) == (reading.as_tuple(), now + ANSWER_SECONDS)
    assert tuple(street.meters.ask("pageAccusation", device.meter_id)) == (
        somebody("bridge"),
        page.boundary,
        lie.sequence,
        lie.import_wh,
        lie.export_wh,
        now + ANSWER_SECONDS,
    )
    assert street.reveal(page) == 0
    assert street.skipped() == [(device.meter_id, 0, DEMANDED)]
    assert street.submit(device, reading) is True
    assert street.energy(device, 0) == (10, 0, MEASURED)


def test_report_page_fraud__after_the_reveal__the_slot_stays_and_the_bridge_is_accused(
    street, altered
) -> None:
    device, reading, _, page = altered
    street.reveal(page)

    street.send(*report(street, page, device, reading))

    assert street.events("SignatureDemanded") == []
    assert street.energy(device, 0) == (11, 0, MEASURED)
    assert street.info(device).status == ACTIVE
    assert street.meters.ask("pageAccusation", device.meter_id).bridge == somebody("bridge")


def test_report_page_fraud__same_number_at_another_time__is_proof(street: Street) -> None:
    (device,) = street.settle_in("anna")
    invented = device.reading(sequence=1, timestamp=DAY + SLOT)
    page = street.committed(street.page([(device, invented)]))
    true = device.advance(7, 0, slots=2)

    street.send(*report(street, page, device, true))

    assert street.meters.ask("pageAccusation", device.meter_id).boundary == page.boundary


def test_report_page_fraud__bridge_or_page_not_there__is_refused(street, altered) -> None:
    device, reading, _, page = altered
    other = replace(page, salt=SALT[::-1])

    error, facts = street.refuses(*report(street, other, device, reading))
    assert (error, facts["given"]) == ("WrongPage", other.hash())
    assert facts["committedStart"] == page.hash()[:HASH_START_BYTES]
    assert street.refuses(*report(street, replace(page, index=1), device, reading))[0] == (
        "PageNotCommitted"
    )
    street.send("bridge", "withdrawPage", page.boundary, 0)
    assert street.refuses(*report(street, page, device, reading))[0] == "PageIsWithdrawn"
    street.send("registrar", "suspendBridge", somebody("bridge"))
    assert street.refuses(*report(street, page, device, reading))[0] == "BridgeNotActive"


def test_report_page_fraud__reading_not_signed_by_the_device__is_refused(street, altered) -> None:
    device, reading, _, page = altered

    error, facts = street.refuses(*report(street, page, device, reading, key=SALT))
    assert (error, facts["meterId"]) == ("WrongDeviceKey", device.meter_id)


def test_report_page_fraud__another_place_or_meter__is_refused(street, altered) -> None:
    device, reading, _, page = altered
    stranger = street.register("bert")

    assert street.refuses(*report(street, page, device, reading, place=1)) == (
        "NotThisMeter",
        {"place": 1, "meterId": device.meter_id},
    )
    assert street.refuses(*report(street, page, stranger, stranger.advance(1, 0), place=0)) == (
        "NotThisMeter",
        {"place": 0, "meterId": stranger.meter_id},
    )


def test_report_page_fraud__no_contradiction__is_refused(street, altered) -> None:
    device, reading, lie, page = altered
    # The first is the entry itself with other measurements, which a page does not hold.
    for harmless in (
        replace(lie, voltage_millivolts=230_000),
        replace(reading, sequence=2, timestamp=reading.timestamp - SLOT),
        replace(reading, sequence=0),
    ):
        assert street.refuses(*report(street, page, device, harmless)) == (
            "NoContradiction",
            {"meterId": device.meter_id},
        )
    ahead = replace(reading, timestamp=street.chain.now + 31)
    assert street.refuses(*report(street, page, device, ahead))[0] == "ReadingInFuture"


def test_report_page_fraud__accused_already__is_refused(street, altered) -> None:
    device, reading, _, page = altered
    street.send(*report(street, page, device, reading))

    assert street.refuses(*report(street, page, device, reading)) == (
        "AlreadyAccused",
        {"meterId": device.meter_id},
    )


def test_report_page_fraud__meter_not_active_or_judged__is_refused(street, altered) -> None:
    device, reading, lie, page = altered
    street.send(*report(street, page, device, reading))
    street.send("bridge", "answerPageFraud", lie.as_tuple(), device.signature(lie))

    assert street.refuses(*report(street, page, device, reading))[0] == "MeterNotActive"
    street.send("registrar", "releaseQuarantine", device.meter_id)
    assert street.refuses(*report(street, page, device, reading))[0] == "ConflictAlreadyJudged"


def test_answer_page_fraud__the_device_had_signed_the_entry__the_meter_is_quarantined(
    street, altered
) -> None:
    device, reading, lie, page = altered
    street.send(*report(street, page, device, reading))

    street.send("anybody", "answerPageFraud", lie.as_tuple(), device.signature(lie))

    (answer,) = street.events("PageDisputeAnswered")
    assert (answer.meterId, answer.bridge, answer.boundary, answer.by) == (
        device.meter_id,
        somebody("bridge"),
        page.boundary,
        somebody("anybody"),
    )
    (event,) = street.events("MeterQuarantined")
    assert (event.meterId, event.sequence, event.timestamp, event.importWh) == (
        device.meter_id,
        lie.sequence,
        lie.timestamp,
        lie.import_wh,
    )
    assert street.info(device).status == QUARANTINED
    assert tuple(street.meters.ask("pageAccusation", device.meter_id)) == NO_ACCUSATION
    assert street.refuses("anybody", "concludePageFraud", device.meter_id)[0] == "NotAccused"


def test_answer_page_fraud__late_but_not_concluded__still_counts(street, altered) -> None:
    device, reading, lie, page = altered
    street.send(*report(street, page, device, reading))
    street.at(street.chain.now + 2 * ANSWER_SECONDS)

    street.send("bridge", "answerPageFraud", lie.as_tuple(), device.signature(lie))

    assert street.info(device).status == QUARANTINED


def test_answer_page_fraud__meter_removed_meanwhile__only_clears_the_bridge(
    street, altered
) -> None:
    device, reading, lie, page = altered
    street.send(*report(street, page, device, reading))
    street.send("registrar", "deactivateMeter", device.meter_id)

    street.send("bridge", "answerPageFraud", lie.as_tuple(), device.signature(lie))

    assert street.events("MeterQuarantined") == []
    assert tuple(street.meters.ask("pageAccusation", device.meter_id)) == NO_ACCUSATION


def test_answer_page_fraud__not_accused_or_another_reading__is_refused(street, altered) -> None:
    device, reading, lie, page = altered
    lie_signed = (lie.as_tuple(), device.signature(lie))
    assert street.refuses("bridge", "answerPageFraud", *lie_signed) == (
        "NotAccused",
        {"meterId": device.meter_id},
    )
    street.send(*report(street, page, device, reading))

    for other in (
        reading,
        replace(lie, sequence=2),
        replace(lie, export_wh=lie.export_wh + 1),
        replace(lie, timestamp=lie.timestamp - SLOT),
    ):
        assert street.refuses(
            "bridge", "answerPageFraud", other.as_tuple(), device.signature(other)
        ) == ("NotTheEntry", {"meterId": device.meter_id})
    assert street.refuses(
        "bridge", "answerPageFraud", lie.as_tuple(), device.signature(lie, key=SALT)
    )[0] == ("WrongDeviceKey")


def test_conclude_page_fraud__no_answer__suspends_the_bridge_and_its_pages(street, altered) -> None:
    device, reading, _, page = altered
    street.send(*report(street, page, device, reading))
    until = street.chain.now + ANSWER_SECONDS
    street.at(until - 1)
    assert street.refuses("anybody", "concludePageFraud", device.meter_id) == (
        "AnswerStillOpen",
        {"blockTimestamp": until - 1, "answerUntil": until},
    )
    street.at(until)

    street.send("anybody", "concludePageFraud", device.meter_id)

    (event,) = street.events("BridgeSuspended")
    assert (event.bridge, event.meterId) == (somebody("bridge"), device.meter_id)
    assert street.refuses("anybody", "revealPage", page.as_tuple())[0] == "BridgeNotActive"
    boundary = (until // SLOT) * SLOT
    assert street.refuses("bridge", "commitPage", boundary, 0, SALT)[0] == "BridgeNotActive"
    assert street.info(device).status == ACTIVE
    assert tuple(street.meters.ask("pageAccusation", device.meter_id)) == NO_ACCUSATION
    assert street.refuses("anybody", "concludePageFraud", device.meter_id)[0] == "NotAccused"
    assert street.meters.ask("latestReading", device.meter_id).timestamp == FIRST_SLOT * SLOT
