// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterHistory} from "../interfaces/IMeterHistory.sol";
import {SLOT_SECONDS} from "../libraries/MeterConstants.sol";
import {MeterWord} from "../libraries/MeterWord.sol";
import {ReadingLanes, ReadingRing} from "../libraries/ReadingLanes.sol";
import {EnergyMeterReading} from "../types/MeterMessages.sol";
import {Quality} from "../types/Metering.sol";
import {MeterSlots} from "./MeterSlots.sol";

/// @title What is on record
/// @notice Views of `SmartMeter`; see `IMeterHistory`.
abstract contract MeterHistory is IMeterHistory, MeterSlots {
    using ReadingLanes for ReadingRing;

    /* VIEWS */

    /// @inheritdoc IMeterHistory
    function latestReading(uint32 meterId) external view returns (EnergyMeterReading memory) {
        (, MeterWord word) = _wordOf(meterId);
        return EnergyMeterReading({
            meterId: meterId,
            sequence: uint32(word.sequence()),
            timestamp: uint40(word.lastSlot() * SLOT_SECONDS),
            importWh: uint64(word.importWh()),
            exportWh: uint64(word.exportWh()),
            frequencyMilliHz: uint32(word.frequencyMilliHz()),
            voltageMilliV: uint32(word.voltageMilliV())
        });
    }

    /// @inheritdoc IMeterHistory
    function slotEnergy(uint32 meterId, uint32 slot)
        external
        view
        returns (uint256 importWh, uint256 exportWh, Quality quality)
    {
        _wordOf(meterId);
        return _rings[meterId].load(_meters[meterId].wide, slot);
    }

    /// @inheritdoc IMeterHistory
    function registersAt(uint32 meterId, uint32 slot)
        external
        view
        returns (Quality quality, uint256 importWh, uint256 exportWh)
    {
        (, MeterWord word) = _wordOf(meterId);
        return _registersAt(word, slot);
    }

    /// @inheritdoc IMeterHistory
    function dailyProduction(uint32 meterId, uint32 day) external view returns (uint256 energyWh) {
        _wordOf(meterId);
        (, energyWh) = _dailyEnergy(meterId, day);
    }

    /// @inheritdoc IMeterHistory
    function dailyConsumption(uint32 meterId, uint32 day)
        external
        view
        returns (uint256 energyWh)
    {
        _wordOf(meterId);
        (energyWh,) = _dailyEnergy(meterId, day);
    }

    /// @inheritdoc IMeterHistory
    function stretchCount(uint32 meterId) external view returns (uint256) {
        _wordOf(meterId);
        return _stretches[meterId].length;
    }

    /// @inheritdoc IMeterHistory
    function stretchAt(uint32 meterId, uint256 index)
        external
        view
        returns (uint32 fromSlot, uint32 toSlot, uint256 importWh, uint256 exportWh)
    {
        _wordOf(meterId);
        Stretch memory stretch = _stretches[meterId][index];
        return (stretch.fromSlot, stretch.toSlot, stretch.importWh, stretch.exportWh);
    }
}
