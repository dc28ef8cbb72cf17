"""Place, clear and settle one day of orders on Anvil: throughput, gas and memory.

`python -m bench.throughput --record` writes the result to `bench/throughput/measured.json`.
"""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from bench.gas.world import ANVIL_ARGUMENTS, build_world
from bench.throughput.day import SLOTS, Day
from bench.throughput.memory import Memory
from energy_grid.artifacts import Artifacts
from tests.utils.anvil import Anvil

RECORD: Final = Path(__file__).parent / "measured.json"
FIRST_SLOT: Final = 20_000 * SLOTS
STAGES: Final = 4

_BLOCKS_WITH_TRANSACTIONS: Final = 8
"""Anvil forgets what was in older blocks, as a node that prunes does."""


def measure(orders: int, port: int | None, console: Console) -> dict[str, Any]:
    """Run a day of at least `orders` orders."""
    arguments = (
        *ANVIL_ARGUMENTS,
        *("--timestamp", str((FIRST_SLOT - SLOTS) * 900)),
        *("--transaction-block-keeper", str(_BLOCKS_WITH_TRANSACTIONS)),
    )
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with Anvil(port=port, arguments=arguments) as anvil, progress:
        task = progress.add_task("accounts", total=None)
        world = build_world(anvil.rpc)
        memory = Memory(anvil.process.pid)

        def advance(done: int) -> None:
            progress.update(task, description=day.stages[-1].name, advance=done)

        day = Day(world, orders, FIRST_SLOT, advance, memory.sample)
        progress.update(task, total=STAGES * day.orders)
        day.run()
        sums = day.audit()
        node = str(anvil.rpc.call("web3_clientVersion"))
    seconds = sum(stage.seconds for stage in day.stages)
    return {
        "orders": day.orders,
        "accounts": len(day.members),
        "products": SLOTS,
        "seconds": round(seconds, 1),
        "orders_per_second": round(day.orders / seconds, 1),
        "gas_per_order": round(sum(stage.gas for stage in day.stages) / day.orders),
        "stages": [stage.as_json(day.orders) for stage in day.stages],
        "memory": memory.as_json(),
        "sums": sums,
        "machine": {
            "cores": os.cpu_count(),
            "processor": platform.machine(),
            "system": platform.system(),
            "python": platform.python_version(),
            "node": node,
            "compiler": dict(Artifacts.load().compiler),
            "packages": {name: version(name) for name in ("eth-account", "requests", "scipy")},
        },
    }


def _table(result: dict[str, Any]) -> Table:
    table = Table(title=f"{result['orders']:,} orders of {result['accounts']} accounts in a day")
    table.add_column("stage")
    for column in ("seconds", "orders/s", "transactions", "gas", "gas/order"):
        table.add_column(column, justify="right")
    for stage in result["stages"]:
        table.add_row(
            stage["stage"],
            f"{stage['seconds']:,}",
            f"{stage['orders_per_second']:,}",
            f"{stage['transactions']:,}",
            f"{stage['gas']:,}",
            f"{stage['gas_per_order']:,}",
        )
    table.add_row(
        "all",
        f"{result['seconds']:,}",
        f"{result['orders_per_second']:,}",
        *("", ""),
        f"{result['gas_per_order']:,}",
    )
    return table


@click.command()
@click.option("--orders", default=50_000, show_default=True, help="Orders of the day, at least.")
@click.option("--port", type=int, help="Port for Anvil; any free one if not given.")
@click.option("--record", is_flag=True, help="Write the result to the record.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def main(orders: int, port: int | None, record: bool, as_json: bool) -> None:
    """Measure a day of auctions from the first order to the last settled slot."""
    console = Console(stderr=True)
    result = measure(orders, port, console)
    if as_json:
        click.echo(json.dumps(result, indent=2))
    else:
        out = Console()
        out.print(_table(result))
        memory = result["memory"]
        out.print(f"memory by quarter: node {memory['node_quarters_mib']} MiB, ", end="")
        out.print(f"this process {memory['own_quarters_mib']} MiB")
        out.print("money and energy add up: nothing locked, the clearing account at 0")
    if record:
        RECORD.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        console.print(f"recorded in {RECORD.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
