"""How a feed works: its rhythm, bounds and spread, as `FeedConfig` of the contracts.

`standard_config` gives each kind sane figures; a deployment changes what its zone is known to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from energy_grid.errors import InvalidValueError
from energy_grid.feeds.kinds import Feed, FeedKind, Unit
from energy_grid.units import BPS, SLOT_SECONDS, MilliHertz, MilliVolt, UnixSeconds, Watt

HORIZON_SECONDS: Final = SLOT_SECONDS
MAX_CLOCK_LEAD_SECONDS: Final = 30
"""A round may begin this far ahead of the chain."""

HEARTBEAT_SECONDS: Final = 900
GRID_ROUND_SECONDS: Final = 60
GRID_KINDS: Final = frozenset(
    {
        FeedKind.DEMAND,
        FeedKind.SUPPLY,
        FeedKind.FREQUENCY,
        FeedKind.VOLTAGE,
        FeedKind.LINE_LOADING,
    }
)


@dataclass(frozen=True, slots=True)
class FeedConfig:
    """Configuration of a feed, in the order of the contract's struct.

    Attributes:
        unit: of its values.
        decimals: of its values.
        interval_seconds: length of the interval that a value is about.
        round_seconds: shortest time between two rounds.
        heartbeat_seconds: longest time between two rounds.
        lowest_observation: a signed value below it makes a report invalid.
        highest_observation: likewise above.
        floor: a median below it is set to it and BOUNDED.
        cap: likewise above.
        max_spread: largest difference of two values that is not UNCERTAIN, in steps.
        max_spread_bps: likewise relative to the median; the larger of both holds.
        fallback_feed: id of the feed read instead where a reader allows it; 0 for none.
    """

    unit: Unit
    decimals: int
    interval_seconds: int
    round_seconds: int
    heartbeat_seconds: int
    lowest_observation: int
    highest_observation: int
    floor: int
    cap: int
    max_spread: int
    max_spread_bps: int
    fallback_feed: int = 0

    def __post_init__(self) -> None:
        bounds = (self.lowest_observation, self.floor, self.cap, self.highest_observation)
        if list(bounds) != sorted(bounds):
            raise InvalidValueError(
                "bounds of a feed",
                expected="lowest observation, floor, cap, highest observation to rise",
                found=bounds,
            )
        if not 0 < self.round_seconds <= self.heartbeat_seconds:
            raise InvalidValueError(
                "rhythm of a feed",
                expected=f"rounds of 1 to {self.heartbeat_seconds} s",
                found=self.round_seconds,
            )
        if self.interval_seconds <= 0:
            raise InvalidValueError(
                "interval of a feed", expected="at least 1 s", found=self.interval_seconds
            )

    @classmethod
    def of_answer(cls, answer: Sequence[Any]) -> FeedConfig | None:
        """The contract's answer to `feedConfig`; None for a feed that it does not know."""
        unit, *rest = (int(value) for value in answer)
        return cls(Unit(unit), *rest) if any((unit, *rest)) else None

    def as_tuple(self) -> tuple[int, ...]:
        """Fields in the contract's order."""
        return (
            int(self.unit),
            self.decimals,
            self.interval_seconds,
            self.round_seconds,
            self.heartbeat_seconds,
            self.lowest_observation,
            self.highest_observation,
            self.floor,
            self.cap,
            self.max_spread,
            self.max_spread_bps,
            self.fallback_feed,
        )

    @property
    def age_limit_seconds(self) -> int:
        """Age at which a value is STALE: 1.5 heartbeats."""
        return self.heartbeat_seconds * 3 // 2

    def round_at(self, unix: int) -> int:
        """Number of the round that runs at an instant."""
        return unix // self.round_seconds

    def round_start(self, round_: int) -> UnixSeconds:
        """Beginning of a round."""
        return UnixSeconds(round_ * self.round_seconds)

    def interval_start(self, feed: Feed, round_: int) -> UnixSeconds:
        """Start of the interval that a round's values are about."""
        interval = round_ * self.round_seconds // self.interval_seconds
        return UnixSeconds(interval * self.interval_seconds + feed.horizon_slots * HORIZON_SECONDS)

    def is_plausible(self, value: int) -> bool:
        """Whether the contract takes a value at all."""
        return self.lowest_observation <= value <= self.highest_observation

    def allowed_spread(self, median: int) -> int:
        """Largest difference between two values of a report that is not UNCERTAIN."""
        return max(self.max_spread, abs(median) * self.max_spread_bps // BPS)


NOMINAL_FREQUENCY: Final = MilliHertz(50_000)


@dataclass(frozen=True, slots=True)
class ZoneRatings:
    """What is known of a zone, from which bounds of its feeds follow.

    Attributes:
        demand_w: highest power that can be drawn in it.
        supply_w: highest power that can be fed in.
        voltage_millivolts: nominal voltage of the bus that is reported.
        frequency_millihz: nominal frequency of its synchronous area.
        price_unit: settlement-token base units of one unit of currency.
    """

    demand_w: Watt
    supply_w: Watt
    voltage_millivolts: MilliVolt
    price_unit: int
    frequency_millihz: MilliHertz = NOMINAL_FREQUENCY


STANDARD_RATINGS: Final = ZoneRatings(
    demand_w=Watt(100_000_000),
    supply_w=Watt(100_000_000),
    voltage_millivolts=MilliVolt(230_000),
    price_unit=10**6,
)
"""A distribution zone of 100 MW at low voltage, and a settlement token of six decimals."""


def standard_config(feed: Feed, ratings: ZoneRatings = STANDARD_RATINGS) -> FeedConfig:
    """Configuration of a feed in a zone.

    Prices are bounded by the harmonised limits of the European day-ahead market (-0.5 to 4 per
    kWh), powers by the zone's ratings. Frequency, voltage and line loading are what the state of
    the grid follows from, and a value at a bound does not count there: they are bounded by what is
    plausible at all, so that the worst values count. Frequency: an island's in EN 50160, 15 % to
    either side; voltage: from a dead bus to half more than nominal; loading: five ratings.
    """
    lowest, floor, cap, highest, spread, spread_bps = _figures(feed.kind, ratings)
    return FeedConfig(
        unit=feed.unit,
        decimals=feed.decimals,
        interval_seconds=SLOT_SECONDS,
        round_seconds=GRID_ROUND_SECONDS if feed.kind in GRID_KINDS else HEARTBEAT_SECONDS,
        heartbeat_seconds=HEARTBEAT_SECONDS,
        lowest_observation=lowest,
        highest_observation=highest,
        floor=floor,
        cap=cap,
        max_spread=spread,
        max_spread_bps=spread_bps,
    )


def _figures(kind: FeedKind, ratings: ZoneRatings) -> tuple[int, int, int, int, int, int]:
    """Lowest observation, floor, cap, highest observation; spread in steps and basis points."""
    volt, price = ratings.voltage_millivolts, ratings.price_unit
    hertz = ratings.frequency_millihz
    rated = ratings.supply_w if "SUPPLY" in kind.name else ratings.demand_w
    match kind:
        case FeedKind.DEMAND | FeedKind.SUPPLY:
            return 0, 0, rated, rated * 6 // 5, rated // 50, 1_000
        case FeedKind.EXPECTED_DEMAND | FeedKind.EXPECTED_SUPPLY:
            return 0, 0, rated, rated * 6 // 5, rated // 10, 3_000
        case FeedKind.FREQUENCY:
            lowest, highest = hertz * 85 // 100, hertz * 115 // 100
            return lowest, lowest, highest, highest, 50, 0
        case FeedKind.VOLTAGE:
            return 0, 0, volt * 3 // 2, volt * 3 // 2, volt // 20, 0
        case FeedKind.LINE_LOADING:
            return 0, 0, 50_000, 50_000, 1_000, 0
        case FeedKind.IRRADIANCE:
            return 0, 0, 13_610, 15_000, 2_000, 0
        case FeedKind.TEMPERATURE:
            return -6_000, -5_000, 5_500, 6_000, 300, 0
        case FeedKind.WIND_SPEED:
            return 0, 0, 6_000, 11_500, 300, 2_000
        case FeedKind.CLOUD_COVER:
            return 0, 0, 10_000, 10_000, 3_000, 0
        case FeedKind.MARKET_PRICE:
            return -price, -price // 2, 4 * price, 8 * price, price // 100, 500
        case FeedKind.NONE:
            raise InvalidValueError("kind of a feed", expected="a known kind", found=kind)
