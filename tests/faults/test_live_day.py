"""The local live day as processes: killed anywhere, nothing is lost.

make up, make day-live, make down
└── supervisor killed and started again, a bridge and the chain killed: the audit finds nothing
"""

from __future__ import annotations

import signal

import pytest
from rich.console import Console

from simulation.live.control import down, up
from simulation.live.day import run_day
from simulation.live.plan import LivePlan, free_base_port
from simulation.live.processes import Process
from simulation.live.supervisor import pid_file

SLOTS = 3


@pytest.mark.faults_long
@pytest.mark.timeout(1_200)
def test_live_day__supervisor_bridge_and_chain_killed__nothing_is_lost(tmp_path):
    folder = tmp_path.resolve() / "live"
    base_port = free_base_port(folder)
    plan = LivePlan(folder, homes=6, first=40, count=SLOTS, base_port=base_port)
    console = Console(quiet=True)
    try:
        up(plan, console)
        supervisor = Process.read(pid_file(plan, "supervisor"))
        twin = Process.read(pid_file(plan, "twin"))
        supervisor.send(signal.SIGKILL)
        assert supervisor.wait_for_end(10)

        report = run_day(plan, console, kills=("bridge-1", "chain"))

        assert Process.read(pid_file(plan, "twin")) == twin  # taken over, not started again
        names = [file.stem for file in (plan.folder / "pids").glob("*.pid")]
        processes = [Process.read(pid_file(plan, name)) for name in names]
    finally:
        down(plan.folder)

    assert [one["name"] for one in report["killed"]] == ["bridge-1", "chain"]
    assert report["good"], [check for check in report["checks"] if not check["good"]]
    assert report["auctions"] > 0
    assert report["oracles"]["rounds"] > 0
    assert (
        len(processes) == 17
    )  # chain, supervisor, twin, agents, bridges, keepers, reporters, collector
    assert not any(process.is_alive for process in processes)
