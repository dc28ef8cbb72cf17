// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice How many accounts without a meter may be opened in a day.
/// @param globalPerDay in all zones together
/// @param zonePerDay in one zone
struct JoinLimits {
    uint32 globalPerDay;
    uint32 zonePerDay;
}
