"""Processes by pid file: a number and when it began, so that no other process is taken for it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulation.live.files import write_atomically

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STATE, _USER_TICKS, _SYSTEM_TICKS, _STARTED, _RESIDENT = 0, 11, 12, 19, 21
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this computer.

    Attributes:
        pid: its number.
        started: ticks since the computer's start; with the number it is one process for ever.
    """

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has a number now; None if none does."""
        fields = _stat(pid)
        return None if fields is None else cls(pid, int(fields[_STARTED]))

    @classmethod
    def read(cls, file: Path) -> Process | None:
        """The process of a pid file; None if there is none."""
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            return cls(int(content["pid"]), int(content["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, file: Path) -> None:
        """Write the pid file."""
        write_atomically(file, json.dumps({"pid": self.pid, "started": self.started}) + "\n")

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        fields = _stat(self.pid)
        return (
            fields is not None and int(fields[_STARTED]) == self.started and fields[_STATE] != "Z"
        )

    @property
    def cpu_seconds(self) -> float:
        """Time of a processor it has used."""
        fields = _stat(self.pid)
        if fields is None:
            return 0.0
        return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / _TICKS

    @property
    def memory_bytes(self) -> int:
        """Memory it holds."""
        fields = _stat(self.pid)
        return 0 if fields is None else int(fields[_RESIDENT]) * _PAGE_BYTES

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait_for_end(self, seconds: float) -> bool:
        """Wait for it to end; whether it did."""
        deadline = time.monotonic() + seconds
        while self.is_alive:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, os.WNOHANG)
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def end(self, seconds: float) -> None:
        """Ask it to end; kill it if it does not."""
        self.send(signal.SIGTERM)
        if not self.wait_for_end(seconds):
            self.send(signal.SIGKILL)
            self.wait_for_end(seconds)


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in brackets may hold anything, brackets too.
    return text.rpartition(")")[2].split()
