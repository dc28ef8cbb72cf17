// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEnergyTrading} from "./IEnergyTrading.sol";
import {IMarketGrid} from "./IMarketGrid.sol";
import {ProductId, Session} from "../types/Market.sol";
import {Quote} from "../types/Quote.sol";

/// @title The continuous book in full
/// @notice Products of four periods, many orders a call, replacing, delegates and batch matching; the
/// views of the book are `IOrderBook`. A limit order locks at placing what it can cost at worst, in `Settlement`;
/// matching only rewrites the two orders.
///
/// Order id (bits 127..0): `productId 56 | accountId 24 | recordIndex 8 | side 8 | sequence 32`.
/// Ids are never reused: the sequence counts the accepted orders of a zone from 1.
///
/// Lock of one order per slot, times the number of slots (money in settlement-token base units,
/// `value(lots, ticks) = lots * LOT * ticks * TICK_SIZE / 1000`, always exact):
/// - buy: `C + networkFee(open + filled) + ceil(C * tradingFeeBps / 10000)` with
///   `C = value(open, limit) + value of the fills + improvement`;
/// - sell: `value(open, cap - limit) + value(filled, cap) - value of the fills + improvement`.
/// The improvement (limit against trade price) stays locked until the order is replaced, cancelled,
/// removed or settled, so a match never changes a lock.
interface IEnergyMarket is IEnergyTrading, IMarketGrid {
    /* EVENTS: together they rebuild every order, level and delegate */

    /// @notice An order entered the book. The id names product, account, side and record; `quote` is
    /// as given (see `Quote` for the fields).
    event OrderPlaced(uint256 indexed orderId, Quote quote);

    /// @notice What was open of `orderId` left the book and `newOrderId` entered it, in the same
    /// record: fills stay, improvement is released.
    event OrderReplaced(uint256 orderId, uint256 indexed newOrderId, Quote quote);

    /// @notice The owner or its delegate withdrew `lots` per slot; improvement is released.
    event OrderCancelled(uint256 indexed orderId, uint256 lots);

    /// @notice Somebody removed `lots` per slot of an expired order; improvement is released.
    event ExpiredOrderRemoved(uint256 indexed orderId, uint256 lots);

    /// @notice Two orders traded.
    /// @param transactionId `productId << 48 | buyerId << 24 | sellerId`, see `settleTransaction`
    /// @param amount Wh over the whole product
    /// @param pricePerKWh settlement-token base units per kWh
    event OrdersMatched(
        uint256 indexed buyOrderId,
        uint256 indexed sellOrderId,
        uint256 transactionId,
        uint256 amount,
        uint256 pricePerKWh
    );

    /// @notice An account named, changed or (zero) dismissed its delegate.
    event DelegateNamed(
        address indexed account, address indexed oldDelegate, address indexed newDelegate
    );

    /* ERRORS: products */

    /// @notice No such period. @param given period field of the product id @param allowed the largest
    error PeriodUnknown(uint256 given, uint256 allowed);
    /// @notice The product is of another session than this function trades.
    error SessionUnavailable(uint256 given, Session allowed);
    /// @notice The start is not a boundary of the period. @param next the first one not before
    error StartMisaligned(uint256 startSlot, uint256 next);
    /// @notice Trading of the product starts later.
    error NotOpenYet(uint256 nowSeconds, uint256 opensAt);
    /// @notice Trading of the product is over: nothing is placed, replaced, cancelled or matched.
    error GateClosed(uint256 nowSeconds, uint256 gateAt);
    /// @notice An account trades in its home zone only.
    error NotHomeZone(uint16 given, uint16 allowed);
    /// @notice The guardian halted this for the product until `expiresAt`.
    error TradingHalted(uint16 zone, uint40 expiresAt);

    /* ERRORS: quotes */

    /// @notice A bit outside the fields of the packed quote, or a side above 1.
    error QuoteMalformed(Quote given);
    /// @notice The amount is not a whole number of lots in each slot. @param unit slots * LOT, in Wh
    error AmountNotInLots(uint256 given, uint256 unit);
    /// @notice Fewer lots than an order must have.
    error TooFewLots(uint256 given, uint256 allowed);
    /// @notice More lots, open and filled together, than one record can hold.
    error TooManyLots(uint256 given, uint256 allowed);
    /// @notice The price is not a multiple of the tick size.
    error PriceOffTick(uint256 given, uint256 tickSize);
    /// @notice The least price of the book is one tick. In ticks.
    error PriceTooLow(uint256 givenTicks, uint256 allowedTicks);
    /// @notice No order above the zone's `shortPriceCap`. In ticks.
    error PriceAboveCap(uint256 givenTicks, uint256 allowedTicks);
    /// @notice The expiry is not in the future.
    error ExpiryPassed(uint256 given, uint256 nowSeconds);
    /// @notice The expiry does not fit 40 bits.
    error ExpiryTooFar(uint256 given, uint256 allowed);

    /* ERRORS: orders */

    /// @notice A call without an order.
    error NothingGiven();
    /// @notice As many quotes as order ids are needed.
    error LengthsDiffer(uint256 orderIds, uint256 quotes);
    /// @notice No record holds this order: it never existed, was replaced, or its record serves a
    /// later product now.
    error OrderUnknown(uint256 orderId);
    /// @notice Nothing of the order is open: filled, cancelled or removed.
    error OrderNotOpen(uint256 orderId);
    /// @notice The order has expired and may only be cancelled, replaced or removed.
    error OrderExpired(uint256 orderId, uint256 expiredAt);
    /// @notice The order is of another account.
    error NotOrderOwner(uint256 orderId, address account);
    /// @notice A replacement stays in product and side of the order.
    error ReplacementDiffers(uint256 orderId, Quote quote);
    /// @notice All records that an account has in a product hold something.
    error RecordsExhausted(uint256 given, uint256 allowed);
    /// @notice The order would trade with the account's own order `ownOrderId` (expired orders count
    /// until they are cancelled or removed).
    error SelfCross(uint256 ownOrderId);
    /// @notice Sold and open to sell in the product, less what was bought there, exceeds what the
    /// rated feed-in power delivers in a slot. In Wh per slot.
    error CapacityExceeded(uint256 given, uint256 allowed);
    /// @notice The record still holds an unsettled order of 4,096 slots ago or more: settle the
    /// account up to `slot` (exclusive) first.
    error SettleFirst(uint32 slot);
    /// @notice The account's settlement has passed the product's start already.
    error SettlementReached(uint32 settledUntil, uint32 startSlot);
    /// @notice The price level is full. @param allowed lots per slot that a level can hold
    error LevelFull(uint256 given, uint256 allowed);

    /* ERRORS: matching, settling, delegates */

    /// @notice First id must be a buy order, second a sell order.
    error NotABuyAndASell(uint256 buyOrderId, uint256 sellOrderId);
    /// @notice Orders of two products.
    error ProductsDiffer(ProductId buyProduct, ProductId sellProduct);
    /// @notice Limits do not cross. In ticks.
    error PricesDoNotCross(uint256 buyTick, uint256 sellTick);
    /// @notice A better bid comes first. In ticks.
    error NotBestBid(uint256 givenTick, uint256 bestTick);
    /// @notice A better ask comes first. In ticks.
    error NotBestAsk(uint256 givenTick, uint256 bestTick);
    /// @notice The id names no trade: one of the accounts traded nothing of the side in the product.
    error TransactionUnknown(uint256 transactionId);
    /// @notice The caller is not the delegate of the account.
    error NotDelegate(address account, address caller);
    /// @notice An account cannot be its own delegate.
    error DelegateIsAccount(address account);
    /// @notice More slots than one call answers for.
    error TooManySlots(uint256 given, uint256 allowed);

    /* PLACING */

    /// @notice Place one order.
    /// @param quote see `Quote`; `packQuote` builds one
    /// @return orderId id of the accepted order
    function placeOrder(Quote quote) external returns (uint256 orderId);

    /// @notice Place many orders of the home zone, all or none, with one call that locks money.
    /// @return firstSequence sequence of the first; the others follow without a gap
    function placeOrders(Quote[] calldata quotes) external returns (uint32 firstSequence);

    /// @notice As `placeOrders`, by the delegate of `account` (or `account` itself).
    function placeOrdersFor(address account, Quote[] calldata quotes)
        external
        returns (uint32 firstSequence);

    /* REPLACING AND CANCELLING, before the gate */

    /// @notice Put `quote` in the place of what is open of an order, in one step: the same as cancel
    /// and place, but the record and its fills go on. The new order gets a new id and sequence.
    /// @dev Warning: `quote.lots` is the new open quantity. Lots that fill before this call is
    /// included come on top.
    function replaceOrder(uint256 orderId, Quote quote) external returns (uint256 newOrderId);

    /// @notice Replace many. Orders of which nothing is open any more (filled, cancelled or replaced
    /// meanwhile) are skipped with their quotes, so that one fill cannot hold up all other quotes;
    /// everything else that is wrong reverts the whole call.
    /// @return replaced number of orders replaced, with consecutive sequences
    function replaceOrders(uint256[] calldata orderIds, Quote[] calldata quotes)
        external
        returns (uint256 replaced);

    /// @notice As `replaceOrders`, by the delegate of `account` (or `account` itself).
    function replaceOrdersFor(
        address account,
        uint256[] calldata orderIds,
        Quote[] calldata quotes
    ) external returns (uint256 replaced);

    /// @notice Cancel many. Orders of which nothing is open any more, and those past their gate, are
    /// skipped.
    /// @return cancelled number of orders cancelled
    function cancelOrders(uint256[] calldata orderIds) external returns (uint256 cancelled);

    /// @notice As `cancelOrders`, by the delegate of `account` (or `account` itself).
    function cancelOrdersFor(address account, uint256[] calldata orderIds)
        external
        returns (uint256 cancelled);

    /// @notice Free the remainder of expired orders, also after the gate, as long as the owner's
    /// settlement has not reached the product (from then on settlement frees it slot by slot).
    /// Anyone may call; what cannot be removed is skipped.
    /// @return removed number of orders removed
    function removeExpired(uint256[] calldata orderIds) external returns (uint256 removed);

    /* MATCHING */

    /// @notice Match pairs in the order given; pairs that no longer match are skipped.
    /// @return matched number of pairs that traded
    function matchMany(uint256[] calldata buyOrderIds, uint256[] calldata sellOrderIds)
        external
        returns (uint256 matched);

    /* DELEGATES */

    /// @notice Name the one key that may place, replace and cancel for the caller and nothing else;
    /// zero dismisses it.
    function nameDelegate(address delegate) external;

    /// @notice Delegate of an account; zero if none.
    function delegateOf(address account) external view returns (address);

    /* VIEWS */

    /// @notice Build a quote from plain units, with every check that needs no state.
    /// @param amount Wh over the whole product, a multiple of `slots * LOT`
    /// @param pricePerKWh limit in settlement-token base units per kWh, a multiple of `TICK_SIZE`
    /// @param expiresAt unix second; 0 means until the gate
    function packQuote(
        ProductId product,
        OrderType side,
        uint256 amount,
        uint256 pricePerKWh,
        uint256 expiresAt
    ) external view returns (Quote);

    /// @notice Money that placing `quote` locks, in settlement-token base units.
    function lockFor(Quote quote) external view returns (uint256);
}
