// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title The end of the market: every account gets what is its own, and nobody has to let it go
interface ISettlementExits {
    /// @notice The market goes on: nothing is wound down.
    error StillOpen();

    /// @notice First slot that is void because the market is wound down; 0 while it goes on.
    function windDownSlot() external view returns (uint32);
}
