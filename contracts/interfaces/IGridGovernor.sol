// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GovernorParameters} from "../types/GovernorParameters.sol";

/// @title GridGovernor: holders of the governance token decide about the grid's rules
/// @notice OpenZeppelin's Governor with simple counting (for, against, abstain), votes of `GovernanceToken`, a quorum in
/// 1/10,000 of all tokens, an extension after a late quorum, and `GridTimelock` as executor.
///
/// A proposal waits for `votingDelay`; then voting power counts as it was at that second, and voting runs for
/// `votingPeriod`. Once the quorum is reached, `voteExtension` of voting is left at least. A proposal with more votes for
/// than against and the quorum of for and abstain is queued (`queue`, anybody), waits for the timelock's delay and is
/// executed (`execute`, anybody). What it does is done by the timelock, all of it or nothing.
///
/// What is added here:
/// - each parameter stays within hard bounds, at deployment and when a proposal changes it;
/// - a proposer has at most `MAX_OPEN_PROPOSALS` proposals that are waiting for votes or being voted on;
/// - the timelock is fixed.
///
/// A description that ends with `#proposer=0x...` (40 digits) can be proposed by that account alone, so that nobody who
/// sees it coming can propose it first and cancel it.
interface IGridGovernor {
    /// @notice Seconds outside the bounds.
    error VotingDelayOutOfBounds(uint256 given, uint256 lowest, uint256 highest);
    /// @notice Seconds outside the bounds; the lowest is at least the vote extension in force.
    error VotingPeriodOutOfBounds(uint256 given, uint256 lowest, uint256 highest);
    /// @notice Seconds outside the bounds; the highest is at most the voting period in force.
    error VoteExtensionOutOfBounds(uint256 given, uint256 lowest, uint256 highest);
    /// @notice Votes outside the bounds, which are 0.1 % and 5 % of all tokens.
    error ProposalThresholdOutOfBounds(uint256 given, uint256 lowest, uint256 highest);
    /// @notice Basis points outside the bounds.
    error QuorumOutOfBounds(uint256 given, uint256 lowest, uint256 highest);
    /// @notice The proposer has as many open proposals as are allowed.
    error TooManyOpenProposals(address proposer, uint256 allowed);
    /// @notice The token does not count time in seconds.
    error ClockNotTimestamp();
    /// @notice Another timelock means another governor.
    error TimelockFixed();

    /// @notice All parameters in force.
    function parameters() external view returns (GovernorParameters memory);

    /// @notice Proposals of an account that wait for votes or are being voted on.
    function openProposals(address proposer) external view returns (uint256[] memory);
}
