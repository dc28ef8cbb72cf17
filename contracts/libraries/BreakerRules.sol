// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GridState} from "../types/GridStates.sol";
import {Halt, HaltScope} from "../types/MarketTerms.sol";
import {Products} from "./Products.sol";
import {ZoneWords} from "./ZoneWords.sol";

/// @notice What a state of the grid asks of the market: pure.
library BreakerRules {
    uint256 internal constant BPS = 10_000;

    /// @dev How far ahead an emergency halts; market rules, section 8.
    uint256 private constant EMERGENCY_AHEAD = 1 hours;
    uint256 private constant RESTORATION_CUT_BPS = 5_000; // 50 %
    /// @dev Shares of a line move in steps, so that not every value of a loading is a change.
    uint256 private constant SHARE_STEP_BPS = 500; // 5 %

    /* HALTS */

    /// @notice The halt that a state asks for at `unixTime`; all 0 if none. The slot that runs is over for trading.
    function wantedHalt(GridState state, uint256 unixTime, uint256 haltSeconds)
        internal
        pure
        returns (Halt memory halt)
    {
        if (state == GridState.NORMAL || state == GridState.ALERT) return halt;
        uint256 slotSeconds = Products.SLOT_SECONDS;
        uint256 to = state == GridState.BLACKOUT
            ? ZoneWords.NEVER
            : (unixTime + EMERGENCY_AHEAD + slotSeconds - 1) / slotSeconds;
        // Slots of unix times fit 28 bits, unix times 40.
        return Halt({
            scope: HaltScope.PLACE_AND_MATCH,
            fromSlot: uint32(unixTime / slotSeconds + 1),
            toSlot: uint32(to),
            expiresAt: uint40(unixTime + haltSeconds)
        });
    }

    /// @notice Whether a wanted halt is to be pushed, given the one in force. The market joins the two and never cuts one:
    /// a wider halt that covers what is wanted is left to run out, for to renew it would keep all of it alive.
    function isDue(Halt memory wanted, Halt memory inForce, uint256 unixTime, uint256 haltSeconds)
        internal
        pure
        returns (bool)
    {
        if (wanted.scope == HaltScope.NONE) return false;
        bool covers = inForce.scope == HaltScope.PLACE_AND_MATCH
            && inForce.fromSlot <= wanted.fromSlot && inForce.toSlot >= wanted.toSlot;
        if (!covers) return true;
        if (inForce.toSlot > wanted.toSlot) return false;
        return inForce.expiresAt < unixTime + haltSeconds / 2;
    }

    /* LINES */

    /// @notice What a zone takes off the ratings of its lines, in 1/10,000.
    /// @param alertBps loading at which the zone is alert
    /// @param isLoadingKnown whether `loadingBps` is to be trusted; unknown never gives anything back
    /// @param loadingBps highest line loading
    /// @param oldCutBps what it takes off until now
    /// @param hasChanged whether the state is another one than at `oldCutBps`; within one state a cut only grows
    function lineCut(
        GridState state,
        uint256 alertBps,
        bool isLoadingKnown,
        uint256 loadingBps,
        uint256 oldCutBps,
        bool hasChanged
    ) internal pure returns (uint256 cutBps) {
        if (state == GridState.NORMAL) return 0;
        if (state == GridState.BLACKOUT) return BPS;
        if (state == GridState.RESTORATION) cutBps = RESTORATION_CUT_BPS;
        if (isLoadingKnown && loadingBps > alertBps) {
            uint256 share = alertBps * BPS / loadingBps / SHARE_STEP_BPS * SHARE_STEP_BPS;
            if (BPS - share > cutBps) cutBps = BPS - share;
        }
        if ((!hasChanged || !isLoadingKnown) && oldCutBps > cutBps) cutBps = oldCutBps;
    }
}
