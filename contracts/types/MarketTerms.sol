// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Money rules of a zone's products, in force from a Monday 00:00 UTC on, so that no product
/// lies across a change.
/// @param shortPriceCap highest price anybody can owe for imbalance and highest limit of an order,
/// in settlement-token base units per kWh: a multiple of the tick size, 1 to 1,023 ticks
/// @param networkFeePerKWh what a buyer pays the zone's operator on each kWh bought, in base units
/// per kWh: a multiple of 1,000, at most 65,535,000
/// @param tradingFeeBps what a buyer pays the treasury on its cost, in basis points, at most 100
struct MarketTerms {
    uint256 shortPriceCap;
    uint256 networkFeePerKWh;
    uint256 tradingFeeBps;
}

/// @notice What a halt stops. Cancelling, removing, settling and withdrawing are never stopped.
/// - NONE: nothing. PLACE: placing and replacing. MATCH: matching. PLACE_AND_MATCH: both.
enum HaltScope {
    NONE,
    PLACE,
    MATCH,
    PLACE_AND_MATCH
}

/// @notice A temporary stop of trading in a zone.
/// @param scope what stops
/// @param fromSlot first delivery slot concerned
/// @param toSlot end of the delivery interval, exclusive: a product is halted if any of its slots
/// lies in [fromSlot, toSlot)
/// @param expiresAt unix second from which the halt is void
struct Halt {
    HaltScope scope;
    uint32 fromSlot;
    uint32 toSlot;
    uint40 expiresAt;
}
