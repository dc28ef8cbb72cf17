// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {OpeningView} from "../types/Auction.sol";
import {LevelWords} from "./LevelWords.sol";

/// @notice Frame of a product for both of its sessions, written when its first order is accepted.
///
/// ```
/// bit 255   240    31         30             14           7           0
///  +--------+------+----------+--------------+------------+-----------+
///  | tag 16 | zero | extended | reference 16 | highWord 7 | lowWord 7 |
///  +--------+------+----------+--------------+------------+-----------+
/// ```
/// - `tag`: turn of the ring (`Products.tag`); an opening of another turn means: not opened yet.
/// - `reference`: reference price in ticks, 0 if the zone had none.
/// - `lowWord`, `highWord`: first and last level word of the collar.
/// - `extended`: the auction's gate was moved once.
type Opening is uint256;

using Openings for Opening global;

/// @notice Named access to the fields of an `Opening`, and the collar rule.
library Openings {
    /// @dev 20 % of the reference.
    uint256 internal constant COLLAR_LOW_BPS = 2_000;
    /// @dev 500 % of the reference.
    uint256 internal constant COLLAR_HIGH_BPS = 50_000;
    /// @dev 50 % of the reference.
    uint256 internal constant EXTENSION_BPS = 5_000;
    uint256 internal constant BPS = 10_000;
    uint256 internal constant LAST_WORD = 127;

    uint256 private constant LOW_WORD = 0;
    uint256 private constant HIGH_WORD = 7;
    uint256 private constant REFERENCE = 14;
    uint256 private constant EXTENDED = 30;
    uint256 private constant TAG = 240;

    /// @notice Opening with the collar around `referenceTick_`, widened to whole level words; no collar if it is 0.
    function create(uint256 tag_, uint256 referenceTick_) internal pure returns (Opening) {
        uint256 low;
        uint256 high = LAST_WORD;
        if (referenceTick_ != 0) {
            low = referenceTick_ * COLLAR_LOW_BPS / BPS / LevelWords.TICKS_PER_WORD;
            high = referenceTick_ * COLLAR_HIGH_BPS / BPS / LevelWords.TICKS_PER_WORD;
            if (high > LAST_WORD) high = LAST_WORD;
        }
        return Opening.wrap(
            (tag_ << TAG) | (referenceTick_ << REFERENCE) | (high << HIGH_WORD) | (low << LOW_WORD)
        );
    }

    function isOfTurn(Opening opening, uint256 tag_) internal pure returns (bool) {
        return Opening.unwrap(opening) >> TAG == tag_;
    }

    /// @notice In ticks; 0 if the zone had no reference price.
    function referenceTick(Opening opening) internal pure returns (uint256) {
        return (Opening.unwrap(opening) >> REFERENCE) & 0xffff;
    }

    function lowWord(Opening opening) internal pure returns (uint256) {
        return (Opening.unwrap(opening) >> LOW_WORD) & LAST_WORD;
    }

    function highWord(Opening opening) internal pure returns (uint256) {
        return (Opening.unwrap(opening) >> HIGH_WORD) & LAST_WORD;
    }

    /// @notice Lowest price of the collar in ticks.
    function lowestTick(Opening opening) internal pure returns (uint256) {
        uint256 tick = opening.lowWord() * LevelWords.TICKS_PER_WORD;
        return tick == 0 ? 1 : tick;
    }

    /// @notice Highest price of the collar in ticks.
    function highestTick(Opening opening) internal pure returns (uint256) {
        return opening.highWord() * LevelWords.TICKS_PER_WORD + (LevelWords.TICKS_PER_WORD - 1);
    }

    function isExtended(Opening opening) internal pure returns (bool) {
        return (Opening.unwrap(opening) >> EXTENDED) & 1 != 0;
    }

    function withExtension(Opening opening) internal pure returns (Opening) {
        return Opening.wrap(Opening.unwrap(opening) | (1 << EXTENDED));
    }

    /// @notice Whether a price calls for an extension: more than 50 % away from the reference.
    function isFarOff(Opening opening, uint256 tick) internal pure returns (bool) {
        uint256 middle = opening.referenceTick();
        if (middle == 0) return false;
        uint256 distance = tick > middle ? tick - middle : middle - tick;
        return distance * BPS > middle * EXTENSION_BPS;
    }

    /// @notice Readable form. @param tag_ turn of the product that is asked for
    function unpack(Opening opening, uint256 tag_)
        internal
        pure
        returns (OpeningView memory answer)
    {
        if (!opening.isOfTurn(tag_)) return answer;
        answer = OpeningView({
            opened: true,
            referenceTick: opening.referenceTick(),
            lowestTick: opening.lowestTick(),
            highestTick: opening.highestTick(),
            extended: opening.isExtended()
        });
    }
}
