"""What the guardian can do: four calls, each of which takes something away for a while.

The list is closed. Nothing that lifts a halt, thaws a feed or ends a fallback is on it, and the
desk refuses whatever is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

ALLOWED_CALLS: Final = frozenset({"haltZone", "freezeFeed", "switchToFallback", "freezeQuotes"})
"""Every function that the guardian's key ever calls."""
MARKET: Final = "EnergyTrading"
PRICES: Final = "PriceOracle"
ORACLES: Final = (PRICES, "GridOracle", "WeatherOracle")
TARGETS: Final = {
    "haltZone": (MARKET,),
    "freezeFeed": ORACLES,
    "switchToFallback": ORACLES,
    "freezeQuotes": (PRICES,),
}
"""Contracts that each of them may be called on."""
LONGEST_SECONDS: Final = 72 * 3_600
"""The contracts allow no longer measure."""
STOP_PLACING, STOP_MATCHING, STOP_TRADING = 1, 2, 3
"""`HaltScope` on chain."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A call that freezes or tightens, and ends by itself.

    Attributes:
        contract: `EnergyTrading` or an oracle.
        function: one of `ALLOWED_CALLS`.
        arguments: its arguments.
    """

    contract: str
    function: str
    arguments: tuple[Any, ...]

    def __post_init__(self) -> None:
        targets = TARGETS.get(self.function, ()) if self.function in ALLOWED_CALLS else ()
        if self.contract not in targets:
            raise ValueError(f"the guardian never calls {self.contract}.{self.function}")


def halt(zone: int, scope: int, from_slot: int, to_slot: int, expires_at: int) -> Measure:
    """Stop trading in a zone for deliveries in `[from_slot, to_slot)` until `expires_at`."""
    return Measure(MARKET, "haltZone", (zone, scope, from_slot, to_slot, expires_at))


def freeze(oracle: str, feed_id: int, until: int) -> Measure:
    """Take a feed away from its readers until `until`."""
    return Measure(oracle, "freezeFeed", (feed_id, until))


def fall_back(oracle: str, feed_id: int, until: int) -> Measure:
    """Let a feed's readers have its approved fallback until `until`."""
    return Measure(oracle, "switchToFallback", (feed_id, until))


def freeze_quotes(zone: int, until: int) -> Measure:
    """Have nothing quoted in a zone until `until`; settlement has the tariffs."""
    return Measure(PRICES, "freezeQuotes", (zone, until))
