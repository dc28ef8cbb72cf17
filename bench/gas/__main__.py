"""Measure the gas of every operation, compare it with the record and with the ceilings.

`python -m bench.gas` exits with 1 above a ceiling or off the record, `--record` writes the figures
to `bench/gas/measured.json`, `--json` prints the comparison as JSON.
"""

from __future__ import annotations

import json
import sys
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from bench.gas import (
    auction_day,
    big_books,
    breakers,
    coupled,
    flexibility,
    oracles,
    pages,
    quotes,
    sealed,
    setpoints,
)
from bench.gas.people import settle_in
from bench.gas.turn import run_turn
from bench.gas.world import ANVIL_ARGUMENTS, build_world
from energy_grid.artifacts import Artifacts
from tests.utils.anvil import Anvil

HERE: Final = Path(__file__).parent
RECORD: Final = HERE / "measured.json"
CEILINGS: Final = HERE / "ceilings.toml"

FIRST_SLOT: Final = 20_000 * 96
"""A UTC midnight far from the chain's genesis; nothing depends on which."""

RING_SLOTS: Final = 4_096
DAY_SLOTS: Final = 96
HOUSEHOLD_KEYS: Final = 1_000
HOUSEHOLDS_FRESH: Final = 104
HOUSEHOLDS_RECYCLED: Final = 20
"""Each has 4,000 idle slots to settle before its second day, so there are few."""
TOLERANCE: Final = 0.01
"""Figures move by a few gas with the zero bytes of addresses and signatures."""


@dataclass(frozen=True, slots=True)
class Row:
    """One operation.

    Attributes:
        gas: as measured now.
        recorded: as in the record; None if it is new.
        ceiling: highest allowed; None if there is none.
        per: what the gas is divided by.
        argued: the ceiling is missed for reasons given in docs/gas.md.
    """

    operation: str
    gas: int
    recorded: int | None
    ceiling: int | None
    per: str
    argued: bool

    @property
    def above(self) -> bool:
        """Whether the ceiling is broken."""
        return self.ceiling is not None and self.gas > self.ceiling

    @property
    def broken(self) -> bool:
        """Whether it is above a ceiling without an argument."""
        return self.above and not self.argued

    @property
    def changed(self) -> bool:
        """Whether it is off the record by more than the tolerance."""
        return self.recorded is None or abs(self.gas - self.recorded) > TOLERANCE * self.recorded


def measure(console: Console) -> dict[str, int]:
    """Run the day on fresh storage, then once more one turn of the ring later."""
    measured: dict[str, int] = {}
    genesis = (FIRST_SLOT - DAY_SLOTS) * 900
    arguments = (*ANVIL_ARGUMENTS, "--timestamp", str(genesis))
    with Anvil(arguments=arguments) as anvil, console.status("deploying") as status:

        def say(what: str, turn: str) -> None:
            status.update(f"{turn} storage: {what}")

        world = build_world(anvil.rpc)
        households = settle_in(world, HOUSEHOLD_KEYS, HOUSEHOLDS_FRESH, FIRST_SLOT)
        cast = auction_day.gather(world, FIRST_SLOT)
        fresh = run_turn(world, households, cast, FIRST_SLOT, lambda what: say(what, "fresh"))
        measured |= {f"{name}_fresh": gas for name, gas in fresh.items()}
        half = HOUSEHOLDS_FRESH // 2
        few = HOUSEHOLDS_RECYCLED // 2
        remaining = [*households[:few], *households[half : half + few]]
        recycled = run_turn(
            world, remaining, cast, FIRST_SLOT + RING_SLOTS, lambda what: say(what, "recycled")
        )
        measured |= {f"{name}_recycled": gas for name, gas in recycled.items()}
        status.update("large books")
        measured |= big_books.clear_books(world)
        status.update("coupled zones")
        measured |= coupled.clear_regions(world)
        status.update("national hours")
        measured |= sealed.clear_hours(anvil.rpc)
        status.update("oracles")
        measured |= oracles.report_rounds(world)
        status.update("set-points")
        measured |= setpoints.ask_and_set(world, remaining[0])
        status.update("states of the grid")
        measured |= breakers.change_states(world)
        status.update("quotes")
        measured |= quotes.quote_slots(world)
        status.update("pages of readings")
        measured |= pages.commit_and_settle(world)
    # On a chain of its own: a thousand blocks take minutes on one that holds all of the above.
    with Anvil(arguments=arguments) as anvil, console.status("flexibility"):
        measured |= flexibility.allocate_and_settle(build_world(anvil.rpc))
    return derive(measured)


def derive(measured: dict[str, int]) -> dict[str, int]:
    """Add what is the difference, or the sum, of receipts."""
    figures = dict(measured)
    for side in ("sell", "buy"):
        # Placed over an unclaimed fill, less placed over a claimed one.
        figures[f"auto_settle_on_reuse_{side}"] = (
            figures[f"curves_96_{side}_recycled"]
            - figures[f"curves_96_{side}_after_claim_recycled"]
        )
        # A slot settled with an unclaimed fill, less one with a claimed fill.
        for turn in ("fresh", "recycled"):
            figures[f"auto_settle_in_settlement_{side}_{turn}"] = (
                figures[f"settle_run_96_{side}_unclaimed_{turn}"]
                - figures[f"settle_run_96_{side}_claimed_{turn}"]
            )
    for turn in ("fresh", "recycled"):
        figures[f"signed_order_whole_life_{turn}"] = (
            figures[f"signed_order_place_{turn}"]
            + figures[f"signed_order_clear_share_{turn}"]
            + max(figures[f"auto_settle_in_settlement_buy_{turn}"], 0)
        )
    return figures


def compare(measured: dict[str, int]) -> list[Row]:
    """Rows in the order of the ceilings, then the operations without one."""
    ceilings: dict[str, Any] = tomllib.loads(CEILINGS.read_text(encoding="utf-8"))
    recorded: dict[str, int] = {}
    if RECORD.exists():
        recorded = json.loads(RECORD.read_text(encoding="utf-8"))["gas"]
    rows = []
    for operation in [*ceilings, *(name for name in sorted(measured) if name not in ceilings)]:
        limits = ceilings.get(operation, {})
        rows.append(
            Row(
                operation,
                measured[operation],
                recorded.get(operation),
                limits.get("ceiling"),
                limits.get("per", ""),
                limits.get("argued", False),
            )
        )
    return rows


def _table(rows: list[Row]) -> Table:
    table = Table(title="Gas (gasUsed of receipts, Anvil, osaka)")
    table.add_column("operation")
    for column in ("measured", "recorded", "ceiling", "left"):
        table.add_column(column, justify="right")
    for row in rows:
        left = "" if row.ceiling is None else f"{(row.ceiling - row.gas) / row.ceiling:.0%}"
        table.add_row(
            row.operation + (f" / {row.per}" if row.per else ""),
            f"{row.gas:,}",
            "" if row.recorded is None else f"{row.recorded:,}",
            "" if row.ceiling is None else f"{row.ceiling:,}",
            left,
            style="red" if row.broken else "yellow" if row.above or row.changed else None,
        )
    return table


@click.command()
@click.option("--record", is_flag=True, help="Write what was measured to the record.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def main(record: bool, as_json: bool) -> None:
    """Measure gas and compare it with the record and the ceilings."""
    console = Console(stderr=True)
    measured = measure(console)
    rows = compare(measured)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        Console().print(_table(rows))
    if record:
        content = {
            "compiler": dict(Artifacts.load().compiler),
            "gas": dict(sorted(measured.items())),
        }
        RECORD.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        console.print(f"recorded in {RECORD.relative_to(Path.cwd())}")
    broken = [row.operation for row in rows if row.broken]
    argued = [row.operation for row in rows if row.above and row.argued]
    changed = [row.operation for row in rows if row.changed and not record]
    if broken:
        console.print(f"[red]above the ceiling:[/] {', '.join(broken)}")
    if argued:
        console.print(f"above the ceiling, see docs/gas.md: {', '.join(argued)}")
    if changed:
        console.print(
            f"[yellow]off the record by more than {TOLERANCE:.0%}:[/] {', '.join(changed)}; "
            "if that is meant, say why in the commit and run with --record"
        )
    sys.exit(1 if broken or changed else 0)


if __name__ == "__main__":
    main()
