"""Shares in an asset as its events tell: who holds how many, who has earned what.

The rules of `contracts/libraries/ShareLedgers.sol`, told again in fractions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from typing import Any, Final

from energy_grid.abi import Event

NOBODY: Final = "0x" + "0" * 40
"""Where shares come from when an asset is locked, and go to when they are redeemed."""


class Revenue(IntEnum):
    """What shares earn."""

    MONEY = 0
    CERTIFICATES = 1


class VaultStatus(IntEnum):
    """Standing of a vault."""

    EMPTY = 0
    OPEN = 1
    REDEEMED = 2
    SOLD = 3


@dataclass
class Earnings:
    """One kind of revenue.

    Attributes:
        received: units divided or assigned ever.
        paid: units paid out ever, by holder.
        earned: what each holder has earned ever, exactly.
    """

    received: int = 0
    paid: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    earned: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    def claimable(self, holder: str) -> int:
        """Whole units that a holder can claim."""
        return int(self.earned[holder]) - self.paid[holder]

    @property
    def owed(self) -> int:
        """Units received and not yet paid."""
        return self.received - sum(self.paid.values())


@dataclass
class ShareBook:
    """Shares and earnings of one vault.

    Attributes:
        shares: number of all shares; 0 before the asset is locked.
        balances: shares by holder.
        earnings: by kind of revenue.
    """

    shares: int = 0
    balances: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    earnings: Mapping[Revenue, Earnings] = field(
        default_factory=lambda: {kind: Earnings() for kind in Revenue}
    )

    @classmethod
    def replay(cls, events: Iterable[Event]) -> ShareBook:
        """The book after all events of a vault, in their order."""
        book = cls()
        for event in events:
            book.apply(event.name, event.arguments)
        return book

    def apply(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Take one event over; those that say nothing of shares or revenue are passed over."""
        match name:
            case "Transfer":
                self.move(arguments["from"], arguments["to"], arguments["value"])
            case "RevenueDivided":
                self.divide(Revenue(arguments["kind"]), arguments["amount"])
            case "RevenueAssigned":
                kind, amount = Revenue(arguments["kind"]), arguments["amount"]
                self.assign(kind, arguments["owner"], amount)
            case "RevenueClaimed":
                kind, amount = Revenue(arguments["kind"]), arguments["amount"]
                self.earnings[kind].paid[arguments["holder"]] += amount

    def move(self, sender: str, to: str, shares: int) -> None:
        """A transfer: what was earned so far stays where it is."""
        if sender == NOBODY:
            self.shares += shares
        else:
            self.balances[sender] -= shares
        if to != NOBODY:
            self.balances[to] += shares

    def divide(self, kind: Revenue, amount: int) -> None:
        """Revenue for all shares."""
        earnings = self.earnings[kind]
        earnings.received += amount
        for holder, shares in self.balances.items():
            earnings.earned[holder] += Fraction(amount * shares, self.shares)

    def assign(self, kind: Revenue, owner: str, amount: int) -> None:
        """Revenue for the owner of the asset, after the end of the vault."""
        earnings = self.earnings[kind]
        earnings.received += amount
        earnings.earned[owner] += amount

    @property
    def holders(self) -> tuple[str, ...]:
        """Everybody who has shares or has earned something."""
        found = {holder for holder, shares in self.balances.items() if shares}
        for earnings in self.earnings.values():
            found |= {holder for holder, amount in earnings.earned.items() if amount}
        return tuple(sorted(found))
