// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingSimple} from
    "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorPreventLateQuorum} from
    "@openzeppelin/contracts/governance/extensions/GovernorPreventLateQuorum.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from
    "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {GovernorVotesQuorumFraction} from
    "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";

import {IGovernanceToken} from "../interfaces/IGovernanceToken.sol";
import {IGridGovernor} from "../interfaces/IGridGovernor.sol";
import {GovernorParameters} from "../types/GovernorParameters.sol";

/// @notice See `IGridGovernor`.
contract GridGovernor is
    Governor,
    GovernorVotes, // before the settings: the threshold is checked against the token's supply
    GovernorSettings,
    GovernorCountingSimple,
    GovernorVotesQuorumFraction,
    GovernorPreventLateQuorum,
    GovernorTimelockControl,
    IGridGovernor
{
    /* CONSTANTS */

    uint256 public constant LOWEST_VOTING_DELAY = 1 hours;
    uint256 public constant HIGHEST_VOTING_DELAY = 7 days;
    uint256 public constant LOWEST_VOTING_PERIOD = 12 hours;
    uint256 public constant HIGHEST_VOTING_PERIOD = 14 days;
    uint256 public constant LOWEST_VOTE_EXTENSION = 1 hours;
    uint256 public constant HIGHEST_VOTE_EXTENSION = 2 days;
    uint256 public constant LOWEST_THRESHOLD_BPS = 10; // 0.1 % of all tokens
    uint256 public constant HIGHEST_THRESHOLD_BPS = 500; // 5 %
    uint256 public constant LOWEST_QUORUM_BPS = 400; // 4 %
    uint256 public constant HIGHEST_QUORUM_BPS = 5_000; // 50 %
    uint256 public constant MAX_OPEN_PROPOSALS = 3;

    uint256 private constant BPS = 10_000;
    bytes32 private constant TIMESTAMP_CLOCK = keccak256("mode=timestamp");

    /* STORAGE */

    /// @dev The newest proposals of each account, at most `MAX_OPEN_PROPOSALS`; those that have closed go with the next.
    mapping(address proposer => uint256[] proposalIds) private _proposalsOf;

    /* CONSTRUCTOR */

    /// @param token_ what votes; counts time in seconds
    /// @param timelock_ executor; the governor is to be its proposer
    /// @param initial parameters to begin with
    constructor(
        IGovernanceToken token_,
        TimelockController timelock_,
        GovernorParameters memory initial
    )
        Governor("energy-grid GridGovernor")
        GovernorVotes(token_)
        GovernorSettings(initial.votingDelay, initial.votingPeriod, initial.proposalThreshold)
        GovernorVotesQuorumFraction(initial.quorumBps)
        GovernorPreventLateQuorum(initial.voteExtension)
        GovernorTimelockControl(timelock_)
    {
        if (keccak256(bytes(token_.CLOCK_MODE())) != TIMESTAMP_CLOCK) revert ClockNotTimestamp();
    }

    /* GOVERNANCE */

    /// @notice Refused: the timelock is fixed.
    function updateTimelock(TimelockController) public pure override {
        revert TimelockFixed();
    }

    /* VIEWS */

    /// @inheritdoc IGridGovernor
    function parameters() external view returns (GovernorParameters memory) {
        // Casts: no more than what was set, see the setters.
        return GovernorParameters({
            votingDelay: uint48(votingDelay()),
            votingPeriod: uint32(votingPeriod()),
            voteExtension: lateQuorumVoteExtension(),
            proposalThreshold: proposalThreshold(),
            quorumBps: uint16(quorumNumerator())
        });
    }

    /// @inheritdoc IGridGovernor
    function openProposals(address proposer) external view returns (uint256[] memory open) {
        open = _proposalsOf[proposer];
        uint256 kept;
        for (uint256 i; i < open.length; ++i) {
            if (_isOpen(open[i])) open[kept++] = open[i];
        }
        // The list only gets shorter.
        assembly ("memory-safe") { mstore(open, kept) }
    }

    /// @notice Denominator of the quorum: 1/10,000.
    function quorumDenominator() public pure override returns (uint256) {
        return BPS;
    }

    function proposalThreshold()
        public
        view
        override(Governor, GovernorSettings)
        returns (uint256)
    {
        return super.proposalThreshold();
    }

    function state(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        return super.state(proposalId);
    }

    function proposalNeedsQueuing(uint256 proposalId)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(proposalId);
    }

    function proposalDeadline(uint256 proposalId)
        public
        view
        override(Governor, GovernorPreventLateQuorum)
        returns (uint256)
    {
        return super.proposalDeadline(proposalId);
    }

    /* INTERNAL: BOUNDS */

    function _setVotingDelay(uint48 given) internal override {
        if (given < LOWEST_VOTING_DELAY || given > HIGHEST_VOTING_DELAY) {
            revert VotingDelayOutOfBounds(given, LOWEST_VOTING_DELAY, HIGHEST_VOTING_DELAY);
        }
        super._setVotingDelay(given);
    }

    function _setVotingPeriod(uint32 given) internal override {
        uint256 lowest = LOWEST_VOTING_PERIOD;
        if (lowest < lateQuorumVoteExtension()) lowest = lateQuorumVoteExtension();
        if (given < lowest || given > HIGHEST_VOTING_PERIOD) {
            revert VotingPeriodOutOfBounds(given, lowest, HIGHEST_VOTING_PERIOD);
        }
        super._setVotingPeriod(given);
    }

    function _setLateQuorumVoteExtension(uint48 given) internal override {
        uint256 highest = HIGHEST_VOTE_EXTENSION;
        if (highest > votingPeriod()) highest = votingPeriod();
        if (given < LOWEST_VOTE_EXTENSION || given > highest) {
            revert VoteExtensionOutOfBounds(given, LOWEST_VOTE_EXTENSION, highest);
        }
        super._setLateQuorumVoteExtension(given);
    }

    function _setProposalThreshold(uint256 given) internal override {
        uint256 supply = IGovernanceToken(address(token())).totalSupply();
        uint256 lowest = supply * LOWEST_THRESHOLD_BPS / BPS;
        uint256 highest = supply * HIGHEST_THRESHOLD_BPS / BPS;
        if (given < lowest || given > highest) {
            revert ProposalThresholdOutOfBounds(given, lowest, highest);
        }
        super._setProposalThreshold(given);
    }

    function _updateQuorumNumerator(uint256 given) internal override {
        if (given < LOWEST_QUORUM_BPS || given > HIGHEST_QUORUM_BPS) {
            revert QuorumOutOfBounds(given, LOWEST_QUORUM_BPS, HIGHEST_QUORUM_BPS);
        }
        super._updateQuorumNumerator(given);
    }

    /* INTERNAL: PROPOSALS */

    /// @dev Counts the open proposals of the proposer before there is one more.
    function _propose(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        string memory description,
        address proposer
    ) internal override returns (uint256 proposalId) {
        uint256[] storage ids = _proposalsOf[proposer];
        for (uint256 i = ids.length; i > 0; --i) {
            if (_isOpen(ids[i - 1])) continue;
            ids[i - 1] = ids[ids.length - 1];
            ids.pop();
        }
        if (ids.length >= MAX_OPEN_PROPOSALS) {
            revert TooManyOpenProposals(proposer, MAX_OPEN_PROPOSALS);
        }
        proposalId = super._propose(targets, values, calldatas, description, proposer);
        ids.push(proposalId);
    }

    function _isOpen(uint256 proposalId) private view returns (bool) {
        ProposalState now_ = state(proposalId);
        return now_ == ProposalState.Pending || now_ == ProposalState.Active;
    }

    /* INTERNAL: WHAT SEVERAL PARENTS DEFINE */

    function _tallyUpdated(uint256 proposalId)
        internal
        override(Governor, GovernorPreventLateQuorum)
    {
        super._tallyUpdated(proposalId);
    }

    function _queueOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint48) {
        return super._queueOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _executeOperations(
        uint256 proposalId,
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) {
        super._executeOperations(proposalId, targets, values, calldatas, descriptionHash);
    }

    function _cancel(
        address[] memory targets,
        uint256[] memory values,
        bytes[] memory calldatas,
        bytes32 descriptionHash
    ) internal override(Governor, GovernorTimelockControl) returns (uint256) {
        return super._cancel(targets, values, calldatas, descriptionHash);
    }

    function _executor()
        internal
        view
        override(Governor, GovernorTimelockControl)
        returns (address)
    {
        return super._executor();
    }
}
