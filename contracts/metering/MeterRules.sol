// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterReadings} from "../interfaces/IMeterReadings.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {MAX_CLOCK_LEAD, SLOT_SECONDS} from "../libraries/MeterConstants.sol";
import {MeterWord} from "../libraries/MeterWord.sol";
import {MeterStatus} from "../types/MeterInfo.sol";
import {PageMeterWord} from "../types/PageWords.sol";
import {MeterSlots} from "./MeterSlots.sol";

/// @title Rules shared by signed readings and pages
/// @notice Part of `SmartMeter` and of its room `MeterPages`. The rules are named by their ids (V1 ... V15).
abstract contract MeterRules is MeterSlots {
    /// @dev V1
    function _requireActive(MeterWord word) internal pure {
        if (!word.isActive()) revert IMeterRegistry.MeterNotActive(uint32(word.meterId()), word.status());
    }

    /// @dev V2: key and word of the meter that signed. A key signs for one meter, so the signature alone
    /// finds the word; the id in the message must agree.
    function _signerOf(uint256 meterId, bytes32 digest, bytes calldata signature)
        internal
        view
        returns (address deviceKey, MeterWord word)
    {
        deviceKey = _recover(digest, signature);
        word = _words[deviceKey];
        if (meterId == 0 || word.meterId() != meterId) {
            if (!_isRegistered(meterId)) revert IMeterRegistry.UnknownMeter(meterId);
            revert IMeterReadings.WrongDeviceKey(uint32(meterId), deviceKey);
        }
    }

    /// @dev V3: count numbers left out between the latest reading and `sequence`.
    function _countSkipped(MeterWord word, uint256 sequence) internal {
        // Unchecked: the caller has found `sequence` to be above the last one; both have 32 bits, and a
        // number is skipped at most once, so their count fits as well.
        unchecked {
            uint256 expected = word.sequence() + 1;
            if (sequence == expected) return;
            _meters[word.meterId()].skippedSequences += uint32(sequence - expected);
            emit IMeterReadings.SequenceSkipped(
                uint32(word.meterId()), uint32(expected), uint32(sequence)
            );
        }
    }

    /// @dev V5: the slot that starts at `timestamp`.
    function _slotAt(uint256 timestamp) internal pure returns (uint256) {
        if (timestamp % SLOT_SECONDS != 0) {
            revert IMeterReadings.TimestampMisaligned(timestamp, SLOT_SECONDS);
        }
        return timestamp / SLOT_SECONDS;
    }

    /// @dev V7, ahead
    function _requireNotFuture(uint256 timestamp) internal view {
        // Unchecked: the chain's clock is far below 2^256.
        unchecked {
            uint256 latestAllowed = block.timestamp + MAX_CLOCK_LEAD;
            if (timestamp > latestAllowed) {
                revert IMeterReadings.ReadingInFuture(timestamp, latestAllowed);
            }
        }
    }

    /// @dev V7, behind, for a snapshot at the start of `slot`.
    function _requireInTime(uint256 slot) internal view {
        uint256 deadline = _snapshotDeadline(slot);
        if (block.timestamp >= deadline) {
            revert IMeterReadings.ReadingTooLate(block.timestamp, deadline);
        }
    }

    /// @dev First second at which a snapshot at the start of `slot` no longer counts: the deadline of the slot
    /// that ends there.
    function _snapshotDeadline(uint256 slot) internal pure returns (uint256) {
        // Unchecked: slot 0 is handled apart.
        unchecked {
            return _readingDeadline(slot == 0 ? 0 : slot - 1);
        }
    }

    /// @dev V4: mark the meter, whatever the record says.
    function _markQuarantined(
        address deviceKey,
        MeterWord word,
        uint32 sequence,
        uint40 timestamp,
        uint64 importWh,
        uint64 exportWh
    ) internal {
        _words[deviceKey] = word.withStatus(MeterStatus.QUARANTINED);
        emit IMeterReadings.MeterQuarantined(
            uint32(word.meterId()), msg.sender, sequence, timestamp, importWh, exportWh
        );
    }

    /// @dev Whether what is on record of a meter at the start of `slot` may come from a page.
    function _isPaged(uint256 meterId, uint256 slot) internal view returns (bool) {
        PageMeterWord own = _pageMeters[meterId];
        return own.isKnown() && (own.bridgeId() != 0 || slot <= own.since());
    }
}
