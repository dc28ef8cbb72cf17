// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IDemandResponse} from "../interfaces/IDemandResponse.sol";
import {DemandEvent, EventStatus, SignalKind} from "../types/DemandEvents.sol";
import {ResourceClass} from "../types/GridResources.sol";
import {GridState} from "../types/GridStates.sol";
import {SLOT_SECONDS} from "./MeterConstants.sol";

/// @title Rules of demand-response events
/// @notice Standing of an event and limits of its terms, as functions of their arguments alone.
library DemandRules {
    /// @dev Levels of OpenADR's SIMPLE signal.
    int64 internal constant HIGHEST_LEVEL = 3;
    int64 internal constant HIGHEST_LIMIT_W = int64(uint64(type(uint32).max));
    uint256 internal constant ALL_CLASSES = (1 << (uint256(type(ResourceClass).max) + 1)) - 1;

    /// @notice Standing of an event at `time`.
    function statusAt(DemandEvent memory demand, uint256 time)
        internal
        pure
        returns (EventStatus)
    {
        if (demand.toSlot == 0) return EventStatus.UNKNOWN;
        uint256 start = demand.fromSlot * SLOT_SECONDS;
        if (demand.stoppedAt != 0) {
            return demand.stoppedAt < start ? EventStatus.CANCELLED : EventStatus.COMPLETED;
        }
        if (time < start) return EventStatus.UPCOMING;
        return isOver(demand, time) ? EventStatus.COMPLETED : EventStatus.ACTIVE;
    }

    /// @notice Whether the planned end has come: only then an event leaves its zone's list.
    function isOver(DemandEvent memory demand, uint256 time) internal pure returns (bool) {
        return time >= demand.toSlot * SLOT_SECONDS;
    }

    /// @notice First slot that a stopped event no longer needs.
    function freeFrom(DemandEvent memory demand) internal pure returns (uint32) {
        uint256 slot = demand.stoppedAt / SLOT_SECONDS + 1;
        // Below 2^31: stoppedAt has 40 bits, a slot 900 s.
        return slot > demand.fromSlot ? uint32(slot) : demand.fromSlot;
    }

    /// @notice Refuse classes and values that mean nothing.
    function checkSignal(uint8 classes, SignalKind kind, int64 value) internal pure {
        if (classes == 0 || classes > ALL_CLASSES) {
            revert IDemandResponse.ClassesInvalid(classes, ALL_CLASSES + 1);
        }
        if (kind == SignalKind.PRICE) return;
        int64 highest = kind == SignalKind.LEVEL ? HIGHEST_LEVEL : HIGHEST_LIMIT_W;
        if (value < 0 || value > highest) {
            revert IDemandResponse.SignalOutOfRange(value, 0, highest);
        }
    }

    /// @notice Order of the states by what they ask of devices: RESTORATION stands between EMERGENCY and BLACKOUT.
    function severity(GridState state) internal pure returns (uint256) {
        if (state == GridState.RESTORATION) return uint256(GridState.BLACKOUT);
        return uint256(state) + (state == GridState.BLACKOUT ? 1 : 0);
    }

    /// @notice Whether a class is among `classes`.
    function includes(uint8 classes, ResourceClass kind) internal pure returns (bool) {
        return classes & (1 << uint8(kind)) != 0;
    }

    /// @notice Whether an ascending list has a number: at most 9 looks at 256.
    function contains(uint32[] storage ascending, uint32 number) internal view returns (bool) {
        uint256 low;
        uint256 high = ascending.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            uint32 found = ascending[middle];
            if (found == number) return true;
            if (found < number) low = middle + 1;
            else high = middle;
        }
        return false;
    }
}
