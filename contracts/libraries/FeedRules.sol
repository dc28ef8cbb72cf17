// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IFeedRegister} from "../interfaces/IFeedRegister.sol";
import {ShadowTerms} from "../types/FeedState.sol";
import {FeedConfig, FeedKind, Unit} from "../types/Observation.sol";
import {FeedIds} from "./FeedIds.sol";

/// @notice Hard bounds of what governance can decide about a feed.
library FeedRules {
    using FeedIds for uint32;

    uint32 internal constant MAX_SECONDS = 1 days;
    uint256 internal constant MAX_SPREAD_BPS = 10_000; // 100 %
    uint256 internal constant MIN_SHADOW_ROUNDS = 8;
    uint256 internal constant MAX_DEVIATION_BPS = 2_000; // 20 %

    /// @notice Revert unless the configuration is one for this feed.
    /// @param kinds allowed kinds, one bit each
    function requireConfig(uint32 feedId, FeedConfig calldata config, uint256 kinds)
        internal
        pure
    {
        uint256 number = feedId.kindNumber();
        if ((kinds >> number) & 1 == 0) revert IFeedRegister.KindNotAllowed(number, kinds);
        if (feedId.zone() == 0) revert IFeedRegister.FeedWithoutZone(feedId);
        // Allowed kinds are kinds, see `FeedRegister`.
        FeedKind kind = FeedKind(number);
        (Unit unit, uint8 decimals) = FeedIds.unitOf(kind);
        if (config.unit != unit || config.decimals != decimals) {
            revert IFeedRegister.UnitMismatch(config.unit, config.decimals, unit, decimals);
        }
        _requireSeconds(config.intervalSeconds, MAX_SECONDS);
        _requireSeconds(config.heartbeatSeconds, MAX_SECONDS);
        _requireSeconds(config.roundSeconds, config.heartbeatSeconds);
        (int128 lowest, int128 highest) = FeedIds.limitsOf(kind);
        _requireAscending(lowest, config.lowestObservation);
        _requireAscending(config.lowestObservation, config.floor);
        _requireAscending(config.floor, config.cap);
        _requireAscending(config.cap, config.highestObservation);
        _requireAscending(config.highestObservation, highest);
        _requireBps(config.maxSpreadBps, MAX_SPREAD_BPS);
        // In 256 bits the difference of two values of 128 does not overflow; it is not negative.
        uint256 range =
            uint256(int256(config.highestObservation) - int256(config.lowestObservation));
        if (config.maxSpread > range) {
            revert IFeedRegister.SpreadTooLarge(config.maxSpread, range);
        }
    }

    /// @notice Revert unless the terms are some for this feed.
    /// @param isNew whether nobody can have read the feed yet
    function requireShadow(uint32 feedId, ShadowTerms calldata shadow, bool isNew) internal view {
        bool replaces = shadow.replacedOracle != address(0);
        if (
            replaces
                ? shadow.replacedFeed.kindNumber() != feedId.kindNumber()
                    || (shadow.replacedOracle == address(this) && shadow.replacedFeed == feedId)
                : shadow.replacedFeed != 0
        ) revert IFeedRegister.ReplacedFeedInvalid(shadow.replacedOracle, shadow.replacedFeed);
        _requireBps(shadow.maxDeviationBps, MAX_DEVIATION_BPS);
        bool mayBeActive = isNew && !replaces && shadow.rounds == 0;
        if (!mayBeActive && shadow.rounds < MIN_SHADOW_ROUNDS) {
            revert IFeedRegister.ShadowTooShort(shadow.rounds, MIN_SHADOW_ROUNDS);
        }
    }

    function _requireSeconds(uint32 given, uint32 highest) private pure {
        if (given == 0 || given > highest) revert IFeedRegister.RhythmInvalid(given, 1, highest);
    }

    function _requireAscending(int128 lower, int128 upper) private pure {
        if (lower > upper) revert IFeedRegister.BoundsNotAscending(lower, upper);
    }

    function _requireBps(uint256 given, uint256 allowed) private pure {
        if (given > allowed) revert IFeedRegister.BpsTooHigh(given, allowed);
    }
}
