// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SlotPosition} from "../types/Market.sol";

/// @title What settlement asks of the market
/// @notice Positions are final for every slot whose products have passed their gates; asking for
/// a slot in the future returns what is agreed so far.
interface IMarketPositions {
    /// @notice Only the ledger takes positions.
    error NotTheLedger(address caller);

    /// @notice Positions of one account over a run of slots, all sessions and periods together.
    /// @param accountId short id of the account (see `AccountWord`)
    /// @param zone the account's home zone, the only one it can trade in
    /// @param firstSlot first slot of the run
    /// @param count number of slots, at most 672
    /// @return positions one entry a slot, in slot order; all zero where nothing was agreed
    function slotPositions(uint24 accountId, uint16 zone, uint32 firstSlot, uint32 count)
        external
        view
        returns (SlotPosition[] memory positions);

    /// @notice The same answer, and from now on it stands: shares of curves at an auction's price (which depend on the
    /// order of claiming) are fixed first. Only the ledger may call.
    function takePositions(uint24 accountId, uint16 zone, uint32 firstSlot, uint32 count)
        external
        returns (SlotPosition[] memory positions);

    /// @notice Auction prices that cover each slot of a run: quarter hour, hour, day and week of the zone.
    /// @param count number of slots, at most 672
    /// @return prices one entry a slot: `highest << 128 | lowest` in settlement-token base units per kWh; 0 where no
    /// auction published a price
    function auctionPrices(uint16 zone, uint32 firstSlot, uint32 count)
        external
        view
        returns (uint256[] memory prices);

    /// @notice The same, and where no auction published a price the quote of the slot (`IReferencePrices.quoteSlot`) as
    /// both highest and lowest. Final for every slot that has begun.
    function coveringPrices(uint16 zone, uint32 firstSlot, uint32 count)
        external
        view
        returns (uint256[] memory prices);

    /// @notice Energy bought in all zones of a region for one slot over all sessions and periods, in Wh. Over a whole
    /// region as much is sold as is bought.
    /// @param region id of the region, which is that of its head zone
    function tradedWh(uint16 region, uint32 slot) external view returns (uint256);

    /// @notice Region of a zone: the id of the head zone, the zone itself if it never joined another.
    function regionOf(uint16 zone) external view returns (uint16 region);

    /// @notice Highest price anybody in the zone can owe for imbalance in `slot`, in settlement-token
    /// base units per kWh. Fixed long before the slot's first product opens.
    function shortPriceCap(uint16 zone, uint32 slot) external view returns (uint256 pricePerKWh);
}
