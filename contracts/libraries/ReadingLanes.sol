// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterReadings} from "../interfaces/IMeterReadings.sol";
import {Quality} from "../types/Metering.sol";
import {SLOTS_PER_DAY} from "./MeterConstants.sol";

/// @notice Slot energies of one meter: 4,096 slots (42 days) of lanes. Narrow words fill the first 512
/// places, wide words all 1,024.
struct ReadingRing {
    uint256[1024] words;
}

/// @notice Import, export and quality of the slots of a meter, packed in storage words that are used
/// again every 4,096 slots and never zeroed.
///
/// ```
/// narrow word      255    240 239    210       89     60 59     30 29             0
///                   +--------+---------+-- ... --+---------+---------+---------------+
///                   | tag 16 | lane 7  |         | lane 2  | lane 1  | lane 0        |
///                   +--------+---------+-- ... --+---------+---------+---------------+
///   lane i at bit 30 i:              | quality 2 << 28 | export 14 << 14 | import 14 |
///
/// wide word        255    240 239    180 179   120 119    60 59                     0
///                   +--------+---------+---------+---------+-------------------------+
///                   | tag 16 | lane 3  | lane 2  | lane 1  | lane 0                  |
///                   +--------+---------+---------+---------+-------------------------+
///   lane i at bit 60 i:    | 0 2 bits | quality 2 << 56 | export 28 << 28 | import 28 |
/// ```
/// Slot `s` lies in lane `s mod 8` (4) of word `(s mod 4096) / 8` (4). `tag = s / 4096 + 1` names the
/// turn of the ring: a word with another tag holds nothing of this turn and reads MISSING. Energies
/// are in Wh. A lane is written once a turn: slots are recorded in the order of time.
library ReadingLanes {
    uint256 internal constant RING_SLOTS = 4096;
    uint256 private constant TAG_AT = 240;
    /// @dev Bits of import and export of all 8 narrow or 4 wide lanes.
    uint256 private constant NARROW_ENERGY =
        0x0fffffff | 0x0fffffff << 30 | 0x0fffffff << 60 | 0x0fffffff << 90 | 0x0fffffff << 120
            | 0x0fffffff << 150 | 0x0fffffff << 180 | 0x0fffffff << 210;
    uint256 private constant WIDE_ENERGY = 0xffffffffffffff | 0xffffffffffffff << 60
        | 0xffffffffffffff << 120 | 0xffffffffffffff << 180;
    /// @dev Quality MEASURED in all lanes.
    uint256 private constant NARROW_MEASURED = 1 << 28 | 1 << 58 | 1 << 88 | 1 << 118 | 1 << 148
        | 1 << 178 | 1 << 208 | 1 << 238;
    uint256 private constant WIDE_MEASURED = 1 << 56 | 1 << 116 | 1 << 176 | 1 << 236;

    /* SHAPE */

    /// @dev Bits of one energy.
    function fieldBits(bool wide) internal pure returns (uint256) {
        return wide ? 28 : 14;
    }

    /// @dev Distance of two lanes in bits.
    function laneBits(bool wide) internal pure returns (uint256) {
        return wide ? 60 : 30;
    }

    function lanesPerWord(bool wide) internal pure returns (uint256) {
        return wide ? 4 : 8;
    }

    function wordsPerDay(bool wide) internal pure returns (uint256) {
        return SLOTS_PER_DAY / lanesPerWord(wide);
    }

    /// @dev Warning: callers keep both energies within `fieldBits`; caps see to it.
    function packLane(bool wide, uint256 importWh, uint256 exportWh, Quality quality)
        internal
        pure
        returns (uint256)
    {
        uint256 bits = fieldBits(wide);
        assert(importWh >> bits == 0 && exportWh >> bits == 0);
        return importWh | (exportWh << bits) | (uint256(quality) << (2 * bits));
    }

    /* READING */

    /// @dev Energy of one slot. Slots beyond the tag's range match no tag and read MISSING.
    function load(ReadingRing storage ring, bool wide, uint256 slot)
        internal
        view
        returns (uint256 importWh, uint256 exportWh, Quality quality)
    {
        uint256 lanes = lanesPerWord(wide);
        uint256 word = ring.words[(slot % RING_SLOTS) / lanes];
        if (word >> TAG_AT != slot / RING_SLOTS + 1) return (0, 0, Quality.MISSING);

        uint256 bits = fieldBits(wide);
        uint256 lane = word >> ((slot % lanes) * laneBits(wide));
        uint256 mask = (1 << bits) - 1;
        return (lane & mask, (lane >> bits) & mask, Quality((lane >> (2 * bits)) & 3));
    }

    /// @dev Sum over the slots of a run that are on record.
    function sum(ReadingRing storage ring, bool wide, uint256 fromSlot, uint256 count)
        internal
        view
        returns (uint256 importWh, uint256 exportWh)
    {
        for (uint256 slot = fromSlot; slot < fromSlot + count; ++slot) {
            (uint256 slotImportWh, uint256 slotExportWh,) = load(ring, wide, slot);
            importWh += slotImportWh;
            exportWh += slotExportWh;
        }
    }

    /* WRITING */

    /// @dev Record one slot. Warning: the caller records each slot once and in the order of time.
    function store(
        ReadingRing storage ring,
        bool wide,
        uint256 slot,
        uint256 importWh,
        uint256 exportWh,
        Quality quality
    ) internal {
        uint256 lanes = lanesPerWord(wide);
        uint256 index = (slot % RING_SLOTS) / lanes;
        uint256 word = _ofThisTurn(ring.words[index], slot);
        uint256 lane = packLane(wide, importWh, exportWh, quality);
        ring.words[index] = word | (lane << ((slot % lanes) * laneBits(wide)));
    }

    /// @dev Record a gap: slot `k` of `count` gets `floor(E (k + 1) / count) - floor(E k / count)`, so
    /// that every boundary is the linear interpolation rounded down and the sum is exact.
    function storeInterpolated(
        ReadingRing storage ring,
        bool wide,
        uint256 fromSlot,
        uint256 count,
        uint256 importWh,
        uint256 exportWh
    ) internal {
        uint256 lanes = lanesPerWord(wide);
        uint256 importBefore = 0;
        uint256 exportBefore = 0;
        uint256 done = 0;
        while (done < count) {
            uint256 slot = fromSlot + done;
            uint256 index = (slot % RING_SLOTS) / lanes;
            uint256 word = _ofThisTurn(ring.words[index], slot);
            uint256 position = slot % lanes;
            for (; position < lanes && done < count; ++position) {
                ++done;
                uint256 importAfter = importWh * done / count;
                uint256 exportAfter = exportWh * done / count;
                uint256 lane = packLane(
                    wide, importAfter - importBefore, exportAfter - exportBefore, Quality.ESTIMATED
                );
                word |= lane << (position * laneBits(wide));
                (importBefore, exportBefore) = (importAfter, exportAfter);
            }
            ring.words[index] = word;
        }
    }

    /// @dev Record lanes `firstLane ... 95` of a day whose words `sumDay` has checked. `daySlot` is a
    /// multiple of 96, so the day's words fall on whole words of the ring.
    function storeDay(
        ReadingRing storage ring,
        bool wide,
        uint256 daySlot,
        uint256 firstLane,
        bytes32[] calldata words
    ) internal {
        uint256 lanes = lanesPerWord(wide);
        for (uint256 i = firstLane / lanes; i < words.length; ++i) {
            uint256 slot = daySlot + i * lanes;
            uint256 index = (slot % RING_SLOTS) / lanes;
            uint256 word = uint256(words[i]) | ((slot / RING_SLOTS + 1) << TAG_AT);
            if (firstLane > i * lanes) {
                // Lanes below the first new one keep what is on record.
                uint256 kept = (1 << ((firstLane - i * lanes) * laneBits(wide))) - 1;
                word = (word & ~kept) | (_ofThisTurn(ring.words[index], slot) & kept);
            }
            ring.words[index] = word;
        }
    }

    /* DAY WORDS */

    /// @dev Check a day's words (shape and caps) and add them up, to lane `join` and to the end.
    function sumDay(
        bytes32[] calldata words,
        bool wide,
        uint256 importCapWh,
        uint256 exportCapWh,
        uint256 join
    )
        internal
        pure
        returns (uint256 joinImportWh, uint256 joinExportWh, uint256 importWh, uint256 exportWh)
    {
        if (words.length != wordsPerDay(wide)) {
            revert IMeterReadings.WrongWordCount(words.length, wordsPerDay(wide));
        }
        uint256 lanes = lanesPerWord(wide);
        uint256 bits = fieldBits(wide);
        uint256 pitch = laneBits(wide);
        uint256 mask = (1 << bits) - 1;
        uint256 energies = wide ? WIDE_ENERGY : NARROW_ENERGY;
        uint256 measured = wide ? WIDE_MEASURED : NARROW_MEASURED;

        // Unchecked: 96 terms of at most 28 bits, and indices below 96.
        unchecked {
            uint256 lane = 0;
            for (uint256 i = 0; i < words.length; ++i) {
                uint256 word = uint256(words[i]);
                if (word & ~energies != measured) {
                    revert IMeterReadings.MalformedDayWord(i, words[i]);
                }
                for (uint256 end = lane + lanes; lane < end; ++lane) {
                    if (lane == join) (joinImportWh, joinExportWh) = (importWh, exportWh);
                    uint256 energyWh = word & mask;
                    if (energyWh > importCapWh) {
                        revert IMeterReadings.EnergyAboveCap(energyWh, importCapWh);
                    }
                    importWh += energyWh;
                    energyWh = (word >> bits) & mask;
                    if (energyWh > exportCapWh) {
                        revert IMeterReadings.EnergyAboveCap(energyWh, exportCapWh);
                    }
                    exportWh += energyWh;
                    word >>= pitch;
                }
            }
        }
        if (join == SLOTS_PER_DAY) (joinImportWh, joinExportWh) = (importWh, exportWh);
    }

    /// @dev The word as it stands in the turn of `slot`: an older turn's content is dropped.
    function _ofThisTurn(uint256 word, uint256 slot) private pure returns (uint256) {
        uint256 tag = slot / RING_SLOTS + 1;
        return word >> TAG_AT == tag ? word : tag << TAG_AT;
    }
}
