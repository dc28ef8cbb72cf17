// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GridState} from "./GridStates.sol";

/// @notice What an event asks for.
/// - LEVEL: 0 normal, 1 moderate, 2 high, 3 special: what the household agreed to do at that level.
/// - IMPORT_LIMIT: most a resource may draw, W.
/// - EXPORT_LIMIT: most a resource may feed in, W.
/// - PRICE: base units of the settlement token per kWh, may be negative. A signal: nothing is charged by it.
enum SignalKind {
    LEVEL,
    IMPORT_LIMIT,
    EXPORT_LIMIT,
    PRICE
}

/// @notice OPT_IN: only who joins takes part. OPT_OUT: who is enrolled takes part unless its owner leaves.
enum EventMode {
    OPT_IN,
    OPT_OUT
}

/// @notice What is decided about a resource in an event. Only JOINED takes part.
enum Choice {
    NONE,
    JOINED,
    LEFT
}

/// @notice Standing of an event, a function of its record and the time.
enum EventStatus {
    UNKNOWN,
    UPCOMING,
    ACTIVE,
    COMPLETED,
    CANCELLED
}

/// @notice An event to be published.
/// @param zone grid zone
/// @param classes classes of resources it is for: bit `1 << uint8(ResourceClass)`
/// @param kind see `SignalKind`
/// @param mode see `EventMode`
/// @param fromSlot first slot
/// @param toSlot slot after the last
/// @param value level, W or price, see `SignalKind`
struct NewDemandEvent {
    uint16 zone;
    uint8 classes;
    SignalKind kind;
    EventMode mode;
    uint32 fromSlot;
    uint32 toSlot;
    int64 value;
}

/// @notice An event on record, one storage word. The first seven fields are those of `NewDemandEvent`.
/// @param byState whether the state of the grid published it
/// @param listed number of resources it names; 0: it is for all of its zone and classes
/// @param stoppedAt unix seconds of its cancellation or early end; 0 if neither
struct DemandEvent {
    uint16 zone;
    uint8 classes;
    SignalKind kind;
    EventMode mode;
    uint32 fromSlot;
    uint32 toSlot;
    int64 value;
    bool byState;
    uint16 listed;
    uint40 stoppedAt;
}

/// @notice What anybody may publish while the grid is in trouble; one word.
/// @param lowest least state that allows it: ALERT, EMERGENCY, RESTORATION or BLACKOUT, in that order
/// @param classes as in `NewDemandEvent`
/// @param kind see `SignalKind`
/// @param slots length of the event; 0: nothing may be published
/// @param value level, W or price
struct StatePlan {
    GridState lowest;
    uint8 classes;
    SignalKind kind;
    uint8 slots;
    int64 value;
}

/// @notice An event as one resource sees it.
struct VisibleEvent {
    uint32 eventId;
    uint32 resourceId;
    Choice choice;
    EventStatus status;
}
