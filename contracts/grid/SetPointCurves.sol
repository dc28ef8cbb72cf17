// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {ISetPoints} from "../interfaces/ISetPoints.sol";
import {CurveBounds} from "../libraries/CurveBounds.sol";
import {DefaultCurves} from "../libraries/DefaultCurves.sol";
import {PiecewiseCurve} from "../libraries/PiecewiseCurves.sol";
import {
    Nominals,
    SetPointCurveSet,
    SetPointRatings,
    SetPointRules
} from "../libraries/SetPointRules.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {Resource, ResourceClass} from "../types/GridResources.sol";
import {FeedStatus} from "../types/Observation.sol";
import {CurveKind, CurvePoint, SetPoint} from "../types/SetPoints.sol";

/// @title Curves and set-points
/// @notice Part of `GridManagement`; see `ISetPoints`.
abstract contract SetPointCurves is ISetPoints, AccessManaged {
    /// @dev By `_keyOf`; 0: the default of the class.
    mapping(uint256 key => PiecewiseCurve) private _curves;

    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc ISetPoints
    function setCurve(
        uint16 zone,
        ResourceClass resourceClass,
        CurveKind kind,
        CurvePoint[] calldata points
    ) external restricted {
        if (zone == 0) revert CurveWithoutZone();
        PiecewiseCurve curve = CurveBounds.packed(kind, points);

        uint256 key = _keyOf(zone, resourceClass, kind);
        PiecewiseCurve old = _curves[key];
        _curves[key] = curve;
        emit CurveSet(
            zone, resourceClass, kind, PiecewiseCurve.unwrap(old), PiecewiseCurve.unwrap(curve)
        );
    }

    /* VIEWS */

    /// @inheritdoc ISetPoints
    function setpoint(uint32 resourceId) external view returns (SetPoint memory answer) {
        Resource memory resource = _resourceAt(resourceId);
        SetPointRatings memory ratings = SetPointRatings({
            importW: resource.ratedImportW,
            exportW: resource.ratedExportW,
            apparentVa: resource.ratedVa
        });
        if (!resource.isActive) {
            answer = SetPointRules.unrestricted(ratings);
            answer.status = FeedStatus.FROZEN;
            return answer;
        }
        uint16 zone = resource.zone;
        Nominals memory nominals = _nominalsOf(zone);
        GridMetrics memory metrics = _gridMetricsOf(zone);
        return SetPointRules.setpoint(
            ratings,
            SetPointCurveSet({
                voltVar: _curve(zone, resource.kind, CurveKind.VOLT_VAR, nominals),
                voltWatt: _curve(zone, resource.kind, CurveKind.VOLT_WATT, nominals),
                droop: _curve(zone, resource.kind, CurveKind.DROOP, nominals)
            }),
            nominals,
            metrics.voltageMilliV,
            metrics.frequencyMilliHz
        );
    }

    /// @inheritdoc ISetPoints
    function curveOf(uint16 zone, ResourceClass resourceClass, CurveKind kind)
        external
        view
        returns (CurvePoint[] memory points, bool isDefault)
    {
        isDefault = _curves[_keyOf(zone, resourceClass, kind)].isNone();
        points = _curve(zone, resourceClass, kind, _nominalsOf(zone)).unpack();
    }

    /// @inheritdoc ISetPoints
    function curveAt(uint16 zone, ResourceClass resourceClass, CurveKind kind, int256 x)
        external
        view
        returns (int256)
    {
        return _curve(zone, resourceClass, kind, _nominalsOf(zone)).valueAt(x);
    }

    /* INTERNAL: NEIGHBOURS */

    /// @dev A resource and whether it counts; reverts `UnknownResource`.
    function _resourceAt(uint32 resourceId) internal view virtual returns (Resource memory);

    /// @dev Nominal voltage and frequency of a zone; 0 if it is not under grid management.
    function _nominalsOf(uint16 zone) internal view virtual returns (Nominals memory);

    /// @dev What the oracle says of a zone; never reverts.
    function _gridMetricsOf(uint16 zone) internal view virtual returns (GridMetrics memory);

    /* INTERNAL */

    function _curve(
        uint16 zone,
        ResourceClass resourceClass,
        CurveKind kind,
        Nominals memory nominals
    ) private view returns (PiecewiseCurve curve) {
        curve = _curves[_keyOf(zone, resourceClass, kind)];
        if (curve.isNone()) {
            curve = DefaultCurves.forClass(kind, resourceClass, nominals.frequencyMilliHz);
        }
    }

    function _keyOf(uint16 zone, ResourceClass resourceClass, CurveKind kind)
        private
        pure
        returns (uint256)
    {
        return (uint256(zone) << 16) | (uint256(resourceClass) << 8) | uint256(kind);
    }
}
