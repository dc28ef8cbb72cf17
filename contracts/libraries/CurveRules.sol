// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAuctionEntry} from "../interfaces/IAuctionEntry.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {CurveSteps, CurveStepsLib, StepSums} from "../types/Auction.sol";

/// @notice What the steps of a curve must be.
library CurveRules {
    /// @notice Revert unless the steps are canonical (see `Curve`), each of at least `minLots` and at a price of 1 to
    /// `capTicks`.
    /// @return total what they add up to
    function requireCanonical(CurveSteps steps, uint256 minLots, uint256 capTicks)
        internal
        pure
        returns (StepSums memory total)
    {
        uint256 previous;
        for (uint256 index; !steps.isEmpty(); steps = steps.rest()) {
            uint256 step = steps.first();
            if (step == 0) revert IAuctionEntry.StepAfterGap(index);
            uint256 lots = CurveStepsLib.lots(step);
            if (lots < minLots) revert IEnergyMarket.TooFewLots(lots, minLots);
            uint256 tick = CurveStepsLib.limitTick(step);
            if (tick == 0) revert IEnergyMarket.PriceTooLow(tick, 1);
            if (tick > capTicks) revert IEnergyMarket.PriceAboveCap(tick, capTicks);
            if (
                tick <= CurveStepsLib.limitTick(previous)
                    || CurveStepsLib.side(step) < CurveStepsLib.side(previous)
            ) _revertOutOfOrder(index, step, previous);
            total.add(step);
            previous = step;
            unchecked {
                ++index; // at most 4
            }
        }
    }

    /// @notice Revert unless `next` has every step of `old` with the same side and price and at least as many lots.
    function requireAdditionsOnly(CurveSteps old, CurveSteps next) internal pure {
        for (; !old.isEmpty(); old = old.rest()) {
            uint256 step = old.first();
            uint256 lots = lotsAt(next, CurveStepsLib.order(step));
            if (lots < CurveStepsLib.lots(step)) {
                revert IAuctionEntry.OnlyAdditions(
                    CurveStepsLib.side(step),
                    CurveStepsLib.limitTick(step),
                    lots,
                    CurveStepsLib.lots(step)
                );
            }
        }
    }

    /// @notice Lots of the step with this side and price; 0 if there is none.
    /// @param order_ see `CurveStepsLib.order`
    function lotsAt(CurveSteps steps, uint256 order_) internal pure returns (uint256) {
        for (; !steps.isEmpty(); steps = steps.rest()) {
            uint256 step = steps.first();
            if (CurveStepsLib.order(step) == order_) return CurveStepsLib.lots(step);
        }
        return 0;
    }

    function _revertOutOfOrder(uint256 index, uint256 step, uint256 previous) private pure {
        if (CurveStepsLib.side(step) < CurveStepsLib.side(previous)) {
            revert IAuctionEntry.BuyAfterSell(index);
        }
        revert IAuctionEntry.StepsOutOfOrder(
            index, CurveStepsLib.limitTick(step), CurveStepsLib.limitTick(previous)
        );
    }
}
