"""A residual: what is left over where nothing may be left. Every check must give exactly 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a check counts."""

    ENERGY = "energy"
    MONEY = "money"
    SLOTS = "slots"


@dataclass(frozen=True, slots=True)
class Residual:
    """One check.

    Attributes:
        kind: what is counted.
        rule: what must be zero, for people.
        amount: what is left: Wh, settlement-token units or a number of slots.
    """

    kind: Kind
    rule: str
    amount: int

    @property
    def unit(self) -> str:
        """Unit of the amount."""
        return {Kind.ENERGY: "Wh", Kind.MONEY: "units", Kind.SLOTS: "slots"}[self.kind]


def total(residuals: Iterable[Residual], kind: Kind) -> int:
    """Sum of the absolute residuals of a kind, so that two faults never cancel out."""
    return sum(abs(residual.amount) for residual in residuals if residual.kind is kind)
