// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ResourceClass} from "../types/GridResources.sol";
import {CurveKind} from "../types/SetPoints.sol";
import {PiecewiseCurve, PiecewiseCurves} from "./PiecewiseCurves.sol";

/// @notice Curves that hold until governance sets others, by kind, class and nominal frequency. Python:
/// `energy_grid/grid/defaults.py`.
///
/// Sources. Volt-VAR, 50 Hz: the Q(U) characteristic of VDE-AR-N 4105:2018-11 (0.93, 0.97, 1.03, 1.07 of nominal; power
/// factor 0.9, that is 43.58 % of the apparent rating; EN 50549-1:2019, 4.7.2). Volt-VAR, 60 Hz: IEEE 1547-2018, table 8,
/// category B (0.92, 0.98, 1.02, 1.08; 44 %). Volt-Watt: IEEE 1547-2018, table 31 (1.06 to 1.10, to 20 %; to 0 for what
/// can absorb) in both, since neither EN 50549-1 nor VDE-AR-N 4105 gives values. Droop of generation, 50 Hz: LFSM-O from
/// 50.2 Hz, 5 % droop, 40 % a hertz, up to 51.5 Hz where plants disconnect (Regulation (EU) 2016/631, article 13;
/// VDE-AR-N 4105); GENERATOR also LFSM-U from 49.8 Hz to 47.5 Hz. Droop of batteries, 50 Hz: as the containment reserve
/// of Continental Europe, all at 200 mHz, but with a dead-band of 20 mHz. 60 Hz: IEEE 1547-2018, table 24, dead-band
/// 36 mHz, 5 % droop.
/// Ours, for want of a published value: BATTERY, EV and HEAT_PUMP draw less below 94 % of nominal voltage, 20 % of their
/// rating at 90 % (batteries 0), the mirror image of table 31; EV and HEAT_PUMP draw less at under-frequency with the
/// slope of LFSM-U.
library DefaultCurves {
    /// @dev Above: IEEE 1547-2018; otherwise the European set.
    uint256 private constant SIXTY_HERTZ_FROM = 55_000;

    /// @notice The default of a class.
    function forClass(CurveKind kind, ResourceClass resourceClass, uint256 nominalMilliHz)
        internal
        pure
        returns (PiecewiseCurve)
    {
        bool isSixty = nominalMilliHz > SIXTY_HERTZ_FROM;
        if (kind == CurveKind.VOLT_VAR) return _voltVar(resourceClass, isSixty);
        if (kind == CurveKind.VOLT_WATT) return _voltWatt(resourceClass);
        return _droop(resourceClass, isSixty);
    }

    function _voltVar(ResourceClass resourceClass, bool isSixty)
        private
        pure
        returns (PiecewiseCurve)
    {
        if (
            resourceClass == ResourceClass.EV || resourceClass == ResourceClass.HEAT_PUMP
                || resourceClass == ResourceClass.LOAD
        ) return PiecewiseCurves.constantly(10_000, 0);
        return isSixty
            ? PiecewiseCurves.around(9_200, 4_400, 9_800, 10_200, 0, 10_800, -4_400)
            : PiecewiseCurves.around(9_300, 4_358, 9_700, 10_300, 0, 10_700, -4_358);
    }

    function _voltWatt(ResourceClass resourceClass) private pure returns (PiecewiseCurve) {
        if (resourceClass == ResourceClass.BATTERY) {
            return PiecewiseCurves.around(9_000, 0, 9_400, 10_600, 10_000, 11_000, 0);
        }
        if (resourceClass == ResourceClass.EV || resourceClass == ResourceClass.HEAT_PUMP) {
            return PiecewiseCurves.around(9_000, 2_000, 9_400, 10_600, 10_000, 11_000, 2_000);
        }
        if (resourceClass == ResourceClass.LOAD) return PiecewiseCurves.constantly(10_000, 10_000);
        return PiecewiseCurves.line(10_600, 10_000, 11_000, 2_000);
    }

    function _droop(ResourceClass resourceClass, bool isSixty)
        private
        pure
        returns (PiecewiseCurve)
    {
        if (resourceClass == ResourceClass.BATTERY) {
            return isSixty
                ? PiecewiseCurves.around(-3_036, 10_000, -36, 36, 0, 3_036, -10_000)
                : PiecewiseCurves.around(-200, 10_000, -20, 20, 0, 200, -10_000);
        }
        if (resourceClass == ResourceClass.GENERATOR) {
            return isSixty
                ? PiecewiseCurves.around(-3_036, 10_000, -36, 36, 0, 1_836, -6_000)
                : PiecewiseCurves.around(-2_500, 9_200, -200, 200, 0, 1_500, -5_200);
        }
        if (resourceClass == ResourceClass.EV || resourceClass == ResourceClass.HEAT_PUMP) {
            return isSixty
                ? PiecewiseCurves.line(-3_036, 10_000, -36, 0)
                : PiecewiseCurves.line(-2_500, 9_200, -200, 0);
        }
        if (resourceClass == ResourceClass.LOAD) return PiecewiseCurves.constantly(0, 0);
        return isSixty
            ? PiecewiseCurves.line(36, 0, 1_836, -6_000)
            : PiecewiseCurves.line(200, 0, 1_500, -5_200);
    }
}
