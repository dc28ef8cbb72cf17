// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IEnergyAssets} from "../interfaces/IEnergyAssets.sol";
import {CivilMonths} from "../libraries/CivilMonths.sol";
import {
    DAY_SECONDS,
    MAX_CLOCK_LEAD,
    SLOT_SECONDS,
    SLOTS_PER_DAY
} from "../libraries/MeterConstants.sol";
import {Asset, DayProduction, MeterBinding} from "../types/Assets.sol";
import {MeterStatus} from "../types/MeterInfo.sol";
import {Quality} from "../types/Metering.sol";
import {AssetMeters} from "./AssetMeters.sol";

/// @title Production on record
/// @notice Part of `EnergyAssetNFT`. Nobody writes an amount: `recordProduction` copies what the meter's verified
/// record says once that is final.
abstract contract AssetProduction is AssetMeters {
    /// @dev Slots the meter's record reaches back (`IMeterHistory`).
    uint256 private constant RECORD_SLOTS = 4_096;

    mapping(uint256 assetId => mapping(uint256 day => DayProduction)) private _days;
    mapping(uint256 assetId => mapping(uint256 month => uint256)) private _months;
    mapping(uint256 assetId => uint256) private _totals;
    /// @dev Newest month with a record, see `CivilMonths`.
    mapping(uint256 assetId => uint256) private _newestMonth;

    /* EVERYBODY */

    /// @inheritdoc IEnergyAssets
    function recordProduction(uint256 assetId, uint32 day) external returns (uint256 energyWh) {
        // Check
        Asset storage asset = _assets[assetId];
        if (asset.spec.ratedW == 0 || !_generates(asset.spec.kind)) revert NotGenerating(assetId);
        _requireFinal(day);

        // What is new since the last call, from the bindings.
        DayProduction memory known = _days[assetId][day];
        uint256 dayStart = uint256(day) * SLOTS_PER_DAY;
        uint256 measured;
        uint256 recordedTo;
        (energyWh, measured, recordedTo) = _measuredSince(
            assetId, dayStart + known.recordedQuarters, dayStart + SLOTS_PER_DAY
        );
        if (recordedTo == 0) revert NothingToRecord(assetId, day);

        // Effect. A register has 40 bits and a day 96 slots: all fits.
        uint8 quarters = uint8(recordedTo - dayStart);
        _days[assetId][day] = DayProduction({
            energyWh: known.energyWh + uint64(energyWh),
            measuredSlots: known.measuredSlots + uint8(measured),
            recordedQuarters: quarters
        });
        uint256 month = CivilMonths.ofDay(day);
        _months[assetId][month] += energyWh;
        _totals[assetId] += energyWh;
        if (month > _newestMonth[assetId]) _newestMonth[assetId] = month;
        emit ProductionRecorded(assetId, day, uint64(energyWh), uint8(measured), quarters);
        _changed(assetId);
    }

    /* VIEWS */

    /// @inheritdoc IEnergyAssets
    function productionOfDay(uint256 assetId, uint32 day)
        external
        view
        returns (DayProduction memory)
    {
        return _days[assetId][day];
    }

    /// @inheritdoc IEnergyAssets
    function productionOfMonth(uint256 assetId, uint16 year, uint8 month)
        external
        view
        returns (uint256 energyWh)
    {
        if (month == 0 || month > 12) return 0;
        return _months[assetId][uint256(year) * 12 + month - 1];
    }

    /// @inheritdoc IEnergyAssets
    function totalProduction(uint256 assetId) external view returns (uint256 energyWh) {
        return _totals[assetId];
    }

    /* INTERNAL */

    /// @dev The twelve months that end with the newest on record, oldest first, in Wh.
    function _lastMonths(uint256 assetId)
        internal
        view
        returns (uint256 newestMonth, uint256[12] memory monthsWh, uint256 totalWh)
    {
        newestMonth = _newestMonth[assetId];
        totalWh = _totals[assetId];
        if (newestMonth == 0) return (newestMonth, monthsWh, totalWh);
        for (uint256 i; i < 12; ++i) {
            monthsWh[i] = _months[assetId][newestMonth + i - 11];
        }
    }

    /// @dev Sum of the MEASURED export from `from` to `end` (exclusive), binding by binding.
    /// @return energyWh their sum
    /// @return measured how many slots it covers
    /// @return recordedTo end of what was read; 0 if no binding had anything
    function _measuredSince(uint256 assetId, uint256 from, uint256 end)
        private
        view
        returns (uint256 energyWh, uint256 measured, uint256 recordedTo)
    {
        MeterBinding[] storage bindings = _bindings[assetId];
        // Back to the first binding that reaches beyond `from`: at most 64 steps, mostly one.
        uint256 i = bindings.length;
        while (i != 0 && _endOf(bindings[i - 1]) > from) --i;
        for (; i < bindings.length; ++i) {
            MeterBinding memory binding = bindings[i];
            uint256 first = Math.max(from, binding.fromSlot);
            uint256 last = Math.min(end, _endOf(bindings[i]));
            if (first >= last) continue;
            for (uint256 slot = first; slot < last; ++slot) {
                (, uint256 exportWh, Quality quality) =
                    HISTORY.slotEnergy(binding.meterId, uint32(slot));
                if (quality != Quality.MEASURED) continue;
                energyWh += exportWh;
                ++measured;
            }
            recordedTo = last;
        }
    }

    /// @dev End of a binding; one that lasts ends where the record of a removed meter does.
    function _endOf(MeterBinding storage binding) private view returns (uint256) {
        if (binding.toSlot != 0) return binding.toSlot;
        uint32 meterId = binding.meterId;
        if (METERS.meterInfo(meterId).status != MeterStatus.DEACTIVATED) return type(uint256).max;
        return Math.max(binding.fromSlot, _endOfRecord(meterId));
    }

    /// @dev No reading for the day counts any more (24 h after its end), and none of its slots has been overwritten.
    function _requireFinal(uint256 day) private view {
        uint256 deadline = (day + 2) * DAY_SECONDS;
        if (block.timestamp < deadline) revert DayNotFinal(block.timestamp, deadline);
        uint256 newestSlot = (block.timestamp + MAX_CLOCK_LEAD) / SLOT_SECONDS;
        if (newestSlot >= day * SLOTS_PER_DAY + RECORD_SLOTS) {
            // The day fits 32 bits: it came as such.
            revert DayTooOld(
                uint32(day), Math.ceilDiv(newestSlot + 1 - RECORD_SLOTS, SLOTS_PER_DAY)
            );
        }
    }
}
