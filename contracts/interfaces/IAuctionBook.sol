// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AuctionView, Curve, CurveStep, CurveView, OpeningView} from "../types/Auction.sol";
import {ProductId} from "../types/Market.sol";

/// @title Views of the auctions
/// @notice Level views of `IOrderBook` (`levelLots`, `bookLevels`, `bestBid`, `bestAsk`) work for auctions too.
interface IAuctionBook {
    /// @notice More steps than a curve has.
    error TooManySteps(uint256 given, uint256 allowed);

    /// @notice Build a curve from readable steps, with every check that needs no state.
    /// @param product of the auction session
    /// @param steps at most 4, in canonical order (see `Curve`)
    function packCurve(ProductId product, CurveStep[] calldata steps) external pure returns (Curve);

    /// @notice Money that `curve` locks over its whole product, in settlement-token base units. What an earlier curve
    /// of the account in the product has locked is set off when it is placed.
    function curveLock(Curve curve) external view returns (uint256);

    /// @notice The account's curve in a product with its fill; without steps if it has none.
    function curveOf(uint24 accountId, ProductId product) external view returns (CurveView memory);

    /// @notice What the auction agreed.
    function auctionResult(ProductId product) external view returns (AuctionView memory);

    /// @notice Collar and extension of a product, the same for both sessions.
    function openingOf(ProductId product) external view returns (OpeningView memory);

    /// @notice First second at which no order of the product can be placed: the gate, extension included.
    function gateOf(ProductId product) external view returns (uint256 gateAt);
}
