// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Band, GridLimits} from "../types/GridLimits.sol";
import {GridState} from "../types/GridStates.sol";

/// @notice Quantities that decide about the state of a zone, one bit each.
library GridWatch {
    uint8 internal constant FREQUENCY = 1;
    uint8 internal constant VOLTAGE = 2;
    uint8 internal constant LOADING = 4;
    uint8 internal constant ALL = 7;
}

/// @notice How a zone's state follows from values: pure, mirrored in `energy_grid/grid/transitions.py` and tested over
/// every state, every value at and beside each threshold and every count.
///
/// A level is a number: 0 NORMAL, 1 ALERT, 2 EMERGENCY, 3 BLACKOUT. A value `enters` the highest level whose threshold its
/// deviation reaches, and `holds` the highest one whose threshold less the hysteresis it reaches.
///
/// | state | confirmed round | next |
/// |---|---|---|
/// | NORMAL ... BLACKOUT | enters a higher level | that level, at once |
/// | ALERT, EMERGENCY, BLACKOUT | holds the level | the same, the count starts again |
/// | ALERT, EMERGENCY, BLACKOUT | complete and below | the count rises; at `calmRounds`: NORMAL, ALERT, RESTORATION |
/// | RESTORATION | enters BLACKOUT | BLACKOUT, at once |
/// | RESTORATION | holds BLACKOUT | the same, the count starts again |
/// | RESTORATION | complete and below | the count rises; at `calmRounds`: the level that the round holds |
///
/// A round is complete if every watched quantity has a new value in it. One that is not, and neither raises nor holds the
/// level, changes nothing and leaves its values for the round that it will be complete with.
library GridTransitions {
    uint256 internal constant BPS = 10_000;

    uint256 private constant BLACKOUT_LEVEL = 3;

    /* DEVIATIONS */

    /// @notice Deviation of a frequency from nominal, in mHz.
    function frequencyDeviation(GridLimits memory limits, int256 frequencyMilliHz)
        internal
        pure
        returns (uint256)
    {
        return _distance(frequencyMilliHz, int256(uint256(limits.nominalFrequencyMilliHz)));
    }

    /// @notice Deviation of a voltage from nominal in basis points of it, rounded down, and the band of its side. Rounding
    /// changes no comparison with a whole number of basis points.
    function voltageDeviation(GridLimits memory limits, int256 voltageMilliV)
        internal
        pure
        returns (uint256 deviationBps, Band memory band)
    {
        uint256 nominal = limits.nominalVoltageMilliV;
        deviationBps = _distance(voltageMilliV, int256(nominal)) * BPS / nominal;
        band = voltageMilliV < int256(nominal) ? limits.voltageLow : limits.voltageHigh;
    }

    /// @notice A line loading as a deviation from 0, in basis points of the rating; the direction of the flow does not
    /// count.
    function loadingDeviation(int256 loadingBps) internal pure returns (uint256) {
        return _distance(loadingBps, 0);
    }

    /* LEVELS */

    /// @notice Levels that a deviation enters and holds; `holds >= enters`.
    function levels(Band memory band, uint256 deviation)
        internal
        pure
        returns (uint256 enters, uint256 holds)
    {
        enters = _level(band, deviation);
        holds = _level(band, deviation + band.hysteresis);
    }

    /// @notice What one look at the values makes of a state.
    /// @param state before it
    /// @param calmRounds_ count of confirmed rounds that spoke for a lower state
    /// @param enters highest level that a new value enters
    /// @param holds highest level that a new value holds
    /// @param isComplete whether every watched quantity has a new value
    /// @param required count at which a state is lowered
    /// @return next state after it
    /// @return nextCalmRounds count after it
    /// @return isUsed whether the new values are used up by this
    function step(
        GridState state,
        uint256 calmRounds_,
        uint256 enters,
        uint256 holds,
        bool isComplete,
        uint256 required
    ) internal pure returns (GridState next, uint256 nextCalmRounds, bool isUsed) {
        bool isRestoring = state == GridState.RESTORATION;
        // In RESTORATION only a blackout counts as a level that is entered or held.
        uint256 level = isRestoring ? BLACKOUT_LEVEL : uint256(state);
        if (isRestoring ? enters == BLACKOUT_LEVEL : enters > level) {
            return (GridState(enters), 0, true);
        }
        if (holds >= level) return (state, 0, true);
        if (!isComplete) return (state, calmRounds_, false);
        if (calmRounds_ + 1 < required) return (state, calmRounds_ + 1, true);
        if (isRestoring) return (GridState(holds), 0, true);
        if (state == GridState.BLACKOUT) return (GridState.RESTORATION, 0, true);
        return (GridState(level - 1), 0, true); // level is 1 or 2: nothing is below 0
    }

    /// @notice The state in force under a guardian's escalation: the higher one. RESTORATION stands between EMERGENCY and
    /// BLACKOUT.
    function higher(GridState state, GridState escalation) internal pure returns (GridState) {
        if (state == GridState.RESTORATION) {
            return escalation == GridState.BLACKOUT ? escalation : state;
        }
        return escalation > state ? escalation : state;
    }

    /* PRIVATE */

    function _level(Band memory band, uint256 deviation) private pure returns (uint256) {
        if (band.blackout != 0 && deviation >= band.blackout) return BLACKOUT_LEVEL;
        if (deviation >= band.emergency) return 2;
        return deviation >= band.alert ? 1 : 0;
    }

    /// @dev Values have 128 bits and nominals 32: no difference overflows.
    function _distance(int256 left, int256 right) private pure returns (uint256) {
        return uint256(left > right ? left - right : right - left);
    }
}
