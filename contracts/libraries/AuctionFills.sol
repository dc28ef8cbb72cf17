// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {CurveSteps, CurveStepsLib} from "../types/Auction.sol";
import {AuctionResult} from "./AuctionResults.sol";
import {CursorRule} from "./CursorRule.sol";

/// @notice What a curve traded, as the result of its auction says. Steps better than the price are
/// filled in full, worse ones not at all; a step at the price is filled in full too unless its side is
/// rationed, then it takes its share by the cursor rule.
library AuctionFills {
    /// @notice Fill of the whole curve if it is fixed now.
    /// @dev Buys of a curve stand below its sells, so only one side of it can be filled, and one step
    /// at most stands at the price.
    /// @param result zero for an auction that was never cleared: nothing is filled
    /// @return side 0 bought, 1 sold; 0 if nothing is filled
    /// @return lots per slot, at most four times 2^28 - 1
    /// @return taken lots by which the result's cursor moves if this fill is fixed; 0 if it needs none
    function fill(CurveSteps steps, AuctionResult result)
        internal
        pure
        returns (uint256 side, uint256 lots, uint256 taken)
    {
        uint256 price = result.priceTick();
        if (price == 0) return (0, 0, 0);
        // Sums of four numbers of 28 bits.
        unchecked {
            for (; !steps.isEmpty(); steps = steps.rest()) {
                uint256 step = steps.first();
                uint256 tick = CurveStepsLib.limitTick(step);
                uint256 ofStep = CurveStepsLib.lots(step);
                bool isSell = CurveStepsLib.isSell(step);
                if (tick == price) {
                    if (result.tickLots() != 0 && result.rationedSide() == (isSell ? 1 : 0)) {
                        taken = ofStep;
                        ofStep = CursorRule.share(
                            result.cursor(), taken, result.dueLots(), result.tickLots()
                        );
                    }
                } else if (isSell ? tick > price : tick < price) {
                    continue;
                }
                lots += ofStep;
                if (isSell && ofStep != 0) side = 1;
            }
        }
    }
}
