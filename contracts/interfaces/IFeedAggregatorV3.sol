// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedStatus} from "../types/Observation.sol";
import {IAggregatorV3} from "./IAggregatorV3.sol";
import {IReportAggregator} from "./IReportAggregator.sol";

/// @title One feed of an oracle for tools that read `AggregatorV3Interface`
/// @notice That interface has no status, so the facade answers only where its absence misleads nobody: a value that is
/// OK, or STALE with the true time of its publication, which such readers check. Anything else reverts. An answer may
/// be zero or negative. It keeps nothing and nobody has power over it.
interface IFeedAggregatorV3 is IAggregatorV3 {
    /// @notice The oracle does not know the feed.
    error FeedMissing(uint32 feedId);
    /// @notice The round was never published, or is no longer kept (the last 128 round numbers are).
    error RoundUnknown(uint80 roundId);
    /// @notice A value that is not OK is not for readers without a status.
    error AnswerWithheld(uint80 roundId, FeedStatus status);

    /// @notice The oracle that publishes the feed.
    function oracle() external view returns (IReportAggregator);

    /// @notice Id of the feed.
    function feedId() external view returns (uint32);
}
