// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {PageStatus} from "./MeterPages.sol";

/// @notice What the pages need to know of a meter, in one storage word; 0 if it never joined a bridge.
///
/// ```
/// bit 255       236         210     184          160            0
///  +-------------+-----------+-------+------------+-------------+
///  | demanded 20 | demand 26 | since | bridgeId   | deviceKey   |
///  |  (slots)    | (first)   |  26   |    24      |    160      |
///  +-------------+-----------+-------+------------+-------------+
/// ```
/// - `deviceKey`: the meter's, so that an entry finds the meter's word with one read.
/// - `bridgeId`: 0 if no bridge reports it.
/// - `since`: slot index of a boundary: the first a page may report, or without a bridge the last one that
///   may have come from a page.
/// - `demand`, `demanded`: boundaries for which only signed readings count: the first and how many.
type PageMeterWord is uint256;

/// @notice A committed page in one storage word.
///
/// ```
/// bit 255        56         46         44        18        0
///  +-------------+----------+----------+---------+---------+
///  | hash 200    | place 10 | status 2 | slot 26 | age 18  |
///  +-------------+----------+----------+---------+---------+
/// ```
/// - `hash`: the first 25 bytes of the page's hash.
/// - `place`: number of entries revealed while the page is revealed in parts.
/// - `slot`: index of the boundary; another one in the same place means that this page is over.
/// - `age`: seconds from 30 s before the boundary to the commitment.
type PageRecordWord is uint256;

using PageMeterWordLib for PageMeterWord global;
using PageRecordWordLib for PageRecordWord global;

/// @notice Building and reading.
library PageMeterWordLib {
    /// @dev Longest run of demanded boundaries: no boundary further back can be revealed any more.
    uint256 internal constant MAX_DEMANDED = 256;
    uint256 internal constant MAX_BRIDGE_ID = (1 << 24) - 1;

    uint256 private constant BRIDGE_AT = 160;
    uint256 private constant SINCE_AT = 184;
    uint256 private constant DEMAND_AT = 210;
    uint256 private constant DEMANDED_AT = 236;
    uint256 private constant SLOT_MASK = (1 << 26) - 1;

    /// @dev Without demands. Warning: the caller keeps `since_` below 2^26.
    function create(address deviceKey_, uint256 bridgeId_, uint256 since_)
        internal
        pure
        returns (PageMeterWord)
    {
        return PageMeterWord.wrap(
            uint256(uint160(deviceKey_)) | (bridgeId_ << BRIDGE_AT) | (since_ << SINCE_AT)
        );
    }

    /// @dev Demand `slot` as well: the run is stretched to it and keeps its newest 256 boundaries. Warning: the
    /// caller keeps `slot` below 2^26.
    function withDemand(PageMeterWord word, uint256 slot) internal pure returns (PageMeterWord) {
        uint256 first = word.demandFrom();
        uint256 end = first + word.demandCount();
        if (end == first) {
            first = slot;
            end = slot + 1;
        } else {
            if (slot < first) first = slot;
            if (slot >= end) end = slot + 1;
        }
        if (end - first > MAX_DEMANDED) first = end - MAX_DEMANDED;
        uint256 rest = PageMeterWord.unwrap(word) & ((1 << DEMAND_AT) - 1);
        return PageMeterWord.wrap(rest | (first << DEMAND_AT) | ((end - first) << DEMANDED_AT));
    }

    function deviceKey(PageMeterWord word) internal pure returns (address) {
        return address(uint160(PageMeterWord.unwrap(word)));
    }

    function bridgeId(PageMeterWord word) internal pure returns (uint256) {
        return (PageMeterWord.unwrap(word) >> BRIDGE_AT) & MAX_BRIDGE_ID;
    }

    function since(PageMeterWord word) internal pure returns (uint256) {
        return (PageMeterWord.unwrap(word) >> SINCE_AT) & SLOT_MASK;
    }

    function demandFrom(PageMeterWord word) internal pure returns (uint256) {
        return (PageMeterWord.unwrap(word) >> DEMAND_AT) & SLOT_MASK;
    }

    function demandCount(PageMeterWord word) internal pure returns (uint256) {
        return PageMeterWord.unwrap(word) >> DEMANDED_AT;
    }

    function isDemanded(PageMeterWord word, uint256 slot) internal pure returns (bool) {
        uint256 count = word.demandCount();
        if (count == 0) return false;
        uint256 first = word.demandFrom();
        // Unchecked: both have 26 bits at most.
        unchecked {
            return slot >= first && slot < first + count;
        }
    }

    function isKnown(PageMeterWord word) internal pure returns (bool) {
        return PageMeterWord.unwrap(word) != 0;
    }
}

/// @notice Building and reading.
library PageRecordWordLib {
    uint256 private constant SLOT_AT = 18;
    uint256 private constant STATUS_AT = 44;
    uint256 private constant PLACE_AT = 46;
    uint256 private constant PLACE_MASK = (1 << 10) - 1;
    uint256 private constant HASH_MASK = ~uint256((1 << 56) - 1);

    /// @dev Warning: the caller keeps `slot_` below 2^26 and `age_` below 2^18 (three days).
    function create(bytes32 hash_, uint256 slot_, uint256 age_)
        internal
        pure
        returns (PageRecordWord)
    {
        return PageRecordWord.wrap(
            (uint256(hash_) & HASH_MASK) | (uint256(PageStatus.COMMITTED) << STATUS_AT)
                | (slot_ << SLOT_AT) | age_
        );
    }

    function withStatus(PageRecordWord word, PageStatus status_)
        internal
        pure
        returns (PageRecordWord)
    {
        uint256 rest = PageRecordWord.unwrap(word) & ~(uint256(3) << STATUS_AT);
        return PageRecordWord.wrap(rest | (uint256(status_) << STATUS_AT));
    }

    /// @dev Warning: the caller keeps `place_` below 1,024.
    function withPlace(PageRecordWord word, uint256 place_) internal pure returns (PageRecordWord) {
        uint256 rest = PageRecordWord.unwrap(word) & ~(PLACE_MASK << PLACE_AT);
        return PageRecordWord.wrap(rest | (place_ << PLACE_AT));
    }

    function place(PageRecordWord word) internal pure returns (uint256) {
        return (PageRecordWord.unwrap(word) >> PLACE_AT) & PLACE_MASK;
    }

    function hasHash(PageRecordWord word, bytes32 hash_) internal pure returns (bool) {
        return (PageRecordWord.unwrap(word) ^ uint256(hash_)) & HASH_MASK == 0;
    }

    function hashStart(PageRecordWord word) internal pure returns (bytes25) {
        return bytes25(bytes32(PageRecordWord.unwrap(word)));
    }

    function slot(PageRecordWord word) internal pure returns (uint256) {
        return (PageRecordWord.unwrap(word) >> SLOT_AT) & ((1 << 26) - 1);
    }

    function age(PageRecordWord word) internal pure returns (uint256) {
        return PageRecordWord.unwrap(word) & ((1 << 18) - 1);
    }

    function status(PageRecordWord word) internal pure returns (PageStatus) {
        return PageStatus((PageRecordWord.unwrap(word) >> STATUS_AT) & 3);
    }
}
