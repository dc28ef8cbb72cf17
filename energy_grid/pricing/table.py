"""Tables of what is normal in each quarter hour of the week, as `WeekTables.sol` packs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from energy_grid.errors import InvalidValueError
from energy_grid.slots import FIRST_WEEK_SLOT
from energy_grid.units import SLOTS_PER_WEEK

TABLE_WORDS: Final = SLOTS_PER_WEEK // 2
_HALF_BITS: Final = 128
_SUPPLY: Final = 48
_FACTOR: Final = 96
_MAX_WATT: Final = (1 << 48) - 1
_MAX_FACTOR: Final = (1 << 16) - 1


@dataclass(frozen=True, slots=True)
class Normals:
    """What is normal in one quarter hour of the week.

    Attributes:
        demand_w: normal demand; 0: demand does not count.
        supply_w: normal supply; 0: supply does not count.
        factor_bps: time factor; 0: none.
    """

    demand_w: int
    supply_w: int
    factor_bps: int

    def __post_init__(self) -> None:
        if not (0 <= self.demand_w <= _MAX_WATT and 0 <= self.supply_w <= _MAX_WATT):
            raise InvalidValueError("normals of the week", expected="below 2^48 W", found=self)
        if not 0 <= self.factor_bps <= _MAX_FACTOR:
            raise InvalidValueError("time factor", expected=f"up to {_MAX_FACTOR}", found=self)


def index_of(slot: int, utc_offset_slots: int = 0) -> int:
    """Quarter hour of the local week; 0 is Monday 00:00."""
    return (slot + utc_offset_slots - FIRST_WEEK_SLOT) % SLOTS_PER_WEEK


def pack_table(normals: Sequence[Normals]) -> list[int]:
    """Words of a table, for `PriceOracle.loadTable`.

    Args:
        normals: one entry for each of the 672 quarter hours, from Monday 00:00.
    """
    if len(normals) != SLOTS_PER_WEEK:
        raise InvalidValueError(
            "table of the week", expected=f"{SLOTS_PER_WEEK} quarter hours", found=len(normals)
        )
    halves = [
        entry.factor_bps << _FACTOR | entry.supply_w << _SUPPLY | entry.demand_w
        for entry in normals
    ]
    return [even | odd << _HALF_BITS for even, odd in zip(halves[::2], halves[1::2], strict=True)]


def read_table(words: Sequence[int], index: int) -> Normals:
    """One quarter hour of a packed table."""
    half = words[index // 2] >> index % 2 * _HALF_BITS
    return Normals(half & _MAX_WATT, half >> _SUPPLY & _MAX_WATT, half >> _FACTOR & _MAX_FACTOR)
