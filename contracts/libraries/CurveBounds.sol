// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ISetPoints} from "../interfaces/ISetPoints.sol";
import {CurveKind, CurvePoint} from "../types/SetPoints.sol";
import {PiecewiseCurve, PiecewiseCurves} from "./PiecewiseCurves.sol";

/// @notice What governance may set: bounds that no vote can move.
///
/// | kind      | x               | y                | direction                                  | at nominal |
/// |-----------|-----------------|------------------|--------------------------------------------|------------|
/// | VOLT_VAR  | 5,000 to 15,000 | -10,000 to 10,000 | never rises                               | free       |
/// | VOLT_WATT | 5,000 to 15,000 | 0 to 10,000      | never falls up to nominal, never rises above | 10,000   |
/// | DROOP     | -5,000 to 5,000 | -10,000 to 10,000 | never rises                               | 0          |
///
/// Steepness: at most 100 per step of x between two points, so a swing over the whole rating takes at least 1 % of
/// nominal voltage or 100 mHz. VOLT_VAR may be off centre, as IEEE 1547-2018 lets its reference voltage be.
library CurveBounds {
    /// @dev Nominal voltage on the x axis, and the whole rating on the y axis.
    int256 internal constant BPS = 10_000;
    int256 internal constant LOWEST_VOLTAGE = 5_000;
    int256 internal constant HIGHEST_VOLTAGE = 15_000;
    int256 internal constant LARGEST_DEVIATION = 5_000;
    uint256 internal constant MAX_SLOPE = 100;

    /// @notice Pack points that are within the bounds of their kind; none are no curve. Reverts otherwise.
    function packed(CurveKind kind, CurvePoint[] memory points)
        internal
        pure
        returns (PiecewiseCurve curve)
    {
        if (points.length > PiecewiseCurves.MAX_POINTS) {
            revert ISetPoints.TooManyPoints(points.length, PiecewiseCurves.MAX_POINTS);
        }
        if (points.length == 0) return curve;
        bool isDroop = kind == CurveKind.DROOP;
        int256 lowestX = isDroop ? -LARGEST_DEVIATION : LOWEST_VOLTAGE;
        int256 highestX = isDroop ? LARGEST_DEVIATION : HIGHEST_VOLTAGE;
        int256 lowestY = kind == CurveKind.VOLT_WATT ? int256(0) : -BPS;
        for (uint256 i; i < points.length; ++i) {
            int256 x = points[i].x;
            int256 y = points[i].y;
            if (x < lowestX || x > highestX) {
                revert ISetPoints.PointOutOfRange(i, x, lowestX, highestX);
            }
            if (y < lowestY || y > BPS) revert ISetPoints.ValueOutOfBounds(i, y, lowestY, BPS);
            if (i != 0) _checkStep(kind, i, points[i - 1], points[i]);
        }
        curve = PiecewiseCurves.pack(points);
        if (isDroop) _checkNominal(curve, 0, 0);
        if (kind == CurveKind.VOLT_WATT) _checkNominal(curve, BPS, BPS);
    }

    function _checkStep(
        CurveKind kind,
        uint256 index,
        CurvePoint memory previous,
        CurvePoint memory point
    ) private pure {
        if (point.x <= previous.x) revert ISetPoints.PointsNotRising(index, point.x, previous.x);
        // Below nominal voltage a limit of draw is lifted as the voltage rises. A step over the nominal voltage is
        // neither: the value there is checked to be the highest one, so both its ends must be that, too.
        bool mayRise = kind == CurveKind.VOLT_WATT && point.x <= BPS;
        bool mayFall = kind != CurveKind.VOLT_WATT || previous.x >= BPS;
        int256 rise = int256(point.y) - previous.y;
        if ((rise > 0 && !mayRise) || (rise < 0 && !mayFall)) {
            revert ISetPoints.WrongDirection(index, point.y, previous.y);
        }
        // Safe: x has been found to rise.
        uint256 allowed = MAX_SLOPE * uint256(int256(point.x) - previous.x);
        uint256 given = uint256(rise < 0 ? -rise : rise);
        if (given > allowed) revert ISetPoints.CurveTooSteep(index, given, allowed);
    }

    function _checkNominal(PiecewiseCurve curve, int256 nominal, int256 needed) private pure {
        int256 value = curve.valueAt(nominal);
        if (value != needed) revert ISetPoints.ActsAtNominal(value, needed);
    }
}
