// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {ProductId} from "../types/Market.sol";
import {Products} from "./Products.sol";

/// @notice Open lots of eight neighbouring ticks of one side, `lots 28` at bit `28 * (tick mod 8)`,
/// and the turn of the ring (`tag 16` at bit 240). Never zeroed: a word of another turn is empty.
///
/// ```
/// bit 255   240    224      196            28      0
///  +--------+------+--------+---- ... ----+-------+
///  | tag 16 | zero | lane 7 |             | lane 0|
///  +--------+------+--------+---- ... ----+-------+
/// ```
type LevelWord is uint256;

/// @notice Top of one side of a book: which of its 128 level words hold open lots. The bid head also
/// counts the lots matched in the product. The collar is that of the product's opening, copied here
/// because placing reads the head just when a level word is used first.
///
/// ```
/// bit 255   240    206          199         192          128      0
///  +--------+------+------------+-----------+------------+--------+
///  | tag 16 | zero | highWord 7 | lowWord 7 | matched 64 | map 128|
///  +--------+------+------------+-----------+------------+--------+
/// ```
type BookHead is uint256;

using LevelWords for LevelWord global;
using BookHeads for BookHead global;

/// @notice Named access to the fields of a `LevelWord`.
library LevelWords {
    using Products for ProductId;

    uint256 internal constant TICKS_PER_WORD = 8;
    uint256 internal constant MAX_LOTS = (1 << LANE_BITS) - 1;

    uint256 internal constant LANE_BITS = 28;
    uint256 private constant LANES = (1 << (LANE_BITS * TICKS_PER_WORD)) - 1;
    uint256 private constant TAG = 240;

    /// @notice Storage key of the word with `tick`: `ringKey 36 | side 1 | word 7`.
    function key(ProductId product, uint256 side, uint256 tick) internal pure returns (uint256) {
        return (BookHeads.key(product, side) << 7) | (tick / TICKS_PER_WORD);
    }

    /// @notice The same from `place = side 1 | word 7`.
    function keyOf(ProductId product, uint256 place) internal pure returns (uint256) {
        return (product.ringKey() << 8) | place;
    }

    /// @notice The word itself if it is of this turn, else an empty one.
    function ofTurn(LevelWord word, uint256 tag) internal pure returns (LevelWord) {
        return LevelWord.unwrap(word) >> TAG == tag ? word : LevelWord.wrap(tag << TAG);
    }

    function isOfTurn(LevelWord word, uint256 tag) internal pure returns (bool) {
        return LevelWord.unwrap(word) >> TAG == tag;
    }

    function isEmpty(LevelWord word) internal pure returns (bool) {
        return LevelWord.unwrap(word) & LANES == 0;
    }

    function lots(LevelWord word, uint256 tick) internal pure returns (uint256) {
        return (LevelWord.unwrap(word) >> _shift(tick)) & MAX_LOTS;
    }

    /// @notice More lots at `tick`; reverts if the lane cannot hold them.
    function plus(LevelWord word, uint256 tick, uint256 lots_) internal pure returns (LevelWord) {
        uint256 shift = _shift(tick);
        // Orders are below 2^28 lots and so is the lane, before and after: no carry.
        unchecked {
            uint256 total = ((LevelWord.unwrap(word) >> shift) & MAX_LOTS) + lots_;
            if (total > MAX_LOTS) revert IEnergyMarket.LevelFull(total, MAX_LOTS);
            return LevelWord.wrap(LevelWord.unwrap(word) + (lots_ << shift));
        }
    }

    /// @notice Fewer lots at `tick`.
    /// @dev Lanes are the sums of their open orders, so the lane holds at least what one of them has;
    /// the assertion keeps a broken sum from borrowing from the next lane.
    function minus(LevelWord word, uint256 tick, uint256 lots_) internal pure returns (LevelWord) {
        uint256 shift = _shift(tick);
        assert((LevelWord.unwrap(word) >> shift) & MAX_LOTS >= lots_);
        unchecked {
            return LevelWord.wrap(LevelWord.unwrap(word) - (lots_ << shift));
        }
    }

    /// @notice Whether a lane above that of `tick` holds lots.
    function hasAbove(LevelWord word, uint256 tick) internal pure returns (bool) {
        return lanesAbove(word, tick) != 0;
    }

    /// @notice Whether a lane below that of `tick` holds lots.
    function hasBelow(LevelWord word, uint256 tick) internal pure returns (bool) {
        return lanesBelow(word, tick) != 0;
    }

    /// @notice The lanes above that of `tick`, moved down to bit 0.
    function lanesAbove(LevelWord word, uint256 tick) internal pure returns (uint256) {
        unchecked {
            return (LevelWord.unwrap(word) & LANES) >> (_shift(tick) + LANE_BITS);
        }
    }

    /// @notice The lanes below that of `tick`, in their places.
    function lanesBelow(LevelWord word, uint256 tick) internal pure returns (uint256) {
        unchecked {
            return LevelWord.unwrap(word) & ((1 << _shift(tick)) - 1);
        }
    }

    /// @notice Highest (`fromTop`) or lowest of the eight lanes that hold lots.
    /// @dev Warning: the word must not be empty.
    function bestLane(LevelWord word, bool fromTop) internal pure returns (uint256 lane) {
        lane = fromTop ? TICKS_PER_WORD - 1 : 0;
        while (lots(word, lane) == 0) fromTop ? --lane : ++lane;
    }

    function _shift(uint256 tick) private pure returns (uint256) {
        unchecked {
            return (tick % TICKS_PER_WORD) * LANE_BITS; // at most 7 * 28
        }
    }
}

/// @notice Named access to the fields of a `BookHead`.
library BookHeads {
    using Products for ProductId;

    uint256 private constant MAP = type(uint128).max;
    uint256 private constant MATCHED = 128;
    uint256 private constant LOW_WORD = 192;
    uint256 private constant HIGH_WORD = 199;
    uint256 private constant TAG = 240;

    /// @notice Storage key of a head: `ringKey 36 | side 1`.
    function key(ProductId product, uint256 side) internal pure returns (uint256) {
        return (product.ringKey() << 1) | side;
    }

    /// @notice The head itself if it is of this turn, else an empty one.
    function ofTurn(BookHead head, uint256 tag) internal pure returns (BookHead) {
        return BookHead.unwrap(head) >> TAG == tag ? head : BookHead.wrap(tag << TAG);
    }

    function isOfTurn(BookHead head, uint256 tag) internal pure returns (bool) {
        return BookHead.unwrap(head) >> TAG == tag;
    }

    /// @notice An empty head with its collar. @dev Warning: every argument must fit its field.
    function create(uint256 tag, uint256 lowWord_, uint256 highWord_)
        internal
        pure
        returns (BookHead)
    {
        return BookHead.wrap((tag << TAG) | (highWord_ << HIGH_WORD) | (lowWord_ << LOW_WORD));
    }

    /// @notice First level word of the collar.
    function lowWord(BookHead head) internal pure returns (uint256) {
        return (BookHead.unwrap(head) >> LOW_WORD) & 0x7f;
    }

    /// @notice Last level word of the collar.
    function highWord(BookHead head) internal pure returns (uint256) {
        return (BookHead.unwrap(head) >> HIGH_WORD) & 0x7f;
    }

    function map(BookHead head) internal pure returns (uint256) {
        return BookHead.unwrap(head) & MAP;
    }

    function matchedLots(BookHead head) internal pure returns (uint256) {
        return (BookHead.unwrap(head) >> MATCHED) & type(uint64).max;
    }

    function withWord(BookHead head, uint256 tick) internal pure returns (BookHead) {
        return BookHead.wrap(BookHead.unwrap(head) | _bit(tick));
    }

    function withoutWord(BookHead head, uint256 tick) internal pure returns (BookHead) {
        return BookHead.wrap(BookHead.unwrap(head) & ~_bit(tick));
    }

    /// @dev 64 bits: each match adds less than 2^28, and a product sees less than 2^32 orders.
    function withMatched(BookHead head, uint256 lots) internal pure returns (BookHead) {
        unchecked {
            return BookHead.wrap(BookHead.unwrap(head) + (lots << MATCHED));
        }
    }

    /// @notice Whether a level word above that of `tick` holds lots.
    function hasAbove(BookHead head, uint256 tick) internal pure returns (bool) {
        unchecked {
            return map(head) >> (tick / LevelWords.TICKS_PER_WORD + 1) != 0;
        }
    }

    /// @notice Whether a level word below that of `tick` holds lots.
    function hasBelow(BookHead head, uint256 tick) internal pure returns (bool) {
        unchecked {
            return BookHead.unwrap(head) & (_bit(tick) - 1) != 0;
        }
    }

    /// @notice Number of the highest (`fromTop`) or lowest level word that holds lots.
    /// @dev Warning: the map must not be empty.
    function bestWord(BookHead head, bool fromTop) internal pure returns (uint256 word) {
        uint256 bits = map(head);
        if (!fromTop) {
            unchecked {
                bits &= ~bits + 1; // keep the lowest bit alone; two's complement wraps on purpose
            }
        }
        for (uint256 half = 64; half != 0; half /= 2) {
            if (bits >> half != 0) {
                bits >>= half;
                word += half;
            }
        }
    }

    function _bit(uint256 tick) private pure returns (uint256) {
        return 1 << (tick / LevelWords.TICKS_PER_WORD);
    }
}
