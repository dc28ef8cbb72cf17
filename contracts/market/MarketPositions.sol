// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AuctionPositions} from "./AuctionPositions.sol";
import {BookLevels} from "./BookLevels.sol";
import {ReferencePrices} from "./ReferencePrices.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IMarketPositions} from "../interfaces/IMarketPositions.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderLocks} from "../libraries/OrderLocks.sol";
import {OrderRecord} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {RegionWord} from "../libraries/Regions.sol";
import {PackedTerms, ZoneWord} from "../libraries/ZoneWords.sol";
import {Period, ProductId, Session, SlotPosition} from "../types/Market.sol";

/// @title What was agreed, slot by slot, for settlement
/// @notice Reads the order records themselves: there is no second copy of a position that could
/// disagree with them. A record answers until the product 4,096 slots later takes its place, which it
/// can only after the account was settled past it.
abstract contract MarketPositions is
    BookLevels,
    AuctionPositions,
    ReferencePrices,
    IMarketPositions
{
    using OrderLocks for SlotPosition;
    using Products for ProductId;

    /// @dev A week.
    uint256 private constant MAX_SLOTS = 672;

    /// @inheritdoc IMarketPositions
    function slotPositions(uint24 accountId, uint16 zone, uint32 firstSlot, uint32 count)
        external
        view
        returns (SlotPosition[] memory positions)
    {
        (positions,) = _positions(accountId, zone, firstSlot, count);
    }

    /// @inheritdoc IMarketPositions
    function takePositions(uint24 accountId, uint16 zone, uint32 firstSlot, uint32 count)
        external
        returns (SlotPosition[] memory positions)
    {
        // Check.
        if (msg.sender != address(LEDGER)) revert NotTheLedger(msg.sender);
        bool isMarginal;
        (positions, isMarginal) = _positions(accountId, zone, firstSlot, count);
        // Effect: rarely needed, so it has a walk of its own. An account has one curve in a product:
        // fixing one share does not move the others that were just answered.
        if (isMarginal) _fixShares(accountId, zone, firstSlot, count);
    }

    /// @inheritdoc IMarketPositions
    function auctionPrices(uint16 zone, uint32 firstSlot, uint32 count)
        external
        view
        returns (uint256[] memory prices)
    {
        return _auctionPrices(zone, firstSlot, count);
    }

    /// @inheritdoc IMarketPositions
    function coveringPrices(uint16 zone, uint32 firstSlot, uint32 count)
        external
        view
        returns (uint256[] memory prices)
    {
        prices = _auctionPrices(zone, firstSlot, count);
        _fillWithQuotes(zone, firstSlot, prices);
    }

    /// @inheritdoc IMarketPositions
    function tradedWh(uint16 region, uint32 slot) external view returns (uint256 energyWh) {
        RegionWord word = _regions[region];
        energyWh = _tradedLots(region, slot) * LOT; // zone 0 is the head itself
        uint256 zones = word.zoneCount();
        for (uint256 i = 1; i < zones; ++i) energyWh += _tradedLots(word.zoneAt(region, i), slot) * LOT;
    }

    /// @inheritdoc IMarketPositions
    function regionOf(uint16 zone) external view returns (uint16 region) {
        return _regionOf(zone);
    }

    /// @inheritdoc IMarketPositions
    function shortPriceCap(uint16 zone, uint32 slot) external view returns (uint256 pricePerKWh) {
        return _requireTerms(_zones[zone], zone, slot).capTicks() * TICK_SIZE;
    }

    function _auctionPrices(uint16 zone, uint32 firstSlot, uint32 count)
        private
        view
        returns (uint256[] memory prices)
    {
        if (count > MAX_SLOTS) revert IEnergyMarket.TooManySlots(count, MAX_SLOTS);
        prices = new uint256[](count);
        uint256 end = uint256(firstSlot) + count;
        for (uint256 period; period <= Products.LAST_PERIOD; ++period) {
            uint256 start = Products.startCovering(Period(period), firstSlot);
            while (start < end) {
                ProductId product = Products.pack(zone, Period(period), Session.AUCTION, start);
                uint256 next = start + product.lengthSlots();
                uint256 price = _results[product].priceTick() * TICK_SIZE;
                if (price != 0) {
                    uint256 slot = start > firstSlot ? start : firstSlot;
                    for (; slot < next && slot < end; ++slot) {
                        prices[slot - firstSlot] = _joined(prices[slot - firstSlot], price);
                    }
                }
                start = next;
            }
        }
    }

    function _positions(uint24 accountId, uint16 zone, uint32 firstSlot, uint32 count)
        private
        view
        returns (SlotPosition[] memory positions, bool isMarginal)
    {
        if (count > MAX_SLOTS) revert IEnergyMarket.TooManySlots(count, MAX_SLOTS);
        positions = new SlotPosition[](count);
        ZoneWord word = _zones[zone];
        uint256 end = uint256(firstSlot) + count;
        for (uint256 period; period <= Products.LAST_PERIOD; ++period) {
            uint256 start = Products.startCovering(Period(period), firstSlot);
            while (start < end) {
                ProductId product =
                    Products.pack(zone, Period(period), Session.CONTINUOUS, start);
                _addProduct(positions, firstSlot, word, product, accountId);
                if (_addCurve(positions, firstSlot, word, product.sister(), accountId)) {
                    isMarginal = true;
                }
                start += product.lengthSlots();
            }
        }
    }

    /// @dev Effect: fix the shares at the price in all auctions of a run of slots.
    function _fixShares(uint24 accountId, uint16 zone, uint256 firstSlot, uint256 count) private {
        uint256 end = firstSlot + count;
        for (uint256 period; period <= Products.LAST_PERIOD; ++period) {
            uint256 start = Products.startCovering(Period(period), firstSlot);
            while (start < end) {
                ProductId product = Products.pack(zone, Period(period), Session.AUCTION, start);
                _fixShare(product, accountId);
                start += product.lengthSlots();
            }
        }
    }

    /// @dev Lots per slot bought in a zone over all sessions and periods.
    function _tradedLots(uint16 zone, uint256 slot) private view returns (uint256 lots) {
        for (uint256 period; period <= Products.LAST_PERIOD; ++period) {
            uint256 start = Products.startCovering(Period(period), slot);
            ProductId product = Products.pack(zone, Period(period), Session.CONTINUOUS, start);
            lots += _matchedLots(product) + _results[product.sister()].boughtLots();
        }
    }

    /// @dev `highest << 128 | lowest` with one price more. Ticks are 10 bits and their size is below 2^64.
    function _joined(uint256 highLow, uint256 price) private pure returns (uint256) {
        if (highLow == 0) return (price << 128) | price;
        uint256 high = highLow >> 128;
        uint256 low = highLow & type(uint128).max;
        return ((price > high ? price : high) << 128) | (price < low ? price : low);
    }

    /// @dev Add the account's orders of one product to those of its slots that were asked for.
    function _addProduct(
        SlotPosition[] memory positions,
        uint256 firstSlot,
        ZoneWord word,
        ProductId product,
        uint24 accountId
    ) private view {
        uint256 key = OrderIds.recordKey(product, accountId, 0);
        OrderRecord record = _records[key];
        if (record.tag() != product.tag()) return;

        uint256 start = product.startSlot();
        uint256 length = product.lengthSlots();
        PackedTerms terms = _requireTerms(word, product.zone(), start);
        uint256 from = start > firstSlot ? start : firstSlot;
        uint256 to = start + length;
        if (to > firstSlot + positions.length) to = firstSlot + positions.length;

        uint256 count = record.count();
        for (uint256 i; i < count; ++i) {
            if (i != 0) record = _records[key + i];
            if (record.isReusable()) continue;
            for (uint256 slot = from; slot < to; ++slot) {
                positions[slot - firstSlot].addTo(
                    record, terms, LOT, LOT_TICK_VALUE, slot - start, length
                );
            }
        }
    }
}
