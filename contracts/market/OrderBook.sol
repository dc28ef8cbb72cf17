// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {BookLevels} from "./BookLevels.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IEnergyTrading} from "../interfaces/IEnergyTrading.sol";
import {IOrderBook} from "../interfaces/IOrderBook.sol";
import {BookHeads, LevelWord, LevelWords} from "../libraries/LevelWords.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderLocks} from "../libraries/OrderLocks.sol";
import {OrderRecord} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms} from "../libraries/ZoneWords.sol";
import {ProductId} from "../types/Market.sol";

/// @title Views of orders and books
abstract contract OrderBook is BookLevels, IOrderBook {
    using OrderLocks for OrderRecord;
    using Products for ProductId;

    uint256 private constant LEVEL_TICK = 32;

    /// @inheritdoc IOrderBook
    function getOrder(uint256 orderId) external view returns (IEnergyTrading.Order memory order) {
        (ProductId product, OrderRecord record) = _requireOrder(orderId);
        uint256 unfilled = record.unfilled();
        order.trader = LEDGER.accountOf(OrderIds.accountId(orderId));
        order.amount = (unfilled + record.filled()) * product.lengthSlots() * LOT;
        order.price = record.limitTick() * TICK_SIZE;
        order.expiry = record.expiresAt();
        order.orderType = record.isSell() ? IEnergyTrading.OrderType.SELL : IEnergyTrading.OrderType.BUY;
        if (unfilled == 0) order.status = IEnergyTrading.OrderStatus.FILLED;
        else if (record.isCancelled() || block.timestamp >= record.expiresAt()) {
            order.status = IEnergyTrading.OrderStatus.CANCELLED;
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
    function levelLots(
        ProductId product,
        IEnergyTrading.OrderType side,
        uint256 limitTick
    )
        external
        view
        returns (uint256)
    {
        product.requireEither();
        if (limitTick > MAX_TICK) revert IEnergyMarket.PriceAboveCap(limitTick, MAX_TICK);
        LevelWord word = _levels[LevelWords.key(product, uint256(side), limitTick)];
        return word.ofTurn(product.tag()).lots(limitTick);
    }

    /// @inheritdoc IOrderBook
    function matchedLots(ProductId product) external view returns (uint256) {
        product.requireContinuous();
        return _matchedLots(product);
    }

    /// @inheritdoc IOrderBook
    function bookLevels(ProductId product, IEnergyTrading.OrderType side)
        external
        view
        returns (uint256[] memory levels)
    {
        product.requireEither();
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

    /* INTERNAL */

    function _best(ProductId product, uint256 side)
        private
        view
        returns (uint256 pricePerKWh, uint256 lots)
    {
        product.requireEither();
        uint256 tick = _bestTick(product, side);
        if (tick == 0) return (0, 0);
        lots = _levels[LevelWords.key(product, side, tick)].lots(tick);
        return (tick * TICK_SIZE, lots);
    }

    function _requireOrder(uint256 orderId)
        private
        view
        returns (ProductId product, OrderRecord record)
    {
        product = OrderIds.product(orderId);
        record = _records[OrderIds.recordKey(orderId)];
        if (!record.holds(orderId, product.tag())) revert IEnergyMarket.OrderUnknown(orderId);
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
            lockedPerSlot: record.lockPerSlot(terms, LOT, LOT_TICK_VALUE)
        });
    }
}
