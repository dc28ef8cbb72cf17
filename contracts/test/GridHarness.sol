// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {BreakerRules} from "../libraries/BreakerRules.sol";
import {GridLimitRules} from "../libraries/GridLimitRules.sol";
import {GridLimitWords, GridLimitWordsLib} from "../libraries/GridLimitWords.sol";
import {GridPresets} from "../libraries/GridPresets.sol";
import {GridTransitions} from "../libraries/GridTransitions.sol";
import {LineWord, LineWords} from "../libraries/LineWords.sol";
import {StabilityFormula} from "../libraries/StabilityFormula.sol";
import {Band, GridLimits, GridPreset} from "../types/GridLimits.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {GridState} from "../types/GridStates.sol";
import {Halt} from "../types/MarketTerms.sol";
import {StabilityParts} from "../types/StabilityParts.sol";

/// @notice The pure parts of grid management, many inputs a call.
contract GridHarness {
    /// @param words `state 8 | calm 8 | enters 8 | holds 8 | isComplete 8 | required 8`, lowest first
    /// @return answers `next 8 | calm 8 | isUsed 8`
    function steps(uint256[] calldata words) external pure returns (uint256[] memory answers) {
        answers = new uint256[](words.length);
        for (uint256 i; i < words.length; ++i) {
            uint256 word = words[i];
            (GridState next, uint256 calm, bool isUsed) = GridTransitions.step(
                GridState(uint8(word)),
                uint8(word >> 8),
                uint8(word >> 16),
                uint8(word >> 24),
                uint8(word >> 32) != 0,
                uint8(word >> 40)
            );
            answers[i] = uint256(next) | (calm << 8) | (isUsed ? 1 << 16 : 0);
        }
    }

    /// @notice Levels of values of one quantity: 0 frequency, 1 voltage, 2 loading.
    /// @return answers `enters 8 | holds 8`
    function levels(GridLimits calldata limits, uint256 quantity, int256[] calldata values)
        external
        pure
        returns (uint256[] memory answers)
    {
        answers = new uint256[](values.length);
        for (uint256 i; i < values.length; ++i) {
            (uint256 deviation, Band memory band) = _deviation(limits, quantity, values[i]);
            (uint256 enters, uint256 holds) = GridTransitions.levels(band, deviation);
            answers[i] = enters | (holds << 8);
        }
    }

    function higher(GridState state, GridState escalation) external pure returns (GridState) {
        return GridTransitions.higher(state, escalation);
    }

    function parts(GridLimits calldata limits, GridMetrics calldata metrics, bool isBlackout)
        external
        pure
        returns (StabilityParts memory)
    {
        return StabilityFormula.parts(limits, metrics, isBlackout);
    }

    /// @param words `state 8 | isKnown 8 | hasChanged 8 | oldCut 16 | alert 16 | loading 64`, lowest first
    function lineCuts(uint256[] calldata words) external pure returns (uint256[] memory cuts) {
        cuts = new uint256[](words.length);
        for (uint256 i; i < words.length; ++i) {
            uint256 word = words[i];
            cuts[i] = BreakerRules.lineCut(
                GridState(uint8(word)),
                uint16(word >> 40),
                uint8(word >> 8) != 0,
                uint64(word >> 56),
                uint16(word >> 24),
                uint8(word >> 16) != 0
            );
        }
    }

    function wantedHalt(GridState state, uint256 unixTime, uint256 haltSeconds)
        external
        pure
        returns (Halt memory)
    {
        return BreakerRules.wantedHalt(state, unixTime, haltSeconds);
    }

    function isDue(Halt calldata wanted, Halt calldata inForce, uint256 unixTime, uint256 seconds_)
        external
        pure
        returns (bool)
    {
        return BreakerRules.isDue(wanted, inForce, unixTime, seconds_);
    }

    function repack(GridLimits calldata limits) external pure returns (GridLimits memory) {
        GridLimitWords memory words = GridLimitWordsLib.pack(limits);
        return words.unpack();
    }

    function requireBounds(GridLimits calldata limits) external pure {
        GridLimitRules.requireBounds(limits);
    }

    function preset(GridPreset preset_, uint32 nominal) external pure returns (GridLimits memory) {
        return GridPresets.limits(preset_, nominal);
    }

    function line(uint16 from, uint16 to, uint256 forwardW, uint256 backW, uint256 share)
        external
        pure
        returns (uint16, uint16, uint256, uint256, uint256, bool, bool)
    {
        LineWord fresh = LineWords.create(from, to, forwardW, backW);
        LineWord word = fresh.withShare(10_000).withShare(share);
        return (
            word.fromZone(),
            word.toZone(),
            word.forwardW(),
            word.backW(),
            word.shareBps(),
            word.hasShare(share),
            fresh.hasShare(share)
        );
    }

    function _deviation(GridLimits calldata limits, uint256 quantity, int256 value)
        private
        pure
        returns (uint256, Band memory)
    {
        if (quantity == 0) {
            return (GridTransitions.frequencyDeviation(limits, value), limits.frequency);
        }
        if (quantity == 1) return GridTransitions.voltageDeviation(limits, value);
        return (GridTransitions.loadingDeviation(value), limits.loading);
    }
}
