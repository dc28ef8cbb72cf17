// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterPages} from "../interfaces/IMeterPages.sol";
import {IMeterReadings} from "../interfaces/IMeterReadings.sol";
import {SLOT_SECONDS} from "../libraries/MeterConstants.sol";
import {MeterTypedData} from "../libraries/MeterTypedData.sol";
import {MeterWord, MeterWordLib} from "../libraries/MeterWord.sol";
import {EnergyMeterReading, SignedMeterReading} from "../types/MeterMessages.sol";
import {Quality} from "../types/Metering.sol";
import {MeterEnergy} from "./MeterEnergy.sol";

/// @title Single readings
/// @notice Part of `SmartMeter`; see `IMeterReadings`. The rules are named by their ids (V1 ... V15).
abstract contract MeterReadings is IMeterReadings, MeterEnergy {
    /// @dev A reading whose sequence is not stated: it came in the device's own transaction and is the
    /// next one. Signed readings count from 1.
    uint256 internal constant NEXT_SEQUENCE = 0;

    /// @dev A register snapshot whose origin is proven.
    struct Snapshot {
        uint256 sequence;
        uint256 timestamp;
        uint256 importWh;
        uint256 exportWh;
        uint256 frequencyMilliHz;
        uint256 voltageMilliV;
    }

    /* USER FUNCTIONS */

    /// @inheritdoc IMeterReadings
    function submitSignedReading(EnergyMeterReading calldata reading, bytes calldata signature)
        external
        returns (bool accepted)
    {
        (address deviceKey, MeterWord word) =
            _signerOf(reading.meterId, readingDigest(reading), signature);
        if (reading.sequence == 0) revert SequenceNotRising(0, word.sequence());
        return _submit(
            deviceKey,
            word,
            Snapshot({
                sequence: reading.sequence,
                timestamp: reading.timestamp,
                importWh: reading.importWh,
                exportWh: reading.exportWh,
                frequencyMilliHz: reading.frequencyMilliHz,
                voltageMilliV: reading.voltageMilliV
            })
        );
    }

    /// @inheritdoc IMeterReadings
    function submitSignedReadings(SignedMeterReading[] calldata readings)
        external
        returns (uint256 accepted)
    {
        for (uint256 i = 0; i < readings.length; ++i) {
            SignedMeterReading calldata item = readings[i];
            // A call of its own, so that an invalid item undoes only itself.
            try this.submitSignedReading(item.reading, item.signature) returns (bool isNew) {
                if (isNew) ++accepted;
            } catch (bytes memory reason) {
                // All errors here carry a selector: an empty reason means too little gas, which must not
                // pass for an invalid item.
                if (reason.length < 4) revert BatchOutOfGas(i);
                emit ReadingSkipped(
                    item.reading.meterId, i, item.reading.sequence, bytes4(reason)
                );
            }
        }
    }

    /// @inheritdoc IMeterReadings
    function reportEquivocation(
        EnergyMeterReading calldata first,
        bytes calldata firstSignature,
        EnergyMeterReading calldata second,
        bytes calldata secondSignature
    ) external {
        bytes32 firstDigest = readingDigest(first);
        bytes32 secondDigest = readingDigest(second);
        if (
            first.meterId != second.meterId || firstDigest == secondDigest
                || (first.timestamp != second.timestamp && first.sequence != second.sequence)
        ) revert NoConflict(firstDigest, secondDigest);
        (address deviceKey, MeterWord word) =
            _signerOf(first.meterId, firstDigest, firstSignature);
        _signerOf(second.meterId, secondDigest, secondSignature);
        _requireActive(word);
        EnergyMeterReading calldata later = second.timestamp >= first.timestamp ? second : first;
        _requireNotFuture(later.timestamp);

        _quarantine(
            deviceKey, word, later.sequence, later.timestamp, later.importWh, later.exportWh
        );
    }

    /* VIEWS */

    /// @inheritdoc IMeterReadings
    function readingDigest(EnergyMeterReading calldata reading) public view returns (bytes32) {
        return _hashTypedDataV4(MeterTypedData.hash(reading));
    }

    /* INTERNAL */

    /// @dev Take a snapshot whose origin (V2) is proven.
    /// @return accepted true if it is new and on record now
    function _submit(address deviceKey, MeterWord word, Snapshot memory snapshot)
        internal
        returns (bool accepted)
    {
        // Check
        _requireActive(word);
        uint256 slot = _slotAt(snapshot.timestamp);
        _requireNotFuture(snapshot.timestamp);
        _requireInRange(snapshot);
        if (slot <= word.lastSlot()) return _compare(deviceKey, word, snapshot);

        uint256 lastSequence = word.sequence();
        uint256 sequence = snapshot.sequence;
        if (sequence == NEXT_SEQUENCE) {
            // Unchecked: the last sequence has 32 bits.
            unchecked {
                sequence = lastSequence + 1;
            }
            if (sequence > type(uint32).max) revert SequenceExhausted(uint32(word.meterId()));
        } else if (sequence <= lastSequence) {
            if (sequence != lastSequence) revert SequenceNotRising(sequence, lastSequence);
            // V4: the last sequence under another time.
            _quarantineFor(deviceKey, word, snapshot);
            return false;
        }
        _requireInTime(slot);

        // Effect
        _recordSlots(word, slot, snapshot.importWh, snapshot.exportWh);
        _countSkipped(word, sequence);
        _words[deviceKey] = word.withReading(
            sequence,
            slot,
            snapshot.importWh,
            snapshot.exportWh,
            snapshot.frequencyMilliHz,
            snapshot.voltageMilliV
        );
        _emitAccepted(word, sequence, snapshot);
        return true;
    }

    /// @dev V4, for a snapshot no later than the latest reading: the same again does nothing, another one
    /// is a conflict, and one that the record cannot judge is out of order (V10).
    /// @return accepted always false
    function _compare(address deviceKey, MeterWord word, Snapshot memory snapshot)
        internal
        returns (bool accepted)
    {
        uint256 slot = snapshot.timestamp / SLOT_SECONDS;
        uint256 lastSlot = word.lastSlot();
        uint256 lastSequence = word.sequence();
        bool repeatsLast = snapshot.sequence == lastSequence && lastSequence != 0;
        if (slot == lastSlot) {
            // The baseline of the registration has no number, frequency or voltage to differ in.
            bool sameRest = lastSequence == 0
                || ((repeatsLast || snapshot.sequence == NEXT_SEQUENCE)
                    && _measuredTheSame(word, snapshot));
            if (
                sameRest && snapshot.importWh == word.importWh()
                    && snapshot.exportWh == word.exportWh()
            ) return false;
        } else {
            _requireInTime(slot);
            (Quality quality, uint256 importWh, uint256 exportWh) = _registersAt(word, slot);
            if (quality == Quality.MEASURED) {
                // Of older readings the registers are on record; their numbers lie below the last.
                bool sameNumber = snapshot.sequence < lastSequence;
                if (
                    sameNumber && snapshot.importWh == importWh && snapshot.exportWh == exportWh
                ) return false;
            } else if (!repeatsLast) {
                revert TimestampNotRising(snapshot.timestamp, lastSlot * SLOT_SECONDS);
            }
        }
        _quarantineFor(deviceKey, word, snapshot);
        return false;
    }

    function _emitAccepted(MeterWord word, uint256 sequence, Snapshot memory snapshot) internal {
        // All fields passed `_requireInRange`.
        emit ReadingAccepted(
            uint32(word.meterId()),
            uint40(snapshot.timestamp),
            uint32(sequence),
            uint64(snapshot.importWh),
            uint64(snapshot.exportWh),
            uint32(snapshot.frequencyMilliHz),
            uint32(snapshot.voltageMilliV)
        );
    }

    /// @dev Whether frequency and voltage agree with the record. A page knows neither of them.
    function _measuredTheSame(MeterWord word, Snapshot memory snapshot)
        private
        view
        returns (bool)
    {
        uint256 frequency = word.frequencyMilliHz();
        uint256 voltage = word.voltageMilliV();
        if (snapshot.frequencyMilliHz == frequency && snapshot.voltageMilliV == voltage) return true;
        return (frequency | voltage) == 0 && _isPaged(word.meterId(), word.lastSlot());
    }

    /// @dev V4: a snapshot that contradicts the record. The record proves nothing if it may come from a page.
    function _quarantineFor(address deviceKey, MeterWord word, Snapshot memory snapshot) internal {
        uint256 slot = snapshot.timestamp / SLOT_SECONDS;
        uint256 lastSlot = word.lastSlot();
        if (_isPaged(word.meterId(), slot < lastSlot ? slot : lastSlot)) {
            revert IMeterPages.RecordFromPage(uint32(word.meterId()), snapshot.timestamp);
        }
        _quarantine(
            deviceKey,
            word,
            // Casts: all fields passed `_requireInRange`.
            uint32(snapshot.sequence),
            uint40(snapshot.timestamp),
            uint64(snapshot.importWh),
            uint64(snapshot.exportWh)
        );
    }

    /// @dev V4: a proven conflict, unless it was judged when the meter was released.
    function _quarantine(
        address deviceKey,
        MeterWord word,
        uint32 sequence,
        uint40 timestamp,
        uint64 importWh,
        uint64 exportWh
    ) internal {
        uint32 meterId = uint32(word.meterId());
        uint256 releasedAt = _meters[meterId].releasedAt;
        if (timestamp <= releasedAt) revert ConflictAlreadyJudged(meterId, releasedAt);

        _markQuarantined(deviceKey, word, sequence, timestamp, importWh, exportWh);
    }

    /* CHECKS */

    /// @dev What the meter's word can hold.
    function _requireInRange(Snapshot memory snapshot) internal pure {
        _requireAtMost(snapshot.importWh, MeterWordLib.MAX_REGISTER_WH);
        _requireAtMost(snapshot.exportWh, MeterWordLib.MAX_REGISTER_WH);
        _requireAtMost(snapshot.frequencyMilliHz, MeterWordLib.MAX_FREQUENCY_MILLI_HZ);
        _requireAtMost(snapshot.voltageMilliV, MeterWordLib.MAX_VOLTAGE_MILLI_V);
    }

    function _requireAtMost(uint256 given, uint256 allowed) private pure {
        if (given > allowed) revert ValueOutOfRange(given, allowed);
    }
}
