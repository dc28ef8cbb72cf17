"""The outbox's SQLite file: every change is on disk before the method returns."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from eth_utils.address import is_address, to_checksum_address

from energy_grid.errors import ConfigurationError, InvalidValueError
from energy_grid.outbox.errors import BusinessKeyConflictError, OutboxStorageError
from energy_grid.outbox.rows import Attempt, Row, State, intent_hash

BUSY_TIMEOUT_SECONDS: Final = 10.0
SCHEMA_VERSION: Final = "2"

_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS outbox_meta (
        name TEXT PRIMARY KEY, value TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS outbox_rows (
        id INTEGER PRIMARY KEY,
        business_key TEXT NOT NULL UNIQUE,
        intent_hash BLOB NOT NULL,
        to_address TEXT NOT NULL,
        data BLOB NOT NULL,
        value_wei TEXT NOT NULL,
        gas_limit INTEGER,
        state TEXT NOT NULL
            CHECK (state IN ('planned', 'signed', 'sent', 'mined', 'final', 'failed')),
        nonce INTEGER UNIQUE,
        transaction_hash TEXT,
        block_number INTEGER,
        gas_used INTEGER,
        failure TEXT,
        failure_data BLOB,
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS outbox_rows_by_state ON outbox_rows (state, id)",
    "CREATE INDEX IF NOT EXISTS outbox_rows_by_block ON outbox_rows (block_number)",
    """CREATE TABLE IF NOT EXISTS outbox_attempts (
        transaction_hash TEXT PRIMARY KEY,
        row_id INTEGER NOT NULL REFERENCES outbox_rows (id),
        nonce INTEGER NOT NULL,
        raw BLOB NOT NULL,
        max_fee_wei TEXT NOT NULL,
        priority_fee_wei TEXT NOT NULL,
        signed_at REAL NOT NULL,
        broadcast_at REAL,
        signed_block INTEGER
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS outbox_attempts_by_row ON outbox_attempts (row_id)",
)

_ROW_COLUMNS: Final = (
    "id, business_key, to_address, data, value_wei, gas_limit, state, nonce, transaction_hash,"
    " block_number, gas_used, failure, failure_data, created_at, updated_at"
)


_WITH_NONCE: Final = (State.SIGNED, State.SENT, State.MINED, State.FINAL, State.FAILED)
_IN_NO_BLOCK: Final[dict[str, None]] = dict.fromkeys(
    ("transaction_hash", "block_number", "gas_used", "failure", "failure_data")
)


def connect(path: Path | str) -> sqlite3.Connection:
    """Open a connection that loses nothing it has committed.

    WAL with `synchronous = FULL`: a commit returns after the log is on disk. Transactions are begun
    by hand (`with transaction(connection)`).
    """
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        raise _storage_error(path, error) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run a block as one durable transaction: all of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _upgrade(connection: sqlite3.Connection) -> None:
    """Bring the file of an older version up to date."""
    columns = {found[1] for found in connection.execute("PRAGMA table_info(outbox_attempts)")}
    if "signed_block" not in columns:
        connection.execute("ALTER TABLE outbox_attempts ADD COLUMN signed_block INTEGER")
    connection.execute("UPDATE outbox_meta SET value = '2' WHERE name = 'schema' AND value = '1'")


class Outbox:
    """Durable intents under unique business keys.

    Args:
        path: the SQLite file; other tables of the program may live in it.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._local = threading.local()
        with self._guarded() as connection, transaction(connection):
            for statement in _SCHEMA:
                connection.execute(statement)
            _upgrade(connection)
            self._settle_meta(connection, "schema", SCHEMA_VERSION, "Use the version that wrote it")

    def close(self) -> None:
        """Close this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, opened at its first use."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self.path)
            self._local.connection = connection
        return connection

    # --- Intents ----------------------------------------------------------------------------------

    def enqueue(
        self,
        business_key: str,
        to: str,
        data: bytes,
        value: int = 0,
        gas: int | None = None,
        *,
        connection: sqlite3.Connection | None = None,
    ) -> Row:
        """Put an intent on disk; with a known key and the same intent this changes nothing.

        Args:
            business_key: names the effect, such as `meter-day/7/20410`.
            to: contract to call.
            data: encoded call.
            value: wei to send along.
            gas: gas limit; None estimates before sending.
            connection: the caller's open transaction on the same file; the row becomes durable with
                the caller's commit. None: durable when this returns.

        Raises:
            BusinessKeyConflictError: the key is taken by another intent.
            OutboxStorageError: the file cannot be written.
        """
        if not business_key:
            raise InvalidValueError("empty business key")
        if not is_address(to):
            raise InvalidValueError("recipient", expected="an address", found=to)
        if value < 0 or (gas is not None and gas <= 0):
            raise InvalidValueError(
                "value and gas of an intent", expected="value >= 0, gas > 0", found=(value, gas)
            )
        to = to_checksum_address(to)
        if connection is not None:
            with _translated(self.path):
                return self._enqueue(connection, business_key, to, data, value, gas)
        with self._guarded() as own, transaction(own):
            return self._enqueue(own, business_key, to, data, value, gas)

    def _enqueue(
        self,
        connection: sqlite3.Connection,
        business_key: str,
        to: str,
        data: bytes,
        value: int,
        gas: int | None,
    ) -> Row:
        intent = intent_hash(to, data, value)
        now = time.time()
        connection.execute(
            "INSERT INTO outbox_rows (business_key, intent_hash, to_address, data, value_wei,"
            " gas_limit, state, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, 'planned', ?, ?)"
            " ON CONFLICT (business_key) DO NOTHING",
            (business_key, intent, to, data, str(value), gas, now, now),
        )
        found = connection.execute(
            f"SELECT intent_hash, {_ROW_COLUMNS} FROM outbox_rows WHERE business_key = ?",  # noqa: S608
            (business_key,),
        ).fetchone()
        if found[0] != intent:
            raise BusinessKeyConflictError(
                f"business key {business_key!r} is taken by another intent",
                expected=f"intent {found[0].hex()[:16]} (on record)",
                found=f"intent {intent.hex()[:16]}",
                remedy="One key names one effect: use another key, or do not repeat with new data",
            )
        return _row(found[1:])

    def retry(self, business_key: str) -> Row:
        """Plan an intent again that a contract refused before it was sent.

        Raises:
            InvalidValueError: no such row, or it was sent: its effect may exist.
        """
        with self._guarded() as connection, transaction(connection):
            changed = connection.execute(
                "UPDATE outbox_rows SET state = 'planned', failure = NULL, failure_data = NULL,"
                " updated_at = ? WHERE business_key = ? AND state = 'failed' AND nonce IS NULL",
                (time.time(), business_key),
            ).rowcount
        row = self.get(business_key)
        if not changed or row is None:
            raise InvalidValueError(
                f"{business_key!r} cannot be tried again",
                expected="a row refused before it was sent",
                found="no such row" if row is None else row.state.value,
            )
        return row

    # --- Reading ----------------------------------------------------------------------------------

    def get(self, business_key: str) -> Row | None:
        """The row of a business key."""
        return next(iter(self._select("business_key = ?", business_key)), None)

    def rows(self, *states: State, limit: int = -1) -> list[Row]:
        """Rows in some states (all if none is given), oldest first."""
        chosen = states or tuple(State)
        marks = ", ".join("?" * len(chosen))
        return self._select(f"state IN ({marks})", *(s.value for s in chosen), limit=limit)

    def in_flight(self) -> list[Row]:
        """Rows whose transaction may be under way, by nonce."""
        rows = self.rows(State.SIGNED, State.SENT)
        return sorted(rows, key=lambda row: row.nonce if row.nonce is not None else -1)

    def count(self, *states: State) -> int:
        """Number of rows in some states (all if none is given)."""
        chosen = states or tuple(State)
        marks = ", ".join("?" * len(chosen))
        with self._guarded() as connection:
            found = connection.execute(
                f"SELECT count(*) FROM outbox_rows WHERE state IN ({marks})",  # noqa: S608
                [state.value for state in chosen],
            ).fetchone()
        return int(found[0])

    def attempts(self, row: Row) -> list[Attempt]:
        """Signed transactions of a row at its present nonce, oldest first."""
        with self._guarded() as connection:
            found = connection.execute(
                "SELECT transaction_hash, raw, max_fee_wei, priority_fee_wei, signed_at,"
                " broadcast_at, signed_block FROM outbox_attempts WHERE row_id = ? AND nonce = ?"
                " ORDER BY rowid",
                (row.id, row.nonce),
            ).fetchall()
        return [Attempt(a[0], a[1], int(a[2]), int(a[3]), *a[4:]) for a in found]

    def highest_mined_nonce(self) -> int | None:
        """Highest nonce known to be used up by a block."""
        return self._number(
            "SELECT max(nonce) FROM outbox_rows WHERE state IN ('mined', 'final', 'failed')"
        )

    def highest_nonce(self) -> int | None:
        """Highest nonce of any row."""
        return self._number("SELECT max(nonce) FROM outbox_rows")

    def count_nonces(self, first: int, end: int) -> int:
        """Number of rows with a nonce from `first` on and below `end`."""
        question = "SELECT count(*) FROM outbox_rows WHERE nonce >= ? AND nonce < ?"
        return self._number(question, first, end) or 0

    def highest_block(self) -> int | None:
        """Highest block known to hold a row's transaction."""
        return self._number("SELECT max(block_number) FROM outbox_rows")

    def in_blocks(self, above: int) -> list[Row]:
        """Rows in blocks above a number whose block the chain may take back."""
        return self._select("state IN ('mined', 'failed') AND block_number > ?", above)

    def mined_up_to(self, block: int) -> list[Row]:
        """Mined rows, not final yet, in blocks up to a number."""
        return self._select("state = 'mined' AND block_number <= ?", block)

    def newest_final(self, above: int, limit: int) -> list[Row]:
        """The newest final rows in blocks above a number."""
        found = self._select("state = 'final' AND block_number > ?", above)
        return sorted(found, key=lambda row: -(row.block_number or 0))[:limit]

    def typical_gas(self) -> int | None:
        """What the newest transactions used, on average."""
        return self._number(
            "SELECT CAST(avg(gas_used) AS INTEGER) FROM (SELECT gas_used FROM outbox_rows"
            " WHERE gas_used IS NOT NULL ORDER BY id DESC LIMIT 20)"
        )

    def oldest_unsent_at(self) -> float | None:
        """When the oldest row was planned that is in no block yet."""
        with self._guarded() as connection:
            found = connection.execute(
                "SELECT min(created_at) FROM outbox_rows"
                " WHERE state IN ('planned', 'signed', 'sent')"
            ).fetchone()
        return None if found[0] is None else float(found[0])

    def _number(self, question: str, *values: object) -> int | None:
        with self._guarded() as connection:
            found = connection.execute(question, values).fetchone()
        return None if found[0] is None else int(found[0])

    def _select(self, condition: str, *values: object, limit: int = -1) -> list[Row]:
        with self._guarded() as connection:
            found = connection.execute(
                f"SELECT {_ROW_COLUMNS} FROM outbox_rows WHERE {condition}"  # noqa: S608
                " ORDER BY id LIMIT ?",
                (*values, limit),
            ).fetchall()
        return [_row(values) for values in found]

    # --- Changes by the sender --------------------------------------------------------------------

    def bind(self, chain_id: int, genesis_hash: str, sender: str) -> None:
        """Tie the outbox to one chain and one account at its first use; refuse any other later.

        Raises:
            ConfigurationError: it belongs to another chain or account.
        """
        remedy = "Use another outbox file for another chain or account"
        with self._guarded() as connection, transaction(connection):
            self._settle_meta(connection, "chain_id", str(chain_id), remedy)
            self._settle_meta(connection, "genesis_hash", genesis_hash, remedy)
            self._settle_meta(connection, "sender", sender, remedy)

    def release_reservations(self) -> int:
        """Drop nonces that were reserved but never signed for."""
        with self._guarded() as connection, transaction(connection):
            return connection.execute(
                "UPDATE outbox_rows SET nonce = NULL WHERE state = 'planned' AND nonce IS NOT NULL"
            ).rowcount

    def reserve(self, row: Row, nonce: int) -> Row:
        """Give a planned row its nonce, durably and before anything is signed for it."""
        self._update(row, (State.PLANNED,), state=State.PLANNED, nonce=nonce)
        return replace(row, nonce=nonce)

    def record_signed(self, row: Row, attempt: Attempt) -> None:
        """Keep a signed transaction; only afterwards may it be broadcast."""
        with self._guarded() as connection, transaction(connection):
            connection.execute(
                "INSERT INTO outbox_attempts (transaction_hash, row_id, nonce, raw, max_fee_wei,"
                " priority_fee_wei, signed_at, signed_block) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (transaction_hash) DO NOTHING",
                (
                    attempt.transaction_hash,
                    row.id,
                    row.nonce,
                    attempt.raw,
                    str(attempt.max_fee_wei),
                    str(attempt.priority_fee_wei),
                    attempt.signed_at,
                    attempt.signed_block,
                ),
            )
            self._set(connection, row, (State.PLANNED, State.SIGNED, State.SENT), State.SIGNED)

    def record_sent(self, row: Row, attempt: Attempt) -> None:
        """A node has taken an attempt."""
        with self._guarded() as connection, transaction(connection):
            connection.execute(
                "UPDATE outbox_attempts SET broadcast_at = ? WHERE transaction_hash = ?",
                (time.time(), attempt.transaction_hash),
            )
            self._set(connection, row, (State.SIGNED, State.SENT), State.SENT)

    def record_mined(self, row: Row, transaction_hash: str, block: int, gas_used: int) -> None:
        """One of the row's attempts is in a block and did its work."""
        self._update(
            row,
            _WITH_NONCE,
            state=State.MINED,
            transaction_hash=transaction_hash,
            block_number=block,
            gas_used=gas_used,
            failure=None,
            failure_data=None,
        )

    def record_final(self, row: Row) -> None:
        """The row's block is deep enough."""
        self._update(row, (State.MINED,), state=State.FINAL)

    def record_reorged(self, row: Row) -> None:
        """The row's block is gone: its transaction is to be broadcast again, the same bytes."""
        self._update(row, (State.MINED, State.FAILED), state=State.SIGNED, **_IN_NO_BLOCK)

    def reopen_final(self, from_block: int) -> list[Row]:
        """Put final rows back whose blocks are gone, to be broadcast again: the same bytes.

        For a person who has decided which chain is the right one, while no sender runs; a row that
        is still in a block is found there again.

        Args:
            from_block: first block that is gone.
        """
        rows = self._select("state = 'final' AND block_number >= ?", from_block)
        with self._guarded() as connection, transaction(connection):
            for row in rows:
                self._set(connection, row, (State.FINAL,), State.SIGNED, **_IN_NO_BLOCK)
        return rows

    def record_refused(self, row: Row, failure: str, data: bytes) -> None:
        """The contract refuses the call; nothing was signed, no nonce used."""
        self._update(
            row,
            (State.PLANNED,),
            state=State.FAILED,
            nonce=None,
            failure=failure,
            failure_data=data,
        )

    def record_reverted(
        self, row: Row, transaction_hash: str, block: int, gas_used: int, failure: str, data: bytes
    ) -> None:
        """An attempt is in a block but the contract refused it."""
        self._update(
            row,
            _WITH_NONCE,
            state=State.FAILED,
            transaction_hash=transaction_hash,
            block_number=block,
            gas_used=gas_used,
            failure=failure,
            failure_data=data,
        )

    def record_displaced(self, row: Row) -> None:
        """The row's nonce went to another transaction for good: plan the row anew."""
        self._update(row, (State.SIGNED, State.SENT), state=State.PLANNED, nonce=None)

    def _update(self, row: Row, before: Sequence[State], *, state: State, **changes: Any) -> None:
        with self._guarded() as connection, transaction(connection):
            self._set(connection, row, before, state, **changes)

    def _set(
        self,
        connection: sqlite3.Connection,
        row: Row,
        before: Sequence[State],
        state: State,
        **changes: Any,
    ) -> None:
        changes |= {"state": state.value, "updated_at": time.time()}
        assignments = ", ".join(f"{name} = ?" for name in changes)
        marks = ", ".join("?" * len(before))
        changed = connection.execute(
            f"UPDATE outbox_rows SET {assignments} WHERE id = ? AND state IN ({marks})",  # noqa: S608
            (*changes.values(), row.id, *(s.value for s in before)),
        ).rowcount
        if changed != 1:
            raise InvalidValueError(
                f"row {row.business_key!r} cannot become {state}",
                expected=" or ".join(before),
                found="another state on disk",
            )

    # --- Storage ----------------------------------------------------------------------------------

    def _settle_meta(
        self, connection: sqlite3.Connection, name: str, value: str, remedy: str
    ) -> None:
        connection.execute(
            "INSERT INTO outbox_meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (name, value),
        )
        found = connection.execute(
            "SELECT value FROM outbox_meta WHERE name = ?", (name,)
        ).fetchone()[0]
        if found != value:
            raise ConfigurationError(
                f"outbox {self.path} belongs to another {name.replace('_', ' ')}",
                expected=value,
                found=found,
                remedy=remedy,
            )

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection]:
        with _translated(self.path):
            yield self.connection


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _storage_error(path, error) from error


def _storage_error(path: Path | str, error: sqlite3.Error) -> OutboxStorageError:
    return OutboxStorageError(
        f"outbox {path} cannot be used",
        expected="a readable and writable SQLite file with room on its disk",
        found=str(error),
        remedy="The change was not made; make room or give access, then start again",
    )


def _row(values: Sequence[Any]) -> Row:
    return Row(
        id=values[0],
        business_key=values[1],
        to=values[2],
        data=values[3],
        value_wei=int(values[4]),
        gas_limit=values[5],
        state=State(values[6]),
        nonce=values[7],
        transaction_hash=values[8],
        block_number=values[9],
        gas_used=values[10],
        failure=values[11],
        failure_data=values[12],
        created_at=values[13],
        updated_at=values[14],
    )
