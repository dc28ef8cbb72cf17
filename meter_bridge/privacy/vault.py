"""Seals and opens rows: AES-256-GCM under a data key per meter and period.

- Data keys are random and stand in the store, wrapped by the key file's key. A new key file key
  means wrapping them anew; no row is ever written again.
- Every nonce is 96 random bits of the operating system: no counter that a crash, a rollback or a
  restored copy could set back. A data key serves 30 days of one meter, at most some ten rows a
  quarter hour: below 2^15, where NIST SP 800-38D allows 2^32.
- The associated data name store, table, meter, boundary and what else a row is known by: a row
  that was moved or relabelled does not open.
- Destroying a data key erases what it sealed, and its tombstone keeps it from being made again.
"""

from __future__ import annotations

import sqlite3
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from energy_grid.units import SECONDS_PER_DAY
from meter_bridge.errors import ErasedDataError, KeyFileError, SealedDataError
from meter_bridge.privacy.keyring import Keyring, WrappingKey

PERIOD_DAYS: Final = 30
PERIOD_SECONDS: Final = PERIOD_DAYS * SECONDS_PER_DAY
PAGES: Final = 0
"""Whose the pages' data keys are: no meter's (ids begin at 1)."""
NO_TIME: Final = 0
"""Boundary of what belongs to no time, such as a meter's identity: erased with the meter only."""

SCHEMA: Final = """CREATE TABLE IF NOT EXISTS bridge_data_keys (
        owner INTEGER NOT NULL,
        period INTEGER NOT NULL,
        wrapping_key TEXT NOT NULL,
        wrapped BLOB,
        erased_at INTEGER,
        PRIMARY KEY (owner, period),
        CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
    ) STRICT"""

_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_PAD_BYTES: Final = 64
_MOST_CACHED: Final = 65_536
_ROW: Final = b"energy-grid/meter_bridge/row/1\0"
_DATA_KEY: Final = b"energy-grid/meter_bridge/data-key/1\0"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands; sealed content opens nowhere else.

    Args:
        table: its table's name.
        owner: the meter's id, or `PAGES`.
        boundary: unix seconds.
        more: what else it is known by and must not change.
    """

    table: str
    owner: int
    boundary: int
    more: bytes = b""

    @property
    def period(self) -> int:
        """Number of the 30 days its data key serves."""
        return self.boundary // PERIOD_SECONDS

    def bound(self, store_id: bytes) -> bytes:
        """The associated data; every part has its length fixed or given."""
        name = self.table.encode()
        return b"".join(
            (_ROW, store_id, bytes([len(name)]), name,
             struct.pack(">qq", self.owner, self.boundary), self.more)
        )  # fmt: skip


class Vault:
    """The data keys of an open store. The caller's transaction makes new ones durable.

    Args:
        key_file: where the wrapping keys are; read again when one is needed.
        store_id: the store's.
    """

    def __init__(self, key_file: Path, store_id: bytes) -> None:
        self._key_file = key_file
        self._ring: Keyring | None = None
        self.store_id = store_id
        self._local = threading.local()

    @property
    def _ciphers(self) -> dict[tuple[int, int], AESGCM]:
        # By thread, as the store's connections: what one thread rolls back another never used.
        found: dict[tuple[int, int], AESGCM] | None = getattr(self._local, "ciphers", None)
        if found is None:
            found = self._local.ciphers = {}
        return found

    def forget(self) -> None:
        """Drop all data keys from memory: those of a transaction that failed are not on disk."""
        self._ciphers.clear()

    # --- Rows -------------------------------------------------------------------------------------

    def seal(self, connection: sqlite3.Connection, place: Place, content: bytes) -> bytes:
        """Encrypt a row's content, in the caller's transaction.

        Raises:
            ErasedDataError: what belongs there was erased.
            KeyFileError: a data key is to be made and the key file is not there.
        """
        cipher = self._cipher(connection, place) or self._make(connection, place)
        length = len(content) + 4
        padded = struct.pack(">I", len(content)) + content + bytes(-length % _PAD_BYTES)
        nonce = token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + cipher.encrypt(nonce, padded, place.bound(self.store_id))

    def open(self, connection: sqlite3.Connection, place: Place, sealed: bytes | None) -> bytes:
        """Decrypt a row's content.

        Raises:
            SealedDataError: it is plain, was altered, or belongs to another row.
            ErasedDataError: its data key was destroyed.
            KeyFileError: the key file has not the key of this store.
        """
        if sealed is None:
            raise SealedDataError(
                f"a row of {place.table} is not encrypted",
                expected="sealed content, as everywhere in this store",
                found=f"a plain row of {place.owner} at {place.boundary}",
                remedy="Somebody wrote into the store: restore a copy",
            )
        cipher = self._cipher(connection, place)
        try:
            if cipher is None or sealed[:1] != _FORMAT:
                raise InvalidTag
            nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
            padded = cipher.decrypt(nonce, body, place.bound(self.store_id))
        except (InvalidTag, ValueError):
            raise SealedDataError(
                f"a row of {place.table} does not open",
                expected=f"what was sealed for {place.owner} at {place.boundary}",
                found="altered content, or that of another row"
                if cipher is not None
                else "no data key",
                remedy="Somebody wrote into the store, or it is damaged: restore a copy",
            ) from None
        (length,) = struct.unpack_from(">I", padded)
        return padded[4 : 4 + length]

    # --- Data keys --------------------------------------------------------------------------------

    def require_key(self, connection: sqlite3.Connection) -> None:
        """Prove at the start that the key file is this store's.

        Raises:
            KeyFileError: it is another's, or lacks a key that still wraps something.
        """
        self._cipher(connection, Place("", PAGES, NO_TIME))
        ring = self._ring_with(None)
        missing = {
            str(row[0])
            for row in connection.execute(
                "SELECT DISTINCT wrapping_key FROM bridge_data_keys WHERE wrapped IS NOT NULL"
            )
        } - {key.key_id for key in ring.keys}
        if missing:
            raise self._wrong_key(", ".join(sorted(missing)), ring)

    def make_anchor(self, connection: sqlite3.Connection) -> None:
        """Make the first data key, by which a key file is known to be the store's."""
        self._make(connection, Place("", PAGES, NO_TIME))

    def _cipher(self, connection: sqlite3.Connection, place: Place) -> AESGCM | None:
        name = (place.owner, place.period)
        known = self._ciphers.get(name)
        if known is not None:
            return known
        row, key = self._wrapped(connection, place)
        if row is not None and key is None:
            # A rotation may have ended between the look at the row and that at the key file.
            row, key = self._wrapped(connection, place)
        if row is None:
            return None
        if key is None:
            raise self._wrong_key(row[0], self._ring_with(row[0]))
        return self._keep(name, unwrap(key, self.store_id, *name, bytes(row[1])))

    def _wrapped(
        self, connection: sqlite3.Connection, place: Place
    ) -> tuple[tuple[str, bytes] | None, WrappingKey | None]:
        """A wrapped data key with the id of what wraps it, and that key if the file has it."""
        row = connection.execute(
            "SELECT wrapping_key, wrapped, erased_at FROM bridge_data_keys"
            " WHERE owner = ? AND period = ?",
            (place.owner, place.period),
        ).fetchone()
        if row is None:
            return None, None
        if row[1] is None:
            raise ErasedDataError(
                f"raw data of meter {place.owner} were erased",
                expected="data that are still there",
                found=f"the key of period {place.period} destroyed at {row[2]} (unix seconds)",
                remedy="Leave the meter to a new store; `adopt` goes on from the chain's record",
            )
        return (row[0], row[1]), self._ring_with(row[0]).get(row[0])

    def _make(self, connection: sqlite3.Connection, place: Place) -> AESGCM:
        # The file is read within the transaction: a rotation retires keys in one, too.
        ring = self._ring = self._load()
        name, data_key = (place.owner, place.period), AESGCM.generate_key(bit_length=256)
        connection.execute(
            "INSERT INTO bridge_data_keys (owner, period, wrapping_key, wrapped)"
            " VALUES (?, ?, ?, ?)",
            (*name, ring.active.key_id, wrap(ring.active, self.store_id, *name, data_key)),
        )
        return self._keep(name, data_key)

    def _keep(self, name: tuple[int, int], data_key: bytes) -> AESGCM:
        if len(self._ciphers) >= _MOST_CACHED:
            self._ciphers.clear()
        cipher = self._ciphers[name] = AESGCM(data_key)
        return cipher

    def _ring_with(self, key_id: str | None) -> Keyring:
        if self._ring is None or (key_id is not None and self._ring.get(key_id) is None):
            self._ring = self._load()
        return self._ring

    def _load(self) -> Keyring:
        ring = Keyring.load(self._key_file)
        if ring.store_id != self.store_id:
            raise KeyFileError(
                f"key file {self._key_file} is not the key of this store",
                expected=f"the key file of store {self.store_id.hex()}",
                found=f"that of store {ring.store_id.hex()}",
                remedy="Give [privacy] key_file the file the store was made with",
            )
        return ring

    def _wrong_key(self, key_id: str, ring: Keyring) -> KeyFileError:
        return KeyFileError(
            f"key file {self._key_file} lacks a key of this store",
            expected=f"key {key_id}",
            found=", ".join(key.key_id for key in ring.keys),
            remedy="Restore the newest copy of the key file; without it these data are lost",
        )


def wrap(key: WrappingKey, store_id: bytes, owner: int, period: int, data_key: bytes) -> bytes:
    """Encrypt a data key for its place in the store."""
    nonce = token_bytes(_NONCE_BYTES)
    bound = _bound_key(key, store_id, owner, period)
    return nonce + AESGCM(key.key).encrypt(nonce, data_key, bound)


def unwrap(key: WrappingKey, store_id: bytes, owner: int, period: int, wrapped: bytes) -> bytes:
    """Decrypt a data key.

    Raises:
        SealedDataError: it was altered, or is another's.
    """
    nonce, body = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
    try:
        return AESGCM(key.key).decrypt(nonce, body, _bound_key(key, store_id, owner, period))
    except (InvalidTag, ValueError):
        raise SealedDataError(
            f"data key of {owner} in period {period} does not open",
            expected=f"what key {key.key_id} has wrapped",
            found="altered content, or that of another place",
            remedy="Somebody wrote into the store, or it is damaged: restore a copy",
        ) from None


def _bound_key(key: WrappingKey, store_id: bytes, owner: int, period: int) -> bytes:
    return _DATA_KEY + store_id + bytes.fromhex(key.key_id) + struct.pack(">qq", owner, period)
