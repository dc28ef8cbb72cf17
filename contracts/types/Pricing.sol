// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Everything that the reference price of a zone is computed with, in two storage slots. Linked parameters
/// change together. Factors and ratios in basis points.
/// @param demandWeightBps weight of demand; the four weights add up to 10,000
/// @param supplyWeightBps weight of supply
/// @param timeWeightBps weight of the time of the week
/// @param stabilityWeightBps weight of the grid's stability
/// @param lowestFactorBps least that any of the four factors counts
/// @param highestFactorBps most that any of them counts
/// @param stepBps largest change from one quote to the next, relative to the base
/// @param floorBps lowest quote relative to the base
/// @param capBps highest quote relative to the base
/// @param alphaBps weight of an auction of full volume when the base moves
/// @param fullVolumeWh energy of a whole product from which on an auction counts fully
/// @param tableId table of normals by quarter hour of the week; 0: none, the two normals below hold throughout
/// @param normalDemandW normal demand without a table; 0: demand does not count
/// @param normalSupplyW normal supply without a table; 0: supply does not count
/// @param utcOffsetSlots quarter hours that the zone's clock is ahead of UTC
struct Formula {
    uint16 demandWeightBps;
    uint16 supplyWeightBps;
    uint16 timeWeightBps;
    uint16 stabilityWeightBps;
    uint16 lowestFactorBps;
    uint16 highestFactorBps;
    uint16 stepBps;
    uint16 floorBps;
    uint16 capBps;
    uint16 alphaBps;
    uint64 fullVolumeWh;
    uint32 tableId;
    uint48 normalDemandW;
    uint48 normalSupplyW;
    int8 utcOffsetSlots;
}

/// @notice What one quote is computed from. Prices in settlement-token base units per kWh, on ticks.
/// @param demandW observed demand; below 0 counts as 0, and so for the next two
/// @param supplyW observed supply
/// @param expectedW forecast of supply
/// @param normalDemandW demand that is normal at this time of the week; 0: demand does not count
/// @param normalSupplyW supply that is normal at this time of the week; 0: supply does not count
/// @param timeFactorBps what the table says of this time of the week; 0: nothing
/// @param stabilityScore 0 to 10,000, which is perfectly stable
/// @param missing inputs that are missing or not to be trusted, by their `PriceFlags`
/// @param base the base price, at least a tick
/// @param previous the quote before; 0 if there is none
/// @param tick price step
/// @param highest highest price that a market takes, on ticks
struct PriceInputs {
    int128 demandW;
    int128 supplyW;
    int128 expectedW;
    uint48 normalDemandW;
    uint48 normalSupplyW;
    uint16 timeFactorBps;
    uint16 stabilityScore;
    uint16 missing;
    uint96 base;
    uint96 previous;
    uint64 tick;
    uint96 highest;
}

/// @notice One quote and how it came about.
/// @param pricePerKWh on ticks, at least one
/// @param demandFactorBps what demand counted; likewise the next three
/// @param flags `PriceFlags`
struct PriceQuote {
    uint96 pricePerKWh;
    uint16 demandFactorBps;
    uint16 supplyFactorBps;
    uint16 timeFactorBps;
    uint16 stabilityFactorBps;
    uint16 flags;
}

/// @notice Bits beside a quote.
library PriceFlags {
    /// @notice No trustworthy demand: its factor is 10,000.
    uint16 internal constant DEMAND_MISSING = 1;
    /// @notice No trustworthy supply: its factor is 10,000.
    uint16 internal constant SUPPLY_MISSING = 2;
    /// @notice No trustworthy forecast: the observed supply counts alone.
    uint16 internal constant FORECAST_MISSING = 4;
    /// @notice No trustworthy stability score: its factor is 10,000.
    uint16 internal constant STABILITY_MISSING = 8;
    /// @notice Auctions that should have moved the base have not yet.
    uint16 internal constant BASE_BEHIND = 16;
    /// @notice The price stopped at the largest step from the quote before.
    uint16 internal constant STEP_LIMITED = 32;
    /// @notice The price stopped at its floor or cap around the base, or at the market's highest price.
    uint16 internal constant AT_BOUND = 64;
}

/// @notice Contracts that the reference price is fixed to.
struct PriceSources {
    address market;
    address gridOracle;
    address weatherOracle;
}

/// @notice Where the reference price of a zone stands. One storage slot.
/// @param accumulator base price times 10,000: at most 1,023 ticks of 64 bits times 10,000, below 2^88
/// @param previousTicks the last quote in ticks; 0 before the first
/// @param nextSlot first slot whose auctions have not moved the base; 0: the zone is not open
/// @param quotedSlot slot that the last quote is for
/// @param flags of the last quote
/// @param quotedAt unix second of the last quote
/// @param frozenUntil until then nothing is quoted
struct ZonePricing {
    uint88 accumulator;
    uint16 previousTicks;
    uint32 nextSlot;
    uint32 quotedSlot;
    uint8 flags;
    uint40 quotedAt;
    uint40 frozenUntil;
}

/// @notice How a proposed formula has done in the shadow. One storage slot.
/// @param accumulator its own
/// @param previousTicks its own last quote in ticks; 0 before the first
/// @param slots quotes it was compared in with trustworthy demand and supply
/// @param maxDeviationBps furthest that it was from the quote, relative to that
/// @param proposed whether there is a proposal
struct ShadowPricing {
    uint88 accumulator;
    uint16 previousTicks;
    uint32 slots;
    uint32 maxDeviationBps;
    bool proposed;
}

/// @notice A quote as kept for a week. One storage slot.
/// @param slot what it is for
/// @param quotedAt unix second
/// @param pricePerKWh and the rest: as in `PriceQuote`; flags use 7 bits
struct RecordedQuote {
    uint32 slot;
    uint40 quotedAt;
    uint96 pricePerKWh;
    uint16 demandFactorBps;
    uint16 supplyFactorBps;
    uint16 timeFactorBps;
    uint16 stabilityFactorBps;
    uint8 flags;
}
