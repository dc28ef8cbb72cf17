// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {BridgeStatus} from "../types/MeterPages.sol";
import {PageMeterWord, PageRecordWord} from "../types/PageWords.sol";
import {MeterHistory} from "./MeterHistory.sol";

/// @title What is on record of pages
/// @notice Part of `SmartMeter` and of its room `MeterPages`; see `IMeterPages`.
/// @dev Warning: the room works on the storage of `SmartMeter`. All state is declared in `MeterRegistry`,
/// `MeterHistory` and here, and what inherits from this contract declares none.
abstract contract MeterPageRecords is MeterHistory {
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

    /// @dev Places of a page index: 1,024 slots, ten days. Older places are used again and never zeroed.
    uint256 internal constant PAGE_RING_SLOTS = 1024;

    mapping(address bridge => Bridge) internal _bridges;
    mapping(uint256 bridgeId => address) internal _bridgeOf;
    mapping(uint256 meterId => PageMeterWord) internal _pageMeters;
    /// @dev Key: `bridgeId << 16 | index`.
    mapping(uint256 key => PageRecordWord[PAGE_RING_SLOTS]) internal _pages;
    mapping(uint256 meterId => Accusation) internal _accusations;
    uint24 internal _bridgeCount;

    /// @dev Whether what is on record of a meter at the start of `slot` may come from a page.
    function _isPaged(uint256 meterId, uint256 slot) internal view returns (bool) {
        PageMeterWord own = _pageMeters[meterId];
        return own.isKnown() && (own.bridgeId() != 0 || slot <= own.since());
    }
}
