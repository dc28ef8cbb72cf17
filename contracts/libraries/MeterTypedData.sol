// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    EnergyMeterDay,
    EnergyMeterReading,
    EnergyMeterRegistration
} from "../types/MeterMessages.sol";
import {MeterPageCommitment, MeterPageConsent} from "../types/MeterPages.sol";
import {MeterSuccessionConsent} from "../types/MeterSuccession.sol";

/// @notice EIP-712 struct hashes of what devices and bridges sign.
library MeterTypedData {
    bytes32 internal constant REGISTRATION_TYPEHASH = keccak256(
        "EnergyMeterRegistration(address deviceKey,address owner,uint16 zone,uint8 kind,"
        "uint32 ratedImportW,uint32 ratedExportW,uint64 registerWidthWh,uint32 firstSlot,"
        "uint64 importWh,uint64 exportWh)"
    );
    bytes32 internal constant READING_TYPEHASH = keccak256(
        "EnergyMeterReading(uint32 meterId,uint32 sequence,uint40 timestamp,uint64 importWh,"
        "uint64 exportWh,uint32 frequencyMilliHz,uint32 voltageMilliV)"
    );
    bytes32 internal constant DAY_TYPEHASH = keccak256(
        "EnergyMeterDay(uint32 meterId,uint32 firstSequence,uint40 dayStart,uint64 importWh,"
        "uint64 exportWh,uint32 frequencyMilliHz,uint32 voltageMilliV,bytes32[] words)"
    );

    bytes32 internal constant PAGE_CONSENT_TYPEHASH = keccak256(
        "EnergyMeterPageConsent(uint32 meterId,address bridge,uint40 fromBoundary)"
    );
    bytes32 internal constant PAGE_COMMITMENT_TYPEHASH = keccak256(
        "EnergyMeterPageCommitment(address bridge,uint40 boundary,uint16 index,bytes32 pageHash)"
    );
    bytes32 internal constant SUCCESSION_CONSENT_TYPEHASH = keccak256(
        "EnergyMeterSuccessionConsent(uint32 meterId,bytes32 termsHash,uint40 announcedAt)"
    );

    /// @dev Fields of static structs are encoded one word each, in order, as EIP-712 asks.
    function hash(EnergyMeterRegistration calldata registration) internal pure returns (bytes32) {
        return keccak256(abi.encode(REGISTRATION_TYPEHASH, registration));
    }

    function hash(EnergyMeterReading calldata reading) internal pure returns (bytes32) {
        return keccak256(abi.encode(READING_TYPEHASH, reading));
    }

    function hash(EnergyMeterDay calldata day) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                DAY_TYPEHASH,
                day.meterId,
                day.firstSequence,
                day.dayStart,
                day.importWh,
                day.exportWh,
                day.frequencyMilliHz,
                day.voltageMilliV,
                keccak256(abi.encodePacked(day.words))
            )
        );
    }

    function hash(MeterPageConsent calldata consent) internal pure returns (bytes32) {
        return keccak256(abi.encode(PAGE_CONSENT_TYPEHASH, consent));
    }

    function hash(MeterPageCommitment calldata commitment) internal pure returns (bytes32) {
        return keccak256(abi.encode(PAGE_COMMITMENT_TYPEHASH, commitment));
    }

    function hash(MeterSuccessionConsent calldata consent) internal pure returns (bytes32) {
        return keccak256(abi.encode(SUCCESSION_CONSENT_TYPEHASH, consent));
    }

    /// @dev Hash of a registration without its baseline: what can be known before the meter begins.
    function hashTerms(EnergyMeterRegistration memory registration) internal pure returns (bytes32) {
        (registration.firstSlot, registration.importWh, registration.exportWh) = (0, 0, 0);
        return keccak256(abi.encode(REGISTRATION_TYPEHASH, registration));
    }
}
