"""Pages on disk, beside the readings they are made of: content before commitment, for ever."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from energy_grid.eip712 import MeterReading
from energy_grid.pages import MeterPage, unpack_entries
from energy_grid.units import UnixSeconds
from meter_bridge.forms import reading_of
from meter_bridge.privacy.rows import page_place
from meter_bridge.store import Store

SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS bridge_pages (
        boundary INTEGER NOT NULL CHECK (boundary % 900 = 0),
        page_index INTEGER NOT NULL CHECK (page_index BETWEEN 0 AND 65535),
        bridge TEXT NOT NULL,
        previous_boundary INTEGER NOT NULL,
        salt BLOB NOT NULL CHECK (length(salt) = 32),
        signatures_hash BLOB NOT NULL CHECK (length(signatures_hash) = 32),
        entries BLOB NOT NULL,
        page_hash BLOB NOT NULL UNIQUE CHECK (length(page_hash) = 32),
        closed TEXT,
        PRIMARY KEY (boundary, page_index)
    ) STRICT""",
    """CREATE INDEX IF NOT EXISTS bridge_pages_open
        ON bridge_pages (boundary, page_index) WHERE closed IS NULL""",
    """CREATE TRIGGER IF NOT EXISTS bridge_pages_keep BEFORE DELETE ON bridge_pages
        BEGIN SELECT RAISE(ABORT, 'a page is never deleted'); END""",
    """CREATE TRIGGER IF NOT EXISTS bridge_pages_immutable
        BEFORE UPDATE OF boundary, page_index, bridge, previous_boundary, salt, signatures_hash,
        entries, page_hash ON bridge_pages
        BEGIN SELECT RAISE(ABORT, 'a page never changes'); END""",
)

SALT_BYTES: Final = 32
_COLUMNS: Final = "bridge, boundary, page_index, previous_boundary, salt, signatures_hash, entries"


@dataclass(frozen=True, slots=True)
class SignedReading:
    """A reading with its device's signature."""

    reading: MeterReading
    signature: bytes


def commit_key(boundary: int, index: int) -> str:
    """Business key of a page's commitment, and of its readings' signatures."""
    return f"page/{boundary}/{index}"


class PageStore:
    """Pages in the bridge's store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.add_tables(SCHEMA)

    def put(self, connection: sqlite3.Connection, page: MeterPage, page_hash: bytes) -> None:
        """Keep a page; it becomes durable with the caller's commit."""
        salt, entries = page.salt, page.packed_entries()
        sealed: tuple[bytes, ...] = ()
        vault = self._store.vault
        if vault is not None:
            place = page_place(page.boundary, page.index, page_hash)
            sealed = (vault.seal(connection, place, salt + entries),)
            salt, entries = bytes(SALT_BYTES), b""
        connection.execute(
            f"INSERT INTO bridge_pages ({_COLUMNS}, page_hash"  # noqa: S608
            f"{', sealed' * len(sealed)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?{', ?' * len(sealed)})",
            (
                page.bridge,
                page.boundary,
                page.index,
                page.previous_boundary,
                salt,
                page.signatures_hash,
                entries,
                page_hash,
                *sealed,
            ),
        )

    def get(self, boundary: int, index: int) -> MeterPage | None:
        """A page by its place."""
        found = self._pages("boundary = ? AND page_index = ?", boundary, index)
        return found[0] if found else None

    def open(self) -> list[MeterPage]:
        """Pages whose end is not known yet, in the order in which they are to be revealed."""
        return self._pages("closed IS NULL")

    def holding(self, boundary: int, meter_id: int) -> tuple[MeterPage, int] | None:
        """The page with a meter's entry at a boundary, and the entry's place."""
        for page in self._pages("boundary = ?", boundary):
            place = page.place_of(meter_id)
            if place is not None:
                return page, place
        return None

    def newest_boundaries(self) -> dict[int, int]:
        """Boundary of the newest page of each index."""
        rows = self._store.read(
            "SELECT page_index, max(boundary) FROM bridge_pages GROUP BY page_index"
        ).fetchall()
        return {int(row[0]): int(row[1]) for row in rows}

    def close(self, connection: sqlite3.Connection, page: MeterPage, end: str) -> None:
        """Note how a page ended: nothing is left to do for it."""
        connection.execute(
            "UPDATE bridge_pages SET closed = ? WHERE boundary = ? AND page_index = ?"
            " AND closed IS NULL",
            (end, page.boundary, page.index),
        )

    def signed(self, meter_id: int, after: int, until: int) -> list[SignedReading]:
        """Singly signed readings with `after < boundary <= until`, oldest first."""
        return [
            SignedReading(reading_of(accepted), signature)
            for accepted, signature in self._store.signed_singly(meter_id, after, until)
        ]

    def signatures_of(self, page: MeterPage) -> list[bytes]:
        """Device signatures of a page's entries, in their order."""
        rows = self._store.read(
            "SELECT signature FROM bridge_signatures WHERE business_key = ? ORDER BY meter_id",
            commit_key(page.boundary, page.index),
        ).fetchall()
        return [bytes(row[0]) for row in rows]

    def count_open(self) -> int:
        """Number of pages whose end is not known yet."""
        return int(
            self._store.read("SELECT count(*) FROM bridge_pages WHERE closed IS NULL").fetchone()[0]
        )

    def _pages(self, condition: str, *values: object) -> list[MeterPage]:
        sealed = "" if self._store.vault is None else ", page_hash, sealed"
        rows = self._store.read(
            f"SELECT {_COLUMNS}{sealed} FROM bridge_pages WHERE {condition}"  # noqa: S608
            " ORDER BY boundary, page_index",
            *values,
        ).fetchall()
        return [self._page(row) for row in rows]

    def _page(self, row: Sequence[Any]) -> MeterPage:
        bridge, boundary, index, previous_boundary, salt, signatures_hash, entries = row[:7]
        if self._store.vault is not None:
            place = page_place(boundary, index, bytes(row[7]))
            content = self._store.open_row(place, row[8])
            salt, entries = content[:SALT_BYTES], content[SALT_BYTES:]
        return MeterPage(
            bridge=bridge,
            boundary=UnixSeconds(boundary),
            index=int(index),
            previous_boundary=UnixSeconds(previous_boundary),
            salt=bytes(salt),
            signatures_hash=bytes(signatures_hash),
            entries=unpack_entries(bytes(entries)),
        )
