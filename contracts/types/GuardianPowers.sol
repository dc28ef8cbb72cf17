// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice What the guardian has a budget for, and what the subject of each is.
/// - TRADING: halting and escalating a zone; seconds of a zone.
/// - QUOTES: freezing the quotes of a zone; seconds of a zone.
/// - FEED: freezing a feed or switching it to its fallback; seconds of a feed of an oracle.
/// - EVENTS: stopping events of demand response; seconds of events of a zone.
/// - VETO: cancelling what governance has decided; operations of the timelock.
enum GuardianPower {
    TRADING,
    QUOTES,
    FEED,
    EVENTS,
    VETO
}

/// @notice What the guardian acts upon.
struct GuardianTargets {
    address market;
    address priceOracle;
    address gridOracle;
    address weatherOracle;
    address gridManagement;
    address demandResponse;
    address timelock;
}
