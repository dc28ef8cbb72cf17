// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IMeterPages} from "../interfaces/IMeterPages.sol";
import {IMeterReadings} from "../interfaces/IMeterReadings.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {
    ANSWER_SECONDS,
    DISPUTE_SECONDS,
    MAX_CLOCK_LEAD,
    MAX_COMMISSIONING_LEAD,
    MAX_JOIN_AGE_SLOTS,
    SLOT_SECONDS
} from "../libraries/MeterConstants.sol";
import {MeterTypedData} from "../libraries/MeterTypedData.sol";
import {MeterWord, MeterWordLib} from "../libraries/MeterWord.sol";
import {PageEntries} from "../libraries/PageEntries.sol";
import {Rooms} from "../libraries/Rooms.sol";
import {EnergyMeterReading} from "../types/MeterMessages.sol";
import {
    BridgeStatus,
    EntryRefusal,
    MeterPage,
    MeterPageCommitment,
    MeterPageConsent,
    PageStatus
} from "../types/MeterPages.sol";
import {
    PageMeterWord,
    PageMeterWordLib,
    PageRecordWord,
    PageRecordWordLib
} from "../types/PageWords.sol";
import {MeterPageViews} from "./MeterPageViews.sol";
import {MeterStorage} from "./MeterStorage.sol";

/// @notice The room of `SmartMeter` that keeps pages of readings: see `IMeterPages`.
/// @dev One contract would exceed the 24,576 bytes of EIP-170, so `SmartMeter` creates this one in its
/// constructor and runs its functions by `delegatecall`, on its own storage and under its own address (which
/// is also the one in the EIP-712 domain). The address is immutable: nothing can be exchanged later. Called
/// directly, it works on its own, empty storage.
contract MeterPages is MeterPageViews {
    using PageEntries for bytes;

    /// @dev Where this code is, whoever runs it.
    address private immutable SELF;
    /// @dev The next room.
    address private immutable REGISTRAR;

    /// @param registrar answers what this room does not know
    constructor(address authority, address registrar) MeterStorage(authority) {
        SELF = address(this);
        REGISTRAR = registrar;
    }

    fallback() external {
        Rooms.run(REGISTRAR);
    }

    /* BRIDGES AND THEIR METERS */

    /// @inheritdoc IMeterPages
    function appointBridge(address bridge) external restricted {
        if (bridge == address(0)) revert ZeroBridge();
        Bridge storage own = _bridges[bridge];
        if (own.status == BridgeStatus.ACTIVE) revert BridgeActive(bridge);
        if (own.bridgeId == 0) {
            if (_bridgeCount == PageMeterWordLib.MAX_BRIDGE_ID) revert TooManyBridges();
            own.bridgeId = ++_bridgeCount;
            _bridgeOf[own.bridgeId] = bridge;
        }
        own.status = BridgeStatus.ACTIVE;
        emit BridgeAppointed(bridge, own.bridgeId);
    }

    /// @inheritdoc IMeterPages
    function suspendBridge(address bridge) external restricted {
        _activeBridge(bridge);
        _bridges[bridge].status = BridgeStatus.SUSPENDED;
        emit BridgeSuspended(bridge, 0);
    }

    /// @inheritdoc IMeterPages
    function joinBridge(uint32 meterId, address bridge, uint40 fromBoundary) external {
        _join(meterId, _requireOwner(meterId), bridge, fromBoundary);
    }

    /// @inheritdoc IMeterPages
    function joinBridgeWithConsent(MeterPageConsent calldata consent, bytes calldata signature)
        external
    {
        (address deviceKey,) = _signerOf(consent.meterId, pageConsentDigest(consent), signature);
        _join(consent.meterId, deviceKey, consent.bridge, consent.fromBoundary);
    }

    /// @inheritdoc IMeterPages
    function leaveBridge(uint32 meterId) external {
        address deviceKey = _requireOwner(meterId);
        PageMeterWord own = _requireInBridge(meterId);

        // What was revealed lies at most 30 s ahead, so before the end of the current slot.
        uint256 until = block.timestamp / SLOT_SECONDS + 1;
        if (own.since() > until) until = own.since();
        _pageMeters[meterId] = PageMeterWordLib.create(deviceKey, 0, until);
        emit BridgeLeft(meterId, _bridgeOf[own.bridgeId()]);
    }

    /* PAGES */

    /// @inheritdoc IMeterPages
    function commitPage(uint40 boundary, uint16 index, bytes32 pageHash_)
        external
        returns (bool isNew)
    {
        return _commit(msg.sender, boundary, index, pageHash_);
    }

    /// @inheritdoc IMeterPages
    function commitSignedPage(MeterPageCommitment calldata commitment, bytes calldata signature)
        external
        returns (bool isNew)
    {
        address signer = _recover(pageCommitmentDigest(commitment), signature);
        if (signer != commitment.bridge) revert IMeterRegistry.WrongSigner(signer, commitment.bridge);
        return
            _commit(signer, commitment.boundary, commitment.index, commitment.pageHash);
    }

    /// @inheritdoc IMeterPages
    function withdrawPage(uint40 boundary, uint16 index) external {
        uint256 key = _key(_bridges[msg.sender].bridgeId, index);
        uint256 slot = _slotAt(boundary);
        PageRecordWord record = _recordOf(key, slot, msg.sender, index);
        PageStatus status = record.status();
        if (status == PageStatus.REVEALED) revert PageIsRevealed(msg.sender, boundary, index);
        if (status == PageStatus.WITHDRAWN) revert PageIsWithdrawn(msg.sender, boundary, index);

        _pages[key][slot % PAGE_RING_SLOTS] = record.withStatus(PageStatus.WITHDRAWN);
        emit PageWithdrawn(msg.sender, boundary, index);
    }

    /// @inheritdoc IMeterPages
    function revealPage(MeterPage calldata page) external returns (uint256 accepted) {
        return _reveal(page, PageEntries.MAX_ENTRIES);
    }

    /// @inheritdoc IMeterPages
    function revealPagePart(MeterPage calldata page, uint256 count)
        external
        returns (uint256 accepted)
    {
        return _reveal(page, count);
    }

    /* DISPUTES */

    /// @inheritdoc IMeterPages
    function demandSignature(uint32 meterId, uint40 boundary) external {
        _requireOwner(meterId);
        _demand(meterId, boundary);
    }

    /// @inheritdoc IMeterPages
    function orderSignature(uint32 meterId, uint40 boundary) external restricted {
        _demand(meterId, boundary);
    }

    /// @inheritdoc IMeterPages
    function reportPageFraud(
        MeterPage calldata page,
        uint256 place,
        EnergyMeterReading calldata reading,
        bytes calldata signature
    ) external {
        // Check: the page is committed and names the meter, whose device signed something else.
        uint256 bridgeId = _activeBridge(page.bridge);
        uint256 slot = _slotAt(page.boundary);
        PageRecordWord record = _checkedRecord(page, _key(bridgeId, page.index), slot);
        if (record.status() == PageStatus.WITHDRAWN) {
            revert PageIsWithdrawn(page.bridge, page.boundary, page.index);
        }
        (, MeterWord word) =
            _signerOf(reading.meterId, _readingDigest(reading), signature);
        _requireActive(word);
        _requireNotFuture(reading.timestamp);
        Accusation memory accusation = _contradiction(page, place, reading);
        uint256 releasedAt = _meters[reading.meterId].releasedAt;
        if (accusation.laterAt <= releasedAt) {
            revert IMeterReadings.ConflictAlreadyJudged(reading.meterId, releasedAt);
        }
        if (_accusations[reading.meterId].bridgeId != 0) revert AlreadyAccused(reading.meterId);

        // Effect
        accusation.bridgeId = uint24(bridgeId); // as stored
        _accusations[reading.meterId] = accusation;
        PageMeterWord own = _pageMeters[reading.meterId];
        if (record.status() == PageStatus.COMMITTED && own.bridgeId() == bridgeId) {
            _pageMeters[reading.meterId] = own.withDemand(slot);
            emit SignatureDemanded(reading.meterId, page.boundary, msg.sender);
        }
        emit PageDisputed(
            reading.meterId,
            page.bridge,
            page.boundary,
            msg.sender,
            accusation.sequence,
            accusation.importWh,
            accusation.exportWh,
            reading,
            accusation.answerUntil
        );
    }

    /// @inheritdoc IMeterPages
    function answerPageFraud(EnergyMeterReading calldata reading, bytes calldata signature)
        external
    {
        (address deviceKey, MeterWord word) =
            _signerOf(reading.meterId, _readingDigest(reading), signature);
        uint32 meterId = reading.meterId;
        Accusation memory accusation = _openAccusation(meterId);
        if (
            reading.timestamp != accusation.boundary || reading.sequence != accusation.sequence
                || reading.importWh != accusation.importWh
                || reading.exportWh != accusation.exportWh
        ) revert NotTheEntry(meterId);

        delete _accusations[meterId];
        emit PageDisputeAnswered(
            meterId, _bridgeOf[accusation.bridgeId], accusation.boundary, msg.sender
        );
        if (word.isActive() && accusation.laterAt > _meters[meterId].releasedAt) {
            _markQuarantined(
                deviceKey,
                word,
                reading.sequence,
                reading.timestamp,
                reading.importWh,
                reading.exportWh
            );
        }
    }

    /// @inheritdoc IMeterPages
    function concludePageFraud(uint32 meterId) external {
        Accusation memory accusation = _openAccusation(meterId);
        if (block.timestamp < accusation.answerUntil) {
            revert AnswerStillOpen(block.timestamp, accusation.answerUntil);
        }

        delete _accusations[meterId];
        address bridge = _bridgeOf[accusation.bridgeId];
        _bridges[bridge].status = BridgeStatus.SUSPENDED;
        emit BridgeSuspended(bridge, meterId);
    }

    /* VIEWS, see also `MeterPageViews` */

    /// @inheritdoc IMeterPages
    function pagesRoom() external view returns (address) {
        return SELF;
    }

    /* ENTRIES */

    /// @dev Reveal at most `count` entries from the first that is not revealed on.
    function _reveal(MeterPage calldata page, uint256 count) private returns (uint256 accepted) {
        // Check
        uint256 end = page.entries.countOf();
        uint256 bridgeId = _activeBridge(page.bridge);
        uint256 key = _key(bridgeId, page.index);
        uint256 slot = _slotAt(page.boundary);
        PageRecordWord record = _checkedRecord(page, key, slot);
        if (record.status() == PageStatus.REVEALED) return 0;
        _requireRevealable(page, key, slot, record);

        // Effect
        uint256 first = record.place();
        if (count < end - first) {
            end = first + count;
            record = record.withPlace(end);
        } else {
            record = record.withPlace(0).withStatus(PageStatus.REVEALED);
        }
        _pages[key][slot % PAGE_RING_SLOTS] = record;
        bytes calldata entries = page.entries;
        for (uint256 place = first; place < end; ++place) {
            (uint256 meterId, uint256 sequence, uint256 importWh, uint256 exportWh) =
                entries.at(place);
            EntryRefusal reason = _take(bridgeId, slot, meterId, sequence, importWh, exportWh);
            if (reason == EntryRefusal.NONE) {
                ++accepted;
            } else {
                // An entry's meter id has 24 bits.
                emit PageEntrySkipped(
                    uint32(meterId), page.bridge, page.boundary, place, reason
                );
            }
        }
        emit PageRevealed(
            page.bridge,
            page.boundary,
            page.index,
            first,
            accepted,
            entries.slice(first, end)
        );
    }

    /// @dev Take one entry, or say why not: what a signed reading has to pass (V1, V3-V5, V10, V11, V14; V7 and
    /// V15 hold for the whole page and by type), V25, and no rollover.
    function _take(
        uint256 bridgeId,
        uint256 slot,
        uint256 meterId,
        uint256 sequence,
        uint256 importWh,
        uint256 exportWh
    ) private returns (EntryRefusal) {
        // Check
        PageMeterWord own = _pageMeters[meterId];
        if (own.bridgeId() != bridgeId || slot < own.since()) return EntryRefusal.NOT_IN_BRIDGE;
        if (own.isDemanded(slot)) return EntryRefusal.SIGNATURE_DEMANDED;
        address deviceKey = own.deviceKey();
        MeterWord word = _words[deviceKey];
        if (!word.isActive()) return EntryRefusal.NOT_ACTIVE;
        if (slot <= word.lastSlot()) return EntryRefusal.BEHIND;
        uint256 importedWh;
        uint256 exportedWh;
        // Unchecked: compared before; slots and caps have 26 bits.
        unchecked {
            uint256 slots = slot - word.lastSlot();
            uint256 lastSequence = word.sequence();
            if (sequence <= lastSequence || sequence - lastSequence > slots) {
                return EntryRefusal.SEQUENCE;
            }
            if (importWh < word.importWh() || exportWh < word.exportWh()) {
                return EntryRefusal.REGISTER_FELL;
            }
            importedWh = importWh - word.importWh();
            exportedWh = exportWh - word.exportWh();
            if (
                importedWh > MeterWordLib.capWh(word.ratedImportW()) * slots
                    || exportedWh > MeterWordLib.capWh(word.ratedExportW()) * slots
            ) return EntryRefusal.ABOVE_CAP;
        }

        // Effect
        _storeSlots(word, slot, importedWh, exportedWh);
        _countSkipped(word, sequence);
        _words[deviceKey] = word.withReading(sequence, slot, importWh, exportWh, 0, 0);
        return EntryRefusal.NONE;
    }

    /// @dev What a reading contradicts, or a revert. `bridgeId` is still to be filled in.
    function _contradiction(
        MeterPage calldata page,
        uint256 place,
        EnergyMeterReading calldata reading
    ) private view returns (Accusation memory accusation) {
        if (place >= page.entries.countOf()) revert NotThisMeter(place, reading.meterId);
        (uint256 meterId, uint256 sequence, uint256 importWh, uint256 exportWh) =
            page.entries.at(place);
        if (meterId != reading.meterId) revert NotThisMeter(place, reading.meterId);
        bool sameTime = reading.timestamp == page.boundary;
        bool sameSequence = reading.sequence == sequence;
        bool same = sameTime && sameSequence && reading.importWh == importWh
            && reading.exportWh == exportWh;
        if (same || reading.sequence == 0 || !(sameTime || sameSequence)) {
            revert NoContradiction(reading.meterId);
        }
        // Casts: an entry's fields; unix seconds.
        accusation.sequence = uint32(sequence);
        accusation.boundary = page.boundary;
        accusation.importWh = uint40(importWh);
        accusation.exportWh = uint40(exportWh);
        accusation.answerUntil = uint40(block.timestamp + ANSWER_SECONDS);
        accusation.laterAt =
            reading.timestamp > page.boundary ? reading.timestamp : page.boundary;
    }

    /* INTERNAL */

    function _join(uint32 meterId, address deviceKey, address bridge, uint40 fromBoundary) private {
        uint256 bridgeId = _activeBridge(bridge);
        uint256 slot = _slotAt(fromBoundary);
        uint256 current = block.timestamp / SLOT_SECONDS;
        // A consent is used up by any later change, so it works once.
        uint256 earliest = current - MAX_JOIN_AGE_SLOTS;
        PageMeterWord own = _pageMeters[meterId];
        if (own.since() >= earliest) earliest = own.since() + 1;
        uint256 latest = current + MAX_COMMISSIONING_LEAD / SLOT_SECONDS;
        if (slot < earliest || slot > latest) {
            revert BoundaryOutOfRange(
                fromBoundary, earliest * SLOT_SECONDS, latest * SLOT_SECONDS
            );
        }

        _pageMeters[meterId] = PageMeterWordLib.create(deviceKey, bridgeId, slot);
        emit BridgeJoined(meterId, bridge, fromBoundary);
    }

    function _commit(address bridge, uint40 boundary, uint16 index, bytes32 pageHash_)
        private
        returns (bool isNew)
    {
        // Check
        uint256 key = _key(_activeBridge(bridge), index);
        uint256 slot = _slotAt(boundary);
        _requireNotFuture(boundary);
        PageRecordWord record = _pages[key][slot % PAGE_RING_SLOTS];
        if (record.slot() == slot && record.status() != PageStatus.NONE) {
            if (record.hasHash(pageHash_)) return false;
            revert PlaceTaken(boundary, index);
        }
        uint256 latest = _snapshotDeadline(slot) - DISPUTE_SECONDS;
        if (block.timestamp >= latest) revert CommitmentTooLate(block.timestamp, latest);

        // Effect. The age is below two days, for the deadline has not passed.
        _pages[key][slot % PAGE_RING_SLOTS] = PageRecordWordLib.create(
            pageHash_, slot, block.timestamp + MAX_CLOCK_LEAD - boundary
        );
        emit PageCommitted(bridge, boundary, index, pageHash_);
        return true;
    }

    function _demand(uint32 meterId, uint40 boundary) private {
        PageMeterWord own = _requireInBridge(meterId);
        uint256 slot = _slotAt(boundary);
        _requireNotFuture(boundary);
        _requireInTime(slot);

        _pageMeters[meterId] = own.withDemand(slot);
        emit SignatureDemanded(meterId, boundary, msg.sender);
    }

    /* CHECKS */

    /// @dev Key of the meter whose owner or device calls.
    function _requireOwner(uint32 meterId) private view returns (address deviceKey) {
        (deviceKey,) = _wordOf(meterId);
        if (msg.sender != deviceKey && msg.sender != _meters[meterId].owner) {
            revert NotMeterOwner(meterId, msg.sender);
        }
    }

    function _requireInBridge(uint32 meterId) private view returns (PageMeterWord own) {
        own = _pageMeters[meterId];
        if (own.bridgeId() == 0) revert NotInBridge(meterId);
    }

    function _activeBridge(address bridge) private view returns (uint256 bridgeId) {
        Bridge memory own = _bridges[bridge];
        if (own.status != BridgeStatus.ACTIVE) revert BridgeNotActive(bridge, own.status);
        return own.bridgeId;
    }

    function _openAccusation(uint32 meterId) private view returns (Accusation memory accusation) {
        accusation = _accusations[meterId];
        if (accusation.bridgeId == 0) revert NotAccused(meterId);
    }

    function _recordOf(uint256 key, uint256 slot, address bridge, uint16 index)
        private
        view
        returns (PageRecordWord record)
    {
        record = _pages[key][slot % PAGE_RING_SLOTS];
        if (record.slot() != slot || record.status() == PageStatus.NONE) {
            // Boundaries have 40 bits.
            revert PageNotCommitted(bridge, uint40(slot * SLOT_SECONDS), index);
        }
    }

    /// @dev The record of a page whose content is the one that was committed.
    function _checkedRecord(MeterPage calldata page, uint256 key, uint256 slot)
        private
        view
        returns (PageRecordWord record)
    {
        record = _recordOf(key, slot, page.bridge, page.index);
        bytes32 given = pageHash(page);
        if (!record.hasHash(given)) revert WrongPage(given, record.hashStart());
    }

    function _requireRevealable(
        MeterPage calldata page,
        uint256 key,
        uint256 slot,
        PageRecordWord record
    ) private view {
        if (record.status() == PageStatus.WITHDRAWN) {
            revert PageIsWithdrawn(page.bridge, page.boundary, page.index);
        }
        uint256 revealFrom = _committedAt(record) + DISPUTE_SECONDS;
        if (block.timestamp < revealFrom) revert RevealedTooEarly(block.timestamp, revealFrom);
        _requireInTime(slot);
        if (page.previousBoundary == 0) return;

        uint256 before = page.previousBoundary / SLOT_SECONDS;
        PageRecordWord earlier = _pages[key][before % PAGE_RING_SLOTS];
        if (
            before < slot && earlier.slot() == before && earlier.status() == PageStatus.COMMITTED
                && block.timestamp < _snapshotDeadline(before)
        ) revert EarlierPageFirst(page.previousBoundary);
    }

    function _readingDigest(EnergyMeterReading calldata reading) private view returns (bytes32) {
        return _hashTypedDataV4(MeterTypedData.hash(reading));
    }
}
