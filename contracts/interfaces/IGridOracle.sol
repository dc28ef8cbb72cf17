// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GridMetrics} from "../types/GridMetrics.sol";
import {IReportAggregator} from "./IReportAggregator.sol";

/// @title State of the grid, by zone
/// @notice Feeds: DEMAND, SUPPLY, FREQUENCY, VOLTAGE, LINE_LOADING. EIP-712 domain name `energy-grid GridOracle`.
interface IGridOracle is IReportAggregator {
    /// @notice All that is reported of a zone, each with its time and status; never reverts.
    function gridMetrics(uint16 zone) external view returns (GridMetrics memory);
}
