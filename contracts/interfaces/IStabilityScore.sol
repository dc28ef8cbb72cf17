// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FeedStatus} from "../types/Observation.sol";

/// @title How stable the grid of a zone is
/// @notice What the reference price reads of grid management.
interface IStabilityScore {
    /// @notice Stability of a zone. Must not revert: an unknown zone is (0, 0, STALE).
    /// @return scoreBps 0 to 10,000, which is perfectly stable
    /// @return updatedAt unix second
    /// @return status how far to trust it; only OK and FALLBACK are used
    function stabilityScore(uint16 zone)
        external
        view
        returns (uint256 scoreBps, uint256 updatedAt, FeedStatus status);
}
