// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedStatus} from "./Observation.sol";

/// @notice NONE: unknown to the oracle. SHADOW: takes rounds, but its reads are FROZEN. ACTIVE: readers see it.
enum FeedPhase {
    NONE,
    SHADOW,
    ACTIVE
}

/// @notice What a feed must have shown before it is activated.
/// @param rounds rounds to be published in the shadow
/// @param maxDeviationBps how far its last value may be from the value of the feed it replaces, in 1/10,000 of that
/// value; a difference up to the feed's `maxSpread` always passes, since a price may be near 0
/// @param replacedOracle oracle of the feed it replaces; zero if it replaces none
/// @param replacedFeed id of that feed, of the same kind
struct ShadowTerms {
    uint16 rounds;
    uint16 maxDeviationBps;
    address replacedOracle;
    uint32 replacedFeed;
}

/// @notice What is in force for a feed beside its configuration.
/// @param frozenUntil the guardian's freeze ends at this second; 0 or past: not frozen
/// @param fallbackUntil likewise the guardian's switch to the fallback feed
/// @param publishedRounds rounds that the feed has published in all
/// @param shadowRounds of these, since it went into the shadow last
struct FeedState {
    FeedPhase phase;
    uint40 frozenUntil;
    uint40 fallbackUntil;
    uint32 publishedRounds;
    uint32 shadowRounds;
    ShadowTerms shadow;
}

/// @notice A value with all that a reader needs to judge it.
/// @param value in steps of the feed, see `Unit`
/// @param updatedAt unix second of the block that published it; 0: never
/// @param status only OK, and FALLBACK where a reader chose that, is to be acted upon
struct Metric {
    int256 value;
    uint256 updatedAt;
    FeedStatus status;
}
