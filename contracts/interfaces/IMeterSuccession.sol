// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {EnergyMeterRegistration} from "../types/MeterMessages.sol";
import {MeterLimits, MeterSuccessionConsent, SuccessionState} from "../types/MeterSuccession.sol";

/// @title From one meter to the next at the same connection
/// @notice One way for two occasions:
/// - a register epoch: the owner stays, the device is exchanged, its key is new or its registers were reset;
/// - a hand-over: the connection stays, the owner changes (somebody moves out, somebody moves in).
///
/// The REGISTRAR announces what the new meter will be, its device has signed it. After the delay anybody opens it
/// with the new device's signed registers: in one step the old meter ends at its last reading and the new one begins
/// at its baseline. If that is the same slot, none is lost and none counts twice. Old and new registers
/// are in `MeterSucceeded`, and nothing is interpolated from one to the other: each meter has its own record.
/// Answered at the address of `SmartMeter`, by its room `MeterRegistrar`.
///
/// The old owner can consent (a hand-over then waits no longer than an epoch) or object, which buys 30 days in which
/// the REGISTRAR (or one whom governance appoints in his place) withdraws what is wrong. It is no veto: who has moved
/// out cannot keep the next occupant from having a meter.
interface IMeterSuccession {
    /// @notice Another meter will follow.
    /// @param meterId the meter that will end
    /// @param deviceKey of the new meter
    /// @param owner of the new meter
    /// @param termsHash digest of `registration`
    /// @param registration of the new meter; `firstSlot`, `importWh` and `exportWh` are not known yet and 0
    /// @param openFrom first second at which it may be opened, if nobody consents or objects
    event SuccessionAnnounced(
        uint32 indexed meterId,
        address indexed deviceKey,
        address indexed owner,
        bytes32 termsHash,
        EnergyMeterRegistration registration,
        uint40 openFrom
    );
    /// @notice The announcement does not hold any more.
    event SuccessionWithdrawn(uint32 indexed meterId, bytes32 termsHash);
    /// @notice The old owner has agreed.
    event SuccessionConsented(uint32 indexed meterId, address indexed owner, uint40 openFrom);
    /// @notice The old owner has objected.
    event SuccessionObjected(uint32 indexed meterId, address indexed owner, uint40 openFrom);
    /// @notice One meter has ended, another begins; see also `MeterRegistered` and `MeterDeactivated`.
    /// @param meterId the meter that ended
    /// @param successorId the meter that begins
    /// @param owner of the new meter
    /// @param lastSlot slot that starts at the last reading of the old meter
    /// @param lastImportWh its import register there
    /// @param lastExportWh its export register there
    /// @param firstSlot first slot of the new meter; later than `lastSlot` only if the old one had fallen silent
    /// @param firstImportWh import register of the new meter at the start of `firstSlot`
    /// @param firstExportWh export register of the new meter at the start of `firstSlot`
    event MeterSucceeded(
        uint32 indexed meterId,
        uint32 indexed successorId,
        address indexed owner,
        uint32 lastSlot,
        uint64 lastImportWh,
        uint64 lastExportWh,
        uint32 firstSlot,
        uint64 firstImportWh,
        uint64 firstExportWh
    );
    /// @notice Governance has changed the limits.
    event MeterLimitsChanged(MeterLimits previous, MeterLimits current);

    /// @notice The meter has ended already, and another one has followed it.
    error AlreadySucceeded(uint32 meterId, uint32 successorId);
    /// @notice One announcement a meter at a time: withdraw the other one.
    error AlreadyAnnounced(uint32 meterId, uint256 openUntil);
    /// @notice Nothing is announced for the meter.
    error NothingAnnounced(uint32 meterId);
    /// @notice In an announcement `firstSlot`, `importWh` and `exportWh` are 0.
    error BaselineStated(uint32 firstSlot, uint64 importWh, uint64 exportWh);
    /// @notice A connection follows a connection, a PRODUCTION meter a PRODUCTION meter.
    error RoleChanged(uint32 meterId);
    /// @notice The registration is not the one that was announced, but for its baseline.
    error OtherTerms(bytes32 given, bytes32 announced);
    /// @notice It may be opened in [openFrom, openUntil).
    error SuccessionNotOpen(uint256 blockTimestamp, uint256 openFrom, uint256 openUntil);
    /// @notice The new meter begins where the old one was read last. A later beginning is possible once no reading of
    /// the old meter for the slots between counts any more (or at once, if the old meter is not active).
    error SlotsBetween(uint256 firstSlot, uint256 lastSlot, uint256 possibleFrom);
    /// @notice Only the owner of the meter that ends may do this.
    error NotOldOwner(uint32 meterId, address caller);
    /// @notice The owner has consented or objected before, and does so once.
    error AlreadyDecided(uint32 meterId);
    /// @notice An objection comes while the announcement waits.
    error ObjectionTooLate(uint256 blockTimestamp, uint256 openFrom);
    /// @notice The signature is none of the owner's.
    error SuccessionConsentInvalid(address owner);
    /// @notice Each limit lies in [lowest, highest], and one registrar's is not above that of all.
    error MeterLimitOutOfRange(uint256 given, uint256 lowest, uint256 highest);
    /// @notice A limit is used up for now (the error of `LinearBuckets`).
    error RateLimited(uint256 given, uint256 allowed);

    /// @notice Announce what follows a meter. Restricted to REGISTRAR, limited like a registration.
    /// The delay is 24 hours if the owner stays, else 7 days; afterwards it may be opened for 30 days.
    /// @dev Reverts `UnknownMeter`, `AlreadySucceeded`, `AlreadyAnnounced`, `BaselineStated`, `RoleChanged`, `ZoneMismatch`,
    /// `ZeroField`, `WrongSigner`, `DeviceKeyTaken`, `RatingTooHigh`, `RegisterWidthOutOfRange`, `RateLimited`.
    /// @param meterId the meter that will end: active, quarantined or deactivated
    /// @param registration the new meter, its baseline (`firstSlot`, `importWh`, `exportWh`) left 0
    /// @param signature of `registrationDigest(registration)` by `registration.deviceKey`, 64 or 65 bytes
    /// @return termsHash that digest
    function announceSuccession(
        uint32 meterId,
        EnergyMeterRegistration calldata registration,
        bytes calldata signature
    ) external returns (bytes32 termsHash);

    /// @notice Take an announcement back. Restricted to REGISTRAR.
    function withdrawSuccession(uint32 meterId) external;

    /// @notice The old owner agrees: the delay is 24 hours from the announcement. Final; also after an objection.
    function consentToSuccession(uint32 meterId) external;

    /// @notice The same, by the old owner's signature (of a key or a contract, ERC-1271), sent by anybody.
    /// @param consent names exactly the announcement that stands; `OtherTerms` or `NothingAnnounced` otherwise
    /// @param signature of `successionConsentDigest(consent)`
    function consentToSuccessionWithSignature(
        MeterSuccessionConsent calldata consent,
        bytes calldata signature
    ) external;

    /// @notice The old owner objects, once, while the announcement waits: it waits for 30 days from now on.
    function objectToSuccession(uint32 meterId) external;

    /// @notice Open what was announced. Anybody, as there is nothing to decide.
    /// @dev Reverts as `registerMeter` does, and `NothingAnnounced`, `SuccessionNotOpen`, `OtherTerms`, `SlotsBetween`,
    /// `FirstSlotOutOfRange`. Never limited.
    /// @param meterId the meter that ends
    /// @param registration as announced, with the registers of the new meter at the start of its first slot
    /// @param signature of `registrationDigest(registration)` by the device
    /// @return successorId id of the new meter
    function openSuccession(
        uint32 meterId,
        EnergyMeterRegistration calldata registration,
        bytes calldata signature
    ) external returns (uint32 successorId);

    /// @notice Set all limits. Restricted to GOVERNOR. Each in [10, 10,000] a day.
    function setMeterLimits(MeterLimits calldata limits) external;

    /// @notice What is announced for a meter.
    function successionOf(uint32 meterId) external view returns (SuccessionState memory);

    /// @notice The meter that followed at the same connection, whoever owns it; 0 if none.
    function successorOf(uint32 meterId) external view returns (uint32 successorId);

    /// @notice EIP-712 digest the old owner signs.
    function successionConsentDigest(MeterSuccessionConsent calldata consent)
        external
        view
        returns (bytes32);

    /// @notice The limits in force.
    function meterLimits() external view returns (MeterLimits memory);

    /// @notice What is left now.
    /// @param registrar whose own limit is asked for
    /// @return registrations of all registrars
    /// @return ofRegistrar registrations of this one, if all have as many left
    /// @return removals of all registrars
    function meterAllowances(address registrar)
        external
        view
        returns (uint256 registrations, uint256 ofRegistrar, uint256 removals);

    /// @notice Address of this room's code, for verification only.
    function registrarRoom() external view returns (address);
}
