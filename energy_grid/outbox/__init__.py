"""The one way to the chain for every daemon: a durable outbox of transactions.

`Outbox` keeps intents in SQLite, each under its unique business key; `Sender` sends them. A row is
on disk before it is signed and its signed transaction before it is broadcast, so a process killed
anywhere resumes without losing or doubling anything. The contract refuses duplicates too: at least
once off chain and idempotent on chain make exactly once.
"""

from energy_grid.outbox.edges import STRAIGHT_EDGES, Edge
from energy_grid.outbox.errors import (
    BusinessKeyConflictError,
    DeepReorgError,
    ForeignTransactionError,
    NodeBehindError,
    NodeBlindError,
    NodeRefusedError,
    OutboxBusyError,
    OutboxError,
    OutboxStorageError,
    OutOfFundsError,
)
from energy_grid.outbox.fees import FeePolicy, Fees
from energy_grid.outbox.locks import KeyLock
from energy_grid.outbox.rows import Attempt, Row, State
from energy_grid.outbox.sender import Cycle, Sender
from energy_grid.outbox.status import Alarm, AlarmName, SenderStatus
from energy_grid.outbox.store import Outbox, connect, transaction

__all__ = [
    "STRAIGHT_EDGES",
    "Alarm",
    "AlarmName",
    "Attempt",
    "BusinessKeyConflictError",
    "Cycle",
    "DeepReorgError",
    "Edge",
    "FeePolicy",
    "Fees",
    "ForeignTransactionError",
    "KeyLock",
    "NodeBehindError",
    "NodeBlindError",
    "NodeRefusedError",
    "OutOfFundsError",
    "Outbox",
    "OutboxBusyError",
    "OutboxError",
    "OutboxStorageError",
    "Row",
    "Sender",
    "SenderStatus",
    "State",
    "connect",
    "transaction",
]
