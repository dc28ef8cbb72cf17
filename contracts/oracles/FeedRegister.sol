// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ReporterSets} from "./ReporterSets.sol";
import {IFeedRegister} from "../interfaces/IFeedRegister.sol";
import {FeedIds} from "../libraries/FeedIds.sol";
import {FeedReading} from "../libraries/FeedReading.sol";
import {FeedRules} from "../libraries/FeedRules.sol";
import {RoundWord} from "../libraries/RoundWords.sol";
import {FeedPhase, FeedState, ShadowTerms} from "../types/FeedState.sol";
import {FeedConfig, FeedKind, FeedStatus, Unit} from "../types/Observation.sol";

/// @title Feeds and the powers over them
/// @notice Part of `ReportAggregator`; see `IFeedRegister`.
abstract contract FeedRegister is ReporterSets, IFeedRegister {
    using FeedIds for uint32;

    /// @dev A feed as stored: reads need slot 0 and the feed's newest round, reports slots 0 to 3.
    struct Feed {
        // slot 0
        Unit unit;
        uint8 decimals;
        uint16 maxSpreadBps;
        uint32 intervalSeconds;
        uint32 roundSeconds;
        uint32 heartbeatSeconds;
        uint32 fallbackFeed;
        FeedPhase phase;
        uint40 frozenUntil;
        uint40 fallbackUntil;
        // slot 1
        int128 lowestObservation;
        int128 highestObservation;
        // slot 2
        int128 floor;
        int128 cap;
        // slot 3
        uint128 maxSpread;
        uint32 shadowFrom;
        // slots 4, 5
        ShadowTerms shadow;
    }

    uint256 internal constant MAX_FREEZE = 72 hours;
    uint256 internal constant BPS = 10_000;
    /// @dev Every kind but NONE.
    uint256 private constant ALL_KINDS = (2 << uint256(type(FeedKind).max)) - 2;

    /// @dev Kinds of this oracle, one bit each.
    uint256 private immutable _kinds;

    mapping(uint32 feedId => Feed) internal _feeds;
    /// @dev Newest round of each feed.
    mapping(uint32 feedId => RoundWord) internal _latest;
    uint32[] private _feedIds;

    /// @param kinds kinds of feeds that the oracle takes, one bit each: `FeedIds.bit(kind) | ...`
    constructor(uint256 kinds) {
        if (kinds == 0 || kinds & ~ALL_KINDS != 0) revert KindNotAllowed(kinds, ALL_KINDS);
        _kinds = kinds;
    }

    /* RESTRICTED FUNCTIONS: GOVERNANCE */

    /// @inheritdoc IFeedRegister
    function addFeed(uint32 feedId, FeedConfig calldata config, ShadowTerms calldata shadow)
        external
        restricted
    {
        // Check.
        FeedPhase phase = _feeds[feedId].phase;
        if (phase != FeedPhase.NONE) revert FeedKnown(feedId, phase);
        _requireConfig(feedId, config);
        FeedRules.requireShadow(feedId, shadow, true);
        // Effect.
        phase = shadow.rounds == 0 ? FeedPhase.ACTIVE : FeedPhase.SHADOW;
        Feed storage feed = _feeds[feedId];
        _store(feed, config);
        feed.phase = phase;
        feed.shadow = shadow;
        _feedIds.push(feedId);
        emit FeedAdded(feedId, phase, config, shadow);
    }

    /// @inheritdoc IFeedRegister
    function configureFeed(uint32 feedId, FeedConfig calldata config) external restricted {
        // Check.
        Feed storage feed = _requireFeed(feedId);
        _requireConfig(feedId, config);
        if (config.roundSeconds != feed.roundSeconds) {
            revert RhythmFixed(config.roundSeconds, feed.roundSeconds);
        }
        if (config.intervalSeconds != feed.intervalSeconds) {
            revert RhythmFixed(config.intervalSeconds, feed.intervalSeconds);
        }
        // Effect.
        FeedConfig memory oldConfig = _load(feed);
        _store(feed, config);
        emit FeedConfigured(feedId, oldConfig, config);
    }

    /// @inheritdoc IFeedRegister
    function shadowFeed(uint32 feedId, ShadowTerms calldata shadow) external restricted {
        // Check.
        Feed storage feed = _requireFeed(feedId);
        FeedRules.requireShadow(feedId, shadow, false);
        // Effect.
        ShadowTerms memory oldShadow = feed.shadow;
        feed.phase = FeedPhase.SHADOW;
        feed.shadow = shadow;
        feed.shadowFrom = _latest[feedId].sequence();
        emit FeedShadowed(feedId, oldShadow, shadow);
    }

    /// @inheritdoc IFeedRegister
    function activateFeed(uint32 feedId) external restricted {
        // Check.
        Feed storage feed = _requireFeed(feedId);
        if (feed.phase != FeedPhase.SHADOW) revert FeedNotInShadow(feedId, feed.phase);
        RoundWord word = _latest[feedId];
        // The sequence has not fallen since the shadow began.
        uint256 rounds = word.sequence() - feed.shadowFrom;
        if (rounds < feed.shadow.rounds) revert ShadowTooShort(rounds, feed.shadow.rounds);
        FeedStatus status = _ownStatus(feed, word);
        if (status != FeedStatus.OK) revert ShadowNotOk(feedId, status);
        int256 replacedValue = _requireNearReplaced(feed, word.value());
        // Effect.
        feed.phase = FeedPhase.ACTIVE;
        emit FeedActivated(feedId, word.value(), replacedValue);
    }

    /// @inheritdoc IFeedRegister
    function unfreezeFeed(uint32 feedId) external restricted {
        Feed storage feed = _requireFeed(feedId);
        uint40 oldUntil = feed.frozenUntil;
        feed.frozenUntil = 0;
        emit FeedUnfrozen(feedId, oldUntil);
    }

    /// @inheritdoc IFeedRegister
    function endFallback(uint32 feedId) external restricted {
        Feed storage feed = _requireFeed(feedId);
        uint40 oldUntil = feed.fallbackUntil;
        feed.fallbackUntil = 0;
        emit FallbackEnded(feedId, oldUntil);
    }

    /* RESTRICTED FUNCTIONS: GUARDIAN */

    /// @inheritdoc IFeedRegister
    function freezeFeed(uint32 feedId, uint40 until) external restricted {
        // Check.
        Feed storage feed = _requireFeed(feedId);
        _requireExpiry(until);
        // Effect: join with the freeze in force.
        uint40 oldUntil = feed.frozenUntil;
        if (until < oldUntil) until = oldUntil;
        feed.frozenUntil = until;
        emit FeedFrozen(feedId, oldUntil, until);
    }

    /// @inheritdoc IFeedRegister
    function switchToFallback(uint32 feedId, uint40 until) external restricted {
        // Check.
        Feed storage feed = _requireFeed(feedId);
        if (feed.fallbackFeed == 0) revert FallbackMissing(feedId);
        _requireExpiry(until);
        // Effect: join with the switch in force.
        uint40 oldUntil = feed.fallbackUntil;
        if (until < oldUntil) until = oldUntil;
        feed.fallbackUntil = until;
        emit FallbackSwitched(feedId, feed.fallbackFeed, oldUntil, until);
    }

    /* VIEWS */

    /// @inheritdoc IFeedRegister
    function feedConfig(uint32 feedId) external view returns (FeedConfig memory) {
        return _load(_feeds[feedId]);
    }

    /// @inheritdoc IFeedRegister
    function feedState(uint32 feedId) external view returns (FeedState memory) {
        Feed storage feed = _feeds[feedId];
        uint32 published = _latest[feedId].sequence();
        return FeedState({
            phase: feed.phase,
            frozenUntil: feed.frozenUntil,
            fallbackUntil: feed.fallbackUntil,
            publishedRounds: published,
            shadowRounds: published - feed.shadowFrom,
            shadow: feed.shadow
        });
    }

    /// @inheritdoc IFeedRegister
    function feedIds() external view returns (uint32[] memory) {
        return _feedIds;
    }

    /// @inheritdoc IFeedRegister
    function allowsKind(FeedKind kind) external view returns (bool) {
        return _kinds & FeedIds.bit(kind) != 0;
    }

    /* INTERNAL */

    function _requireFeed(uint32 feedId) internal view returns (Feed storage feed) {
        feed = _feeds[feedId];
        if (feed.phase == FeedPhase.NONE) revert FeedUnknown(feedId);
    }

    /// @dev Age in seconds at which a value of the feed is STALE: 1.5 heartbeats.
    function _ageLimit(Feed storage feed) internal view returns (uint256) {
        return uint256(feed.heartbeatSeconds) * 3 / 2;
    }

    /// @dev Status of a feed's newest round, whatever its phase and the guardian say.
    function _ownStatus(Feed storage feed, RoundWord word) internal view returns (FeedStatus) {
        if (!word.isPublished()) return FeedStatus.STALE;
        uint256 since = uint256(word.round()) * feed.roundSeconds;
        if (word.updatedAt() < since) since = word.updatedAt();
        // A block's time is never before that of the block that took the round.
        if (block.timestamp - since >= _ageLimit(feed)) return FeedStatus.STALE;
        return word.status();
    }

    function _requireConfig(uint32 feedId, FeedConfig calldata config) private view {
        FeedRules.requireConfig(feedId, config, _kinds);
        uint32 other = config.fallbackFeed;
        if (other == 0) return;
        bool isKnown = _feeds[other].phase != FeedPhase.NONE;
        if (!isKnown || other == feedId || other.kindNumber() != feedId.kindNumber()) {
            revert FallbackInvalid(feedId, other);
        }
    }

    function _requireExpiry(uint40 until) private view {
        uint256 latest = block.timestamp + MAX_FREEZE;
        if (until <= block.timestamp || until > latest) {
            revert ExpiryInvalid(until, block.timestamp + 1, latest);
        }
    }

    function _requireNearReplaced(Feed storage feed, int256 value)
        private
        view
        returns (int256 replacedValue)
    {
        address oracle = feed.shadow.replacedOracle;
        if (oracle == address(0)) return 0;
        uint32 replacedFeed = feed.shadow.replacedFeed;
        FeedStatus status;
        (replacedValue,, status) = FeedReading.tryRead(oracle, replacedFeed);
        if (status != FeedStatus.OK || replacedValue != int128(replacedValue)) {
            revert ReplacedFeedNotOk(replacedFeed, status);
        }
        // Both fit 128 bits, so nothing overflows.
        uint256 size = uint256(replacedValue < 0 ? -replacedValue : replacedValue);
        uint256 allowed = size * feed.shadow.maxDeviationBps / BPS;
        if (allowed < feed.maxSpread) allowed = feed.maxSpread;
        int256 difference = value - replacedValue;
        if (uint256(difference < 0 ? -difference : difference) > allowed) {
            revert ShadowDeviates(value, replacedValue, allowed);
        }
    }

    function _store(Feed storage feed, FeedConfig calldata config) private {
        feed.unit = config.unit;
        feed.decimals = config.decimals;
        feed.intervalSeconds = config.intervalSeconds;
        feed.roundSeconds = config.roundSeconds;
        feed.heartbeatSeconds = config.heartbeatSeconds;
        feed.lowestObservation = config.lowestObservation;
        feed.highestObservation = config.highestObservation;
        feed.floor = config.floor;
        feed.cap = config.cap;
        feed.maxSpread = config.maxSpread;
        feed.maxSpreadBps = config.maxSpreadBps;
        feed.fallbackFeed = config.fallbackFeed;
    }

    function _load(Feed storage feed) private view returns (FeedConfig memory) {
        return FeedConfig({
            unit: feed.unit,
            decimals: feed.decimals,
            intervalSeconds: feed.intervalSeconds,
            roundSeconds: feed.roundSeconds,
            heartbeatSeconds: feed.heartbeatSeconds,
            lowestObservation: feed.lowestObservation,
            highestObservation: feed.highestObservation,
            floor: feed.floor,
            cap: feed.cap,
            maxSpread: feed.maxSpread,
            maxSpreadBps: feed.maxSpreadBps,
            fallbackFeed: feed.fallbackFeed
        });
    }
}
