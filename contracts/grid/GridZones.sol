// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {GridBase} from "./GridBase.sol";
import {IGridZones} from "../interfaces/IGridZones.sol";
import {GridLimitRules} from "../libraries/GridLimitRules.sol";
import {GridLimitWordsLib} from "../libraries/GridLimitWords.sol";
import {GridPresets} from "../libraries/GridPresets.sol";
import {GridLimits, GridPreset} from "../types/GridLimits.sol";

/// @title Zones of the grid and their limits
abstract contract GridZones is GridBase, IGridZones {
    /* RESTRICTED */

    /// @inheritdoc IGridZones
    function setGridLimits(uint16 zone, GridLimits calldata limits) external restricted {
        // Check.
        if (zone == 0) revert GridZoneZero();
        GridLimitRules.requireBounds(limits);
        // Effect.
        GridLimits memory old = _limitsOf(zone);
        _limits[zone] = GridLimitWordsLib.pack(limits);
        emit GridLimitsSet(zone, old, limits);
    }

    /* VIEWS */

    /// @inheritdoc IGridZones
    function gridLimits(uint16 zone) external view returns (GridLimits memory) {
        return _limitsOf(zone);
    }

    /// @inheritdoc IGridZones
    function presetLimits(GridPreset preset, uint32 nominalVoltageMilliV)
        external
        pure
        returns (GridLimits memory)
    {
        return GridPresets.limits(preset, nominalVoltageMilliV);
    }

    /* INTERNAL */

    /// @dev Check: limits of a zone that is under grid management.
    function _requireLimits(uint16 zone) internal view returns (GridLimits memory limits) {
        limits = _limitsOf(zone);
        if (limits.nominalVoltageMilliV == 0) revert ZoneWithoutLimits(zone);
    }
}
