"""Runs a live day from up to audit; it only looks, and kills when it is told to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from energy_grid.errors import RetryableError
from energy_grid.preflight import load_chain
from energy_grid.rpc import Rpc
from energy_grid.slots import slot_of
from energy_grid.units import SLOT_SECONDS
from simulation.live.audit import audit_day, is_settled
from simulation.live.control import kill, up
from simulation.live.errors import LiveError
from simulation.live.files import write_atomically
from simulation.live.plan import LivePlan
from simulation.live.processes import Process
from simulation.live.supervisor import pid_file
from simulation.live.view import process_table, read_status
from simulation.live.world import World, fleet_of, load_world
from simulation.market_day.chain import Chain

REPORT: Final = "report.json"
_POLL_SECONDS: Final = 1.0
_SETTLE_TIMEOUT_SECONDS: Final = 180.0
_KILL_MARGIN_SLOTS: Final = 1
_RPC_TIMEOUT_SECONDS: Final = 60.0


@dataclass
class Counts:
    """What has happened on chain so far, by events.

    Attributes:
        next_block: first block that was not looked at.
        numbers: by what is counted.
    """

    next_block: int = 0
    numbers: dict[str, int] = field(default_factory=dict)

    def follow(self, chain: Chain, confirmations: int) -> None:
        """Count the events of new blocks, but for the newest, which may still go."""
        newest = chain.rpc.block_number() - confirmations
        if newest < self.next_block:
            return
        contracts = chain.contracts
        watched = (
            contracts.energy_trading,
            contracts.smart_meter,
            contracts.settlement,
            contracts.grid_oracle,
            contracts.weather_oracle,
            contracts.price_oracle,
        )
        for contract in watched:
            for event in chain.events_of(contract, self.next_block, newest):
                for name, number in _counted(event.name, event.arguments):
                    self.numbers[name] = self.numbers.get(name, 0) + number
        self.next_block = newest + 1


def _counted(name: str, arguments: Any) -> Iterator[tuple[str, int]]:
    match name:
        case "RegionCleared":
            yield "auctions cleared", len(arguments["results"])
        case "AuctionCleared":
            yield "auctions cleared", 1
        case "OrdersMatched":
            yield "matches", 1
        case "CurvePlaced" | "CurvesPlaced":
            yield "curves", 1
        case "OrderPlaced" | "OrderReplaced":
            yield "orders", 1
        case "ReadingAccepted":
            yield "readings", 1
        case "RoundPublished":
            yield "oracle rounds", 1
        case "ZoneQuoted":
            yield "quotes", 1
        case "SlotsSettled":
            yield "slot settlements", 1


@dataclass
class Killer:
    """Kills processes one after the other, spread over the day.

    Attributes:
        plan: the live day.
        names: whom, in this order.
        killed: whom it has killed, with chain times.
    """

    plan: LivePlan
    names: list[str]
    killed: list[dict[str, Any]] = field(default_factory=list)

    def consider(self, now: int) -> None:
        """Kill the next one if its time has come."""
        if len(self.killed) == len(self.names):
            return
        start = (self.plan.slots.start - _KILL_MARGIN_SLOTS) * SLOT_SECONDS
        end = (self.plan.slots.stop - _KILL_MARGIN_SLOTS) * SLOT_SECONDS
        due = start + (end - start) * (2 * len(self.killed) + 1) // (2 * len(self.names))
        if now >= due:
            name = self.names[len(self.killed)]
            process = kill(self.plan, name)
            self.killed.append({"name": name, "pid": process.pid, "chain_time": now})


def run_day(
    plan: LivePlan, console: Console, *, kills: Sequence[str] = (), kill_each: bool = False
) -> dict[str, Any]:
    """Run a day and write `report.json`.

    Args:
        plan: the day.
        console: where the view goes.
        kills: processes to kill on the way.
        kill_each: kill every process once.

    Returns:
        The report.

    Raises:
        LiveError: it does not come up, or is not settled in time.
    """
    started = time.monotonic()
    plan = up(plan, console)
    opened = time.monotonic()
    status = read_status(plan.folder) or {"processes": {}}
    names = [*kills, *(status["processes"] if kill_each else ())]
    unknown = set(names) - set(status["processes"])
    if unknown:
        raise LiveError(
            "there is no such process to kill",
            expected=", ".join(status["processes"]),
            found=", ".join(sorted(unknown)),
        )
    killer, world = Killer(plan, names), load_world(plan)
    with Rpc(plan.rpc_url, timeout_seconds=_RPC_TIMEOUT_SECONDS) as rpc:
        chain = Chain(rpc, load_chain(rpc, plan.deployment_file).contracts, plan.chain_id)
        counts = _watch(plan, world, chain, killer, console)
        ended = time.monotonic()
        status = read_status(plan.folder) or status
        counts.follow(chain, 0)
        report = {
            "grid": plan.grid,
            "day": plan.day,
            "homes": plan.homes,
            "seed": plan.seed,
            "slots": plan.count,
            "first_slot": plan.slots.start,
            "seconds": {
                "up": round(opened - started, 1),
                "day": round(ended - opened, 1),
            },
            "blocks": rpc.block_number(),
            "killed": killer.killed,
            "processes": status["processes"],
            "cpu_seconds": round(
                sum(one["cpu_seconds"] for one in status["processes"].values())
                + status.get("supervisor_cpu_seconds", 0.0),
                1,
            ),
            **audit_day(plan, world, chain, counts.numbers),
        }
    write_atomically(plan.folder / REPORT, json.dumps(report, indent=2) + "\n")
    _tell(report, plan, console)
    return report


def _watch(plan: LivePlan, world: World, chain: Chain, killer: Killer, console: Console) -> Counts:
    """Look until every slot is delivered and settled."""
    counts, meters = Counts(), len(fleet_of(plan, world))
    delivered_at: float | None = None
    now = 0
    with Live(console=console, refresh_per_second=2, transient=True) as live:
        while True:
            try:
                now = chain.now()
                killer.consider(now)
                counts.follow(chain, plan.confirmations)
                is_done = now > plan.ends_at and is_settled(plan, chain)
            except RetryableError:
                is_done = False  # the chain is being started again
                _require_supervisor(plan)
            if now > plan.ends_at and delivered_at is None:
                delivered_at = time.monotonic()
            live.update(_screen(plan, now, counts, meters, killer))
            if is_done:
                return counts
            if delivered_at and time.monotonic() > delivered_at + _SETTLE_TIMEOUT_SECONDS:
                console.print("[red]not settled in time[/]")
                return counts
            time.sleep(_POLL_SECONDS)


def _require_supervisor(plan: LivePlan) -> None:
    supervisor = Process.read(pid_file(plan, "supervisor"))
    if supervisor is None or not supervisor.is_alive:
        raise LiveError(
            "the live day was ended from elsewhere",
            remedy=f"Its logs are in {plan.folder / 'logs'}",
        )


def _screen(plan: LivePlan, now: int, counts: Counts, meters: int, killer: Killer) -> Group:
    clock = datetime.fromtimestamp(now, UTC)
    done = min(max(slot_of(now) - plan.slots.start, 0), plan.count)
    table = Table(title=f"{clock:%Y-%m-%d %H:%M} UTC on chain", title_justify="left")
    table.add_column("what")
    table.add_column("so far", justify="right")
    table.add_row("slots delivered", f"{done} of {plan.count}")
    table.add_row("readings expected", str(done * meters))
    for name, number in sorted(counts.numbers.items()):
        table.add_row(name, f"{number:,}")
    if killer.killed:
        table.add_row("killed", ", ".join(one["name"] for one in killer.killed))
    status = read_status(plan.folder)
    return Group(table) if status is None else Group(table, process_table(status))


def _tell(report: dict[str, Any], plan: LivePlan, console: Console) -> None:
    table = Table(title=f"live day {report['day']}, {report['slots']} slots", title_justify="left")
    table.add_column("check")
    table.add_column("found", justify="right")
    table.add_column("")
    for check in report["checks"]:
        verdict = "[green]good[/]" if check["good"] else "[red]wrong[/]"
        table.add_row(check["what"], str(check["found"]), verdict)
    console.print(table)
    for name, number in sorted(report["counts"].items()):
        console.print(f"  {name}: {number:,}")
    seconds = report["seconds"]
    console.print(
        f"up in {seconds['up']} s, day of {seconds['day']} s, {report['cpu_seconds']} s of CPU, "
        f"{report['blocks']:,} blocks; report {plan.folder / REPORT}"
    )
