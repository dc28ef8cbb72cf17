// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {Metric} from "../types/FeedState.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {MeterInfo, MeterStatus} from "../types/MeterInfo.sol";
import {MeterKind} from "../types/Metering.sol";

/// @notice Meters and grid values as a test sets them, behind the views of `SmartMeter` and `GridOracle`.
contract MockGridPlaces {
    mapping(uint32 meterId => MeterInfo) private _meters;
    mapping(uint16 zone => GridMetrics) private _metrics;

    error UnknownMeter(uint256 meterId);

    function setMeter(
        uint32 meterId,
        address owner,
        uint16 zone,
        MeterKind kind,
        MeterStatus status,
        uint32 ratedImportW,
        uint32 ratedExportW
    ) external {
        MeterInfo storage meter = _meters[meterId];
        (meter.owner, meter.zone, meter.kind, meter.status) = (owner, zone, kind, status);
        (meter.ratedImportW, meter.ratedExportW) = (ratedImportW, ratedExportW);
    }

    function setMetrics(uint16 zone, Metric calldata voltage, Metric calldata frequency) external {
        _metrics[zone].voltageMilliV = voltage;
        _metrics[zone].frequencyMilliHz = frequency;
    }

    function meterInfo(uint32 meterId) external view returns (MeterInfo memory) {
        if (_meters[meterId].status == MeterStatus.UNKNOWN) revert UnknownMeter(meterId);
        return _meters[meterId];
    }

    function gridMetrics(uint16 zone) external view returns (GridMetrics memory) {
        return _metrics[zone];
    }
}
