// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {GridBase} from "./GridBase.sol";
import {ResourceRegister} from "./ResourceRegister.sol";
import {SetPointCurves} from "./SetPointCurves.sol";
import {IAssetRegister} from "../interfaces/IAssetRegister.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {Nominals} from "../libraries/SetPointRules.sol";
import {GridLimits} from "../types/GridLimits.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {Resource} from "../types/GridResources.sol";

/// @title Room of grid management: energy resources and set-points
/// @notice Code that `GridManagement` runs on its own storage by `delegatecall`. Called at its own address it finds nothing.
contract ResourceRoom is GridBase, ResourceRegister, SetPointCurves {
    /// @dev All arguments are those of `GridManagement`.
    constructor(
        address authority,
        address gridOracle_,
        address smartMeter_,
        address market_,
        address assetRegister_
    ) GridBase(authority, gridOracle_, smartMeter_, market_, assetRegister_) {}

    /* WHAT THE PARTS ASK OF EACH OTHER */

    /// @inheritdoc ResourceRegister
    function _meterRegistry() internal view override returns (IMeterRegistry) {
        return IMeterRegistry(address(SMART_METER));
    }

    /// @inheritdoc ResourceRegister
    function _assetRegister() internal view override returns (IAssetRegister) {
        return IAssetRegister(ASSET_REGISTER);
    }

    /// @inheritdoc SetPointCurves
    function _resourceAt(uint32 resourceId) internal view override returns (Resource memory) {
        return _resource(resourceId);
    }

    /// @inheritdoc SetPointCurves
    function _nominalsOf(uint16 zone) internal view override returns (Nominals memory) {
        GridLimits memory limits = _limitsOf(zone);
        return Nominals(limits.nominalVoltageMilliV, limits.nominalFrequencyMilliHz);
    }

    /// @inheritdoc SetPointCurves
    function _gridMetricsOf(uint16 zone) internal view override returns (GridMetrics memory) {
        return _metricsOf(zone);
    }
}
