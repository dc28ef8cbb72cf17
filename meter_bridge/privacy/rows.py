"""What of a row is sealed and what stands in its place.

A sealed row keeps what the tables are searched by (meter, boundary, verdict, sequence, form);
registers, voltage, frequency, times, switch, digest of the telegram and findings are sealed.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from dataclasses import fields, replace
from typing import Any, Final

from energy_grid.units import MilliHertz, MilliVolt, UnixSeconds, Wh
from meter_bridge.errors import StoreConflictError
from meter_bridge.privacy.vault import NO_TIME, PAGES, Place, Vault
from meter_bridge.snapshots import Snapshot

METERS: Final = "bridge_meters"
CANDIDATES: Final = "bridge_candidates"
SNAPSHOTS: Final = "bridge_snapshots"
PAGE_ROWS: Final = "bridge_pages"

BLANK_DIGEST: Final = bytes(32)
_SNAPSHOT_BLANK: Final = (
    "measured_at = boundary AND received_at = boundary AND import_wh = 0 AND export_wh = 0"
    " AND voltage_millivolts = 0 AND frequency_millihz = 0 AND power_failures IS NULL"
    " AND switch = '' AND registers_disagree = 0 AND clock_checked = 0"
    " AND raw_digest = zeroblob(32)"
)
BLANK: Final = {
    METERS: "equipment = ''",
    CANDIDATES: _SNAPSHOT_BLANK,
    SNAPSHOTS: _SNAPSHOT_BLANK + " AND findings = '[]'",
    PAGE_ROWS: "salt = zeroblob(32) AND length(entries) = 0",
}
"""By table, what must hold of a sealed row: nothing of its content stands in plain."""

_SEALED_FIELDS: Final = tuple(
    field.name for field in fields(Snapshot) if field.name not in ("meter_id", "boundary")
)


def candidate_place(meter_id: int, boundary: int, arrived_at: float) -> Place:
    """Place of a candidate: bound to its time of arrival."""
    return Place(CANDIDATES, meter_id, boundary, struct.pack(">d", arrived_at))


def snapshot_place(meter_id: int, boundary: int, sequence: int | None) -> Place:
    """Place of a snapshot: bound to its verdict and number (none: refused)."""
    more = b"refused" if sequence is None else struct.pack(">q", sequence)
    return Place(SNAPSHOTS, meter_id, boundary, more)


def meter_place(meter_id: int) -> Place:
    """Place of a meter's identity."""
    return Place(METERS, meter_id, NO_TIME)


def page_place(boundary: int, index: int, page_hash: bytes) -> Place:
    """Place of a page: bound to the hash that is on chain."""
    return Place(PAGE_ROWS, PAGES, boundary, struct.pack(">q", index) + page_hash)


def blank(snapshot: Snapshot) -> Snapshot:
    """What stands in the columns of a sealed snapshot."""
    return Snapshot(
        meter_id=snapshot.meter_id,
        boundary=snapshot.boundary,
        measured_at=snapshot.boundary,
        received_at=snapshot.boundary,
        import_wh=Wh(0),
        export_wh=Wh(0),
        voltage_millivolts=MilliVolt(0),
        frequency_millihz=MilliHertz(0),
        power_failures=None,
        switch="",
        registers_disagree=False,
        clock_checked=False,
        raw_digest=BLANK_DIGEST,
    )


def pack(snapshot: Snapshot, findings: str) -> bytes:
    """The content to be sealed."""
    content: dict[str, Any] = {name: getattr(snapshot, name) for name in _SEALED_FIELDS}
    content["raw_digest"] = snapshot.raw_digest.hex()
    content["findings"] = findings
    return json.dumps(content, separators=(",", ":")).encode()


def unpack(place: Place, content: bytes) -> tuple[Snapshot, str]:
    """The snapshot of opened content, and its findings as JSON."""
    values = json.loads(content)
    findings = str(values.pop("findings"))
    values["raw_digest"] = bytes.fromhex(values["raw_digest"])
    return Snapshot(place.owner, UnixSeconds(place.boundary), **values), findings


def seal_plain_rows(connection: sqlite3.Connection, vault: Vault) -> int:
    """Seal every row of a plain store in place, in the caller's transaction.

    Returns:
        Number of rows.
    """
    count = _seal_meters(connection, vault) + _seal_pages(connection, vault)
    names = ", ".join(field.name for field in fields(Snapshot))
    for table, more in ((CANDIDATES, "arrived_at, '[]'"), (SNAPSHOTS, "sequence, findings")):
        # Row ids are read first: the rows are changed while they are gone through.
        for (row_id,) in connection.execute(f"SELECT rowid FROM {table}").fetchall():  # noqa: S608
            row = connection.execute(
                f"SELECT {names}, {more} FROM {table} WHERE rowid = ?",  # noqa: S608
                (row_id,),
            ).fetchone()
            *values, known_by, findings = row
            snapshot = _with_booleans(Snapshot(*values))
            make = candidate_place if table == CANDIDATES else snapshot_place
            place = make(snapshot.meter_id, snapshot.boundary, known_by)
            sealed = vault.seal(connection, place, pack(snapshot, findings))
            connection.execute(
                f"UPDATE {table} SET sealed = ?, "  # noqa: S608
                + _assignments(BLANK[table])
                + " WHERE rowid = ?",
                (sealed, row_id),
            )
            count += 1
    return count


def _seal_meters(connection: sqlite3.Connection, vault: Vault) -> int:
    rows = connection.execute("SELECT meter_id, equipment FROM bridge_meters").fetchall()
    for meter_id, equipment in rows:
        sealed = vault.seal(connection, meter_place(meter_id), equipment.encode())
        connection.execute(
            "UPDATE bridge_meters SET equipment = '', sealed = ? WHERE meter_id = ?",
            (sealed, meter_id),
        )
    return len(rows)


def _seal_pages(connection: sqlite3.Connection, vault: Vault) -> int:
    rows = connection.execute(
        "SELECT boundary, page_index, page_hash, salt, entries FROM bridge_pages"
    ).fetchall()
    for boundary, index, page_hash, salt, entries in rows:
        place = page_place(boundary, index, bytes(page_hash))
        changed = connection.execute(
            "UPDATE bridge_pages SET salt = zeroblob(32), entries = x'', sealed = ?"
            " WHERE boundary = ? AND page_index = ?",
            (vault.seal(connection, place, bytes(salt) + bytes(entries)), boundary, index),
        ).rowcount
        if changed != 1:
            raise StoreConflictError("a page", expected="one row", found=changed)
    return len(rows)


def _assignments(condition: str) -> str:
    """`a = 0 AND b IS NULL` as `a = 0, b = NULL`."""
    return condition.replace(" IS NULL", " = NULL").replace(" AND ", ", ")


def _with_booleans(snapshot: Snapshot) -> Snapshot:
    return replace(
        snapshot,
        registers_disagree=bool(snapshot.registers_disagree),
        clock_checked=bool(snapshot.clock_checked),
    )
