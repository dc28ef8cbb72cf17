// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    FlexDirection,
    FlexRequest,
    FlexStanding,
    SlotDelivery,
    StandingOrder
} from "../types/Flexibility.sol";

/// @title Requests, merit order, dispatch and delivery of flexibility
/// @notice Offers stand in `IFlexOffers`, money in `IFlexFunds`, taken slots in `IEventCalendar`; all at one address.
///
/// A request asks for power in a zone, in one direction, over slots of one UTC day. The operator of the zone makes it, or
/// anybody while the zone is in ALERT or worse, within the operator's standing order. Allocation accepts the cheapest offers
/// whose window covers the event. Somebody names the marginal price and the contract verifies it in one pass:
/// - it is the lowest offered price at which, with all cheaper offers, the power suffices;
/// - or, if all offers up to the cap do not suffice, the highest of their prices.
/// Exactly one price is right. Cheaper offers are accepted in full; at the margin each gets its share of what is missing,
/// rounded down, so never more than asked for is accepted. All are paid the marginal price.
///
/// A zone has one event a slot.
interface IFlexibility {
    /// @notice Published. @param reserved units of the zone's budget kept for it
    event FlexibilityRequested(
        uint256 indexed requestId,
        uint16 indexed zone,
        FlexDirection direction,
        bool byState,
        uint32 powerW,
        uint40 priceCap,
        uint32 fromSlot,
        uint32 toSlot,
        uint40 allocateFrom,
        uint256 reserved
    );
    /// @notice Allocated: accepted offers act from now on (or from the first slot on, if that is later).
    /// @param acceptedW power accepted in all, in W
    event Dispatched(
        uint256 indexed requestId,
        uint16 indexed zone,
        FlexDirection direction,
        uint32 fromSlot,
        uint32 toSlot,
        uint256 marginalPrice,
        uint256 acceptedW
    );
    /// @notice Terms of acceptance: with the offers on record it tells each participant's power.
    /// @param number count of allocations; offers placed before it and not removed before it took part
    event Allocated(
        uint256 indexed requestId,
        uint32 number,
        uint40 startsAt,
        uint256 marginNeedW,
        uint256 marginOfferedW,
        uint256 participants,
        uint256 reserved
    );
    /// @notice A participant was settled. @param deliveredWh sum over slots, each at most what was accepted
    event FlexSettled(
        uint256 indexed requestId,
        uint32 indexed offerId,
        address indexed owner,
        uint256 acceptedWh,
        uint256 deliveredWh,
        uint256 payment,
        uint256 penalty
    );
    /// @notice Cancelled, lapsed or settled. @param returned units that went back to the zone's budget
    event RequestClosed(uint256 indexed requestId, uint16 indexed zone, uint256 returned);
    event StandingOrderSet(
        uint16 indexed zone, FlexDirection indexed direction, StandingOrder oldOrder, StandingOrder newOrder
    );

    /// @notice No such request.
    error UnknownRequest(uint256 requestId);
    /// @notice The request is in another phase.
    error RequestNotOpen(uint256 requestId);
    /// @notice Nothing was allocated yet, so there is nothing to settle.
    error RequestNotAllocated(uint256 requestId);
    /// @notice Cancelled, lapsed or settled already.
    error RequestIsClosed(uint256 requestId);
    /// @notice Power, price or length of a request outside what is allowed.
    error RequestOutOfRange(bytes32 field, uint256 given, uint256 lowest, uint256 highest);
    /// @notice An event has 1 to 16 slots of one UTC day, today or tomorrow, from the current slot on.
    error RequestWindowInvalid(uint32 fromSlot, uint32 toSlot, uint32 earliest);
    /// @notice Allocation may begin at the start of the event at the latest.
    error AllocationTimeInvalid(uint256 given, uint256 latest);
    /// @notice Too early. @param earliest unix second
    error AllocationTooEarly(uint256 earliest);
    /// @notice The first slot of the event is over. The request can only be closed.
    error AllocationTooLate(uint256 deadline);
    /// @notice Another event of the zone has these slots. @param slots of the day, one bit each
    error ZoneBusy(uint16 zone, uint32 day, uint256 slots);
    /// @notice Not the marginal price. What the pass found at the price given:
    /// @param given units per kWh
    /// @param neededW power asked for
    /// @param belowW power of cheaper offers
    /// @param atW power of offers at it
    /// @param dearer whether dearer offers up to the cap exist
    error MarginalPriceWrong(uint256 given, uint256 neededW, uint256 belowW, uint256 atW, bool dearer);
    /// @notice Above the request's cap.
    error MarginalPriceAboveCap(uint256 given, uint256 allowed);
    /// @notice The zone is in state NORMAL: only its operator may ask.
    error GridStateNormal(uint16 zone);
    /// @notice No measured quantity of the zone is beyond its alert band: what is needed is unknown.
    error NeedUnknown(uint16 zone);
    /// @notice The operator has no standing order for that direction.
    error NoStandingOrder(uint16 zone, FlexDirection direction);
    /// @notice The standing order has less left than the call could cost.
    error AllowanceTooLow(uint256 given, uint256 allowed);
    /// @notice The request cannot be closed yet. @param earliest unix second
    error CloseTooEarly(uint256 earliest);

    /* OPERATOR */

    /// @notice Ask for flexibility. By the operator of the zone. `priceCap * powerW * time`, rounded up, is kept from the
    /// zone's budget until the request is closed.
    /// @param allocateFrom unix second from which anybody may allocate: cheaper offers have until then to come; 0: at once
    function requestFlexibility(
        uint16 zone,
        FlexDirection direction,
        uint32 powerW,
        uint40 priceCap,
        uint32 fromSlot,
        uint32 toSlot,
        uint40 allocateFrom
    ) external returns (uint256 requestId);

    /// @notice Take back a request that is not allocated. By the operator of the zone.
    function cancelRequest(uint256 requestId) external;

    /// @notice Say what the state of the grid may call in the operator's name. By the operator of the zone.
    function setStandingOrder(uint16 zone, FlexDirection direction, StandingOrder calldata order) external;

    /* ANYBODY */

    /// @notice Call the standing order of a zone in ALERT or worse, from the current slot on, and allocate it at once. The
    /// direction is what the grid oracle shows to be needed.
    function requestByState(uint16 zone, uint40 marginalPrice) external returns (uint256 requestId);

    /// @notice Allocate a request at its marginal price and dispatch. Before its first slot is over.
    function allocate(uint256 requestId, uint40 marginalPrice) external returns (uint256 acceptedW);

    /// @notice Settle offers for a request: pay for what was delivered, take penalties for what was not. Offers that are
    /// settled or whose readings are not final are passed over. For an offer whose window overlaps the event without part in
    /// it, this notes that nothing is owed. The request closes with its last participant.
    /// @return count offers settled by this call
    function settle(uint256 requestId, uint32[] calldata offerIds) external returns (uint256 count);

    /// @notice Close a request: one that lapsed, or one whose readings have been final for 7 days. The rest of its budget goes
    /// back to the zone; participants who are not settled count as not delivered from then on.
    function closeRequest(uint256 requestId) external;

    /* VIEWS */

    function requestOf(uint256 requestId) external view returns (FlexRequest memory);
    function requestCount() external view returns (uint256);
    function standingOrder(uint16 zone, FlexDirection direction) external view returns (StandingOrder memory);

    /// @notice Requests allocated for a zone on a UTC day, in the order of allocation.
    function requestsOfDay(uint16 zone, uint32 day) external view returns (uint32[] memory requestIds);

    /// @notice What a resource was asked for in a slot: change of its power against the baseline, in W, positive towards the
    /// grid; (0, 0) without an event.
    function dispatchOf(uint32 resourceId, uint32 slot)
        external
        view
        returns (int256 powerW, uint256 requestId);

    /// @notice Power accepted of an offer, in W; 0 if it has no part.
    function acceptedOf(uint256 requestId, uint32 offerId) external view returns (uint256 powerW);

    /// @notice The one right marginal price of an event with the offers in the book now. Asks much gas: for calls off chain.
    /// @return found false if nothing is offered up to the cap
    function marginalPriceFor(
        uint16 zone,
        FlexDirection direction,
        uint32 powerW,
        uint40 priceCap,
        uint32 fromSlot,
        uint32 toSlot
    ) external view returns (bool found, uint40 price);

    /// @notice Direction that a call by state would have: by frequency, else voltage, else line loading, whichever is first
    /// beyond its alert band.
    function neededDirection(uint16 zone) external view returns (bool known, FlexDirection direction);

    /// @notice What `requestByState` would call now, and the marginal price to give to it. Asks much gas: for calls off chain.
    /// @return possible false in state NORMAL, without a known need, standing order, free slots or offers
    function proposalByState(uint16 zone)
        external
        view
        returns (
            bool possible,
            FlexDirection direction,
            uint32 fromSlot,
            uint32 toSlot,
            uint40 price
        );

    /// @notice Where an offer stands in a request.
    function standingOf(uint256 requestId, uint32 offerId) external view returns (FlexStanding);

    /// @notice What settlement of a participant comes to, slot by slot, on the record as it is now.
    function deliveryOf(uint256 requestId, uint32 offerId)
        external
        view
        returns (SlotDelivery[] memory slots);

    /// @notice Unix second from which an allocated request may be closed unsettled.
    function closesAt(uint256 requestId) external view returns (uint256);

    /// @notice Units per kWh not delivered, and the highest price of any request.
    function penaltyPerKWh() external view returns (uint256);
}
