// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {BookLevels} from "./BookLevels.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {AuctionRecord} from "../libraries/AuctionRecords.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderLocks} from "../libraries/OrderLocks.sol";
import {OrderRecord} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms} from "../libraries/ZoneWords.sol";
import {AccountWord} from "../types/AccountWord.sol";
import {ProductId} from "../types/Market.sol";

/// @title Who may trade for whom, and how much
/// @notice Rules for accounts that both sessions share.
abstract contract TradingAccounts is BookLevels {
    using OrderLocks for OrderRecord;
    using Products for ProductId;

    /// @dev Rated power in W delivers a quarter of it in Wh in a slot of 900 s.
    uint256 internal constant SLOTS_PER_HOUR = 1 hours / Products.SLOT_SECONDS;

    /// @dev Check: an account trades at its home only.
    function _requireHome(AccountWord account, uint16 zone) internal pure {
        if (account.zone() != zone) revert IEnergyMarket.NotHomeZone(zone, account.zone());
    }

    function _requireActsFor(address account) internal view {
        if (msg.sender != account && msg.sender != _delegates[account]) {
            revert IEnergyMarket.NotDelegate(account, msg.sender);
        }
    }

    /// @dev Check: a record of an earlier turn may be overwritten once nothing of it is left to settle.
    /// @param formerTag tag of the record in the place; 0 if it was never used
    function _requireSettled(uint256 formerTag, ProductId product, AccountWord account)
        internal
        pure
    {
        if (formerTag == 0) return;
        uint256 end = product.startOfTurn(formerTag) + product.lengthSlots();
        if (account.settledUntil() < end) revert IEnergyMarket.SettleFirst(uint32(end)); // below 2^28
    }

    /// @dev Check: what is sold and offered, less what is bought, is within the rated feed-in.
    function _requireCapacity(uint256 neededWh, AccountWord account) internal pure {
        uint256 allowedWh = account.capacityW() / SLOTS_PER_HOUR;
        if (neededWh > allowedWh) revert IEnergyMarket.CapacityExceeded(neededWh, allowedWh);
    }

    /// @dev Wh per slot that lots sold and offered, less lots bought, ask of the rated feed-in.
    function _neededWh(uint256 soldLots, uint256 boughtLots) internal view returns (uint256) {
        unchecked {
            // Lots of both sessions together stay below 2^34, their energy below 2^64 each.
            return soldLots > boughtLots ? (soldLots - boughtLots) * LOT : 0;
        }
    }

    /// @dev What the account sells and has bought in the auction of a product, in lots per slot: its curve counts all
    /// its sells and no buy until the fill is on record.
    function _auctionLots(ProductId auction, uint24 accountId)
        internal
        view
        returns (uint256 soldLots, uint256 boughtLots)
    {
        AuctionRecord record = _curves[OrderIds.recordKey(auction, accountId, 0)];
        if (record.tag() != auction.tag()) return (0, 0);
        return (record.soldLots(), record.boughtLots());
    }

    /// @dev What the account has sold and offers, and what it has bought, in the continuous session of a product, in
    /// lots per slot.
    function _continuousLots(ProductId continuous, uint24 accountId)
        internal
        view
        returns (uint256 soldLots, uint256 boughtLots)
    {
        uint256 key = OrderIds.recordKey(continuous, accountId, 0);
        OrderRecord record = _records[key];
        if (record.tag() != continuous.tag()) return (0, 0);
        uint256 count = record.count();
        unchecked {
            for (uint256 i; i < count; ++i) {
                if (i != 0) record = _records[key + i];
                if (record.isSell()) soldLots += record.open() + record.filled();
                else boughtLots += record.filled();
            }
        }
    }

    /// @dev What an order of the continuous session locks in each slot.
    function _lockPerSlot(OrderRecord record, PackedTerms terms) internal view returns (uint256) {
        return record.lockPerSlot(terms, LOT, LOT_TICK_VALUE);
    }
}
