// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedStatus} from "./Observation.sol";

/// @notice A zone's stability score and what it is made of; all parts in basis points, 10,000 is perfectly stable.
/// @param scoreBps the score
/// @param frequencyBps 10,000 inside the normal band less hysteresis, 0 from the emergency threshold on, linear between,
/// rounded down; 10,000 if the zone does not watch it, 0 if it is not known
/// @param voltageBps likewise
/// @param loadingBps likewise
/// @param balanceBps the smaller of demand and supply as a share of the larger, rounded down; 0 if it is not known
/// @param isBalanceKnown whether demand and supply both are to be trusted
/// @param updatedAt unix second of the oldest value of a watched quantity
/// @param status OK or FALLBACK if every watched quantity is to be trusted, else what is wrong with the first that is not
struct StabilityParts {
    uint16 scoreBps;
    uint16 frequencyBps;
    uint16 voltageBps;
    uint16 loadingBps;
    uint16 balanceBps;
    bool isBalanceKnown;
    uint40 updatedAt;
    FeedStatus status;
}
