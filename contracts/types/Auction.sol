// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ProductId} from "./Market.sol";

/// @notice Everything an account wants to trade in one call auction, in one word: a price curve of up to four
/// steps. It is what `placeCurve` takes, and it goes into the log unchanged.
///
/// ```
/// bit 215   212            156        117        78         39         0
///  +---------+--------------+----------+----------+----------+----------+
///  | zero 4  | productId 56 | step 3   | step 2   | step 1   | step 0   |
///  +---------+--------------+----------+----------+----------+----------+
/// ```
/// Canonical form, the only one the market takes, so that one set of steps has one encoding: prices rise from step
/// to step, buys stand before sells (a curve thus never crosses itself and has one position per side and price),
/// unused steps are zero and come last. No steps at all means: no order.
///
/// Why 216 bits: a curve of a product needs 212, and this width gives `placeCurve` a selector near the front of the
/// dispatcher, which tries them in ascending order.
type Curve is uint216;

/// @notice Up to four steps of 39 bits, step `i` at bit `39 * i`: `side 1 | limitTick 10 | lots 28`, side 0 buy and
/// 1 sell. A step without lots is unused.
type CurveSteps is uint256;

/// @notice One step of a curve in readable form.
/// @param sell whether it sells
/// @param limitTick limit price in ticks: the most a buy pays, the least a sell takes
/// @param lots lots per slot
struct CurveStep {
    bool sell;
    uint256 limitTick;
    uint256 lots;
}

/// @notice How far the fill of a curve is on record.
/// - OPEN: nothing is. The auction is not cleared yet, or it is and the fill follows from its result.
/// - SHARED: the fill is fixed; the lock still is that of the steps.
/// - CLAIMED: the fill is fixed and the lock trimmed to it.
enum CurveState {
    OPEN,
    SHARED,
    CLAIMED
}

/// @notice One account's curve in one auction, in full.
/// @param trader owner
/// @param steps the steps in use
/// @param signedAt unix second of the signature or of the transaction that made it; older signatures are void
/// @param state see `CurveState`
/// @param filledSell side of the fill
/// @param filledLots lots per slot filled: fixed if `state` is not OPEN, else as if it was claimed now
/// @param filledTick price of the fill in ticks; 0 if there is none
/// @param lockedPerSlot money locked in each slot of the product, in settlement-token base units
struct CurveView {
    address trader;
    CurveStep[] steps;
    uint256 signedAt;
    CurveState state;
    bool filledSell;
    uint256 filledLots;
    uint256 filledTick;
    uint256 lockedPerSlot;
}

/// @notice What one cleared auction agreed.
/// @param cleared whether it is cleared at all
/// @param priceTick clearing price in ticks; 0 if nothing traded, then there is no price
/// @param boughtLots lots per slot bought
/// @param soldLots lots per slot sold; differs from `boughtLots` by what flows over interconnectors
/// @param rationedSell side whose orders at the price are filled in part
/// @param dueLots lots due to the orders at the price on the rationed side; 0 if nobody is rationed
/// @param tickLots lots of all orders at the price on the rationed side
struct AuctionView {
    bool cleared;
    uint256 priceTick;
    uint256 boughtLots;
    uint256 soldLots;
    bool rationedSell;
    uint256 dueLots;
    uint256 tickLots;
}

/// @notice Frame of a product, fixed when its first order was accepted.
/// @param opened whether there has been an order
/// @param referenceTick reference price of the zone at that moment in ticks; 0 if it had none
/// @param lowestTick lowest price of the collar
/// @param highestTick highest price of the collar
/// @param extended whether the auction's gate was moved
struct OpeningView {
    bool opened;
    uint256 referenceTick;
    uint256 lowestTick;
    uint256 highestTick;
    bool extended;
}

/// @notice What the steps of a curve add up to, in lots per slot and lots times limit in ticks.
struct StepSums {
    uint256 buyLots;
    uint256 buyTicks;
    uint256 sellLots;
    uint256 sellTicks;
}

using CurveLib for Curve global;
using StepSumsLib for StepSums global;
using CurveStepsLib for CurveSteps global;

/// @notice Packing and named access. Values come unchecked: the market refuses what does not fit.
library CurveLib {
    uint256 private constant PRODUCT = 156;
    uint256 private constant STEPS = (1 << PRODUCT) - 1;
    uint256 private constant USED_BITS = 212;

    function pack(ProductId product_, CurveSteps steps_) internal pure returns (Curve) {
        // 56 bits above 156 bits.
        return Curve.wrap(
            uint216((uint256(ProductId.unwrap(product_)) << PRODUCT) | CurveSteps.unwrap(steps_))
        );
    }

    /// @dev No bit above the product id.
    function isWellFormed(Curve curve) internal pure returns (bool) {
        return Curve.unwrap(curve) >> USED_BITS == 0;
    }

    function product(Curve curve) internal pure returns (ProductId) {
        return ProductId.wrap(uint56(Curve.unwrap(curve) >> PRODUCT));
    }

    function steps(Curve curve) internal pure returns (CurveSteps) {
        return CurveSteps.wrap(Curve.unwrap(curve) & STEPS);
    }
}

/// @notice Named access to the steps of a curve. A single step is its 39 bits.
library CurveStepsLib {
    uint256 internal constant MAX_STEPS = 4;
    uint256 internal constant STEP_BITS = 39;
    uint256 internal constant STEPS_BITS = MAX_STEPS * STEP_BITS;
    uint256 internal constant MAX_LOTS = (1 << LIMIT_TICK) - 1;

    uint256 private constant LIMIT_TICK = 28;
    uint256 private constant SIDE = 38;
    uint256 private constant STEP = (1 << STEP_BITS) - 1;

    /// @dev Warning: every argument must fit its field.
    function packStep(uint256 side_, uint256 limitTick_, uint256 lots_)
        internal
        pure
        returns (uint256)
    {
        return (side_ << SIDE) | (limitTick_ << LIMIT_TICK) | lots_;
    }

    /// @notice Step `index` of `steps_` set to `step`. @dev Warning: only where it was zero.
    function withStep(CurveSteps steps_, uint256 index, uint256 step)
        internal
        pure
        returns (CurveSteps)
    {
        return CurveSteps.wrap(CurveSteps.unwrap(steps_) | (step << (index * STEP_BITS)));
    }

    function isEmpty(CurveSteps steps_) internal pure returns (bool) {
        return CurveSteps.unwrap(steps_) == 0;
    }

    /// @notice First step alone; zero if there is none.
    function first(CurveSteps steps_) internal pure returns (uint256) {
        return CurveSteps.unwrap(steps_) & STEP;
    }

    /// @notice The steps without the first: the way to walk over them.
    function rest(CurveSteps steps_) internal pure returns (CurveSteps) {
        return CurveSteps.wrap(CurveSteps.unwrap(steps_) >> STEP_BITS);
    }

    /// @notice Steps in use, at most 4.
    function count(CurveSteps steps_) internal pure returns (uint256 used) {
        while (!steps_.isEmpty()) {
            steps_ = steps_.rest();
            ++used;
        }
    }

    function lots(uint256 step) internal pure returns (uint256) {
        return step & MAX_LOTS;
    }

    function limitTick(uint256 step) internal pure returns (uint256) {
        return (step >> LIMIT_TICK) & 0x3ff;
    }

    /// @notice 0 buy, 1 sell.
    function side(uint256 step) internal pure returns (uint256) {
        return (step >> SIDE) & 1;
    }

    function isSell(uint256 step) internal pure returns (bool) {
        return side(step) != 0;
    }

    /// @notice Side and tick in one number, which tells the steps of a curve apart.
    function order(uint256 step) internal pure returns (uint256) {
        return step >> LIMIT_TICK;
    }

    /// @notice What the steps of each side add up to.
    function sums(CurveSteps steps_) internal pure returns (StepSums memory total) {
        for (; !steps_.isEmpty(); steps_ = steps_.rest()) total.add(steps_.first());
    }

    /// @notice Sum of the lots of all sells.
    function sellLots(CurveSteps steps_) internal pure returns (uint256 sum) {
        unchecked {
            for (; !steps_.isEmpty(); steps_ = steps_.rest()) {
                uint256 step = steps_.first();
                if (isSell(step)) sum += lots(step); // four 28-bit numbers
            }
        }
    }

    /// @notice The steps in readable form.
    function unpack(CurveSteps steps_) internal pure returns (CurveStep[] memory list) {
        list = new CurveStep[](steps_.count());
        for (uint256 i; i < list.length; ++i) {
            uint256 step = steps_.first();
            list[i] = CurveStep({sell: isSell(step), limitTick: limitTick(step), lots: lots(step)});
            steps_ = steps_.rest();
        }
    }
}

/// @notice Adding up steps.
library StepSumsLib {
    function add(StepSums memory total, uint256 step) internal pure {
        // Sums of four numbers of 28 bits, and of as many products of 38 bits.
        unchecked {
            uint256 lots = CurveStepsLib.lots(step);
            uint256 ticks = lots * CurveStepsLib.limitTick(step);
            if (CurveStepsLib.isSell(step)) {
                total.sellLots += lots;
                total.sellTicks += ticks;
            } else {
                total.buyLots += lots;
                total.buyTicks += ticks;
            }
        }
    }
}
