"""Rotation of the wrapping key and erasure, beside a running bridge.

Both touch data keys alone: some 100 bytes for 30 days of a meter. Rows stay as they were written.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from energy_grid.outbox.store import connect, transaction
from meter_bridge.errors import BridgeConfigurationError, KeyFileError, StoreUnavailableError
from meter_bridge.privacy.keyring import Keyring
from meter_bridge.privacy.vault import PAGES, PERIOD_SECONDS, Vault, unwrap, wrap

BATCH_KEYS: Final = 500
"""Data keys in one transaction: the bridge waits some milliseconds for it."""
KEEP_DAYS: Final = 60
"""A served meter's raw data are kept at least so long: checks look back two weeks, a reading may
come a month late."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Keys of a store.

    Args:
        wrapping: number of data keys by the id of the key that wraps them.
        erased: number of data keys destroyed.
        active: key that wraps new ones.
        retiring: older keys still in the key file; some only while a rotation is under way.
    """

    wrapping: dict[str, int]
    erased: int
    active: str
    retiring: tuple[str, ...]


def standing(path: Path, key_file: Path) -> Standing:
    """What keys a store has; proves that the key file is its own."""
    with _opened(path, key_file) as (connection, ring):
        rows = connection.execute(
            "SELECT wrapping_key, count(*) FROM bridge_data_keys WHERE wrapped IS NOT NULL"
            " GROUP BY 1 ORDER BY 1"
        ).fetchall()
        erased = connection.execute(
            "SELECT count(*) FROM bridge_data_keys WHERE wrapped IS NULL"
        ).fetchone()[0]
        return Standing(
            {str(row[0]): int(row[1]) for row in rows},
            int(erased),
            ring.active.key_id,
            tuple(key.key_id for key in ring.keys[:-1]),
        )


def rotate(
    path: Path, key_file: Path, wrapped: Callable[[int, int], None] = lambda _done, _all: None
) -> int:
    """Wrap all data keys with a new key and forget the old one; a running bridge goes on.

    Stopped at any moment, old and new key are both in the key file and everything opens: run it
    again, it finishes what was begun.

    Args:
        path: the store.
        key_file: its key file.
        wrapped: told how many data keys are done, and of how many.

    Returns:
        Number of data keys wrapped anew.
    """
    with _opened(path, key_file) as (connection, _):
        connection.execute("PRAGMA secure_delete = ON")
        with transaction(connection):
            # Read and written in a transaction: two rotations at once take turns.
            ring = Keyring.load(key_file)
            if len(ring.keys) == 1:
                ring = ring.with_new_key()
                ring.save()
        total, done = _count_others(connection, ring), 0
        wrapped(done, total)
        while True:
            with transaction(connection):
                ring = Keyring.load(key_file)
                rows = connection.execute(
                    "SELECT owner, period, wrapping_key, wrapped FROM bridge_data_keys"
                    " WHERE wrapped IS NOT NULL AND wrapping_key <> ? LIMIT ?",
                    (ring.active.key_id, BATCH_KEYS),
                ).fetchall()
                for owner, period, key_id, content in rows:
                    _wrap_anew(connection, ring, (owner, period), key_id, bytes(content))
                if not rows:
                    # No bridge can wrap with the old key between this and its end: whoever makes
                    # a data key reads the key file in a transaction of his own.
                    ring.only_active().save()
                    break
            done += len(rows)
            wrapped(done, max(total, done))
        # What the old key wrapped is still in free pages and the log. Another reader may hold the
        # log: then it is emptied by the bridge's next checkpoint.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return done


def erase(path: Path, key_file: Path, meter_id: int, before: int | None) -> int:
    """Destroy the data keys of a meter: of all times, or of periods that ended before a time.

    The caller holds the store's lock if all is erased, and the meter is no longer the bridge's.

    Args:
        path: the store.
        key_file: its key file.
        meter_id: the meter.
        before: unix seconds; None erases all, and the store takes nothing of the meter any more.

    Returns:
        Number of data keys destroyed.

    Raises:
        BridgeConfigurationError: something of it is not signed yet, or too young.
        StoreUnavailableError: remains cannot be wiped, since somebody reads the store.
    """
    now = int(time.time())
    with _opened(path, key_file) as (connection, _):
        connection.execute("PRAGMA secure_delete = ON")
        last = None if before is None else before // PERIOD_SECONDS - 1
        with transaction(connection):
            if last is not None:
                _require_old(connection, meter_id, (last + 1) * PERIOD_SECONDS, now)
            condition = "owner = ?" if last is None else "owner = ? AND period BETWEEN 1 AND ?"
            values = (meter_id,) if last is None else (meter_id, last)
            count = connection.execute(
                "UPDATE bridge_data_keys SET wrapped = NULL, wrapping_key = '', erased_at = ?"  # noqa: S608
                f" WHERE wrapped IS NOT NULL AND {condition}",
                (now, *values),
            ).rowcount
            if last is None:
                # From now on nothing can be sealed for it: a tombstone for its identity, at least.
                connection.execute(
                    "INSERT INTO bridge_data_keys (owner, period, wrapping_key, erased_at)"
                    " VALUES (?, 0, '', ?) ON CONFLICT DO NOTHING",
                    (meter_id, now),
                )
        if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise StoreUnavailableError(
                f"data keys of meter {meter_id} are destroyed, but the log of {path} is in use",
                expected="nobody reading the store for a moment",
                found=f"wrapped keys may still stand in {path}-wal",
                remedy="Run the same command again, or stop the bridge for a moment",
            )
        return count


def _require_old(connection: sqlite3.Connection, meter_id: int, end: int, now: int) -> None:
    newest = now - KEEP_DAYS * 86_400
    if end > newest:
        raise BridgeConfigurationError(
            f"raw data of meter {meter_id} are needed yet",
            expected=f"a time before {newest} (unix seconds), {KEEP_DAYS} days ago",
            found=f"periods until {end}",
            remedy="Name an earlier time; or take the meter out of the configuration and erase all",
        )
    if meter_id == PAGES:
        is_open = "SELECT count(*) FROM bridge_pages WHERE closed IS NULL AND boundary < ?"
        if connection.execute(is_open, (end,)).fetchone()[0]:
            raise BridgeConfigurationError("a page so old is not revealed yet: it is needed")
    last, unsigned = connection.execute(
        "SELECT max(boundary), coalesce(sum(form IS NULL AND boundary < ?), 0)"
        " FROM bridge_snapshots WHERE meter_id = ? AND verdict = 'accepted'",
        (end, meter_id),
    ).fetchone()
    if unsigned or (last is not None and last < end + 86_400):
        raise BridgeConfigurationError(
            f"raw data of meter {meter_id} are needed yet",
            expected="periods that are wholly signed, more than a day before the newest snapshot",
            found=f"{unsigned} snapshots not signed, the newest at {last} (unix seconds)",
            remedy="Name an earlier time; or take the meter out of the configuration and erase all",
        )


def _wrap_anew(
    connection: sqlite3.Connection,
    ring: Keyring,
    name: tuple[int, int],
    key_id: str,
    content: bytes,
) -> None:
    key = ring.get(key_id)
    if key is None:
        raise KeyFileError(
            f"key file {ring.path} lacks a key of this store",
            expected=f"key {key_id}",
            found=", ".join(key.key_id for key in ring.keys),
            remedy="Restore the newest copy of the key file",
        )
    data_key = unwrap(key, ring.store_id, *name, content)
    connection.execute(
        "UPDATE bridge_data_keys SET wrapping_key = ?, wrapped = ? WHERE owner = ? AND period = ?",
        (ring.active.key_id, wrap(ring.active, ring.store_id, *name, data_key), *name),
    )


def _count_others(connection: sqlite3.Connection, ring: Keyring) -> int:
    return int(
        connection.execute(
            "SELECT count(*) FROM bridge_data_keys WHERE wrapped IS NOT NULL AND wrapping_key <> ?",
            (ring.active.key_id,),
        ).fetchone()[0]
    )


@contextmanager
def _opened(path: Path, key_file: Path) -> Iterator[tuple[sqlite3.Connection, Keyring]]:
    """A connection to an encrypted store, and its keys."""
    if not path.exists():
        raise BridgeConfigurationError(f"no store {path}")
    connection = connect(path)
    try:
        found = connection.execute(
            "SELECT 1 FROM sqlite_schema WHERE name = 'bridge_data_keys'"
        ).fetchone()
        if found is None:
            raise BridgeConfigurationError(
                f"store {path} is plain",
                expected="an encrypted store",
                remedy="Run `python -m meter_bridge privacy migrate`",
            )
        store_id = connection.execute(
            "SELECT value FROM bridge_meta WHERE name = 'store_id'"
        ).fetchone()[0]
        with transaction(connection):  # no rotation ends in between
            Vault(key_file, bytes.fromhex(store_id)).require_key(connection)
        yield connection, Keyring.load(key_file)
    except sqlite3.Error as error:
        raise StoreUnavailableError(
            f"store {path} cannot be changed",
            expected="a writable SQLite file",
            found=str(error),
            remedy="Nothing is lost; run it again",
        ) from error
    finally:
        connection.close()
