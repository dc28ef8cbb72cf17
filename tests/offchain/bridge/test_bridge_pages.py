"""Readings in pages, without a chain: what is sealed, what goes out signed, what is done about it.

- sealing: all there, one missing until the deadline, order of boundaries, groups, restart, content
- signed instead: not joined, demanded, rollover, late, too late to commit, bridge not active
- on chain: joins once, reveals when due, closes, sends signed what was lost, answers accusations
- views: page and entry as JSON, export folder
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from energy_grid import eip712
from energy_grid.eip712 import MeterReading
from energy_grid.outbox import State
from energy_grid.pages import MeterPage, signatures_hash
from energy_grid.units import Wh
from meter_bridge.config import PagesSection, SubmissionSection
from meter_bridge.errors import RegistryError, StoreConflictError
from meter_bridge.page_views import entry_view, page_view
from meter_bridge.pager import PagesView
from meter_bridge.registry import Accusation, PageStanding, PageStatus, PagingStanding
from tests.offchain.bridge.engine_bench import (
    CHAIN_ID,
    CONTRACT,
    DAY,
    EXPORT_WH,
    IMPORT_WH,
    Bench,
    key_of,
)

BRIDGE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
JOINED = PagingStanding(BRIDGE, DAY)
DOMAIN = eip712.domain(CHAIN_ID, CONTRACT)


@dataclass
class PageBench(Bench):
    """Meters reported in pages of at most three."""

    mode: str = "page"
    meters: int = 3
    submission: SubmissionSection = field(
        default_factory=lambda: SubmissionSection(batch_window_seconds=0)
    )
    standings: dict[int, PagingStanding] = field(default_factory=dict)
    page_options: dict[str, Any] = field(default_factory=dict)
    is_active: bool = True

    def restart(self) -> None:
        super().restart()
        self.tend()

    def engine_options(self) -> dict[str, Any]:
        section = PagesSection(**{"page_size": 3, "join": False} | self.page_options)
        return {"pages": section, "bridge": BRIDGE}

    def tend(self, **pages: PageStanding) -> None:
        """The chain is looked at."""
        standing = {
            tuple(int(part) for part in name.split("_")[1:]): value for name, value in pages.items()
        }
        self.engine.tend_pages(
            PagesView(
                now=self.clock.time,
                is_active=self.is_active,
                meters={m: self.standings.get(m, JOINED) for m in range(1, self.meters + 1)},
                pages=standing,  # type: ignore[arg-type]
            )
        )
        self.engine.advance(self.host_now)

    def boundary(self, slot: int, meter_ids: Iterable[int] = (1, 2, 3), *, wh: int = 10) -> None:
        """Telegrams of a boundary arrive from some meters."""
        unix = DAY + 900 * slot + 1
        for meter_id in meter_ids:
            raw = self.telegram(
                unix,
                IMPORT_WH + wh * slot,
                EXPORT_WH + meter_id * slot,
                equipment=f"4530{meter_id:012d}",
            )
            self.arrive(raw, meter_id=meter_id, at=max(unix, self.clock.time))

    def committed(self) -> list[tuple[int, int]]:
        return [(a[0], a[1]) for name, a in self.calls if name == "commitPage"]

    def page(self, slot: int, index: int = 0) -> MeterPage:
        found = self.engine.pager.pages.get(DAY + 900 * slot, index)
        assert found is not None
        return found

    def alone(self) -> list[tuple[int, int]]:
        """Meter and slot of readings under their own signature."""
        return [(reading[0], (reading[2] - DAY) // 900) for reading in self.readings()]

    def fail(self, key: str) -> None:
        """The contract refused an intent before it was sent."""
        self.outbox.connection.execute(
            "UPDATE outbox_rows SET state = ? WHERE business_key = ?", (State.FAILED.value, key)
        )


@pytest.fixture
def bench(tmp_path: Path) -> PageBench:
    return PageBench(tmp_path)


# --- Sealing --------------------------------------------------------------------------------------


def test_seal__all_meters_there__one_page_with_their_signatures(bench: PageBench) -> None:
    bench.boundary(1)

    assert bench.committed() == [(DAY + 900, 0)]
    page = bench.page(1)
    assert [(e.meter_id, e.sequence) for e in page.entries] == [(1, 1), (2, 1), (3, 1)]
    assert [e.import_wh for e in page.entries] == [IMPORT_WH + 10] * 3
    assert bench.calls[-1][1][2] == page.hash()
    signatures = bench.engine.pager.pages.signatures_of(page)
    assert page.signatures_hash == signatures_hash(signatures)
    for entry, signature in zip(page.entries, signatures, strict=True):
        reading = MeterReading(
            entry.meter_id,
            entry.sequence,
            page.boundary,
            entry.import_wh,
            entry.export_wh,
            voltage_millivolts=230_100,
        )
        assert eip712.recover(reading, DOMAIN, signature) == key_of(entry.meter_id).address
    assert bench.alone() == []
    assert bench.engine.counters.pages_sealed == 1


def test_seal__one_missing__waits_until_the_deadline_and_then_goes_without_it(
    bench: PageBench,
) -> None:
    bench.boundary(1, (1, 3))
    assert bench.committed() == []
    bench.clock.time = DAY + 900 + 120
    bench.engine.advance(bench.host_now)
    assert bench.committed() == []

    bench.clock.time += 1
    bench.engine.advance(bench.host_now)

    assert bench.committed() == [(DAY + 900, 0)]
    assert [entry.meter_id for entry in bench.page(1).entries] == [1, 3]


def test_seal__boundaries_in_order__each_names_the_one_before(bench: PageBench) -> None:
    for slot in (1, 2, 3):
        bench.boundary(slot)

    assert [page.previous_boundary for page in map(bench.page, (1, 2, 3))] == [
        *(0, DAY + 900, DAY + 1_800)
    ]
    assert len({bench.page(slot).salt for slot in (1, 2, 3)}) == 3


def test_seal__more_meters_than_a_page_holds__a_page_each_group(tmp_path: Path) -> None:
    bench = PageBench(tmp_path, meters=7)
    bench.boundary(1, range(1, 8))

    assert bench.committed() == [(DAY + 900, 0), (DAY + 900, 1), (DAY + 900, 2)]
    assert [len(bench.page(1, index).entries) for index in range(3)] == [3, 3, 1]


def test_seal__restart_before_and_after__each_boundary_once(bench: PageBench) -> None:
    bench.boundary(1, (1, 2))
    bench.restart()
    bench.boundary(1, (3,))
    before = bench.page(1)
    bench.restart()
    bench.boundary(1)
    bench.boundary(2)

    assert bench.committed() == [(DAY + 900, 0), (DAY + 1_800, 0)]
    assert bench.page(1) == before
    assert bench.page(2).previous_boundary == DAY + 900


def test_seal__before_the_chain_was_looked_at__waits(bench: PageBench) -> None:
    Bench.restart(bench)
    bench.boundary(1)
    assert bench.calls == []

    bench.tend()

    assert bench.committed() == [(DAY + 900, 0)]


def test_page__stored__never_changes(bench: PageBench) -> None:
    bench.boundary(1)
    for change in ("DELETE FROM bridge_pages", "UPDATE bridge_pages SET salt = zeroblob(32)"):
        with pytest.raises(StoreConflictError), bench.store.transaction() as connection:
            connection.execute(change)


# --- Signed instead -------------------------------------------------------------------------------


def test_signed__not_in_the_bridge__under_its_own_signature(bench: PageBench) -> None:
    bench.standings = {2: PagingStanding("", 0), 3: PagingStanding(BRIDGE, DAY + 1_800)}
    bench.tend()
    bench.boundary(1)
    bench.boundary(2)

    assert [entry.meter_id for entry in bench.page(1).entries] == [1]
    assert [entry.meter_id for entry in bench.page(2).entries] == [1, 3]
    assert set(bench.alone()) == {(2, 1), (3, 1), (2, 2)}


def test_signed__demanded_for_a_committed_page__sent_with_those_before(bench: PageBench) -> None:
    for slot in (1, 2, 3):
        bench.boundary(slot)
    bench.standings = {2: PagingStanding(BRIDGE, DAY, DAY + 1_800, DAY + 1_800)}
    bench.tend()
    bench.tend()

    assert bench.alone() == [(2, 1), (2, 2)]
    bench.boundary(4)
    assert [entry.meter_id for entry in bench.page(4).entries] == [1, 2, 3]


def test_signed__late_reading__goes_signed_with_what_is_not_revealed(bench: PageBench) -> None:
    bench.boundary(1)
    bench.boundary(2, (1, 2))
    bench.clock.time = DAY + 1_800 + 58
    bench.engine.pager._section = PagesSection(page_size=3, deadline_seconds=30, join=False)
    bench.engine.pager._changed.add(0)
    bench.engine.advance(bench.host_now)
    assert bench.committed()[-1] == (DAY + 1_800, 0)

    bench.boundary(2, (3,))

    assert bench.alone() == [(3, 1), (3, 2)]


def test_signed__register_rolled_over__by_signature_only(tmp_path: Path) -> None:
    bench = PageBench(tmp_path, registration={"register_width_wh": Wh(IMPORT_WH + 100)})
    bench.boundary(1, wh=50)
    for meter_id in (1, 2, 3):
        raw = bench.telegram(
            DAY + 1_801, 5 * meter_id, EXPORT_WH + 9, equipment=f"4530{meter_id:012d}"
        )
        bench.arrive(raw, meter_id=meter_id, at=DAY + 1_801)

    assert bench.committed() == [(DAY + 900, 0)]
    assert {item for item in bench.alone() if item[1] == 2} == {(1, 2), (2, 2), (3, 2)}


def test_signed__bridge_suspended__open_pages_and_new_readings_signed(bench: PageBench) -> None:
    bench.boundary(1)
    bench.is_active = False
    bench.tend()
    bench.boundary(2)

    assert bench.committed() == [(DAY + 900, 0)]
    assert set(bench.alone()) >= {(m, s) for m in (1, 2, 3) for s in (1, 2)}


# --- On chain -------------------------------------------------------------------------------------


def standing(status: PageStatus, reveal_from: int = 0) -> PageStanding:
    return PageStanding(status, reveal_from, DAY + 2 * 86_400)


def test_tend__meter_in_no_bridge__joins_once(tmp_path: Path) -> None:
    bench = PageBench(tmp_path, standings={2: PagingStanding("", 0)}, page_options={"join": True})
    bench.tend()
    bench.restart()

    joins = [arguments for name, arguments in bench.calls if name == "joinBridgeWithConsent"]
    assert [join[0] for join in joins] == [(2, BRIDGE, DAY + 900)]
    assert len(joins[0][1]) == 65


def test_tend__reveal_is_due__in_order_once_and_closed_when_done(bench: PageBench) -> None:
    bench.boundary(1)
    bench.boundary(2)
    places = {
        f"p_{DAY + 900}_0": standing(PageStatus.COMMITTED, DAY + 4_500),
        f"p_{DAY + 1_800}_0": standing(PageStatus.COMMITTED, DAY + 5_400),
    }
    bench.clock.time = DAY + 4_499
    bench.tend(**places)
    assert not [name for name, _ in bench.calls if name == "revealPage"]

    bench.clock.time = DAY + 5_400
    bench.tend(**places)
    bench.tend(**places)

    reveals = [arguments[0] for name, arguments in bench.calls if name == "revealPage"]
    assert reveals == [bench.page(1).as_tuple(), bench.page(2).as_tuple()]
    bench.tend(**dict.fromkeys(places, standing(PageStatus.REVEALED)))
    assert bench.engine.pager.pages.open() == []


def test_tend__reveal_refused__half_of_the_page_first_once(bench: PageBench) -> None:
    bench.boundary(1)
    places = {f"p_{DAY + 900}_0": standing(PageStatus.COMMITTED, DAY + 4_500)}
    bench.clock.time = DAY + 4_500
    bench.tend(**places)
    bench.fail(f"page-reveal/{DAY + 900}/0")
    bench.outbox.connection.execute("UPDATE outbox_rows SET updated_at = 0")

    bench.tend(**places)
    bench.tend(**places)

    parts = [arguments for name, arguments in bench.calls if name == "revealPagePart"]
    assert parts == [(bench.page(1).as_tuple(), 1)]
    assert bench.engine.pager.refused_reveals() == [f"page-reveal/{DAY + 900}/0"]


def test_tend__reveal_left_to_others__not_sent(tmp_path: Path) -> None:
    bench = PageBench(tmp_path, page_options={"reveal": False})
    bench.boundary(1)
    bench.clock.time = DAY + 9_000
    bench.tend(**{f"p_{DAY + 900}_0": standing(PageStatus.COMMITTED, DAY + 4_500)})

    assert "revealPage" not in [name for name, _ in bench.calls]


def test_tend__commitment_refused__its_readings_go_signed(bench: PageBench) -> None:
    bench.boundary(1)
    bench.fail(f"page/{DAY + 900}/0")

    bench.tend()
    bench.tend()

    assert bench.alone() == [(1, 1), (2, 1), (3, 1)]
    assert bench.engine.pager.pages.open() == []


def test_tend__accused__shows_the_devices_signature_once(bench: PageBench) -> None:
    bench.boundary(1)
    accused = PagingStanding(BRIDGE, DAY, accusation=Accusation(DAY + 900, DAY + 90_000))
    bench.standings = {3: accused}

    bench.tend()
    bench.tend()

    answers = [arguments for name, arguments in bench.calls if name == "answerPageFraud"]
    assert len(answers) == 1
    reading, signature = answers[0]
    assert reading[:3] == (3, 1, DAY + 900)
    assert eip712.recover(MeterReading(*reading), DOMAIN, signature) == key_of(3).address


def test_advance__store_full_in_the_middle__nothing_sealed_and_later_all(
    bench: PageBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    put = bench.engine.pager.pages.put
    monkeypatch.setattr(
        bench.engine.pager.pages,
        "put",
        lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("disk full")),
    )
    with pytest.raises(Exception, match="cannot take data"):
        bench.boundary(1)
    assert bench.store.signatures() == []
    monkeypatch.setattr(bench.engine.pager.pages, "put", put)
    bench.boundary(1)
    bench.engine.advance(bench.host_now)

    assert [entry.meter_id for entry in bench.page(1).entries] == [1, 2, 3]
    assert bench.engine.counters.pages_sealed == 1


# --- Views ----------------------------------------------------------------------------------------


def test_views__page_and_entry__what_reveal_and_dispute_need(bench: PageBench) -> None:
    bench.boundary(1)
    page, store = bench.page(1), bench.engine.pager.pages

    whole, entry = page_view(page), entry_view(store, page, 2)

    assert whole["salt"] == "0x" + page.salt.hex()
    assert whole["readings"][1]["meterId"] == 2
    assert "salt" not in entry and "entries" not in entry
    assert entry["place"] == 1
    reading = MeterReading(*entry["reading"].values())
    signature = bytes.fromhex(entry["signature"][2:])
    assert eip712.recover(reading, DOMAIN, signature) == key_of(2).address
    with pytest.raises(RegistryError, match="says nothing of meter 9"):
        entry_view(store, page, 9)


def test_export__open_pages__files_come_and_go(bench: PageBench, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    bench.boundary(1)
    bench.engine.pager.export(folder)
    path = folder / f"{DAY + 900}-0.json"
    assert json.loads(path.read_text())["pageHash"] == "0x" + bench.page(1).hash().hex()
    assert path.stat().st_mode & 0o077 == 0

    bench.tend(**{f"p_{DAY + 900}_0": standing(PageStatus.REVEALED)})
    bench.engine.pager.export(folder)

    assert list(folder.iterdir()) == []
