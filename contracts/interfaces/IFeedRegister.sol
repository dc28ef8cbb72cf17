// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedPhase, FeedState, ShadowTerms} from "../types/FeedState.sol";
import {FeedConfig, FeedKind, FeedStatus, Unit} from "../types/Observation.sol";

/// @title Feeds of an oracle: how each works, and whether readers see it
/// @notice Governance adds and configures feeds; the guardian can only take a feed away from its readers for a while.
/// What belongs together changes in one call. Unit, decimals and rhythm of a feed never change.
/// @dev Assumption about a replaced oracle: it is one of governance's choosing; one that reverts, lies about its type or
/// uses up all gas delays an activation and does nothing else.
interface IFeedRegister {
    /// @notice A feed was added, SHADOW or ACTIVE.
    event FeedAdded(
        uint32 indexed feedId, FeedPhase phase, FeedConfig config, ShadowTerms shadow
    );
    /// @notice A feed works otherwise from now on.
    event FeedConfigured(uint32 indexed feedId, FeedConfig oldConfig, FeedConfig newConfig);
    /// @notice A feed went into the shadow.
    event FeedShadowed(uint32 indexed feedId, ShadowTerms oldShadow, ShadowTerms newShadow);
    /// @notice A feed left the shadow.
    /// @param value its last value
    /// @param replacedValue that of the feed it replaces; 0 if it replaces none
    event FeedActivated(uint32 indexed feedId, int256 value, int256 replacedValue);
    /// @notice The guardian froze a feed, or prolonged a freeze.
    event FeedFrozen(uint32 indexed feedId, uint40 oldUntil, uint40 newUntil);
    /// @notice Governance ended a freeze before its time.
    event FeedUnfrozen(uint32 indexed feedId, uint40 oldUntil);
    /// @notice The guardian switched a feed to its fallback, or prolonged that.
    event FallbackSwitched(
        uint32 indexed feedId, uint32 indexed fallbackFeed, uint40 oldUntil, uint40 newUntil
    );
    /// @notice Governance ended a switch before its time.
    event FallbackEnded(uint32 indexed feedId, uint40 oldUntil);

    /// @notice The oracle has no such feed.
    error FeedUnknown(uint32 feedId);
    /// @notice The oracle has the feed already.
    error FeedKnown(uint32 feedId, FeedPhase phase);
    /// @notice The oracle takes no feeds of this kind. @param allowed one bit a kind, `1 << kind`
    error KindNotAllowed(uint256 given, uint256 allowed);
    /// @notice Every feed has a zone.
    error FeedWithoutZone(uint32 feedId);
    /// @notice Unit and decimals follow from the kind of the feed.
    error UnitMismatch(Unit given, uint8 givenDecimals, Unit allowed, uint8 allowedDecimals);
    /// @notice A length of the rhythm is out of bounds, in seconds: rounds 1 s to the heartbeat, intervals 1 s to a
    /// day, heartbeat at most a day.
    error RhythmInvalid(uint32 given, uint32 lowest, uint32 highest);
    /// @notice Rounds are numbered by the rhythm, so it is fixed; another rhythm needs another oracle.
    error RhythmFixed(uint32 given, uint32 allowed);
    /// @notice A bound is on the wrong side of its neighbour: the hard limit of the kind, `lowestObservation`, `floor`,
    /// `cap`, `highestObservation`, the other hard limit must rise in this order.
    error BoundsNotAscending(int128 lower, int128 upper);
    /// @notice A relative spread or deviation above its limit.
    error BpsTooHigh(uint256 given, uint256 allowed);
    /// @notice Larger than the whole range of plausible values.
    error SpreadTooLarge(uint128 given, uint256 allowed);
    /// @notice A fallback is another known feed of the same kind.
    error FallbackInvalid(uint32 feedId, uint32 fallbackFeed);
    /// @notice The feed has no approved fallback.
    error FallbackMissing(uint32 feedId);
    /// @notice A freeze or switch ends between the next second and 72 hours from now.
    error ExpiryInvalid(uint40 given, uint256 earliest, uint256 latest);
    /// @notice The feed is not in the shadow.
    error FeedNotInShadow(uint32 feedId, FeedPhase phase);
    /// @notice A shadow of fewer rounds than allowed, or so far published fewer than required.
    error ShadowTooShort(uint256 given, uint256 required);
    /// @notice A feed that replaces another names an oracle and a feed of its own kind, and is not that feed itself.
    error ReplacedFeedInvalid(address replacedOracle, uint32 replacedFeed);
    /// @notice The feed to be activated is not fresh, agreed and within its bounds.
    error ShadowNotOk(uint32 feedId, FeedStatus status);
    /// @notice The replaced feed cannot be compared with.
    error ReplacedFeedNotOk(uint32 replacedFeed, FeedStatus status);
    /// @notice The feed is too far from the one it replaces. @param allowed largest difference in steps of the feed
    error ShadowDeviates(int256 value, int256 replacedValue, uint256 allowed);

    /// @notice Add a feed. Restricted to governance.
    /// @param feedId `kind 8 | horizon 8 | zone 16`
    /// @param config all of it at once; unit and decimals must be those of the kind
    /// @param shadow one that replaces a feed needs at least 8 rounds and at most 20 % deviation; one that replaces none
    /// may start with 0 rounds: it is ACTIVE at once, since nobody has read it yet
    function addFeed(uint32 feedId, FeedConfig calldata config, ShadowTerms calldata shadow)
        external;

    /// @notice Change how a feed works, at once, but for its rhythm. Restricted to governance.
    /// @dev Bounds and spread hold for rounds from now on: the newest round keeps its value and status until it is STALE
    /// by the new heartbeat. Where that value is the reason for the change, freeze the feed first.
    function configureFeed(uint32 feedId, FeedConfig calldata config) external;

    /// @notice Take a feed into the shadow (again), from where only `activateFeed` brings it back: after an error in it,
    /// or to give a feed in the shadow other terms. Restricted to governance.
    /// @param shadow at least 8 rounds
    function shadowFeed(uint32 feedId, ShadowTerms calldata shadow) external;

    /// @notice Show a feed to its readers: enough rounds in the shadow, its last one OK, and near to the feed it replaces.
    /// Restricted to governance.
    function activateFeed(uint32 feedId) external;

    /// @notice Freeze a feed: its reads are FROZEN. Joined with a freeze in force, so never shortened; ends by itself.
    /// Restricted to the guardian.
    /// @param until at most 72 hours from now
    function freezeFeed(uint32 feedId, uint40 until) external;

    /// @notice End a freeze before its time. Restricted to governance.
    function unfreezeFeed(uint32 feedId) external;

    /// @notice Let every read answer with the approved fallback: its value as FALLBACK while it is OK, else FROZEN. Joined
    /// with a switch in force; ends by itself. Restricted to the guardian.
    /// @param until at most 72 hours from now
    function switchToFallback(uint32 feedId, uint40 until) external;

    /// @notice End a switch before its time. Restricted to governance.
    function endFallback(uint32 feedId) external;

    /// @notice Configuration of a feed; all zero if it is unknown.
    function feedConfig(uint32 feedId) external view returns (FeedConfig memory);

    /// @notice Phase, freeze and shadow of a feed; all zero if it is unknown.
    function feedState(uint32 feedId) external view returns (FeedState memory);

    /// @notice Ids of all feeds, in the order they were added.
    function feedIds() external view returns (uint32[] memory);

    /// @notice Whether the oracle takes feeds of a kind.
    function allowsKind(FeedKind kind) external view returns (bool);
}
