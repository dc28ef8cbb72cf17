"""Makes a store a sealed one, and says what a store is when it is opened.

A store is plain or sealed as a whole. A sealed one has another schema version, so that a bridge
without this module refuses it, and triggers that let no plain row in.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from energy_grid.outbox.store import connect, transaction
from meter_bridge.errors import BridgeConfigurationError, StoreUnavailableError
from meter_bridge.privacy.keyring import Keyring
from meter_bridge.privacy.rows import BLANK, SNAPSHOTS, seal_plain_rows
from meter_bridge.privacy.vault import SCHEMA, Vault

SEALED_SCHEMA_VERSION: Final = "2"
_STORE_ID: Final = "store_id"
_SCRUB: Final = "scrub"


def open_vault(
    connection: sqlite3.Connection, path: Path, key_file: Path | None, *, is_new: bool
) -> Vault | None:
    """What opens the rows of a store, None of a plain one; in the transaction of its opening.

    Raises:
        BridgeConfigurationError: store and configuration do not agree on whether it is sealed.
        KeyFileError: the key is not the store's.
    """
    store_id = _meta(connection, _STORE_ID)
    if store_id is None and key_file is None:
        return None
    if key_file is None:
        raise BridgeConfigurationError(
            f"store {path} is encrypted",
            expected="[privacy] key_file with the key of this store",
            found="no section [privacy]",
            remedy="Name its key file; there is no way back to a plain store",
        )
    if store_id is not None:
        if _meta(connection, _SCRUB) is not None:
            raise BridgeConfigurationError(
                f"encryption of store {path} was interrupted: its file still holds plain remains",
                remedy="Run `python -m meter_bridge privacy migrate` again, it finishes in seconds",
            )
        vault = Vault(key_file, bytes.fromhex(store_id))
        vault.require_key(connection)
        return vault
    if not is_new:
        raise BridgeConfigurationError(
            f"store {path} is plain",
            expected="an encrypted store, since [privacy] is configured",
            found="readings in plain",
            remedy="Stop the bridge and run `python -m meter_bridge privacy migrate`",
        )
    return _begin(connection, path, key_file)


def seal_tables(connection: sqlite3.Connection) -> None:
    """Give the tables that are there their sealed column and its guards; again changes nothing."""
    present = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    for table, condition in BLANK.items():
        if table not in present:
            continue
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        if "sealed" not in columns:
            connection.execute(
                f"ALTER TABLE {table} ADD COLUMN sealed BLOB"
                f" CHECK (sealed IS NULL OR ({condition}))"
            )
        connection.execute(
            f"CREATE TRIGGER IF NOT EXISTS {table}_only_sealed BEFORE INSERT ON {table}"
            " WHEN NEW.sealed IS NULL"
            " BEGIN SELECT RAISE(ABORT, 'this store takes no plain row'); END"
        )
        if table in (SNAPSHOTS, "bridge_pages"):
            connection.execute(
                f"CREATE TRIGGER IF NOT EXISTS {table}_sealed_once BEFORE UPDATE OF sealed"
                f" ON {table} BEGIN SELECT RAISE(ABORT, 'what is sealed never changes'); END"
            )


def migrate(path: Path, key_file: Path) -> int:
    """Encrypt a plain store in one transaction, then wipe what was plain from its file.

    The caller holds the store's lock. Stopped at any moment, the store is plain as before, or
    encrypted and says that the wiping is left to do: run it again.

    Returns:
        Number of rows encrypted.

    Raises:
        BridgeConfigurationError: there is no plain store, or it is encrypted already.
        KeyFileError: the key file is missing or another store's.
        StoreUnavailableError: the store cannot be written.
    """
    if not path.exists():
        raise BridgeConfigurationError(
            f"no store {path}", remedy="A new store is encrypted from its first row: just run"
        )
    count = 0
    connection = connect(path)
    try:
        connection.execute("PRAGMA secure_delete = ON")
        if _table_exists(connection, "bridge_meta") and _meta(connection, _STORE_ID) is None:
            with transaction(connection):
                count = _migrate(connection, path, key_file)
        elif not _table_exists(connection, "bridge_meta"):
            raise BridgeConfigurationError(f"{path} is no bridge's store")
        elif _meta(connection, _SCRUB) is None:
            raise BridgeConfigurationError(f"store {path} is encrypted already")
        wipe(connection)
        with transaction(connection):
            connection.execute("DELETE FROM bridge_meta WHERE name = ?", (_SCRUB,))
    except sqlite3.Error as error:
        raise StoreUnavailableError(
            f"store {path} cannot be encrypted",
            expected="a writable SQLite file and as much room again on its disk",
            found=str(error),
            remedy="Nothing is lost; make room and run it again",
        ) from error
    finally:
        connection.close()
    return count


def wipe(connection: sqlite3.Connection) -> None:
    """Leave nothing of deleted or overwritten rows in the file and its log."""
    connection.execute("VACUUM")
    busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise sqlite3.OperationalError("somebody reads the store: its log cannot be emptied")


def _migrate(connection: sqlite3.Connection, path: Path, key_file: Path) -> int:
    from meter_bridge.page_store import SCHEMA as PAGES_SCHEMA

    for statement in PAGES_SCHEMA:
        connection.execute(statement)
    # The triggers that keep stored rows as they are stand aside for this one transaction.
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'bridge_%'"
    ).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    vault = _begin(connection, path, key_file)
    for table in BLANK:
        connection.execute(f"DROP TRIGGER IF EXISTS {table}_sealed_once")
    count = seal_plain_rows(connection, vault)
    seal_tables(connection)
    for _, sql in triggers:
        connection.execute(sql)
    connection.execute(
        "UPDATE bridge_meta SET value = ? WHERE name = 'schema'", (SEALED_SCHEMA_VERSION,)
    )
    connection.execute("INSERT INTO bridge_meta (name, value) VALUES (?, 'due')", (_SCRUB,))
    return count


def _begin(connection: sqlite3.Connection, path: Path, key_file: Path) -> Vault:
    """Bind store and key file to each other."""
    # A crash after this leaves the key file bound to this path: the next try goes on with it.
    ring = Keyring.load(key_file).bound_to(path)
    ring.save()
    connection.execute(SCHEMA)
    seal_tables(connection)
    connection.execute(
        "INSERT INTO bridge_meta (name, value) VALUES (?, ?)", (_STORE_ID, ring.store_id.hex())
    )
    vault = Vault(key_file, ring.store_id)
    vault.make_anchor(connection)
    return vault


def _meta(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM bridge_meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _table_exists(connection: sqlite3.Connection, name: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,)
    ).fetchone()
    return found is not None
