// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {LinearBucket} from "../libraries/LinearBuckets.sol";
import {
    DAY_SECONDS,
    GLOBAL_METERS_PER_DAY,
    REGISTRAR_METERS_PER_DAY,
    REMOVALS_PER_DAY,
    SLOTS_PER_DAY
} from "../libraries/MeterConstants.sol";
import {MeterWord} from "../libraries/MeterWord.sol";
import {ReadingRing} from "../libraries/ReadingLanes.sol";
import {BridgeStatus} from "../types/MeterPages.sol";
import {MeterLimits} from "../types/MeterSuccession.sol";
import {MeterKind} from "../types/Metering.sol";
import {PageMeterWord, PageRecordWord} from "../types/PageWords.sol";

/// @notice Everything `SmartMeter` stores, declared in this one place.
/// @dev Warning: the rooms `MeterPages` and `MeterRegistrar` work on the storage of `SmartMeter`. All three inherit
/// this contract first and declare no state of their own, so their layouts are the same by construction. Never
/// declare state in another part.
abstract contract MeterStorage is AccessManaged, EIP712 {
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
        uint32 successorId;
    }

    /// @dev The newest meter of an account in each role; older ones follow by `previousMeterId`.
    struct OwnerMeters {
        uint32 connectionId;
        uint32 productionId;
        uint32 firstSlot;
        uint16 zone;
    }

    /// @dev Time between two true readings more than a slot apart; one storage slot.
    struct Stretch {
        uint32 fromSlot;
        uint32 toSlot;
        uint64 importWh;
        uint64 exportWh;
    }

    /// @dev One storage slot.
    struct Bridge {
        uint24 bridgeId;
        BridgeStatus status;
    }

    /// @dev An entry whose signature its bridge has to show; one storage slot.
    /// @param laterAt the later one of the times of the entry and of the reading that contradicts it
    struct Accusation {
        uint24 bridgeId;
        uint32 sequence;
        uint40 boundary;
        uint40 importWh;
        uint40 exportWh;
        uint40 answerUntil;
        uint40 laterAt;
    }

    /// @dev What was announced for a meter, by the id of the meter that ends.
    struct Announcement {
        bytes32 termsHash;
        uint40 announcedAt;
        uint40 openFrom;
        bool consented;
        bool objected;
    }

    /// @dev Places of a page index: 1,024 slots, ten days. Older places are used again and never zeroed.
    uint256 internal constant PAGE_RING_SLOTS = 1024;

    /// @dev One word a meter, by device key.
    mapping(address deviceKey => MeterWord) internal _words;
    mapping(uint256 meterId => Meter) internal _meters;
    mapping(address owner => OwnerMeters) internal _ownerMeters;
    uint32 internal _meterCount;

    mapping(uint256 meterId => ReadingRing) internal _rings;
    /// @dev In order of time; neighbours may touch, never overlap.
    mapping(uint256 meterId => Stretch[]) internal _stretches;

    mapping(address bridge => Bridge) internal _bridges;
    mapping(uint256 bridgeId => address) internal _bridgeOf;
    mapping(uint256 meterId => PageMeterWord) internal _pageMeters;
    /// @dev Key: `bridgeId << 16 | index`.
    mapping(uint256 key => PageRecordWord[PAGE_RING_SLOTS]) internal _pages;
    mapping(uint256 meterId => Accusation) internal _accusations;
    uint24 internal _bridgeCount;

    /// @dev By the meter that ends.
    mapping(uint256 meterId => Announcement) internal _announcements;
    MeterLimits internal _limits;
    LinearBucket internal _registrations;
    mapping(address registrar => LinearBucket) internal _registrationsOf;
    LinearBucket internal _removals;

    constructor(address authority)
        AccessManaged(authority)
        EIP712("energy-grid SmartMeter", "1")
    {
        _limits = MeterLimits(GLOBAL_METERS_PER_DAY, REGISTRAR_METERS_PER_DAY, REMOVALS_PER_DAY);
    }

    /* INTERNAL */

    /// @dev Key and word of a registered meter.
    function _wordOf(uint256 meterId) internal view returns (address deviceKey, MeterWord word) {
        if (meterId == 0 || meterId > _meterCount) revert IMeterRegistry.UnknownMeter(meterId);
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

    /// @dev First second at which no reading for `slot` counts any more.
    function _readingDeadline(uint256 slot) internal pure returns (uint256) {
        // Unchecked: slots have 40 bits at most (a timestamp of 40 bits, or 32 bits).
        unchecked {
            return (slot / SLOTS_PER_DAY + 2) * DAY_SECONDS;
        }
    }
}
