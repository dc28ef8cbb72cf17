"""What the drill has seen: who took out how much, and what must be zero."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from simulation.market_day.residuals import Kind, Residual
from simulation.tables import plain_table, residual_table


@dataclass(frozen=True, slots=True)
class Exit:
    """How one account left.

    Attributes:
        name: for people.
        zone: home zone; 0 for the treasury.
        free: free money after closing, locks and security deposit included.
        paid: what it paid to its zone's operator when it was closed.
        claim: what its zone's operator owed it.
        exit: units that it took out.
    """

    name: str
    zone: int
    free: int
    paid: int
    claim: int
    exit: int


@dataclass(frozen=True, slots=True)
class DrillReport:
    """The drill in figures. Money is settlement-token base units.

    Attributes:
        from_slot: first void slot.
        trades: trades before the end.
        locked: money locked when the end began, most of it for slots that are void.
        assets: all money when the end began.
        exits: one an account, in the order in which they left.
        left: money that is still there at the end.
        clearing: what the clearing account holds at the end.
        decimals: of the settlement token.
    """

    from_slot: int
    trades: int
    locked: int
    assets: int
    exits: tuple[Exit, ...]
    left: int
    clearing: int
    decimals: int

    def residuals(self) -> tuple[Residual, ...]:
        """What must be zero."""
        taken = sum(one.exit for one in self.exits)
        return (
            Residual(Kind.MONEY, "assets when the end began - sum of exits", self.assets - taken),
            Residual(Kind.MONEY, "tokens still in the settlement", self.left),
            Residual(Kind.MONEY, "clearing account", self.clearing),
        )

    @property
    def adds_up(self) -> bool:
        """Whether everybody got everything."""
        return all(residual.amount == 0 for residual in self.residuals())

    def as_json(self) -> Mapping[str, Any]:
        """For machines."""
        return {
            **asdict(self),
            "adds_up": self.adds_up,
            "residuals": {one.rule: one.amount for one in self.residuals()},
        }


def print_drill(console: Console, report: DrillReport) -> None:
    """The drill as tables."""
    unit = 10**report.decimals

    def coins(amount: int) -> str:
        return f"{amount / unit:,.6f}"

    def cells(one: Exit) -> Iterator[str]:
        yield one.name
        yield str(one.zone or "-")
        for amount in (one.free, one.paid, one.claim, one.exit):
            yield coins(amount)

    table = plain_table(f"Exits, in the order of leaving; void from slot {report.from_slot}")
    table.add_column("account")
    for column in ("zone", "free", "paid", "claim", "exit"):
        table.add_column(column, justify="right")
    for one in report.exits:
        table.add_row(*cells(one))
    taken = sum(one.exit for one in report.exits)
    table.caption = (
        f"{report.trades} trades, {coins(report.locked)} locked when the end began; "
        f"assets {coins(report.assets)}, exits {coins(taken)}"
    )
    console.print(table)
    console.print(residual_table(report.residuals()))
