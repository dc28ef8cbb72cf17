// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice How the auction of one product ended, in one word that is kept for ever under the
/// product's id. Zero: not cleared.
///
/// ```
/// bit 251   211      171       170        160           122            84
///  +--------+--------+---------+----------+-------------+--------------+-------------+
///  | lane 1 | lane 0 | cleared | rationed | priceTick 10| boughtLots 38| soldLots 38 |
///  | 40     | 40     | 1       | Side 1   |             |              |             |
///  +--------+--------+---------+----------+-------------+--------------+-------------+
/// bit 83          55            27          0
///  +-------------+-------------+-----------+
///  | dueLots 28  | tickLots 28 | cursor 28 |       lane: collected 1 | flow 39, signed
///  +-------------+-------------+-----------+
/// ```
/// - `priceTick`: the one price in ticks. If nothing traded it is no price that anybody sees, but in a
///   coupled auction energy may pass through such a zone, and congestion rent then needs it.
/// - `boughtLots`, `soldLots`: per slot; they differ by the zone's net import.
/// - `rationedSide`, `dueLots`, `tickLots`, `cursor`: the orders of the rationed side exactly at the
///   price, `tickLots`, share `dueLots` by the cursor rule; `cursor` counts the lots of those that took
///   their share. `tickLots` is 0 if nobody is rationed: then all orders at the price are full.
/// - lanes: the zone that is number i of its region keeps what flows, in lots per slot, over the
///   region's interconnectors 2i and 2i + 1, and whether the congestion rent of each is paid out.
///   Words of their own for the flows would cost every coupled clearing a new storage slot.
///
/// Why for ever and not in the ring: an account that is settled late must meet the same price for its
/// trades and its imbalance as everybody else. The ring would forget it after 42.7 days.
type AuctionResult is uint256;

using AuctionResults for AuctionResult global;

/// @notice Packing and named access.
/// @dev All lots of a side are at most 1,023 levels of 28 bits, below 2^38; those at one price are one
/// level.
library AuctionResults {
    uint256 internal constant LANES_PER_WORD = 2;
    /// @dev Largest flow either way that a lane holds, in lots per slot.
    uint256 internal constant MAX_FLOW_LOTS = (1 << 38) - 1;

    uint256 private constant MASK_28 = (1 << 28) - 1;
    uint256 private constant MASK_38 = (1 << 38) - 1;
    uint256 private constant MASK_39 = (1 << 39) - 1;
    uint256 private constant TICK_LOTS = 28;
    uint256 private constant DUE = 56;
    uint256 private constant SOLD = 84;
    uint256 private constant BOUGHT = 122;
    uint256 private constant PRICE_TICK = 160;
    uint256 private constant RATIONED_SIDE = 170;
    uint256 private constant CLEARED = 171;
    uint256 private constant FLOWS = 172;
    uint256 private constant LANE_BITS = 40;
    uint256 private constant COLLECTED = 39;

    /* MAKING ONE */

    /// @notice An auction in which everything at the price or better is filled.
    /// @dev Warning: every argument must fit its field.
    function create(uint256 priceTick_, uint256 boughtLots_, uint256 soldLots_)
        internal
        pure
        returns (AuctionResult)
    {
        return AuctionResult.wrap(
            (1 << CLEARED) | (priceTick_ << PRICE_TICK) | (boughtLots_ << BOUGHT)
                | (soldLots_ << SOLD)
        );
    }

    /// @notice The result with one side rationed at the price. @dev Warning: only once.
    /// @param side 0 buy, 1 sell
    /// @param dueLots_ what that side gets at the price, less than `tickLots_`
    function withRationing(
        AuctionResult result,
        uint256 side,
        uint256 dueLots_,
        uint256 tickLots_
    ) internal pure returns (AuctionResult) {
        return AuctionResult.wrap(
            AuctionResult.unwrap(result) | (side << RATIONED_SIDE) | (dueLots_ << DUE)
                | (tickLots_ << TICK_LOTS)
        );
    }

    /// @notice The result with a flow in a lane. @dev Warning: only once a lane, and at most
    /// `MAX_FLOW_LOTS` either way.
    function withFlow(AuctionResult result, uint256 lane, int256 flowLots_)
        internal
        pure
        returns (AuctionResult)
    {
        // Two's complement of 39 bits.
        return AuctionResult.wrap(
            AuctionResult.unwrap(result) | ((uint256(flowLots_) & MASK_39) << _shift(lane))
        );
    }

    /* CHANGING ONE */

    /// @notice The result after an order of `lots` took its share.
    /// @dev Each order at the price takes its share once and all of them are `tickLots`, so the
    /// cursor stays below 2^28.
    function withCursorMoved(AuctionResult result, uint256 lots) internal pure returns (AuctionResult) {
        unchecked {
            return AuctionResult.wrap(AuctionResult.unwrap(result) + lots);
        }
    }

    /// @notice The result after the congestion rent of a lane was paid out.
    function withRentCollected(AuctionResult result, uint256 lane)
        internal
        pure
        returns (AuctionResult)
    {
        return AuctionResult.wrap(AuctionResult.unwrap(result) | (1 << (_shift(lane) + COLLECTED)));
    }

    /* READING */

    function isCleared(AuctionResult result) internal pure returns (bool) {
        return AuctionResult.unwrap(result) != 0;
    }

    /// @notice Price that the auction publishes: 0 if nothing traded.
    function priceTick(AuctionResult result) internal pure returns (uint256) {
        uint256 volumes = (MASK_38 << BOUGHT) | (MASK_38 << SOLD);
        return AuctionResult.unwrap(result) & volumes == 0 ? 0 : result.clearingTick();
    }

    /// @notice Price at which it cleared, also if nothing traded.
    function clearingTick(AuctionResult result) internal pure returns (uint256) {
        return (AuctionResult.unwrap(result) >> PRICE_TICK) & ((1 << 10) - 1);
    }

    function boughtLots(AuctionResult result) internal pure returns (uint256) {
        return (AuctionResult.unwrap(result) >> BOUGHT) & MASK_38;
    }

    function soldLots(AuctionResult result) internal pure returns (uint256) {
        return (AuctionResult.unwrap(result) >> SOLD) & MASK_38;
    }

    /// @notice 0 buy, 1 sell. @dev Warning: means nothing unless `tickLots` is not 0.
    function rationedSide(AuctionResult result) internal pure returns (uint256) {
        return (AuctionResult.unwrap(result) >> RATIONED_SIDE) & 1;
    }

    /// @notice Lots that the rationed side gets at the price.
    function dueLots(AuctionResult result) internal pure returns (uint256) {
        return (AuctionResult.unwrap(result) >> DUE) & MASK_28;
    }

    /// @notice Lots that the rationed side asked for at the price; 0 if nobody is rationed.
    function tickLots(AuctionResult result) internal pure returns (uint256) {
        return (AuctionResult.unwrap(result) >> TICK_LOTS) & MASK_28;
    }

    /// @notice Of `tickLots`, those whose share is taken.
    function cursor(AuctionResult result) internal pure returns (uint256) {
        return AuctionResult.unwrap(result) & MASK_28;
    }

    /// @notice Flow in a lane, in lots per slot, positive in the interconnector's direction.
    function flowLots(AuctionResult result, uint256 lane) internal pure returns (int256) {
        // Move the 39 bits to the top and back: this extends their sign.
        uint256 top = AuctionResult.unwrap(result) << (256 - COLLECTED - _shift(lane));
        return int256(top) >> (256 - COLLECTED);
    }

    function isRentCollected(AuctionResult result, uint256 lane) internal pure returns (bool) {
        return (AuctionResult.unwrap(result) >> (_shift(lane) + COLLECTED)) & 1 != 0;
    }

    function _shift(uint256 lane) private pure returns (uint256) {
        unchecked {
            return FLOWS + lane * LANE_BITS; // two lanes
        }
    }
}
