"""Keys rotated, plain stores encrypted, raw data erased, boxes for the operator.

- rotation: beside a running bridge, killed at every step, the old key opens nothing any more
- migration: everything reads the same, nothing plain is left, killed at every step
- erasure: the data keys are gone from the file, other meters untouched, refused while needed
- boxes: only the operator opens them, devices' signatures hold, altered or misdirected refused
- commands: from the first key to erasure as an owner types them
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from meter_bridge.config import SubmissionSection
from meter_bridge.errors import (
    BridgeConfigurationError,
    ErasedDataError,
    KeyFileError,
    SealedDataError,
)
from meter_bridge.page_exports import signers
from meter_bridge.privacy import sealing, upkeep
from meter_bridge.privacy.boxes import Recipient, create_recipient, open_box, seal
from meter_bridge.privacy.keyring import Keyring
from meter_bridge.privacy.sealing import migrate
from meter_bridge.privacy.upkeep import KEEP_DAYS, erase, rotate, standing
from meter_bridge.privacy.vault import PERIOD_SECONDS, Vault
from meter_bridge.registry import PageStatus
from tests.offchain.bridge.engine_bench import CONTRACT, DAY, IMPORT_WH, Bench, key_of
from tests.offchain.bridge.test_bridge_pages import PageBench
from tests.offchain.bridge.test_bridge_pages import standing as page_standing
from tests.offchain.bridge.test_bridge_privacy import bytes_of, reopen, sealed_pages, secrets_of


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys" / "store.key"
    Keyring.create(path)
    return path


def killed_in_child(work: Callable[[], object]) -> None:
    """Run something that kills its process on the way, in a process of its own."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def store_file(bench: Bench) -> Path:
    return bench.folder / "bridge.sqlite"


def wrapped_keys(bench: Bench, owner: int) -> list[bytes]:
    rows = sqlite3.connect(store_file(bench)).execute(
        "SELECT wrapped FROM bridge_data_keys WHERE owner = ? AND wrapped IS NOT NULL", (owner,)
    )
    return [row[0] for row in rows]


# --- Rotation -------------------------------------------------------------------------------------


def test_rotate__beside_a_running_bridge__it_goes_on_and_the_old_key_opens_nothing(
    tmp_path: Path, key_file: Path
) -> None:
    bench = Bench(tmp_path, meters=2, key_file=key_file)
    bench.read(1, 10, 0)
    old = tmp_path / "keys" / "old.key"
    shutil.copy(key_file, old)
    rows = "SELECT meter_id, boundary, sealed FROM bridge_snapshots ORDER BY 1, 2"
    before = bench.outbox.connection.execute(rows).fetchall()
    first = wrapped_keys(bench, 1)

    count = rotate(store_file(bench), key_file)

    assert count == 4  # the first of the store, two identities, one meter's rows
    assert bench.outbox.connection.execute(rows).fetchall() == before
    assert not any(wrapped in bytes_of(bench) for wrapped in first)
    # The bridge was not restarted: it goes on, with data keys of a new meter and a new period.
    bench.read(2, 20, 0)
    unix = DAY + 1_801
    bench.arrive(bench.telegram(unix, IMPORT_WH + 5, 500_005), meter_id=2, at=unix)
    assert len(wrapped_keys(bench, 2)) == 2
    ring = Keyring.load(key_file)
    assert len(ring.keys) == 1
    assert set(standing(store_file(bench), key_file).wrapping) == {ring.active.key_id}
    bench.restart()
    assert [a.sequence for a in bench.store.accepted(1, 0)] == [1, 2]
    with pytest.raises(KeyFileError, match="lacks a key"):
        reopen(bench, old)


@pytest.mark.parametrize("moment", ["key added", "first batch", "third batch", "before the end"])
def test_rotate__killed__everything_opens_and_the_next_finishes(
    tmp_path: Path, key_file: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, meters=3, key_file=key_file)
    for slot in (1, 2):
        bench.read(slot, slot * 10, 0)
    bench.outbox.close()
    monkeypatch.setattr(upkeep, "BATCH_KEYS", 1)
    steps = {"key added": 0, "first batch": 1, "third batch": 3}

    def work() -> None:
        if moment == "before the end":
            Keyring.only_active = lambda _: kill()  # type: ignore[assignment,method-assign,return-value]
        rotate(store_file(bench), key_file, lambda done, _: done == steps.get(moment) and kill())

    killed_in_child(work)

    assert len(Keyring.load(key_file).keys) == 2
    assert len(reopen(bench, key_file).accepted(1, 0)) == 2
    bench.restart()
    bench.read(3, 30, 0)
    rotate(store_file(bench), key_file)
    ring = Keyring.load(key_file)
    found = standing(store_file(bench), key_file)
    assert (set(found.wrapping), found.retiring) == ({ring.active.key_id}, ())
    bench.restart()
    assert len(bench.store.accepted(1, 0)) == 3


def test_rotate__others_rotate_meanwhile__no_key_in_use_is_lost(
    tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, meters=3, key_file=key_file)
    bench.read(1, 10, 0)
    path = store_file(bench)
    monkeypatch.setattr(upkeep, "BATCH_KEYS", 1)

    def between(done: int, _: int) -> None:
        if done == 1:
            rotate(path, key_file)  # finishes what the outer one has begun
            rotate(path, key_file)  # and changes the key once more

    rotate(path, key_file, between)

    ring = Keyring.load(key_file)
    assert (set(standing(path, key_file).wrapping), len(ring.keys)) == ({ring.active.key_id}, 1)
    bench.restart()
    assert len(bench.store.accepted(1, 0)) == 1


def test_rotate__old_key_lost_half_way__says_so_and_destroys_nothing(
    tmp_path: Path, key_file: Path
) -> None:
    bench = Bench(tmp_path, key_file=key_file)
    bench.read(1, 10, 0)
    ring = Keyring.load(key_file)
    ring.with_new_key().only_active().save()

    with pytest.raises(KeyFileError, match="lacks a key of this store"):
        rotate(store_file(bench), key_file)
    ring.save()
    assert len(reopen(bench, key_file).accepted(1, 0)) == 1


# --- Migration ------------------------------------------------------------------------------------


def test_migrate__plain_store__reads_the_same_and_shows_nothing(
    tmp_path: Path, key_file: Path
) -> None:
    bench = sealed_pages(tmp_path / "a", None)
    bench.boundary(4, (1,), wh=2_000_000)  # refused
    early = DAY + 4_500 - 2
    raw = bench.telegram(early, IMPORT_WH + 6_001, 500_017, equipment=f"4530{1:012d}")
    bench.arrive(raw, at=early)
    secrets = secrets_of(bench)

    def content() -> tuple[Any, ...]:
        store = bench.store
        return (
            [store.accepted(meter_id, 0) for meter_id in (1, 2, 3)],
            [store.meter(meter_id) for meter_id in (1, 2, 3)],
            store.candidates(1),
            store.findings(1, DAY + 3_600),
            store.signatures(),
            bench.engine.pager.pages.open(),
            store.counts(),
        )

    # What SQLite freed long ago is plain, too.
    bench.outbox.connection.execute(
        "CREATE TABLE once AS SELECT replace(hex(zeroblob(40000)), '00', 'old plain ')"
    )
    bench.outbox.connection.execute("PRAGMA secure_delete = OFF")  # some builds have it on
    bench.outbox.connection.execute("DROP TABLE once")
    secrets["freed"] = b"old plain"
    assert secrets["freed"] in bytes_of(bench)
    before = content()
    assert before[2] and before[3]
    bench.outbox.close()
    count = migrate(store_file(bench), key_file)
    bench.key_file = key_file
    bench.restart()

    assert content() == before
    # Meters, pages, snapshots of slots 1 and 2, of meter 1 in 3 and 4, its candidate.
    assert count == 3 + 3 + 6 + 2 + 1
    assert [name for name, value in secrets.items() if value in bytes_of(bench)] == []
    for change in ("DELETE FROM bridge_snapshots", "UPDATE bridge_pages SET sealed = x'00'"):
        with pytest.raises(Exception, match="never"), bench.store.transaction() as connection:
            connection.execute(change)
    with pytest.raises(BridgeConfigurationError, match="encrypted already"):
        migrate(store_file(bench), key_file)
    bench.boundary(5, wh=1237)
    assert len(bench.store.accepted(2, 0)) == 3


@pytest.mark.parametrize("moment", ["in the transaction", "before the wiping"])
def test_migrate__killed__plain_or_encrypted_and_the_next_finishes(
    tmp_path: Path, key_file: Path, moment: str
) -> None:
    bench = sealed_pages(tmp_path / "a", None)
    secrets, before = secrets_of(bench), bench.store.accepted(2, 0)
    bench.outbox.close()

    def work() -> None:
        if moment == "in the transaction":
            seal_row, count = Vault.seal, iter(range(100))

            def sealed(*arguments: Any) -> bytes:
                return seal_row(*arguments) if next(count) < 6 else kill() or b""

            Vault.seal = sealed  # type: ignore[method-assign]
        else:
            sealing.wipe = lambda _: kill()
        migrate(store_file(bench), key_file)

    killed_in_child(work)

    if moment == "in the transaction":
        assert reopen(bench, None).accepted(2, 0) == before
    else:
        with pytest.raises(BridgeConfigurationError, match="plain remains"):
            reopen(bench, key_file)
        with pytest.raises(BridgeConfigurationError, match="is encrypted"):
            reopen(bench, None)
    migrate(store_file(bench), key_file)
    assert reopen(bench, key_file).accepted(2, 0) == before
    assert [name for name, value in secrets.items() if value in bytes_of(bench)] == []


# --- Erasure --------------------------------------------------------------------------------------


def test_erase__all_of_a_meter__gone_for_ever_and_the_others_stay(
    tmp_path: Path, key_file: Path
) -> None:
    bench = sealed_pages(tmp_path / "a", key_file)
    gone, others = wrapped_keys(bench, 2), bench.store.accepted(1, 0)
    assert len(gone) == 2
    bench.outbox.close()

    count = erase(store_file(bench), key_file, 2, None)

    assert count == 2
    assert not any(wrapped in bytes_of(bench) for wrapped in gone)
    store = reopen(bench, key_file)
    assert store.accepted(1, 0) == others
    with pytest.raises(ErasedDataError, match="raw data of meter 2 were erased"):
        store.accepted(2, 0)
    with pytest.raises(ErasedDataError, match="raw data of meter 2 were erased"):
        bench.restart()
    assert erase(store_file(bench), key_file, 2, None) == 0
    rotate(store_file(bench), key_file)
    assert standing(store_file(bench), key_file).erased == 2


def test_erase__old_periods_of_a_served_meter__it_goes_on(
    tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, key_file=key_file)
    bench.read(1, 10, 0)
    bench.read(96, 40, 0)  # a midnight, on which later days look back
    much_later = 96 * (PERIOD_SECONDS // 86_400 + 4)
    bench.read(much_later, 50, 0)
    end = (DAY // PERIOD_SECONDS + 1) * PERIOD_SECONDS

    monkeypatch.setattr(upkeep.time, "time", lambda: float(end + KEEP_DAYS * 86_400 - 1))
    with pytest.raises(BridgeConfigurationError, match="needed yet"):
        erase(store_file(bench), key_file, 1, end)
    monkeypatch.setattr(upkeep.time, "time", lambda: float(end + KEEP_DAYS * 86_400))
    assert erase(store_file(bench), key_file, 1, end) == 1

    bench.restart()
    with pytest.raises(ErasedDataError):
        bench.store.accepted(1, 0)
    assert len(bench.store.accepted(1, end)) == 1
    bench.read(much_later + 96, 60, 0)  # its day is compared with midnights that are left
    assert len(bench.store.accepted(1, end)) == 2


def test_erase__period_not_signed_yet_or_the_newest__refused(
    tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = SubmissionSection(batch_window_seconds=600)
    bench = Bench(tmp_path, submission=waits, key_file=key_file)
    bench.read(1, 10, 0)
    bench.read(96 * 60, 50, 0)
    end = (DAY // PERIOD_SECONDS + 1) * PERIOD_SECONDS
    monkeypatch.setattr(upkeep.time, "time", lambda: float(end + 90 * 86_400))

    with pytest.raises(BridgeConfigurationError, match="1 snapshots not signed"):
        erase(store_file(bench), key_file, 1, end)
    assert len(reopen(bench, key_file).accepted(1, 0)) == 2


def test_erase__old_pages__refused_until_they_are_revealed(
    tmp_path: Path, key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = PageBench(tmp_path, key_file=key_file)
    bench.boundary(1)
    end = (DAY // PERIOD_SECONDS + 1) * PERIOD_SECONDS
    monkeypatch.setattr(upkeep.time, "time", lambda: float(end + 90 * 86_400))

    with pytest.raises(BridgeConfigurationError, match="not revealed"):
        erase(store_file(bench), key_file, 0, end)
    bench.tend(**{f"p_{DAY + 900}_0": page_standing(PageStatus.REVEALED)})
    assert erase(store_file(bench), key_file, 0, end) == 1
    bench.restart()


# --- Boxes ----------------------------------------------------------------------------------------


def test_export__operator_key__only_the_operator_opens_it_and_signatures_hold(
    tmp_path: Path, key_file: Path
) -> None:
    private = tmp_path / "operator.key"
    public = tmp_path / "operator.pub"
    public.write_text(create_recipient(private).public_key.hex() + "\n")
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / f"{DAY + 900}-0.json").write_text("{}")  # from before a key was configured
    bench = PageBench(tmp_path, key_file=key_file, page_options={"operator_key_file": public})
    bench.boundary(1, wh=1237)

    bench.engine.pager.export(folder)

    (path,) = folder.iterdir()
    document = json.loads(path.read_text())
    assert document["about"] == {
        "chainId": 31337, "smartMeter": CONTRACT, "boundary": DAY + 900, "index": 0
    }  # fmt: skip
    box = base64.b64decode(document["box"])
    for name, value in secrets_of_page(bench).items():
        assert value not in path.read_bytes() and value not in box, name
    content = open_box(document, private)
    assert content["pageHash"] == "0x" + bench.page(1).hash().hex()
    assert content["readings"][1]["importWh"] == IMPORT_WH + 1237
    assert signers(content, document["about"]) == {m: key_of(m).address for m in (1, 2, 3)}
    content["readings"][1]["importWh"] += 1
    assert signers(content, document["about"])[2] != key_of(2).address


def secrets_of_page(bench: PageBench) -> dict[str, bytes]:
    page = bench.page(1)
    return {"salt": page.salt, "entries": page.packed_entries(), "text": page.salt.hex().encode()}


def test_open_box__altered_or_for_another__refused(tmp_path: Path) -> None:
    to = create_recipient(tmp_path / "a")
    create_recipient(tmp_path / "b")
    document = seal({"readings": [1]}, {"index": 0}, to)
    assert open_box(document, tmp_path / "a") == {"readings": [1]}

    with pytest.raises(KeyFileError, match="for another key"):
        open_box(document, tmp_path / "b")
    box = bytearray(base64.b64decode(document["box"]))
    for place in (0, 31, 32, len(box) - 1):
        changed = bytes(box[:place]) + bytes([box[place] ^ 1]) + bytes(box[place + 1 :])
        with pytest.raises(SealedDataError, match="does not open"):
            open_box(document | {"box": base64.b64encode(changed).decode()}, tmp_path / "a")
    with pytest.raises(SealedDataError, match="does not open"):
        open_box(document | {"about": {"index": 1}}, tmp_path / "a")
    with pytest.raises(SealedDataError, match="does not open"):
        open_box(document | {"box": base64.b64encode(b"short").decode()}, tmp_path / "a")
    for broken in ({}, {"box": "!"}, document | {"format": "x"}, document | {"more": 1}):
        with pytest.raises(SealedDataError, match="no sealed box"):
            open_box(broken, tmp_path / "a")
    with pytest.raises(KeyFileError, match="cannot be written"):
        create_recipient(tmp_path / "a")
    (tmp_path / "c").write_text("zz")
    with pytest.raises(KeyFileError, match="64 hex digits"):
        Recipient.load(tmp_path / "c")


# --- Commands -------------------------------------------------------------------------------------


def test_commands__from_the_first_key_to_erasure(tmp_path: Path) -> None:
    from meter_bridge.cli import cli

    bench = sealed_pages(tmp_path / "a", None)
    bench.outbox.close()
    key_file, config = tmp_path / "keys" / "store.key", tmp_path / "a" / "bridge.toml"
    plain = (
        '[chain]\nrpc_url = "http://127.0.0.1:1"\nchain_id = 31337\ndeployment = "d.json"\n'
        '[relayer]\nkeystore = "r"\npassword_file = "p"\n[store]\npath = "bridge.sqlite"\n'
        '[[meter]]\nid = 1\nkeystore = "k"\npassword_file = "p"\nsource = "tcp://127.0.0.1:9"\n'
    )
    config.write_text(plain)

    def run(*arguments: str, fails: str = "") -> str:
        result = CliRunner().invoke(cli, ["privacy", *arguments])
        assert (result.exit_code == 0) == (fails == ""), result.output
        assert fails in result.output
        return result.output

    where = ("--config", str(config))
    run("status", *where, fails="no section [privacy]")
    config.write_text(plain + f'[privacy]\nkey_file = "{key_file}"\n')
    run("migrate", *where, fails="cannot be read")
    key_id = run("new-key", str(key_file)).strip()
    run("new-key", str(key_file), fails="exists")
    run("status", *where, fails="is plain")
    assert "rows encrypted" in run("migrate", *where)
    assert json.loads(run("status", *where, "--json"))["active"] == key_id
    assert "data keys wrapped anew" in run("rotate", *where)
    assert json.loads(run("status", *where, "--json"))["active"] != key_id
    run("erase", *where, "1", "--yes", fails="still served")
    run("erase", *where, "3", "--yes", "--before", "2200-01-01", fails="needed yet")
    assert "2 data keys destroyed" in run("erase", *where, "3", "--yes")
    assert json.loads(run("findings", *where, "1", str(DAY + 900), "--json")) == []
    public = run("new-operator-key", str(tmp_path / "operator.key")).strip()
    box = seal(
        {"readings": []}, {"chainId": 1, "smartMeter": CONTRACT}, Recipient(bytes.fromhex(public))
    )
    (tmp_path / "box.json").write_text(json.dumps(box))
    opened = run("open", str(tmp_path / "box.json"), "--key", str(tmp_path / "operator.key"))
    assert json.loads(opened) == {"readings": []}
