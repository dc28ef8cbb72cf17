// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Up to eight ids of 32 bits in a word, in the order in which they came.
///
/// ```
/// bit 255       224           63     32        0
///  +-------------+-----------+--------+---------+
///  | eighth id   |    ...    | second | first   |      0: free, and so is all above it
///  +-------------+-----------+--------+---------+
/// ```
type IdList is uint256;

using IdListLib for IdList global;

/// @notice Reading and changing an `IdList`.
library IdListLib {
    uint256 internal constant LONGEST = 8;
    uint256 private constant LANE = 32;

    function length(IdList list) internal pure returns (uint256 count) {
        for (uint256 raw = IdList.unwrap(list); raw != 0; raw >>= LANE) ++count;
    }

    /// @notice The id at a place; 0 beyond the last one.
    function at(IdList list, uint256 index) internal pure returns (uint32) {
        return uint32(IdList.unwrap(list) >> (LANE * index));
    }

    /// @dev Warning: `id` must not be 0 and `count`, the length of the list, must be below `LONGEST`.
    function withAdded(IdList list, uint32 id, uint256 count) internal pure returns (IdList) {
        return IdList.wrap(IdList.unwrap(list) | (uint256(id) << (LANE * count)));
    }

    /// @notice The list without an id; the others keep their order. One that is not in it changes nothing.
    function without(IdList list, uint32 id) internal pure returns (IdList) {
        uint256 raw = IdList.unwrap(list);
        for (uint256 shift; raw >> shift != 0; shift += LANE) {
            if (uint32(raw >> shift) == id) {
                uint256 before = raw & ((1 << shift) - 1);
                // At the last lane nothing is left above: a shift by 256 gives 0.
                return IdList.wrap(before | ((raw >> (shift + LANE)) << shift));
            }
        }
        return list;
    }
}
