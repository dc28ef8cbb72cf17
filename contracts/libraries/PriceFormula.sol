// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Formula, PriceFlags, PriceInputs, PriceQuote} from "../types/Pricing.sol";

/// @notice The reference price in integers. `energy_grid/pricing/formula.py` is the same, bit for bit.
///
/// ```
/// price = base * (wd * demand + ws * supply + wt * time + wg * stability), divisions round down
/// ```
/// @dev Why nothing overflows and no cast cuts anything off: quantities are below 2^127, normals below 2^48, factors and
/// weights below 2^16, prices below 2^96, so the largest product of all, a quantity times 10,000, is below 2^141. Factors are clamped
/// to bounds of 16 bits, and a quote to `highest`, which has 96 bits.
library PriceFormula {
    uint256 internal constant BPS = 10_000;
    /// @dev An accumulator holds 1/10,000 of a price unit.
    uint256 internal constant SCALE = 10_000;

    /// @notice Quote from its inputs. Never reverts for a formula whose weights add up to 10,000.
    function quote(Formula memory formula, PriceInputs memory inputs)
        internal
        pure
        returns (PriceQuote memory answer)
    {
        uint256 demand = demandFactor(formula, inputs);
        uint256 supply = supplyFactor(formula, inputs);
        uint256 time = timeFactor(formula, inputs);
        uint256 stability = stabilityFactor(formula, inputs);
        uint256 weighted = (formula.demandWeightBps * demand + formula.supplyWeightBps * supply
                + formula.timeWeightBps * time + formula.stabilityWeightBps * stability) / BPS;
        (uint256 price, uint256 flags) =
            limited(formula, inputs, uint256(inputs.base) * weighted / BPS);
        answer.pricePerKWh = uint96(price);
        answer.demandFactorBps = uint16(demand);
        answer.supplyFactorBps = uint16(supply);
        answer.timeFactorBps = uint16(time);
        answer.stabilityFactorBps = uint16(stability);
        answer.flags = uint16(inputs.missing | flags);
    }

    /// @notice More demand than normal makes dearer.
    function demandFactor(Formula memory formula, PriceInputs memory inputs)
        internal
        pure
        returns (uint256)
    {
        if (_isMissing(inputs, PriceFlags.DEMAND_MISSING) || inputs.normalDemandW == 0) return BPS;
        return _factor(formula, _positive(inputs.demandW) * BPS / inputs.normalDemandW);
    }

    /// @notice More supply than normal makes cheaper; the forecast, where there is one, counts as much as what is observed.
    function supplyFactor(Formula memory formula, PriceInputs memory inputs)
        internal
        pure
        returns (uint256)
    {
        if (_isMissing(inputs, PriceFlags.SUPPLY_MISSING) || inputs.normalSupplyW == 0) return BPS;
        uint256 supply = _positive(inputs.supplyW);
        if (!_isMissing(inputs, PriceFlags.FORECAST_MISSING)) {
            supply = (supply + _positive(inputs.expectedW)) / 2;
        }
        if (supply == 0) return formula.highestFactorBps;
        return _factor(formula, inputs.normalSupplyW * BPS / supply);
    }

    /// @notice As the table of the week says.
    function timeFactor(Formula memory formula, PriceInputs memory inputs)
        internal
        pure
        returns (uint256)
    {
        if (inputs.timeFactorBps == 0) return BPS;
        return _factor(formula, inputs.timeFactorBps);
    }

    /// @notice A less stable grid makes dearer.
    function stabilityFactor(Formula memory formula, PriceInputs memory inputs)
        internal
        pure
        returns (uint256)
    {
        if (_isMissing(inputs, PriceFlags.STABILITY_MISSING)) return BPS;
        uint256 score = inputs.stabilityScore;
        return _factor(formula, score < 2 * BPS ? 2 * BPS - score : 0);
    }

    /// @notice A price within the step from the quote before, within floor and cap around the base, on a tick.
    /// @return price at least one tick @return flags STEP_LIMITED, AT_BOUND
    function limited(Formula memory formula, PriceInputs memory inputs, uint256 free)
        internal
        pure
        returns (uint256 price, uint256 flags)
    {
        price = free;
        uint256 base = inputs.base;
        if (inputs.previous != 0) {
            uint256 step = base * formula.stepBps / BPS;
            uint256 previous = inputs.previous;
            price = clamp(price, previous > step ? previous - step : 0, previous + step);
            if (price != free) flags = PriceFlags.STEP_LIMITED;
        }
        uint256 bounded =
            clamp(price, base * formula.floorBps / BPS, base * formula.capBps / BPS);
        if (bounded > inputs.highest) bounded = inputs.highest;
        if (bounded != price) flags |= PriceFlags.AT_BOUND;
        uint256 tick = inputs.tick;
        price = bounded / tick * tick;
        if (price < tick) price = tick;
    }

    /// @notice The accumulator after an auction: `(acc * (10000 - a) + price * 10000 * a) / 10000` with
    /// `a = alpha * min(volume, full) / full`.
    /// @param accumulator base price times 10,000
    /// @param pricePerKWh what the auction published
    /// @param volumeWh energy that it traded over the whole product
    function moved(
        Formula memory formula,
        uint256 accumulator,
        uint256 pricePerKWh,
        uint256 volumeWh,
        uint256 tick
    ) internal pure returns (uint256) {
        uint256 full = formula.fullVolumeWh;
        uint256 weight = formula.alphaBps * (volumeWh < full ? volumeWh : full) / full;
        if (pricePerKWh < tick) pricePerKWh = tick;
        return (accumulator * (BPS - weight) + pricePerKWh * SCALE * weight) / BPS;
    }

    /// @notice Base price of an accumulator, on a tick, at least one.
    function baseOf(uint256 accumulator, uint256 tick) internal pure returns (uint256 base) {
        base = accumulator / SCALE / tick * tick;
        if (base < tick) base = tick;
    }

    function clamp(uint256 value, uint256 lowest, uint256 highest) internal pure returns (uint256) {
        if (value < lowest) return lowest;
        return value > highest ? highest : value;
    }

    function _factor(Formula memory formula, uint256 ratioBps) private pure returns (uint256) {
        return clamp(ratioBps, formula.lowestFactorBps, formula.highestFactorBps);
    }

    function _isMissing(PriceInputs memory inputs, uint256 flag) private pure returns (bool) {
        return inputs.missing & flag != 0;
    }

    function _positive(int128 value) private pure returns (uint256) {
        return value > 0 ? uint256(uint128(value)) : 0;
    }
}
