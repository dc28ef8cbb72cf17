"""Rules of money that hold from some slot on: market terms and tariffs of a zone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class MarketTerms:
    """What every product of a zone costs beyond its price.

    Attributes:
        short_price_cap: Most that anybody can owe for imbalance, units per kWh.
        network_fee_per_kwh: Due to the zone's operator on every kWh bought.
        trading_fee_bps: Due to the treasury on the cost of every kWh bought.
    """

    short_price_cap: int
    network_fee_per_kwh: int
    trading_fee_bps: int


@dataclass(frozen=True)
class Tariff:
    """Prices of imbalance, units per kWh: retail for taking more, feed-in for giving more."""

    retail_per_kwh: int
    feed_in_per_kwh: int


@dataclass
class Schedule(Generic[T]):
    """Values by the slot from which they hold. What is past is never rewritten."""

    entries: list[tuple[int, T]] = field(default_factory=list)

    def at(self, slot: int) -> T | None:
        """The value that holds for `slot`."""
        found = None
        for from_slot, value in self.entries:
            if from_slot <= slot:
                found = value
        return found

    def set_from(self, from_slot: int, value: T) -> None:
        """Let `value` hold from `from_slot` on, in place of anything announced for later."""
        self.entries = [entry for entry in self.entries if entry[0] < from_slot]
        self.entries.append((from_slot, value))
