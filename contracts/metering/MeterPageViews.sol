// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IMeterPages} from "../interfaces/IMeterPages.sol";
import {DISPUTE_SECONDS, MAX_CLOCK_LEAD, SLOT_SECONDS} from "../libraries/MeterConstants.sol";
import {MeterTypedData} from "../libraries/MeterTypedData.sol";
import {
    BridgeStatus,
    MeterPage,
    MeterPageCommitment,
    MeterPageConsent,
    PageAccusation,
    PageMeter,
    PageRecord
} from "../types/MeterPages.sol";
import {PageMeterWord, PageRecordWord} from "../types/PageWords.sol";
import {MeterRules} from "./MeterRules.sol";

/// @title Views of pages
/// @notice Part of `MeterPages`; see `IMeterPages`.
abstract contract MeterPageViews is IMeterPages, MeterRules {
    /* VIEWS */

    /// @inheritdoc IMeterPages
    function bridgeInfo(address bridge)
        external
        view
        returns (BridgeStatus status, uint24 bridgeId)
    {
        Bridge memory own = _bridges[bridge];
        return (own.status, own.bridgeId);
    }

    /// @inheritdoc IMeterPages
    function pageMeter(uint32 meterId) external view returns (PageMeter memory answer) {
        PageMeterWord own = _pageMeters[meterId];
        // Casts: slots have 26 bits.
        answer.bridge = _bridgeOf[own.bridgeId()];
        answer.sinceBoundary = uint40(own.since() * SLOT_SECONDS);
        if (own.demandCount() != 0) {
            answer.demandedFrom = uint40(own.demandFrom() * SLOT_SECONDS);
            answer.demandedUntil =
                uint40((own.demandFrom() + own.demandCount() - 1) * SLOT_SECONDS);
        }
    }

    /// @inheritdoc IMeterPages
    function pageRecord(address bridge, uint40 boundary, uint16 index)
        external
        view
        returns (PageRecord memory answer)
    {
        uint256 slot = _slotAt(boundary);
        uint256 bridgeId = _bridges[bridge].bridgeId;
        PageRecordWord record = _pages[_key(bridgeId, index)][slot % PAGE_RING_SLOTS];
        if (bridgeId == 0 || record.slot() != slot) return answer;
        uint256 committedAt = _committedAt(record);
        // Casts: unix seconds.
        return PageRecord({
            status: record.status(),
            committedAt: uint40(committedAt),
            revealFrom: uint40(committedAt + DISPUTE_SECONDS),
            revealUntil: uint40(_snapshotDeadline(slot)),
            hashStart: record.hashStart(),
            nextPlace: uint16(record.place())
        });
    }

    /// @inheritdoc IMeterPages
    function pageAccusation(uint32 meterId) external view returns (PageAccusation memory) {
        Accusation memory accusation = _accusations[meterId];
        return PageAccusation({
            bridge: _bridgeOf[accusation.bridgeId],
            boundary: accusation.boundary,
            sequence: accusation.sequence,
            importWh: accusation.importWh,
            exportWh: accusation.exportWh,
            answerUntil: accusation.answerUntil
        });
    }

    /// @inheritdoc IMeterPages
    function pageHash(MeterPage calldata page) public pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                page.bridge,
                page.boundary,
                page.index,
                page.previousBoundary,
                page.salt,
                page.signaturesHash,
                page.entries
            )
        );
    }

    /// @inheritdoc IMeterPages
    function pageConsentDigest(MeterPageConsent calldata consent) public view returns (bytes32) {
        return _hashTypedDataV4(MeterTypedData.hash(consent));
    }

    /// @inheritdoc IMeterPages
    function pageCommitmentDigest(MeterPageCommitment calldata commitment)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(MeterTypedData.hash(commitment));
    }

    /* INTERNAL */

    function _key(uint256 bridgeId, uint256 index) internal pure returns (uint256) {
        return (bridgeId << 16) | index;
    }

    function _committedAt(PageRecordWord record) internal pure returns (uint256) {
        return record.slot() * SLOT_SECONDS + record.age() - MAX_CLOCK_LEAD;
    }
}
