// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Sums} from "../types/CoupledMarket.sol";

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
/// Steps stand best first: sells from the lowest price up, buys from the highest price down. `distance` is
/// the way from the step before, the first one's from the end of the price range (sells: the lowest price,
/// buys: the highest), so a curve is sorted by construction. It counts order ticks and `energy` counts
/// units; in a coarse step they count 100 ticks and 100 units. A step of energy 0 only moves the
/// price, and zero steps fill the last word of a side. Most steps of a real curve take 4 bytes and none more than 12.
///
/// Eight steps are handled at once: one multiplication by `ONES` adds up eight lanes of 32 bits.
///
/// Why the arithmetic is unchecked: a side has at most 255 words or 2,040 steps, so distances add up to
/// 2,040 * 4,095 * 100 < 2^30 and energies of one unit to 2,040 * (2^19 - 1) < 2^31: no lane overflows.
library PackedCurves {
    /// @dev Bytes before the words: the two counts. They are part of a curve's hash, or a proposer could move
    /// the border between sells and buys.
    uint256 internal constant HEADER_BYTES = 2;
    /// @dev What a coarse step counts in.
    uint256 internal constant COARSE = 100;

    uint256 private constant WORD_BYTES = 32;
    uint256 private constant ENERGY_BITS = 19;
    uint256 private constant ENERGY = (1 << ENERGY_BITS) - 1;
    uint256 private constant DISTANCE = (1 << 12) - 1;
    uint256 private constant TOP_LANE = 224;
    /// @dev 1 in each of the eight lanes.
    uint256 private constant ONES =
        0x0000000100000001000000010000000100000001000000010000000100000001;
    /// @dev The highest bit of each lane.
    uint256 private constant FLAGS = ONES << 31;

    /// @notice Bytes of the curve that starts at `at` in calldata.
    function length(uint256 at) internal pure returns (uint256) {
        (uint256 sellWords, uint256 buyWords) = _counts(at);
        unchecked {
            return HEADER_BYTES + WORD_BYTES * (sellWords + buyWords);
        }
    }

    /// @notice Sums of the curve around a price.
    /// @dev Warning: the distances are not negative and, in ticks, below 2^31 - 1.
    /// @param at place of the curve in calldata
    /// @param sellDistance price minus lowest price
    /// @param buyDistance highest price minus price
    /// @param tick order tick in units of the distances
    function sums(uint256 at, uint256 sellDistance, uint256 buyDistance, uint256 tick)
        internal
        pure
        returns (Sums memory result)
    {
        unchecked {
            (uint256 sellWords, uint256 buyWords) = _counts(at);
            uint256 sells = at + HEADER_BYTES;
            uint256 buys = sells + WORD_BYTES * sellWords;
            (result.sellsBelow, result.sellsUpTo) = _side(sells, buys, sellDistance, tick);
            (result.buysAbove, result.buysFrom) =
                _side(buys, buys + WORD_BYTES * buyWords, buyDistance, tick);
        }
    }

    /// @dev Energy strictly better than an order at `distance`, and at least as good.
    function _side(uint256 at, uint256 end, uint256 distance, uint256 tick)
        private
        pure
        returns (uint256 better, uint256 asGood)
    {
        unchecked {
            // Counted from 1, so that the last better distance does not fall below 0.
            uint256 lastAsGood = distance / tick + 1;
            uint256 lastBetter = distance % tick == 0 ? lastAsGood - 1 : lastAsGood;
            uint256 before = ONES; // distance of the last step, in every lane
            uint256 units; // energies of better fine steps, lane by lane
            uint256 coarseUnits; // and of coarse ones
            uint256 tied;
            uint256 coarseTied;
            for (; at < end; at += WORD_BYTES) {
                (uint256 energies, uint256 coarseEnergies, uint256 distances) = _unpack(_word(at));
                distances = distances * ONES + before; // lane i: its own step and all before it
                uint256 last = distances >> TOP_LANE;
                if (last <= lastBetter) {
                    units += energies;
                    coarseUnits += coarseEnergies;
                } else {
                    uint256 betterLanes = _upTo(distances, lastBetter);
                    uint256 tiedLanes = (_upTo(distances, lastAsGood) - betterLanes) * ENERGY;
                    betterLanes *= ENERGY; // now masks
                    units += energies & betterLanes;
                    tied += energies & tiedLanes;
                    coarseUnits += coarseEnergies & betterLanes;
                    coarseTied += coarseEnergies & tiedLanes;
                    if (last > lastAsGood) break; // and so is every step that follows
                }
                before = last * ONES;
            }
            better = _total(units) + COARSE * _total(coarseUnits);
            asGood = better + _total(tied) + COARSE * _total(coarseTied);
        }
    }

    /// @dev Energies of the fine and of the coarse steps of a word, and all distances in ticks, by lane.
    function _unpack(uint256 word)
        private
        pure
        returns (uint256 energies, uint256 coarseEnergies, uint256 distances)
    {
        unchecked {
            energies = word & (ONES * ENERGY);
            distances = (word >> ENERGY_BITS) & (ONES * DISTANCE);
            uint256 coarse = word & FLAGS;
            if (coarse != 0) {
                coarse >>= 31; // 1 in each coarse lane
                distances += (distances & (coarse * DISTANCE)) * (COARSE - 1);
                coarseEnergies = energies & (coarse * ENERGY);
                energies ^= coarseEnergies;
            }
        }
    }

    /// @dev 1 in each lane that holds at most `limit`: there the flag survives the subtraction.
    function _upTo(uint256 lanes, uint256 limit) private pure returns (uint256) {
        unchecked {
            return ((((limit * ONES) | FLAGS) - lanes) & FLAGS) >> 31;
        }
    }

    /// @dev Sum of eight lanes: the product's top lane.
    function _total(uint256 lanes) private pure returns (uint256) {
        unchecked {
            return (lanes * ONES) >> TOP_LANE;
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
