// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterEnergy} from "../interfaces/IMeterEnergy.sol";
import {DAY_SECONDS, SLOTS_PER_DAY} from "../libraries/MeterConstants.sol";
import {MeterWord} from "../libraries/MeterWord.sol";
import {ReadingLanes, ReadingRing} from "../libraries/ReadingLanes.sol";
import {MeterStatus} from "../types/MeterInfo.sol";
import {Connection, MeterKind, Quality, SlotEnergy} from "../types/Metering.sol";
import {MeterHistory} from "./MeterHistory.sol";

/// @title Energy of accounts
/// @notice Part of `SmartMeter`; see `IMeterEnergy`. An account's meters of one role follow one another
/// in time; each slot belongs to the last one that had begun.
abstract contract MeterEnergy is IMeterEnergy, MeterHistory {
    using ReadingLanes for ReadingRing;

    /// @dev Longest run `slotEnergies` serves: a week.
    uint256 private constant MAX_RUN_SLOTS = 672;

    /* VIEWS */

    /// @inheritdoc IMeterEnergy
    function connectionOf(address account) external view returns (Connection memory connection) {
        OwnerMeters memory own = _ownerMeters[account];
        if (own.connectionId == 0) return connection;
        (, MeterWord word) = _wordOf(own.connectionId);
        return Connection({
            meterId: own.connectionId,
            zone: own.zone,
            ratedExportW: word.status() == MeterStatus.DEACTIVATED
                ? 0
                : uint32(word.ratedExportW()),
            firstSlot: own.firstSlot
        });
    }

    /// @inheritdoc IMeterEnergy
    function slotEnergies(address account, uint32 firstSlot, uint32 count)
        external
        view
        returns (SlotEnergy[] memory energies)
    {
        if (count > MAX_RUN_SLOTS) revert TooManySlots(count, MAX_RUN_SLOTS);
        energies = new SlotEnergy[](count);
        OwnerMeters memory own = _ownerMeters[account];
        uint256 meterId = own.connectionId;
        uint256 productionId = own.productionId;

        // From the newest slot back, along with the meters.
        for (uint256 i = count; i != 0 && meterId != 0; --i) {
            uint256 slot = uint256(firstSlot) + i - 1;
            meterId = _meterAt(meterId, slot);
            if (meterId == 0) break;
            Meter storage meter = _meters[meterId];
            SlotEnergy memory energy = energies[i - 1];
            (energy.importWh, energy.exportWh, energy.quality) =
                _rings[meterId].load(meter.wide, slot);
            if (energy.quality != Quality.MEASURED || energy.exportWh == 0) continue;

            if (meter.kind == MeterKind.CONNECTION) {
                energy.mintableWh = energy.exportWh;
            } else {
                productionId = _meterAt(productionId, slot);
                (bool known, uint256 producedWh) = _produced(productionId, slot);
                if (known) {
                    energy.mintableWh =
                        producedWh < energy.exportWh ? producedWh : energy.exportWh;
                } else {
                    // Reported only when its certificates are certain: what is reported never changes.
                    delete energies[i - 1];
                }
            }
        }
    }

    /// @inheritdoc IMeterEnergy
    function gapAround(address account, uint32 slot)
        external
        view
        returns (bool found, uint32 fromSlot, uint32 toSlot, uint256 importWh, uint256 exportWh)
    {
        uint256 meterId = _meterAt(_ownerMeters[account].connectionId, slot);
        Stretch memory stretch;
        (found, stretch) = _stretchAround(meterId, slot);
        if (found) {
            return (
                true, stretch.fromSlot, stretch.toSlot, stretch.importWh, stretch.exportWh
            );
        }
    }

    /// @inheritdoc IMeterEnergy
    function readingDeadline(uint32 slot) external pure returns (uint256 unixSeconds) {
        return _readingDeadline(slot);
    }

    /* INTERNAL */

    /// @dev First second at which no reading for `slot` counts any more.
    function _readingDeadline(uint256 slot) internal pure returns (uint256) {
        // Unchecked: slots have 40 bits at most (a timestamp of 40 bits, or 32 bits).
        unchecked {
            return (slot / SLOTS_PER_DAY + 2) * DAY_SECONDS;
        }
    }

    /// @dev The meter in charge of `slot`: `meterId` or one it followed; 0 if none had begun.
    function _meterAt(uint256 meterId, uint256 slot) private view returns (uint256) {
        while (meterId != 0 && slot < _meters[meterId].firstSlot) {
            meterId = _meters[meterId].previousMeterId;
        }
        return meterId;
    }

    /// @dev What a PRODUCTION meter certifies for a slot.
    /// @return known false while a reading may still come
    /// @return producedWh its measured export; 0 without a meter and where it is not MEASURED
    function _produced(uint256 productionId, uint256 slot)
        private
        view
        returns (bool known, uint256 producedWh)
    {
        if (productionId == 0) return (true, 0);
        (, uint256 exportWh, Quality quality) =
            _rings[productionId].load(_meters[productionId].wide, slot);
        if (quality == Quality.MEASURED) return (true, exportWh);
        if (quality == Quality.ESTIMATED || block.timestamp >= _readingDeadline(slot)) {
            return (true, 0);
        }
        (, MeterWord word) = _wordOf(productionId);
        return (word.lastSlot() > slot || word.status() == MeterStatus.DEACTIVATED, 0);
    }
}
