// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {BookLevels} from "./BookLevels.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IEnergyTrading} from "../interfaces/IEnergyTrading.sol";
import {BookHead, BookHeads, LevelWord, LevelWords} from "../libraries/LevelWords.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderRecord} from "../libraries/OrderRecords.sol";
import {Products} from "../libraries/Products.sol";
import {ProductId} from "../types/Market.sol";
import {HaltScope} from "../types/MarketTerms.sol";

/// @title Two orders trade
/// @notice Price priority is enforced here, time priority within a price is the matching engine's
/// service. A match calls nobody and moves no money: the locks of both orders cover it.
abstract contract OrderMatching is BookLevels, IEnergyMarket {
    using Products for ProductId;

    /// @notice Why a pair does not trade, in the order of the checks.
    enum Obstacle {
        NONE,
        SIDES,
        PRODUCTS,
        HALT,
        BUY_UNKNOWN,
        BUY_NOT_OPEN,
        BUY_EXPIRED,
        SELL_UNKNOWN,
        SELL_NOT_OPEN,
        SELL_EXPIRED,
        PRICES,
        NOT_BEST_BID,
        NOT_BEST_ASK
    }

    /// @inheritdoc IEnergyTrading
    function matchOrders(uint256 buyOrderId, uint256 sellOrderId) external {
        Obstacle obstacle = _match(buyOrderId, sellOrderId);
        if (obstacle != Obstacle.NONE) _revertWith(obstacle, buyOrderId, sellOrderId);
    }

    /// @inheritdoc IEnergyMarket
    function matchMany(uint256[] calldata buyOrderIds, uint256[] calldata sellOrderIds)
        external
        returns (uint256 matched)
    {
        if (buyOrderIds.length != sellOrderIds.length) {
            revert LengthsDiffer(buyOrderIds.length, sellOrderIds.length);
        }
        for (uint256 i; i < buyOrderIds.length; ++i) {
            if (_match(buyOrderIds[i], sellOrderIds[i]) == Obstacle.NONE) ++matched;
        }
    }

    /// @return obstacle NONE if the pair traded, else nothing has changed
    function _match(uint256 buyId, uint256 sellId) private returns (Obstacle obstacle) {
        // Check: two orders of one product that may trade now.
        if (OrderIds.sideByte(buyId) != 0 || OrderIds.sideByte(sellId) != 1) return Obstacle.SIDES;
        ProductId product = OrderIds.product(buyId);
        if (ProductId.unwrap(product) != ProductId.unwrap(OrderIds.product(sellId))) {
            return Obstacle.PRODUCTS;
        }
        if (
            _isHalted(
                _zones[product.zone()],
                HaltScope.MATCH,
                product.startSlot(),
                product.lengthSlots()
            )
        ) return Obstacle.HALT;

        uint256 buyKey = OrderIds.recordKey(buyId);
        OrderRecord buy = _records[buyKey];
        obstacle = _obstacleOf(buy, buyId, product.tag(), Obstacle.BUY_UNKNOWN);
        if (obstacle != Obstacle.NONE) return obstacle;
        uint256 sellKey = OrderIds.recordKey(sellId);
        OrderRecord sell = _records[sellKey];
        obstacle = _obstacleOf(sell, sellId, product.tag(), Obstacle.SELL_UNKNOWN);
        if (obstacle != Obstacle.NONE) return obstacle;

        // Check: prices cross, both stand at the top of the book.
        uint256 buyTick = buy.limitTick();
        uint256 sellTick = sell.limitTick();
        if (buyTick < sellTick) return Obstacle.PRICES;
        uint256 lots = buy.unfilled();
        if (sell.unfilled() < lots) lots = sell.unfilled();
        // The words are of this turn, for each counts an open order of a product before its gate.
        uint256 bidsKey = LevelWords.key(product, BUY, buyTick);
        LevelWord bids = _levels[bidsKey];
        BookHead bidHead = _heads[BookHeads.key(product, BUY)];
        if (bidHead.hasAbove(buyTick) || bids.hasAbove(buyTick)) return Obstacle.NOT_BEST_BID;
        uint256 asksKey = LevelWords.key(product, SELL, sellTick);
        LevelWord asks = _levels[asksKey];
        BookHead askHead = _heads[BookHeads.key(product, SELL)];
        if (askHead.hasBelow(sellTick) || asks.hasBelow(sellTick)) return Obstacle.NOT_BEST_ASK;

        // Effect: fills. The order that was there first sets the price.
        uint256 tick = buy.sequence() < sell.sequence() ? buyTick : sellTick;
        unchecked {
            // sellTick <= tick <= buyTick
            _records[buyKey] = buy.withFill(lots, tick, buyTick - tick);
            _records[sellKey] = sell.withFill(lots, tick, tick - sellTick);
        }
        // Effect: levels and heads; the bid head counts what was matched.
        bids = bids.minus(buyTick, lots);
        _levels[bidsKey] = bids;
        if (bids.isEmpty()) bidHead = bidHead.withoutWord(buyTick);
        _heads[BookHeads.key(product, BUY)] = bidHead.withMatched(lots);
        asks = asks.minus(sellTick, lots);
        _levels[asksKey] = asks;
        if (asks.isEmpty()) _heads[BookHeads.key(product, SELL)] = askHead.withoutWord(sellTick);

        emit OrdersMatched(
            buyId,
            sellId,
            OrderIds.packTransaction(
                product, OrderIds.accountId(buyId), OrderIds.accountId(sellId)
            ),
            lots * product.lengthSlots() * LOT,
            tick * TICK_SIZE
        );
    }

    /// @param unknown UNKNOWN of the side; NOT_OPEN and EXPIRED follow it in the enumeration
    function _obstacleOf(OrderRecord record, uint256 orderId, uint256 tag, Obstacle unknown)
        private
        view
        returns (Obstacle)
    {
        if (!record.holds(orderId, tag)) return unknown;
        if (record.open() == 0) return Obstacle(uint8(unknown) + 1);
        // No order expires after its gate, so this is the gate as well.
        if (block.timestamp >= record.expiresAt()) return Obstacle(uint8(unknown) + 2);
        return Obstacle.NONE;
    }

    /// @dev Off the hot path: collect what the error has to say.
    function _revertWith(Obstacle obstacle, uint256 buyId, uint256 sellId) private view {
        if (obstacle == Obstacle.SIDES) revert NotABuyAndASell(buyId, sellId);
        ProductId product = OrderIds.product(buyId);
        if (obstacle == Obstacle.PRODUCTS) {
            revert ProductsDiffer(product, OrderIds.product(sellId));
        }
        if (obstacle == Obstacle.HALT) {
            uint16 zone = product.zone();
            revert TradingHalted(zone, uint40(_zones[zone].haltExpiresAt())); // a 40-bit field
        }
        if (obstacle < Obstacle.PRICES) {
            bool ofSell = obstacle >= Obstacle.SELL_UNKNOWN;
            uint256 orderId = ofSell ? sellId : buyId;
            if (obstacle == Obstacle.BUY_UNKNOWN || obstacle == Obstacle.SELL_UNKNOWN) {
                revert OrderUnknown(orderId);
            }
            if (obstacle == Obstacle.BUY_NOT_OPEN || obstacle == Obstacle.SELL_NOT_OPEN) {
                revert OrderNotOpen(orderId);
            }
            product.requireBeforeGate();
            revert OrderExpired(orderId, _records[OrderIds.recordKey(orderId)].expiresAt());
        }
        uint256 buyTick = _records[OrderIds.recordKey(buyId)].limitTick();
        uint256 sellTick = _records[OrderIds.recordKey(sellId)].limitTick();
        if (obstacle == Obstacle.PRICES) revert PricesDoNotCross(buyTick, sellTick);
        if (obstacle == Obstacle.NOT_BEST_BID) {
            revert NotBestBid(buyTick, _bestTick(product, BUY));
        }
        revert NotBestAsk(sellTick, _bestTick(product, SELL));
    }
}
