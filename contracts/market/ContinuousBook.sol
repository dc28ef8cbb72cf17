// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketZones} from "./MarketZones.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IOrderBook} from "../interfaces/IOrderBook.sol";
import {BookHead, BookHeads, LevelWord, LevelWords} from "../libraries/LevelWords.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderLocks} from "../libraries/OrderLocks.sol";
import {OrderRecord} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms} from "../libraries/ZoneWords.sol";
import {ProductId} from "../types/Market.sol";

/// @title The continuous book: records, price levels, heads, and their views
/// @notice Three kinds of storage words, all in ring storage (`Products.ringKey`) and never zeroed, so
/// that in the steady state no order creates a storage slot:
/// - one record an order, found by its id;
/// - one word for eight neighbouring price levels, the sums of the open orders there;
/// - one head a side, the map of level words that are not empty.
abstract contract ContinuousBook is MarketZones, IOrderBook {
    using OrderLocks for OrderRecord;
    using Products for ProductId;

    uint256 internal constant MAX_RECORDS = 16;
    uint256 private constant LEVEL_TICK = 32;

    /* VIEWS */

    /// @inheritdoc IOrderBook
    function getOrder(uint256 orderId) external view returns (Order memory order) {
        (ProductId product, OrderRecord record) = _requireOrder(orderId);
        uint256 unfilled = record.unfilled();
        order.trader = LEDGER.accountOf(OrderIds.accountId(orderId));
        order.amount = (unfilled + record.filled()) * product.lengthSlots() * LOT;
        order.price = record.limitTick() * TICK_SIZE;
        order.expiry = record.expiresAt();
        order.orderType = record.isSell() ? OrderType.SELL : OrderType.BUY;
        if (unfilled == 0) order.status = OrderStatus.FILLED;
        else if (record.isCancelled() || block.timestamp >= record.expiresAt()) {
            order.status = OrderStatus.CANCELLED;
        }
    }

    /// @inheritdoc IOrderBook
    function orderRecord(uint256 orderId) external view returns (OrderRecordView memory) {
        (ProductId product, OrderRecord record) = _requireOrder(orderId);
        return _view(
            product, OrderIds.accountId(orderId), OrderIds.recordIndex(orderId), record
        );
    }

    /// @inheritdoc IOrderBook
    function recordsOf(uint24 accountId, ProductId product)
        external
        view
        returns (OrderRecordView[] memory records)
    {
        product.requireContinuous();
        uint256 key = OrderIds.recordKey(product, accountId, 0);
        OrderRecord first = _records[key];
        if (first.tag() != product.tag()) return records;
        records = new OrderRecordView[](first.count());
        for (uint256 i; i < records.length; ++i) {
            records[i] = _view(product, accountId, i, _records[key + i]);
        }
    }

    /// @inheritdoc IOrderBook
    function bestBid(ProductId product) external view returns (uint256 pricePerKWh, uint256 lots) {
        return _best(product, BUY);
    }

    /// @inheritdoc IOrderBook
    function bestAsk(ProductId product) external view returns (uint256 pricePerKWh, uint256 lots) {
        return _best(product, SELL);
    }

    /// @inheritdoc IOrderBook
    function levelLots(ProductId product, OrderType side, uint256 limitTick)
        external
        view
        returns (uint256)
    {
        product.requireContinuous();
        if (limitTick > MAX_TICK) revert PriceAboveCap(limitTick, MAX_TICK);
        LevelWord word = _levels[LevelWords.key(product, uint256(side), limitTick)];
        return word.ofTurn(product.tag()).lots(limitTick);
    }

    /// @inheritdoc IOrderBook
    function matchedLots(ProductId product) external view returns (uint256) {
        product.requireContinuous();
        return _matchedLots(product);
    }

    /// @inheritdoc IOrderBook
    function bookLevels(ProductId product, OrderType side)
        external
        view
        returns (uint256[] memory levels)
    {
        uint256 tag = product.tag();
        uint256 map = _heads[BookHeads.key(product, uint256(side))].ofTurn(tag).map();
        uint256 count;
        levels = new uint256[](MAX_TICK + 1);
        for (uint256 tick; map >> (tick / LevelWords.TICKS_PER_WORD) != 0;) {
            LevelWord word = _levels[LevelWords.key(product, uint256(side), tick)].ofTurn(tag);
            uint256 end = tick + LevelWords.TICKS_PER_WORD;
            for (; tick < end; ++tick) {
                uint256 lots = word.lots(tick);
                if (lots != 0) levels[count++] = (tick << LEVEL_TICK) | lots;
            }
        }
        assembly ("memory-safe") {
            mstore(levels, count) // shorten: the rest of the allocation stays unused
        }
    }

    /* INTERNAL: LEVELS */

    /// @dev The head is touched only when a level word changes between empty and not empty.
    function _addToLevel(ProductId product, uint256 side, uint256 tick, uint256 lots) internal {
        uint256 tag = product.tag();
        uint256 key = LevelWords.key(product, side, tick);
        LevelWord word = _levels[key].ofTurn(tag);
        if (word.isEmpty()) {
            uint256 headKey = BookHeads.key(product, side);
            _heads[headKey] = _heads[headKey].ofTurn(tag).withWord(tick);
        }
        _levels[key] = word.plus(tick, lots);
    }

    function _takeFromLevel(ProductId product, uint256 side, uint256 tick, uint256 lots) internal {
        uint256 key = LevelWords.key(product, side, tick);
        LevelWord word = _levels[key];
        // An expired order may be removed so late that the next turn's product has the word already.
        if (!word.isOfTurn(product.tag())) return;
        word = word.minus(tick, lots);
        _levels[key] = word;
        if (word.isEmpty()) {
            uint256 headKey = BookHeads.key(product, side);
            // A level word is not empty only while its bit in the head of the same turn is set.
            _heads[headKey] = _heads[headKey].withoutWord(tick);
        }
    }

    /// @dev In one level word, as when a quote moves by a tick or two, one read and one write do.
    function _moveLevel(
        ProductId product,
        uint256 side,
        uint256 oldTick,
        uint256 oldLots,
        uint256 newTick,
        uint256 newLots
    ) internal {
        if (oldTick / LevelWords.TICKS_PER_WORD == newTick / LevelWords.TICKS_PER_WORD) {
            uint256 key = LevelWords.key(product, side, newTick);
            // Not empty before or after, so the head stays as it is.
            _levels[key] = _levels[key].minus(oldTick, oldLots).plus(newTick, newLots);
        } else {
            _takeFromLevel(product, side, oldTick, oldLots);
            _addToLevel(product, side, newTick, newLots);
        }
    }

    function _matchedLots(ProductId product) internal view returns (uint256) {
        return _heads[BookHeads.key(product, BUY)].ofTurn(product.tag()).matchedLots();
    }

    function _best(ProductId product, uint256 side)
        private
        view
        returns (uint256 pricePerKWh, uint256 lots)
    {
        product.requireContinuous();
        uint256 tick = _bestTick(product, side);
        if (tick == 0) return (0, 0);
        lots = _levels[LevelWords.key(product, side, tick)].lots(tick);
        return (tick * TICK_SIZE, lots);
    }

    /// @dev Zero if the side is empty.
    function _bestTick(ProductId product, uint256 side) internal view returns (uint256 tick) {
        BookHead head = _heads[BookHeads.key(product, side)].ofTurn(product.tag());
        if (head.map() == 0) return 0;
        tick = head.bestWord(side == BUY) * LevelWords.TICKS_PER_WORD;
        tick += _levels[LevelWords.key(product, side, tick)].bestLane(side == BUY);
    }

    /* INTERNAL: RECORDS */

    function _requireOrder(uint256 orderId)
        internal
        view
        returns (ProductId product, OrderRecord record)
    {
        product = OrderIds.product(orderId);
        record = _records[OrderIds.recordKey(orderId)];
        if (!record.holds(orderId, product.tag())) revert OrderUnknown(orderId);
    }

    function _lockPerSlot(OrderRecord record, PackedTerms terms) internal view returns (uint256) {
        return record.lockPerSlot(terms, LOT, LOT_TICK_VALUE);
    }

    function _view(ProductId product, uint24 accountId, uint256 index, OrderRecord record)
        private
        view
        returns (OrderRecordView memory)
    {
        uint16 zone = product.zone();
        PackedTerms terms = _requireTerms(_zones[zone], zone, product.startSlot());
        return OrderRecordView({
            orderId: OrderIds.pack(product, accountId, index, record.side(), record.sequence()),
            trader: LEDGER.accountOf(accountId),
            openLots: record.open(),
            filledLots: record.filled(),
            filledTicks: record.filledTicks(),
            improvementTicks: record.improvementTicks(),
            limitTick: record.limitTick(),
            expiresAt: record.expiresAt(),
            cancelledLots: record.unfilled() - record.open(),
            lockedPerSlot: _lockPerSlot(record, terms)
        });
    }
}
