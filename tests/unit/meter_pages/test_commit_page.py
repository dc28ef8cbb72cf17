"""commitPage, commitSignedPage, withdrawPage, pageHash

├── not an active bridge, boundary off the grid or ahead: errors
├── the same hash again: nothing; another one: PlaceTaken
├── too late to be revealed in time: CommitmentTooLate
├── signed: by anybody; signed by another key: WrongSigner
├── withdrawPage: not committed, revealed, withdrawn: errors; else it never counts
└── places are used again after 1,024 slots
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from energy_grid.eip712 import digest, domain
from energy_grid.pages import HASH_START_BYTES, PageCommitment
from energy_grid.units import UnixSeconds
from tests.unit.meter_pages.street import DAY, DISPUTE, SLOT, Street, somebody

HASH = bytes(range(32))
COMMITTED, REVEALED, WITHDRAWN = 1, 2, 3
NOTHING = (0, 0, 0, 0, b"\0" * HASH_START_BYTES, 0)


def test_page_hash__any_page__is_that_of_python(street: Street) -> None:
    devices = street.settle_in("anna", "bert")
    signed = [(device, device.advance(5, 7)) for device in devices]
    page = street.page(signed, index=513, previous=DAY)

    assert street.meters.ask("pageHash", page.as_tuple()) == page.hash()
    assert street.meters.ask("pageHash", replace(page, salt=HASH).as_tuple()) != page.hash()


def test_commit_page__by_the_bridge__is_on_record(street: Street) -> None:
    street.after(1, 7)

    is_new = street.send("bridge", "commitPage", DAY + SLOT, 3, HASH)

    assert is_new is True
    (event,) = street.events("PageCommitted")
    assert (event.bridge, event.boundary, event.index, event.pageHash) == (
        somebody("bridge"),
        DAY + SLOT,
        3,
        HASH,
    )
    committed_at = DAY + SLOT + 7
    record = street.meters.ask("pageRecord", somebody("bridge"), DAY + SLOT, 3)
    assert tuple(record) == (
        COMMITTED,
        committed_at,
        committed_at + DISPUTE,
        DAY + 2 * 86_400,
        HASH[:HASH_START_BYTES],
        0,
    )
    for other in ((somebody("other bridge"), 3), (somebody("bridge"), 2), (somebody("anna"), 3)):
        found = street.meters.ask("pageRecord", other[0], DAY + SLOT, other[1])
        assert tuple(found) == NOTHING


@pytest.mark.parametrize("name", ["anybody", "registrar", "suspended"])
def test_commit_page__not_an_active_bridge__is_refused(street: Street, name: str) -> None:
    if name == "suspended":
        street.send("registrar", "appointBridge", somebody(name))
        street.send("registrar", "suspendBridge", somebody(name))
    street.after(1)

    assert street.refuses(name, "commitPage", DAY + SLOT, 0, HASH)[0] == "BridgeNotActive"


def test_commit_page__boundary_off_the_grid_or_ahead__is_refused(street: Street) -> None:
    street.at(DAY + SLOT - 31)

    assert street.refuses("bridge", "commitPage", DAY + 1, 0, HASH) == (
        "TimestampMisaligned",
        {"given": DAY + 1, "unit": SLOT},
    )
    assert street.refuses("bridge", "commitPage", DAY + SLOT, 0, HASH) == (
        "ReadingInFuture",
        {"given": DAY + SLOT, "latestAllowed": DAY + SLOT - 1},
    )
    street.at(DAY + SLOT - 30)
    assert street.send("bridge", "commitPage", DAY + SLOT, 0, HASH) is True
    record = street.meters.ask("pageRecord", somebody("bridge"), DAY + SLOT, 0)
    assert record.committedAt == DAY + SLOT - 30


def test_commit_page__same_hash_again__does_nothing(street: Street) -> None:
    street.after(1)
    street.send("bridge", "commitPage", DAY + SLOT, 0, HASH)
    street.after(2)

    assert street.send("bridge", "commitPage", DAY + SLOT, 0, HASH) is False
    assert street.events("PageCommitted") == []
    record = street.meters.ask("pageRecord", somebody("bridge"), DAY + SLOT, 0)
    assert record.committedAt == DAY + SLOT + 5


def test_commit_page__second_hash_for_one_place__is_refused(street: Street) -> None:
    street.after(1)
    street.send("bridge", "commitPage", DAY + SLOT, 0, HASH)

    assert street.refuses("bridge", "commitPage", DAY + SLOT, 0, HASH[::-1]) == (
        "PlaceTaken",
        {"boundary": DAY + SLOT, "index": 0},
    )
    assert street.send("other bridge", "commitPage", DAY + SLOT, 0, HASH[::-1]) is True
    assert street.send("bridge", "commitPage", DAY + SLOT, 1, HASH[::-1]) is True


def test_commit_page__too_late_to_be_revealed__is_refused(street: Street) -> None:
    latest = DAY + 2 * 86_400 - DISPUTE
    street.at(latest)

    assert street.refuses("bridge", "commitPage", DAY + SLOT, 0, HASH) == (
        "CommitmentTooLate",
        {"blockTimestamp": latest, "latest": latest},
    )
    # The boundary at midnight closes a slot of the day before, whose deadline is a day earlier.
    assert street.refuses("bridge", "commitPage", DAY, 0, HASH)[0] == "CommitmentTooLate"
    street.at(latest - 1)
    assert street.send("bridge", "commitPage", DAY + SLOT, 0, HASH) is True
    record = street.meters.ask("pageRecord", somebody("bridge"), DAY + SLOT, 0)
    assert (record.committedAt, record.revealFrom) == (latest - 1, latest - 1 + DISPUTE)


def test_commit_page__after_1024_slots__uses_the_place_again(street: Street) -> None:
    street.after(1)
    street.send("bridge", "commitPage", DAY + SLOT, 0, HASH)
    later = DAY + SLOT + 1_024 * SLOT
    street.at(later)

    assert street.send("bridge", "commitPage", later, 0, HASH[::-1]) is True
    found = street.meters.ask("pageRecord", somebody("bridge"), DAY + SLOT, 0)
    assert tuple(found) == NOTHING
    record = street.meters.ask("pageRecord", somebody("bridge"), later, 0)
    assert record.hashStart == HASH[::-1][:HASH_START_BYTES]


def test_commit_signed_page__signed_by_the_bridge__anybody_may_relay(street: Street) -> None:
    commitment = PageCommitment(somebody("bridge"), UnixSeconds(DAY + SLOT), 4, HASH)
    street.after(1)

    is_new = street.send(
        "anybody", "commitSignedPage", commitment.as_tuple(), street.sign(commitment, "bridge")
    )

    assert is_new is True
    assert street.meters.ask("pageCommitmentDigest", commitment.as_tuple()) == digest(
        commitment, domain(street.chain_id, street.meters.address)
    )
    record = street.meters.ask("pageRecord", somebody("bridge"), DAY + SLOT, 4)
    assert record.status == COMMITTED


def test_commit_signed_page__signed_by_another__is_refused(street: Street) -> None:
    commitment = PageCommitment(somebody("bridge"), UnixSeconds(DAY + SLOT), 4, HASH)
    street.after(1)

    assert street.refuses(
        "bridge", "commitSignedPage", commitment.as_tuple(), street.sign(commitment, "anybody")
    ) == ("WrongSigner", {"signer": somebody("anybody"), "expected": somebody("bridge")})


def test_withdraw_page__committed__never_counts(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))

    street.send("bridge", "withdrawPage", page.boundary, 0)

    (event,) = street.events("PageWithdrawn")
    assert (event.bridge, event.boundary, event.index) == (somebody("bridge"), page.boundary, 0)
    record = street.meters.ask("pageRecord", somebody("bridge"), page.boundary, 0)
    assert record.status == WITHDRAWN
    facts = {"bridge": somebody("bridge"), "boundary": page.boundary, "index": 0}
    assert street.refuses("anybody", "revealPage", page.as_tuple()) == ("PageIsWithdrawn", facts)
    assert street.refuses("bridge", "withdrawPage", page.boundary, 0) == ("PageIsWithdrawn", facts)
    assert street.refuses("bridge", "commitPage", page.boundary, 0, HASH)[0] == "PlaceTaken"


def test_withdraw_page__not_committed_or_revealed__is_refused(street: Street) -> None:
    (device,) = street.settle_in("anna")
    page = street.committed(street.page([(device, device.advance(10, 0))]))

    assert street.refuses("other bridge", "withdrawPage", page.boundary, 0)[0] == (
        "PageNotCommitted"
    )
    street.reveal(page)
    assert street.refuses("bridge", "withdrawPage", page.boundary, 0) == (
        "PageIsRevealed",
        {"bridge": somebody("bridge"), "boundary": page.boundary, "index": 0},
    )
    record = street.meters.ask("pageRecord", somebody("bridge"), page.boundary, 0)
    assert record.status == REVEALED
