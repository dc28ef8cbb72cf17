// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ProductId} from "../types/Market.sol";
import {BookHead, BookHeads, LevelWord, LevelWords} from "./LevelWords.sol";

/// @notice Sums over the price levels of one side of a book. They read the head and the level words
/// that hold something, nothing else, so their cost is bounded by the number of price levels whatever
/// the number of orders.
/// @dev A word whose bit is set in the head is of the head's turn and not empty (`BookLevels`
/// keeps it so), hence no word is asked for its tag.
///
/// Eight lanes are added at once: even and odd lanes are laid over each other, which makes four fields
/// of 56 bits, and such words are added up field by field. A side has 128 words, so a field stays
/// below 128 * 2^29 = 2^36 and never carries into the next.
library LevelSums {
    uint256 private constant TICKS = LevelWords.TICKS_PER_WORD;
    uint256 private constant LANE = LevelWords.LANE_BITS;
    uint256 private constant FIELD = 2 * LANE;
    /// @dev 1 in each field.
    uint256 private constant ONES = 1 | (1 << FIELD) | (1 << 2 * FIELD) | (1 << 3 * FIELD);
    /// @dev The even lanes.
    uint256 private constant EVEN = LevelWords.MAX_LOTS * ONES;

    /// @notice Lots of the side above `tick`, and at it.
    /// @param words the head's map
    /// @param headKey `BookHeads.key` of product and side
    function above(
        mapping(uint256 levelKey => LevelWord) storage levels,
        uint256 words,
        uint256 headKey,
        uint256 tick
    ) internal view returns (uint256 higher, uint256 equal) {
        unchecked {
            uint256 word = tick / TICKS;
            uint256 key = (headKey << 7) | word;
            uint256 fields;
            words >>= word;
            if (words & 1 != 0) {
                LevelWord level = levels[key];
                equal = level.lots(tick);
                fields = _paired(level.lanesAbove(tick));
            }
            higher = _total(fields + _fields(levels, words >> 1, key + 1));
        }
    }

    /// @notice Lots of the side below `tick`, and at it. Parameters as for `above`.
    function below(
        mapping(uint256 levelKey => LevelWord) storage levels,
        uint256 words,
        uint256 headKey,
        uint256 tick
    ) internal view returns (uint256 lower, uint256 equal) {
        unchecked {
            uint256 word = tick / TICKS;
            uint256 key = headKey << 7;
            uint256 fields;
            words &= (2 << word) - 1;
            if (words >> word != 0) {
                LevelWord level = levels[key | word];
                equal = level.lots(tick);
                fields = _paired(level.lanesBelow(tick));
                words ^= 1 << word;
            }
            lower = _total(fields + _fields(levels, words, key));
        }
    }

    /// @notice Whether the side holds lots anywhere from `first` to `last`, both included.
    /// Parameters as for `above`.
    function anyWithin(
        mapping(uint256 levelKey => LevelWord) storage levels,
        uint256 words,
        uint256 headKey,
        uint256 first,
        uint256 last
    ) internal view returns (bool) {
        unchecked {
            if (first > last) return false;
            uint256 firstWord = first / TICKS;
            uint256 lastWord = last / TICKS;
            uint256 key = headKey << 7;
            words &= (2 << lastWord) - (1 << firstWord);
            if (words & ~((1 << firstWord) | (1 << lastWord)) != 0) return true;
            if (words >> firstWord & 1 != 0) {
                LevelWord word = levels[key | firstWord];
                if (word.lots(first) != 0) return true;
                // Above `first` and, in the same word, not above `last`.
                uint256 lanes = word.lanesAbove(first);
                if (firstWord == lastWord) lanes &= (1 << (last - first) * LANE) - 1;
                if (lanes != 0) return true;
            }
            if (firstWord == lastWord || words >> lastWord == 0) return false;
            LevelWord end = levels[key | lastWord];
            return end.lots(last) != 0 || end.lanesBelow(last) != 0;
        }
    }

    /// @dev Sum, field by field, of the level words from `key` on whose bits are set in `words`.
    ///
    /// Clearing spends its time here, a hundred times for every zone: written by hand because the compiler
    /// takes twice the gas around each `SLOAD`.
    function _fields(
        mapping(uint256 levelKey => LevelWord) storage levels,
        uint256 words,
        uint256 key
    ) private view returns (uint256 fields) {
        uint256 even = EVEN;
        uint256 lane = LANE;
        assembly ("memory-safe") {
            // In the scratch space: what the place of `levels[key]` is the hash of.
            mstore(0x20, levels.slot)
            // Words far from the price are few: walk to the first one eight at a time.
            for {} and(iszero(and(words, 0xff)), gt(words, 0)) { words := shr(8, words) } {
                key := add(key, 8)
            }
            for {} words { words := shr(1, words) } {
                if and(words, 1) {
                    mstore(0x00, key)
                    let word := sload(keccak256(0x00, 0x40))
                    fields := add(fields, add(and(word, even), and(shr(lane, word), even)))
                }
                key := add(key, 1)
            }
        }
    }

    /// @dev Even and odd lanes laid over each other.
    function _paired(uint256 lanes) private pure returns (uint256) {
        unchecked {
            return (lanes & EVEN) + ((lanes >> LANE) & EVEN);
        }
    }

    /// @dev The product's highest field of 56 bits is the sum of all four.
    function _total(uint256 fields) private pure returns (uint256) {
        unchecked {
            return (fields * ONES >> 3 * FIELD) & ((1 << FIELD) - 1);
        }
    }
}
