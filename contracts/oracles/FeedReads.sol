// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedRegister} from "./FeedRegister.sol";
import {IReportAggregator} from "../interfaces/IReportAggregator.sol";
import {FeedIds} from "../libraries/FeedIds.sol";
import {RoundWord} from "../libraries/RoundWords.sol";
import {FeedPhase, Metric} from "../types/FeedState.sol";
import {FeedKind, FeedStatus, Round} from "../types/Observation.sol";

/// @title Reading feeds
/// @notice Part of `ReportAggregator`; see `IReportAggregator`. Reads touch the feed's slot 0, its newest round and
/// nothing else, call nobody and divide by nothing, so they cannot revert.
abstract contract FeedReads is FeedRegister, IReportAggregator {
    /// @dev Rounds kept of each feed.
    uint256 internal constant HISTORY_ROUNDS = 128;

    /// @dev A round stands at its number modulo `HISTORY_ROUNDS`.
    mapping(uint32 feedId => RoundWord[HISTORY_ROUNDS]) internal _history;

    /* VIEWS */

    /// @inheritdoc IReportAggregator
    function read(uint32 feedId) external view returns (int256, uint256, FeedStatus) {
        return _read(feedId);
    }

    /// @inheritdoc IReportAggregator
    function readWithFallback(uint32 feedId)
        external
        view
        returns (int256 value, uint256 updatedAt, FeedStatus status)
    {
        return _readWithFallback(feedId);
    }

    /// @inheritdoc IReportAggregator
    function roundOf(uint32 feedId, uint40 round) external view returns (Round memory found) {
        RoundWord word = _history[feedId][round % HISTORY_ROUNDS];
        if (word.round() == round) return word.unpack();
    }

    /// @inheritdoc IReportAggregator
    function latestRound(uint32 feedId) external view returns (Round memory) {
        return _latest[feedId].unpack();
    }

    /* INTERNAL */

    function _read(uint32 feedId)
        internal
        view
        returns (int256 value, uint256 updatedAt, FeedStatus status)
    {
        Feed storage feed = _feeds[feedId];
        (value, updatedAt, status) = _readDirectly(feedId);
        bool switched = block.timestamp < feed.fallbackUntil;
        if (switched && feed.phase == FeedPhase.ACTIVE && block.timestamp >= feed.frozenUntil) {
            return _orFallback(feed.fallbackFeed, value, updatedAt, status);
        }
    }

    function _readWithFallback(uint32 feedId)
        internal
        view
        returns (int256 value, uint256 updatedAt, FeedStatus status)
    {
        Feed storage feed = _feeds[feedId];
        (value, updatedAt, status) = _readDirectly(feedId);
        if (status != FeedStatus.OK && feed.phase == FeedPhase.ACTIVE) {
            return _orFallback(feed.fallbackFeed, value, updatedAt, status);
        }
    }

    /// @dev A feed of this oracle for its typed views.
    function _metric(FeedKind kind, uint16 zone, uint8 horizon)
        internal
        view
        returns (Metric memory metric)
    {
        (metric.value, metric.updatedAt, metric.status) = _read(FeedIds.idOf(kind, zone, horizon));
    }

    /// @dev A feed without its fallback: FROZEN in the shadow, while frozen, and while switched to its fallback.
    function _readDirectly(uint32 feedId)
        private
        view
        returns (int256 value, uint256 updatedAt, FeedStatus status)
    {
        Feed storage feed = _feeds[feedId];
        RoundWord word = _latest[feedId];
        value = word.value();
        updatedAt = word.updatedAt();
        bool withheld = block.timestamp < feed.frozenUntil || block.timestamp < feed.fallbackUntil;
        status = withheld || feed.phase == FeedPhase.SHADOW
            ? FeedStatus.FROZEN
            : _ownStatus(feed, word);
    }

    /// @dev The fallback's value if that is OK, else what was read.
    function _orFallback(uint32 fallbackFeed, int256 value, uint256 updatedAt, FeedStatus status)
        private
        view
        returns (int256, uint256, FeedStatus)
    {
        if (fallbackFeed == 0) return (value, updatedAt, status);
        (int256 otherValue, uint256 otherUpdatedAt, FeedStatus otherStatus) =
            _readDirectly(fallbackFeed);
        if (otherStatus != FeedStatus.OK) return (value, updatedAt, status);
        return (otherValue, otherUpdatedAt, FeedStatus.FALLBACK);
    }
}
