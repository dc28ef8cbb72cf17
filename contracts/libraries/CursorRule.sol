// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Proportional sharing without remainder: a running cursor walks over the entries in the order of claiming.
library CursorRule {
    /// @notice Share of an entry in `total`: `floor((cursor + entry) * total / entries) - floor(cursor * total / entries)`.
    /// The shares of all entries add up to `total` exactly, in any order, and each is within 1 of its proportion.
    /// @param cursor sum of the entries that claimed before
    /// @param entry what claims now
    /// @param total what is shared
    /// @param entries sum of all entries, not 0
    function share(uint256 cursor, uint256 entry, uint256 total, uint256 entries)
        internal
        pure
        returns (uint256)
    {
        return (cursor + entry) * total / entries - cursor * total / entries;
    }
}
