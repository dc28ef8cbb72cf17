// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {MeterInfo, MeterStatus} from "../types/MeterInfo.sol";
import {EnergyMeterRegistration} from "../types/MeterMessages.sol";
import {MeterKind} from "../types/Metering.sol";

/// @title Register of meters
/// @notice Who measures what for whom. An account has at most one connection meter and one PRODUCTION
/// meter behind it. Registering, deactivating and releasing are restricted to the REGISTRAR role of the
/// access manager (`AccessManagedUnauthorized` otherwise); a meter is registered only with the consent
/// of its device key. Sources: rules V1 and V4 of the metering checks, decision 0002.
interface IMeterRegistry {
    /// @notice A meter measures from `firstSlot` on.
    event MeterRegistered(
        uint32 indexed meterId,
        address indexed deviceKey,
        address indexed owner,
        uint16 zone,
        MeterKind kind,
        uint32 ratedImportW,
        uint32 ratedExportW,
        uint64 registerWidthWh,
        uint32 firstSlot,
        uint64 importWh,
        uint64 exportWh
    );

    /// @notice A meter was removed for ever.
    event MeterDeactivated(uint32 indexed meterId);

    /// @notice The registrar judged a quarantine; readings are accepted again.
    event MeterReleased(uint32 indexed meterId);

    /// @notice No meter has this id. Registered ids run from 1 without gaps.
    error UnknownMeter(uint256 meterId);
    /// @notice The key is no device key of a registered meter.
    error UnknownDevice(address deviceKey);
    /// @notice The caller is no device key and owns no connection meter.
    error NoMeter(address caller);
    /// @notice The action needs another status of the meter.
    error MeterNotActive(uint32 meterId, MeterStatus status);
    /// @notice Only a quarantined meter can be released.
    error MeterNotQuarantined(uint32 meterId, MeterStatus status);
    /// @notice A device key serves one meter, for ever.
    error DeviceKeyTaken(address deviceKey, uint32 meterId);
    /// @notice The owner has such a meter, or had one that nobody followed: announce what follows it
    /// (`IMeterSuccession`).
    error OwnerHasMeter(address owner, uint32 meterId);
    /// @notice A PRODUCTION meter stands behind an active connection meter of its owner: register that first.
    error ConnectionMissing(address owner);
    /// @notice All meters of an account lie in the zone of its first one.
    error ZoneMismatch(uint16 given, uint16 expected);
    /// @notice The message was signed by another key than the device's.
    error WrongSigner(address signer, address expected);
    /// @notice A field of the registration must not be zero: `deviceKey`, `owner` or `zone`.
    error ZeroField(bytes32 field);
    /// @notice Rated power above what the contract can hold (67.1 MW).
    error RatingTooHigh(uint256 givenW, uint256 allowedW);
    /// @notice The register width must lie in [smallest, largest]: smallest = ten days at the cap, so
    /// that no honest rollover fails V12; largest 2^40.
    error RegisterWidthOutOfRange(uint256 givenWh, uint256 smallestWh, uint256 largestWh);
    /// @notice A baseline register must be below the register width.
    error BaselineAboveWidth(uint256 givenWh, uint256 registerWidthWh);
    /// @notice `firstSlot` must lie in [earliest, latest]: neither before the last reading of a meter it
    /// replaces or certifies, nor past its own reading deadline, nor more than 7 days ahead.
    error FirstSlotOutOfRange(uint256 given, uint256 earliest, uint256 latest);
    /// @notice The contract holds as many meters as its ids allow (16,777,215).
    error TooManyMeters();

    /// @notice Register a meter. Restricted to REGISTRAR.
    /// @dev Warning: `registerWidthWh` must be the device's true width. Declared too small, single readings
    /// still count while they rise, but a signed day beyond the width is refused or contradicts them.
    /// @param registration what the device signed, with the registers at the start of its first slot.
    /// Ratings above 59,578 W make the lanes wide. A PRODUCTION meter is linked to the connection of
    /// the same owner and zone. What follows another meter at the same connection is announced and opened
    /// (`IMeterSuccession`), not registered. Limited per registrar and in all (`RateLimited`).
    /// @param signature of `registrationDigest(registration)` by `registration.deviceKey`, 64 or 65 bytes
    /// @return meterId id of the meter, from 1
    function registerMeter(EnergyMeterRegistration calldata registration, bytes calldata signature)
        external
        returns (uint32 meterId);

    /// @notice Remove an active or quarantined meter for ever. Restricted to REGISTRAR. Its slots stay
    /// readable; `IMeterEnergy.connectionOf` then shows no connection until another meter follows. A safety measure
    /// that takes effect at once and is limited in all (`RateLimited`); to exchange a meter see `IMeterSuccession`.
    function deactivateMeter(uint32 meterId) external;

    /// @notice End a quarantine. Restricted to REGISTRAR. Conflicts between readings up to this moment
    /// are judged and cannot quarantine the meter again.
    function releaseQuarantine(uint32 meterId) external;

    /// @notice Number of meters ever registered; ids run from 1 to it.
    function meterCount() external view returns (uint32);

    /// @notice Id of the meter that `deviceKey` signs for; 0 if none.
    function meterOf(address deviceKey) external view returns (uint32 meterId);

    /// @notice What the registry knows of a meter. Reverts `UnknownMeter`.
    function meterInfo(uint32 meterId) external view returns (MeterInfo memory);

    /// @notice The meters an account uses or used last; 0 where none.
    function metersOf(address owner)
        external
        view
        returns (uint32 connectionMeterId, uint32 productionMeterId);

    /// @notice EIP-712 digest the device signs to be registered.
    function registrationDigest(EnergyMeterRegistration calldata registration)
        external
        view
        returns (bytes32);
}
