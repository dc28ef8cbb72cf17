// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {TradingAccounts} from "./TradingAccounts.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IMarketZones} from "../interfaces/IMarketZones.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderRecord, OrderRecords} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms, ZoneWord} from "../libraries/ZoneWords.sol";
import {ProductId} from "../types/Market.sol";
import {HaltScope} from "../types/MarketTerms.sol";
import {Quote} from "../types/Quote.sol";

/// @title What an order of the continuous session must be
/// @notice By itself, and against the other orders of its account.
abstract contract OrderRules is TradingAccounts, IEnergyMarket {
    using Products for ProductId;

    uint256 internal constant MAX_RECORDS = 16;

    /// @dev All rules for a quote that need neither the account nor the book.
    /// @return order the record without sequence and count
    /// @return terms money rules of the product
    /// @return length slots of the product
    function _accept(Quote quote, uint16 zone, ZoneWord word)
        internal
        view
        returns (OrderRecord order, PackedTerms terms, uint256 length)
    {
        if (!quote.isWellFormed()) revert QuoteMalformed(quote);
        ProductId product = quote.product();
        if (product.zone() != zone) revert NotHomeZone(product.zone(), zone);
        uint256 start;
        uint256 gate;
        (start, length, gate) = product.requireOpen();
        _requireNotHalted(word, HaltScope.PLACE, zone, start, length);
        // An open product starts later than now, so former terms do not concern it.
        terms = word.termsFrom(start);
        if (!terms.exist()) revert IMarketZones.ZoneNotOpen(zone);

        uint256 lots = quote.lots();
        if (lots < MIN_LOTS) revert TooFewLots(lots, MIN_LOTS);
        if (lots > OrderRecords.MAX_LOTS) revert TooManyLots(lots, OrderRecords.MAX_LOTS);
        uint256 tick = quote.limitTick();
        if (tick == 0) revert PriceTooLow(tick, 1);
        if (tick > terms.capTicks()) revert PriceAboveCap(tick, terms.capTicks());

        uint256 expiresAt = quote.expiresAt();
        if (expiresAt == 0 || expiresAt > gate) expiresAt = gate;
        else if (expiresAt <= block.timestamp) revert ExpiryPassed(expiresAt, block.timestamp);
        order = OrderRecords.create(product.tag(), expiresAt, quote.side(), tick, lots);
    }

    /// @dev An order against the account's other orders in the product.
    /// @param first record 0 of the account and product, of this turn
    /// @param order the order to come
    /// @param own index of the record `old` that it replaces, of which only the fills count; else
    /// MAX_RECORDS
    /// @return index first record that may be overwritten, else the number of records in use
    /// @return neededWh for a sell: sold and open to sell less bought, per slot, with `order` and with
    /// what the account has in the auction
    function _checkAgainstOwn(
        ProductId product,
        uint24 accountId,
        OrderRecord first,
        OrderRecord order,
        uint256 own,
        OrderRecord old
    ) internal view returns (uint256 index, uint256 neededWh) {
        // 16 records of less than 2^28 lots, and lots below 2^64 Wh: no sum overflows.
        unchecked {
            uint256 count = first.count();
            uint256 sold = order.unfilled() + old.filled();
            uint256 bought;
            index = count;
            for (uint256 i; i < count; ++i) {
                if (i == own) continue;
                OrderRecord record =
                    i == 0 ? first : _records[OrderIds.recordKey(product, accountId, i)];
                uint256 open = record.open();
                if (open != 0 && _cross(record, order)) {
                    revert SelfCross(
                        OrderIds.pack(product, accountId, i, record.side(), record.sequence())
                    );
                }
                if (record.isSell()) sold += open + record.filled();
                else bought += record.filled();
                if (index == count && record.isReusable()) index = i;
            }
            if (order.isSell()) neededWh = _neededWithAuction(product, accountId, sold, bought);
        }
    }

    function _cross(OrderRecord one, OrderRecord other) private pure returns (bool) {
        if (one.isSell() == other.isSell()) return false;
        return one.isSell()
            ? one.limitTick() <= other.limitTick()
            : one.limitTick() >= other.limitTick();
    }

    /// @dev Wh per slot that the continuous lots and those in the auction of the same delivery need.
    function _neededWithAuction(
        ProductId product,
        uint24 accountId,
        uint256 soldLots,
        uint256 boughtLots
    ) internal view returns (uint256) {
        (uint256 auctionSold, uint256 auctionBought) = _auctionLots(product.sister(), accountId);
        unchecked {
            return _neededWh(soldLots + auctionSold, boughtLots + auctionBought); // see there
        }
    }

    function _nextSequence(ZoneWord word, uint16 zone) internal pure returns (ZoneWord) {
        if (word.sequence() == type(uint32).max) revert IMarketZones.SequenceExhausted(zone);
        return word.withNextSequence();
    }
}
