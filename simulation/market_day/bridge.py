"""The real meter bridge, started as its own process and fed through its own inputs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from eth_account.signers.local import LocalAccount

from energy_grid.deployments import PROJECT_ROOT
from energy_grid.eip712 import MeterKind
from energy_grid.units import SECONDS_PER_DAY
from simulation.market_day.chain import Chain
from simulation.market_day.errors import BridgeProcessError
from simulation.market_day.fleet import FleetMeter
from simulation.market_day.keys import write_keystore
from simulation.meters.adapters import MeterAdapters

READINGS_TIMEOUT_SECONDS: Final = 300.0
"""Generous: a slow machine makes the day slow, not wrong."""

_CONNECT_TIMEOUT_SECONDS: Final = 180.0
_PRINT_AGAIN_SECONDS: Final = 10.0
_STOP_TIMEOUT_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.01
_CYCLE_SECONDS: Final = 0.02
_BATCH_WINDOW_SECONDS: Final = 600.0
"""Longer than any boundary takes: a batch leaves when it is full, so that its size is certain."""
_MAX_BATCH: Final = 200
_DAY_MODE_EVERY: Final = 4
_PASSWORD: Final = "simulated"  # noqa: S105 - guards keys that the seed reveals anyway
_LOG_TAIL_CHARACTERS: Final = 600


@dataclass
class BridgeProcess:
    """`python -m meter_bridge run` over the virtual meters' adapters.

    Most meters send every reading at once; every fourth home takes one signature for the whole day.

    Attributes:
        chain: where readings arrive.
        fleet: the meters.
        adapters: their ports.
        relayer: account that pays for the readings.
        deployment_file: addresses of the contracts.
        folder: for configuration, keystores, store and log.
    """

    chain: Chain
    fleet: Sequence[FleetMeter]
    adapters: MeterAdapters
    relayer: LocalAccount
    deployment_file: Path
    folder: Path
    _process: subprocess.Popen[bytes] | None = None
    _next_block: int = 0
    _arrived: dict[int, int] = field(default_factory=dict)

    def __enter__(self) -> BridgeProcess:
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
        """What the bridge has to say."""
        return self.folder / "bridge.log"

    def start(self) -> None:
        """Write its configuration, start it, wait until it reads every meter."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "bridge.toml"
        config.write_text(self._configuration(), encoding="utf-8")
        self._next_block = self.chain.rpc.block_number() + 1
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "meter_bridge", "run", "--config", str(config)],
                cwd=PROJECT_ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _CONNECT_TIMEOUT_SECONDS
        while self.adapters.without_listener():
            self._require_running()
            if time.monotonic() > deadline:
                raise self._failure("the meter bridge does not read all meters")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Ask it to finish and wait."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def read_boundary(self, boundary: int) -> None:
        """Let every meter print its telegrams around a boundary; wait for the readings on chain.

        The chain's clock must stand at the boundary. A meter prints every ten seconds: the first
        telegram is too early to count, the second is at the boundary itself, and is printed again
        while the simulated time stands still and the bridge has not answered.

        Raises:
            BridgeProcessError: a reading did not arrive, or the bridge stopped.
        """
        self._print(boundary - 10)
        self._print(boundary)
        printed_at = time.monotonic()
        expected = [meter for meter in self.fleet if not self.takes_days(meter)]
        if boundary % SECONDS_PER_DAY == 0:
            expected = list(self.fleet)
        deadline = time.monotonic() + READINGS_TIMEOUT_SECONDS
        while missing := [m for m in expected if self._arrived.get(m.meter_id, 0) < boundary]:
            self._require_running()
            if time.monotonic() > deadline:
                names = ", ".join(meter.virtual.name for meter in missing[:3])
                raise self._failure(
                    f"{len(missing)} readings of {boundary} did not arrive ({names} ...)"
                )
            if time.monotonic() > printed_at + _PRINT_AGAIN_SECONDS:
                self._print(boundary)
                printed_at = time.monotonic()
            if not self._take_events():
                time.sleep(_POLL_SECONDS)

    def _print(self, unix: int) -> None:
        for meter in self.fleet:
            self.adapters.send(meter.virtual.name, meter.virtual.frame(unix))

    def takes_days(self, meter: FleetMeter) -> bool:
        """Whether a meter's readings go out once a day under one signature."""
        return meter.kind is MeterKind.CONNECTION and meter.home.number % _DAY_MODE_EVERY == 0

    def _take_events(self) -> bool:
        """Note which meters have a reading for which boundary; whether there was a new block."""
        newest = self.chain.rpc.block_number()
        if newest < self._next_block:
            return False
        contract = self.chain.contracts.smart_meter
        for event in contract.events(
            "ReadingAccepted", from_block=self._next_block, to_block=newest
        ):
            self._arrived[event.meterId] = int(event.timestamp)
        for event in contract.events(
            "MeterDayAccepted", from_block=self._next_block, to_block=newest
        ):
            self._arrived[event.meterId] = int(event.dayStart) + SECONDS_PER_DAY
        self._next_block = newest + 1
        return True

    def _configuration(self) -> str:
        keys = self.folder / "keys"
        keys.mkdir(exist_ok=True)
        (keys / "password").write_text(_PASSWORD, encoding="utf-8")
        write_keystore(self.relayer, _PASSWORD, keys / "relayer.json")
        singles = sum(not self.takes_days(meter) for meter in self.fleet)
        sections: list[tuple[str, dict[str, Any]]] = [
            (
                "[chain]",
                {
                    "rpc_url": self.chain.rpc.url,
                    "chain_id": self.chain.chain_id,
                    "deployment": str(self.deployment_file.resolve()),
                    "confirmations": 0,
                },
            ),
            (
                "[relayer]",
                {
                    "keystore": "keys/relayer.json",
                    "password_file": "keys/password",
                    "lock_folder": "locks",
                },
            ),
            ("[store]", {"path": "bridge.sqlite"}),
            # The simulated day is long past: only the chain knows what time it is there.
            ("[clock]", {"source": "chain", "check_skew": False}),
            (
                "[submission]",
                {
                    # One transaction takes all readings of a boundary.
                    "batch_size": min(singles, _MAX_BATCH),
                    "batch_window_seconds": _BATCH_WINDOW_SECONDS,
                    "cycle_seconds": _CYCLE_SECONDS,
                },
            ),
        ]
        sections += [("[[meter]]", self._meter_section(meter, keys)) for meter in self.fleet]
        # A JSON string, number or boolean is a TOML one too.
        return "\n\n".join(
            "\n".join([head, *(f"{name} = {json.dumps(value)}" for name, value in values.items())])
            for head, values in sections
        )

    def _meter_section(self, meter: FleetMeter, keys: Path) -> dict[str, Any]:
        keystore = keys / f"meter-{meter.meter_id}.json"
        write_keystore(meter.device, _PASSWORD, keystore)
        host, port = self.adapters.address(meter.virtual.name)
        section: dict[str, Any] = {
            "id": meter.meter_id,
            "keystore": f"keys/{keystore.name}",
            "password_file": "keys/password",
            "source": f"tcp://{host}:{port}",
            "dialect": meter.dialect,
            "mode": "day" if self.takes_days(meter) else "single",
        }
        if meter.encryption_key is not None:
            key_file = keys / f"meter-{meter.meter_id}.port-key"
            key_file.write_text(meter.encryption_key.hex(), encoding="utf-8")
            key_file.chmod(0o600)
            section["encryption_key_file"] = f"keys/{key_file.name}"
        return section

    def _require_running(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            raise self._failure(f"the meter bridge stopped (exit {self._process.returncode})")

    def _failure(self, problem: str) -> BridgeProcessError:
        tail = ""
        if self.log_file.exists():
            tail = self.log_file.read_text(errors="replace")[-_LOG_TAIL_CHARACTERS:].strip()
        return BridgeProcessError(
            problem, found=tail or "an empty log", remedy=f"See {self.log_file}"
        )
