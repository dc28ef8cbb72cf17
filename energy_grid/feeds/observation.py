"""What a reporter signs: one value of one feed for one round (EIP-712)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eth_utils.crypto import keccak

from energy_grid.eip712 import word
from energy_grid.errors import InvalidValueError
from energy_grid.feeds.kinds import Feed
from energy_grid.units import UnixSeconds

OBSERVATION_TYPE: Final = (
    "Observation(uint32 feedId,uint16 zone,uint8 unit,uint8 decimals,uint40 round,"
    "uint40 intervalStart,uint32 intervalSeconds,uint32 reporterSet,int128 value)"
)
PRICE_DOMAIN: Final = "energy-grid PriceOracle"
WEATHER_DOMAIN: Final = "energy-grid WeatherOracle"
GRID_DOMAIN: Final = "energy-grid GridOracle"

_TYPE_HASH: Final = keccak(text=OBSERVATION_TYPE)
_MAX_VALUE: Final = (1 << 127) - 1


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of one feed for one round.

    Attributes:
        feed: what it is about; unit, decimals and zone follow from it.
        round: number of the round, its time / `roundSeconds` of the feed.
        interval_start: start of the interval that the value is about.
        interval_seconds: its length.
        reporter_set: number of the reporter set in force.
        value: in steps of the feed.
    """

    feed: Feed
    round: int
    interval_start: UnixSeconds
    interval_seconds: int
    reporter_set: int
    value: int

    def struct_hash(self) -> bytes:
        """EIP-712 hash of the struct.

        Raises:
            InvalidValueError: a field does not fit its type.
        """
        if not -_MAX_VALUE - 1 <= self.value <= _MAX_VALUE:
            raise InvalidValueError("value out of range", expected="int128", found=self.value)
        return keccak(
            _TYPE_HASH
            + word("feed", self.feed.id, 32)
            + word("zone", self.feed.zone, 16)
            + word("unit", self.feed.unit, 8)
            + word("decimals", self.feed.decimals, 8)
            + word("round", self.round, 40)
            + word("interval_start", self.interval_start, 40)
            + word("interval_seconds", self.interval_seconds, 32)
            + word("reporter_set", self.reporter_set, 32)
            + self.value.to_bytes(32, "big", signed=True)
        )
