// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEnergyTrading} from "./IEnergyTrading.sol";
import {ProductId} from "../types/Market.sol";

/// @title Views of orders and books
/// @notice Orders are those of the continuous session. Levels are of either session: each product id has its own book.
interface IOrderBook {
    /// @notice One storage record in full.
    /// @param orderId id of the order that the record holds
    /// @param trader owner
    /// @param openLots lots per slot that are still in the book
    /// @param filledLots lots per slot traded, with those of the orders it replaced
    /// @param filledTicks sum of lots times trade price in ticks: the fills' value per slot
    /// @param improvementTicks sum of lots times |limit - trade price|, still locked
    /// @param limitTick limit price in ticks
    /// @param expiresAt unix second from which it no longer trades
    /// @param cancelledLots lots per slot cancelled or removed
    /// @param lockedPerSlot what it locks in each of its slots, in settlement-token base units
    struct OrderRecordView {
        uint256 orderId;
        address trader;
        uint256 openLots;
        uint256 filledLots;
        uint256 filledTicks;
        uint256 improvementTicks;
        uint256 limitTick;
        uint256 expiresAt;
        uint256 cancelledLots;
        uint256 lockedPerSlot;
    }

    /// @notice The order in the printed form. Reverts with `OrderUnknown`.
    function getOrder(uint256 orderId) external view returns (IEnergyTrading.Order memory);

    /// @notice The record that holds the order. Reverts with `OrderUnknown`.
    function orderRecord(uint256 orderId) external view returns (OrderRecordView memory);

    /// @notice All records of an account in a product, by record index.
    function recordsOf(uint24 accountId, ProductId product)
        external
        view
        returns (OrderRecordView[] memory);

    /// @notice Highest buy limit in the book and what is open there; zeros if none. Expired orders
    /// count until they are removed.
    /// @return pricePerKWh settlement-token base units per kWh
    /// @return lots lots per slot
    function bestBid(ProductId product) external view returns (uint256 pricePerKWh, uint256 lots);

    /// @notice Lowest sell limit in the book and what is open there; zeros if none.
    function bestAsk(ProductId product) external view returns (uint256 pricePerKWh, uint256 lots);

    /// @notice Lots per slot open at one limit of one side.
    function levelLots(
        ProductId product,
        IEnergyTrading.OrderType side,
        uint256 limitTick
    )
        external
        view
        returns (uint256 lots);

    /// @notice Lots per slot matched in the product so far.
    function matchedLots(ProductId product) external view returns (uint256 lots);

    /// @notice A whole side of a book, from the lowest price up: what an engine needs to clear or to match.
    /// @return levels one entry for each price with open lots: `limitTick << 32 | lots` (lots per slot)
    function bookLevels(ProductId product, IEnergyTrading.OrderType side)
        external
        view
        returns (uint256[] memory levels);
}
