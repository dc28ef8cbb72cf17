// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Where the reading of one side of a packed curve stands.
struct CurveScan {
    /// @dev Word not yet passed, and end of the side, in calldata.
    uint256 at;
    uint256 end;
    /// @dev Ticks from the end of the price range to the last step passed.
    uint256 passed;
    /// @dev Energies of the fine and of the coarse steps passed, by lane.
    uint256 fine;
    uint256 coarse;
    /// @dev 1 in each lane. Kept here, because the compiler fetches a constant of 32 bytes from the
    /// code at every use, 30 gas each time, and leaves on the stack what it read from memory.
    uint256 ones;
}

/// @notice Step curves of a zone packed for calldata, and their sums around a price.
///
/// ```
/// curve:  sellWords 8 | buyWords 8 | sell words | buy words            (big endian)
///
/// word:   step 7 (bits 255..224) | ... | step 1 | step 0 (bits 31..0)
///
/// step:   bit 31       19              0
///          +--------+--------------+-----------+
///          | coarse | distance 12  | energy 19 |
///          +--------+--------------+-----------+
/// ```
/// Steps stand best first: sells from the lowest price up, buys from the highest price down. `distance`
/// is the way from the step before, the first one's from the end of the price range (sells: the lowest
/// price, buys: the highest), so a curve is sorted by construction. It counts order ticks and `energy`
/// counts units; in a coarse step they count 100 ticks and 100 units. A step of energy 0 only moves the
/// price, and zero steps fill the last word of a side. A real curve takes about 4.5 bytes a step.
///
/// Eight steps are handled at once: one multiplication by `ONES` adds up eight lanes of 32 bits.
///
/// Why the arithmetic is unchecked: a side has at most 255 words or 2,040 steps, so distances add up to
/// 2,040 * 4,095 * 100 < 2^30 and energies of one unit to 2,040 * (2^19 - 1) < 2^31: no lane overflows.
library PackedCurves {
    /// @dev Bytes before the words: the two counts. They are part of a curve's hash, or a proposer
    /// could move the border between sells and buys.
    uint256 internal constant HEADER_BYTES = 2;
    /// @dev What a coarse step counts in.
    uint256 internal constant COARSE = 100;

    uint256 private constant WORD_BYTES = 32;
    uint256 private constant ENERGY_BITS = 19;
    uint256 private constant DISTANCE_BITS = 12;
    uint256 private constant ENERGY = (1 << ENERGY_BITS) - 1;
    uint256 private constant TOP_LANE = 224;
    /// @dev 1 in each of the eight lanes.
    uint256 private constant ONES = type(uint256).max / ((1 << 32) - 1);
    /// @dev Coarse flag, distance and energy of each lane.
    uint256 private constant FLAGS = ONES << 31;
    uint256 private constant DISTANCES = ONES * ((1 << DISTANCE_BITS) - 1);
    uint256 private constant ENERGIES = ONES * ENERGY;

    /// @notice Bytes of the curve that starts at `at` in calldata.
    function length(uint256 at) internal pure returns (uint256) {
        (uint256 sellWords, uint256 buyWords) = _counts(at);
        unchecked {
            return HEADER_BYTES + WORD_BYTES * (sellWords + buyWords);
        }
    }

    /// @notice Start reading the two sides of a curve.
    function open(uint256 at)
        internal
        pure
        returns (CurveScan memory sells, CurveScan memory buys)
    {
        (uint256 sellWords, uint256 buyWords) = _counts(at);
        unchecked {
            sells.at = at + HEADER_BYTES;
            sells.end = sells.at + WORD_BYTES * sellWords;
            buys.at = sells.end;
            buys.end = sells.end + WORD_BYTES * buyWords;
            sells.ones = ONES;
            buys.ones = ONES;
        }
    }

    /// @notice Energy of a side that is strictly better than an order at `distance`, and at least as
    /// good.
    /// @dev Reads on from where the last call with this `side` stopped: distances must not fall from
    /// call to call.
    /// @param distance sells: price minus lowest price, buys: highest price minus price
    /// @param tick order tick in units of `distance`
    function advance(CurveScan memory side, uint256 distance, uint256 tick)
        internal
        pure
        returns (uint256 better, uint256 asGood)
    {
        unchecked {
            uint256 at = side.at;
            uint256 end = side.end;
            uint256 ones = side.ones;
            // A step is better if it lies less than `betterEnd` ticks beyond the last word's end, as
            // good if less than `betterEnd + tieWidth`.
            uint256 betterEnd = (distance + tick - 1) / tick;
            uint256 tieWidth = distance / tick + 1 - betterEnd;
            betterEnd -= side.passed;
            side.passed += betterEnd;
            uint256 fine = side.fine;
            uint256 coarse = side.coarse;
            bool found; // the word with the price, from which the next call reads on
            for (; at < end; at += WORD_BYTES) {
                (uint256 fineHere, uint256 coarseHere, uint256 distances) = _unpack(_word(at));
                distances *= ones; // lane i: way from the last word's end to step i
                uint256 last = distances >> TOP_LANE;
                if (last < betterEnd) {
                    fine += fineHere;
                    coarse += coarseHere;
                    betterEnd -= last;
                } else {
                    if (!found) {
                        found = true;
                        _stopAt(side, at, betterEnd, fine, coarse);
                    }
                    uint256 lanes = _below(distances, betterEnd, ones);
                    fine += fineHere & lanes;
                    coarse += coarseHere & lanes;
                    if (tieWidth == 0) break;
                    uint256 asGoodEnd = betterEnd + tieWidth;
                    lanes ^= _below(distances, asGoodEnd, ones);
                    asGood += _total(fineHere & lanes, coarseHere & lanes, ones);
                    if (last >= asGoodEnd) break; // and so do all steps that follow
                    // Many orders tie: what follows can at best tie too.
                    betterEnd = 0;
                    tieWidth = asGoodEnd - last;
                }
            }
            if (!found) _stopAt(side, at, betterEnd, fine, coarse);
            better = _total(fine, coarse, ones);
            asGood += better;
        }
    }

    /// @dev Where the next call reads on; `passed` stands at the price and goes back to the word's
    /// beginning.
    function _stopAt(
        CurveScan memory side,
        uint256 at,
        uint256 betterEnd,
        uint256 fine,
        uint256 coarse
    ) private pure {
        side.at = at;
        unchecked {
            side.passed -= betterEnd; // what is left of a larger number
        }
        side.fine = fine;
        side.coarse = coarse;
    }

    /// @dev Energies of the fine and of the coarse steps of a word, and distances in ticks, by lane.
    function _unpack(uint256 word)
        private
        pure
        returns (uint256 fine, uint256 coarse, uint256 distances)
    {
        unchecked {
            fine = word & ENERGIES;
            distances = (word >> ENERGY_BITS) & DISTANCES;
            uint256 flags = word & FLAGS;
            if (flags != 0) {
                // A flag minus a lower bit of its lane sets all bits between them.
                coarse = word & ((flags - (flags >> ENERGY_BITS)) >> DISTANCE_BITS);
                fine ^= coarse;
                distances +=
                    ((word & (flags - (flags >> DISTANCE_BITS))) >> ENERGY_BITS) * (COARSE - 1);
            }
        }
    }

    /// @dev Energy bits set in each lane that holds less than `limit`: there the flag survives.
    function _below(uint256 lanes, uint256 limit, uint256 ones) private pure returns (uint256) {
        unchecked {
            return ((((limit * ones) | FLAGS) - lanes - ones & FLAGS) >> 31) * ENERGY;
        }
    }

    /// @dev Sum of all lanes, in units: the top lane of the product with ones.
    function _total(uint256 fine, uint256 coarse, uint256 ones) private pure returns (uint256) {
        unchecked {
            return (fine * ones >> TOP_LANE) + COARSE * (coarse * ones >> TOP_LANE);
        }
    }

    function _counts(uint256 at) private pure returns (uint256 sellWords, uint256 buyWords) {
        uint256 word = _word(at);
        sellWords = word >> 248;
        buyWords = uint8(word >> 240);
    }

    function _word(uint256 at) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(at)
        }
    }
}
