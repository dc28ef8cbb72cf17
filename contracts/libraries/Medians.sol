// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice The middle of a few values.
library Medians {
    /// @notice Put values in ascending order, in place. For a few values: the cost grows with their number squared.
    function sort(int256[] memory values) internal pure {
        uint256 count = values.length;
        // Unchecked: indices stay below the length, and `j` is at least 1 where it is lowered.
        unchecked {
            for (uint256 i = 1; i < count; ++i) {
                int256 value = values[i];
                uint256 j = i;
                while (j != 0 && values[j - 1] > value) {
                    values[j] = values[j - 1];
                    --j;
                }
                values[j] = value;
            }
        }
    }

    /// @notice The middle value, or the mean of the two middle ones rounded down (towards minus infinity).
    /// @param values ascending, at least one, of at most 255 bits each
    function ofSorted(int256[] memory values) internal pure returns (int256) {
        uint256 half = values.length / 2;
        if (values.length % 2 == 1) return values[half];
        // A shift rounds down, also below zero.
        return (values[half - 1] + values[half]) >> 1;
    }
}
