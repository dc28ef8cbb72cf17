// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Which way a connection's power moves; power is positive towards the grid.
/// - UP: more feed-in or less draw, when the grid lacks power.
/// - DOWN: less feed-in or more draw, when the grid has too much.
enum FlexDirection {
    UP,
    DOWN
}

/// @notice Where a request stands.
/// - NONE: never made.
/// - OPEN: published, not allocated; its budget is reserved at its price cap.
/// - ALLOCATED: dispatched; participants are being settled.
/// - CLOSED: cancelled, lapsed, or all settled; what was left of its budget is back.
enum FlexPhase {
    NONE,
    OPEN,
    ALLOCATED,
    CLOSED
}

/// @notice How a participant stands in a request.
/// - NONE: the offer has no part in it (or only overlaps it).
/// - WAITING: readings are not final yet, or its meter is quarantined.
/// - READY: can be settled now.
/// - SETTLED: settled, for good.
enum FlexStanding {
    NONE,
    WAITING,
    READY,
    SETTLED
}

/// @notice An offer as its owner makes it. The window lies inside one UTC day, today or tomorrow, and begins after the
/// current slot.
/// @param resourceId resource of the register, bound to the caller's connection meter
/// @param direction see `FlexDirection`
/// @param powerW change of power offered, in W, 100 to 67,108,863, at most the resource's import plus export rating
/// @param pricePerKWh lowest price accepted, units per kWh
/// @param fromSlot first slot of the window
/// @param toSlot exclusive end of the window
/// @param place place in the book, as `placeFor` names it
struct NewOffer {
    uint32 resourceId;
    FlexDirection direction;
    uint32 powerW;
    uint40 pricePerKWh;
    uint32 fromSlot;
    uint32 toSlot;
    uint16 place;
}

/// @notice An offer on record.
/// @param owner who is paid and whose stake it is
/// @param meterId meter that measures it
/// @param resourceId resource it is about
/// @param zone zone of the resource
/// @param direction see `FlexDirection`
/// @param powerW change of power offered, in W
/// @param pricePerKWh lowest price accepted, units per kWh
/// @param fromSlot first slot of the window
/// @param toSlot exclusive end of the window
/// @param place its place in the book
/// @param placedAt allocations made before it came; it takes part in later ones only
/// @param removedAt allocations made before it left; it takes part in these only. 0: still in the book, or expired there
/// @param stake units locked
/// @param settledSlots slots of its UTC day whose event is settled, one bit each
struct FlexOffer {
    address owner;
    uint32 meterId;
    uint32 resourceId;
    uint16 zone;
    FlexDirection direction;
    uint32 powerW;
    uint40 pricePerKWh;
    uint32 fromSlot;
    uint32 toSlot;
    uint16 place;
    uint32 placedAt;
    uint32 removedAt;
    uint128 stake;
    uint96 settledSlots;
}

/// @notice A request for flexibility. Three storage slots.
/// @param zone whose grid needs it
/// @param direction see `FlexDirection`
/// @param phase see `FlexPhase`
/// @param byState called by the state of the grid under the operator's standing order
/// @param fromSlot first slot of the event
/// @param toSlot exclusive end
/// @param powerW power asked for, in W
/// @param priceCap highest price, units per kWh
/// @param reserved units of the zone's budget kept for it
/// @param startsAt unix second at which the event begins: that of the first slot, or of the allocation if later
/// @param allocateFrom unix second from which it may be allocated
/// @param number of its allocation, counted over all requests; 0 before
/// @param marginalPrice uniform price of all accepted, units per kWh
/// @param acceptedW power accepted in all, in W (pro-rata parts at the margin are rounded down below it)
/// @param marginNeedW power still needed at the marginal price, in W
/// @param marginOfferedW power offered at the marginal price, in W
/// @param participants offers at or below the marginal price
/// @param settled of these, how many are settled
struct FlexRequest {
    uint16 zone;
    FlexDirection direction;
    FlexPhase phase;
    bool byState;
    uint32 fromSlot;
    uint32 toSlot;
    uint32 powerW;
    uint40 priceCap;
    uint80 reserved;
    uint40 startsAt;
    uint40 allocateFrom;
    uint32 number;
    uint40 marginalPrice;
    uint32 acceptedW;
    uint32 marginNeedW;
    uint40 marginOfferedW;
    uint16 participants;
    uint16 settled;
}

/// @notice What an operator lets the state of the grid call in its name, in one direction. One storage slot.
/// @param powerW power of one call, in W; 0: none
/// @param slots length of one call in slots, 1 to 16
/// @param priceCap highest price, units per kWh
/// @param allowance units of the zone's budget that calls may still spend
struct StandingOrder {
    uint32 powerW;
    uint8 slots;
    uint40 priceCap;
    uint80 allowance;
}

/// @notice One slot of a delivery, in Wh, positive towards the grid for the two net energies.
/// @param baselineWh export minus import expected, committed with the offer
/// @param meteredWh export minus import measured; 0 if not MEASURED
/// @param acceptedWh change accepted
/// @param deliveredWh change delivered, at least 0; 0 if not MEASURED
/// @param payment units paid
/// @param penalty units taken from the stake
struct SlotDelivery {
    int256 baselineWh;
    int256 meteredWh;
    uint256 acceptedWh;
    uint256 deliveredWh;
    uint256 payment;
    uint256 penalty;
}

/// @notice Trusted contracts and figures fixed when the contract is deployed.
/// @param authority the AccessManager
/// @param settlementToken coin of stakes, budgets and payments
/// @param smartMeter meters, owners, readings
/// @param settlement knows the operator of a zone
/// @param gridOracle state of the grid, for the direction of calls by state
/// @param gridManagement resource register, states and limits of zones
/// @param penaltyPerKWh units taken from a stake per kWh not delivered; also the highest price of any request
/// @param minStake least stake of an offer
struct FlexSetup {
    address authority;
    address settlementToken;
    address smartMeter;
    address settlement;
    address gridOracle;
    address gridManagement;
    uint40 penaltyPerKWh;
    uint80 minStake;
}
