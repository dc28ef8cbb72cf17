"""Up, down and kill: what a person does to a live day."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from rich.console import Console

from energy_grid.artifacts import Artifacts
from energy_grid.deployments import PROJECT_ROOT
from simulation.live.errors import LiveError
from simulation.live.plan import LivePlan
from simulation.live.processes import Process
from simulation.live.supervisor import STOP_SECONDS, Phase, end_processes, phase_of, pid_file
from simulation.live.view import read_status
from simulation.market_day.anvil import find_anvil

READY_TIMEOUT_SECONDS: Final = 600.0
_POLL_SECONDS: Final = 0.5


def up(plan: LivePlan, console: Console) -> LivePlan:
    """Start a live day and wait for its clock to run; one that runs already is left alone.

    A day whose supervisor died goes on with what is on disk. What a day left that was ended
    properly is cleared away.

    Raises:
        LiveError: it does not come up.
        AnvilError: there is no Anvil.
        ArtifactError: the contracts are not compiled.
    """
    find_anvil()
    Artifacts.load()
    folder = plan.folder
    supervisor = Process.read(pid_file(plan, "supervisor"))
    if supervisor is not None:
        plan = LivePlan.load(folder)
        console.print("going on with the day that is there")
    else:
        if folder.exists():
            shutil.rmtree(folder)
        plan.save()
    if supervisor is None or not supervisor.is_alive:
        supervisor = _start_supervisor(plan)
    with console.status("starting") as shown:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while phase_of(plan) is not Phase.OPEN:
            shown.update(_progress(plan))
            if not supervisor.is_alive:
                raise LiveError(
                    "the supervisor stopped",
                    found=_tail(plan.folder / "logs" / "supervisor.log"),
                    remedy=f"See {plan.folder / 'logs'}",
                )
            if time.monotonic() > deadline:
                raise LiveError(
                    "the live day does not come up",
                    expected=f"everything ready within {READY_TIMEOUT_SECONDS:g} s",
                    found=_progress(plan),
                    remedy=f"See {plan.folder / 'logs'}; `make down` clears up",
                )
            time.sleep(_POLL_SECONDS)
    return plan


def down(folder: Path) -> int:
    """End all processes of a live day, whoever has started them. Returns how many ran."""
    try:
        plan = LivePlan.load(folder)
    except LiveError:
        return 0
    names = [file.stem for file in sorted((folder / "pids").glob("*.pid"))]
    running = [Process.read(pid_file(plan, name)) for name in names]
    count = sum(process is not None and process.is_alive for process in running)
    supervisor = Process.read(pid_file(plan, "supervisor"))
    if supervisor is not None:
        supervisor.send(signal.SIGTERM)
        supervisor.wait_for_end(3 * STOP_SECONDS)
    # Without a supervisor, or with one that hangs, what is left is ended by hand.
    end_processes(plan, names)
    for name in names:
        pid_file(plan, name).unlink(missing_ok=True)
    (folder / "status.json").unlink(missing_ok=True)
    return count


def kill(plan: LivePlan, name: str) -> Process:
    """Kill one process as a power cut would.

    Raises:
        LiveError: there is no such process.
    """
    process = Process.read(pid_file(plan, name))
    if process is None or not process.is_alive:
        known = sorted(file.stem for file in (plan.folder / "pids").glob("*.pid"))
        raise LiveError(f"no process {name!r} runs", expected=", ".join(known) or "a live day")
    process.send(signal.SIGKILL)
    return process


def _start_supervisor(plan: LivePlan) -> Process:
    logs = plan.folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "simulation.live", "supervise", "--folder", str(plan.folder)]
    with (logs / "supervisor.log").open("ab") as log:
        child = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    process = Process.of(child.pid)
    if process is None:
        raise LiveError("the supervisor stopped at once", found=_tail(logs / "supervisor.log"))
    process.write(pid_file(plan, "supervisor"))
    return process


def _progress(plan: LivePlan) -> str:
    status = read_status(plan.folder)
    if status is None:
        return "starting the supervisor"
    processes = status["processes"]
    if not processes:
        return "simulating the grid"
    waiting = [name for name, one in processes.items() if not one["ready"]]
    phase = phase_of(plan)
    if phase is Phase.SETTING_UP:
        return "deploying and enrolling"
    return f"{phase.value}: waiting for {', '.join(waiting) or 'the clock'}"


def _tail(file: Path) -> str:
    if not file.exists():
        return "no log"
    return file.read_text(errors="replace")[-600:].strip() or "an empty log"
