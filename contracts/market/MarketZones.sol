// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketRules} from "./MarketRules.sol";
import {IMarketZones} from "../interfaces/IMarketZones.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms, TermsLib, ZoneWord, ZoneWords} from "../libraries/ZoneWords.sol";
import {Halt, HaltScope, MarketTerms} from "../types/MarketTerms.sol";

/// @title Money rules and halts of the zones
abstract contract MarketZones is MarketRules, IMarketZones {
    /* CONSTANTS */

    /// @dev A week product opens 60 days before its start and lasts 7.
    uint256 internal constant TERMS_NOTICE = 67 days;
    uint256 internal constant MAX_HALT = 72 hours;
    uint256 internal constant MAX_TRADING_FEE_BPS = 100; // 1 %

    /* RESTRICTED */

    /// @inheritdoc IMarketZones
    function setMarketTerms(uint16 zone, uint32 fromSlot, MarketTerms calldata terms)
        external
        restricted
    {
        // Check: the terms themselves.
        if (zone == 0) revert ZoneZero();
        _checkTerms(terms);
        PackedTerms packed = TermsLib.pack(terms, TICK_SIZE);
        ZoneWord word = _zones[zone];
        PackedTerms inForce = word.current();

        if (!inForce.exist()) {
            if (fromSlot != 0) revert FirstTermsStartAtOnce(fromSlot, 0);
            _zones[zone] = word.withTerms(packed, 0, PackedTerms.wrap(0), ZoneWords.NEVER);
        } else {
            // Check: notice, week boundary, one change at a time.
            uint256 inForceFrom = word.currentFrom();
            uint256 nextFrom = word.nextFrom();
            uint256 nowSlot = block.timestamp / Products.SLOT_SECONDS;
            if (nextFrom > nowSlot && nextFrom != ZoneWords.NEVER) {
                revert TermsPending(uint32(nextFrom)); // a 28-bit field
            }
            _checkTermsStart(fromSlot);
            // Effect: the change that has taken effect becomes the current one, and what it
            // replaced stays on record for slots still to be settled.
            if (nextFrom <= nowSlot) {
                _formerTerms[zone].push(
                    (inForceFrom << FORMER_FROM) | PackedTerms.unwrap(inForce)
                );
                (inForce, inForceFrom) = (word.next(), nextFrom);
            }
            _zones[zone] = word.withTerms(inForce, inForceFrom, packed, fromSlot);
        }
        emit MarketTermsSet(zone, fromSlot, inForce.unpack(TICK_SIZE), terms);
    }

    /// @inheritdoc IMarketZones
    function haltZone(
        uint16 zone,
        HaltScope scope,
        uint32 fromSlot,
        uint32 toSlot,
        uint40 expiresAt
    ) external restricted {
        // Check.
        if (zone == 0) revert ZoneZero();
        if (scope == HaltScope.NONE || fromSlot >= toSlot) {
            revert HaltEmpty(scope, fromSlot, toSlot);
        }
        if (toSlot > ZoneWords.NEVER) revert SlotOutOfRange(toSlot, ZoneWords.NEVER);
        uint256 latest = block.timestamp + MAX_HALT;
        if (expiresAt <= block.timestamp || expiresAt > latest) {
            revert HaltExpiryInvalid(expiresAt, block.timestamp + 1, latest);
        }
        // Effect: join with the halt in force, so that a call can only widen it.
        ZoneWord word = _zones[zone];
        if (word.closedFrom() != 0) return; // nothing is left to be stopped
        Halt memory halt = Halt(scope, fromSlot, toSlot, expiresAt);
        if (block.timestamp < word.haltExpiresAt()) {
            Halt memory old = word.halt();
            halt.scope = HaltScope(uint8(halt.scope) | uint8(old.scope));
            if (old.fromSlot < halt.fromSlot) halt.fromSlot = old.fromSlot;
            if (old.toSlot > halt.toSlot) halt.toSlot = old.toSlot;
            if (old.expiresAt > halt.expiresAt) halt.expiresAt = old.expiresAt;
        }
        _zones[zone] = word.withHalt(halt);
        emit ZoneHalted(zone, halt.scope, halt.fromSlot, halt.toSlot, halt.expiresAt);
    }

    /// @inheritdoc IMarketZones
    function liftHalt(uint16 zone) external restricted {
        ZoneWord word = _zones[zone];
        if (block.timestamp >= word.haltExpiresAt()) revert NotHalted(zone);
        if (word.closedFrom() != 0) revert ZoneClosed(zone);
        _zones[zone] = word.withHalt(Halt(HaltScope.NONE, 0, 0, 0));
        emit HaltLifted(zone);
    }

    /// @inheritdoc IMarketZones
    function closeZones(uint16[] calldata zones, uint32 fromSlot) external restricted {
        if (fromSlot == 0 || fromSlot >= ZoneWords.NEVER) {
            revert SlotOutOfRange(fromSlot, ZoneWords.NEVER - 1);
        }
        Halt memory end = Halt(
            HaltScope.PLACE_AND_MATCH,
            fromSlot,
            uint32(ZoneWords.NEVER), // 28 bits
            uint40(ZoneWords.FOREVER) // 40 bits
        );
        for (uint256 i = 0; i < zones.length; ++i) {
            ZoneWord word = _zones[zones[i]];
            if (word.closedFrom() != 0) continue;
            _zones[zones[i]] = word.withHalt(end);
            emit ZoneMarketClosed(zones[i], fromSlot);
        }
    }

    /* VIEWS */

    /// @inheritdoc IMarketZones
    function marketTerms(uint16 zone, uint32 slot) external view returns (MarketTerms memory) {
        return _requireTerms(_zones[zone], zone, slot).unpack(TICK_SIZE);
    }

    /// @inheritdoc IMarketZones
    function pendingTerms(uint16 zone)
        external
        view
        returns (uint32 fromSlot, MarketTerms memory terms)
    {
        ZoneWord word = _zones[zone];
        uint256 from = word.nextFrom();
        if (from > block.timestamp / Products.SLOT_SECONDS && from != ZoneWords.NEVER) {
            fromSlot = uint32(from); // a 28-bit field
            terms = word.next().unpack(TICK_SIZE);
        }
    }

    /// @inheritdoc IMarketZones
    function haltOf(uint16 zone) external view returns (Halt memory halt) {
        ZoneWord word = _zones[zone];
        if (block.timestamp < word.haltExpiresAt()) halt = word.halt();
    }

    /// @inheritdoc IMarketZones
    function closedFrom(uint16 zone) external view returns (uint32) {
        return uint32(_zones[zone].closedFrom()); // a 28-bit field
    }

    /// @inheritdoc IMarketZones
    function nextSequence(uint16 zone) external view returns (uint32) {
        uint256 sequence = _zones[zone].sequence();
        if (sequence == type(uint32).max) revert SequenceExhausted(zone);
        return uint32(sequence + 1);
    }

    /* INTERNAL */

    function _checkTerms(MarketTerms calldata terms) private view {
        uint256 capTicks = terms.shortPriceCap / TICK_SIZE;
        if (
            terms.shortPriceCap % TICK_SIZE != 0 || capTicks == 0
                || capTicks > TermsLib.MAX_CAP_TICKS
        ) revert CapNotInTicks(terms.shortPriceCap, TICK_SIZE);
        uint256 unit = TermsLib.NETWORK_FEE_UNIT;
        uint256 allowed = TermsLib.MAX_NETWORK_FEE_UNITS * unit;
        if (terms.networkFeePerKWh % unit != 0 || terms.networkFeePerKWh > allowed) {
            revert NetworkFeeInvalid(terms.networkFeePerKWh, unit, allowed);
        }
        if (terms.tradingFeeBps > MAX_TRADING_FEE_BPS) {
            revert TradingFeeTooHigh(terms.tradingFeeBps, MAX_TRADING_FEE_BPS);
        }
    }

    function _checkTermsStart(uint32 fromSlot) private view {
        uint256 slotSeconds = Products.SLOT_SECONDS;
        uint256 earliest = (block.timestamp + TERMS_NOTICE + slotSeconds - 1) / slotSeconds;
        if (fromSlot < earliest) revert TermsTooSoon(fromSlot, uint32(earliest));
        if (fromSlot >= ZoneWords.NEVER) revert SlotOutOfRange(fromSlot, ZoneWords.NEVER - 1);
        if (!Products.isWeekStart(fromSlot)) {
            revert TermsNotOnWeekStart(fromSlot, uint32(Products.weekStartFrom(fromSlot)));
        }
    }
}
