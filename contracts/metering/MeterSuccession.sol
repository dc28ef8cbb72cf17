// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {IMeterSuccession} from "../interfaces/IMeterSuccession.sol";
import {
    EPOCH_DELAY,
    HANDOVER_DELAY,
    MAX_CLOCK_LEAD,
    OBJECTION_DELAY,
    OPEN_SECONDS
} from "../libraries/MeterConstants.sol";
import {MeterTypedData} from "../libraries/MeterTypedData.sol";
import {MeterWord} from "../libraries/MeterWord.sol";
import {MeterStatus} from "../types/MeterInfo.sol";
import {EnergyMeterRegistration} from "../types/MeterMessages.sol";
import {MeterSuccessionConsent, SuccessionState} from "../types/MeterSuccession.sol";
import {MeterKind} from "../types/Metering.sol";
import {MeterRegistration} from "./MeterRegistration.sol";

/// @title One meter follows another
/// @notice Part of the room `MeterRegistrar`; see `IMeterSuccession`.
abstract contract MeterSuccession is IMeterSuccession, MeterRegistration {
    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc IMeterSuccession
    function announceSuccession(
        uint32 meterId,
        EnergyMeterRegistration calldata registration,
        bytes calldata signature
    ) external restricted returns (bytes32 termsHash) {
        // Check
        _wordOf(meterId);
        Meter storage meter = _meters[meterId];
        if (meter.successorId != 0) revert AlreadySucceeded(meterId, meter.successorId);
        uint256 openUntil = _openUntil(_announcements[meterId]);
        if (block.timestamp < openUntil) revert AlreadyAnnounced(meterId, openUntil);
        if (registration.firstSlot != 0 || registration.importWh != 0 || registration.exportWh != 0)
        {
            revert BaselineStated(
                registration.firstSlot, registration.importWh, registration.exportWh
            );
        }
        if ((meter.kind == MeterKind.PRODUCTION) != (registration.kind == MeterKind.PRODUCTION)) {
            revert RoleChanged(meterId);
        }
        if (registration.zone != meter.zone) {
            revert IMeterRegistry.ZoneMismatch(registration.zone, meter.zone);
        }
        _takeRegistration();
        _checkDevice(registration, signature);

        // Effect. Unix seconds fit 40 bits for 34,000 years.
        termsHash = _termsHash(registration);
        uint40 openFrom = uint40(
            block.timestamp
                + (registration.owner == meter.owner ? EPOCH_DELAY : HANDOVER_DELAY)
        );
        _announcements[meterId] =
            Announcement(termsHash, uint40(block.timestamp), openFrom, false, false);
        emit SuccessionAnnounced(
            meterId,
            registration.deviceKey,
            registration.owner,
            termsHash,
            registration,
            openFrom
        );
    }

    /// @inheritdoc IMeterSuccession
    function withdrawSuccession(uint32 meterId) external restricted {
        bytes32 termsHash = _announced(meterId).termsHash;
        delete _announcements[meterId];
        emit SuccessionWithdrawn(meterId, termsHash);
    }

    /* THE OLD OWNER */

    /// @inheritdoc IMeterSuccession
    function consentToSuccession(uint32 meterId) external {
        _requireOldOwner(meterId);
        _consent(meterId, _announced(meterId));
    }

    /// @inheritdoc IMeterSuccession
    function consentToSuccessionWithSignature(
        MeterSuccessionConsent calldata consent,
        bytes calldata signature
    ) external {
        Announcement storage announcement = _announced(consent.meterId);
        if (
            consent.termsHash != announcement.termsHash
                || consent.announcedAt != announcement.announcedAt
        ) revert OtherTerms(consent.termsHash, announcement.termsHash);
        address owner = _meters[consent.meterId].owner;
        bytes32 digest = successionConsentDigest(consent);
        if (!SignatureChecker.isValidSignatureNowCalldata(owner, digest, signature)) {
            revert SuccessionConsentInvalid(owner);
        }
        _consent(consent.meterId, announcement);
    }

    /// @inheritdoc IMeterSuccession
    function objectToSuccession(uint32 meterId) external {
        _requireOldOwner(meterId);
        Announcement storage announcement = _announced(meterId);
        if (announcement.consented || announcement.objected) revert AlreadyDecided(meterId);
        if (block.timestamp >= announcement.openFrom) {
            revert ObjectionTooLate(block.timestamp, announcement.openFrom);
        }

        announcement.objected = true;
        announcement.openFrom = uint40(block.timestamp + OBJECTION_DELAY);
        emit SuccessionObjected(meterId, msg.sender, announcement.openFrom);
    }

    /* ANYBODY */

    /// @inheritdoc IMeterSuccession
    function openSuccession(
        uint32 meterId,
        EnergyMeterRegistration calldata registration,
        bytes calldata signature
    ) external returns (uint32 successorId) {
        // Check: it is what was announced, and its time.
        Announcement memory announcement = _announced(meterId);
        bytes32 termsHash = _termsHash(registration);
        if (termsHash != announcement.termsHash) {
            revert OtherTerms(termsHash, announcement.termsHash);
        }
        if (
            block.timestamp < announcement.openFrom || block.timestamp >= _openUntil(announcement)
        ) {
            revert SuccessionNotOpen(
                block.timestamp, announcement.openFrom, _openUntil(announcement)
            );
        }
        _checkDevice(registration, signature);
        // Check: it begins where the old meter ends.
        (address deviceKey, MeterWord word) = _wordOf(meterId);
        uint256 lastSlot = word.lastSlot();
        if (registration.firstSlot != lastSlot && word.isActive()) {
            uint256 possibleFrom = _readingDeadline(lastSlot);
            if (registration.firstSlot < lastSlot || block.timestamp < possibleFrom) {
                revert SlotsBetween(registration.firstSlot, lastSlot, possibleFrom);
            }
        }
        uint32 previousMeterId = _checkPlace(registration, meterId, MAX_CLOCK_LEAD);

        // Effect
        delete _announcements[meterId];
        if (word.status() != MeterStatus.DEACTIVATED) _deactivate(meterId, deviceKey, word);
        successorId = _register(registration, previousMeterId);
        _meters[meterId].successorId = successorId;
        // Casts: a slot has 26 bits, registers 40.
        emit MeterSucceeded(
            meterId,
            successorId,
            registration.owner,
            uint32(lastSlot),
            uint64(word.importWh()),
            uint64(word.exportWh()),
            registration.firstSlot,
            registration.importWh,
            registration.exportWh
        );
    }

    /* VIEWS */

    /// @inheritdoc IMeterSuccession
    function successionOf(uint32 meterId) external view returns (SuccessionState memory) {
        Announcement memory announcement = _announcements[meterId];
        return SuccessionState({
            termsHash: announcement.termsHash,
            announcedAt: announcement.announcedAt,
            openFrom: announcement.openFrom,
            openUntil: uint40(_openUntil(announcement)), // unix seconds
            consented: announcement.consented,
            objected: announcement.objected
        });
    }

    /// @inheritdoc IMeterSuccession
    function successorOf(uint32 meterId) external view returns (uint32 successorId) {
        _wordOf(meterId);
        return _meters[meterId].successorId;
    }

    /// @inheritdoc IMeterSuccession
    function successionConsentDigest(MeterSuccessionConsent calldata consent)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(MeterTypedData.hash(consent));
    }

    /* INTERNAL */

    function _consent(uint32 meterId, Announcement storage announcement) private {
        if (announcement.consented) revert AlreadyDecided(meterId);

        announcement.consented = true;
        announcement.openFrom = uint40(announcement.announcedAt + EPOCH_DELAY);
        emit SuccessionConsented(meterId, _meters[meterId].owner, announcement.openFrom);
    }

    function _requireOldOwner(uint32 meterId) private view {
        _wordOf(meterId);
        if (msg.sender != _meters[meterId].owner) revert NotOldOwner(meterId, msg.sender);
    }

    function _announced(uint32 meterId) private view returns (Announcement storage announcement) {
        announcement = _announcements[meterId];
        if (announcement.announcedAt == 0) revert NothingAnnounced(meterId);
    }

    /// @dev 0 if nothing is announced.
    function _openUntil(Announcement memory announcement) private pure returns (uint256) {
        return announcement.openFrom == 0 ? 0 : announcement.openFrom + OPEN_SECONDS;
    }

    function _termsHash(EnergyMeterRegistration calldata registration)
        private
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(MeterTypedData.hashTerms(registration));
    }
}
