// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterPages} from "../interfaces/IMeterPages.sol";

/// @notice Reads the packed entries of a page; see `MeterPage`.
library PageEntries {
    uint256 internal constant ENTRY_BYTES = 17;
    uint256 internal constant MAX_ENTRIES = 512;

    /// @notice Number of entries; reverts unless they are 1 to 512 whole ones.
    function countOf(bytes calldata entries) internal pure returns (uint256 count) {
        count = entries.length / ENTRY_BYTES;
        if (
            entries.length == 0 || entries.length % ENTRY_BYTES != 0 || count > MAX_ENTRIES
        ) revert IMeterPages.MalformedEntries(entries.length);
    }

    /// @dev Warning: the caller keeps `place` below `countOf(entries)`.
    function at(bytes calldata entries, uint256 place)
        internal
        pure
        returns (uint256 meterId, uint256 sequence, uint256 importWh, uint256 exportWh)
    {
        uint256 entry;
        assembly ("memory-safe") {
            entry := shr(120, calldataload(add(entries.offset, mul(place, ENTRY_BYTES))))
        }
        meterId = entry >> 112;
        sequence = (entry >> 80) & type(uint32).max;
        importWh = (entry >> 40) & type(uint40).max;
        exportWh = entry & type(uint40).max;
    }

    /// @notice The entries from place `first` to `end` (exclusive), as they are packed.
    function slice(bytes calldata entries, uint256 first, uint256 end)
        internal
        pure
        returns (bytes calldata)
    {
        return entries[first * ENTRY_BYTES:end * ENTRY_BYTES];
    }
}
