// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {EnergyMeterReading} from "../types/MeterMessages.sol";
import {Quality} from "../types/Metering.sol";

/// @title What is on record of a meter
/// @notice Slots are indices `unixTime / 900`. The record of single slots reaches back about 42 days
/// (4,096 slots): older ones read MISSING, never wrong data. Stretches (gaps) are kept for ever.
/// Views by id revert `UnknownMeter` (see `IMeterRegistry`) for an id never registered.
interface IMeterHistory {
    /// @notice More slots asked for than one call serves.
    error TooManySlots(uint256 given, uint256 allowed);

    /// @notice The latest accepted reading; before the first one the baseline, with sequence 0.
    function latestReading(uint32 meterId) external view returns (EnergyMeterReading memory);

    /// @notice Energy of one slot, both 0 if MISSING, in Wh.
    function slotEnergy(uint32 meterId, uint32 slot)
        external
        view
        returns (uint256 importWh, uint256 exportWh, Quality quality);

    /// @notice Registers at the start of `slot`.
    /// @return quality MEASURED: a true reading (or the baseline); ESTIMATED: interpolated; MISSING: not
    /// on record (outside the meter's time, inside a gap longer than 96 slots, or too old)
    /// @return importWh import register in Wh, 0 if MISSING
    /// @return exportWh export register in Wh, 0 if MISSING
    function registersAt(uint32 meterId, uint32 slot)
        external
        view
        returns (Quality quality, uint256 importWh, uint256 exportWh);

    /// @notice Export over a UTC day, the sum over its slots on record, in Wh.
    /// @param day unix time / 86,400
    function dailyProduction(uint32 meterId, uint32 day) external view returns (uint256 energyWh);

    /// @notice Import over a UTC day, the sum over its slots on record, in Wh.
    /// @param day unix time / 86,400
    function dailyConsumption(uint32 meterId, uint32 day) external view returns (uint256 energyWh);

    /// @notice Number of stretches (gaps of more than one slot) of a meter.
    function stretchCount(uint32 meterId) external view returns (uint256);

    /// @notice A stretch between two true readings, in order of time from index 0.
    function stretchAt(uint32 meterId, uint256 index)
        external
        view
        returns (uint32 fromSlot, uint32 toSlot, uint256 importWh, uint256 exportWh);
}
