// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {MeterTypedData} from "../libraries/MeterTypedData.sol";
import {MeterWord} from "../libraries/MeterWord.sol";
import {MeterInfo} from "../types/MeterInfo.sol";
import {EnergyMeterRegistration} from "../types/MeterMessages.sol";
import {MeterStorage} from "./MeterStorage.sol";

/// @title Meters, their keys and owners
/// @notice Views of `SmartMeter`; see `IMeterRegistry`. What changes the register is in the room `MeterRegistrar`.
abstract contract MeterRegistry is IMeterRegistry, MeterStorage {
    /* VIEWS */

    /// @inheritdoc IMeterRegistry
    function meterCount() external view returns (uint32) {
        return _meterCount;
    }

    /// @inheritdoc IMeterRegistry
    function meterOf(address deviceKey) external view returns (uint32 meterId) {
        return uint32(_words[deviceKey].meterId());
    }

    /// @inheritdoc IMeterRegistry
    function meterInfo(uint32 meterId) external view returns (MeterInfo memory) {
        (, MeterWord word) = _wordOf(meterId);
        Meter storage meter = _meters[meterId];
        return MeterInfo({
            deviceKey: meter.deviceKey,
            owner: meter.owner,
            zone: meter.zone,
            kind: meter.kind,
            status: word.status(),
            wideLanes: meter.wide,
            ratedImportW: uint32(word.ratedImportW()),
            ratedExportW: uint32(word.ratedExportW()),
            registerWidthWh: meter.registerWidthWh,
            firstSlot: meter.firstSlot,
            previousMeterId: meter.previousMeterId,
            skippedSequences: meter.skippedSequences,
            releasedAt: meter.releasedAt
        });
    }

    /// @inheritdoc IMeterRegistry
    function metersOf(address owner)
        external
        view
        returns (uint32 connectionMeterId, uint32 productionMeterId)
    {
        OwnerMeters storage own = _ownerMeters[owner];
        return (own.connectionId, own.productionId);
    }

    /// @inheritdoc IMeterRegistry
    function registrationDigest(EnergyMeterRegistration calldata registration)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(MeterTypedData.hash(registration));
    }
}
