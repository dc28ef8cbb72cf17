// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterReadings} from "../interfaces/IMeterReadings.sol";
import {DAY_SECONDS, SLOT_SECONDS, SLOTS_PER_DAY} from "../libraries/MeterConstants.sol";
import {MeterTypedData} from "../libraries/MeterTypedData.sol";
import {MeterWord, MeterWordLib} from "../libraries/MeterWord.sol";
import {ReadingLanes, ReadingRing} from "../libraries/ReadingLanes.sol";
import {EnergyMeterDay} from "../types/MeterMessages.sol";
import {MeterReadings} from "./MeterReadings.sol";

/// @title Whole days under one signature
/// @notice Part of `SmartMeter`; see `IMeterReadings.submitSignedDay`. A day is its base and 96 snapshots;
/// snapshot `i` (1 ... 96) stands at the end of lane `i - 1`, the base at the start of lane 0.
abstract contract MeterDays is MeterReadings {
    using ReadingLanes for ReadingRing;

    /// @dev Where a day meets the record, with the registers as they stand there.
    /// @param daySlot first slot of the day
    /// @param join the snapshot (0 = the base) up to which the day is or will be on record before its
    /// lanes are copied
    /// @param importWh import register at the join
    /// @param exportWh export register at the join
    /// @param end the day's last snapshot
    struct DayPlan {
        uint256 daySlot;
        uint256 join;
        uint256 importWh;
        uint256 exportWh;
        Snapshot end;
    }

    /* USER FUNCTIONS */

    /// @inheritdoc IMeterReadings
    function submitSignedDay(EnergyMeterDay calldata day, bytes calldata signature)
        external
        returns (uint256 accepted)
    {
        // Check
        (address deviceKey, MeterWord word) =
            _signerOf(day.meterId, dayDigest(day), signature);
        _requireActive(word);
        if (day.dayStart % DAY_SECONDS != 0) {
            revert TimestampMisaligned(day.dayStart, DAY_SECONDS);
        }
        _requireNotFuture(day.dayStart + DAY_SECONDS);
        uint256 lastSequence = word.sequence();
        if (day.firstSequence == 0) revert SequenceNotRising(0, lastSequence);
        if (uint256(day.firstSequence) + SLOTS_PER_DAY - 1 > type(uint32).max) {
            revert SequenceExhausted(day.meterId);
        }
        DayPlan memory plan = _plan(word, day);
        if (word.lastSlot() >= plan.daySlot + SLOTS_PER_DAY) {
            _compare(deviceKey, word, plan.end);
            return 0;
        }
        if (_contradicts(word, day, plan)) {
            Snapshot memory conflict = plan.end;
            if (word.lastSlot() >= plan.daySlot) {
                conflict.sequence = day.firstSequence + plan.join - 1;
                conflict.timestamp = (plan.daySlot + plan.join) * SLOT_SECONDS;
                (conflict.importWh, conflict.exportWh) = (plan.importWh, plan.exportWh);
            }
            _quarantineFor(deviceKey, word, conflict);
            return 0;
        }
        _requireInTime(plan.daySlot + SLOTS_PER_DAY);

        // Effect
        return _recordDay(deviceKey, word, day, plan);
    }

    /* VIEWS */

    /// @inheritdoc IMeterReadings
    function dayDigest(EnergyMeterDay calldata day) public view returns (bytes32) {
        return _hashTypedDataV4(MeterTypedData.hash(day));
    }

    /* INTERNAL */

    /// @dev Check the day's numbers and find where it meets the record.
    function _plan(MeterWord word, EnergyMeterDay calldata day)
        private
        view
        returns (DayPlan memory plan)
    {
        uint256 widthWh = _meters[word.meterId()].registerWidthWh;
        if (day.importWh >= widthWh) revert BaseAboveWidth(day.importWh, widthWh);
        if (day.exportWh >= widthWh) revert BaseAboveWidth(day.exportWh, widthWh);

        uint256 daySlot = day.dayStart / SLOT_SECONDS;
        uint256 lastSlot = word.lastSlot();
        plan.daySlot = daySlot;
        if (lastSlot >= daySlot) {
            plan.join = lastSlot - daySlot;
            if (plan.join > SLOTS_PER_DAY) plan.join = SLOTS_PER_DAY;
        } else if (!_takesBase(word, day)) {
            plan.join = 1;
        }

        Snapshot memory end = plan.end;
        (plan.importWh, plan.exportWh, end.importWh, end.exportWh) = ReadingLanes.sumDay(
            day.words,
            word.wide(),
            MeterWordLib.capWh(word.ratedImportW()),
            MeterWordLib.capWh(word.ratedExportW()),
            plan.join
        );
        plan.importWh = _wrapped(day.importWh + plan.importWh, widthWh);
        plan.exportWh = _wrapped(day.exportWh + plan.exportWh, widthWh);
        end.importWh = _wrapped(day.importWh + end.importWh, widthWh);
        end.exportWh = _wrapped(day.exportWh + end.exportWh, widthWh);
        end.sequence = uint256(day.firstSequence) + SLOTS_PER_DAY - 1;
        end.timestamp = uint256(day.dayStart) + DAY_SECONDS;
        end.frequencyMilliHz = day.frequencyMilliHz;
        end.voltageMilliV = day.voltageMilliV;
        _requireInRange(end);
    }

    /// @dev Whether the base of a day that begins after the record can be a reading of its own: its
    /// deadline (the end of the day, as a rule) has not passed, and its number is new.
    function _takesBase(MeterWord word, EnergyMeterDay calldata day) private view returns (bool) {
        uint256 slotBefore = day.dayStart / SLOT_SECONDS - 1;
        return block.timestamp < _readingDeadline(slotBefore)
            && day.firstSequence > word.sequence() + 1;
    }

    /// @dev V4: whether the day differs from the latest reading where they meet, or uses the last
    /// sequence for another time. Reverts if all its numbers are old (V3).
    function _contradicts(MeterWord word, EnergyMeterDay calldata day, DayPlan memory plan)
        private
        pure
        returns (bool)
    {
        uint256 lastSlot = word.lastSlot();
        uint256 lastSequence = word.sequence();
        uint256 firstSequence = day.firstSequence;
        if (lastSlot >= plan.daySlot) {
            if (plan.importWh != word.importWh() || plan.exportWh != word.exportWh()) return true;
            if (plan.join != 0) {
                // The baseline of the registration has no number to differ in.
                return lastSequence != 0 && firstSequence + plan.join - 1 != lastSequence;
            }
        }
        if (firstSequence > lastSequence) return false;
        if (lastSequence <= plan.end.sequence) return true;
        revert SequenceNotRising(firstSequence, lastSequence);
    }

    /// @dev Write the day from the join on: what lies before the join as single readings, then whole
    /// words of lanes.
    function _recordDay(
        address deviceKey,
        MeterWord word,
        EnergyMeterDay calldata day,
        DayPlan memory plan
    ) private returns (uint256 accepted) {
        uint256 firstSequence = day.firstSequence;
        uint256 daySlot = plan.daySlot;
        Snapshot memory end = plan.end;
        // First lane whose end is new.
        uint256 firstLane = plan.join;
        if (word.lastSlot() < daySlot) {
            firstLane = 0;
            _recordSlots(word, daySlot + plan.join, plan.importWh, plan.exportWh);
            if (plan.join == 0) {
                accepted = 1;
                Snapshot memory base = Snapshot(
                    firstSequence - 1, day.dayStart, day.importWh, day.exportWh, 0, 0
                );
                _countSkipped(word, base.sequence);
                _emitAccepted(word, base.sequence, base);
                word =
                    word.withReading(base.sequence, daySlot, base.importWh, base.exportWh, 0, 0);
            }
        }
        accepted += SLOTS_PER_DAY - firstLane;
        _countSkipped(word, firstSequence + firstLane);
        _rings[word.meterId()].storeDay(word.wide(), daySlot, plan.join, day.words);
        _words[deviceKey] = word.withReading(
            end.sequence,
            daySlot + SLOTS_PER_DAY,
            end.importWh,
            end.exportWh,
            end.frequencyMilliHz,
            end.voltageMilliV
        );

        _emitDay(day, plan, daySlot + firstLane);
    }

    function _emitDay(EnergyMeterDay calldata day, DayPlan memory plan, uint256 firstSlot) private {
        Snapshot memory end = plan.end;
        // A register takes ten days at the cap to roll over: within a day it does so at most once.
        if (end.importWh < plan.importWh) {
            emit RegisterRolledOver(day.meterId, uint40(end.timestamp), false);
        }
        if (end.exportWh < plan.exportWh) {
            emit RegisterRolledOver(day.meterId, uint40(end.timestamp), true);
        }
        // Registers are below 2^40, sequence and slot below 2^32.
        emit MeterDayAccepted(
            day.meterId,
            day.dayStart,
            uint32(firstSlot),
            uint32(end.sequence),
            uint64(end.importWh),
            uint64(end.exportWh),
            day.frequencyMilliHz,
            day.voltageMilliV,
            day.words
        );
    }

    /// @dev State of a register that rolls over at `widthWh`; the sum is below twice the width.
    function _wrapped(uint256 registerWh, uint256 widthWh) private pure returns (uint256) {
        return registerWh < widthWh ? registerWh : registerWh - widthWh;
    }
}
