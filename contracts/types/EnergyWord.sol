// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Quality, SlotEnergy} from "./Metering.sol";

/// @notice A `SlotEnergy` in one word; 0 while the slot is MISSING.
///
/// ```
/// bit 255         192            128           64            0
///  +---------------+--------------+-------------+-------------+
///  | quality 64    | mintableWh 64| exportWh 64 | importWh 64 |
///  +---------------+--------------+-------------+-------------+
/// ```
type EnergyWord is uint256;

using EnergyWords for EnergyWord global;

/// @notice Packing and named access.
library EnergyWords {
    uint256 private constant MASK_64 = (1 << 64) - 1;

    /// @dev Warning: energies must be below 2^64; no register is wider.
    function pack(uint256 importWh_, uint256 exportWh_, uint256 mintableWh_, Quality quality_)
        internal
        pure
        returns (EnergyWord)
    {
        return EnergyWord.wrap(
            (uint256(quality_) << 192) | (mintableWh_ << 128) | (exportWh_ << 64) | importWh_
        );
    }

    function unpack(EnergyWord word) internal pure returns (SlotEnergy memory) {
        return SlotEnergy({
            importWh: word.importWh(),
            exportWh: word.exportWh(),
            mintableWh: word.mintableWh(),
            quality: Quality(EnergyWord.unwrap(word) >> 192)
        });
    }

    function importWh(EnergyWord word) internal pure returns (uint256) {
        return EnergyWord.unwrap(word) & MASK_64;
    }

    function exportWh(EnergyWord word) internal pure returns (uint256) {
        return (EnergyWord.unwrap(word) >> 64) & MASK_64;
    }

    function mintableWh(EnergyWord word) internal pure returns (uint256) {
        return (EnergyWord.unwrap(word) >> 128) & MASK_64;
    }

    function isMissing(EnergyWord word) internal pure returns (bool) {
        return EnergyWord.unwrap(word) >> 192 == uint256(Quality.MISSING);
    }

    function isMeasured(EnergyWord word) internal pure returns (bool) {
        return EnergyWord.unwrap(word) >> 192 == uint256(Quality.MEASURED);
    }
}
