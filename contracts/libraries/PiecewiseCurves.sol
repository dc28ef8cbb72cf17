// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {CurvePoint} from "../types/SetPoints.sol";

/// @notice A piecewise linear curve of 1 to 8 points in one word: straight between its points, flat beyond the first and
/// the last. `energy_grid/grid/curves.py` is the same, integer for integer.
///
/// ```
/// bit 255      251      247          61   31         0
///  +----------+--------+---------+--+---------+---------+
///  | count 4  | zero 4 | point 7 |..| point 1 | point 0 |     points 31 each, those not used are 0
///  +----------+--------+---------+--+---------+---------+
///
/// point:  bit 30     15        0
///          +----------+---------+
///          | x 16     | y 15    |     both two's complement
///          +----------+---------+
/// ```
/// The word 0 is no curve.
type PiecewiseCurve is uint256;

using PiecewiseCurves for PiecewiseCurve global;

/// @notice Packing and reading a `PiecewiseCurve`.
library PiecewiseCurves {
    uint256 internal constant MAX_POINTS = 8;

    uint256 private constant POINT_BITS = 31;
    uint256 private constant X_AT = 15;
    uint256 private constant Y_MASK = (1 << 15) - 1;
    uint256 private constant COUNT_AT = 252;

    /// @notice Pack points. Warning: the caller has checked that there are at most 8, that x rises strictly, and that
    /// each y fits 15 bits (`CurveBounds`).
    function pack(CurvePoint[] memory points) internal pure returns (PiecewiseCurve) {
        uint256 word = points.length << COUNT_AT;
        for (uint256 i; i < points.length; ++i) {
            word |= _point(points[i].x, points[i].y) << (POINT_BITS * i);
        }
        return PiecewiseCurve.wrap(word);
    }

    /// @notice A curve of one point: a constant, whatever its `x`.
    function constantly(int16 x, int16 y) internal pure returns (PiecewiseCurve) {
        return PiecewiseCurve.wrap((1 << COUNT_AT) | _point(x, y));
    }

    /// @notice A curve of two points.
    function line(int16 x0, int16 y0, int16 x1, int16 y1) internal pure returns (PiecewiseCurve) {
        return PiecewiseCurve.wrap(
            (2 << COUNT_AT) | _point(x0, y0) | (_point(x1, y1) << POINT_BITS)
        );
    }

    /// @notice A curve that is `middle` from `x1` to `x2` and goes to `y0` at `x0` and to `y3` at `x3`.
    function around(
        int16 x0,
        int16 y0,
        int16 x1,
        int16 x2,
        int16 middle,
        int16 x3,
        int16 y3
    ) internal pure returns (PiecewiseCurve) {
        return PiecewiseCurve.wrap(
            (4 << COUNT_AT) | _point(x0, y0) | (_point(x1, middle) << POINT_BITS)
                | (_point(x2, middle) << (2 * POINT_BITS)) | (_point(x3, y3) << (3 * POINT_BITS))
        );
    }

    function count(PiecewiseCurve curve) internal pure returns (uint256) {
        return PiecewiseCurve.unwrap(curve) >> COUNT_AT;
    }

    function isNone(PiecewiseCurve curve) internal pure returns (bool) {
        return PiecewiseCurve.unwrap(curve) == 0;
    }

    function unpack(PiecewiseCurve curve) internal pure returns (CurvePoint[] memory points) {
        points = new CurvePoint[](curve.count());
        for (uint256 i; i < points.length; ++i) {
            (int256 x, int256 y) = _at(curve, i);
            // They were packed from 16 and 15 bits.
            points[i] = CurvePoint({x: int16(x), y: int16(y)});
        }
    }

    /// @notice Value of the curve, rounded towards zero. Never reverts; 0 if there is no curve.
    function valueAt(PiecewiseCurve curve, int256 x) internal pure returns (int256) {
        uint256 points = curve.count();
        if (points == 0) return 0;
        (int256 x0, int256 y0) = _at(curve, 0);
        if (x <= x0) return y0;
        for (uint256 i = 1; i < points; ++i) {
            (int256 x1, int256 y1) = _at(curve, i);
            if (x <= x1) {
                // Unchecked: x lies between two numbers of 16 bits, y has 15, and x1 > x0.
                unchecked {
                    return (y0 * (x1 - x) + y1 * (x - x0)) / (x1 - x0);
                }
            }
            (x0, y0) = (x1, y1);
        }
        return y0;
    }

    function _point(int16 x, int16 y) private pure returns (uint256) {
        return (uint256(uint16(x)) << X_AT) | (uint256(uint16(y)) & Y_MASK);
    }

    function _at(PiecewiseCurve curve, uint256 index) private pure returns (int256 x, int256 y) {
        uint256 raw = PiecewiseCurve.unwrap(curve) >> (POINT_BITS * index);
        x = int16(uint16(raw >> X_AT));
        // The sign of 15 bits: shifted to the top of 16, and back with the sign.
        y = int16(uint16(raw << 1)) >> 1;
    }
}
