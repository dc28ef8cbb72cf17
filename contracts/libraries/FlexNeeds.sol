// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Metric} from "../types/FeedState.sol";
import {FlexDirection} from "../types/Flexibility.sol";
import {GridLimits} from "../types/GridLimits.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {FeedStatus} from "../types/Observation.sol";

/// @notice Which way a grid needs power to move. Only values with status OK count.
library FlexNeeds {
    int256 private constant BPS = 10_000;

    /// @notice The first of these that is beyond its alert band says it: frequency, voltage, line loading. A loaded line is
    /// relieved UP if the zone draws more than it feeds in, else DOWN.
    function direction(GridMetrics memory metrics, GridLimits memory limits)
        internal
        pure
        returns (bool known, FlexDirection needed)
    {
        if (_isOk(metrics.frequencyMilliHz)) {
            int256 off =
                metrics.frequencyMilliHz.value - int256(uint256(limits.nominalFrequencyMilliHz));
            int256 band = int256(uint256(limits.frequency.alert));
            if (off <= -band) return (true, FlexDirection.UP);
            if (off >= band) return (true, FlexDirection.DOWN);
        }
        int256 nominal = int256(uint256(limits.nominalVoltageMilliV));
        if (_isOk(metrics.voltageMilliV) && nominal != 0) {
            int256 off = (metrics.voltageMilliV.value - nominal) * BPS;
            if (off <= -nominal * int256(uint256(limits.voltageLow.alert))) {
                return (true, FlexDirection.UP);
            }
            if (off >= nominal * int256(uint256(limits.voltageHigh.alert))) {
                return (true, FlexDirection.DOWN);
            }
        }
        if (
            _isOk(metrics.lineLoadingBps) && _isOk(metrics.demandW) && _isOk(metrics.supplyW)
                && metrics.lineLoadingBps.value >= int256(uint256(limits.loading.alert))
        ) {
            bool drawing = metrics.demandW.value > metrics.supplyW.value;
            return (true, drawing ? FlexDirection.UP : FlexDirection.DOWN);
        }
    }

    function _isOk(Metric memory metric) private pure returns (bool) {
        return metric.status == FeedStatus.OK;
    }
}
