"""One bridge a meter: two that sign for one meter would contradict each other on chain (rule V4).

One file for a contract, one byte of it for a meter: a lock on ten thousand meters is one open file.
The system frees it when the process dies.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from energy_grid.outbox import OutboxBusyError, OutboxStorageError
from energy_grid.outbox.locks import default_lock_folder


class MeterLocks:
    """Exclusive locks on the meters of a contract, for all bridges of this user on this machine.

    Args:
        chain_id: the contract's chain.
        smart_meter: its address.
        folder: where the lock file is; by default one that all processes of the user share.
    """

    def __init__(self, chain_id: int, smart_meter: str, folder: Path | None = None) -> None:
        name = f"meters-{chain_id}-{smart_meter.lower()}.lock"
        self.path = (folder or default_lock_folder()) / name
        self._descriptor: int | None = None

    def acquire(self, meter_ids: Iterable[int]) -> None:
        """Take the locks of all these meters, or none.

        Raises:
            OutboxBusyError: another bridge has one of them.
            OutboxStorageError: the lock file cannot be opened.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise OutboxStorageError(
                f"lock file {self.path} cannot be opened", found=error.strerror
            ) from error
        taken = [meter for meter in sorted(set(meter_ids)) if not _lock(descriptor, meter)]
        if taken:
            os.close(descriptor)  # frees what was taken
            raise OutboxBusyError(
                f"another bridge serves meter {', '.join(map(str, taken[:10]))}"
                + (f" and {len(taken) - 10} more" if len(taken) > 10 else ""),
                expected="one bridge a meter",
                found=f"locks held in {self.path}",
                remedy="Leave the meter to one bridge: take it out of the other's configuration",
            )
        self._descriptor = descriptor

    def release(self) -> None:
        """Free the locks."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _lock(descriptor: int, meter_id: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, meter_id)
    except OSError:
        return False
    return True
