"""What a value can be at all, by kind of feed: bounds of physics and market, and largest steps.

Not a judgement whether a value is right: a filter against wrong units, wrong decimals and broken
instruments, in front of the reporter's signature. The contract has bounds of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from energy_grid.feeds import Feed, FeedKind
from energy_grid.units import BPS, UnixSeconds
from oracles.sources.errors import ImplausibleValueError

STEP_MEMORY_SECONDS: Final = 1_800
"""A value older than this says nothing about the next: a real jump is believed after a while."""


@dataclass(frozen=True, slots=True)
class Plausibility:
    """Limits of a value, in steps of its feed.

    Attributes:
        low: least possible value.
        high: greatest possible value.
        max_step: largest change from one accepted value to the next; None for any.
        max_step_bps: likewise relative to the value before; the larger of both holds.
    """

    low: int
    high: int
    max_step: int | None = None
    max_step_bps: int = 0

    def narrowed(self, low: int, high: int) -> Plausibility:
        """With further bounds, such as those of the contract."""
        return replace(self, low=max(self.low, low), high=min(self.high, high))

    def check(self, feed: Feed, value: int, source: str) -> None:
        """Refuse a value that cannot be.

        Raises:
            ImplausibleValueError: out of bounds.
        """
        if not self.low <= value <= self.high:
            raise ImplausibleValueError(
                f"{source}: {feed.kind.name.lower()} of zone {feed.zone} is impossible",
                expected=f"{self.low} to {self.high}",
                found=value,
                remedy="Check unit and decimals of the source",
            )

    def check_step(
        self, feed: Feed, value: int, at: UnixSeconds, before: int, before_at: UnixSeconds
    ) -> None:
        """Refuse a change that is too great for the time since the value before.

        Raises:
            ImplausibleValueError: it is.
        """
        if self.max_step is None or abs(at - before_at) > STEP_MEMORY_SECONDS:
            return
        allowed = max(self.max_step, abs(before) * self.max_step_bps // BPS)
        if abs(value - before) > allowed:
            raise ImplausibleValueError(
                f"{feed.kind.name.lower()} of zone {feed.zone} jumps",
                expected=f"{before} ± {allowed}",
                found=value,
                remedy=f"If it is true it is believed after {STEP_MEMORY_SECONDS} s",
            )


_GIGAWATT: Final = 10**9
_POWER: Final = Plausibility(0, 100 * _GIGAWATT, max_step=50_000, max_step_bps=5 * BPS)

PLAUSIBLE: Final[Mapping[FeedKind, Plausibility]] = {
    FeedKind.DEMAND: _POWER,
    FeedKind.SUPPLY: _POWER,
    FeedKind.EXPECTED_DEMAND: _POWER,
    FeedKind.EXPECTED_SUPPLY: _POWER,
    # 45 to 65 Hz holds any running grid, of 50 or of 60 Hz; zero is a broken instrument.
    FeedKind.FREQUENCY: Plausibility(45_000, 65_000, max_step=2_500),
    # From 100 V, a brown-out of a 120 V grid, to 1.2 times 765 kV.
    FeedKind.VOLTAGE: Plausibility(100_000, 918_000_000, max_step=20_000, max_step_bps=2_000),
    FeedKind.LINE_LOADING: Plausibility(0, 3 * BPS, max_step=2 * BPS),
    # Cloud-edge enhancement exceeds the solar constant for seconds, not for intervals.
    FeedKind.IRRADIANCE: Plausibility(0, 15_000, max_step=12_000),
    FeedKind.TEMPERATURE: Plausibility(-9_000, 6_000, max_step=1_500),
    FeedKind.WIND_SPEED: Plausibility(0, 11_500, max_step=4_000),
    FeedKind.CLOUD_COVER: Plausibility(0, BPS),
    # -10 to +20 of a currency with six decimals per kWh: twice and more of any market's limits.
    FeedKind.MARKET_PRICE: Plausibility(-10_000_000, 20_000_000),
}
"""Defaults; a reporter's configuration may narrow them by feed."""
