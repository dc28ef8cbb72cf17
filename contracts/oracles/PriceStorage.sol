// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IMarket} from "../interfaces/IMarket.sol";
import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {IReportAggregator} from "../interfaces/IReportAggregator.sol";
import {WeekTables} from "../libraries/WeekTables.sol";
import {FeedStatus} from "../types/Observation.sol";
import {
    Formula,
    PriceFlags,
    PriceSources,
    RecordedQuote,
    ShadowPricing,
    ZonePricing
} from "../types/Pricing.sol";

/// @notice Everything that the reference price stores and all that is fixed when it is deployed, declared in this one
/// place.
/// @dev Warning: `PriceOracle` runs the code of `PricingRoom` on its own storage. Both inherit exactly this contract
/// first, and the room declares no state of its own, so their layouts are the same by construction. Never declare state in
/// another part of the room.
abstract contract PriceStorage is AccessManaged {
    /* CONSTANTS */

    uint256 internal constant SLOT_SECONDS = 900;
    /// @dev Quotes kept of each zone: a week.
    uint256 internal constant QUOTES_KEPT = 672;
    /// @dev Highest price of a book of the market, in ticks.
    uint256 internal constant MAX_TICK = 1023;
    /// @dev Inputs without which a quote is not OK.
    uint256 internal constant UNRELIABLE =
        PriceFlags.DEMAND_MISSING | PriceFlags.SUPPLY_MISSING | PriceFlags.BASE_BEHIND;

    /* IMMUTABLES */

    IMarket internal immutable MARKET;
    IReportAggregator internal immutable GRID;
    IReportAggregator internal immutable WEATHER;
    /// @dev Price step of the market, below 2^64.
    uint256 internal immutable TICK_SIZE;
    /// @dev Wh of one lot of the market.
    uint256 internal immutable LOT;

    /* STORAGE */

    mapping(uint16 zone => ZonePricing) internal _pricings;
    mapping(uint16 zone => Formula) internal _formulas;
    mapping(uint16 zone => ShadowPricing) internal _shadows;
    mapping(uint16 zone => Formula) internal _proposals;
    /// @dev A quote stands at its slot modulo `QUOTES_KEPT`.
    mapping(uint16 zone => RecordedQuote[QUOTES_KEPT]) internal _quotes;
    /// @dev By table, words in order; complete with `WeekTables.WORDS`.
    mapping(uint32 tableId => uint256[]) internal _tables;
    address internal _stabilitySource;

    constructor(PriceSources memory sources) {
        _requireCode(sources.market);
        _requireCode(sources.gridOracle);
        _requireCode(sources.weatherOracle);
        MARKET = IMarket(sources.market);
        GRID = IReportAggregator(sources.gridOracle);
        WEATHER = IReportAggregator(sources.weatherOracle);
        TICK_SIZE = IMarket(sources.market).TICK_SIZE();
        LOT = IMarket(sources.market).LOT();
    }

    /// @dev Formulas name complete tables only.
    function _normals(Formula memory formula, uint256 slot)
        internal
        view
        returns (uint48 normalDemandW, uint48 normalSupplyW, uint16 timeFactorBps)
    {
        if (formula.tableId == 0) return (formula.normalDemandW, formula.normalSupplyW, 0);
        uint256 index = WeekTables.indexOf(slot, formula.utcOffsetSlots);
        return WeekTables.read(_tables[formula.tableId][index / 2], index);
    }

    function _statusOf(uint256 flags) internal pure returns (FeedStatus) {
        if (flags & UNRELIABLE != 0) return FeedStatus.UNCERTAIN;
        return flags & PriceFlags.AT_BOUND != 0 ? FeedStatus.BOUNDED : FeedStatus.OK;
    }

    function _requireOpen(uint16 zone) internal view returns (ZonePricing memory pricing) {
        pricing = _pricings[zone];
        if (pricing.nextSlot == 0) revert IPriceOracle.PricingNotOpen(zone);
    }

    function _requireCode(address given) internal view {
        if (given.code.length == 0) revert IPriceOracle.NotAContract(given);
    }
}
