"""The bridge's tables, beside the outbox in one SQLite file.

What is signed for is stored first and never changes: triggers refuse any update or deletion, so
neither a bug nor a restart can sign one boundary twice with different content.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from energy_grid.errors import ConfigurationError
from energy_grid.outbox import Outbox, OutboxStorageError
from energy_grid.outbox.store import transaction
from energy_grid.units import SECONDS_PER_DAY, UnixSeconds, Wh
from meter_bridge.checks import Finding, Severity
from meter_bridge.errors import ErasedDataError, StoreConflictError, StoreUnavailableError
from meter_bridge.privacy import rows as sealed_rows
from meter_bridge.privacy.sealing import SEALED_SCHEMA_VERSION, open_vault, seal_tables
from meter_bridge.privacy.vault import Place, Vault
from meter_bridge.snapshots import Registers, Snapshot
from meter_bridge.store_schema import SCHEMA, SCHEMA_VERSION

_FIELDS: Final = tuple(field.name for field in fields(Snapshot))
_COLUMNS: Final = ", ".join(_FIELDS)
_in_order: Final = attrgetter(*_FIELDS)
_WIDTH: Final = len(_FIELDS)
_BOUNDARY: Final = _FIELDS.index("boundary")
_MARKS: Final = ", ".join("?" * len(_FIELDS))


class Form(StrEnum):
    """What a snapshot is signed in; one form for ever."""

    READING = "reading"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class MeterRecord:
    """What the store knows of a meter.

    Args:
        signs_after: only boundaries after this time are signed.
        base: registers on chain from which the store goes on.
    """

    meter_id: int
    device_key: str
    equipment: str
    signs_after: int
    base: Registers


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted snapshot with its number and form."""

    snapshot: Snapshot
    sequence: int
    form: Form | None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signed reading (at its boundary) or day (at its end)."""

    meter_id: int
    form: Form
    boundary: int
    sequence: int
    digest: bytes
    signature: bytes
    business_key: str


class Store:
    """Durable state of the bridge. One thread uses it.

    Args:
        outbox: in whose file it is.
        key_file: keys of a sealed store, None of a plain one.

    Raises:
        ConfigurationError: the store is not what the key file says, or of another version.
    """

    def __init__(self, outbox: Outbox, key_file: Path | None = None) -> None:
        self.outbox = outbox
        self.vault: Vault | None = None
        with self.transaction() as connection:
            for statement in SCHEMA:
                connection.execute(statement)
            is_new = not connection.execute("SELECT count(*) FROM bridge_meta").fetchone()[0]
            self.vault = open_vault(connection, self.path, key_file, is_new=is_new)
            version = SCHEMA_VERSION if self.vault is None else SEALED_SCHEMA_VERSION
            self._settle(connection, "schema", version)

    def add_tables(self, statements: Iterable[str]) -> None:
        """Create a part's own tables, sealed if the store is."""
        with self.transaction() as connection:
            for statement in statements:
                connection.execute(statement)
            if self.vault is not None:
                seal_tables(connection)

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self.outbox.path

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One durable transaction over the bridge's tables and the outbox.

        Raises:
            StoreUnavailableError: disk full, read-only or locked; nothing of it is stored.
        """
        try:
            with self._forgetting(), transaction(self.outbox.connection) as connection:
                yield connection
        except sqlite3.IntegrityError as error:
            raise StoreConflictError(
                "what is stored for ever stands against a change", found=str(error)
            ) from error
        except (sqlite3.Error, OutboxStorageError) as error:
            raise StoreUnavailableError(
                f"store {self.path} cannot take data",
                expected="a writable SQLite file with room on its disk",
                found=str(error),
                remedy="Nothing was signed or acknowledged; make room or give access",
            ) from error

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        """Data keys made in a transaction that failed are not on disk: nothing may use them."""
        try:
            yield
        except BaseException:
            if self.vault is not None:
                self.vault.forget()
            raise

    def bind(self, chain_id: int, smart_meter: str) -> None:
        """Tie the store to one contract at its first use.

        Raises:
            ConfigurationError: it belongs to another.
        """
        with self.transaction() as connection:
            self._settle(connection, "domain", f"{chain_id}/{smart_meter.lower()}")

    def _settle(self, connection: sqlite3.Connection, name: str, value: str) -> None:
        connection.execute(
            "INSERT INTO bridge_meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (name, value),
        )
        found = connection.execute(
            "SELECT value FROM bridge_meta WHERE name = ?", (name,)
        ).fetchone()[0]
        if found != value:
            raise ConfigurationError(
                f"store {self.path} belongs to another {name}",
                expected=value,
                found=found,
                remedy="Use another store file for another chain or contract",
            )

    # --- Meters -----------------------------------------------------------------------------------

    def meter(self, meter_id: int) -> MeterRecord | None:
        """What is known of a meter, None before its first contact."""
        row = self.read(
            "SELECT meter_id, device_key, equipment,"  # noqa: S608
            " signs_after, base_boundary, base_import_wh,"
            f" base_export_wh{self._sealed} FROM bridge_meters WHERE meter_id = ?",
            meter_id,
        ).fetchone()
        if row is None:
            return None
        base = Registers(UnixSeconds(row[4]), Wh(row[5]), Wh(row[6]))
        equipment = str(row[2])
        if self.vault is not None:
            equipment = self.open_row(sealed_rows.meter_place(meter_id), row[7]).decode()
        return MeterRecord(row[0], row[1], equipment, row[3], base)

    def put_meter(self, connection: sqlite3.Connection, record: MeterRecord) -> None:
        """Begin a meter's record, or begin it anew from what is on chain."""
        equipment, sealed = self._equipment(connection, record.meter_id, record.equipment)
        connection.execute(
            "INSERT INTO bridge_meters"  # noqa: S608
            " (meter_id, device_key, equipment, signs_after,"
            f" base_boundary, base_import_wh, base_export_wh{self._sealed})"
            f" VALUES (?, ?, ?, ?, ?, ?, ?{', ?' * len(sealed)})"
            " ON CONFLICT (meter_id) DO UPDATE SET device_key = excluded.device_key,"
            " signs_after = excluded.signs_after, base_boundary = excluded.base_boundary,"
            " base_import_wh = excluded.base_import_wh, base_export_wh = excluded.base_export_wh",
            (
                record.meter_id,
                record.device_key,
                equipment,
                record.signs_after,
                record.base.boundary,
                record.base.import_wh,
                record.base.export_wh,
                *sealed,
            ),
        )

    def put_equipment(self, connection: sqlite3.Connection, meter_id: int, equipment: str) -> None:
        """Remember the identity a meter gives itself."""
        plain, sealed = self._equipment(connection, meter_id, equipment)
        connection.execute(
            f"UPDATE bridge_meters SET equipment = ?{', sealed = ?' * len(sealed)}"  # noqa: S608
            " WHERE meter_id = ?",
            (plain, *sealed, meter_id),
        )

    def _equipment(
        self, connection: sqlite3.Connection, meter_id: int, equipment: str
    ) -> tuple[str, tuple[bytes, ...]]:
        """What stands in the columns `equipment` and, of a sealed store, `sealed`."""
        if self.vault is None:
            return equipment, ()
        place = sealed_rows.meter_place(meter_id)
        return "", (self.vault.seal(connection, place, equipment.encode()),)

    # --- Candidates -------------------------------------------------------------------------------

    def candidates(self, meter_id: int) -> list[tuple[Snapshot, float]]:
        """A meter's snapshots not decided yet and when each arrived (host time), oldest first."""
        rows = self.read(
            f"SELECT {_COLUMNS}, arrived_at{self._sealed} FROM bridge_candidates"  # noqa: S608
            " WHERE meter_id = ? ORDER BY boundary",
            meter_id,
        ).fetchall()
        found = []
        for row in rows:
            arrived_at = float(row[_WIDTH])
            place = sealed_rows.candidate_place(meter_id, row[_BOUNDARY], arrived_at)
            found.append((self._snapshot(place, row), arrived_at))
        return found

    def put_candidate(
        self, connection: sqlite3.Connection, snapshot: Snapshot, arrived_at: float
    ) -> None:
        """Keep the nearest telegram of a boundary so far."""
        place = sealed_rows.candidate_place(snapshot.meter_id, snapshot.boundary, arrived_at)
        values, _, sealed = self._shown(connection, place, snapshot)
        connection.execute(
            "INSERT OR REPLACE INTO bridge_candidates"  # noqa: S608
            f" ({_COLUMNS}, arrived_at{self._sealed}) VALUES ({_MARKS}, ?{', ?' * len(sealed)})",
            (*values, arrived_at, *sealed),
        )

    # --- Snapshots --------------------------------------------------------------------------------

    def decide(
        self,
        connection: sqlite3.Connection,
        snapshot: Snapshot,
        sequence: int | None,
        found: Sequence[Finding],
    ) -> None:
        """Store a candidate for ever: accepted with its sequence, or refused (sequence None)."""
        place = sealed_rows.snapshot_place(snapshot.meter_id, snapshot.boundary, sequence)
        findings = json.dumps([_as_json(finding) for finding in found]) if found else "[]"
        values, findings, sealed = self._shown(connection, place, snapshot, findings)
        connection.execute(
            "INSERT INTO bridge_snapshots"  # noqa: S608
            f" ({_COLUMNS}, verdict, sequence, findings{self._sealed})"
            f" VALUES ({_MARKS}, ?, ?, ?{', ?' * len(sealed)})",
            (
                *values,
                "refused" if sequence is None else "accepted",
                sequence,
                findings,
                *sealed,
            ),
        )
        connection.execute(
            "DELETE FROM bridge_candidates WHERE meter_id = ? AND boundary = ?",
            (snapshot.meter_id, snapshot.boundary),
        )

    def is_decided(self, meter_id: int, boundary: int) -> bool:
        """Whether a boundary has its snapshot."""
        found = self.read(
            "SELECT 1 FROM bridge_snapshots WHERE meter_id = ? AND boundary = ?", meter_id, boundary
        ).fetchone()
        return found is not None

    def last_decided(self, meter_id: int) -> int | None:
        """Newest boundary with a snapshot, accepted or refused."""
        found = self.read(
            "SELECT max(boundary) FROM bridge_snapshots WHERE meter_id = ?", meter_id
        ).fetchone()[0]
        return None if found is None else int(found)

    def accepted(self, meter_id: int, after: int, until: int = 2**62) -> list[Accepted]:
        """Accepted snapshots with `after < boundary <= until`, oldest first."""
        return self._accepted("boundary > ? AND boundary <= ?", meter_id, after, until)

    def last_accepted(self, meter_id: int) -> Accepted | None:
        """Newest accepted snapshot."""
        rows = self._accepted(
            "boundary = (SELECT max(boundary) FROM bridge_snapshots"
            " WHERE meter_id = ? AND verdict = 'accepted')",
            meter_id,
            meter_id,
        )
        return rows[0] if rows else None

    def unsigned(self, meter_id: int) -> list[Accepted]:
        """Accepted snapshots that are in no signature yet, oldest first."""
        return self._accepted("form IS NULL", meter_id)

    def midnights(self, meter_id: int, until: int, count: int) -> list[Snapshot]:
        """Up to `count` accepted snapshots at UTC midnights up to `until`, newest first."""
        rows = self.read(
            f"SELECT {_COLUMNS}, sequence{self._sealed} FROM bridge_snapshots"  # noqa: S608
            " WHERE meter_id = ? AND verdict = 'accepted' AND boundary % ? = 0 AND boundary <= ?"
            " ORDER BY boundary DESC LIMIT ?",
            meter_id,
            SECONDS_PER_DAY,
            until,
            count,
        ).fetchall()
        found = []
        for row in rows:
            place = sealed_rows.snapshot_place(meter_id, row[_BOUNDARY], row[_WIDTH])
            try:
                found.append(self._snapshot(place, row))
            except ErasedDataError:  # its time of keeping is over, and that of all before it
                break
        return found

    def findings(self, meter_id: int, boundary: int) -> list[Finding]:
        """What was remarkable about a snapshot."""
        row = self.read(
            f"SELECT findings, sequence{self._sealed} FROM bridge_snapshots"  # noqa: S608
            " WHERE meter_id = ? AND boundary = ?",
            meter_id,
            boundary,
        ).fetchone()
        if row is None:
            return []
        text = row[0]
        if self.vault is not None:
            place = sealed_rows.snapshot_place(meter_id, boundary, row[1])
            text = sealed_rows.unpack(place, self.open_row(place, row[2]))[1]
        return [Finding(f["rule"], Severity(f["severity"]), f["message"]) for f in json.loads(text)]

    def counts(self) -> dict[str, int]:
        """Snapshots by verdict and form, for the status line."""
        rows = self.read(
            "SELECT coalesce(form, verdict), count(*) FROM bridge_snapshots GROUP BY 1"
        ).fetchall()
        return {str(row[0]): int(row[1]) for row in rows}

    # --- Signatures -------------------------------------------------------------------------------

    def put_signatures(
        self, connection: sqlite3.Connection, signatures: Iterable[Signature]
    ) -> None:
        """Keep signatures; each covers one boundary, a day the 96 that end at its boundary."""
        for signature in signatures:
            first = signature.boundary
            if signature.form is Form.DAY:
                first = signature.boundary - SECONDS_PER_DAY + 1
            marked = connection.execute(
                "UPDATE bridge_snapshots SET form = ? WHERE meter_id = ? AND verdict = 'accepted'"
                " AND boundary >= ? AND boundary <= ?",
                (signature.form.value, signature.meter_id, first, signature.boundary),
            ).rowcount
            expected = 96 if signature.form is Form.DAY else 1
            if marked != expected:
                raise StoreConflictError(
                    f"signature of meter {signature.meter_id} at {signature.boundary}",
                    expected=f"{expected} snapshots",
                    found=marked,
                )
            connection.execute(
                "INSERT INTO bridge_signatures (meter_id, form, boundary, sequence, digest,"
                " signature, business_key) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    signature.meter_id,
                    signature.form.value,
                    signature.boundary,
                    signature.sequence,
                    signature.digest,
                    signature.signature,
                    signature.business_key,
                ),
            )

    def signatures(self, business_key: str | None = None) -> list[Signature]:
        """Signatures sent under a business key, or all."""
        rows = self.read(
            "SELECT meter_id, form, boundary, sequence, digest, signature, business_key"
            " FROM bridge_signatures WHERE ? IS NULL OR business_key = ?"
            " ORDER BY boundary, meter_id",
            business_key,
            business_key,
        ).fetchall()
        return [
            Signature(row[0], Form(row[1]), row[2], row[3], row[4], row[5], row[6]) for row in rows
        ]

    def signed_singly(self, meter_id: int, after: int, until: int) -> list[tuple[Accepted, bytes]]:
        """Snapshots signed as readings, `after < boundary <= until`, each with its signature."""
        signatures = dict(
            self.read(
                "SELECT boundary, signature FROM bridge_signatures"
                " WHERE meter_id = ? AND form = 'reading' AND boundary > ? AND boundary <= ?",
                meter_id,
                after,
                until,
            ).fetchall()
        )
        return [
            (accepted, bytes(signatures[accepted.snapshot.boundary]))
            for accepted in self.accepted(meter_id, after, until)
            if accepted.snapshot.boundary in signatures
        ]

    def _accepted(self, condition: str, *values: int) -> list[Accepted]:
        rows = self.read(
            f"SELECT {_COLUMNS}, sequence, form{self._sealed} FROM bridge_snapshots"  # noqa: S608
            f" WHERE meter_id = ? AND verdict = 'accepted' AND {condition} ORDER BY boundary",
            *values,
        ).fetchall()
        found = []
        for row in rows:
            sequence, form = row[_WIDTH], row[_WIDTH + 1]
            place = sealed_rows.snapshot_place(values[0], row[_BOUNDARY], sequence)
            snapshot = self._snapshot(place, row)
            found.append(Accepted(snapshot, sequence, None if form is None else Form(form)))
        return found

    # --- Sealed rows ------------------------------------------------------------------------------

    @property
    def _sealed(self) -> str:
        """The last column of a statement, of a sealed store."""
        return "" if self.vault is None else ", sealed"

    def open_row(self, place: Place, sealed: bytes | None) -> bytes:
        """Content of a sealed row."""
        if self.vault is None:
            raise StoreConflictError("a plain store has nothing to open")
        try:
            return self.vault.open(self.outbox.connection, place, sealed)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _snapshot(self, place: Place, row: Sequence[Any]) -> Snapshot:
        """A row that begins with the snapshot's columns; of a sealed store the last is sealed."""
        if self.vault is not None:
            return sealed_rows.unpack(place, self.open_row(place, row[-1]))[0]
        return _snapshot(row)

    def _shown(
        self, connection: sqlite3.Connection, place: Place, snapshot: Snapshot, findings: str = "[]"
    ) -> tuple[tuple[Any, ...], str, tuple[bytes, ...]]:
        """What stands in a row: the snapshot's columns, its findings and what is sealed."""
        if self.vault is None:
            return _in_order(snapshot), findings, ()
        sealed = self.vault.seal(connection, place, sealed_rows.pack(snapshot, findings))
        return _in_order(sealed_rows.blank(snapshot)), "[]", (sealed,)

    def read(self, statement: str, *values: object) -> sqlite3.Cursor:
        """Run a query.

        Raises:
            StoreUnavailableError: the file cannot be read.
        """
        try:
            return self.outbox.connection.execute(statement, values)
        except (sqlite3.Error, OutboxStorageError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> StoreUnavailableError:
        return StoreUnavailableError(f"store {self.path} cannot be read", found=str(error))


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
    }


def _snapshot(row: Sequence[Any]) -> Snapshot:
    values: dict[str, Any] = dict(zip(_FIELDS, row, strict=False))
    values["registers_disagree"] = bool(values["registers_disagree"])
    values["clock_checked"] = bool(values["clock_checked"])
    return Snapshot(**values)
