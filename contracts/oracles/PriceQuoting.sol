// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {IReportAggregator} from "../interfaces/IReportAggregator.sol";
import {IStabilityScore} from "../interfaces/IStabilityScore.sol";
import {FeedIds} from "../libraries/FeedIds.sol";
import {PriceFormula} from "../libraries/PriceFormula.sol";
import {Products} from "../libraries/Products.sol";
import {AuctionView} from "../types/Auction.sol";
import {Period, ProductId, Session} from "../types/Market.sol";
import {FeedKind, FeedStatus} from "../types/Observation.sol";
import {
    Formula,
    PriceFlags,
    PriceInputs,
    PriceQuote,
    RecordedQuote,
    ShadowPricing,
    ZonePricing
} from "../types/Pricing.sol";
import {PriceStorage} from "./PriceStorage.sol";

/// @title Quotes, and the base that auctions move
/// @notice Part of `PricingRoom`; see `IPriceOracle`.
abstract contract PriceQuoting is PriceStorage {
    using Products for ProductId;

    /* CONSTANTS */

    /// @dev Slots that a quote catches up on by itself.
    uint256 private constant SLOTS_PER_QUOTE = 8;
    /// @dev The expected supply is that of the next quarter hour.
    uint8 private constant EXPECTED_HORIZON = 1;
    /// @dev What the stability source may use.
    uint256 private constant STABILITY_GAS = 150_000;
    /// @dev 64/63 of that, for what a call keeps back, and the costs of the call itself.
    uint256 private constant STABILITY_GAS_REQUIRED = STABILITY_GAS * 64 / 63 + 10_000;
    uint256 private constant MAX_SCORE = 10_000;

    /* USER FUNCTIONS */

    /// @dev See `IPriceOracle.quote`.
    function quote(uint16 zone) external returns (uint256 pricePerKWh, uint16 flags) {
        // Check.
        ZonePricing memory pricing = _requireOpen(zone);
        if (block.timestamp < pricing.frozenUntil) revert IPriceOracle.QuotingFrozen(zone, pricing.frozenUntil);
        uint32 slot = uint32(block.timestamp / SLOT_SECONDS + 1); // slots of unix times
        if (pricing.quotedSlot >= slot) revert IPriceOracle.AlreadyQuoted(zone, slot);

        // Effect.
        ShadowPricing memory shadow = _shadows[zone];
        Formula memory formula = _formulas[zone];
        Formula memory proposal;
        if (shadow.proposed) proposal = _proposals[zone];
        _moveBase(zone, pricing, formula, shadow, proposal, SLOTS_PER_QUOTE);

        PriceInputs memory inputs = _observed(zone, pricing.nextSlot < slot);
        _enter(inputs, formula, slot, pricing.accumulator, pricing.previousTicks);
        PriceQuote memory made = PriceFormula.quote(formula, inputs);
        FeedStatus status = _statusOf(made.flags);
        pricePerKWh = made.pricePerKWh;
        flags = made.flags;
        emit IPriceOracle.ZoneQuoted(zone, slot, status, made, inputs);

        if (shadow.proposed) _compare(zone, slot, proposal, shadow, inputs, made);
        pricing.previousTicks = uint16(pricePerKWh / TICK_SIZE); // at most 1,023
        pricing.quotedSlot = slot;
        pricing.flags = uint8(flags); // 7 bits
        pricing.quotedAt = uint40(block.timestamp);
        _pricings[zone] = pricing;
        _record(zone, slot, made);

        // Interaction: the market, fixed at deployment. If it refuses, nothing is quoted at all.
        if (status == FeedStatus.OK) MARKET.quoteSlot(zone, slot, pricePerKWh);
        else MARKET.setReferencePrice(zone, pricePerKWh);
    }

    /// @dev See `IPriceOracle.noteAuctions`.
    function noteAuctions(uint16 zone, uint256 maxSlots) external returns (uint32 nextSlot) {
        ZonePricing memory pricing = _requireOpen(zone);
        ShadowPricing memory shadow = _shadows[zone];
        Formula memory proposal;
        if (shadow.proposed) proposal = _proposals[zone];
        _moveBase(zone, pricing, _formulas[zone], shadow, proposal, maxSlots);
        _pricings[zone] = pricing;
        if (shadow.proposed) _shadows[zone] = shadow;
        return pricing.nextSlot;
    }

    /* INTERNAL: base */

    /// @dev Effect: auctions of at most `maxSlots` slots whose delivery has started move the base, in memory.
    function _moveBase(
        uint16 zone,
        ZonePricing memory pricing,
        Formula memory formula,
        ShadowPricing memory shadow,
        Formula memory proposal,
        uint256 maxSlots
    ) private {
        uint256 slot = pricing.nextSlot;
        uint256 end = block.timestamp / SLOT_SECONDS + 1; // the slot running now has started
        if (slot >= end) return;
        if (maxSlots < end - slot) end = slot + maxSlots;
        for (; slot < end; ++slot) {
            for (uint256 period; period <= Products.LAST_PERIOD; ++period) {
                ProductId product =
                    Products.pack(zone, Period(period), Session.AUCTION, slot);
                if (!product.isOf(Session.AUCTION)) break; // longer periods start at fewer slots
                AuctionView memory auction = MARKET.auctionResult(product);
                if (auction.priceTick == 0) continue;
                _moveBy(product, auction, pricing, formula, shadow, proposal);
            }
        }
        pricing.nextSlot = uint32(slot); // slots of unix times
        emit IPriceOracle.AuctionsNoted(zone, pricing.nextSlot);
    }

    function _moveBy(
        ProductId product,
        AuctionView memory auction,
        ZonePricing memory pricing,
        Formula memory formula,
        ShadowPricing memory shadow,
        Formula memory proposal
    ) private {
        uint256 lots =
            auction.boughtLots > auction.soldLots ? auction.boughtLots : auction.soldLots;
        uint256 volumeWh = lots * LOT * product.lengthSlots();
        uint256 published = auction.priceTick * TICK_SIZE;
        // Between two numbers of at most 1,023 ticks times 10,000, so it fits.
        pricing.accumulator = uint88(
            PriceFormula.moved(formula, pricing.accumulator, published, volumeWh, TICK_SIZE)
        );
        if (shadow.proposed) {
            shadow.accumulator = uint88(
                PriceFormula.moved(proposal, shadow.accumulator, published, volumeWh, TICK_SIZE)
            );
        }
        emit IPriceOracle.BaseMoved(product.zone(), product, published, volumeWh, pricing.accumulator);
    }

    /* INTERNAL: quotes */

    /// @dev What does not depend on a formula.
    function _observed(uint16 zone, bool isBehind)
        private
        view
        returns (PriceInputs memory inputs)
    {
        uint256 missing = isBehind ? PriceFlags.BASE_BEHIND : 0;
        bool known;
        (inputs.demandW, known) = _reading(GRID, FeedIds.idOf(FeedKind.DEMAND, zone, 0));
        if (!known) missing |= PriceFlags.DEMAND_MISSING;
        (inputs.supplyW, known) = _reading(GRID, FeedIds.idOf(FeedKind.SUPPLY, zone, 0));
        if (!known) missing |= PriceFlags.SUPPLY_MISSING;
        (inputs.expectedW, known) =
            _reading(WEATHER, FeedIds.idOf(FeedKind.EXPECTED_SUPPLY, zone, EXPECTED_HORIZON));
        if (!known) missing |= PriceFlags.FORECAST_MISSING;
        (inputs.stabilityScore, known) = _stability(zone);
        if (!known) missing |= PriceFlags.STABILITY_MISSING;
        inputs.missing = uint16(missing);
        // Ticks are below 2^64, 1,023 of them below 2^74.
        inputs.tick = uint64(TICK_SIZE);
        inputs.highest = uint96(MAX_TICK * TICK_SIZE);
    }

    /// @dev The rest of the inputs, for one formula and its history.
    function _enter(
        PriceInputs memory inputs,
        Formula memory formula,
        uint256 slot,
        uint256 accumulator,
        uint256 previousTicks
    ) private view {
        (inputs.normalDemandW, inputs.normalSupplyW, inputs.timeFactorBps) =
            _normals(formula, slot);
        // Below 1,024 ticks of 64 bits.
        inputs.base = uint96(PriceFormula.baseOf(accumulator, TICK_SIZE));
        inputs.previous = uint96(previousTicks * TICK_SIZE);
    }

    /// @dev Effect: what the proposal would have quoted, and how far that is from the quote.
    function _compare(
        uint16 zone,
        uint32 slot,
        Formula memory proposal,
        ShadowPricing memory shadow,
        PriceInputs memory inputs,
        PriceQuote memory made
    ) private {
        _enter(inputs, proposal, slot, shadow.accumulator, shadow.previousTicks);
        uint256 other = PriceFormula.quote(proposal, inputs).pricePerKWh;
        uint256 own = made.pricePerKWh;
        uint256 deviationBps = (other > own ? other - own : own - other) * PriceFormula.BPS / own;
        shadow.previousTicks = uint16(other / TICK_SIZE); // at most 1,023
        // At most 1,023 times, in basis points: 24 bits; a count of slots has 32.
        if (deviationBps > shadow.maxDeviationBps) shadow.maxDeviationBps = uint32(deviationBps);
        if (made.flags & UNRELIABLE == 0) ++shadow.slots;
        _shadows[zone] = shadow;
        emit IPriceOracle.ShadowQuoted(zone, slot, other, deviationBps);
    }

    function _record(uint16 zone, uint32 slot, PriceQuote memory made) private {
        _quotes[zone][slot % QUOTES_KEPT] = RecordedQuote({
            slot: slot,
            quotedAt: uint40(block.timestamp),
            pricePerKWh: made.pricePerKWh,
            demandFactorBps: made.demandFactorBps,
            supplyFactorBps: made.supplyFactorBps,
            timeFactorBps: made.timeFactorBps,
            stabilityFactorBps: made.stabilityFactorBps,
            flags: uint8(made.flags) // 7 bits
        });
    }

    /// @dev A feed of one of our own oracles, if it is to be trusted. Its values have 128 bits.
    function _reading(IReportAggregator oracle, uint32 feedId)
        private
        view
        returns (int128 value, bool known)
    {
        (int256 read,, FeedStatus status) = oracle.readWithFallback(feedId);
        known = _isTrusted(uint256(status));
        if (known) value = int128(read);
    }

    /// @dev A score of the stability source, if there is one and it answers as it should.
    function _stability(uint16 zone) private view returns (uint16 score, bool known) {
        address source = _stabilitySource;
        if (source == address(0)) return (0, false);
        if (gasleft() < STABILITY_GAS_REQUIRED) {
            revert IPriceOracle.TooLittleGas(gasleft(), STABILITY_GAS_REQUIRED);
        }
        bytes memory data = abi.encodeCall(IStabilityScore.stabilityScore, (zone));
        uint256 given;
        uint256 status;
        // Three words of the answer are taken, however long it is, into memory behind the free pointer.
        assembly ("memory-safe") {
            let at := mload(0x40)
            known := staticcall(STABILITY_GAS, source, add(data, 0x20), mload(data), at, 0x60)
            known := and(known, gt(returndatasize(), 0x5f))
            given := mload(at)
            status := mload(add(at, 0x40))
        }
        if (!known || given > MAX_SCORE || !_isTrusted(status)) return (0, false);
        return (uint16(given), true); // at most 10,000
    }

    function _isTrusted(uint256 status) private pure returns (bool) {
        return status == uint256(FeedStatus.OK) || status == uint256(FeedStatus.FALLBACK);
    }
}
