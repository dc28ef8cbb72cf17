// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Curve} from "../types/Auction.sol";
import {ProductId} from "../types/Market.sol";

/// @title Curves enter and leave a call auction
/// @notice An account has one curve of up to four steps per auction product (session AUCTION of the same zones,
/// periods and starts as the continuous book). Placing makes the curve the account's whole order in the product: it
/// replaces whatever was there, and an empty one cancels. There is no sequence, no expiry and no time priority: who
/// came first changes nobody's fill.
///
/// Lock of a curve per slot, times the number of slots (see `IEnergyMarket` for `value`): for its buys together
/// `C + networkFee(lots) + ceil(C * tradingFeeBps / 10000)` with `C` the sum of `value(lots, limit)`, for its sells the
/// sum of `value(lots, cap - limit)`. Claiming trims it to the same formulas over the fill at the clearing price.
///
/// In both sessions a price must lie in the collar: 20 % to 500 % of the zone's reference price at the moment the
/// product's first order was accepted, widened to whole level words (8 ticks from a multiple of 8); no collar if the
/// zone had no reference price then.
interface IAuctionEntry {
    /// @notice The account's order in the product of the curve is this curve from now on. The short id stands in
    /// the account word of `Settlement`.
    event CurvePlaced(uint24 indexed accountId, Curve curve);

    /// @notice The same for several products. Where a product appears twice the later curve holds.
    event CurvesPlaced(uint24 indexed accountId, Curve[] curves);

    /// @notice The first order of a product, in whichever session, froze its collar. In ticks; a product without a
    /// reference price opens without this event.
    event CollarFrozen(
        ProductId indexed product, uint256 referenceTick, uint256 lowestTick, uint256 highestTick
    );

    /// @notice Everything the account signed up to the second `voidedAt` is void.
    event SignedOrdersVoided(address indexed account, uint40 oldVoidedAt, uint40 voidedAt);

    /// @notice A bit above the fields of the packed curve.
    error CurveMalformed(Curve given);
    /// @notice A step stands after an unused one. @param index number of the unused step, from 0
    error StepAfterGap(uint256 index);
    /// @notice Prices must rise from step to step, whatever their sides. In ticks.
    error StepsOutOfOrder(uint256 index, uint256 givenTick, uint256 previousTick);
    /// @notice Buys stand before sells.
    error BuyAfterSell(uint256 index);
    /// @notice The price is outside the product's collar. In ticks.
    error PriceOutsideCollar(uint256 givenTick, uint256 lowestTick, uint256 highestTick);
    /// @notice While a gate is extended an account may only add: the step of side (0 buy, 1 sell) and tick must stay
    /// with at least `oldLots` lots.
    error OnlyAdditions(uint256 side, uint256 limitTick, uint256 givenLots, uint256 oldLots);
    /// @notice The auction is cleared: nothing enters or leaves any more.
    error AlreadyCleared(ProductId product);

    /// @notice Make `curve` the caller's order in its product. See `CurveLib` for the packing, `packCurve` builds one.
    /// @dev Errors beyond the above: those of `IEnergyMarket` for products, lots, prices, halts, `SettleFirst`,
    /// `CapacityExceeded` (sells of both sessions together), and those of the ledger.
    function placeCurve(Curve curve) external;

    /// @notice Place many curves of the home zone, all or none, with one call that moves the locks.
    function placeCurves(Curve[] calldata curves) external;

    /// @notice As `placeCurves`, by the delegate of `account` (or `account` itself).
    function placeCurvesFor(address account, Curve[] calldata curves) external;

    /// @notice Take the caller's curves out of these products. Products without a curve of it and those at or past
    /// their nominal gate are skipped (in an extension nothing may be taken away).
    /// @return cancelled number of curves cancelled
    function cancelCurves(ProductId[] calldata products) external returns (uint256 cancelled);

    /// @notice As `cancelCurves`, by the delegate of `account` (or `account` itself).
    function cancelCurvesFor(address account, ProductId[] calldata products)
        external
        returns (uint256 cancelled);

    /// @notice Void everything the caller has signed until now, whoever holds it. Curves in the book stay.
    function voidSignedOrders() external;
}
