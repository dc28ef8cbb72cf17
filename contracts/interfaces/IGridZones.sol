// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GridLimits, GridPreset} from "../types/GridLimits.sol";

/// @title Zones of the grid: nominal values and limits
/// @notice A zone is under grid management once it has limits.
interface IGridZones {
    /// @notice Limits were set; they hold from the next update of the zone's state on. All old values 0: first limits.
    event GridLimitsSet(uint16 indexed zone, GridLimits oldLimits, GridLimits newLimits);

    /// @notice Zone 0 means "not enrolled" and has no grid.
    error GridZoneZero();
    /// @notice The zone is not under grid management.
    error ZoneWithoutLimits(uint16 zone);
    /// @notice A value of the limits lies outside what is allowed. @param field which, counted over the values of
    /// `GridLimits` from 0: nominal voltage, nominal frequency, watched, calm rounds, halt seconds, then alert, emergency,
    /// blackout and hysteresis of each band (5 to 20)
    error LimitOutOfBounds(uint256 field, uint256 given, uint256 lowest, uint256 highest);

    /// @notice Set the limits of a zone. Restricted. The state of the zone stays until values say otherwise.
    function setGridLimits(uint16 zone, GridLimits calldata limits) external;

    /// @notice Limits of a zone; all 0 if it has none.
    function gridLimits(uint16 zone) external view returns (GridLimits memory);

    /// @notice Limits after a standard, for a nominal voltage: what to give to `setGridLimits`.
    function presetLimits(GridPreset preset, uint32 nominalVoltageMilliV)
        external
        pure
        returns (GridLimits memory);
}
