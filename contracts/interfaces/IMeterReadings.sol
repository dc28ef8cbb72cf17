// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    EnergyMeterDay, EnergyMeterReading, SignedMeterReading
} from "../types/MeterMessages.sol";

/// @title Signed meter readings
/// @notice Anyone may relay what a device signed. EIP-712 domain: name `energy-grid SmartMeter`, version
/// `1`, chain id, this contract. Signatures are 65 bytes (r, s, v) or 64 bytes (r, vs; ERC-2098) with
/// low s; others revert `ECDSAInvalidSignature`, `ECDSAInvalidSignatureLength(length)` or
/// `ECDSAInvalidSignatureS(s)`. The rules are V1-V5, V7, V10-V12, V14 and V15 of the metering checks:
/// - The same reading again does nothing (V4), so sending twice is harmless.
/// - A different, validly signed reading for a time on record, or with the last sequence, quarantines the
///   meter: an event, no revert, and the reading is not taken.
/// - A gap of 2 to 96 slots is interpolated at once and is ESTIMATED for ever; a longer one stays MISSING
///   and only its stretch is on record. Rounding: `r0 + floor((r1 - r0)(t - t0) / (t1 - t0))`; the sum
///   over a gap is exact, so nobody gains.
/// - A reading counts before the deadline of its last slot: 24 h after the end of that slot's UTC day.
interface IMeterReadings {
    /// @notice A snapshot is on record (V1-V14 passed).
    event ReadingAccepted(
        uint32 indexed meterId,
        uint40 indexed timestamp,
        uint32 sequence,
        uint64 importWh,
        uint64 exportWh,
        uint32 frequencyMilliHz,
        uint32 voltageMilliV
    );

    /// @notice The snapshots at the ends of slots `firstSlot ... dayEnd / 900 - 1` of a signed day are on
    /// record; all these slots but the first are MEASURED, the first if the record reached its start.
    /// @param meterId id of the meter
    /// @param dayStart the day, unix seconds
    /// @param firstSlot first slot of the day whose end was new to the record
    /// @param lastSequence sequence of the day's last snapshot
    /// @param importWh import register at the day's end in Wh
    /// @param exportWh export register at the day's end in Wh
    /// @param frequencyMilliHz of the last snapshot
    /// @param voltageMilliV of the last snapshot
    /// @param words the day's differences as signed
    event MeterDayAccepted(
        uint32 indexed meterId,
        uint40 indexed dayStart,
        uint32 firstSlot,
        uint32 lastSequence,
        uint64 importWh,
        uint64 exportWh,
        uint32 frequencyMilliHz,
        uint32 voltageMilliV,
        bytes32[] words
    );

    /// @notice Reading numbers `expected ... found - 1` were left out (V3).
    event SequenceSkipped(uint32 indexed meterId, uint32 expected, uint32 found);

    /// @notice More than one slot lies between two readings.
    /// @param meterId id of the meter
    /// @param fromSlot first slot of the stretch
    /// @param toSlot exclusive end of the stretch
    /// @param importWh import over the stretch in Wh
    /// @param exportWh export over the stretch in Wh
    /// @param estimated true: slots are ESTIMATED; false: longer than 96 slots, they stay MISSING
    event GapRecorded(
        uint32 indexed meterId,
        uint32 indexed fromSlot,
        uint32 toSlot,
        uint64 importWh,
        uint64 exportWh,
        bool estimated
    );

    /// @notice A register rolled over before the reading at `timestamp` (V12).
    event RegisterRolledOver(uint32 indexed meterId, uint40 timestamp, bool exportRegister);

    /// @notice The meter's key signed a reading that conflicts with another one (V4). Of a conflicting
    /// day, the snapshot where it meets the record is named, or else its last one.
    /// @param meterId id of the meter
    /// @param reporter who brought the proof; this contract for an item of a batch
    /// @param sequence of the conflicting reading; 0 when the device sent it in its own transaction
    /// @param timestamp of the conflicting reading
    /// @param importWh of the conflicting reading
    /// @param exportWh of the conflicting reading
    event MeterQuarantined(
        uint32 indexed meterId,
        address indexed reporter,
        uint32 sequence,
        uint40 timestamp,
        uint64 importWh,
        uint64 exportWh
    );

    /// @notice An item of a batch was not taken.
    /// @param meterId meter named by the item
    /// @param index place in the batch
    /// @param sequence sequence named by the item
    /// @param errorSelector selector of the error the item alone would revert with
    event ReadingSkipped(
        uint32 indexed meterId, uint256 indexed index, uint32 sequence, bytes4 errorSelector
    );

    /// @notice The reading was signed by a key that does not belong to the meter it names (V2).
    error WrongDeviceKey(uint32 meterId, address signer);
    /// @notice Snapshots lie on multiples of 900 s, days on multiples of 86,400 s (V5).
    error TimestampMisaligned(uint256 given, uint256 unit);
    /// @notice The snapshot lies more than 30 s ahead of the chain (V7).
    error ReadingInFuture(uint256 given, uint256 latestAllowed);
    /// @notice The reading's deadline has passed (V7).
    error ReadingTooLate(uint256 blockTimestamp, uint256 deadline);
    /// @notice The sequence must be above the last one (V3).
    error SequenceNotRising(uint256 given, uint256 last);
    /// @notice A sequence does not fit 32 bits: the meter needs a new key and registration.
    error SequenceExhausted(uint32 meterId);
    /// @notice Older than the last reading, and not a snapshot on record (V10).
    error TimestampNotRising(uint256 given, uint256 last);
    /// @notice A register fell and it is no rollover (V11, V12).
    error RegisterFell(uint256 givenWh, uint256 lastWh);
    /// @notice More energy than the rating allows in the time between two snapshots (V14).
    error EnergyAboveCap(uint256 givenWh, uint256 allowedWh);
    /// @notice A value exceeds what the contract can hold: registers 2^40 - 1 Wh, frequency 65,535
    /// (0.001 Hz), voltage 16,777,215 (0.001 V).
    error ValueOutOfRange(uint256 given, uint256 allowed);
    /// @notice A day has 12 narrow or 24 wide words.
    error WrongWordCount(uint256 given, uint256 expected);
    /// @notice Quality, tag or spare bits of a day's word are not those of 8 (4) MEASURED lanes, tag 0.
    error MalformedDayWord(uint256 index, bytes32 word);
    /// @notice A day's base register must be below the register width.
    error BaseAboveWidth(uint256 givenWh, uint256 registerWidthWh);
    /// @notice The two readings do not conflict: same meter, and same timestamp or same sequence, but
    /// not the same content.
    error NoConflict(bytes32 firstDigest, bytes32 secondDigest);
    /// @notice The conflict was judged when the meter was released from quarantine.
    error ConflictAlreadyJudged(uint32 meterId, uint256 releasedAt);

    /// @notice The gas did not last for this item of the batch; send fewer items or more gas.
    error BatchOutOfGas(uint256 index);

    /// @notice Record a reading signed by its device. Anyone may call.
    /// @param reading the signed snapshot
    /// @param signature by the meter's device key, 64 or 65 bytes
    /// @return accepted true if the snapshot was new and is on record; false if it was there already or
    /// quarantined the meter
    function submitSignedReading(EnergyMeterReading calldata reading, bytes calldata signature)
        external
        returns (bool accepted);

    /// @notice Record many readings, of any meters. Anyone may call. An item that would revert alone is
    /// skipped with `ReadingSkipped`; the others land. Runs out of gas as a whole, never by item.
    /// @return accepted number of snapshots that were new and are on record
    function submitSignedReadings(SignedMeterReading[] calldata readings)
        external
        returns (uint256 accepted);

    /// @notice Record a day under one signature. Anyone may call. The effect is that of its snapshots
    /// sent one by one in their order, those before the last reading on record left out. The base (the
    /// registers at midnight)
    /// - must equal the record if the last reading was at midnight, else the meter is quarantined, as
    ///   it is when the day contradicts the last reading inside the day;
    /// - is a reading of its own, with sequence `firstSequence - 1`, if the record ends earlier, the
    ///   base's own deadline has not passed and that number is above the last sequence;
    /// - is left out otherwise: the gap then ends at the day's first snapshot.
    /// @param day the signed day
    /// @param signature by the meter's device key, 64 or 65 bytes
    /// @return accepted number of snapshots that were new and are on record, at most 97
    function submitSignedDay(EnergyMeterDay calldata day, bytes calldata signature)
        external
        returns (uint256 accepted);

    /// @notice Quarantine a meter whose key signed two different readings with one timestamp or one
    /// sequence. Anyone may call; neither reading needs to be on record.
    function reportEquivocation(
        EnergyMeterReading calldata first,
        bytes calldata firstSignature,
        EnergyMeterReading calldata second,
        bytes calldata secondSignature
    ) external;

    /// @notice EIP-712 digest of a reading.
    function readingDigest(EnergyMeterReading calldata reading) external view returns (bytes32);

    /// @notice EIP-712 digest of a day.
    function dayDigest(EnergyMeterDay calldata day) external view returns (bytes32);
}
