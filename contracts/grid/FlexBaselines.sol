// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IFlexOffers} from "../interfaces/IFlexOffers.sol";
import {IMeterEnergy} from "../interfaces/IMeterEnergy.sol";
import {Medians} from "../libraries/Medians.sol";
import {SLOTS_PER_DAY} from "../libraries/MeterConstants.sol";
import {EnergyWord} from "../types/EnergyWord.sol";
import {FlexDirection} from "../types/Flexibility.sol";
import {MeterInfo} from "../types/MeterInfo.sol";
import {EventCalendar} from "./EventCalendar.sol";

/// @title What a connection would have done
/// @notice Part of `Flexibility`. The baseline of a slot is the median of export minus import in the same slot of the last
/// ten similar days: of the same class (Monday to Friday, or weekend, UTC), without an event for the meter, the slot
/// MEASURED, and final, so at least two days back: no later reading can change it. A pure function of the record.
abstract contract FlexBaselines is EventCalendar {
    uint256 internal constant BASELINE_DAYS = 10;
    /// @dev Fewer do not resist a few odd days.
    uint256 internal constant MIN_BASELINE_DAYS = 5;
    /// @dev Readings of a day are final from the second midnight after it.
    uint256 private constant FINAL_AFTER_DAYS = 2;
    /// @dev The meter's ring of 4,096 slots reaches back over 42 whole days, the current one included.
    uint256 private constant LOOKBACK_DAYS = 41;
    /// @dev Event days passed over per ten days used: inflating six days must not serve for ever.
    uint256 private constant EVENT_DAYS_PER_TEN = 4;

    /// @dev Export minus import in Wh of each slot, rounded against the owner: up for UP, down for DOWN. The caller has
    /// found the meter to be the owner's connection.
    function _baseline(
        MeterInfo memory info,
        uint32 meterId,
        FlexDirection direction,
        uint32 fromSlot,
        uint32 toSlot
    ) internal view returns (int256[] memory netWh) {
        uint256 count = toSlot - fromSlot;
        int256[][] memory days_ = new int256[][](count);
        uint256[] memory found = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) days_[i] = new int256[](BASELINE_DAYS);

        uint256 eventDays = _collect(info, meterId, fromSlot, days_, found);

        netWh = new int256[](count);
        uint256 fewest = BASELINE_DAYS;
        for (uint256 i = 0; i < count; ++i) {
            if (found[i] < MIN_BASELINE_DAYS) {
                revert IFlexOffers.BaselineTooShort(
                    uint32(fromSlot + i), found[i], MIN_BASELINE_DAYS
                );
            }
            if (found[i] < fewest) fewest = found[i];
            netWh[i] = _median(days_[i], found[i], direction);
        }
        uint256 allowed = fewest * EVENT_DAYS_PER_TEN / 10;
        if (eventDays > allowed) revert IFlexOffers.TooManyEventDays(eventDays, allowed);
    }

    /// @dev Store a baseline, eight slots a word. Lanes of 32 bits: a slot's energy has 28.
    function _commit(uint32 offerId, int256[] memory netWh) internal returns (uint256[] memory words) {
        words = new uint256[]((netWh.length + LANES - 1) / LANES);
        for (uint256 i = 0; i < netWh.length; ++i) {
            // Two's complement of 32 bits.
            words[i / LANES] |= uint256(uint32(int32(netWh[i]))) << (i % LANES * LANE_BITS);
        }
        for (uint256 i = 0; i < words.length; ++i) _baselines[offerId][i] = words[i];
    }

    /// @dev Walk back over the days.
    /// @return eventDays similar days left out for an event
    function _collect(
        MeterInfo memory info,
        uint32 meterId,
        uint32 fromSlot,
        int256[][] memory days_,
        uint256[] memory found
    ) private view returns (uint256 eventDays) {
        uint256 count = days_.length;
        uint256 full;
        bool weekend = _isWeekend(_dayOf(fromSlot));
        uint256 today = _today();
        for (uint256 back = FINAL_AFTER_DAYS; back <= LOOKBACK_DAYS && full < count; ++back) {
            if (back > today) break;
            uint32 day = uint32(today - back);
            uint256 first = day * SLOTS_PER_DAY + fromSlot % SLOTS_PER_DAY;
            // Before it another meter stood there.
            if (first < info.firstSlot) break;
            if (_isWeekend(day) != weekend) continue;
            if (_hadEvent(meterId, info.zone, day)) {
                ++eventDays;
                continue;
            }
            EnergyWord[] memory words =
                IMeterEnergy(METER).slotEnergyWords(info.owner, uint32(first), uint32(count));
            for (uint256 i = 0; i < count; ++i) {
                uint256 have = found[i];
                if (have == BASELINE_DAYS || !words[i].isMeasured()) continue;
                days_[i][have] = int256(words[i].exportWh()) - int256(words[i].importWh());
                found[i] = have + 1;
                if (have + 1 == BASELINE_DAYS) ++full;
            }
        }
    }

    /// @dev Day 0 was a Thursday.
    function _isWeekend(uint32 day) private pure returns (bool) {
        return (uint256(day) + 3) % 7 >= 5;
    }

    function _median(int256[] memory values, uint256 count, FlexDirection direction)
        private
        pure
        returns (int256)
    {
        // Only shortened, in place: the rest of it is never read again.
        assembly ("memory-safe") {
            mstore(values, count)
        }
        Medians.sort(values);
        if (direction == FlexDirection.DOWN) return Medians.ofSorted(values);
        // Rounded up: minus the middle of the values turned over.
        int256 half = values[count / 2];
        if (count % 2 == 1) return half;
        return (half + values[count / 2 - 1] + 1) >> 1;
    }
}
