// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice How decisions are made. Hard bounds: `IGridGovernor`.
/// @param votingDelay seconds from a proposal to the moment at which voting power counts and voting begins
/// @param votingPeriod seconds of voting
/// @param voteExtension seconds of voting that are left at least once the quorum is reached
/// @param proposalThreshold votes that a proposer needs, base units of the governance token
/// @param quorumBps votes for and abstaining that a decision needs, in 1/10,000 of all tokens
struct GovernorParameters {
    uint48 votingDelay;
    uint32 votingPeriod;
    uint48 voteExtension;
    uint256 proposalThreshold;
    uint16 quorumBps;
}
