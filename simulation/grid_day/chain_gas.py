"""The day's chain with gas on record, by operation."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from simulation.market_day.chain import Call, Chain, Receipt
from simulation.market_day.gas import GasUse


@dataclass
class MeteredChain(Chain):
    """A chain that keeps the gas of everything sent through it."""

    used: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def send(self, calls: Sequence[Call]) -> list[Receipt]:
        """As `Chain.send`."""
        receipts = super().send(calls)
        for call, receipt in zip(calls, receipts, strict=True):
            self.used[call.function].append(int(receipt["gasUsed"], 16))
        return receipts

    def gas(self) -> dict[str, GasUse]:
        """Gas by operation, wiring left out."""
        return {
            name: GasUse(len(values), statistics.median_low(values), max(values))
            for name, values in sorted(self.used.items())
            if name not in ("mint", "approve")
        }
