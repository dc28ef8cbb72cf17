// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ResourceClass} from "../types/GridResources.sol";
import {CurveKind, CurvePoint, SetPoint} from "../types/SetPoints.sol";

/// @title Set-points of resources from the state of their grid
/// @notice Curves say by zone and class of resource what voltage and frequency ask of a resource: reactive power
/// (Volt-VAR), limits of active power (Volt-Watt), power to be added (droop). They are data; until governance sets one,
/// the default of the class holds (`libraries/DefaultCurves.sol`, after published standards). A set-point is a pure
/// function of the register, the curves and the oracle's values; `energy_grid.grid` computes the same integers, and a
/// device applies the same curves to its own voltage and frequency between two values of the chain.
///
/// Rounding: every division rounds towards zero: limits to the tighter side, droop and reactive power to less action.
///
/// Warning: this is control at the level of market and dispatch, seconds to minutes. It never replaces a protection
/// relay or what an inverter must do by itself within milliseconds.
interface ISetPoints {
    /// @notice A curve was set, packed as in `libraries/PiecewiseCurves.sol`; 0: the default of the class.
    event CurveSet(
        uint16 indexed zone,
        ResourceClass indexed resourceClass,
        CurveKind indexed kind,
        uint256 oldCurve,
        uint256 newCurve
    );

    /// @notice Zone 0 means "not enrolled".
    error CurveWithoutZone();
    /// @notice A curve has at most 8 points.
    error TooManyPoints(uint256 given, uint256 allowed);
    /// @notice x rises strictly from point to point.
    error PointsNotRising(uint256 index, int256 x, int256 previousX);
    /// @notice x beyond what a curve of this kind may speak of.
    error PointOutOfRange(uint256 index, int256 x, int256 lowest, int256 highest);
    /// @notice y beyond what a curve of this kind may ask for.
    error ValueOutOfBounds(uint256 index, int256 y, int256 lowest, int256 highest);
    /// @notice A curve of this kind would push the grid further away here instead of back.
    error WrongDirection(uint256 index, int256 y, int256 previousY);
    /// @notice A full swing takes at least 1 % of nominal voltage, or 100 mHz, or devices hunt each other.
    error CurveTooSteep(uint256 index, uint256 rise, uint256 allowed);
    /// @notice At nominal voltage a VOLT_WATT curve limits nothing (10,000); at nominal frequency DROOP adds nothing (0).
    error ActsAtNominal(int256 value, int256 needed);

    /// @notice Set the curve of a class in a zone. Restricted to governance.
    /// @param points 1 to 8 points within the bounds of `libraries/CurveBounds.sol`; none: back to the default. The curve
    /// is straight between its points and flat beyond the first and the last; one point is a constant
    function setCurve(
        uint16 zone,
        ResourceClass resourceClass,
        CurveKind kind,
        CurvePoint[] calldata points
    ) external;

    /// @notice What a resource is to keep to now. Reverts `UnknownResource`, and nothing else.
    /// @dev A value that is stale, uncertain, bounded or frozen counts as none: without a voltage no limit below the
    /// ratings and no reactive power, without a frequency no droop. The status says so. What a curve asks holds at all
    /// hours, whatever availability the owner declared.
    function setpoint(uint32 resourceId) external view returns (SetPoint memory);

    /// @notice The curve in force. @return points its points @return isDefault whether it is the default of the class
    function curveOf(uint16 zone, ResourceClass resourceClass, CurveKind kind)
        external
        view
        returns (CurvePoint[] memory points, bool isDefault);

    /// @notice What the curve in force makes of `x`, in the units of its kind.
    function curveAt(uint16 zone, ResourceClass resourceClass, CurveKind kind, int256 x)
        external
        view
        returns (int256 y);
}
