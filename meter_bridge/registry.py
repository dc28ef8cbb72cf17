"""What the chain knows of a meter, and what follows from it for a reading."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from energy_grid.day_words import LaneWidth
from energy_grid.units import SLOT_SECONDS, UnixSeconds, Watt, Wh
from meter_bridge.errors import RegistryError
from meter_bridge.snapshots import Registers

CAP_RATIO: Final = (11, 40)
"""V14: energy of a slot at most rated power for 900 s plus 10 %: 900 / 3,600 * 1.1."""


@dataclass(frozen=True, slots=True)
class LatestReading:
    """The newest reading of a meter on chain; its baseline has sequence 0."""

    sequence: int
    registers: Registers


@dataclass(frozen=True, slots=True)
class RegisteredMeter:
    """A meter as registered.

    Args:
        device_key: address of the key that signs its readings.
        is_active: whether the chain takes readings of it.
        status: its standing in words.
        first_slot: first slot it measures; its registers at that slot's start are reading number 0.
        latest: newest reading on chain when this was read.
    """

    meter_id: int
    device_key: str
    is_active: bool
    status: str
    rated_import_w: Watt
    rated_export_w: Watt
    register_width_wh: Wh
    lane_width: LaneWidth
    first_slot: int
    latest: LatestReading

    @property
    def import_cap_wh(self) -> Wh:
        """Largest import of one slot."""
        return slot_cap_wh(self.rated_import_w)

    @property
    def export_cap_wh(self) -> Wh:
        """Largest export of one slot."""
        return slot_cap_wh(self.rated_export_w)

    def sequence_at(self, boundary: int) -> int:
        """Number of the reading of a boundary: the slots since the meter's baseline.

        A function of the time alone, so that no restart, restored store or second bridge can give
        one boundary two numbers. A boundary without reading leaves its number out; rule V3 counts.
        """
        return boundary // SLOT_SECONDS - self.first_slot

    @property
    def baseline_at(self) -> UnixSeconds:
        """Time of reading number 0."""
        return UnixSeconds(self.first_slot * SLOT_SECONDS)


@dataclass(frozen=True, slots=True)
class Accusation:
    """An entry of a page that a signed reading contradicts, and that waits for our answer."""

    boundary: int
    answer_until: int


@dataclass(frozen=True, slots=True)
class PagingStanding:
    """A meter's dealings with bridges on chain.

    Args:
        bridge: account that reports it in pages, empty if none.
        since: first boundary that may come in a page.
        demanded_from: first boundary that only a signed reading may report, 0 if none.
        demanded_until: last such boundary.
        accusation: against that bridge, None if there is none.
    """

    bridge: str
    since: int
    demanded_from: int = 0
    demanded_until: int = 0
    accusation: Accusation | None = None

    def may_report(self, bridge: str, boundary: int) -> bool:
        """Whether the chain would take the meter's entry from a page of this bridge."""
        is_demanded = self.demanded_from <= boundary <= self.demanded_until
        return self.bridge == bridge and boundary >= self.since and not is_demanded


class PageStatus(IntEnum):
    """Standing of a page, in the order of the contract's enum."""

    NONE = 0
    COMMITTED = 1
    REVEALED = 2
    WITHDRAWN = 3


@dataclass(frozen=True, slots=True)
class PageStanding:
    """A page as it stands on chain."""

    status: PageStatus
    reveal_from: int
    reveal_until: int


class Registry(Protocol):
    """Where registered meters are looked up."""

    def meters(self, meter_ids: list[int]) -> dict[int, RegisteredMeter | RegistryError]:
        """The meters, each with its newest reading, or why one cannot be served."""
        ...


def slot_cap_wh(rated_w: int) -> Wh:
    """Largest energy of one slot at a rated power, as the chain computes it."""
    numerator, denominator = CAP_RATIO
    return Wh(rated_w * numerator // denominator)
