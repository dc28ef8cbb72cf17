// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IGridZones} from "../interfaces/IGridZones.sol";
import {Band, GridLimits} from "../types/GridLimits.sol";
import {GridWatch} from "./GridTransitions.sol";

/// @notice Hard bounds of what governance can decide about a zone's limits.
///
/// | | lowest | highest |
/// |---|---|---|
/// | nominal voltage | 50 V | 1,200 kV |
/// | nominal frequency | 50 or 60 Hz | |
/// | calm rounds | 2 | 20 |
/// | life of a halt | 5 min | 60 min |
/// | frequency: alert, emergency, blackout | 10 mHz | 500 mHz, 1 Hz, 3 Hz |
/// | voltage, each side | 1 % | 15 %, 20 %, 100 % |
/// | loading | 50 % | 100 %, 200 %, 300 % |
///
/// Each threshold above the one before it; a blackout threshold may be 0 (none), but not that of the frequency. The
/// hysteresis is at least 1 and below the alert threshold, so that there always is a value that ends an alert.
library GridLimitRules {
    uint256 private constant LOWEST_VOLTAGE_MILLI_V = 50_000; // 50 V
    uint256 private constant HIGHEST_VOLTAGE_MILLI_V = 1_200_000_000; // 1,200 kV
    uint256 private constant LOWEST_FREQUENCY_MILLI_HZ = 50_000; // 50 Hz
    uint256 private constant HIGHEST_FREQUENCY_MILLI_HZ = 60_000; // 60 Hz

    /// @notice Revert unless the limits are within bounds.
    function requireBounds(GridLimits calldata limits) internal pure {
        _require(0, limits.nominalVoltageMilliV, LOWEST_VOLTAGE_MILLI_V, HIGHEST_VOLTAGE_MILLI_V);
        uint256 frequency = limits.nominalFrequencyMilliHz;
        if (frequency != LOWEST_FREQUENCY_MILLI_HZ) {
            _require(1, frequency, HIGHEST_FREQUENCY_MILLI_HZ, HIGHEST_FREQUENCY_MILLI_HZ);
        }
        _require(2, limits.watched, 1, GridWatch.ALL);
        _require(3, limits.calmRounds, 2, 20);
        _require(4, limits.haltSeconds, 5 minutes, 60 minutes);
        _requireBand(5, limits.frequency, 10, [uint256(500), 1_000, 3_000], true);
        _requireBand(9, limits.voltageLow, 100, [uint256(1_500), 2_000, 10_000], false);
        _requireBand(13, limits.voltageHigh, 100, [uint256(1_500), 2_000, 10_000], false);
        _requireBand(17, limits.loading, 5_000, [uint256(10_000), 20_000, 30_000], false);
    }

    /// @param field number of the band's first field
    /// @param lowest of the alert threshold
    /// @param highest of alert, emergency and blackout
    /// @param blacksOut whether there must be a blackout threshold
    function _requireBand(
        uint256 field,
        Band calldata band,
        uint256 lowest,
        uint256[3] memory highest,
        bool blacksOut
    ) private pure {
        _require(field, band.alert, lowest, highest[0]);
        _require(field + 1, band.emergency, uint256(band.alert) + 1, highest[1]);
        if (blacksOut || band.blackout != 0) {
            _require(field + 2, band.blackout, uint256(band.emergency) + 1, highest[2]);
        }
        _require(field + 3, band.hysteresis, 1, uint256(band.alert) - 1);
    }

    function _require(uint256 field, uint256 given, uint256 lowest, uint256 highest) private pure {
        if (given < lowest || given > highest) {
            revert IGridZones.LimitOutOfBounds(field, given, lowest, highest);
        }
    }
}
