// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title GridTimelock: what has been decided waits here before it is done
/// @notice OpenZeppelin's TimelockController; the only holder of the admin role of the access manager once deployed. The
/// governor schedules, anybody executes what has waited long enough, the `Guardian` contract may cancel a few.
/// One thing is added: the delay stays within hard bounds. It changes by a decision that has waited for the old delay.
interface IGridTimelock {
    /// @notice The delay is outside its bounds, seconds.
    error DelayOutOfBounds(uint256 given, uint256 lowest, uint256 highest);
}
