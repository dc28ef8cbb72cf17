// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Band, GridLimits} from "../types/GridLimits.sol";

/// @notice Limits of a zone in two storage words.
///
/// ```
/// head   bit 96              80           72        64                32              0
///         +-----------------+------------+---------+-----------------+---------------+
///         | haltSeconds 16  | calm 8     | watch 8 | nominal mHz 32  | nominal mV 32 |
///         +-----------------+------------+---------+-----------------+---------------+
/// bands  bit 256       192             128             64            0
///         +------------+---------------+---------------+-------------+
///         | loading 64 | voltageHigh 64| voltageLow 64 | frequency 64|
///         +------------+---------------+---------------+-------------+
/// band   bit 64            48             32              16         0
///         +----------------+--------------+---------------+----------+
///         | hysteresis 16  | blackout 16  | emergency 16  | alert 16 |
///         +----------------+--------------+---------------+----------+
/// ```
struct GridLimitWords {
    uint256 head;
    uint256 bands;
}

using GridLimitWordsLib for GridLimitWords global;

/// @notice Packing.
library GridLimitWordsLib {
    function pack(GridLimits memory limits) internal pure returns (GridLimitWords memory words) {
        words.head = limits.nominalVoltageMilliV | (uint256(limits.nominalFrequencyMilliHz) << 32)
            | (uint256(limits.watched) << 64) | (uint256(limits.calmRounds) << 72)
            | (uint256(limits.haltSeconds) << 80);
        words.bands = _band(limits.frequency) | (_band(limits.voltageLow) << 64)
            | (_band(limits.voltageHigh) << 128) | (_band(limits.loading) << 192);
    }

    /// @dev Casts cut each field out of its word.
    function unpack(GridLimitWords memory words) internal pure returns (GridLimits memory limits) {
        uint256 head = words.head;
        limits.nominalVoltageMilliV = uint32(head);
        limits.nominalFrequencyMilliHz = uint32(head >> 32);
        limits.watched = uint8(head >> 64);
        limits.calmRounds = uint8(head >> 72);
        limits.haltSeconds = uint16(head >> 80);
        limits.frequency = _unpackBand(words.bands);
        limits.voltageLow = _unpackBand(words.bands >> 64);
        limits.voltageHigh = _unpackBand(words.bands >> 128);
        limits.loading = _unpackBand(words.bands >> 192);
    }

    function _band(Band memory band) private pure returns (uint256) {
        return band.alert | (uint256(band.emergency) << 16) | (uint256(band.blackout) << 32)
            | (uint256(band.hysteresis) << 48);
    }

    function _unpackBand(uint256 word) private pure returns (Band memory) {
        return Band(uint16(word), uint16(word >> 16), uint16(word >> 32), uint16(word >> 48));
    }
}
