// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice How far the end of the market is.
/// - OPEN: it goes on.
/// - CLOSING: nothing is traded any more; slots before the wind-down are settled, accounts are closed one by one.
/// - CLOSED: every account is closed; the zones' operators pay, then leave.
enum ExitStage {
    OPEN,
    CLOSING,
    CLOSED
}

/// @notice What becomes of one zone's operator and of the members it owes.
/// @param isFinal whether all is counted up: `pot` and `claims` do not change any more
/// @param pot units set aside from the operator's money for the claims on it
/// @param claims units that closed members of the zone are owed
/// @param unpaid of those, units of members not paid yet
struct ZoneExit {
    bool isFinal;
    uint80 pot;
    uint256 claims;
    uint256 unpaid;
}
