// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ProductId} from "../types/Market.sol";

/// @title Call auctions: clearing and claiming
/// @notice One uniform price per product. For a price p let `Dge`, `Dgt` be the buy lots with a limit of at least,
/// above p, and `Sle`, `Slt` the sell lots with a limit of at most, below p. The valid prices are those with
/// `Sle >= Dgt` and `Dge >= Slt`; they form an interval of ticks [low, high] within [1, 1023], and exactly there the
/// traded volume `min(Dge, Sle)` is largest and every strictly better order is filled in full. The clearing price is
/// `floor((low + high) / 2)`. Only orders at the price share, on one side, pro rata by the cursor rule.
///
/// Anyone may clear, with the right interval: there is exactly one, so a proposer decides nothing. An auction can be
/// cleared from its gate until delivery starts; after that it is void and everything in it unlocks.
interface IAuctionClearing {
    /// @notice An auction is cleared, on its own (`ICoupledClearing.RegionCleared` tells of those cleared together).
    /// @param lowTick lowest valid price in ticks
    /// @param highTick highest valid price in ticks
    /// @param priceTick clearing price in ticks; 0 if nothing traded, then there is no price
    /// @param tradedLots lots per slot bought, and sold
    event AuctionCleared(
        ProductId indexed product,
        uint256 lowTick,
        uint256 highTick,
        uint256 priceTick,
        uint256 tradedLots
    );

    /// @notice The price was more than 50 % from the reference: the auction did not clear and goes on, for additions
    /// only, until `gateAt`. Once per product.
    event GateExtended(ProductId indexed product, uint256 gateAt);

    /// @notice Fills of curves in one product are fixed and their locks trimmed to them.
    /// @param claims packed, 7 bytes each, in the order of claiming: `accountId 24 | side 1 | zero 1 | lots 30`, side
    /// 0 bought and 1 sold, lots per slot; 0 if the curve got nothing or the auction is void
    event CurvesClaimed(ProductId indexed product, bytes claims);

    /// @notice The same for one account in several products.
    /// @param claims packed, 11 bytes each: `productId 56 | side 1 | zero 1 | lots 30`
    event ProductsClaimed(uint24 indexed accountId, bytes claims);

    /// @notice The auction is not cleared.
    error NotCleared(ProductId product);
    /// @notice Orders may still come.
    error GateStillOpen(uint256 nowSeconds, uint256 gateAt);
    /// @notice Delivery has started: an auction that is not cleared by then is void.
    error DeliveryStarted(uint256 nowSeconds, uint256 startsAt);
    /// @notice [lowTick, highTick] is not the interval of valid prices.
    error NotTheClearingInterval(uint256 lowTick, uint256 highTick);

    /// @notice Clear an auction with its interval of valid prices. Anyone may call.
    /// @dev Within 300 s after the nominal gate, a price more than 50 % from the reference extends the gate instead.
    /// Zones joined by interconnectors are cleared together first (`CoupledFirst`).
    /// @param product of the auction session
    /// @param lowTick lowest valid price in ticks
    /// @param highTick highest valid price in ticks
    function clear(ProductId product, uint256 lowTick, uint256 highTick) external;

    /// @notice Fix the fills of these accounts in one product and release what they have locked beyond them. Of a
    /// void auction everything is released. Anyone may call; what cannot be claimed is skipped: no curve, claimed
    /// already, settlement has reached the product (then settling releases it).
    /// @return claimed number of accounts claimed
    function claim(ProductId product, address[] calldata accounts)
        external
        returns (uint256 claimed);

    /// @notice The same for one account in many products; products that are neither cleared nor void yet are skipped.
    /// @return claimed number of products claimed
    function claimProducts(address account, ProductId[] calldata products)
        external
        returns (uint256 claimed);
}
