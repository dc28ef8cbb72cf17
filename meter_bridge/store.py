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
from meter_bridge.errors import StoreConflictError, StoreUnavailableError
from meter_bridge.snapshots import Registers, Snapshot

SCHEMA_VERSION: Final = "1"

_SNAPSHOT_COLUMNS: Final = """
        meter_id INTEGER NOT NULL,
        boundary INTEGER NOT NULL CHECK (boundary % 900 = 0),
        measured_at INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        import_wh INTEGER NOT NULL CHECK (import_wh >= 0),
        export_wh INTEGER NOT NULL CHECK (export_wh >= 0),
        voltage_millivolts INTEGER NOT NULL,
        frequency_millihz INTEGER NOT NULL,
        power_failures INTEGER,
        switch TEXT NOT NULL,
        registers_disagree INTEGER NOT NULL,
        clock_checked INTEGER NOT NULL,
        raw_digest BLOB NOT NULL CHECK (length(raw_digest) = 32),"""

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS bridge_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS bridge_meters (
        meter_id INTEGER PRIMARY KEY,
        device_key TEXT NOT NULL,
        equipment TEXT NOT NULL DEFAULT '',
        signs_after INTEGER NOT NULL,
        base_boundary INTEGER NOT NULL,
        base_import_wh INTEGER NOT NULL,
        base_export_wh INTEGER NOT NULL
    ) STRICT""",
    f"""CREATE TABLE IF NOT EXISTS bridge_candidates ({_SNAPSHOT_COLUMNS}
        arrived_at REAL NOT NULL,
        PRIMARY KEY (meter_id, boundary)
    ) STRICT""",
    f"""CREATE TABLE IF NOT EXISTS bridge_snapshots ({_SNAPSHOT_COLUMNS}
        verdict TEXT NOT NULL CHECK (verdict IN ('accepted', 'refused')),
        sequence INTEGER,
        findings TEXT NOT NULL,
        form TEXT CHECK (form IN ('reading', 'day')),
        PRIMARY KEY (meter_id, boundary),
        CHECK ((verdict = 'accepted') = (sequence IS NOT NULL)),
        CHECK (form IS NULL OR verdict = 'accepted')
    ) STRICT""",
    """CREATE UNIQUE INDEX IF NOT EXISTS bridge_snapshots_by_sequence
        ON bridge_snapshots (meter_id, sequence) WHERE sequence IS NOT NULL""",
    """CREATE INDEX IF NOT EXISTS bridge_snapshots_unsigned
        ON bridge_snapshots (meter_id, boundary) WHERE verdict = 'accepted' AND form IS NULL""",
    """CREATE TABLE IF NOT EXISTS bridge_signatures (
        meter_id INTEGER NOT NULL,
        form TEXT NOT NULL CHECK (form IN ('reading', 'day')),
        boundary INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
        signature BLOB NOT NULL CHECK (length(signature) = 65),
        business_key TEXT NOT NULL,
        PRIMARY KEY (meter_id, form, boundary)
    ) STRICT""",
    """CREATE INDEX IF NOT EXISTS bridge_signatures_by_key
        ON bridge_signatures (business_key)""",
    """CREATE TRIGGER IF NOT EXISTS bridge_snapshots_keep BEFORE DELETE ON bridge_snapshots
        BEGIN SELECT RAISE(ABORT, 'a stored snapshot is never deleted'); END""",
    """CREATE TRIGGER IF NOT EXISTS bridge_snapshots_freeze BEFORE UPDATE ON bridge_snapshots
        WHEN OLD.form IS NOT NULL OR NEW.form IS NULL
        BEGIN SELECT RAISE(ABORT, 'the form of a signed snapshot is for ever'); END""",
    """CREATE TRIGGER IF NOT EXISTS bridge_snapshots_immutable
        BEFORE UPDATE OF meter_id, boundary, measured_at, received_at, import_wh, export_wh,
        voltage_millivolts, frequency_millihz, raw_digest, verdict, sequence, findings
        ON bridge_snapshots
        BEGIN SELECT RAISE(ABORT, 'a stored snapshot never changes'); END""",
    """CREATE TRIGGER IF NOT EXISTS bridge_signatures_keep BEFORE DELETE ON bridge_signatures
        BEGIN SELECT RAISE(ABORT, 'a signature is never deleted'); END""",
    """CREATE TRIGGER IF NOT EXISTS bridge_signatures_immutable
        BEFORE UPDATE OF meter_id, form, boundary, sequence, digest, signature
        ON bridge_signatures
        BEGIN SELECT RAISE(ABORT, 'a signature never changes'); END""",
)

_FIELDS: Final = tuple(field.name for field in fields(Snapshot))
_COLUMNS: Final = ", ".join(_FIELDS)
_in_order: Final = attrgetter(*_FIELDS)
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
    """Durable state of the bridge. One thread uses it."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        with self.transaction() as connection:
            for statement in _SCHEMA:
                connection.execute(statement)
            self._settle(connection, "schema", SCHEMA_VERSION)

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
            with transaction(self.outbox.connection) as connection:
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
            "SELECT meter_id, device_key, equipment, signs_after, base_boundary, base_import_wh,"
            " base_export_wh FROM bridge_meters WHERE meter_id = ?",
            meter_id,
        ).fetchone()
        if row is None:
            return None
        base = Registers(UnixSeconds(row[4]), Wh(row[5]), Wh(row[6]))
        return MeterRecord(row[0], row[1], row[2], row[3], base)

    def put_meter(self, connection: sqlite3.Connection, record: MeterRecord) -> None:
        """Begin a meter's record, or begin it anew from what is on chain."""
        connection.execute(
            "INSERT INTO bridge_meters (meter_id, device_key, equipment, signs_after,"
            " base_boundary, base_import_wh, base_export_wh) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (meter_id) DO UPDATE SET device_key = excluded.device_key,"
            " signs_after = excluded.signs_after, base_boundary = excluded.base_boundary,"
            " base_import_wh = excluded.base_import_wh, base_export_wh = excluded.base_export_wh",
            (
                record.meter_id,
                record.device_key,
                record.equipment,
                record.signs_after,
                record.base.boundary,
                record.base.import_wh,
                record.base.export_wh,
            ),
        )

    def put_equipment(self, connection: sqlite3.Connection, meter_id: int, equipment: str) -> None:
        """Remember the identity a meter gives itself."""
        connection.execute(
            "UPDATE bridge_meters SET equipment = ? WHERE meter_id = ?", (equipment, meter_id)
        )

    # --- Candidates -------------------------------------------------------------------------------

    def candidates(self, meter_id: int) -> list[tuple[Snapshot, float]]:
        """A meter's snapshots not decided yet and when each arrived (host time), oldest first."""
        rows = self.read(
            f"SELECT {_COLUMNS}, arrived_at FROM bridge_candidates"  # noqa: S608
            " WHERE meter_id = ? ORDER BY boundary",
            meter_id,
        ).fetchall()
        return [(_snapshot(row), float(row[len(_FIELDS)])) for row in rows]

    def put_candidate(
        self, connection: sqlite3.Connection, snapshot: Snapshot, arrived_at: float
    ) -> None:
        """Keep the nearest telegram of a boundary so far."""
        connection.execute(
            f"INSERT OR REPLACE INTO bridge_candidates ({_COLUMNS}, arrived_at)"  # noqa: S608
            f" VALUES ({_MARKS}, ?)",
            (*_values(snapshot), arrived_at),
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
        connection.execute(
            f"INSERT INTO bridge_snapshots ({_COLUMNS}, verdict, sequence, findings)"  # noqa: S608
            f" VALUES ({_MARKS}, ?, ?, ?)",
            (
                *_values(snapshot),
                "refused" if sequence is None else "accepted",
                sequence,
                json.dumps([_as_json(finding) for finding in found]) if found else "[]",
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
            f"SELECT {_COLUMNS} FROM bridge_snapshots WHERE meter_id = ?"  # noqa: S608
            " AND verdict = 'accepted' AND boundary % ? = 0 AND boundary <= ?"
            " ORDER BY boundary DESC LIMIT ?",
            meter_id,
            SECONDS_PER_DAY,
            until,
            count,
        ).fetchall()
        return [_snapshot(row) for row in rows]

    def findings(self, meter_id: int, boundary: int) -> list[Finding]:
        """What was remarkable about a snapshot."""
        row = self.read(
            "SELECT findings FROM bridge_snapshots WHERE meter_id = ? AND boundary = ?",
            meter_id,
            boundary,
        ).fetchone()
        found = [] if row is None else json.loads(row[0])
        return [Finding(f["rule"], Severity(f["severity"]), f["message"]) for f in found]

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

    def _accepted(self, condition: str, *values: int) -> list[Accepted]:
        rows = self.read(
            f"SELECT {_COLUMNS}, sequence, form FROM bridge_snapshots"  # noqa: S608
            f" WHERE meter_id = ? AND verdict = 'accepted' AND {condition} ORDER BY boundary",
            *values,
        ).fetchall()
        width = len(_FIELDS)
        return [
            Accepted(
                _snapshot(row), row[width], None if row[width + 1] is None else Form(row[width + 1])
            )
            for row in rows
        ]

    def read(self, statement: str, *values: object) -> sqlite3.Cursor:
        """Run a query.

        Raises:
            StoreUnavailableError: the file cannot be read.
        """
        try:
            return self.outbox.connection.execute(statement, values)
        except (sqlite3.Error, OutboxStorageError) as error:
            raise StoreUnavailableError(
                f"store {self.path} cannot be read", found=str(error)
            ) from error


def _as_json(finding: Finding) -> dict[str, str]:
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
    }


def _values(snapshot: Snapshot) -> tuple[Any, ...]:
    return _in_order(snapshot)


def _snapshot(row: Sequence[Any]) -> Snapshot:
    values: dict[str, Any] = dict(zip(_FIELDS, row, strict=False))
    values["registers_disagree"] = bool(values["registers_disagree"])
    values["clock_checked"] = bool(values["clock_checked"])
    return Snapshot(**values)
