// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {StabilityParts} from "../types/StabilityParts.sol";
import {IStabilityScore} from "./IStabilityScore.sol";

/// @title The stability score with its parts
/// @notice `security` is the worst part of frequency, voltage and loading: a grid is as stable as its weakest quantity.
/// `score = (9,000 security + 1,000 balance) / 10,000`, rounded down, or `security` where the balance is not known; 0 in
/// BLACKOUT. Values with status OK and FALLBACK count. Nothing here reverts.
interface IStabilityParts is IStabilityScore {
    /// @notice Parts of the score. A zone without limits: all 0, STALE.
    function stabilityParts(uint16 zone) external view returns (StabilityParts memory);
}
