"""The real trading engine, started as its own process and told round by round when to look."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from eth_account.signers.local import LocalAccount

from energy_grid.deployments import PROJECT_ROOT
from energy_grid.settings import PREFIX
from energy_grid.signed_orders import SignedOrder, pack_batch
from simulation.market_day.chain import Chain
from simulation.market_day.errors import EngineProcessError
from simulation.market_day.keys import write_keystore

ROUND_TIMEOUT_SECONDS: Final = 300.0
"""Generous: a slow machine makes the day slow, not wrong."""

_STOP_TIMEOUT_SECONDS: Final = 20.0
_PASSWORD: Final = "simulated"  # noqa: S105 - guards a key that the seed reveals anyway
_LOG_TAIL_CHARACTERS: Final = 600
_READ_BYTES: Final = 65_536


@dataclass
class EngineProcess:
    """`python -m oracles.engine step`: one line in is one round, one line out is what it did.

    Attributes:
        chain: the market's chain.
        account: whose key the engine has.
        deployments_folder: where the addresses of the contracts are.
        folder: for keystore, store and log.
    """

    chain: Chain
    account: LocalAccount
    deployments_folder: Path
    folder: Path
    _process: subprocess.Popen[bytes] | None = None
    _waiting: bytes = b""

    def __enter__(self) -> EngineProcess:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log_file(self) -> Path:
        """What the engine has to say."""
        return self.folder / "engine.log"

    def start(self) -> None:
        """Write its key and start it; it waits for the first round."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "oracles.engine", "step"],
                cwd=PROJECT_ROOT,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def stop(self) -> None:
        """End its input and wait."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def work(self, signed: Sequence[SignedOrder] = ()) -> None:
        """One round at the time of the newest block; returns when all of it is on chain.

        Args:
            signed: curves that their owners signed, to be relayed; one account's stand together.

        Raises:
            EngineProcessError: the engine stopped, did not answer, or could not do all of it.
        """
        request = {"signed_orders": pack_batch(signed).hex()}
        answer = self._ask(json.dumps(request).encode() + b"\n")
        try:
            content = json.loads(answer)
            wrong = [*content["refused"], *content["problems"]]
            failed = int(content["failed"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._failure(f"the trading engine answered {answer!r}") from error
        if wrong or failed:
            raise self._failure(f"the trading engine could not do everything: {answer.decode()}")

    def _ask(self, line: bytes) -> bytes:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise self._failure("the trading engine is not running")
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("the trading engine stopped") from None
        deadline = time.monotonic() + ROUND_TIMEOUT_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._waiting:
                if not selector.select(deadline - time.monotonic()):
                    raise self._failure(
                        f"the trading engine did not answer within {ROUND_TIMEOUT_SECONDS:g} s"
                    )
                received = process.stdout.read1(_READ_BYTES)  # type: ignore[attr-defined]
                if not received:
                    raise self._failure(f"the trading engine stopped (exit {process.wait()})")
                self._waiting += received
        answer, _, self._waiting = self._waiting.partition(b"\n")
        return answer

    def _environment(self) -> dict[str, str]:
        """Its settings; those of the user are for other chains."""
        keystore, password = self.folder / "key.json", self.folder / "password"
        password.write_text(_PASSWORD, encoding="utf-8")
        write_keystore(self.account, _PASSWORD, keystore)
        settings = {
            "RPC_URL": self.chain.rpc.url,
            "CHAIN_ID": self.chain.chain_id,
            "DEPLOYMENTS_FOLDER": self.deployments_folder.resolve(),
            "LOG_LEVEL": "warning",
            "ENGINE_KEYSTORE": keystore.resolve(),
            "ENGINE_PASSWORD_FILE": password.resolve(),
            "ENGINE_STORE": (self.folder / "engine.sqlite").resolve(),
            "ENGINE_LOCK_FOLDER": (self.folder / "locks").resolve(),
            "ENGINE_CONFIRMATIONS": 0,
            "ENGINE_RELAY_WAIT_SECONDS": 0,
            # How long a second attempt waits goes by this machine's clock: none may depend on it.
            "ENGINE_RETRY_SECONDS": 600,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        return kept | {f"{PREFIX}{name}": str(value) for name, value in settings.items()}

    def _failure(self, problem: str) -> EngineProcessError:
        tail = ""
        if self.log_file.exists():
            tail = self.log_file.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:].strip()
        return EngineProcessError(
            problem, found=tail or "an empty log", remedy=f"See {self.log_file}"
        )
