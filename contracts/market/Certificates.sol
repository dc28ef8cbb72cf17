// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ISettlementCertificates} from "../interfaces/ISettlementCertificates.sol";
import {ISettlementDelivery} from "../interfaces/ISettlementDelivery.sol";
import {CursorRule} from "../libraries/CursorRule.sol";
import {CertificatePools} from "./CertificatePools.sol";

/// @notice Entering and claiming certificates. See `ISettlementCertificates`.
abstract contract Certificates is CertificatePools {
    /// @dev One account's run of slots. Storage is touched once per group of four slots.
    /// @param group group the additions belong to, plus 1; 0 before the first
    /// @param day UTC day whose closing time is known, plus 1; 0 before the first
    /// @param open whether pools of that day still take entries
    /// @param given additions to the group, lanes as in `PoolGroup`; so are `wanted` and `entered`
    /// @param entries the account's entry word of the group; 0 while untouched
    /// @param keptWh to mint to the account @param givenWh to mint to the pool
    /// @param dueWh to transfer to the account from entries overwritten @param retiredWh to retire from those
    struct CertificateRun {
        address account;
        uint16 region;
        uint256 group;
        uint256 day;
        bool open;
        uint256 given;
        uint256 wanted;
        uint256 entered;
        uint256 entries;
        uint256 keptWh;
        uint256 givenWh;
        uint256 dueWh;
        uint256 retiredWh;
    }

    uint256 private constant SLOTS_PER_DAY = 96;
    uint256 private constant MAX_CLAIMANTS = 100;
    /// @dev Highest bit of each lane of a pool word. Where none is set, two words add without a carry.
    uint256 private constant LANE_TOPS =
        0x8000000000000000800000000000000080000000000000008000000000000000;

    /* CLAIMING */

    /// @dev See `ISettlementCertificates.claimCertificates`.
    function claimCertificates(address[] calldata accounts, uint32 slot)
        external
        nonReentrant
        returns (uint256 retiredWh)
    {
        if (accounts.length > MAX_CLAIMANTS) {
            revert ISettlementDelivery.TooManyInBatch(accounts.length, MAX_CLAIMANTS);
        }
        uint256 position = (slot / SLOTS_PER_GROUP) % ENTRY_RING;
        uint256 tag = _tagOf(slot / SLOTS_PER_GROUP);
        uint256 shift = (slot % SLOTS_PER_GROUP) * ENTRY_LANE;
        uint16 closedRegion;
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            uint256 word = _entries[account][position];
            if (word >> ENTRY_TAG_AT != tag) continue;
            uint256 lane = (word >> shift) & ENTRY_LANE_MASK;
            if (lane == 0) continue;
            uint16 region = uint16(word >> ENTRY_REGION_AT);
            if (region != closedRegion) {
                _requireClosed(region, slot);
                closedRegion = region;
            }

            // Effect: the entry is gone before any token moves.
            _entries[account][position] = word & ~(ENTRY_LANE_MASK << shift);
            (uint256 dueWh, uint256 retired) = _take(account, region, slot, lane);
            retiredWh += retired;

            // Interaction: our own token, which calls nobody.
            if (dueWh != 0) ENERGY_TOKEN.transfer(account, dueWh);
        }
        if (retiredWh != 0) ENERGY_TOKEN.retire(retiredWh);
    }

    /* ENTERING (during settlement, in slot order) */

    /// @dev Enters one settled slot into the run. Warning: energies must be known to be below 2^64.
    /// @param coverWh import that certificates can be retired against: measured import, else 0
    /// @param mintableWh measured export that mints, else 0
    /// @return givenWh the part of it that goes to the slot's pool
    function _enter(
        CertificateRun memory run,
        uint256 slot,
        uint256 boughtWh,
        uint256 soldWh,
        uint256 coverWh,
        uint256 mintableWh
    ) internal returns (uint256 givenWh) {
        if (boughtWh | soldWh | mintableWh == 0) return 0;
        // Unchecked: slots have 32 bits, energies 64 (`SettledFigures.packEnergies` sees to it).
        unchecked {
            if (run.day != slot / SLOTS_PER_DAY + 1) {
                run.day = slot / SLOTS_PER_DAY + 1;
                run.open = block.timestamp < METER.readingDeadline(uint32(slot)) + CLOSING_DELAY;
            }
            if (run.group != slot / SLOTS_PER_GROUP + 1) {
                _flush(run);
                run.group = slot / SLOTS_PER_GROUP + 1;
            }
            if (run.open && boughtWh | soldWh != 0) {
                uint256 lane = slot % SLOTS_PER_GROUP;
                run.entered |= _capped(boughtWh + soldWh, POOL_MASK) << (lane * POOL_LANE);
                if (soldWh > boughtWh) {
                    givenWh = _capped(soldWh - boughtWh, _capped(mintableWh, MAX_ENTRY_WH));
                    if (givenWh != 0) {
                        run.given |= givenWh << (lane * POOL_LANE);
                        _setEntry(run, lane, givenWh | ENTRY_GIVER);
                    }
                } else if (boughtWh > soldWh) {
                    uint256 wantedWh = _capped(boughtWh - soldWh, MAX_ENTRY_WH);
                    run.wanted |= wantedWh << (lane * POOL_LANE);
                    _setEntry(run, lane, wantedWh | (_capped(coverWh, wantedWh) << ENTRY_COVER_AT));
                }
            }
            run.keptWh += mintableWh - givenWh;
            run.givenWh += givenWh;
        }
    }

    /// @dev Ends a run: writes the last group and moves tokens. The caller mints `givenWh` to this contract.
    function _finishCertificates(CertificateRun memory run) internal {
        _flush(run);
        if (run.keptWh != 0) ENERGY_TOKEN.mint(run.account, run.keptWh);
        if (run.retiredWh != 0) ENERGY_TOKEN.retire(run.retiredWh);
        if (run.dueWh != 0) ENERGY_TOKEN.transfer(run.account, run.dueWh);
    }

    /* INTERNAL */

    /// @dev Puts a lane into the account's entry word of the current group. What an old group left unclaimed in the
    /// same place is claimed first: its pool closed weeks ago.
    function _setEntry(CertificateRun memory run, uint256 lane, uint256 entry) private {
        if (run.entries == 0) {
            uint256 group = run.group - 1;
            uint256 word = _entries[run.account][group % ENTRY_RING];
            uint256 tag = _tagOf(group);
            uint256 oldTag = word >> ENTRY_TAG_AT;
            if (oldTag != tag) {
                if (word & ENTRY_LANES_MASK != 0) {
                    _takeAll(run, word, ((oldTag - 1) * ENTRY_RING + group % ENTRY_RING));
                }
                word = (tag << ENTRY_TAG_AT) | (uint256(run.region) << ENTRY_REGION_AT);
            }
            run.entries = word;
        }
        run.entries |= entry << (lane * ENTRY_LANE);
    }

    /// @dev Claims what is left in an entry word of an old group.
    function _takeAll(CertificateRun memory run, uint256 word, uint256 group) private {
        uint16 region = uint16(word >> ENTRY_REGION_AT);
        for (uint256 i = 0; i < SLOTS_PER_GROUP; ++i) {
            uint256 lane = (word >> (i * ENTRY_LANE)) & ENTRY_LANE_MASK;
            if (lane == 0) continue;
            (uint256 dueWh, uint256 retiredWh) =
                _take(run.account, region, group * SLOTS_PER_GROUP + i, lane);
            run.dueWh += dueWh;
            run.retiredWh += retiredWh;
        }
    }

    /// @dev What one entry of a closed pool gets. Advances the cursor of the rationed side.
    /// @return dueWh tokens to hand out @return retiredWh tokens to retire
    function _take(address account, uint16 region, uint256 slot, uint256 lane)
        private
        returns (uint256 dueWh, uint256 retiredWh)
    {
        PoolGroup storage group = _pools[region][slot / SLOTS_PER_GROUP];
        uint256 shift = (slot % SLOTS_PER_GROUP) * POOL_LANE;
        uint256 given = (group.given >> shift) & POOL_MASK;
        uint256 wanted = (group.wanted >> shift) & POOL_MASK;
        uint256 amount = lane & MAX_ENTRY_WH;

        if (lane & ENTRY_GIVER != 0) {
            // Only when more was given than wanted does anything come back.
            if (given > wanted) {
                dueWh = _advance(group, shift, amount, given - wanted, given);
            }
            emit ISettlementCertificates.CertificatesClaimed(account, uint32(slot), 0, dueWh);
        } else {
            uint256 shared =
                given < wanted ? _advance(group, shift, amount, given, wanted) : amount;
            retiredWh = _capped((lane >> ENTRY_COVER_AT) & MAX_ENTRY_WH, shared);
            dueWh = shared - retiredWh;
            if (retiredWh != 0) {
                emit ISettlementCertificates.EnergyRetired(account, uint32(slot), retiredWh);
            }
            if (retiredWh == 0 || dueWh != 0) {
                emit ISettlementCertificates.CertificatesClaimed(account, uint32(slot), shared, 0);
            }
        }
    }

    /// @dev The cursor rule: `total` is shared among `entries`, of which `amount` claims now.
    function _advance(
        PoolGroup storage group,
        uint256 shift,
        uint256 amount,
        uint256 total,
        uint256 entries
    ) private returns (uint256) {
        uint256 cursor = (group.cursors >> shift) & POOL_MASK;
        // Entries of a slot add up to less than 2^64, so the lane cannot overflow into the next.
        group.cursors += amount << shift;
        return CursorRule.share(cursor, amount, total, entries);
    }

    /// @dev Writes the additions of the current group.
    function _flush(CertificateRun memory run) private {
        if (run.group == 0) return;
        uint256 index = run.group - 1;
        PoolGroup storage group = _pools[run.region][index];
        if (run.entered != 0) group.entered = _addLanes(group.entered, run.entered);
        if (run.given != 0) group.given = _addLanes(group.given, run.given);
        if (run.wanted != 0) group.wanted = _addLanes(group.wanted, run.wanted);
        if (run.entries != 0) _entries[run.account][index % ENTRY_RING] = run.entries;
        run.entered = 0;
        run.given = 0;
        run.wanted = 0;
        run.entries = 0;
    }

    /// @dev Lane by lane, stopping at the largest value: a lane never carries into the next.
    function _addLanes(uint256 word, uint256 addition) private pure returns (uint256 sum) {
        unchecked {
            if ((word | addition) & LANE_TOPS == 0) return word + addition;
        }
        for (uint256 shift = 0; shift < 256; shift += POOL_LANE) {
            sum |= _capped(
                ((word >> shift) & POOL_MASK) + ((addition >> shift) & POOL_MASK), POOL_MASK
            ) << shift;
        }
    }

    function _requireClosed(uint16 region, uint32 slot) private view {
        uint256 entered = (
            _pools[region][slot / SLOTS_PER_GROUP].entered >> ((slot % SLOTS_PER_GROUP) * POOL_LANE)
        ) & POOL_MASK;
        uint256 traded = MARKET.tradedWh(region, slot);
        if (!_isClosed(slot, entered, traded)) {
            revert ISettlementCertificates.PoolNotClosed(region, slot, entered, 2 * traded);
        }
    }
}
