// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterEnergy} from "../interfaces/IMeterEnergy.sol";
import {MeterWord} from "../libraries/MeterWord.sol";
import {ReadingLanes, ReadingRing} from "../libraries/ReadingLanes.sol";
import {EnergyWord, EnergyWords} from "../types/EnergyWord.sol";
import {MeterStatus} from "../types/MeterInfo.sol";
import {Connection, MeterKind, Quality, SlotEnergy} from "../types/Metering.sol";
import {MeterHistory} from "./MeterHistory.sol";
import {MeterRules} from "./MeterRules.sol";

/// @title Energy of accounts
/// @notice Part of `SmartMeter`; see `IMeterEnergy`. An account's meters of one role follow one another
/// in time; each slot belongs to the last one that had begun.
abstract contract MeterEnergy is IMeterEnergy, MeterHistory, MeterRules {
    using ReadingLanes for ReadingRing;

    /// @dev Longest run `slotEnergies` serves: a week.
    uint256 private constant MAX_RUN_SLOTS = 672;

    /* VIEWS */

    /// @inheritdoc IMeterEnergy
    function connectionOf(address account) external view returns (Connection memory connection) {
        OwnerMeters memory own = _ownerMeters[account];
        if (own.connectionId == 0) return connection;
        (, MeterWord word) = _wordOf(own.connectionId);
        if (word.status() == MeterStatus.DEACTIVATED) return connection;
        return Connection({
            meterId: own.connectionId,
            zone: own.zone,
            ratedExportW: uint32(word.ratedExportW()),
            firstSlot: own.firstSlot
        });
    }

    /// @inheritdoc IMeterEnergy
    function slotEnergies(address account, uint32 firstSlot, uint32 count)
        external
        view
        returns (SlotEnergy[] memory energies)
    {
        EnergyWord[] memory words = _energyWords(account, firstSlot, count);
        energies = new SlotEnergy[](count);
        for (uint256 i = 0; i < count; ++i) {
            energies[i] = words[i].unpack();
        }
    }

    /// @inheritdoc IMeterEnergy
    function slotEnergyWords(address account, uint32 firstSlot, uint32 count)
        external
        view
        returns (EnergyWord[] memory words)
    {
        return _energyWords(account, firstSlot, count);
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

    function _energyWords(address account, uint256 firstSlot, uint256 count)
        private
        view
        returns (EnergyWord[] memory words)
    {
        if (count > MAX_RUN_SLOTS) revert TooManySlots(count, MAX_RUN_SLOTS);
        words = new EnergyWord[](count);
        OwnerMeters memory own = _ownerMeters[account];
        uint256 meterId = own.connectionId;
        uint256 productionId = own.productionId;

        // From the newest slot back, along with the meters.
        while (count != 0) {
            meterId = _meterAt(meterId, firstSlot + count - 1);
            if (meterId == 0) break;
            Meter storage meter = _meters[meterId];
            uint256 from = meter.firstSlot > firstSlot ? meter.firstSlot - firstSlot : 0;
            if (meter.kind == MeterKind.CONNECTION) {
                _readConnection(words, meterId, firstSlot, from, count);
            } else {
                productionId =
                    _readWithStorage(words, meterId, productionId, firstSlot, from, count);
            }
            count = from;
        }
    }

    /// @dev Slots `from` to `end` (exclusive, counted from `firstSlot`) of a connection whose whole export mints.
    function _readConnection(
        EnergyWord[] memory words,
        uint256 meterId,
        uint256 firstSlot,
        uint256 from,
        uint256 end
    ) private view {
        ReadingRing storage ring = _rings[meterId];
        bool wide = _meters[meterId].wide;
        for (uint256 i = from; i < end; ++i) {
            (uint256 importWh, uint256 exportWh, Quality quality) = ring.load(wide, firstSlot + i);
            words[i] = EnergyWords.pack(
                importWh, exportWh, quality == Quality.MEASURED ? exportWh : 0, quality
            );
        }
    }

    /// @dev The same for a connection with storage: what the PRODUCTION meter behind it proves mints.
    /// @param productionId its PRODUCTION meter at the end, or a later one
    /// @return its PRODUCTION meter at the beginning
    function _readWithStorage(
        EnergyWord[] memory words,
        uint256 meterId,
        uint256 productionId,
        uint256 firstSlot,
        uint256 from,
        uint256 end
    ) private view returns (uint256) {
        ReadingRing storage ring = _rings[meterId];
        bool wide = _meters[meterId].wide;
        for (uint256 i = end; i > from; --i) {
            uint256 slot = firstSlot + i - 1;
            (uint256 importWh, uint256 exportWh, Quality quality) = ring.load(wide, slot);
            uint256 mintableWh;
            if (quality == Quality.MEASURED && exportWh != 0) {
                productionId = _meterAt(productionId, slot);
                (bool known, uint256 producedWh) = _produced(productionId, slot);
                // Reported only when its certificates are certain: what is reported never changes.
                if (!known) continue;
                mintableWh = producedWh < exportWh ? producedWh : exportWh;
            }
            words[i - 1] = EnergyWords.pack(importWh, exportWh, mintableWh, quality);
        }
        return productionId;
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
