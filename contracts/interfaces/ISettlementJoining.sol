// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {JoinLimits} from "../types/JoinLimits.sol";

/// @title How fast accounts without a meter may be opened
/// @notice `joinAsTrader` costs nothing but gas, and ids have 24 bits: without a limit somebody could use them up. The
/// owner of a meter (`enrol`) is never limited here: registering meters is (`IMeterSuccession`).
interface ISettlementJoining {
    /// @notice Governance has changed the limits.
    event JoinLimitsChanged(JoinLimits previous, JoinLimits current);

    /// @notice Each limit lies in [lowest, highest], and a zone's is not above that of all.
    error JoinLimitOutOfRange(uint256 given, uint256 lowest, uint256 highest);
    /// @notice A limit is used up for now (the error of `LinearBuckets`).
    error RateLimited(uint256 given, uint256 allowed);

    /// @notice Set both limits. Restricted to GOVERNOR. Each in [100, 20,000] a day.
    function setJoinLimits(JoinLimits calldata limits) external;

    /// @notice The limits in force.
    function joinLimits() external view returns (JoinLimits memory);

    /// @notice How many may join now.
    /// @return total of all zones
    /// @return ofZone of this one, if all have as many left
    function joinAllowances(uint16 zone) external view returns (uint256 total, uint256 ofZone);
}
