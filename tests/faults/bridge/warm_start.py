"""Starts bridges from a process that has imported the program already: a fork is a start without
the second that Python needs to load it, so that more of a kill test's time goes into work.

Run as a program it reads one line a start (configuration, then log file, tab between) and answers
with the bridge's process id. The forked process runs the command of `python -m meter_bridge run`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


class WarmStart:
    """Starts bridges by forking, and kills them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.bridge.warm_start"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            text=True,
        )

    def start(self, config: Path, log: Path) -> int:
        """Start a bridge; its log is a new file. Returns the process id."""
        assert self._process.stdin is not None and self._process.stdout is not None
        log.write_bytes(b"")
        self._process.stdin.write(f"{config}\t{log}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    @staticmethod
    def kill(pid: int) -> None:
        """SIGKILL, and wait until the process is gone."""
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.002)
        raise AssertionError(f"process {pid} does not end")

    @staticmethod
    def is_alive(pid: int) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def _serve() -> None:
    import eth_account  # noqa: F401 - imported for the bridges to come, like the rest

    from energy_grid.logs import configure_logs  # noqa: F401
    from meter_bridge.cli import cli

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps
    for line in sys.stdin:
        config, log = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), 2)
            cli(["run", "--config", config])
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    _serve()
