// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IAggregatorV3} from "../interfaces/IAggregatorV3.sol";
import {IFeedAggregatorV3} from "../interfaces/IFeedAggregatorV3.sol";
import {IReportAggregator} from "../interfaces/IReportAggregator.sol";
import {FeedNames} from "../libraries/FeedNames.sol";
import {FeedConfig, FeedStatus, Round} from "../types/Observation.sol";

/// @title FeedAggregatorV3
/// @notice A feed as Chainlink's readers know feeds; see `IFeedAggregatorV3`. Anyone may deploy one.
contract FeedAggregatorV3 is IFeedAggregatorV3 {
    /// @inheritdoc IAggregatorV3
    uint256 public constant version = 1;

    /// @inheritdoc IFeedAggregatorV3
    IReportAggregator public immutable oracle;
    /// @inheritdoc IFeedAggregatorV3
    uint32 public immutable feedId;
    /// @inheritdoc IAggregatorV3
    uint8 public immutable decimals;
    /// @dev Unit, decimals and rhythm of a feed never change, so a copy stays true.
    uint32 private immutable _roundSeconds;

    /// @param oracle_ any oracle that shares the report aggregator
    /// @param feedId_ one of its feeds
    constructor(IReportAggregator oracle_, uint32 feedId_) {
        FeedConfig memory config = oracle_.feedConfig(feedId_);
        if (config.roundSeconds == 0) revert FeedMissing(feedId_);
        oracle = oracle_;
        feedId = feedId_;
        decimals = config.decimals;
        _roundSeconds = config.roundSeconds;
    }

    /* VIEWS */

    /// @inheritdoc IAggregatorV3
    function description() external view returns (string memory) {
        return FeedNames.describe(feedId);
    }

    /// @inheritdoc IAggregatorV3
    function getRoundData(uint80 roundId_)
        external
        view
        returns (
            uint80 roundId,
            int256 answer,
            uint256 startedAt,
            uint256 updatedAt,
            uint80 answeredInRound
        )
    {
        if (roundId_ > type(uint40).max) revert RoundUnknown(roundId_);
        // Checked above to fit.
        Round memory found = oracle.roundOf(feedId, uint40(roundId_));
        if (found.answers == 0) revert RoundUnknown(roundId_);
        return _answer(found, found.status);
    }

    /// @inheritdoc IAggregatorV3
    function latestRoundData()
        external
        view
        returns (
            uint80 roundId,
            int256 answer,
            uint256 startedAt,
            uint256 updatedAt,
            uint80 answeredInRound
        )
    {
        Round memory newest = oracle.latestRound(feedId);
        if (newest.answers == 0) revert RoundUnknown(0);
        (,, FeedStatus status) = oracle.read(feedId);
        // A stale value is told by its time; what it was when it was fresh still counts.
        if (status == FeedStatus.STALE) status = newest.status;
        return _answer(newest, status);
    }

    /* INTERNAL */

    function _answer(Round memory found, FeedStatus status)
        private
        view
        returns (uint80, int256, uint256, uint256, uint80)
    {
        if (status != FeedStatus.OK) revert AnswerWithheld(found.round, status);
        uint256 startedAt = uint256(found.round) * _roundSeconds;
        return (found.round, found.value, startedAt, found.updatedAt, found.round);
    }
}
