"""Rate limits as exact fractions: the slow model of `LinearBuckets`."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Final

NEVER: Final = 2**256 - 1
"""What a bucket answers if an amount never fits."""


class ModelBucket:
    """A bucket as a fraction: what is in debt, exactly."""

    def __init__(self) -> None:
        self.debt = Fraction(0)
        self.at = 0

    def debt_at(self, capacity: int, period: int, at: int) -> Fraction:
        """Seconds of debt become an amount again at the rate of the limits."""
        return max(Fraction(0), self.debt - Fraction(max(0, at - self.at) * capacity, period))

    def step(self, at: int, amount: int, capacity: int, period: int) -> tuple[int, int, int, bool]:
        """Look, then take if there is enough."""
        debt = self.debt_at(capacity, period, at)
        available = max(0, floor(capacity - debt))
        wait = NEVER
        if amount == 0:
            wait = 0
        elif amount <= capacity:
            missing = debt - (capacity - amount)
            wait = max(0, ceil(missing * period / capacity))
        if amount <= available:
            self.debt, self.at = debt + amount, max(at, self.at)
        return available, ceil(debt), wait, amount <= available
