// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {CertificateEntry, CertificatePool} from "../types/Settlement.sol";
import {SettlementLedger} from "./SettlementLedger.sol";

/// @notice How certificate pools and entries are packed, and when a pool is closed.
abstract contract CertificatePools is SettlementLedger {
    uint256 internal constant SLOTS_PER_GROUP = 4;
    /// @dev Entries are kept for 4,096 slots (42 days), in 1,024 words an account.
    uint256 internal constant ENTRY_RING = 1024;
    /// @dev Time after a slot's reading deadline at which its pool closes whatever has been entered.
    uint256 internal constant CLOSING_DELAY = 1 days;

    uint256 internal constant POOL_LANE = 64;
    uint256 internal constant POOL_MASK = (1 << POOL_LANE) - 1;

    // Entry word: tag 12 | region 16 | 4 lanes of giver 1 | cover 28 | amount 28, lane i at bit 57 i. The tag is
    // `group / ENTRY_RING + 1`; 12 bits of it last for four centuries of quarter hours.
    uint256 internal constant ENTRY_LANE = 57;
    uint256 internal constant ENTRY_LANE_MASK = (1 << ENTRY_LANE) - 1;
    uint256 internal constant ENTRY_LANES_MASK = (1 << (4 * ENTRY_LANE)) - 1;
    uint256 internal constant ENTRY_COVER_AT = 28;
    uint256 internal constant ENTRY_GIVER = 1 << 56;
    uint256 internal constant ENTRY_REGION_AT = 228;
    uint256 internal constant ENTRY_TAG_AT = 244;
    /// @dev 268 MWh per account and slot; more is entered as this (a net buyer asks for less, a giver keeps the rest).
    uint256 internal constant MAX_ENTRY_WH = (1 << 28) - 1;

    function _certificatePool(uint16 region, uint32 slot)
        internal
        view
        returns (CertificatePool memory pool)
    {
        PoolGroup storage group = _pools[region][slot / SLOTS_PER_GROUP];
        uint256 shift = (slot % SLOTS_PER_GROUP) * POOL_LANE;
        pool.givenWh = (group.given >> shift) & POOL_MASK;
        pool.wantedWh = (group.wanted >> shift) & POOL_MASK;
        pool.enteredWh = (group.entered >> shift) & POOL_MASK;
        pool.cursorWh = (group.cursors >> shift) & POOL_MASK;
        pool.tradedWh = MARKET.tradedWh(region, slot);
        pool.closed = _isClosed(slot, pool.enteredWh, pool.tradedWh);
    }

    function _certificateEntry(address account, uint32 slot)
        internal
        view
        returns (CertificateEntry memory entry)
    {
        uint256 group = slot / SLOTS_PER_GROUP;
        uint256 word = _entries[account][group % ENTRY_RING];
        if (word >> ENTRY_TAG_AT != _tagOf(group)) return entry;
        uint256 lane = (word >> ((slot % SLOTS_PER_GROUP) * ENTRY_LANE)) & ENTRY_LANE_MASK;
        entry.amountWh = lane & MAX_ENTRY_WH;
        entry.coverWh = (lane >> ENTRY_COVER_AT) & MAX_ENTRY_WH;
        entry.giver = lane & ENTRY_GIVER != 0;
    }

    function _isClosed(uint32 slot, uint256 entered, uint256 traded) internal view returns (bool) {
        if (block.timestamp / SLOT_SECONDS <= slot) return false;
        // Each of gross bought and gross sold is at most what was traded, so both are complete when their sum is.
        return entered == 2 * traded
            || block.timestamp >= METER.readingDeadline(slot) + CLOSING_DELAY;
    }

    function _tagOf(uint256 group) internal pure returns (uint256) {
        return group / ENTRY_RING + 1;
    }

    function _capped(uint256 value, uint256 limit) internal pure returns (uint256) {
        return value < limit ? value : limit;
    }
}
