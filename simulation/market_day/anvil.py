"""A local chain of the day's own: Anvil on a free port, its clock set to the simulated date."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final

from energy_grid.rpc import NodeUnreachableError, Rpc
from simulation.market_day.errors import AnvilError

CHAIN_ID: Final = 31_337
HARDFORK: Final = "osaka"
"""The newest that Anvil knows: gas is measured by its rules."""

_HOST: Final = "127.0.0.1"
_START_TIMEOUT_SECONDS: Final = 30.0
_STOP_TIMEOUT_SECONDS: Final = 10.0
_BLOCK_GAS_LIMIT: Final = 60_000_000
_STATES_KEPT: Final = 64


class Anvil:
    """One Anvil process; stops with the `with` block.

    Args:
        genesis_time: unix time of the first block.
        log_file: where Anvil's own output goes.
        port: TCP port; 0 lets the system choose a free one.
    """

    def __init__(self, genesis_time: int, log_file: Path, port: int = 0) -> None:
        self.port = _claim_port(port)
        self._genesis_time = genesis_time
        self._log_file = log_file
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL of the node."""
        return f"http://{_HOST}:{self.port}"

    def __enter__(self) -> Anvil:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it answers.

        Raises:
            AnvilError: there is no Anvil, or it did not come up.
        """
        command = [
            find_anvil(),
            *("--host", _HOST, "--port", str(self.port)),
            *("--chain-id", str(CHAIN_ID), "--hardfork", HARDFORK),
            *("--timestamp", str(self._genesis_time)),
            *("--gas-limit", str(_BLOCK_GAS_LIMIT)),
            # Order of arrival decides within a block, so that a seed gives one order of trades.
            *("--order", "fifo", "--accounts", "1"),
            # State of old blocks slows a long chain down; the newest few stay, since a call on
            # `latest` may be overtaken by a block.
            *("--prune-history", str(_STATES_KEPT), "--silent"),
        ]
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        with Rpc(self.url, timeout_seconds=5) as rpc:
            while True:
                if self._process.poll() is not None:
                    raise AnvilError(
                        "Anvil stopped at once",
                        found=self._log_file.read_text(errors="replace").strip()[-300:],
                        remedy=f"Its output is in {self._log_file}",
                    )
                try:
                    rpc.require_chain_id(CHAIN_ID)
                    return
                except NodeUnreachableError as error:
                    if time.monotonic() > deadline:
                        self.stop()
                        raise AnvilError(
                            f"Anvil does not answer on port {self.port}",
                            expected=f"an answer within {_START_TIMEOUT_SECONDS:g} s",
                        ) from error
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop the process."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def wait(self) -> None:
        """Wait until somebody else ends the process."""
        if self._process is not None:
            self._process.wait()


def find_anvil() -> str:
    """Path of Anvil: beside this Python, or on PATH.

    Raises:
        AnvilError: it is nowhere.
    """
    beside = Path(sys.executable).parent / "anvil"
    if beside.is_file() and os.access(beside, os.X_OK):
        return str(beside)
    found = shutil.which("anvil")
    if found is None:
        raise AnvilError(
            "there is no Anvil",
            expected=f"{beside}, or `anvil` on PATH",
            remedy="Run `make setup`, which brings it from npm",
        )
    return found


def _claim_port(port: int) -> int:
    """The port asked for if it is free, or a free one.

    Raises:
        AnvilError: another program listens on the port.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise AnvilError(
                f"port {port} is taken",
                expected="a free TCP port for Anvil",
                found=error.strerror,
                remedy="Stop the program that listens there, or leave --port out to take any free",
            ) from error
        return int(probe.getsockname()[1])
