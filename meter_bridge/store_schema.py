"""Tables of the bridge's store; triggers keep what is signed for as it is."""

from __future__ import annotations

from typing import Final

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

SCHEMA: Final = (
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
