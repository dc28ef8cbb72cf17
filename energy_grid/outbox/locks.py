"""One process per key: a file lock held while a sender lives, freed by the system when it dies."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO

from energy_grid.outbox.errors import OutboxBusyError, OutboxStorageError


def default_lock_folder() -> Path:
    """Folder shared by all of a user's processes on this machine."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "energy-grid"
    return Path(tempfile.gettempdir()) / f"energy-grid-{os.getuid()}"


class KeyLock:
    """An exclusive lock on a file.

    Args:
        path: the lock file; it stays when the lock is freed.
        what: what is locked, for the error message.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what
        self._file: IO[str] | None = None

    @classmethod
    def of_account(cls, chain_id: int, address: str, folder: Path | None = None) -> KeyLock:
        """The lock of an account on a chain, the same for every outbox of this user."""
        name = f"{chain_id}-{address.lower()}.lock"
        return cls((folder or default_lock_folder()) / name, f"account {address}")

    def acquire(self) -> None:
        """Take the lock or refuse at once.

        Raises:
            OutboxBusyError: another process holds it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = self.path.open("a+")
        except OSError as error:
            raise OutboxStorageError(
                f"lock file {self.path} cannot be opened", found=error.strerror
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise OutboxBusyError(
                f"{self._what} is in use by another process",
                expected="one sender for a key",
                found=f"process {holder} holding {self.path}",
                remedy="Stop the other process, or give this one an account of its own",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Free the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None
