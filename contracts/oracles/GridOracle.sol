// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ReportAggregator} from "./ReportAggregator.sol";
import {IGridOracle} from "../interfaces/IGridOracle.sol";
import {FeedIds} from "../libraries/FeedIds.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {FeedKind} from "../types/Observation.sol";

/// @title GridOracle
/// @notice Demand, supply, frequency, voltage and line loading of each zone, from the zone's reporters.
contract GridOracle is ReportAggregator, IGridOracle {
    /// @param authority the access manager; GOVERNOR sets reporters and feeds, GUARDIAN freezes and switches
    constructor(address authority)
        ReportAggregator(
            authority,
            "energy-grid GridOracle",
            FeedIds.bit(FeedKind.DEMAND) | FeedIds.bit(FeedKind.SUPPLY)
                | FeedIds.bit(FeedKind.FREQUENCY) | FeedIds.bit(FeedKind.VOLTAGE)
                | FeedIds.bit(FeedKind.LINE_LOADING)
        )
    {}

    /// @inheritdoc IGridOracle
    function gridMetrics(uint16 zone) external view returns (GridMetrics memory) {
        return GridMetrics({
            demandW: _metric(FeedKind.DEMAND, zone, 0),
            supplyW: _metric(FeedKind.SUPPLY, zone, 0),
            frequencyMilliHz: _metric(FeedKind.FREQUENCY, zone, 0),
            voltageMilliV: _metric(FeedKind.VOLTAGE, zone, 0),
            lineLoadingBps: _metric(FeedKind.LINE_LOADING, zone, 0)
        });
    }
}
