// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GridMetrics} from "../types/GridMetrics.sol";

/// @notice A grid oracle that says what a test tells it.
contract MockGridMetrics {
    mapping(uint16 zone => GridMetrics) private _metrics;

    function setMetrics(uint16 zone, GridMetrics calldata metrics) external {
        _metrics[zone] = metrics;
    }

    function gridMetrics(uint16 zone) external view returns (GridMetrics memory) {
        return _metrics[zone];
    }
}
