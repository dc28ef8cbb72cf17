"""What a reporter has signed, on disk before it leaves the process.

One row a round: whatever happens to process, clock or sources, nothing is ever signed twice with
two values for the same feed, round and reporter set.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from energy_grid.errors import ConfigurationError, RetryableError
from energy_grid.feeds import Feed, Observation, SignedObservation
from energy_grid.outbox import connect, transaction
from energy_grid.units import UnixSeconds
from oracles.reporting.wire import Delivery

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS record_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS signed (
        oracle TEXT NOT NULL,
        feed_id INTEGER NOT NULL,
        round INTEGER NOT NULL,
        reporter_set INTEGER NOT NULL,
        value TEXT NOT NULL,
        interval_start INTEGER NOT NULL,
        interval_seconds INTEGER NOT NULL,
        signature BLOB NOT NULL,
        signed_at REAL NOT NULL,
        PRIMARY KEY (oracle, feed_id, round, reporter_set)
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS handed_over (
        oracle TEXT NOT NULL,
        feed_id INTEGER NOT NULL,
        round INTEGER NOT NULL,
        reporter_set INTEGER NOT NULL,
        collector TEXT NOT NULL,
        outcome TEXT NOT NULL,
        PRIMARY KEY (oracle, feed_id, round, reporter_set, collector)
    ) STRICT""",
)
_COLUMNS: Final = (
    "s.oracle, s.feed_id, s.round, s.interval_start, s.interval_seconds, s.reporter_set, s.value,"
    " s.signature"
)
TAKEN: Final = "taken"
REFUSED: Final = "refused"


class RecordStorageError(RetryableError):
    """The file cannot be written: nothing was signed."""


@dataclass(frozen=True, slots=True)
class LastValue:
    """The newest value signed for a feed."""

    value: int
    interval_start: UnixSeconds


class Record:
    """Signed observations of one key on one chain.

    Args:
        path: the SQLite file.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._local = threading.local()
        try:
            with transaction(self._connection):
                for statement in _SCHEMA:
                    self._connection.execute(statement)
        except sqlite3.Error as error:
            raise self._storage_error(error) from error

    def close(self) -> None:
        """Close this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    @property
    def _connection(self) -> sqlite3.Connection:
        """This thread's connection, opened at its first use."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self.path)
            self._local.connection = connection
        return connection

    def bind(self, chain_id: int, genesis_hash: str, address: str) -> None:
        """Tie the file to one chain and one key at its first use.

        Raises:
            ConfigurationError: it belongs to another.
        """
        wanted = {"chain_id": str(chain_id), "genesis_hash": genesis_hash, "reporter": address}
        with transaction(self._connection) as connection:
            for name, value in wanted.items():
                connection.execute(
                    "INSERT INTO record_meta VALUES (?, ?) ON CONFLICT DO NOTHING", (name, value)
                )
                found = connection.execute(
                    "SELECT value FROM record_meta WHERE name = ?", (name,)
                ).fetchone()[0]
                if found != value:
                    raise ConfigurationError(
                        f"record {self.path} belongs to another {name.replace('_', ' ')}",
                        expected=value,
                        found=found,
                        remedy="Use another file for another chain or key",
                    )

    def sign_once(
        self,
        oracle: str,
        observation: Observation,
        sign: Callable[[Observation], SignedObservation],
    ) -> Delivery:
        """What was signed for the round before, else sign this and keep it first.

        Args:
            oracle: address of the contract.
            observation: what would be signed now.
            sign: signs it.

        Raises:
            RecordStorageError: it cannot be kept, so it was not signed.
        """
        key = (oracle, observation.feed.id, observation.round, observation.reporter_set)
        try:
            with transaction(self._connection) as connection:
                found = connection.execute(
                    f"SELECT {_COLUMNS} FROM signed s WHERE oracle = ? AND feed_id = ?"  # noqa: S608
                    " AND round = ? AND reporter_set = ?",
                    key,
                ).fetchone()
                if found is not None:
                    return _signed(found)
                signed = sign(observation)
                connection.execute(
                    "INSERT INTO signed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *key,
                        str(observation.value),
                        observation.interval_start,
                        observation.interval_seconds,
                        signed.signature,
                        time.time(),
                    ),
                )
        except sqlite3.Error as error:
            raise self._storage_error(error) from error
        return Delivery(oracle, signed)

    def has_signed(self, oracle: str, feed: Feed, round_: int, reporter_set: int) -> bool:
        """Whether a round was signed."""
        return (
            self._connection.execute(
                "SELECT 1 FROM signed WHERE oracle = ? AND feed_id = ? AND round = ?"
                " AND reporter_set = ?",
                (oracle, feed.id, round_, reporter_set),
            ).fetchone()
            is not None
        )

    def last_value(self, oracle: str, feed: Feed) -> LastValue | None:
        """The newest value signed for a feed."""
        found = self._connection.execute(
            "SELECT value, interval_start FROM signed WHERE oracle = ? AND feed_id = ?"
            " ORDER BY round DESC, reporter_set DESC LIMIT 1",
            (oracle, feed.id),
        ).fetchone()
        return None if found is None else LastValue(int(found[0]), UnixSeconds(found[1]))

    def to_hand_over(
        self, collector: str, oracle: str, reporter_set: int, feed: Feed
    ) -> list[Delivery]:
        """The newest signed round of a feed, unless the collector has it."""
        found = self._connection.execute(
            f"SELECT {_COLUMNS}, h.outcome FROM signed s LEFT JOIN handed_over h"  # noqa: S608
            " ON h.oracle = s.oracle AND h.feed_id = s.feed_id AND h.round = s.round"
            " AND h.reporter_set = s.reporter_set AND h.collector = ?"
            " WHERE s.oracle = ? AND s.feed_id = ? AND s.reporter_set = ?"
            " ORDER BY s.round DESC LIMIT 1",
            (collector, oracle, feed.id, reporter_set),
        ).fetchone()
        return [] if found is None or found[-1] is not None else [_signed(found)]

    def note(self, collector: str, outcomes: Iterable[tuple[Delivery, str]]) -> None:
        """What a collector said for good."""
        with transaction(self._connection) as connection:
            connection.executemany(
                "INSERT INTO handed_over VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [
                    (
                        one.oracle,
                        one.observation.feed.id,
                        one.observation.round,
                        one.observation.reporter_set,
                        collector,
                        outcome,
                    )
                    for one, outcome in outcomes
                ],
            )

    def count(self) -> int:
        """Number of rounds signed and kept."""
        return int(self._connection.execute("SELECT count(*) FROM signed").fetchone()[0])

    def prune(self, started_before: int) -> int:
        """Forget rounds about intervals long past, which no contract takes. Returns how many."""
        with transaction(self._connection) as connection:
            connection.execute(
                "DELETE FROM handed_over WHERE (oracle, feed_id, round, reporter_set) IN"
                " (SELECT oracle, feed_id, round, reporter_set FROM signed"
                " WHERE interval_start < ?)",
                (started_before,),
            )
            return connection.execute(
                "DELETE FROM signed WHERE interval_start < ?", (started_before,)
            ).rowcount

    def _storage_error(self, error: sqlite3.Error) -> RecordStorageError:
        return RecordStorageError(
            f"record {self.path} cannot be used",
            expected="a writable SQLite file with room on its disk",
            found=str(error),
            remedy="Nothing was signed; make room or give access",
        )


def _signed(row: tuple[object, ...]) -> Delivery:
    oracle, feed_id, round_, start, seconds, reporter_set, value, signature = row[:8]
    observation = Observation(
        Feed.of_id(int(str(feed_id))),
        int(str(round_)),
        UnixSeconds(int(str(start))),
        int(str(seconds)),
        int(str(reporter_set)),
        int(str(value)),
    )
    assert isinstance(signature, bytes)
    return Delivery(str(oracle), SignedObservation(observation, signature))
