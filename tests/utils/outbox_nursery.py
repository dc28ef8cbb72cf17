"""Starts senders as processes by forking, to be killed: a fork is a start without the second that
Python needs to load the program.

Run as a program it reads one JSON line a start and answers with the process id. The forked process
plans its effects, then reconciles and sends until it dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount


class Nursery:
    """The process that forks senders."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.utils.outbox_nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )

    def fork(self, settings: dict[str, Any]) -> int:
        """Start a sender; its process id."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(settings) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End the process that forks, and what it left."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


class Brood:
    """The senders of one outbox, one after the other.

    Args:
        nursery: starts them.
        folder: for the outbox, the locks and the log.
        url: the node.
        account: the key.
        effects: the contract that counts.
        keys: effects to make.
        confirmations: until a row is final.
    """

    def __init__(
        self,
        nursery: Nursery,
        folder: Path,
        url: str,
        account: LocalAccount,
        effects: str,
        *,
        keys: int,
        confirmations: int,
    ) -> None:
        self.outbox = folder / "outbox.sqlite"
        self._nursery = nursery
        self._log = folder / "victims.log"
        self._settings = {
            "outbox": str(self.outbox),
            "locks": str(folder / "locks"),
            "log": str(self._log),
            "url": url,
            "key": account.key.hex(),
            "effects": effects,
            "planned": keys,
            "confirmations": confirmations,
            "edge": "",
            "occurrence": 0,
        }

    def start(self, **changes: object) -> int:
        """Start a sender; its process id."""
        return self._nursery.fork({**self._settings, **changes})

    def log(self) -> str:
        """What the senders wrote."""
        return self._log.read_text()[-4_000:] if self._log.exists() else ""

    @staticmethod
    def is_alive(pid: int) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False

    @classmethod
    def kill(cls, pid: int) -> None:
        """SIGKILL, and wait until the process is gone."""
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while cls.is_alive(pid):
            assert time.monotonic() < deadline, f"process {pid} does not end"
            time.sleep(0.002)


def _serve() -> None:
    from energy_grid.outbox import sender  # noqa: F401 - loaded for the senders to come
    from tests.utils.effects import effects_abi

    abi = effects_abi()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system reaps
    children = []
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            settings = json.loads(line)
            log = os.open(settings["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            try:
                _live(settings, abi)
            finally:
                os._exit(1)
        children.append(pid)
        print(pid, flush=True)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _live(settings: dict[str, Any], abi: Any) -> None:
    import traceback

    from eth_account import Account

    from energy_grid.errors import RetryableError
    from energy_grid.outbox import FeePolicy, Outbox, Sender
    from energy_grid.rpc import Rpc

    left = settings["occurrence"]

    def on_edge(name: str) -> None:
        nonlocal left
        if name == settings["edge"]:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        outbox = Outbox(settings["outbox"])
        for key in range(settings["planned"]):
            outbox.enqueue(
                f"effect/{key}", settings["effects"], abi.encode("make", key), gas=100_000
            )
        account = Account.from_key(settings["key"])
        sender = Sender(
            outbox,
            Rpc(settings["url"]),
            account,
            confirmations=settings["confirmations"],
            fees=FeePolicy(priority_fee_wei=10**9),
            lock_folder=Path(settings["locks"]),
            on_edge=on_edge,
        )
        while True:
            try:
                sender.run_once()
            except RetryableError as error:
                print(f"retry: {error}", flush=True)
            time.sleep(0.01)
    except BaseException:
        traceback.print_exc()
        raise


if __name__ == "__main__":
    _serve()
