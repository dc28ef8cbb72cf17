// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Metric} from "../types/FeedState.sol";
import {Band, GridLimits} from "../types/GridLimits.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {FeedStatus} from "../types/Observation.sol";
import {StabilityParts} from "../types/StabilityParts.sol";
import {GridTransitions, GridWatch} from "./GridTransitions.sol";

/// @notice Arithmetic of the stability score, pure; mirrored in `energy_grid/grid/score.py`. See `IStabilityParts`.
library StabilityFormula {
    uint256 internal constant BPS = 10_000;
    uint256 private constant SECURITY_WEIGHT_BPS = 9_000; // 90 %
    uint256 private constant BALANCE_WEIGHT_BPS = 1_000; // 10 %

    /// @notice Score and parts. @param isBlackout whether the state in force is BLACKOUT
    function parts(GridLimits memory limits, GridMetrics memory metrics, bool isBlackout)
        internal
        pure
        returns (StabilityParts memory found)
    {
        found.updatedAt = type(uint40).max;
        found.frequencyBps = uint16(BPS);
        found.voltageBps = uint16(BPS);
        found.loadingBps = uint16(BPS);
        if (limits.watched & GridWatch.FREQUENCY != 0) {
            found.frequencyBps = _judge(
                found,
                metrics.frequencyMilliHz,
                limits.frequency,
                GridTransitions.frequencyDeviation(limits, metrics.frequencyMilliHz.value)
            );
        }
        if (limits.watched & GridWatch.VOLTAGE != 0) {
            (uint256 deviation, Band memory band) =
                GridTransitions.voltageDeviation(limits, metrics.voltageMilliV.value);
            found.voltageBps = _judge(found, metrics.voltageMilliV, band, deviation);
        }
        if (limits.watched & GridWatch.LOADING != 0) {
            found.loadingBps = _judge(
                found,
                metrics.lineLoadingBps,
                limits.loading,
                GridTransitions.loadingDeviation(metrics.lineLoadingBps.value)
            );
        }
        (found.balanceBps, found.isBalanceKnown) = _balance(metrics.demandW, metrics.supplyW);
        found.scoreBps = isBlackout ? 0 : _score(found);
    }

    /// @notice Part of one quantity, in 1/10,000, rounded down.
    function part(Band memory band, uint256 deviation) internal pure returns (uint256) {
        // The hysteresis is below the alert threshold, which is below the emergency threshold.
        uint256 full = uint256(band.alert) - band.hysteresis;
        if (deviation <= full) return BPS;
        if (deviation >= band.emergency) return 0;
        return BPS * (band.emergency - deviation) / (band.emergency - full);
    }

    /// @dev Part of a watched quantity; sets status and time of `found`.
    function _judge(
        StabilityParts memory found,
        Metric memory metric,
        Band memory band,
        uint256 deviation
    ) private pure returns (uint16) {
        if (metric.updatedAt < found.updatedAt) found.updatedAt = uint40(metric.updatedAt);
        if (!_isTrusted(metric.status)) {
            if (_isTrusted(found.status)) found.status = metric.status;
            return 0;
        }
        if (found.status == FeedStatus.OK) found.status = metric.status;
        return uint16(part(band, deviation)); // at most 10,000
    }

    function _balance(Metric memory demand, Metric memory supply)
        private
        pure
        returns (uint16 balanceBps, bool isKnown)
    {
        if (!_isTrusted(demand.status) || !_isTrusted(supply.status)) return (0, false);
        // Powers are not negative; values have 128 bits.
        uint256 larger = demand.value > 0 ? uint256(demand.value) : 0;
        uint256 smaller = supply.value > 0 ? uint256(supply.value) : 0;
        if (smaller > larger) (larger, smaller) = (smaller, larger);
        return (larger == 0 ? uint16(BPS) : uint16(BPS * smaller / larger), true);
    }

    function _score(StabilityParts memory found) private pure returns (uint16) {
        uint256 security = found.frequencyBps;
        if (found.voltageBps < security) security = found.voltageBps;
        if (found.loadingBps < security) security = found.loadingBps;
        if (!found.isBalanceKnown) return uint16(security); // at most 10,000, and so is their mean
        return uint16(
            (SECURITY_WEIGHT_BPS * security + BALANCE_WEIGHT_BPS * found.balanceBps) / BPS
        );
    }

    function _isTrusted(FeedStatus status) private pure returns (bool) {
        return status == FeedStatus.OK || status == FeedStatus.FALLBACK;
    }
}
