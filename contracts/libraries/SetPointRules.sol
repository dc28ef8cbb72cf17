// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Metric} from "../types/FeedState.sol";
import {FeedStatus} from "../types/Observation.sol";
import {SetPoint} from "../types/SetPoints.sol";
import {PiecewiseCurve} from "./PiecewiseCurves.sol";

/// @notice Ratings that a set-point is made of; W and VA.
struct SetPointRatings {
    uint256 importW;
    uint256 exportW;
    uint256 apparentVa;
}

/// @notice The three curves in force for a resource.
struct SetPointCurveSet {
    PiecewiseCurve voltVar;
    PiecewiseCurve voltWatt;
    PiecewiseCurve droop;
}

/// @notice Nominal values of a zone; 0: it has none.
struct Nominals {
    uint256 voltageMilliV;
    uint256 frequencyMilliHz;
}

/// @notice Set-points in integers. `energy_grid/grid/setpoints.py` is the same, integer for integer.
///
/// ```
/// u        = voltage * 10,000 / nominal               f = frequency - nominal
/// reactive = S * voltVar(u) / 10,000                  droop = max(import, export) * droop(f) / 10,000
/// highest  = min(export * (u > 10,000 ? voltWatt(u) : 10,000) / 10,000, room)
/// lowest   = -min(import * (u < 10,000 ? voltWatt(u) : 10,000) / 10,000, room)
/// room     = sqrt(S^2 - reactive^2), or no limit if S = 0
/// ```
/// Every division and the root round towards zero. Reactive power comes first and active power gets what room is left
/// (IEEE 1547-2018, 5.3.1: reactive power priority): a resource that is rated up to its apparent power would otherwise
/// have no reactive power just when it lifts the voltage most.
/// @dev Why nothing overflows: ratings are below 2^32, curves within +-10,000, measurements are cut to 48 bits.
library SetPointRules {
    uint256 internal constant BPS = 10_000;
    /// @dev No voltage and no frequency comes near; a value beyond is taken as this.
    int256 internal constant LARGEST = 1 << 47;

    /// @notice The set-point of a resource that counts. Never reverts.
    function setpoint(
        SetPointRatings memory ratings,
        SetPointCurveSet memory curves,
        Nominals memory nominals,
        Metric memory voltageMilliV,
        Metric memory frequencyMilliHz
    ) internal pure returns (SetPoint memory answer) {
        answer = unrestricted(ratings);
        if (nominals.voltageMilliV == 0 || nominals.frequencyMilliHz == 0) {
            answer.status = FeedStatus.FROZEN;
            return answer;
        }
        bool hasVoltage = isUsable(voltageMilliV.status);
        bool hasFrequency = isUsable(frequencyMilliHz.status);
        if (hasVoltage) {
            _byVoltage(
                answer, ratings, curves, relative(voltageMilliV.value, nominals.voltageMilliV)
            );
        }
        if (hasFrequency) {
            int256 deviation =
                _cut(frequencyMilliHz.value) - int256(nominals.frequencyMilliHz);
            answer.droopW = droop(ratings, curves.droop, deviation);
        }
        answer.status = _status(
            hasVoltage, hasFrequency, voltageMilliV.status, frequencyMilliHz.status
        );
        answer.basedOn = _oldest(
            hasVoltage ? voltageMilliV.updatedAt : type(uint256).max,
            hasFrequency ? frequencyMilliHz.updatedAt : type(uint256).max
        );
    }

    /// @notice What holds when nothing is known: the ratings, no droop, no reactive power.
    function unrestricted(SetPointRatings memory ratings)
        internal
        pure
        returns (SetPoint memory answer)
    {
        answer.lowestW = -int256(ratings.importW);
        answer.highestW = int256(ratings.exportW);
    }

    /// @notice Whether a value is acted upon.
    function isUsable(FeedStatus status) internal pure returns (bool) {
        return status == FeedStatus.OK || status == FeedStatus.FALLBACK;
    }

    /// @notice A voltage in 1/10,000 of nominal, rounded towards zero.
    /// @dev Warning: `nominalMilliV` must not be 0.
    function relative(int256 milliV, uint256 nominalMilliV) internal pure returns (int256) {
        return _cut(milliV) * int256(BPS) / int256(nominalMilliV);
    }

    /// @notice Reactive power at a voltage in 1/10,000 of nominal.
    function reactive(
        SetPointRatings memory ratings,
        PiecewiseCurve voltVar,
        int256 voltageBps
    ) internal pure returns (int256) {
        return share(ratings.apparentVa, voltVar.valueAt(voltageBps));
    }

    /// @notice Power to be added at a deviation from nominal frequency.
    function droop(
        SetPointRatings memory ratings,
        PiecewiseCurve curve,
        int256 deviationMilliHz
    ) internal pure returns (int256) {
        uint256 larger = Math.max(ratings.importW, ratings.exportW);
        return share(larger, curve.valueAt(deviationMilliHz));
    }

    /// @notice Active power that fits beside a reactive one in an apparent rating, rounded down; no limit without one.
    function roomDown(uint256 apparentVa, int256 reactiveVar) internal pure returns (uint256) {
        if (apparentVa == 0) return type(uint256).max;
        // Reactive power is a share of the apparent one, so at most that.
        return Math.sqrt(apparentVa * apparentVa - uint256(reactiveVar * reactiveVar));
    }

    /// @notice A share of a rating in 1/10,000, rounded towards zero.
    function share(uint256 rating, int256 bps) internal pure returns (int256) {
        return int256(rating) * bps / int256(BPS);
    }

    function _byVoltage(
        SetPoint memory answer,
        SetPointRatings memory ratings,
        SetPointCurveSet memory curves,
        int256 voltageBps
    ) private pure {
        answer.reactiveVar = reactive(ratings, curves.voltVar, voltageBps);
        uint256 room = roomDown(ratings.apparentVa, answer.reactiveVar);
        // A Volt-Watt curve is never negative.
        uint256 limit = uint256(curves.voltWatt.valueAt(voltageBps));
        uint256 feedInBps = voltageBps > int256(BPS) ? limit : BPS;
        uint256 drawBps = voltageBps < int256(BPS) ? limit : BPS;
        answer.highestW = int256(Math.min(ratings.exportW * feedInBps / BPS, room));
        answer.lowestW = -int256(Math.min(ratings.importW * drawBps / BPS, room));
    }

    function _status(
        bool hasVoltage,
        bool hasFrequency,
        FeedStatus voltage,
        FeedStatus frequency
    ) private pure returns (FeedStatus) {
        if (!hasVoltage) return voltage;
        if (!hasFrequency) return frequency;
        return voltage == FeedStatus.OK ? frequency : voltage;
    }

    function _oldest(uint256 first, uint256 second) private pure returns (uint40) {
        uint256 oldest = Math.min(first, second);
        // A time of a block fits 40 bits for 34,000 years.
        return oldest == type(uint256).max ? 0 : uint40(oldest);
    }

    function _cut(int256 value) private pure returns (int256) {
        if (value > LARGEST) return LARGEST;
        return value < -LARGEST ? -LARGEST : value;
    }
}
