"""A local Anvil on a free port that always dies with its test."""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from energy_grid.errors import RetryableError
from energy_grid.rpc import Rpc

DEFAULT_CHAIN_ID = 31337
START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 20.0
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """A TCP port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def anvil_program() -> str:
    """Path of Anvil: the environment's, else that of node_modules."""
    beside_python = Path(sys.executable).with_name("anvil")
    found = str(beside_python) if beside_python.exists() else shutil.which("anvil")
    if found is None:
        raise FileNotFoundError("anvil is neither in .venv/bin nor on PATH: run `make setup`")
    return found


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Anvil:
    """A running Anvil.

    Args:
        port: port to listen on; None picks a free one.
        chain_id: id of the chain.
        block_time_seconds: mine by the clock; None mines with each transaction.
        base_fee_wei: base fee of the first block; it then moves by the rules of EIP-1559.
        free_gas: no base fee and no minimum price; ignored when `base_fee_wei` is given.
        dump_state: file to write the state to when stopped.
        load_state: file to start from.
        fork_url: node to fork from.
        arguments: further arguments.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        chain_id: int = DEFAULT_CHAIN_ID,
        block_time_seconds: int | None = None,
        base_fee_wei: int | None = None,
        free_gas: bool = True,
        dump_state: Path | None = None,
        load_state: Path | None = None,
        fork_url: str | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.port = port or free_port()
        self.chain_id = chain_id
        self.url = f"http://127.0.0.1:{self.port}"
        command = [anvil_program(), "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--chain-id", str(chain_id)]
        if block_time_seconds is not None:
            command += ["--block-time", str(block_time_seconds)]
        if base_fee_wei is not None:
            command += ["--block-base-fee-per-gas", str(base_fee_wei)]
        elif free_gas:
            command += ["--block-base-fee-per-gas", "0"]
            command += ["--disable-min-priority-fee"]
        if dump_state is not None:
            command += ["--dump-state", str(dump_state)]
        if load_state is not None:
            command += ["--load-state", str(load_state)]
        if fork_url is not None:
            command += ["--fork-url", fork_url]
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as Anvil
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent,
        )
        self.rpc = Rpc(self.url)
        try:
            self._await_answer()
        except BaseException:
            self.kill()
            raise

    def _await_answer(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"anvil ended with {self.process.returncode}:\n{self.log()}")
            with contextlib.suppress(RetryableError):
                self.rpc.require_chain_id(self.chain_id)
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"anvil did not answer:\n{self.log()}")
            time.sleep(0.05)

    def log(self) -> str:
        """What it has printed."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def stop(self) -> None:
        """End it in order, so that it writes its state."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.rpc.close()

    def __enter__(self) -> Anvil:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # --- Shortcuts --------------------------------------------------------------------------------

    def mine(self, blocks: int = 1) -> None:
        """Mine blocks at once."""
        self.rpc.call("anvil_mine", hex(blocks))

    def snapshot(self) -> str:
        """Remember the state; a snapshot can be restored once."""
        return str(self.rpc.call("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Go back to a snapshot."""
        assert self.rpc.call("evm_revert", snapshot), f"snapshot {snapshot} is gone"

    def advance_to(self, unix: int) -> None:
        """Mine a block with the given time."""
        self.rpc.call("evm_setNextBlockTimestamp", unix)
        self.mine()
