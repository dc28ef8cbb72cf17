// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {MeterStatus} from "../types/MeterInfo.sol";

/// @notice All that accepting a reading needs to know of a meter, in one storage word kept under its
/// device key: a reading writes this word and one word of lanes, nothing else.
///
/// ```
/// bit 255     230      204       178      154       138        106       80       40       0
///  +----------+--------+---------+---------+---------+----------+---------+--------+--------+
///  | status 2 | rated  | rated   | voltage | frequ-  | sequence | last    | export | import |
///  | id 24    | exp 26 | imp 26  | mV 24   | ency 16 | 32       | slot 26 | Wh 40  | Wh 40  |
///  +----------+--------+---------+---------+---------+----------+---------+--------+--------+
///  |<------ set at registration ------>|<---------- the latest accepted reading ----------->|
/// ```
/// - `status`: `MeterStatus`; the word of an unknown key is 0.
/// - `rated`: power in W; the caps (V14) and the lane width follow from it.
/// - `last slot`: index of the slot that starts at the latest reading (its timestamp / 900); 26 bits
///   last until the year 3883.
type MeterWord is uint256;

using MeterWordLib for MeterWord global;

/// @notice Named, masked access to the fields of a `MeterWord`.
library MeterWordLib {
    uint256 internal constant MAX_REGISTER_WH = (1 << 40) - 1;
    uint256 internal constant MAX_SLOT = (1 << 26) - 1;
    uint256 internal constant MAX_FREQUENCY_MILLI_HZ = (1 << 16) - 1;
    uint256 internal constant MAX_VOLTAGE_MILLI_V = (1 << 24) - 1;
    uint256 internal constant MAX_RATED_W = (1 << 26) - 1;
    uint256 internal constant MAX_METER_ID = (1 << 24) - 1;
    /// @dev Largest rating whose cap, 16,383 Wh a slot, fits a narrow lane of 14 bits.
    uint256 internal constant MAX_NARROW_RATED_W = 59_578;

    uint256 private constant EXPORT_AT = 40;
    uint256 private constant SLOT_AT = 80;
    uint256 private constant SEQUENCE_AT = 106;
    uint256 private constant FREQUENCY_AT = 138;
    uint256 private constant VOLTAGE_AT = 154;
    uint256 private constant RATED_IMPORT_AT = 178;
    uint256 private constant RATED_EXPORT_AT = 204;
    uint256 private constant ID_AT = 230;
    uint256 private constant STATUS_AT = 254;
    uint256 private constant READING_MASK = (1 << RATED_IMPORT_AT) - 1;

    /* BUILDING */

    /// @dev The word of a new active meter without a reading. Warning: callers have checked that each
    /// field fits (`MAX_...`).
    function create(uint256 meterId_, uint256 ratedImportW_, uint256 ratedExportW_)
        internal
        pure
        returns (MeterWord)
    {
        return MeterWord.wrap(
            (uint256(MeterStatus.ACTIVE) << STATUS_AT) | (meterId_ << ID_AT)
                | (ratedExportW_ << RATED_EXPORT_AT) | (ratedImportW_ << RATED_IMPORT_AT)
        );
    }

    function withStatus(MeterWord word, MeterStatus status_) internal pure returns (MeterWord) {
        uint256 rest = MeterWord.unwrap(word) & ((1 << STATUS_AT) - 1);
        return MeterWord.wrap(rest | (uint256(status_) << STATUS_AT));
    }

    /// @dev Replace the latest reading. Warning: callers have checked that each field fits (`MAX_...`).
    function withReading(
        MeterWord word,
        uint256 sequence_,
        uint256 slot,
        uint256 importWh_,
        uint256 exportWh_,
        uint256 frequencyMilliHz_,
        uint256 voltageMilliV_
    ) internal pure returns (MeterWord) {
        uint256 reading = importWh_ | (exportWh_ << EXPORT_AT) | (slot << SLOT_AT)
            | (sequence_ << SEQUENCE_AT) | (frequencyMilliHz_ << FREQUENCY_AT)
            | (voltageMilliV_ << VOLTAGE_AT);
        return MeterWord.wrap((MeterWord.unwrap(word) & ~READING_MASK) | reading);
    }

    /* FIELDS */

    function importWh(MeterWord word) internal pure returns (uint256) {
        return MeterWord.unwrap(word) & MAX_REGISTER_WH;
    }

    function exportWh(MeterWord word) internal pure returns (uint256) {
        return (MeterWord.unwrap(word) >> EXPORT_AT) & MAX_REGISTER_WH;
    }

    function lastSlot(MeterWord word) internal pure returns (uint256) {
        return (MeterWord.unwrap(word) >> SLOT_AT) & MAX_SLOT;
    }

    function sequence(MeterWord word) internal pure returns (uint256) {
        return (MeterWord.unwrap(word) >> SEQUENCE_AT) & type(uint32).max;
    }

    function frequencyMilliHz(MeterWord word) internal pure returns (uint256) {
        return (MeterWord.unwrap(word) >> FREQUENCY_AT) & MAX_FREQUENCY_MILLI_HZ;
    }

    function voltageMilliV(MeterWord word) internal pure returns (uint256) {
        return (MeterWord.unwrap(word) >> VOLTAGE_AT) & MAX_VOLTAGE_MILLI_V;
    }

    function ratedImportW(MeterWord word) internal pure returns (uint256) {
        return (MeterWord.unwrap(word) >> RATED_IMPORT_AT) & MAX_RATED_W;
    }

    function ratedExportW(MeterWord word) internal pure returns (uint256) {
        return (MeterWord.unwrap(word) >> RATED_EXPORT_AT) & MAX_RATED_W;
    }

    function meterId(MeterWord word) internal pure returns (uint256) {
        return (MeterWord.unwrap(word) >> ID_AT) & MAX_METER_ID;
    }

    /// @dev The word of a key that was never registered is 0; every other one has a status and an id.
    function isKnown(MeterWord word) internal pure returns (bool) {
        return MeterWord.unwrap(word) != 0;
    }

    function isActive(MeterWord word) internal pure returns (bool) {
        return MeterWord.unwrap(word) >> STATUS_AT == uint256(MeterStatus.ACTIVE);
    }

    function status(MeterWord word) internal pure returns (MeterStatus) {
        return MeterStatus(MeterWord.unwrap(word) >> STATUS_AT);
    }

    /* WHAT FOLLOWS FROM THE RATING */

    /// @dev Cap of one slot in Wh: `ratedW * 900 / 3600 * 110 %`, rounded down, against the meter.
    function capWh(uint256 ratedW) internal pure returns (uint256) {
        // Unchecked: ratings have 26 bits.
        unchecked {
            return ratedW * 11 / 40;
        }
    }

    function isWide(uint256 ratedImportW_, uint256 ratedExportW_) internal pure returns (bool) {
        return ratedImportW_ > MAX_NARROW_RATED_W || ratedExportW_ > MAX_NARROW_RATED_W;
    }

    function wide(MeterWord word) internal pure returns (bool) {
        return isWide(ratedImportW(word), ratedExportW(word));
    }
}
