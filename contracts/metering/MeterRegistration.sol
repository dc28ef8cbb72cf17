// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {
    DAY_SECONDS,
    MAX_COMMISSIONING_LEAD,
    MAX_REGISTER_WIDTH_WH,
    MIN_WIDTH_SLOTS,
    SLOT_SECONDS,
    SLOTS_PER_DAY
} from "../libraries/MeterConstants.sol";
import {MeterTypedData} from "../libraries/MeterTypedData.sol";
import {MeterWord, MeterWordLib} from "../libraries/MeterWord.sol";
import {BucketLimits} from "../types/BucketLimits.sol";
import {MeterStatus} from "../types/MeterInfo.sol";
import {EnergyMeterRegistration} from "../types/MeterMessages.sol";
import {MeterLimits} from "../types/MeterSuccession.sol";
import {MeterKind} from "../types/Metering.sol";
import {MeterStorage} from "./MeterStorage.sol";

/// @title How meters come and go
/// @notice Part of the room `MeterRegistrar`; see `IMeterRegistry`.
abstract contract MeterRegistration is MeterStorage {
    /* RESTRICTED FUNCTIONS */

    /// @dev See `IMeterRegistry.registerMeter`.
    function registerMeter(EnergyMeterRegistration calldata registration, bytes calldata signature)
        external
        restricted
        returns (uint32 meterId)
    {
        _takeRegistration();
        _checkDevice(registration, signature);
        return _register(registration, _checkPlace(registration, 0, MAX_COMMISSIONING_LEAD));
    }

    /// @dev See `IMeterRegistry.deactivateMeter`.
    function deactivateMeter(uint32 meterId) external restricted {
        (address deviceKey, MeterWord word) = _wordOf(meterId);
        if (word.status() == MeterStatus.DEACTIVATED) {
            revert IMeterRegistry.MeterNotActive(meterId, MeterStatus.DEACTIVATED);
        }

        _removals = _removals.take(_perDay(_limits.removalsPerDay), 1, block.timestamp);
        _deactivate(meterId, deviceKey, word);
    }

    /// @dev See `IMeterRegistry.releaseQuarantine`.
    function releaseQuarantine(uint32 meterId) external restricted {
        (address deviceKey, MeterWord word) = _wordOf(meterId);
        if (word.status() != MeterStatus.QUARANTINED) {
            revert IMeterRegistry.MeterNotQuarantined(meterId, word.status());
        }

        _words[deviceKey] = word.withStatus(MeterStatus.ACTIVE);
        // Unix seconds fit 40 bits for 34,000 years.
        _meters[meterId].releasedAt = uint40(block.timestamp);
        emit IMeterRegistry.MeterReleased(meterId);
    }

    /* INTERNAL */

    /// @dev Count one registration or announcement of the caller.
    function _takeRegistration() internal {
        MeterLimits memory limits = _limits;
        _registrations =
            _registrations.take(_perDay(limits.globalPerDay), 1, block.timestamp);
        _registrationsOf[msg.sender] = _registrationsOf[msg.sender].take(
            _perDay(limits.registrarPerDay), 1, block.timestamp
        );
    }

    function _perDay(uint32 capacity) internal pure returns (BucketLimits memory) {
        return BucketLimits(capacity, uint32(DAY_SECONDS));
    }

    /// @dev The device agrees, it is new, its numbers make sense.
    function _checkDevice(EnergyMeterRegistration calldata registration, bytes calldata signature)
        internal
        view
    {
        address deviceKey = registration.deviceKey;
        if (deviceKey == address(0)) revert IMeterRegistry.ZeroField("deviceKey");
        if (registration.owner == address(0)) revert IMeterRegistry.ZeroField("owner");
        if (registration.zone == 0) revert IMeterRegistry.ZeroField("zone");
        address signer =
            _recover(_hashTypedDataV4(MeterTypedData.hash(registration)), signature);
        if (signer != deviceKey) revert IMeterRegistry.WrongSigner(signer, deviceKey);
        MeterWord known = _words[deviceKey];
        if (known.isKnown()) {
            revert IMeterRegistry.DeviceKeyTaken(deviceKey, uint32(known.meterId()));
        }
        _checkRegisters(registration);
    }

    /// @dev Whether the owner has room for the meter, in this zone and from this slot on. What was
    /// reported of an account never changes, so a new meter begins where the record of the meters it
    /// follows or certifies ends.
    /// @param followedId the meter it follows at the same connection; 0 if there was none
    /// @param lead seconds before its first slot at which the meter may come on record
    /// @return previousMeterId the meter before it in the owner's account, 0 if none
    function _checkPlace(
        EnergyMeterRegistration calldata registration,
        uint256 followedId,
        uint256 lead
    ) internal view returns (uint32 previousMeterId) {
        OwnerMeters memory own = _ownerMeters[registration.owner];
        if (own.connectionId != 0 && registration.zone != own.zone) {
            revert IMeterRegistry.ZoneMismatch(registration.zone, own.zone);
        }
        // A snapshot of yesterday's second slot is the oldest whose deadline has not passed.
        uint256 earliest = (block.timestamp / DAY_SECONDS - 1) * SLOTS_PER_DAY + 1;

        if (registration.kind == MeterKind.PRODUCTION) {
            if (own.connectionId == 0) {
                revert IMeterRegistry.ConnectionMissing(registration.owner);
            }
            (, MeterWord connection) = _wordOf(own.connectionId);
            if (connection.status() == MeterStatus.DEACTIVATED) {
                revert IMeterRegistry.ConnectionMissing(registration.owner);
            }
            if (connection.lastSlot() > earliest) earliest = connection.lastSlot();
            previousMeterId = own.productionId;
        } else {
            previousMeterId = own.connectionId;
        }
        if (previousMeterId != 0) {
            (, MeterWord previous) = _wordOf(previousMeterId);
            // What was removed without a successor is followed by an announcement only, never at once.
            if (
                previousMeterId != followedId
                    && (previous.status() != MeterStatus.DEACTIVATED
                        || (followedId == 0 && _meters[previousMeterId].successorId == 0))
            ) revert IMeterRegistry.OwnerHasMeter(registration.owner, previousMeterId);
            if (previous.lastSlot() > earliest) earliest = previous.lastSlot();
        }

        uint256 latest = (block.timestamp + lead) / SLOT_SECONDS;
        if (registration.firstSlot < earliest || registration.firstSlot > latest) {
            revert IMeterRegistry.FirstSlotOutOfRange(registration.firstSlot, earliest, latest);
        }
    }

    /// @dev Warning: callers have checked the device and its place.
    function _register(EnergyMeterRegistration calldata registration, uint32 previousMeterId)
        internal
        returns (uint32 meterId)
    {
        if (_meterCount == MeterWordLib.MAX_METER_ID) revert IMeterRegistry.TooManyMeters();

        meterId = ++_meterCount;
        _words[registration.deviceKey] = MeterWordLib.create(
            meterId, registration.ratedImportW, registration.ratedExportW
        ).withReading(
            0, registration.firstSlot, registration.importWh, registration.exportWh, 0, 0
        );
        _meters[meterId] = Meter({
            owner: registration.owner,
            zone: registration.zone,
            kind: registration.kind,
            wide: MeterWordLib.isWide(registration.ratedImportW, registration.ratedExportW),
            firstSlot: registration.firstSlot,
            previousMeterId: previousMeterId,
            deviceKey: registration.deviceKey,
            // The width was found to be at most 2^40.
            registerWidthWh: uint48(registration.registerWidthWh),
            releasedAt: 0,
            skippedSequences: 0,
            successorId: 0
        });
        OwnerMeters storage own = _ownerMeters[registration.owner];
        if (registration.kind == MeterKind.PRODUCTION) {
            own.productionId = meterId;
        } else {
            if (own.connectionId == 0) {
                own.firstSlot = registration.firstSlot;
                own.zone = registration.zone;
            }
            own.connectionId = meterId;
        }
        emit IMeterRegistry.MeterRegistered(
            meterId,
            registration.deviceKey,
            registration.owner,
            registration.zone,
            registration.kind,
            registration.ratedImportW,
            registration.ratedExportW,
            registration.registerWidthWh,
            registration.firstSlot,
            registration.importWh,
            registration.exportWh
        );
    }

    function _deactivate(uint32 meterId, address deviceKey, MeterWord word) internal {
        _words[deviceKey] = word.withStatus(MeterStatus.DEACTIVATED);
        emit IMeterRegistry.MeterDeactivated(meterId);
    }

    function _checkRegisters(EnergyMeterRegistration calldata registration) private pure {
        uint256 ratedW = registration.ratedImportW > registration.ratedExportW
            ? registration.ratedImportW
            : registration.ratedExportW;
        if (ratedW > MeterWordLib.MAX_RATED_W) {
            revert IMeterRegistry.RatingTooHigh(ratedW, MeterWordLib.MAX_RATED_W);
        }
        uint256 smallestWh = MeterWordLib.capWh(ratedW) * MIN_WIDTH_SLOTS;
        uint256 widthWh = registration.registerWidthWh;
        if (widthWh < smallestWh || widthWh > MAX_REGISTER_WIDTH_WH) {
            revert IMeterRegistry.RegisterWidthOutOfRange(widthWh, smallestWh, MAX_REGISTER_WIDTH_WH);
        }
        if (registration.importWh >= widthWh) {
            revert IMeterRegistry.BaselineAboveWidth(registration.importWh, widthWh);
        }
        if (registration.exportWh >= widthWh) {
            revert IMeterRegistry.BaselineAboveWidth(registration.exportWh, widthWh);
        }
    }
}
