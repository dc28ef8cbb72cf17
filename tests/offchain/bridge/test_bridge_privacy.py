"""Raw readings encrypted at rest: what the file shows, what opens, and what is refused.

- at rest: no register, voltage, identity or salt in the file or its log; a sealed bridge signs the
  same as a plain one, also after a restart
- binding: rows altered, swapped, relabelled, plain; data keys swapped
- keys: wrong, missing, open to others, another store's, none; plain store with a key
- crashes: a data key that was rolled back is never used; nonces never repeat
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from energy_grid.errors import ConfigurationError
from energy_grid.outbox import Outbox
from meter_bridge.config import BridgeConfig
from meter_bridge.errors import (
    BridgeConfigurationError,
    KeyFileError,
    SealedDataError,
    StoreConflictError,
    StoreUnavailableError,
)
from meter_bridge.privacy.keyring import Keyring
from meter_bridge.privacy.vault import PERIOD_SECONDS
from meter_bridge.store import Store
from tests.offchain.bridge.engine_bench import DAY, EXPORT_WH, IMPORT_WH, Bench
from tests.offchain.bridge.test_bridge_pages import PageBench


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "store.key"
    Keyring.create(path)
    return path


def sealed_pages(folder: Path, key_file: Path | None) -> PageBench:
    """Two boundaries of three meters sealed into pages, and a candidate of a third boundary."""
    folder.mkdir(exist_ok=True)
    bench = PageBench(folder, key_file=key_file)
    bench.boundary(1, wh=1237)
    bench.boundary(2, wh=1237)
    early = DAY + 2_700 - 2
    bench.arrive(
        bench.telegram(early, IMPORT_WH + 3911, EXPORT_WH + 17, equipment=f"4530{1:012d}"), at=early
    )
    return bench


def secrets_of(bench: PageBench) -> dict[str, bytes]:
    """What must not be found, as SQLite, JSON or a packed page would write it."""
    found = {}
    for slot in (1, 2):
        page = bench.page(slot)
        found[f"salt {slot}"] = page.salt
        found[f"entries {slot}"] = page.packed_entries()
    for name, value in {
        "import 1": IMPORT_WH + 1237,
        "import 2": IMPORT_WH + 2 * 1237,
        "export 2": EXPORT_WH + 2 * 3,
        "candidate": IMPORT_WH + 3911,
        "voltage": 230_100,
    }.items():
        found[name] = value.to_bytes(3, "big")
        found[name + " text"] = str(value).encode()
    found["identity"] = f"4530{1:012d}".encode()
    return found


def bytes_of(bench: Bench) -> bytes:
    """All files of the store, whatever SQLite has left in them."""
    paths = [path for path in bench.folder.iterdir() if path.name.startswith("bridge.sqlite")]
    assert len(paths) >= 2
    return b"".join(path.read_bytes() for path in paths)


def execute(bench: Bench, statement: str, *values: Any) -> None:
    """As somebody who can write the file: triggers do not stop him."""
    connection = sqlite3.connect(bench.folder / "bridge.sqlite", isolation_level=None)
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    assert connection.execute(statement, values).rowcount > 0
    connection.close()


# --- At rest --------------------------------------------------------------------------------------


def test_file__sealed_pages_not_revealed__shows_no_reading(tmp_path: Path, key_file: Path) -> None:
    sealed = sealed_pages(tmp_path / "sealed", key_file)
    plain = sealed_pages(tmp_path / "plain", None)

    in_plain = [name for name, value in secrets_of(plain).items() if value in bytes_of(plain)]
    in_sealed = [name for name, value in secrets_of(sealed).items() if value in bytes_of(sealed)]

    # The search finds them where they are: all but the texts of numbers, which SQLite packs.
    assert set(in_plain) >= {n for n in secrets_of(plain) if not n.endswith("text")}
    assert in_sealed == []


@pytest.mark.parametrize("mode", ["single", "day"])
def test_engine__sealed_store__signs_as_with_a_plain_one(
    tmp_path: Path, key_file: Path, mode: str
) -> None:
    outcomes = []
    for name, key in (("plain", None), ("sealed", key_file)):
        (tmp_path / name).mkdir()
        bench = Bench(tmp_path / name, mode=mode, key_file=key)
        for slot in range(1, 98):
            bench.read(slot, slot * 10, 0, offset=7)  # late enough for a finding
            if slot in (40, 96):
                bench.restart()
        bench.read(98, 900_000, 0)  # above the cap: refused
        accepted = bench.store.accepted(1, 0)
        outcomes.append(
            (
                bench.calls,
                accepted,
                bench.store.signatures(),
                bench.rules(5),
                bench.rules(98),
                bench.store.midnights(1, DAY + 86_400, 3),
                bench.store.meter(1),
            )
        )

    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0][1]) == 97 and outcomes[0][3] and outcomes[0][4]


def test_pages__sealed_store_restarted__open_pages_and_signatures_are_there(
    tmp_path: Path, key_file: Path
) -> None:
    bench = sealed_pages(tmp_path / "a", key_file)
    before = [bench.page(slot) for slot in (1, 2)]

    bench.restart()

    assert bench.engine.pager.pages.open() == before
    assert [page.hash() for page in before] == [a[2] for n, a in bench.calls if n == "commitPage"]
    signed = bench.engine.pager.pages.signed(2, DAY, DAY + 1_800)
    assert [s.reading.import_wh for s in signed] == [IMPORT_WH + 1237, IMPORT_WH + 2 * 1237]
    assert list(bench.engine.meters[1].candidates) == [DAY + 2_700]


# --- Binding --------------------------------------------------------------------------------------

TAMPERED = {
    "one byte of a snapshot": "UPDATE bridge_snapshots SET sealed = CAST(substr(sealed, 1, 40) ||"
    " CASE substr(sealed, 41, 1) WHEN x'00' THEN x'01' ELSE x'00' END || substr(sealed, 42)"
    " AS BLOB) WHERE boundary = {first}",
    "cut": "UPDATE bridge_snapshots SET sealed = substr(sealed, 1, 20)",
    "empty": "UPDATE bridge_snapshots SET sealed = x''",
    "two boundaries swapped": "UPDATE bridge_snapshots SET sealed = (SELECT sealed FROM"
    " bridge_snapshots o WHERE o.meter_id = bridge_snapshots.meter_id"
    " AND o.boundary = {first} + {second} - bridge_snapshots.boundary)",
    "two meters swapped": "UPDATE bridge_snapshots SET sealed = (SELECT sealed FROM"
    " bridge_snapshots o WHERE o.meter_id = 3 - bridge_snapshots.meter_id"
    " AND o.boundary = bridge_snapshots.boundary) WHERE meter_id < 3",
    "another number": "UPDATE bridge_snapshots SET sequence = sequence + 7",
    "refused made accepted": "UPDATE bridge_snapshots SET verdict = 'accepted', sequence = 9"
    " WHERE verdict = 'refused'",
    "moved in time": "UPDATE bridge_snapshots SET boundary = boundary - 9000",
    "plain row": "UPDATE bridge_snapshots SET sealed = NULL, import_wh = 5",
    "data keys swapped": "UPDATE bridge_data_keys SET wrapped = (SELECT wrapped FROM"
    " bridge_data_keys o WHERE o.owner = 3 - bridge_data_keys.owner"
    " AND o.period = bridge_data_keys.period) WHERE owner IN (1, 2)",
    "data key of another time": "UPDATE bridge_data_keys SET wrapped = (SELECT wrapped FROM"
    " bridge_data_keys o WHERE o.owner = bridge_data_keys.owner"
    " AND o.period <> bridge_data_keys.period) WHERE owner IN (1, 2)",
    "identity of another meter": "UPDATE bridge_meters SET sealed = (SELECT sealed FROM"
    " bridge_meters o WHERE o.meter_id <> bridge_meters.meter_id)",
    "candidate as old as it says": "UPDATE bridge_candidates SET arrived_at = arrived_at - 60",
}


@pytest.mark.parametrize("attack", TAMPERED)
def test_open__row_altered_or_moved__refused(tmp_path: Path, key_file: Path, attack: str) -> None:
    bench = Bench(tmp_path, meters=2, mode="day", key_file=key_file)
    for meter_id in (1, 2):
        for slot in (1, 2, 3):
            unix = DAY + 900 * slot + 1
            used = 10_000_000 if slot == 3 else 10 * slot  # the third is refused
            raw = bench.telegram(unix, IMPORT_WH + used, EXPORT_WH, equipment=f"45{meter_id:012d}")
            bench.arrive(raw, meter_id=meter_id, at=unix)
        early = DAY + 3_600 - 2
        raw = bench.telegram(early, IMPORT_WH + 40, EXPORT_WH, equipment=f"45{meter_id:012d}")
        bench.arrive(raw, meter_id=meter_id, at=early)
    assert len(bench.store.accepted(1, 0)) == 2
    bench.restart()

    execute(bench, TAMPERED[attack].format(first=DAY + 900, second=DAY + 1_800))

    with pytest.raises(SealedDataError) as caught:
        bench.restart()
    assert str(IMPORT_WH) not in str(caught.value)


def test_open__page_of_another_boundary__refused(tmp_path: Path, key_file: Path) -> None:
    bench = sealed_pages(tmp_path / "a", key_file)
    execute(
        bench,
        "UPDATE bridge_pages SET sealed = (SELECT sealed FROM bridge_pages o"
        " WHERE o.boundary <> bridge_pages.boundary)",
    )

    with pytest.raises(SealedDataError, match="a row of bridge_pages does not open"):
        bench.page(1)


def test_insert__plain_row_into_a_sealed_store__refused_by_the_file(
    tmp_path: Path, key_file: Path
) -> None:
    bench = Bench(tmp_path, key_file=key_file)
    bench.read(1, 10, 0)
    with pytest.raises(StoreConflictError, match="no plain row"), bench.store.transaction() as c:
        c.execute(
            "INSERT INTO bridge_candidates SELECT meter_id, boundary + 900, measured_at,"
            " received_at, import_wh, export_wh, voltage_millivolts, frequency_millihz,"
            " power_failures, switch, registers_disagree, clock_checked, raw_digest, 0.0, NULL"
            " FROM bridge_snapshots"
        )
    with pytest.raises(StoreConflictError, match="CHECK"), bench.store.transaction() as c:
        c.execute(
            "INSERT INTO bridge_candidates SELECT meter_id, boundary + 900, boundary + 900,"
            " boundary + 900, 77, export_wh, voltage_millivolts, frequency_millihz,"
            " power_failures, switch, registers_disagree, clock_checked, raw_digest, 0.0, sealed"
            " FROM bridge_snapshots"
        )
    with pytest.raises(StoreConflictError), bench.store.transaction() as c:
        c.execute("UPDATE bridge_snapshots SET sealed = x'00'")


# --- Keys -----------------------------------------------------------------------------------------


def reopen(bench: Bench, key_file: Path | None) -> Store:
    return Store(Outbox(bench.folder / "bridge.sqlite"), key_file)


def test_open__not_the_stores_key__refused(tmp_path: Path, key_file: Path) -> None:
    bench = Bench(tmp_path, key_file=key_file)
    bench.read(1, 10, 0)
    other = tmp_path / "keys" / "other.key"
    Keyring.create(other)

    with pytest.raises(KeyFileError, match="not the key of this store"):
        reopen(bench, other)
    with pytest.raises(KeyFileError, match="cannot be read"):
        reopen(bench, tmp_path / "keys" / "lost.key")
    with pytest.raises(BridgeConfigurationError, match="is encrypted"):
        reopen(bench, None)
    # Another key under the name of the right one does not pass either.
    ring = Keyring.load(key_file)
    forged = Keyring(other, Keyring.load(other).keys, ring.store_id, ring.store_path)
    forged.save()
    with pytest.raises(KeyFileError, match="lacks a key of this store"):
        reopen(bench, other)
    reopen(bench, key_file)


def test_open__key_file_open_to_others_or_broken__refused(tmp_path: Path, key_file: Path) -> None:
    bench = Bench(tmp_path, key_file=key_file)
    key_file.chmod(0o640)
    with pytest.raises(KeyFileError, match="mode 0600"):
        reopen(bench, key_file)
    key_file.chmod(0o600)
    text = key_file.read_text()
    for broken in ("", "{}", "[]", text[:-20], text.replace('"version": 1', '"version": 2')):
        key_file.write_text(broken)
        with pytest.raises(KeyFileError, match="is broken") as caught:
            reopen(bench, key_file)
        assert Keyring.create(tmp_path / "keys" / str(hash(broken))).active.key.hex() not in str(
            caught.value
        )
    key_file.write_text(text)
    reopen(bench, key_file)


def test_open__plain_store_with_a_key__asks_for_the_migration(
    tmp_path: Path, key_file: Path
) -> None:
    bench = Bench(tmp_path)
    bench.read(1, 10, 0)

    with pytest.raises(BridgeConfigurationError, match="privacy migrate"):
        reopen(bench, key_file)
    assert len(reopen(bench, None).accepted(1, 0)) == 1


def test_open__key_file_of_another_store__refused(tmp_path: Path, key_file: Path) -> None:
    Bench(tmp_path, key_file=key_file)
    (tmp_path / "second").mkdir()

    with pytest.raises(KeyFileError, match="belongs to another store"):
        Bench(tmp_path / "second", key_file=key_file)


def test_open__bridge_that_knows_only_plain_stores__refuses_a_sealed_one(
    tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, key_file=key_file)
    monkeypatch.setattr("meter_bridge.store.open_vault", lambda *_, **__: None)

    with pytest.raises(ConfigurationError, match="another schema"):
        reopen(bench, None)


def test_create__key_file_exists__refused(key_file: Path) -> None:
    with pytest.raises(KeyFileError, match="exists"):
        Keyring.create(key_file)


def test_config__key_beside_the_data__refused(tmp_path: Path) -> None:
    from meter_bridge.assembly import key_file_of

    config = BridgeConfig.model_validate(
        {
            "chain": {"rpc_url": "http://127.0.0.1:1", "chain_id": 1, "deployment": "d"},
            "relayer": {"keystore": "k", "password_file": "p"},
            "store": {"path": tmp_path / "bridge.sqlite"},
            "privacy": {"key_file": tmp_path / "store.key"},
            "meter": [{"id": 1, "keystore": "k", "password_file": "p", "source": "tcp://a:1"}],
        }
    )
    with pytest.raises(BridgeConfigurationError, match="beside the store"):
        key_file_of(config)


# --- Crashes --------------------------------------------------------------------------------------


def test_rollback__data_key_made_in_it__not_used_any_more(tmp_path: Path, key_file: Path) -> None:
    bench = Bench(tmp_path, mode="day", key_file=key_file)
    unix = DAY + 901
    connection, moved = bench.outbox.connection, bench.store.put_candidate

    def fail(*arguments: Any) -> None:
        moved(*arguments)
        raise sqlite3.OperationalError("disk full")

    bench.store.put_candidate = fail  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailableError):
        bench.arrive(bench.telegram(unix, IMPORT_WH + 5, EXPORT_WH), at=unix)
    period = DAY // PERIOD_SECONDS
    count = "SELECT count(*) FROM bridge_data_keys WHERE period = ?"
    assert connection.execute(count, (period,)).fetchone() == (0,)
    bench.store.put_candidate = moved  # type: ignore[method-assign]
    bench.read(1, 5, 0)
    bench.restart()

    assert [a.snapshot.import_wh for a in bench.store.accepted(1, 0)] == [IMPORT_WH + 5]


def test_nonces__many_rows_restarts_and_rollbacks__never_twice(
    tmp_path: Path, key_file: Path
) -> None:
    bench = Bench(tmp_path, mode="day", key_file=key_file)
    seen: list[bytes] = []
    seal = type(bench.store.vault).seal

    def noted(*arguments: Any) -> bytes:
        sealed = seal(*arguments)
        seen.append(sealed[1:13])
        return sealed

    copy = tmp_path / "copy"
    copy.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(bench.store.vault), "seal", noted)
        for slot in range(1, 40):
            bench.read(slot, slot, 0)
            if slot == 10:
                bench.outbox.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                shutil.copy(tmp_path / "bridge.sqlite", copy)
            if slot % 7 == 0:
                bench.restart()
        bench.folder = copy  # an older copy goes on from the same keys
        bench.restart()
        for slot in range(11, 40):
            bench.read(slot, slot, 0)

    assert len(seen) > 130 and len(set(seen)) == len(seen)
