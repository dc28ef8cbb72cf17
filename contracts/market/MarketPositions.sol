// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ContinuousBook} from "./ContinuousBook.sol";
import {IMarketPositions} from "../interfaces/IMarketPositions.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderLocks} from "../libraries/OrderLocks.sol";
import {OrderRecord} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms, ZoneWord} from "../libraries/ZoneWords.sol";
import {Period, ProductId, Session, SlotPosition} from "../types/Market.sol";

/// @title What was agreed, slot by slot, for settlement
/// @notice Reads the order records themselves: there is no second copy of a position that could
/// disagree with them. A record answers until the product 4,096 slots later takes its place, which it
/// can only after the account was settled past it.
abstract contract MarketPositions is ContinuousBook, IMarketPositions {
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
        if (count > MAX_SLOTS) revert TooManySlots(count, MAX_SLOTS);
        positions = new SlotPosition[](count);
        ZoneWord word = _zones[zone];
        uint256 end = uint256(firstSlot) + count;
        for (uint256 period; period <= Products.LAST_PERIOD; ++period) {
            uint256 start = Products.startCovering(Period(period), firstSlot);
            while (start < end) {
                ProductId product =
                    Products.pack(zone, Period(period), Session.CONTINUOUS, start);
                _addProduct(positions, firstSlot, word, product, accountId);
                start += product.lengthSlots();
            }
        }
    }

    /// @inheritdoc IMarketPositions
    function tradedWh(uint16 zone, uint32 slot) external view returns (uint256 energyWh) {
        for (uint256 period; period <= Products.LAST_PERIOD; ++period) {
            uint256 start = Products.startCovering(Period(period), slot);
            energyWh +=
                _matchedLots(Products.pack(zone, Period(period), Session.CONTINUOUS, start)) * LOT;
        }
    }

    /// @inheritdoc IMarketPositions
    function shortPriceCap(uint16 zone, uint32 slot) external view returns (uint256 pricePerKWh) {
        return _requireTerms(_zones[zone], zone, slot).capTicks() * TICK_SIZE;
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
