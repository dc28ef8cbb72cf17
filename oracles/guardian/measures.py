"""What the guardian can do: four calls of its contract that take something away for a while.

The list is closed. Nothing that lifts a halt, thaws a feed or ends a fallback is on it, and the
desk refuses whatever is not. Escalating, stopping events and vetoes are for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

CONTRACT: Final = "Guardian"
"""The one contract that the guardian's key ever calls."""
ALLOWED_CALLS: Final = frozenset({"haltZone", "freezeFeed", "switchToFallback", "freezeQuotes"})
"""Every function of it that the key ever calls."""
ORACLES: Final = ("PriceOracle", "GridOracle", "WeatherOracle")
OF_ORACLES: Final = frozenset({"freezeFeed", "switchToFallback"})
"""Calls whose first argument is the address of an oracle."""
LONGEST_SECONDS: Final = 72 * 3_600
"""The contracts allow no longer measure."""
STOP_PLACING, STOP_MATCHING, STOP_TRADING = 1, 2, 3
"""`HaltScope` on chain."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A call that freezes or tightens, and ends by itself.

    Attributes:
        function: one of `ALLOWED_CALLS`.
        arguments: its arguments, without the oracle.
        oracle: name of the oracle that it is about; empty for other calls.
    """

    function: str
    arguments: tuple[Any, ...]
    oracle: str = ""

    def __post_init__(self) -> None:
        oracles = ORACLES if self.function in OF_ORACLES else ("",)
        if self.function not in ALLOWED_CALLS or self.oracle not in oracles:
            raise ValueError(f"the guardian never calls {self.function} {self.oracle}".rstrip())


def halt(zone: int, scope: int, from_slot: int, to_slot: int, expires_at: int) -> Measure:
    """Stop trading in a zone for deliveries in `[from_slot, to_slot)` until `expires_at`."""
    return Measure("haltZone", (zone, scope, from_slot, to_slot, expires_at))


def freeze(oracle: str, feed_id: int, until: int) -> Measure:
    """Take a feed away from its readers until `until`."""
    return Measure("freezeFeed", (feed_id, until), oracle)


def fall_back(oracle: str, feed_id: int, until: int) -> Measure:
    """Let a feed's readers have its approved fallback until `until`."""
    return Measure("switchToFallback", (feed_id, until), oracle)


def freeze_quotes(zone: int, until: int) -> Measure:
    """Have nothing quoted in a zone until `until`; settlement has the tariffs."""
    return Measure("freezeQuotes", (zone, until))
