"""Feeds of the oracles: what they are about, in which unit, and the number that names them.

The same tables as `contracts/types/Observation.sol`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NewType

from energy_grid.errors import InvalidValueError
from energy_grid.units import Zone

FeedId = NewType("FeedId", int)
"""`kind 8 | horizon 8 | zone 16`."""

MAX_HORIZON_SLOTS: Final = 255


class Unit(IntEnum):
    """What one step of a value measures."""

    NONE = 0
    WATT = 1
    MILLI_HERTZ = 2
    MILLI_VOLT = 3
    BASIS_POINT = 4
    WATT_PER_SQUARE_METRE = 5
    DEGREE_CELSIUS = 6
    METRE_PER_SECOND = 7
    UNITS_PER_KWH = 8


class FeedKind(IntEnum):
    """What a feed is about."""

    NONE = 0
    DEMAND = 1
    SUPPLY = 2
    FREQUENCY = 3
    VOLTAGE = 4
    LINE_LOADING = 5
    IRRADIANCE = 6
    TEMPERATURE = 7
    WIND_SPEED = 8
    CLOUD_COVER = 9
    EXPECTED_SUPPLY = 10
    EXPECTED_DEMAND = 11
    MARKET_PRICE = 12


class FeedStatus(IntEnum):
    """How far a value may be trusted."""

    OK = 0
    STALE = 1
    UNCERTAIN = 2
    BOUNDED = 3
    FROZEN = 4
    FALLBACK = 5


UNIT_OF: Final[dict[FeedKind, tuple[Unit, int]]] = {
    FeedKind.DEMAND: (Unit.WATT, 0),
    FeedKind.SUPPLY: (Unit.WATT, 0),
    FeedKind.FREQUENCY: (Unit.MILLI_HERTZ, 0),
    FeedKind.VOLTAGE: (Unit.MILLI_VOLT, 0),
    FeedKind.LINE_LOADING: (Unit.BASIS_POINT, 0),
    FeedKind.IRRADIANCE: (Unit.WATT_PER_SQUARE_METRE, 1),
    FeedKind.TEMPERATURE: (Unit.DEGREE_CELSIUS, 2),
    FeedKind.WIND_SPEED: (Unit.METRE_PER_SECOND, 2),
    FeedKind.CLOUD_COVER: (Unit.BASIS_POINT, 0),
    FeedKind.EXPECTED_SUPPLY: (Unit.WATT, 0),
    FeedKind.EXPECTED_DEMAND: (Unit.WATT, 0),
    FeedKind.MARKET_PRICE: (Unit.UNITS_PER_KWH, 0),
}
"""Unit and decimals of each kind."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed by its parts.

    Attributes:
        kind: what it is about.
        zone: where.
        horizon_slots: quarter hours from the round's interval to the one it is about; 0: itself.
    """

    kind: FeedKind
    zone: Zone
    horizon_slots: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.horizon_slots <= MAX_HORIZON_SLOTS:
            raise InvalidValueError(
                "horizon of a feed", expected=f"0 to {MAX_HORIZON_SLOTS} slots", found=self
            )
        if not 0 < self.zone < 1 << 16:
            raise InvalidValueError("zone of a feed", expected="1 to 65,535", found=self.zone)

    @property
    def id(self) -> FeedId:
        """Its number on chain."""
        return FeedId(self.kind << 24 | self.horizon_slots << 16 | self.zone)

    @property
    def unit(self) -> Unit:
        """Unit of its values."""
        return UNIT_OF[self.kind][0]

    @property
    def decimals(self) -> int:
        """Decimals of its values."""
        return UNIT_OF[self.kind][1]

    @classmethod
    def of_id(cls, feed_id: int) -> Feed:
        """The feed that a number names.

        Raises:
            InvalidValueError: it names none.
        """
        kind, horizon, zone = feed_id >> 24, feed_id >> 16 & 0xFF, feed_id & 0xFFFF
        if kind not in set(FeedKind) - {FeedKind.NONE}:
            raise InvalidValueError("id of a feed", expected="a known kind", found=feed_id)
        return cls(FeedKind(kind), Zone(zone), horizon)
