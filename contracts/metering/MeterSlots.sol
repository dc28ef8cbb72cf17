// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterReadings} from "../interfaces/IMeterReadings.sol";
import {
    MAX_ESTIMATED_SLOTS,
    SLOT_SECONDS,
    SLOTS_PER_DAY
} from "../libraries/MeterConstants.sol";
import {MeterWord, MeterWordLib} from "../libraries/MeterWord.sol";
import {ReadingLanes, ReadingRing} from "../libraries/ReadingLanes.sol";
import {Quality} from "../types/Metering.sol";
import {MeterStorage} from "./MeterStorage.sol";

/// @title Slots and stretches
/// @notice Part of `SmartMeter` and of its room `MeterPages`. Turns the step from one accepted snapshot to the
/// next into slot energies, and reads them back.
abstract contract MeterSlots is MeterStorage {
    using ReadingLanes for ReadingRing;

    /* RECORDING */

    /// @dev Record all slots from the latest reading to a new snapshot at the start of `slot`: V11, V12
    /// and V14, then lanes and stretch. The caller has found `slot` to be later than the latest reading
    /// and writes the meter's word.
    function _recordSlots(MeterWord word, uint256 slot, uint256 importWh, uint256 exportWh) internal {
        uint256 meterId = word.meterId();

        // Check: energies of both registers, from the register differences.
        uint256 importedWh = _registerStep(meterId, slot, word.importWh(), importWh, false);
        uint256 exportedWh = _registerStep(meterId, slot, word.exportWh(), exportWh, true);
        // Unchecked: the slot is later than the last one; caps and slots have 26 bits at most.
        unchecked {
            uint256 count = slot - word.lastSlot();
            uint256 allowedWh = MeterWordLib.capWh(word.ratedImportW()) * count;
            if (importedWh > allowedWh) revert IMeterReadings.EnergyAboveCap(importedWh, allowedWh);
            allowedWh = MeterWordLib.capWh(word.ratedExportW()) * count;
            if (exportedWh > allowedWh) revert IMeterReadings.EnergyAboveCap(exportedWh, allowedWh);
        }

        // Effect
        _storeSlots(word, slot, importedWh, exportedWh);
    }

    /// @dev Lanes and stretch of the slots from the latest reading to the start of `slot`, which is later. Warning:
    /// the caller has checked the energies (V11, V12, V14).
    function _storeSlots(MeterWord word, uint256 slot, uint256 importedWh, uint256 exportedWh)
        internal
    {
        uint256 meterId = word.meterId();
        uint256 lastSlot = word.lastSlot();
        bool wide = word.wide();
        uint256 count;
        // Unchecked: the slot is later than the last one.
        unchecked {
            count = slot - lastSlot;
        }
        if (count == 1) {
            _rings[meterId].store(wide, lastSlot, importedWh, exportedWh, Quality.MEASURED);
            return;
        }
        bool estimated = count <= MAX_ESTIMATED_SLOTS;
        if (estimated) {
            _rings[meterId].storeInterpolated(wide, lastSlot, count, importedWh, exportedWh);
        }
        // Slots are below 2^26 and register differences below 2^40.
        Stretch memory stretch =
            Stretch(uint32(lastSlot), uint32(slot), uint64(importedWh), uint64(exportedWh));
        _stretches[meterId].push(stretch);
        emit IMeterReadings.GapRecorded(
            uint32(meterId),
            stretch.fromSlot,
            stretch.toSlot,
            stretch.importWh,
            stretch.exportWh,
            estimated
        );
    }

    /// @dev Energy between two states of a register: it rises (V11), or rolled over once from the top
    /// tenth of its width (V12).
    function _registerStep(
        uint256 meterId,
        uint256 slot,
        uint256 lastWh,
        uint256 givenWh,
        bool exportRegister
    ) private returns (uint256 energyWh) {
        // Unchecked: compared before.
        unchecked {
            if (givenWh >= lastWh) return givenWh - lastWh;
        }
        uint256 widthWh = _meters[meterId].registerWidthWh;
        if (lastWh * 10 <= widthWh * 9 || lastWh >= widthWh) {
            revert IMeterReadings.RegisterFell(givenWh, lastWh);
        }
        emit IMeterReadings.RegisterRolledOver(
            uint32(meterId), uint40(slot * SLOT_SECONDS), exportRegister
        );
        return widthWh - lastWh + givenWh;
    }

    /* INTERNAL VIEWS */

    function _dailyEnergy(uint256 meterId, uint256 day)
        internal
        view
        returns (uint256 importWh, uint256 exportWh)
    {
        return
            _rings[meterId].sum(_meters[meterId].wide, day * SLOTS_PER_DAY, SLOTS_PER_DAY);
    }

    /// @dev The stretch that contains `slot`: binary search for the last one that begins at or before it.
    function _stretchAround(uint256 meterId, uint256 slot)
        internal
        view
        returns (bool found, Stretch memory stretch)
    {
        Stretch[] storage stretches = _stretches[meterId];
        uint256 low = 0;
        uint256 high = stretches.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (stretches[middle].fromSlot <= slot) low = middle + 1;
            else high = middle;
        }
        if (low == 0) return (false, stretch);
        stretch = stretches[low - 1];
        found = slot < stretch.toSlot;
    }

    /// @dev Registers at the start of `slot`: from the latest reading back, slot by slot, over stretches
    /// without lanes in one step.
    function _registersAt(MeterWord word, uint256 slot)
        internal
        view
        returns (Quality quality, uint256 importWh, uint256 exportWh)
    {
        uint256 meterId = word.meterId();
        Meter storage meter = _meters[meterId];
        uint256 cursor = word.lastSlot();
        if (slot > cursor || slot < meter.firstSlot) return (Quality.MISSING, 0, 0);

        ReadingRing storage ring = _rings[meterId];
        bool wide = meter.wide;
        uint256 widthWh = meter.registerWidthWh;
        (importWh, exportWh) = (word.importWh(), word.exportWh());
        while (cursor > slot) {
            (uint256 importedWh, uint256 exportedWh, Quality lane) = ring.load(wide, cursor - 1);
            if (lane == Quality.MISSING) {
                (bool found, Stretch memory gap) = _stretchAround(meterId, cursor - 1);
                // Inside a stretch without lanes, or older than the ring.
                if (!found || slot > gap.fromSlot) return (Quality.MISSING, 0, 0);
                (importedWh, exportedWh, cursor) = (gap.importWh, gap.exportWh, gap.fromSlot);
            } else {
                --cursor;
            }
            importWh = _registerBefore(importWh, importedWh, widthWh);
            exportWh = _registerBefore(exportWh, exportedWh, widthWh);
        }
        (bool inside, Stretch memory around) = _stretchAround(meterId, slot);
        quality = inside && slot != around.fromSlot ? Quality.ESTIMATED : Quality.MEASURED;
    }

    /// @dev State of a register before `energyWh` passed, rollover undone.
    function _registerBefore(uint256 registerWh, uint256 energyWh, uint256 widthWh)
        private
        pure
        returns (uint256)
    {
        return registerWh >= energyWh ? registerWh - energyWh : registerWh + widthWh - energyWh;
    }
}
