// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {GridStates} from "./GridStates.sol";
import {IStabilityParts} from "../interfaces/IStabilityParts.sol";
import {IStabilityScore} from "../interfaces/IStabilityScore.sol";
import {StabilityFormula} from "../libraries/StabilityFormula.sol";
import {GridLimits} from "../types/GridLimits.sol";
import {GridState} from "../types/GridStates.sol";
import {FeedStatus} from "../types/Observation.sol";
import {StabilityParts} from "../types/StabilityParts.sol";

/// @title How stable the grid of a zone is
abstract contract StabilityScores is GridStates, IStabilityParts {
    /// @inheritdoc IStabilityScore
    function stabilityScore(uint16 zone) external view returns (uint256, uint256, FeedStatus) {
        StabilityParts memory parts = _stabilityOf(zone);
        return (parts.scoreBps, parts.updatedAt, parts.status);
    }

    /// @inheritdoc IStabilityParts
    function stabilityParts(uint16 zone) external view returns (StabilityParts memory) {
        return _stabilityOf(zone);
    }

    function _stabilityOf(uint16 zone) private view returns (StabilityParts memory parts) {
        GridLimits memory limits = _limitsOf(zone);
        if (limits.nominalVoltageMilliV == 0) {
            parts.status = FeedStatus.STALE;
            return parts;
        }
        bool isBlackout = _inForce(_records[zone]) == GridState.BLACKOUT;
        return StabilityFormula.parts(limits, _metricsOf(zone), isBlackout);
    }
}
