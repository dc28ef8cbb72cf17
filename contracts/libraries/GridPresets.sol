// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Band, GridLimits, GridPreset} from "../types/GridLimits.sol";
import {GridWatch} from "./GridTransitions.sol";

/// @notice Limits after published standards. Frequency in mHz, voltage in 1/10,000 of nominal, loading in 1/10,000 of the
/// rating.
///
/// | | EN 50160, 50 Hz | ANSI C84.1, 60 Hz |
/// |---|---|---|
/// | frequency | 50: standard range; 200: primary reserve fully used; 500: EN 50160, 1 % | 36: governor dead-band; 200; 500 |
/// | voltage low | 5 %; 10 %: EN 50160, 95 % of a week; below 5 % of nominal: interruption | 5 %: Range A; 8.33 %: Range B; below 10 % of nominal: interruption |
/// | voltage high | 5 %; 10 %: EN 50160 | 5 %: Range A; 5.83 %: Range B |
/// | loading | 80 %: in time to act; 120 %: emergency rating of lines and transformers | the same |
library GridPresets {
    uint8 private constant CALM_ROUNDS = 3;
    uint16 private constant HALT_SECONDS = 30 minutes;

    /// @notice Limits after `preset` for a nominal voltage in mV.
    function limits(GridPreset preset, uint32 nominalVoltageMilliV)
        internal
        pure
        returns (GridLimits memory set)
    {
        bool isEuropean = preset == GridPreset.EN_50160_50HZ;
        set.nominalVoltageMilliV = nominalVoltageMilliV;
        set.nominalFrequencyMilliHz = isEuropean ? 50_000 : 60_000;
        set.watched = GridWatch.ALL;
        set.calmRounds = CALM_ROUNDS;
        set.haltSeconds = HALT_SECONDS;
        set.loading = Band(8_000, 12_000, 0, 500);
        if (isEuropean) {
            set.frequency = Band(50, 200, 500, 20);
            set.voltageLow = Band(500, 1_000, 9_500, 100);
            set.voltageHigh = Band(500, 1_000, 0, 100);
        } else {
            set.frequency = Band(36, 200, 500, 20);
            set.voltageLow = Band(500, 833, 9_000, 50);
            set.voltageHigh = Band(500, 583, 0, 50);
        }
    }
}
