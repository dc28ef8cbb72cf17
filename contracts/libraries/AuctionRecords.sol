// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {CurveState, CurveSteps, CurveStepsLib} from "../types/Auction.sol";
import {OrderLocks} from "./OrderLocks.sol";
import {PackedTerms} from "./ZoneWords.sol";

/// @notice One account's curve in one auction, in one storage word, keyed by `OrderIds.recordKey` with record index 0.
///
/// ```
/// bit 255   240           200       198          197             167            157       156        0
///  +--------+-------------+---------+------------+---------------+--------------+---------+----------+
///  | tag 16 | signedAt 40 | state 2 | fillSide 1 | filledLots 30 | fillTick 10  | zero 1  | steps 156|
///  +--------+-------------+---------+------------+---------------+--------------+---------+----------+
/// ```
/// - `tag`: turn of the ring (`Products.tag`); a record of another turn is logically empty. A record is never zeroed.
/// - `signedAt`: unix second of the signature or transaction that made the curve.
/// - `state`: see `CurveState`. The fill fields are zero while it is OPEN.
/// - `filledLots`, `fillTick`: what the account traded and at which price, so that a fixed fill needs no other word.
/// - `steps`: see `CurveSteps`; zero means that the account has no order (any more).
type AuctionRecord is uint256;

using AuctionRecords for AuctionRecord global;

/// @notice Named access to the fields of an `AuctionRecord`, and the money it locks.
library AuctionRecords {
    uint256 private constant STEPS = (1 << CurveStepsLib.STEPS_BITS) - 1;
    uint256 private constant FILL_TICK = 157;
    uint256 private constant FILLED_LOTS = 167;
    uint256 private constant FILL_SIDE = 197;
    uint256 private constant STATE = 198;
    uint256 private constant SIGNED_AT = 200;
    uint256 private constant TAG = 240;
    uint256 private constant FILL_FIELDS = ((1 << (SIGNED_AT - FILL_TICK)) - 1) << FILL_TICK;

    /// @notice An OPEN record. @dev Warning: every argument must fit its field.
    function create(uint256 tag_, uint256 signedAt_, CurveSteps steps_)
        internal
        pure
        returns (AuctionRecord)
    {
        return AuctionRecord.wrap(
            (tag_ << TAG) | (signedAt_ << SIGNED_AT) | CurveSteps.unwrap(steps_)
        );
    }

    /* READING */

    function tag(AuctionRecord record) internal pure returns (uint256) {
        return AuctionRecord.unwrap(record) >> TAG;
    }

    /// @notice The record itself if it is of this turn, else an empty one.
    function ofTurn(AuctionRecord record, uint256 tag_) internal pure returns (AuctionRecord) {
        return AuctionRecord.unwrap(record) >> TAG == tag_ ? record : AuctionRecord.wrap(tag_ << TAG);
    }

    function signedAt(AuctionRecord record) internal pure returns (uint256) {
        return (AuctionRecord.unwrap(record) >> SIGNED_AT) & type(uint40).max;
    }

    function state(AuctionRecord record) internal pure returns (CurveState) {
        return CurveState((AuctionRecord.unwrap(record) >> STATE) & 3);
    }

    /// @notice Whether the fill follows from the auction's result and not from the record.
    function isOpen(AuctionRecord record) internal pure returns (bool) {
        return (AuctionRecord.unwrap(record) >> STATE) & 3 == uint256(CurveState.OPEN);
    }

    function isClaimed(AuctionRecord record) internal pure returns (bool) {
        return (AuctionRecord.unwrap(record) >> STATE) & 3 == uint256(CurveState.CLAIMED);
    }

    function steps(AuctionRecord record) internal pure returns (CurveSteps) {
        return CurveSteps.wrap(AuctionRecord.unwrap(record) & STEPS);
    }

    /// @notice Side of the fixed fill: 0 bought, 1 sold.
    function fillSide(AuctionRecord record) internal pure returns (uint256) {
        return (AuctionRecord.unwrap(record) >> FILL_SIDE) & 1;
    }

    /// @notice Lots per slot of the fixed fill.
    function filledLots(AuctionRecord record) internal pure returns (uint256) {
        return (AuctionRecord.unwrap(record) >> FILLED_LOTS) & ((1 << 30) - 1);
    }

    /// @notice Price of the fixed fill in ticks.
    function fillTick(AuctionRecord record) internal pure returns (uint256) {
        return (AuctionRecord.unwrap(record) >> FILL_TICK) & 0x3ff;
    }

    /// @notice Lots per slot that count against the rated feed-in: all that may still be sold until the fill is fixed.
    function soldLots(AuctionRecord record) internal pure returns (uint256) {
        if (record.isOpen()) return record.steps().sellLots();
        return record.fillSide() == 1 ? record.filledLots() : 0;
    }

    /// @notice Lots per slot that are bought for sure.
    function boughtLots(AuctionRecord record) internal pure returns (uint256) {
        // The fill fields of an OPEN record are zero.
        return record.fillSide() == 0 ? record.filledLots() : 0;
    }

    /* CHANGING */

    /// @notice The record with its fill fixed. @dev Warning: every argument must fit its field.
    /// @param state_ SHARED or CLAIMED
    /// @param fillSide_ 0 bought, 1 sold
    function withFill(
        AuctionRecord record,
        CurveState state_,
        uint256 fillSide_,
        uint256 filledLots_,
        uint256 fillTick_
    ) internal pure returns (AuctionRecord) {
        return AuctionRecord.wrap(
            (AuctionRecord.unwrap(record) & ~FILL_FIELDS) | (uint256(state_) << STATE)
                | (fillSide_ << FILL_SIDE) | (filledLots_ << FILLED_LOTS) | (fillTick_ << FILL_TICK)
        );
    }

    /* MONEY */

    /// @notice What the record locks in each slot of its product.
    function lockPerSlot(
        AuctionRecord record,
        PackedTerms terms,
        uint256 lotWh,
        uint256 lotTickValue
    ) internal pure returns (uint256) {
        if (!record.isClaimed()) {
            return OrderLocks.stepsLock(record.steps(), terms, lotWh, lotTickValue);
        }
        return OrderLocks.fillLock(
            record.fillSide(),
            record.filledLots(),
            record.fillTick(),
            terms,
            lotWh,
            lotTickValue
        );
    }
}
