// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SlotPosition} from "../types/Market.sol";

/// @title What settlement asks of the market
/// @notice Positions are final for every slot whose products have passed their gates; asking for
/// a slot in the future returns what is agreed so far.
interface IMarketPositions {
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

    /// @notice Energy traded in a zone for one slot over all sessions and periods, in Wh.
    function tradedWh(uint16 zone, uint32 slot) external view returns (uint256);

    /// @notice Highest price anybody in the zone can owe for imbalance in `slot`, in settlement-token
    /// base units per kWh. Fixed long before the slot's first product opens.
    function shortPriceCap(uint16 zone, uint32 slot) external view returns (uint256 pricePerKWh);
}
