// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ProductId} from "../types/Market.sol";

/// @title Clearing the zones of a region together
/// @notice Prices, flows and shares of ties that maximise welfare. The contract checks the optimality conditions
/// (`ICoupledVerification`), it does not search. If no valid proposal arrives within 600 s after the gate, the zones
/// are cleared one by one (`IAuctionClearing.clear`).
///
/// An interconnector carries, in each slot, its capacity less what flows over it in the longer products that cover
/// the slot: the sum of all flows stays within both capacities. Longer products are cleared first, by the clock.
interface ICoupledClearing {
    /// @notice A region is cleared.
    /// @param results word of each zone in the order of `zonesOf` (see `AuctionResult`: price, volumes, rationing,
    /// flows)
    event RegionCleared(ProductId indexed regionProduct, uint256[] results);

    /// @notice Congestion rent of a product was credited to the owner of an interconnector.
    /// @param index number of the interconnector
    /// @param amount settlement-token base units
    event RentCollected(
        ProductId indexed regionProduct, uint256 indexed index, address indexed owner, uint256 amount
    );

    /// @notice Zones with interconnectors are cleared together until `until`, and one by one from then on.
    error CoupledFirst(uint256 nowSeconds, uint256 until);
    /// @notice The time for clearing the zones together is over: clear each on its own.
    error CoupledTooLate(uint256 nowSeconds, uint256 until);
    /// @notice The zone is not the head of a region with interconnectors: clear it on its own, or name the head.
    error NotCoupled(uint16 zone);
    /// @notice Delivery is not over.
    error DeliveryNotOver(uint256 nowSeconds, uint256 endsAt);
    /// @notice There is no rent (no flow, or prices were equal), or it was collected before.
    error NoRent(ProductId regionProduct, uint256 index);

    /// @notice Clear a region. Anyone may call, from the gate (extension included) for 600 s.
    /// @dev Within 300 s after the nominal gate, a price more than 50 % from the reference in any of the zones extends
    /// the gates of all of them instead. Further errors: those of `IAuctionClearing.clear` for any of the zones, and of
    /// `ICoupledVerification`.
    /// @param regionProduct auction product of the head zone
    /// @param proposal per zone: price in ticks (4 bytes, signed), share of its ties (5 bytes, 2^-32) | per
    /// interconnector: flow in lots per slot plus what is left backwards (5 bytes) | only if the prices are not the
    /// only valid ones: per zone lowest and highest price (4 bytes each, signed). Big-endian.
    function clearCoupled(ProductId regionProduct, bytes calldata proposal) external;

    /// @notice Credit the owner of an interconnector with `flow * (price where it arrives - price where it leaves)`
    /// over all slots of a product whose delivery is over, once. Never negative. Anyone may call.
    /// @return amount settlement-token base units, exact
    function collectRent(ProductId regionProduct, uint256 index) external returns (uint256 amount);
}
