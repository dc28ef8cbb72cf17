// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {FeedIds} from "../libraries/FeedIds.sol";
import {PriceFormula} from "../libraries/PriceFormula.sol";
import {FeedKind, FeedStatus} from "../types/Observation.sol";
import {
    Formula,
    PriceSources,
    RecordedQuote,
    ShadowPricing,
    ZonePricing
} from "../types/Pricing.sol";
import {PriceStorage} from "./PriceStorage.sol";
import {PricingRoom} from "./PricingRoom.sol";
import {ReportAggregator} from "./ReportAggregator.sol";

/// @title PriceOracle
/// @notice Feeds of market prices (`ReportAggregator`), and the reference price of each zone: see `IPriceOracle`. What
/// changes reference prices runs in `PricingRoom` by `delegatecall`; reading is here.
contract PriceOracle is PriceStorage, ReportAggregator, IPriceOracle {
    /// @dev A quote is for the slot after the one it is made in, so it ages from then: 1.5 slots.
    uint256 private constant QUOTE_AGE_LIMIT = SLOT_SECONDS * 3 / 2;

    /// @dev Created here, fixed for ever; see the warning of `PriceStorage`.
    address private immutable ROOM;

    /// @param authority the access manager; GOVERNOR sets reporters, feeds and formulas, GUARDIAN freezes
    /// @param market_ the market that is quoted to; this contract must hold its price feed role
    /// @param gridOracle_ demand and supply
    /// @param weatherOracle_ expected supply
    constructor(address authority, address market_, address gridOracle_, address weatherOracle_)
        PriceStorage(PriceSources(market_, gridOracle_, weatherOracle_))
        ReportAggregator(
            authority, "energy-grid PriceOracle", FeedIds.bit(FeedKind.MARKET_PRICE)
        )
    {
        ROOM = address(
            new PricingRoom(authority, PriceSources(market_, gridOracle_, weatherOracle_))
        );
    }

    /* RUN BY THE OTHER HALF (delegatecall, same calldata, same answer) */

    /// @inheritdoc IPriceOracle
    function quote(uint16) external returns (uint256, uint16) {
        _runRoom();
    }

    /// @inheritdoc IPriceOracle
    function noteAuctions(uint16, uint256) external returns (uint32) {
        _runRoom();
    }

    /// @inheritdoc IPriceOracle
    function openZone(uint16, Formula calldata, uint256) external {
        _runRoom();
    }

    /// @inheritdoc IPriceOracle
    function appendTable(uint32, uint256[] calldata) external {
        _runRoom();
    }

    /// @inheritdoc IPriceOracle
    function proposeFormula(uint16, Formula calldata) external {
        _runRoom();
    }

    /// @inheritdoc IPriceOracle
    function withdrawProposal(uint16) external {
        _runRoom();
    }

    /// @inheritdoc IPriceOracle
    function activateFormula(uint16) external {
        _runRoom();
    }

    /// @inheritdoc IPriceOracle
    function setStabilitySource(address) external {
        _runRoom();
    }

    /// @inheritdoc IPriceOracle
    function unfreezeQuotes(uint16) external {
        _runRoom();
    }

    /// @inheritdoc IPriceOracle
    function freezeQuotes(uint16, uint40) external {
        _runRoom();
    }

    /* VIEWS */

    /// @inheritdoc IPriceOracle
    function price(uint16 zone)
        external
        view
        returns (uint256 pricePerKWh, uint256 quotedAt, FeedStatus status)
    {
        ZonePricing memory pricing = _pricings[zone];
        pricePerKWh = pricing.previousTicks * TICK_SIZE;
        quotedAt = pricing.quotedAt;
        if (block.timestamp < pricing.frozenUntil) return (pricePerKWh, quotedAt, FeedStatus.FROZEN);
        if (quotedAt == 0 || block.timestamp - quotedAt >= QUOTE_AGE_LIMIT) {
            return (pricePerKWh, quotedAt, FeedStatus.STALE);
        }
        status = _statusOf(pricing.flags);
    }

    /// @inheritdoc IPriceOracle
    function quoteOf(uint16 zone, uint32 slot) external view returns (RecordedQuote memory found) {
        RecordedQuote memory kept = _quotes[zone][slot % QUOTES_KEPT];
        if (kept.slot == slot) return kept;
    }

    /// @inheritdoc IPriceOracle
    function gridOracle() external view returns (address) {
        return address(GRID);
    }

    /// @inheritdoc IPriceOracle
    function weatherOracle() external view returns (address) {
        return address(WEATHER);
    }

    /// @inheritdoc IPriceOracle
    function basePrice(uint16 zone) external view returns (uint256 pricePerKWh) {
        ZonePricing memory pricing = _pricings[zone];
        if (pricing.nextSlot != 0) return PriceFormula.baseOf(pricing.accumulator, TICK_SIZE);
    }

    /// @inheritdoc IPriceOracle
    function formulaOf(uint16 zone) external view returns (Formula memory) {
        return _formulas[zone];
    }

    /// @inheritdoc IPriceOracle
    function proposalOf(uint16 zone) external view returns (Formula memory, ShadowPricing memory) {
        return (_proposals[zone], _shadows[zone]);
    }

    /// @inheritdoc IPriceOracle
    function pricingOf(uint16 zone) external view returns (ZonePricing memory) {
        return _pricings[zone];
    }

    /// @inheritdoc IPriceOracle
    function normalsOf(uint16 zone, uint32 slot) external view returns (uint256, uint256, uint256) {
        return _normals(_formulas[zone], slot);
    }

    /// @inheritdoc IPriceOracle
    function tableWords(uint32 tableId) external view returns (uint256) {
        return _tables[tableId].length;
    }

    /// @inheritdoc IPriceOracle
    function stabilitySource() external view returns (address) {
        return _stabilitySource;
    }

    /// @inheritdoc IPriceOracle
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @inheritdoc IPriceOracle
    function pricingRoom() external view returns (address) {
        return ROOM;
    }

    /* INTERNAL */

    /// @dev Runs the called function's other half and ends the call with its answer or its error. Safe because the
    /// code at `ROOM` is created by our constructor, cannot change, and shares `PriceStorage`.
    function _runRoom() private {
        address target = ROOM;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let success := delegatecall(gas(), target, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if success { return(data, returndatasize()) }
            revert(data, returndatasize())
        }
    }
}
