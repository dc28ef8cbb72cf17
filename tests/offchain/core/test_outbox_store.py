"""The outbox on disk: unique keys, durable rows, one file for several tables, full disks."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import threading

import pytest

from energy_grid.errors import ConfigurationError, InvalidValueError, RetryableError
from energy_grid.outbox import (
    BusinessKeyConflictError,
    Outbox,
    OutboxStorageError,
    State,
    connect,
    transaction,
)

TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "outbox.sqlite")


def test_enqueue__new_key__planned_row_on_disk(outbox, tmp_path):
    row = outbox.enqueue("day/1", TO.lower(), b"\x01", value=2, gas=30_000)

    assert row.state is State.PLANNED
    assert (row.to, row.data, row.value_wei, row.gas_limit) == (TO, b"\x01", 2, 30_000)
    assert row.nonce is None
    assert Outbox(tmp_path / "outbox.sqlite").get("day/1") == row


def test_enqueue__same_key_same_intent__changes_nothing(outbox):
    first = outbox.enqueue("day/1", TO, b"\x01")

    again = outbox.enqueue("day/1", TO, b"\x01", gas=50_000)

    assert again == first
    assert outbox.count() == 1


@pytest.mark.parametrize(
    ("to", "data", "value"), [(TO, b"\x02", 0), (TO, b"\x01", 1), ("0x" + "11" * 20, b"\x01", 0)]
)
def test_enqueue__same_key_other_intent__refused(outbox, to, data, value):
    outbox.enqueue("day/1", TO, b"\x01")

    with pytest.raises(BusinessKeyConflictError, match="'day/1' is taken by another intent"):
        outbox.enqueue("day/1", to, data, value)
    assert outbox.count() == 1


@pytest.mark.parametrize(
    ("key", "to", "value", "gas"),
    [("", TO, 0, None), ("a", "0x12", 0, None), ("a", TO, -1, None), ("a", TO, 0, 0)],
)
def test_enqueue__nonsense__refused(outbox, key, to, value, gas):
    with pytest.raises(InvalidValueError):
        outbox.enqueue(key, to, b"", value, gas)


def test_enqueue__in_the_callers_transaction__lives_and_dies_with_it(outbox, tmp_path):
    own = connect(tmp_path / "outbox.sqlite")
    own.execute("CREATE TABLE readings (id INTEGER PRIMARY KEY)")

    with pytest.raises(ZeroDivisionError), transaction(own):
        own.execute("INSERT INTO readings VALUES (1)")
        outbox.enqueue("reading/1", TO, b"", connection=own)
        raise ZeroDivisionError
    assert outbox.get("reading/1") is None

    with transaction(own):
        own.execute("INSERT INTO readings VALUES (1)")
        outbox.enqueue("reading/1", TO, b"", connection=own)
    assert outbox.get("reading/1") is not None
    assert own.execute("SELECT count(*) FROM readings").fetchone() == (1,)


def test_enqueue__from_many_threads__every_row_once(outbox):
    def fill(first):
        for number in range(20):
            outbox.enqueue(f"key/{(first + number) % 40}", TO, b"")
        outbox.close()

    threads = [threading.Thread(target=fill, args=(10 * start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outbox.count() == 40


def test_connection__durable_settings(tmp_path):
    connection = connect(tmp_path / "x.sqlite")

    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_rows__by_state__oldest_first(outbox):
    for number in range(3):
        outbox.enqueue(f"key/{number}", TO, b"")
    outbox.record_refused(outbox.get("key/1"), "no", b"")

    assert [row.business_key for row in outbox.rows(State.PLANNED)] == ["key/0", "key/2"]
    assert [row.business_key for row in outbox.rows()] == ["key/0", "key/1", "key/2"]
    assert outbox.count(State.FAILED) == 1


def test_record__state_that_cannot_follow__refused(outbox):
    row = outbox.enqueue("a", TO, b"")

    with pytest.raises(InvalidValueError, match="cannot become final"):
        outbox.record_final(row)


def test_retry__only_what_was_never_sent(outbox):
    row = outbox.enqueue("a", TO, b"")
    outbox.record_refused(row, "Halted()", b"\x01")
    assert outbox.get("a").failure == "Halted()"

    assert outbox.retry("a").state is State.PLANNED
    with pytest.raises(InvalidValueError, match="cannot be tried again"):
        outbox.retry("a")
    with pytest.raises(InvalidValueError, match="no such row"):
        outbox.retry("b")


def test_bind__other_chain_genesis_or_account__refused(outbox):
    outbox.bind(31337, "0xaa", TO)
    outbox.bind(31337, "0xaa", TO)

    for other in ((1, "0xaa", TO), (31337, "0xbb", TO), (31337, "0xaa", "0x" + "11" * 20)):
        with pytest.raises(ConfigurationError, match="belongs to another"):
            outbox.bind(*other)


def test_open__not_a_database__clear_error(tmp_path):
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(b"this is no database, but long enough to be taken for one" * 20)

    with pytest.raises(OutboxStorageError, match="file is not a database"):
        Outbox(path)


def test_open__folder_missing__clear_and_retryable(tmp_path):
    with pytest.raises(RetryableError, match="cannot be used"):
        Outbox(tmp_path / "missing" / "outbox.sqlite")


def test_enqueue__read_only_file__refused_and_nothing_lost(outbox):
    outbox.enqueue("before", TO, b"")
    outbox.connection.execute("PRAGMA query_only = 1")

    with pytest.raises(OutboxStorageError, match="readonly"):
        outbox.enqueue("after", TO, b"")
    outbox.connection.execute("PRAGMA query_only = 0")
    assert [row.business_key for row in outbox.rows()] == ["before"]
    outbox.enqueue("after", TO, b"")


def test_enqueue__disk_full__refused_then_goes_on(tmp_path):
    """A real limit of the file system, in a process of its own: files may not grow past 256 KiB."""
    program = textwrap.dedent(
        f"""
        import resource, signal
        from energy_grid.outbox import Outbox, OutboxStorageError
        outbox = Outbox({str(tmp_path / "outbox.sqlite")!r})
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, hard))
        done = 0
        try:
            while done < 1000:
                outbox.enqueue(f"key/{{done}}", {TO!r}, bytes(4000))
                done += 1
        except OutboxStorageError as error:
            assert "make room" in str(error), error
        assert 0 < done < 1000, done
        outbox.close()
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        outbox.enqueue(f"key/{{done}}", {TO!r}, bytes(4000))
        assert outbox.count() == done + 1, (outbox.count(), done)
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    check = sqlite3.connect(tmp_path / "outbox.sqlite")
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
