"""Starts the processes of a live day, and starts each again that dies; never tells one what to do.

A process is known by its pid file, so a supervisor that was killed itself takes over what is still
running when it is started again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import requests
import structlog

from energy_grid.deployments import PROJECT_ROOT
from energy_grid.errors import EnergyGridError
from energy_grid.rpc import Rpc
from simulation.live.chain import keep_good_state, let_go, mend_state, set_clock
from simulation.live.errors import LiveError
from simulation.live.files import write_atomically
from simulation.live.following import Stop
from simulation.live.plan import LivePlan, is_free
from simulation.live.processes import Process
from simulation.live.services import CHAIN, Service, environment_of, services_of
from simulation.live.world import build_world

STOP_SECONDS: Final = 15.0
_TICK_SECONDS: Final = 0.25
_STATUS_SECONDS: Final = 1.0
_READY_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 1.0
_CHAIN_SECONDS: Final = 30.0
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 10.0
_STEADY_SECONDS: Final = 20.0
_MOST_FAILURES: Final = 5
_LOG_BYTES: Final = 16_000_000

_log = structlog.get_logger(__name__)


class Phase(StrEnum):
    """How far a live day has got."""

    SETTING_UP = "setting up"
    """Contracts are deployed and members enrolled."""
    GATHERING = "gathering"
    """All is on chain; processes get ready, the clock stands."""
    OPEN = "open"
    """The clock runs."""


@dataclass
class _Running:
    service: Service
    process: Process | None = None
    child: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    not_before: float = 0.0
    pause: float = _FIRST_PAUSE_SECONDS
    starts: int = 0
    is_ready: bool = False
    asked_at: float = 0.0
    detail: str = ""
    cpu_before: float = 0.0
    cpu_now: float = 0.0


@dataclass
class Supervisor:
    """All processes of one live day.

    Attributes:
        plan: the live day.
    """

    plan: LivePlan
    _running: dict[str, _Running] = field(default_factory=dict)
    _set_up: subprocess.Popen[bytes] | None = None
    _failures: int = 0
    _status_at: float = 0.0

    def run(self) -> None:
        """Work until SIGTERM, then end all processes, the last started first.

        Raises:
            SimulationError: the plan's day cannot be simulated.
            LiveError: contracts cannot be deployed, or members not enrolled.
        """
        stop = Stop()
        self._pids.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        itself = Process.of(os.getpid())
        if itself is not None:
            itself.write(pid_file(self.plan, "supervisor"))
        self._publish(force=True)
        world = build_world(self.plan)
        for service in services_of(self.plan, world):
            running = self._running[service.name] = _Running(service)
            running.process = Process.read(pid_file(self.plan, service.name))
            if running.process is not None and running.process.is_alive:
                running.started_at = time.monotonic()
                _log.info("taken over", process=service.name, pid=running.process.pid)
            else:
                running.process = None
        try:
            while not stop:
                self._step()
                stop.wait(_TICK_SECONDS)
        finally:
            self._end()

    # --- phases -----------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """How far the day has got."""
        return phase_of(self.plan)

    def _step(self) -> None:
        chain = self._running[CHAIN]
        self._tend(chain)
        phase = self.phase
        if chain.is_ready:
            if phase is Phase.SETTING_UP:
                self._run_set_up()
            else:
                for running in self._running.values():
                    if running is not chain:
                        self._tend(running)
                if phase is Phase.GATHERING and self._all_ready():
                    self._open()
            keep_good_state(self.plan)
        self._publish()

    def _run_set_up(self) -> None:
        """Deploy and enrol in a process of its own, again until it has come through."""
        if self._set_up is None:
            left = Process.read(pid_file(self.plan, "set-up"))
            if left is not None and left.is_alive:
                return  # of a supervisor that was killed: one at a time
            command = [sys.executable, "-m", "simulation.live", "set-up"]
            command += ["--folder", str(self.plan.folder)]
            self._set_up = self._spawn(Service("set-up", tuple(command)))
            return
        code = self._set_up.poll()
        if code is None:
            return
        self._set_up = None
        pid_file(self.plan, "set-up").unlink(missing_ok=True)
        if code:
            self._failures += 1
            if self._failures >= _MOST_FAILURES:
                raise LiveError(
                    f"setting up failed {self._failures} times",
                    remedy=f"See {self._logs / 'set-up.log'}",
                )
            _log.warning("setting up failed, once more", exit=code)
            time.sleep(_FIRST_PAUSE_SECONDS)
            return
        self._enter(Phase.GATHERING)

    def _all_ready(self) -> bool:
        return all(running.is_ready for running in self._running.values())

    def _open(self) -> None:
        try:
            self._enter(Phase.OPEN)  # first: a chain killed here must come back with its clock on
            let_go(self.plan)
            _log.info("the clock runs")
        except EnergyGridError as error:
            _log.warning("clock not set", reason=str(error))
            self._enter(Phase.GATHERING)

    def _enter(self, phase: Phase) -> None:
        write_atomically(self.plan.folder / "phase", phase.value)
        self._publish(force=True)

    # --- processes --------------------------------------------------------------------------------

    def _tend(self, running: _Running) -> None:
        """Start it, notice that it died, or ask whether it is ready."""
        now = time.monotonic()
        process = running.process
        if running.child is not None:
            running.child.poll()  # so that a dead child does not stay a zombie
        if process is not None and process.is_alive:
            running.cpu_now = process.cpu_seconds
            if now - running.started_at > _STEADY_SECONDS:
                running.pause = _FIRST_PAUSE_SECONDS
            if now - running.asked_at > (_READY_SECONDS if running.is_ready else _STATUS_SECONDS):
                running.asked_at = now
                running.is_ready, running.detail = self._ask(running)
            return
        if process is not None:
            running.cpu_before += running.cpu_now
            running.cpu_now = 0.0
            running.process, running.child, running.is_ready = None, None, False
            running.not_before = now + running.pause
            running.pause = min(2 * running.pause, _LONGEST_PAUSE_SECONDS)
            running.detail = "died"
            _log.warning("process died", process=running.service.name, pid=process.pid)
        if now >= running.not_before:
            self._start(running)

    def _start(self, running: _Running) -> None:
        name = running.service.name
        if name == CHAIN:
            if not is_free(self.plan.base_port):
                running.detail = f"port {self.plan.base_port} is taken by another program"
                _log.error("chain not started", reason=running.detail)
                running.not_before = time.monotonic() + running.pause
                return
            mend_state(self.plan)
            (self.plan.folder / "chain").mkdir(parents=True, exist_ok=True)
        running.child = self._spawn(running.service)
        running.process = Process.read(pid_file(self.plan, name))
        running.starts += 1
        running.started_at = running.asked_at = time.monotonic()
        running.detail = "starting"
        if name == CHAIN:
            running.is_ready = self._wind_up(running)

    def _wind_up(self, running: _Running) -> bool:
        """Wait for a chain that was started, and set its clock."""
        deadline = time.monotonic() + _CHAIN_SECONDS
        while time.monotonic() < deadline and running.process and running.process.is_alive:
            try:
                set_clock(self.plan, is_open=self.phase is Phase.OPEN)
                return True
            except EnergyGridError:
                time.sleep(_TICK_SECONDS)
                if running.child is not None:
                    running.child.poll()
        if running.process is not None:
            running.process.end(STOP_SECONDS)
        return False

    def _spawn(self, service: Service) -> subprocess.Popen[bytes]:
        log_file = self._logs / f"{service.name}.log"
        if log_file.exists() and log_file.stat().st_size > _LOG_BYTES:
            log_file.replace(log_file.with_suffix(".old.log"))
        with log_file.open("ab") as log:
            child = subprocess.Popen(
                list(service.command),
                cwd=PROJECT_ROOT,
                env=environment_of(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process.of(child.pid)
        if process is not None:
            process.write(pid_file(self.plan, service.name))
        _log.info("started", process=service.name, pid=child.pid)
        return child

    def _ask(self, running: _Running) -> tuple[bool, str]:
        service = running.service
        try:
            if service.name == CHAIN:
                with Rpc(self.plan.rpc_url, timeout_seconds=_ANSWER_SECONDS) as rpc:
                    return True, f"block {rpc.block_number()}"
            if service.ready_url is None:
                return True, "running"
            answer = requests.get(service.ready_url, timeout=_ANSWER_SECONDS)
            parts = answer.json()["components"]
            wrong = [f"{part['name']}: {part['detail']}" for part in parts if not part["good"]]
            said = "; ".join(wrong) or (parts[0]["detail"] if parts else "")
            return answer.status_code == 200, said[:200]
        except (EnergyGridError, requests.RequestException, ValueError, KeyError) as error:
            return False, f"no answer ({type(error).__name__})"

    def _end(self) -> None:
        _log.info("ending")
        if self._set_up is not None:
            self._set_up.terminate()
            self._set_up.wait(STOP_SECONDS)
        end_processes(self.plan, [*self._running])
        for name in (*self._running, "set-up", "supervisor"):
            pid_file(self.plan, name).unlink(missing_ok=True)
        (self.plan.folder / "status.json").unlink(missing_ok=True)
        _log.info("ended")

    # --- what others see --------------------------------------------------------------------------

    @property
    def _pids(self) -> Path:
        return self.plan.folder / "pids"

    @property
    def _logs(self) -> Path:
        return self.plan.folder / "logs"

    def _publish(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._status_at < _STATUS_SECONDS:
            return
        self._status_at = now
        itself = Process.of(os.getpid())
        content = {
            "phase": self.phase.value,
            "supervisor_cpu_seconds": 0.0 if itself is None else round(itself.cpu_seconds, 2),
            "processes": {name: _shown(running) for name, running in self._running.items()},
        }
        write_atomically(self.plan.folder / "status.json", json.dumps(content))


def _shown(running: _Running) -> dict[str, Any]:
    process = running.process
    return {
        "pid": None if process is None else process.pid,
        "ready": running.is_ready,
        "starts": running.starts,
        "detail": running.detail,
        "cpu_seconds": round(running.cpu_before + running.cpu_now, 2),
        "memory_bytes": 0 if process is None else process.memory_bytes,
    }


def pid_file(plan: LivePlan, name: str) -> Path:
    """Pid file of a process."""
    return plan.folder / "pids" / f"{name}.pid"


def phase_of(plan: LivePlan) -> Phase:
    """How far a live day has got."""
    try:
        return Phase((plan.folder / "phase").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Phase.SETTING_UP


def end_processes(plan: LivePlan, names: Sequence[str]) -> int:
    """End processes by their pid files, the chain last. Returns how many were running."""
    found = [
        process
        for name in reversed(names)
        if (process := Process.read(pid_file(plan, name))) is not None and process.is_alive
    ]
    chain = Process.read(pid_file(plan, CHAIN))
    others = [process for process in found if process != chain]
    for process in others:
        with contextlib.suppress(OSError):
            process.send(signal.SIGTERM)
    for process in others:
        process.end(STOP_SECONDS)
    if chain is not None and chain in found:
        chain.end(STOP_SECONDS)
    return len(found)
