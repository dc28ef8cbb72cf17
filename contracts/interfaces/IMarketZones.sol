// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Halt, HaltScope, MarketTerms} from "../types/MarketTerms.sol";

/// @title Zones: money rules and halts
/// @notice Terms of a zone are a pure function of the delivery slot and are known before the first
/// product of that slot opens; halts stop trading for a while and never touch what is agreed.
interface IMarketZones {
    /// @notice Terms were set; they hold for every product that starts at `fromSlot` or later, until
    /// the next change.
    event MarketTermsSet(
        uint16 indexed zone,
        uint32 fromSlot,
        MarketTerms oldTerms,
        MarketTerms newTerms
    );

    /// @notice The halt now in force: the union of what was in force and what the guardian asked for.
    event ZoneHalted(
        uint16 indexed zone, HaltScope scope, uint32 fromSlot, uint32 toSlot, uint40 expiresAt
    );

    /// @notice Governance ended a halt.
    event HaltLifted(uint16 indexed zone);

    /// @notice The market of the zone is closed for ever. @param fromSlot first slot that is void
    event ZoneMarketClosed(uint16 indexed zone, uint32 fromSlot);

    /// @notice The zone's market is closed for ever; nothing opens it again.
    error ZoneClosed(uint16 zone);
    /// @notice Zone 0 means "not enrolled" and has no market.
    error ZoneZero();
    /// @notice The zone has no market terms yet, so nothing can be ordered in it.
    error ZoneNotOpen(uint16 zone);
    /// @notice The first terms of a zone hold from slot 0 on.
    error FirstTermsStartAtOnce(uint32 given, uint32 allowed);
    /// @notice Terms change on a Monday 00:00 UTC only. @param next the first one not before `given`
    error TermsNotOnWeekStart(uint32 given, uint32 next);
    /// @notice Less than 67 days ahead: products of that slot may be open already.
    error TermsTooSoon(uint32 given, uint32 earliest);
    /// @notice One change at a time: the pending one takes effect at `pendingFrom`.
    error TermsPending(uint32 pendingFrom);
    /// @notice The cap must be 1 to 1,023 whole ticks.
    error CapNotInTicks(uint256 given, uint256 tickSize);
    /// @notice The network fee must be a multiple of 1,000 base units per kWh within its limit.
    error NetworkFeeInvalid(uint256 given, uint256 unit, uint256 allowed);
    /// @notice At most 1 % trading fee.
    error TradingFeeTooHigh(uint256 given, uint256 allowed);
    /// @notice A halt names a scope and a non-empty delivery interval that ends before 2^28.
    error HaltEmpty(HaltScope scope, uint32 fromSlot, uint32 toSlot);
    /// @notice A halt ends in the future and at most 72 h ahead.
    error HaltExpiryInvalid(uint256 given, uint256 earliest, uint256 latest);
    /// @notice Nothing to lift.
    error NotHalted(uint16 zone);
    /// @notice The slot lies beyond what an account word can count (2^28).
    error SlotOutOfRange(uint256 given, uint256 allowed);

    /// @notice The zone has accepted 2^32 - 1 orders and cannot number another.
    error SequenceExhausted(uint16 zone);

    /// @notice Set the first terms of a zone (`fromSlot` 0, at once), or change them for slots at
    /// least 67 days ahead. Restricted.
    /// @dev 67 days: a week product opens 60 days before its start and lasts 7. Reverts unless
    /// `fromSlot` is a Monday 00:00 UTC and no other change is pending.
    function setMarketTerms(uint16 zone, uint32 fromSlot, MarketTerms calldata terms) external;

    /// @notice Stop trading. Restricted to the guardian, who can only widen: scope, interval and
    /// expiry of a halt in force are joined with the new ones, never cut.
    /// @param scope what to stop
    /// @param fromSlot first delivery slot concerned
    /// @param toSlot end of the delivery interval, exclusive
    /// @param expiresAt unix second, later than now and at most 72 h ahead
    function haltZone(
        uint16 zone,
        HaltScope scope,
        uint32 fromSlot,
        uint32 toSlot,
        uint40 expiresAt
    ) external;

    /// @notice End a halt before its time. Restricted to governance. Cannot open a zone that is closed.
    function liftHalt(uint16 zone) external;

    /// @notice Close the markets of zones for ever: no placing, matching and clearing of products with slots from `fromSlot`
    /// on, which are void. Cancelling, claiming, settling go on; further halts change nothing. Zones closed before keep their
    /// slot. Restricted to the shutdown contract.
    /// @param fromSlot first slot that has not begun
    function closeZones(uint16[] calldata zones, uint32 fromSlot) external;

    /// @notice Terms of the products that start at `slot`. Reverts with `ZoneNotOpen`.
    function marketTerms(uint16 zone, uint32 slot) external view returns (MarketTerms memory);

    /// @notice The change ahead, if any. @return fromSlot 0 if there is none
    function pendingTerms(uint16 zone)
        external
        view
        returns (uint32 fromSlot, MarketTerms memory terms);

    /// @notice The halt in force; all zero once it has expired. A zone that is closed is halted up to the last second that
    /// 40 bits count.
    function haltOf(uint16 zone) external view returns (Halt memory);

    /// @notice First slot that is void because the zone's market is closed for ever; 0 while it is not.
    function closedFrom(uint16 zone) external view returns (uint32);

    /// @notice Sequence number that the next accepted order of the zone gets; the first is 1.
    function nextSequence(uint16 zone) external view returns (uint32);
}
