// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {ResourceRegister} from "../grid/ResourceRegister.sol";
import {SetPointCurves} from "../grid/SetPointCurves.sol";
import {IAssetRegister} from "../interfaces/IAssetRegister.sol";
import {IGridOracle} from "../interfaces/IGridOracle.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {Nominals} from "../libraries/SetPointRules.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {Resource} from "../types/GridResources.sol";

/// @notice Register and set-points alone, with the neighbours that a test gives them.
contract GridResourcesHarness is ResourceRegister, SetPointCurves {
    IMeterRegistry private immutable METERS;
    IGridOracle private immutable ORACLE;
    IAssetRegister private immutable ASSETS;

    mapping(uint16 zone => Nominals) private _nominals;

    constructor(address authority, address meters, address oracle, address assets)
        AccessManaged(authority)
    {
        METERS = IMeterRegistry(meters);
        ORACLE = IGridOracle(oracle);
        ASSETS = IAssetRegister(assets);
    }

    function setNominals(uint16 zone, Nominals calldata nominals) external {
        _nominals[zone] = nominals;
    }

    function _meterRegistry() internal view override returns (IMeterRegistry) {
        return METERS;
    }

    function _assetRegister() internal view override returns (IAssetRegister) {
        return ASSETS;
    }

    function _resourceAt(uint32 resourceId) internal view override returns (Resource memory) {
        return _resource(resourceId);
    }

    function _nominalsOf(uint16 zone) internal view override returns (Nominals memory) {
        return _nominals[zone];
    }

    function _gridMetricsOf(uint16 zone) internal view override returns (GridMetrics memory) {
        return ORACLE.gridMetrics(zone);
    }
}
