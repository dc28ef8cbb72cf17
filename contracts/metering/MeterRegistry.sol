// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

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
import {MeterInfo, MeterStatus} from "../types/MeterInfo.sol";
import {EnergyMeterRegistration} from "../types/MeterMessages.sol";
import {MeterKind} from "../types/Metering.sol";

/// @title Meters, their keys and owners
/// @notice Part of `SmartMeter`; see `IMeterRegistry`.
abstract contract MeterRegistry is IMeterRegistry, AccessManaged, EIP712 {
    /// @dev What is read seldom; what every reading needs stands in the meter's `MeterWord`.
    struct Meter {
        // slot 0
        address owner;
        uint16 zone;
        MeterKind kind;
        bool wide;
        uint32 firstSlot;
        uint32 previousMeterId;
        // slot 1
        address deviceKey;
        uint48 registerWidthWh;
        uint40 releasedAt;
        // slot 2
        uint32 skippedSequences;
    }

    /// @dev The newest meter of an account in each role; older ones follow by `previousMeterId`.
    struct OwnerMeters {
        uint32 connectionId;
        uint32 productionId;
        uint32 firstSlot;
        uint16 zone;
    }

    /// @dev One word a meter, by device key.
    mapping(address deviceKey => MeterWord) internal _words;
    mapping(uint256 meterId => Meter) internal _meters;
    mapping(address owner => OwnerMeters) internal _ownerMeters;
    uint32 private _meterCount;

    constructor(address authority)
        AccessManaged(authority)
        EIP712("energy-grid SmartMeter", "1")
    {}

    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc IMeterRegistry
    function registerMeter(EnergyMeterRegistration calldata registration, bytes calldata signature)
        external
        restricted
        returns (uint32 meterId)
    {
        // Check: the device agrees, the numbers make sense.
        address deviceKey = registration.deviceKey;
        if (deviceKey == address(0)) revert ZeroField("deviceKey");
        if (registration.owner == address(0)) revert ZeroField("owner");
        if (registration.zone == 0) revert ZeroField("zone");
        address signer = _recover(registrationDigest(registration), signature);
        if (signer != deviceKey) revert WrongSigner(signer, deviceKey);
        MeterWord known = _words[deviceKey];
        if (known.isKnown()) {
            revert DeviceKeyTaken(deviceKey, uint32(known.meterId()));
        }
        _checkRegisters(registration);
        uint32 previousMeterId = _checkPlace(registration);
        if (_meterCount == MeterWordLib.MAX_METER_ID) revert TooManyMeters();

        // Effect
        meterId = ++_meterCount;
        bool wide = MeterWordLib.isWide(registration.ratedImportW, registration.ratedExportW);
        _words[deviceKey] = MeterWordLib.create(
            meterId, registration.ratedImportW, registration.ratedExportW
        ).withReading(
            0, registration.firstSlot, registration.importWh, registration.exportWh, 0, 0
        );
        _meters[meterId] = Meter({
            owner: registration.owner,
            zone: registration.zone,
            kind: registration.kind,
            wide: wide,
            firstSlot: registration.firstSlot,
            previousMeterId: previousMeterId,
            deviceKey: deviceKey,
            // The width was found to be at most 2^40.
            registerWidthWh: uint48(registration.registerWidthWh),
            releasedAt: 0,
            skippedSequences: 0
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
        emit MeterRegistered(
            meterId,
            deviceKey,
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

    /// @inheritdoc IMeterRegistry
    function deactivateMeter(uint32 meterId) external restricted {
        (address deviceKey, MeterWord word) = _wordOf(meterId);
        if (word.status() == MeterStatus.DEACTIVATED) {
            revert MeterNotActive(meterId, MeterStatus.DEACTIVATED);
        }

        _words[deviceKey] = word.withStatus(MeterStatus.DEACTIVATED);
        emit MeterDeactivated(meterId);
    }

    /// @inheritdoc IMeterRegistry
    function releaseQuarantine(uint32 meterId) external restricted {
        (address deviceKey, MeterWord word) = _wordOf(meterId);
        if (word.status() != MeterStatus.QUARANTINED) {
            revert MeterNotQuarantined(meterId, word.status());
        }

        _words[deviceKey] = word.withStatus(MeterStatus.ACTIVE);
        // Unix seconds fit 40 bits for 34,000 years.
        _meters[meterId].releasedAt = uint40(block.timestamp);
        emit MeterReleased(meterId);
    }

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

    /* INTERNAL */

    /// @dev Key and word of a registered meter.
    function _wordOf(uint256 meterId) internal view returns (address deviceKey, MeterWord word) {
        if (meterId == 0 || meterId > _meterCount) revert UnknownMeter(meterId);
        deviceKey = _meters[meterId].deviceKey;
        word = _words[deviceKey];
    }

    /// @dev Whether an id was ever given out.
    function _isRegistered(uint256 meterId) internal view returns (bool) {
        return meterId != 0 && meterId <= _meterCount;
    }

    /// @dev Signer of a digest by a 65-byte or 64-byte (ERC-2098) signature with low s. OpenZeppelin's
    /// errors name what is wrong with any other.
    function _recover(bytes32 digest, bytes calldata signature) internal pure returns (address) {
        if (signature.length == 64) {
            return ECDSA.recover(digest, bytes32(signature[:32]), bytes32(signature[32:]));
        }
        return ECDSA.recoverCalldata(digest, signature);
    }

    function _checkRegisters(EnergyMeterRegistration calldata registration) private pure {
        uint256 ratedW = registration.ratedImportW > registration.ratedExportW
            ? registration.ratedImportW
            : registration.ratedExportW;
        if (ratedW > MeterWordLib.MAX_RATED_W) {
            revert RatingTooHigh(ratedW, MeterWordLib.MAX_RATED_W);
        }
        uint256 smallestWh = MeterWordLib.capWh(ratedW) * MIN_WIDTH_SLOTS;
        uint256 widthWh = registration.registerWidthWh;
        if (widthWh < smallestWh || widthWh > MAX_REGISTER_WIDTH_WH) {
            revert RegisterWidthOutOfRange(widthWh, smallestWh, MAX_REGISTER_WIDTH_WH);
        }
        if (registration.importWh >= widthWh) {
            revert BaselineAboveWidth(registration.importWh, widthWh);
        }
        if (registration.exportWh >= widthWh) {
            revert BaselineAboveWidth(registration.exportWh, widthWh);
        }
    }

    /// @dev Whether the owner has room for the meter, in this zone and from this slot on. What was
    /// reported of an account never changes, so a new meter begins where the record of the meters it
    /// follows or certifies ends.
    /// @return previousMeterId the deactivated meter it follows, 0 if none
    function _checkPlace(EnergyMeterRegistration calldata registration)
        private
        view
        returns (uint32 previousMeterId)
    {
        OwnerMeters memory own = _ownerMeters[registration.owner];
        if (own.connectionId != 0 && registration.zone != own.zone) {
            revert ZoneMismatch(registration.zone, own.zone);
        }
        // A snapshot of yesterday's second slot is the oldest whose deadline has not passed.
        uint256 earliest = (block.timestamp / DAY_SECONDS - 1) * SLOTS_PER_DAY + 1;

        if (registration.kind == MeterKind.PRODUCTION) {
            if (own.connectionId == 0) revert ConnectionMissing(registration.owner);
            (, MeterWord connection) = _wordOf(own.connectionId);
            if (connection.status() == MeterStatus.DEACTIVATED) {
                revert ConnectionMissing(registration.owner);
            }
            if (connection.lastSlot() > earliest) earliest = connection.lastSlot();
            previousMeterId = own.productionId;
        } else {
            previousMeterId = own.connectionId;
        }
        if (previousMeterId != 0) {
            (, MeterWord previous) = _wordOf(previousMeterId);
            if (previous.status() != MeterStatus.DEACTIVATED) {
                revert OwnerHasMeter(registration.owner, previousMeterId);
            }
            if (previous.lastSlot() > earliest) earliest = previous.lastSlot();
        }

        uint256 latest = (block.timestamp + MAX_COMMISSIONING_LEAD) / SLOT_SECONDS;
        if (registration.firstSlot < earliest || registration.firstSlot > latest) {
            revert FirstSlotOutOfRange(registration.firstSlot, earliest, latest);
        }
    }
}
