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
    /// @dev Bit 0 of every lane, narrow and wide.
    uint256 private constant NARROW_ONES = 1 | 1 << 30 | 1 << 60 | 1 << 90 | 1 << 120 | 1 << 150
        | 1 << 180 | 1 << 210;
    uint256 private constant WIDE_ONES = 1 | 1 << 60 | 1 << 120 | 1 << 180;

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
        return wide ? SLOTS_PER_DAY / 4 : SLOTS_PER_DAY / 8;
    }

    /// @dev Place of a slot: word of the ring, first bit of its lane, tag of the turn.
    function place(bool wide, uint256 slot)
        internal
        pure
        returns (uint256 index, uint256 shift, uint256 tag)
    {
        // Unchecked: at most 7 * 30 bits, and a quotient plus 1.
        unchecked {
            uint256 inRing = slot % RING_SLOTS;
            tag = slot / RING_SLOTS + 1;
            return wide
                ? (inRing / 4, (inRing % 4) * 60, tag)
                : (inRing / 8, (inRing % 8) * 30, tag);
        }
    }

    /// @dev Warning: callers keep both energies within `fieldBits`; the caps (V14) see to it.
    function packLane(bool wide, uint256 importWh, uint256 exportWh, Quality quality)
        internal
        pure
        returns (uint256)
    {
        uint256 bits = fieldBits(wide);
        return importWh | (exportWh << bits) | (uint256(quality) << (2 * bits));
    }

    /* READING */

    /// @dev Energy of one slot. Slots beyond the tag's range match no tag and read MISSING.
    function load(ReadingRing storage ring, bool wide, uint256 slot)
        internal
        view
        returns (uint256 importWh, uint256 exportWh, Quality quality)
    {
        (uint256 index, uint256 shift, uint256 tag) = place(wide, slot);
        uint256 word = _read(ring, index);
        if (word >> TAG_AT != tag) return (0, 0, Quality.MISSING);

        uint256 bits = fieldBits(wide);
        uint256 lane = word >> shift;
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
        (uint256 index, uint256 shift, uint256 tag) = place(wide, slot);
        uint256 lane = packLane(wide, importWh, exportWh, quality);
        _write(ring, index, _ofTurn(_read(ring, index), tag) | (lane << shift));
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
        uint256 importBefore = 0;
        uint256 exportBefore = 0;
        uint256 done = 0;
        while (done < count) {
            (uint256 index, uint256 shift, uint256 tag) = place(wide, fromSlot + done);
            uint256 word = _ofTurn(_read(ring, index), tag);
            for (; shift < TAG_AT && done < count; shift += laneBits(wide)) {
                ++done;
                uint256 importAfter = importWh * done / count;
                uint256 exportAfter = exportWh * done / count;
                uint256 lane = packLane(
                    wide, importAfter - importBefore, exportAfter - exportBefore, Quality.ESTIMATED
                );
                word |= lane << shift;
                (importBefore, exportBefore) = (importAfter, exportAfter);
            }
            _write(ring, index, word);
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
        // Unchecked: slots are below 2^26, indices and lanes below 96.
        unchecked {
            uint256 lanes = lanesPerWord(wide);
            for (uint256 i = firstLane / lanes; i < words.length; ++i) {
                (uint256 index,, uint256 tag) = place(wide, daySlot + i * lanes);
                uint256 word = uint256(words[i]) | (tag << TAG_AT);
                if (firstLane > i * lanes) {
                    // Lanes below the first new one keep what is on record.
                    uint256 kept = (1 << ((firstLane - i * lanes) * laneBits(wide))) - 1;
                    word = (word & ~kept) | (_ofTurn(_read(ring, index), tag) & kept);
                }
                _write(ring, index, word);
            }
        }
    }

    /* DAY WORDS */

    /// @dev Check a day's words (shape and caps) and add them up, to lane `join` and to the end. All
    /// lanes of a word at once: see `_addLanes` and `_requireCap`.
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
        uint256 ones = wide ? WIDE_ONES : NARROW_ONES;
        // Unchecked: 96 terms of at most 28 bits, indices below 96, and constants shifted within a word.
        unchecked {
            uint256 field = ((1 << bits) - 1) * ones;
            uint256 notEnergy = ~(field | (field << bits));
            uint256 measured = ones << (2 * bits);
            uint256 joinWord = join / lanes;
            for (uint256 i = 0; i < words.length; ++i) {
                uint256 word = uint256(words[i]);
                if (word & notEnergy != measured) {
                    revert IMeterReadings.MalformedDayWord(i, words[i]);
                }
                uint256 imports = word & field;
                uint256 exports = (word >> bits) & field;
                _requireCap(imports, importCapWh, wide, ones);
                _requireCap(exports, exportCapWh, wide, ones);
                if (i == joinWord) {
                    uint256 below = (1 << ((join % lanes) * laneBits(wide))) - 1;
                    joinImportWh = importWh + _addLanes(imports & below, wide, ones);
                    joinExportWh = exportWh + _addLanes(exports & below, wide, ones);
                }
                importWh += _addLanes(imports, wide, ones);
                exportWh += _addLanes(exports, wide, ones);
            }
        }
        if (join == SLOTS_PER_DAY) (joinImportWh, joinExportWh) = (importWh, exportWh);
    }

    /// @dev Sum of one energy per lane: multiplied by a 1 in every lane, the last lane holds the sum of
    /// all (at most 8 x 14 or 4 x 28 bits, it fits the lane); what overflows the word lies above it.
    function _addLanes(uint256 energies, bool wide, uint256 ones) private pure returns (uint256) {
        unchecked {
            return wide
                ? ((energies * ones) >> 180) & ((1 << 60) - 1)
                : ((energies * ones) >> 210) & ((1 << 30) - 1);
        }
    }

    /// @dev V14 for one energy per lane. Above every energy a bit is set and the energy is taken from
    /// `2^bits + cap`: the bit stays exactly where the energy does not exceed the cap. Caps fit the
    /// lane, so no lane borrows from its neighbour.
    function _requireCap(uint256 energies, uint256 capWh, bool wide, uint256 ones) private pure {
        unchecked {
            uint256 bits = fieldBits(wide);
            uint256 guards = ones << bits;
            if ((((capWh * ones) | guards) - energies) & guards == guards) return;

            // Name the first lane above the cap.
            uint256 mask = (1 << bits) - 1;
            while (energies & mask <= capWh) energies >>= laneBits(wide);
            revert IMeterReadings.EnergyAboveCap(energies & mask, capWh);
        }
    }

    /* WORDS */

    /// @dev The word as it stands in the turn `tag`: an older turn's content is dropped.
    function _ofTurn(uint256 word, uint256 tag) private pure returns (uint256) {
        return word >> TAG_AT == tag ? word : tag << TAG_AT;
    }

    /// @dev `ring.words[index]` without the bounds check and the masking of Solidity's array access,
    /// some 300 gas a word. Warning: `index` comes from `place`, so it is below 1,024.
    function _read(ReadingRing storage ring, uint256 index) private view returns (uint256 word) {
        assembly ("memory-safe") {
            word := sload(add(ring.slot, index))
        }
    }

    /// @dev As `_read`.
    function _write(ReadingRing storage ring, uint256 index, uint256 word) private {
        assembly ("memory-safe") {
            sstore(add(ring.slot, index), word)
        }
    }
}
