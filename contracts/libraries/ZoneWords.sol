// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Halt, HaltScope, MarketTerms} from "../types/MarketTerms.sol";

/// @notice Money rules in 33 bits: `tradingFeeBps 7 | networkFee 16 | capTicks 10`, the network fee in
/// units of 1,000 base units per kWh. Zero means: no terms.
type PackedTerms is uint256;

/// @notice All that placing an order asks of its zone, in one storage word.
///
/// ```
/// bit 251          212       184         156          154           126         93            65
///  +---------------+---------+-----------+------------+-------------+-----------+-------------+
///  | haltExpires 40| haltTo28| haltFrom28| haltScope 2| nextFrom 28 | next 33   | current     |
///  +---------------+---------+-----------+------------+-------------+-----------+ From 28     |
/// bit 64           32        0
///  +---------------+---------+
///  | current 33    | seq 32  |
///  +---------------+---------+
/// ```
/// - `seq`: orders accepted so far.
/// - a halt whose `haltExpires` is `FOREVER` is the end of the zone's market: products with slots from `haltFrom` on are void.
/// - `current` holds from slot `currentFrom`, `next` from `nextFrom` (`NEVER`: no change known). Terms before
///   `currentFrom` lie in a history of their own, off the hot path.
type ZoneWord is uint256;

using TermsLib for PackedTerms global;
using ZoneWords for ZoneWord global;

/// @notice Packing and named access.
library TermsLib {
    uint256 internal constant MAX_CAP_TICKS = (1 << 10) - 1;
    uint256 internal constant MAX_NETWORK_FEE_UNITS = (1 << 16) - 1;
    uint256 internal constant NETWORK_FEE_UNIT = 1000;

    /// @dev Warning: the terms must have been checked.
    function pack(MarketTerms calldata terms, uint256 tickSize) internal pure returns (PackedTerms) {
        return PackedTerms.wrap(
            (terms.tradingFeeBps << 26) | ((terms.networkFeePerKWh / NETWORK_FEE_UNIT) << 10)
                | (terms.shortPriceCap / tickSize)
        );
    }

    function unpack(PackedTerms terms, uint256 tickSize)
        internal
        pure
        returns (MarketTerms memory)
    {
        return MarketTerms({
            shortPriceCap: terms.capTicks() * tickSize,
            networkFeePerKWh: terms.networkFeeUnits() * NETWORK_FEE_UNIT,
            tradingFeeBps: terms.tradingFeeBps()
        });
    }

    function exist(PackedTerms terms) internal pure returns (bool) {
        return PackedTerms.unwrap(terms) != 0;
    }

    function capTicks(PackedTerms terms) internal pure returns (uint256) {
        return PackedTerms.unwrap(terms) & 0x3ff;
    }

    /// @notice In 1,000 base units per kWh, which is also base units per Wh.
    function networkFeeUnits(PackedTerms terms) internal pure returns (uint256) {
        return (PackedTerms.unwrap(terms) >> 10) & 0xffff;
    }

    function tradingFeeBps(PackedTerms terms) internal pure returns (uint256) {
        return (PackedTerms.unwrap(terms) >> 26) & 0x7f;
    }
}

/// @notice Named access to the fields of a `ZoneWord`.
library ZoneWords {
    /// @dev The last slot that 28 bits count, in the year 9,600.
    uint256 internal constant NEVER = (1 << 28) - 1;

    /// @dev The last second that 40 bits count, in the year 36,812.
    uint256 internal constant FOREVER = (1 << 40) - 1;

    uint256 private constant MASK_28 = (1 << 28) - 1;
    uint256 private constant MASK_33 = (1 << 33) - 1;
    uint256 private constant CURRENT = 32;
    uint256 private constant CURRENT_FROM = 65;
    uint256 private constant NEXT = 93;
    uint256 private constant NEXT_FROM = 126;
    uint256 private constant HALT_SCOPE = 154;
    uint256 private constant HALT_FROM = 156;
    uint256 private constant HALT_TO = 184;
    uint256 private constant HALT_EXPIRES = 212;

    uint256 private constant TERMS_FIELDS = ((1 << (HALT_SCOPE - CURRENT)) - 1) << CURRENT;
    uint256 private constant HALT_FIELDS = type(uint256).max << HALT_SCOPE;

    /* READING */

    function sequence(ZoneWord word) internal pure returns (uint256) {
        return ZoneWord.unwrap(word) & 0xffffffff;
    }

    function current(ZoneWord word) internal pure returns (PackedTerms) {
        return PackedTerms.wrap((ZoneWord.unwrap(word) >> CURRENT) & MASK_33);
    }

    function currentFrom(ZoneWord word) internal pure returns (uint256) {
        return (ZoneWord.unwrap(word) >> CURRENT_FROM) & MASK_28;
    }

    function next(ZoneWord word) internal pure returns (PackedTerms) {
        return PackedTerms.wrap((ZoneWord.unwrap(word) >> NEXT) & MASK_33);
    }

    function nextFrom(ZoneWord word) internal pure returns (uint256) {
        return (ZoneWord.unwrap(word) >> NEXT_FROM) & MASK_28;
    }

    /// @notice Terms of products that start at `slot`, for slots from `currentFrom` on.
    function termsFrom(ZoneWord word, uint256 slot) internal pure returns (PackedTerms) {
        return slot < word.nextFrom() ? word.current() : word.next();
    }

    function halt(ZoneWord word) internal pure returns (Halt memory) {
        uint256 raw = ZoneWord.unwrap(word);
        return Halt({
            scope: HaltScope((raw >> HALT_SCOPE) & 3),
            // The fields are 28 and 40 bits wide: nothing is cut off.
            fromSlot: uint32((raw >> HALT_FROM) & MASK_28),
            toSlot: uint32((raw >> HALT_TO) & MASK_28),
            expiresAt: uint40(word.haltExpiresAt())
        });
    }

    function haltExpiresAt(ZoneWord word) internal pure returns (uint256) {
        return ZoneWord.unwrap(word) >> HALT_EXPIRES;
    }

    /// @notice First slot that is void because the zone's market is closed for ever; 0 while it is not.
    function closedFrom(ZoneWord word) internal pure returns (uint256) {
        return word.haltExpiresAt() == FOREVER
            ? (ZoneWord.unwrap(word) >> HALT_FROM) & MASK_28
            : 0;
    }

    /// @notice Whether the halt, if it has not expired, stops `what` (PLACE or MATCH) for the slots
    /// [startSlot, startSlot + length).
    function haltCovers(ZoneWord word, HaltScope what, uint256 startSlot, uint256 length)
        internal
        pure
        returns (bool)
    {
        uint256 raw = ZoneWord.unwrap(word);
        return (raw >> HALT_SCOPE) & uint256(what) != 0 && startSlot < (raw >> HALT_TO) & MASK_28
            && startSlot + length > (raw >> HALT_FROM) & MASK_28;
    }

    /* CHANGING */

    /// @dev Warning: the caller sees to it that the sequence stays below 2^32.
    function withNextSequence(ZoneWord word) internal pure returns (ZoneWord) {
        unchecked {
            return ZoneWord.wrap(ZoneWord.unwrap(word) + 1);
        }
    }

    /// @dev Warning: slots must be below 2^28.
    function withTerms(
        ZoneWord word,
        PackedTerms current_,
        uint256 currentFrom_,
        PackedTerms next_,
        uint256 nextFrom_
    ) internal pure returns (ZoneWord) {
        return ZoneWord.wrap(
            (ZoneWord.unwrap(word) & ~TERMS_FIELDS) | (PackedTerms.unwrap(current_) << CURRENT)
                | (currentFrom_ << CURRENT_FROM) | (PackedTerms.unwrap(next_) << NEXT)
                | (nextFrom_ << NEXT_FROM)
        );
    }

    /// @dev Warning: slots must be below 2^28.
    function withHalt(ZoneWord word, Halt memory halt_) internal pure returns (ZoneWord) {
        return ZoneWord.wrap(
            (ZoneWord.unwrap(word) & ~HALT_FIELDS) | (uint256(halt_.scope) << HALT_SCOPE)
                | (uint256(halt_.fromSlot) << HALT_FROM) | (uint256(halt_.toSlot) << HALT_TO)
                | (uint256(halt_.expiresAt) << HALT_EXPIRES)
        );
    }
}
