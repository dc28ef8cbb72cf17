"""Quarter-hour energies packed in lanes of 32-byte words (specification, section 5).

A narrow word holds 8 slots of `import 14 | export 14 | quality 2`, lane i at bit `30 i`; a wide
one 4 slots of `import 28 | export 28 | quality 2`, lane i at bit `60 i`. Bits 240 and up hold a tag
in the contract's ring; in a signed day they are 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

from energy_grid.errors import InvalidValueError
from energy_grid.units import SLOTS_PER_DAY, Wh

LANES_BITS = 240


class Quality(IntEnum):
    """How the energy of a slot is known, as numbered on chain."""

    MISSING = 0
    MEASURED = 1
    ESTIMATED = 2


class LaneWidth(Enum):
    """Layout of a meter's words; the value is the number of bits of one energy."""

    NARROW = 14
    WIDE = 28

    @property
    def lane_bits(self) -> int:
        """Bits from one lane to the next; a wide lane has two spare bits at its top."""
        return LANES_BITS // self.slots_per_word

    @property
    def slots_per_word(self) -> int:
        """Slots in one word."""
        return 8 if self is LaneWidth.NARROW else 4

    @property
    def words_per_day(self) -> int:
        """Words of one UTC day."""
        return SLOTS_PER_DAY // self.slots_per_word

    @property
    def max_energy_wh(self) -> Wh:
        """Largest energy one lane can hold."""
        return Wh((1 << self.value) - 1)


@dataclass(frozen=True, slots=True)
class SlotRegisters:
    """What both registers moved in one slot."""

    import_wh: Wh
    export_wh: Wh
    quality: Quality = Quality.MEASURED


def pack_lane(energies: SlotRegisters, width: LaneWidth) -> int:
    """One slot as a lane at bit 0.

    Raises:
        InvalidValueError: an energy does not fit the lane.
    """
    for name, energy_wh in (("import", energies.import_wh), ("export", energies.export_wh)):
        if not 0 <= energy_wh <= width.max_energy_wh:
            raise InvalidValueError(
                f"{name} of a slot does not fit a {width.name.lower()} lane",
                expected=f"0 to {width.max_energy_wh} Wh",
                found=f"{energy_wh} Wh",
            )
    bits = width.value
    return energies.import_wh | energies.export_wh << bits | energies.quality << 2 * bits


def unpack_lane(word: int, lane: int, width: LaneWidth) -> SlotRegisters:
    """One slot of a word.

    Raises:
        InvalidValueError: no such lane, or its quality is unknown.
    """
    if not 0 <= lane < width.slots_per_word:
        raise InvalidValueError(
            "no such lane", expected=f"0 to {width.slots_per_word - 1}", found=lane
        )
    bits = width.value
    value = word >> lane * width.lane_bits
    quality = (value & (1 << width.lane_bits) - 1) >> 2 * bits
    if quality > Quality.ESTIMATED:
        raise InvalidValueError(
            "unknown quality or spare bits in a lane", expected="0 to 2", found=quality
        )
    mask = (1 << bits) - 1
    return SlotRegisters(Wh(value & mask), Wh(value >> bits & mask), Quality(quality))


def pack_day(energies: Sequence[SlotRegisters], width: LaneWidth) -> tuple[bytes, ...]:
    """The 96 slots of a day as the words of a signed meter-day.

    Raises:
        InvalidValueError: not 96 slots, an energy does not fit, or a slot is not MEASURED.
    """
    if len(energies) != SLOTS_PER_DAY:
        raise InvalidValueError(
            "wrong number of slots in a day", expected=SLOTS_PER_DAY, found=len(energies)
        )
    words = []
    for first in range(0, SLOTS_PER_DAY, width.slots_per_word):
        word = 0
        for lane in range(width.slots_per_word):
            slot = energies[first + lane]
            if slot.quality is not Quality.MEASURED:
                raise InvalidValueError(
                    f"slot {first + lane} of a signed day",
                    expected="measured energy",
                    found=slot.quality.name,
                )
            word |= pack_lane(slot, width) << lane * width.lane_bits
        words.append(word.to_bytes(32, "big"))
    return tuple(words)


def unpack_day(words: Sequence[bytes], width: LaneWidth) -> tuple[SlotRegisters, ...]:
    """The 96 slots of the words of a signed meter-day.

    Raises:
        InvalidValueError: the words are not those of one day of this width.
    """
    if len(words) != width.words_per_day or any(len(word) != 32 for word in words):
        raise InvalidValueError(
            f"words of a {width.name.lower()} day",
            expected=f"{width.words_per_day} words of 32 bytes",
            found=f"{len(words)} words",
        )
    slots: list[SlotRegisters] = []
    for word in words:
        number = int.from_bytes(word, "big")
        if number >> width.slots_per_word * width.lane_bits:
            raise InvalidValueError(
                "bits above the last lane of a signed word", expected=0, found=hex(number)
            )
        slots.extend(unpack_lane(number, lane, width) for lane in range(width.slots_per_word))
    return tuple(slots)
