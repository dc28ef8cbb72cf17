"""What a collector keeps, in the outbox's own file: observations, evidence, planned rounds."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from energy_grid.feeds import Feed, Observation, SignedObservation
from energy_grid.outbox import Outbox, transaction
from energy_grid.rpc import to_hex
from energy_grid.units import UnixSeconds
from oracles.reporting.wire import Delivery

_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS observations (
        oracle TEXT NOT NULL,
        feed_id INTEGER NOT NULL,
        round INTEGER NOT NULL,
        reporter_set INTEGER NOT NULL,
        reporter TEXT NOT NULL,
        interval_start INTEGER NOT NULL,
        interval_seconds INTEGER NOT NULL,
        value TEXT NOT NULL,
        signature BLOB NOT NULL,
        received_at REAL NOT NULL,
        equivocated INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (oracle, feed_id, round, reporter_set, reporter)
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS evidence (
        id INTEGER PRIMARY KEY,
        oracle TEXT NOT NULL,
        feed_id INTEGER NOT NULL,
        round INTEGER NOT NULL,
        reporter_set INTEGER NOT NULL,
        reporter TEXT NOT NULL,
        first TEXT NOT NULL,
        second TEXT NOT NULL,
        seen_at REAL NOT NULL,
        UNIQUE (oracle, feed_id, round, reporter_set, reporter)
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS planned_rounds (
        oracle TEXT NOT NULL,
        feed_id INTEGER NOT NULL,
        round INTEGER NOT NULL,
        business_key TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        planned_at REAL NOT NULL,
        PRIMARY KEY (oracle, feed_id, round)
    ) STRICT""",
)


class Verdict(StrEnum):
    """What became of an observation that was in order."""

    NEW = "new"
    KNOWN = "known"
    EQUIVOCATION = "equivocation"


@dataclass(frozen=True, slots=True)
class Kept:
    """An observation on the shelf.

    Attributes:
        reporter: who signed it.
        signed: the observation.
        received_at: when it came in.
        equivocated: whether the reporter signed another value for the same round, too.
    """

    reporter: str
    signed: SignedObservation
    received_at: float
    equivocated: bool


@dataclass(frozen=True, slots=True)
class PlannedRound:
    """A round that was put into the outbox."""

    business_key: str
    attempts: int
    planned_at: float


class Shelf:
    """Observations by round; used from the server's thread and from the keeper's.

    Args:
        outbox: whose file they share: planning a round and marking it is one commit.
        evidence_path: file that each equivocation is appended to, a JSON object a line.
        names: of oracles by their addresses, for the evidence.
    """

    def __init__(
        self,
        outbox: Outbox,
        evidence_path: Path | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self._names = dict(names or {})
        self._outbox = outbox
        self._evidence_path = evidence_path
        with transaction(outbox.connection) as connection:
            for statement in _SCHEMA:
                connection.execute(statement)

    @property
    def _connection(self) -> sqlite3.Connection:
        return self._outbox.connection

    # --- In ---------------------------------------------------------------------------------------

    def keep(self, items: Sequence[tuple[str, Delivery]]) -> list[Verdict]:
        """Keep observations with their reporters, durably; what differs is evidence."""
        with transaction(self._connection) as connection:
            found = [self._keep(connection, reporter, delivery) for reporter, delivery in items]
        for verdict, evidence in found:
            if verdict is Verdict.EQUIVOCATION and evidence and self._evidence_path is not None:
                with self._evidence_path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(evidence, sort_keys=True) + "\n")
        return [verdict for verdict, _ in found]

    def _keep(
        self, connection: sqlite3.Connection, reporter: str, delivery: Delivery
    ) -> tuple[Verdict, dict[str, Any] | None]:
        one, signature = delivery.observation, delivery.signed.signature
        key = (delivery.oracle, one.feed.id, one.round, one.reporter_set, reporter)
        before = connection.execute(
            "SELECT value, signature FROM observations WHERE oracle = ? AND feed_id = ?"
            " AND round = ? AND reporter_set = ? AND reporter = ?",
            key,
        ).fetchone()
        now = time.time()
        if before is None:
            connection.execute(
                "INSERT INTO observations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                (
                    *key,
                    one.interval_start,
                    one.interval_seconds,
                    str(one.value),
                    signature,
                    now,
                ),
            )
            return Verdict.NEW, None
        if int(before[0]) == one.value:
            return Verdict.KNOWN, None
        first = {"value": before[0], "signature": to_hex(before[1])}
        second = {"value": str(one.value), "signature": to_hex(signature)}
        is_new = connection.execute(
            "INSERT INTO evidence (oracle, feed_id, round, reporter_set, reporter, first, second,"
            " seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*key, json.dumps(first), json.dumps(second), now),
        ).rowcount
        connection.execute(
            "UPDATE observations SET equivocated = 1 WHERE oracle = ? AND feed_id = ?"
            " AND round = ? AND reporter_set = ? AND reporter = ?",
            key,
        )
        evidence = {
            "kind": "equivocation",
            "oracle": self._names.get(delivery.oracle, delivery.oracle),
            "address": delivery.oracle,
            "feed_id": one.feed.id,
            "round": one.round,
            "interval_start": one.interval_start,
            "interval_seconds": one.interval_seconds,
            "reporter_set": one.reporter_set,
            "reporter": reporter,
            "first": first["value"],
            "first_signature": first["signature"],
            "second": second["value"],
            "second_signature": second["signature"],
            "seen_at": round(now, 3),
        }
        return Verdict.EQUIVOCATION, evidence if is_new else None

    # --- Out --------------------------------------------------------------------------------------

    def rounds(self, oracle: str, feed: Feed, reporter_set: int, after: int) -> list[int]:
        """Rounds of a feed with observations, newest first."""
        rows = self._connection.execute(
            "SELECT DISTINCT round FROM observations WHERE oracle = ? AND feed_id = ?"
            " AND reporter_set = ? AND round > ? ORDER BY round DESC",
            (oracle, feed.id, reporter_set, after),
        ).fetchall()
        return [int(row[0]) for row in rows]

    def observations(self, oracle: str, feed: Feed, round_: int, reporter_set: int) -> list[Kept]:
        """Observations of a round, by reporter."""
        rows = self._connection.execute(
            "SELECT reporter, interval_start, interval_seconds, value, signature, received_at,"
            " equivocated FROM observations WHERE oracle = ? AND feed_id = ? AND round = ?"
            " AND reporter_set = ? ORDER BY reporter",
            (oracle, feed.id, round_, reporter_set),
        ).fetchall()
        return [
            Kept(
                row[0],
                SignedObservation(
                    Observation(
                        feed, round_, UnixSeconds(row[1]), row[2], reporter_set, int(row[3])
                    ),
                    row[4],
                ),
                row[5],
                bool(row[6]),
            )
            for row in rows
        ]

    def evidence_count(self) -> int:
        """Number of equivocations seen."""
        return int(self._connection.execute("SELECT count(*) FROM evidence").fetchone()[0])

    # --- Planned rounds ---------------------------------------------------------------------------

    def planned(self, oracle: str, feed: Feed) -> dict[int, PlannedRound]:
        """Rounds of a feed that were put into the outbox, by number."""
        rows = self._connection.execute(
            "SELECT round, business_key, attempts, planned_at FROM planned_rounds"
            " WHERE oracle = ? AND feed_id = ?",
            (oracle, feed.id),
        ).fetchall()
        return {int(row[0]): PlannedRound(row[1], row[2], row[3]) for row in rows}

    def plan(
        self,
        business_key: str,
        to: str,
        data: bytes,
        rounds: Iterable[tuple[str, Feed, int]],
    ) -> None:
        """Put a report into the outbox and mark its rounds, in one commit."""
        now = time.time()
        with transaction(self._connection) as connection:
            self._outbox.enqueue(business_key, to, data, connection=connection)
            connection.executemany(
                "INSERT INTO planned_rounds VALUES (?, ?, ?, ?, 1, ?)"
                " ON CONFLICT (oracle, feed_id, round) DO UPDATE SET"
                " business_key = excluded.business_key, attempts = attempts + 1,"
                " planned_at = excluded.planned_at",
                [(oracle, feed.id, round_, business_key, now) for oracle, feed, round_ in rounds],
            )

    def prune(self, received_before: float) -> int:
        """Forget observations and marks that no round needs any more; evidence stays."""
        with transaction(self._connection) as connection:
            connection.execute(
                "DELETE FROM planned_rounds WHERE planned_at < ?", (received_before,)
            )
            return connection.execute(
                "DELETE FROM observations WHERE received_at < ?", (received_before,)
            ).rowcount
