// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Energy trading as the platform description prints it
/// @notice The short form of the market: hour products of the caller's home zone, one order a call.
/// The full form (all periods, many orders a call, delegates, views) is `IEnergyMarket`; both act on
/// the same orders and the same ids.
interface IEnergyTrading {
    /// @notice An order as everybody sees it.
    /// @param trader owner of the order
    /// @param amount energy over the whole product in Wh: what is filled, still open or was
    /// cancelled. An order that replaced another keeps the fills of the one it replaced.
    /// @param price limit in settlement-token base units per kWh
    /// @param expiry unix second from which the order no longer trades; never after the gate
    /// @param orderType side
    /// @param status see `OrderStatus`
    struct Order {
        address trader;
        uint256 amount;
        uint256 price;
        uint256 expiry;
        OrderType orderType;
        OrderStatus status;
    }

    enum OrderType {
        BUY,
        SELL
    }

    /// @notice ACTIVE: something is open and may still trade. FILLED: nothing is open, all of it
    /// traded. CANCELLED: the open part was cancelled, was removed, or has expired.
    enum OrderStatus {
        ACTIVE,
        FILLED,
        CANCELLED
    }

    /// @notice Place an order for the HOUR that starts at `expiry` rounded up to the full hour, in
    /// the caller's home zone, session CONTINUOUS.
    /// @dev Because the product follows from `expiry` and not from the time of inclusion, a late
    /// transaction can fail but never trade another hour. Errors: as `IEnergyMarket.placeOrder` and
    /// `IEnergyMarket.packQuote`.
    /// @param amount Wh over the whole hour, a multiple of 4 lots
    /// @param price limit in settlement-token base units per kWh, a multiple of the tick size
    /// @param expiry unix second after which the order must not trade; it ends at the gate (5 minutes
    /// before delivery) if that is earlier
    /// @return orderId see `IEnergyMarket` for its layout
    function createOrder(
        uint256 amount,
        uint256 price,
        uint256 expiry,
        OrderType orderType
    ) external returns (uint256 orderId);

    /// @notice Withdraw what is still open of the caller's own order before the gate; its lock, and
    /// the price improvement of its fills, return to the free balance in full.
    function cancelOrder(uint256 orderId) external;

    /// @notice Let two orders trade: the smaller remainder, at the limit of the order that was
    /// accepted first (lower sequence). Anyone may call.
    /// @dev Refused unless both orders are open, of one product, the prices cross, the buy stands at
    /// the best bid and the sell at the best ask, neither has expired and matching is not halted.
    /// Moves no money: what both sides have locked covers the trade.
    function matchOrders(uint256 buyOrderId, uint256 sellOrderId) external;

    /// @notice Settle both parties of a trade as far as readings are final, at most to the end of the
    /// product. Anyone may call; repeating it does nothing.
    /// @param transactionId `productId << 48 | buyerId << 24 | sellerId`
    function settleTransaction(uint256 transactionId) external;
}
