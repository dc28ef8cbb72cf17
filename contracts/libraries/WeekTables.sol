// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice What is normal in each quarter hour of the week, two quarter hours a word.
///
/// ```
/// bit 240            224            176        128            112            96             48         0
///  +------+-----------+--------------+----------+------+-------+--------------+----------+
///  | zero | factor 16 | supply W 48  | demand W 48      | zero 16 | factor 16 | supply W | demand W |
///  +------+-----------+--------------+----------+------+-------+--------------+----------+
/// ```
/// The lower half is the even quarter hour. `factor`: time factor in basis points, 0 for none.
library WeekTables {
    uint256 internal constant SLOTS = 672;
    uint256 internal constant WORDS = SLOTS / 2;
    /// @dev Bits of a word that no field has.
    uint256 internal constant UNUSED = (uint256(0xffff) << 240) | (uint256(0xffff) << 112);

    uint256 private constant HALF = 128;
    uint256 private constant SUPPLY = 48;
    uint256 private constant FACTOR = 96;
    /// @dev Monday 00:00 UTC is where `(slot - 384) mod 672 == 0`; a week more keeps the sum above 0.
    int256 private constant WEEK_SHIFT = 2 * 672 - 384;

    /// @notice Quarter hour of the local week, 0 is Monday 00:00.
    function indexOf(uint256 slot, int256 utcOffsetSlots) internal pure returns (uint256) {
        // Slots have 32 bits, offsets 8.
        return uint256(int256(slot) + utcOffsetSlots + WEEK_SHIFT) % SLOTS;
    }

    /// @notice What a table's word says of quarter hour `index`.
    function read(uint256 word, uint256 index)
        internal
        pure
        returns (uint48 normalDemandW, uint48 normalSupplyW, uint16 timeFactorBps)
    {
        uint256 half = word >> (index % 2 * HALF);
        // The low bits of each field.
        return (uint48(half), uint48(half >> SUPPLY), uint16(half >> FACTOR));
    }
}
