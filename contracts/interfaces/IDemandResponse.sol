// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    Choice,
    DemandEvent,
    EventStatus,
    NewDemandEvent,
    StatePlan,
    VisibleEvent
} from "../types/DemandEvents.sol";
import {GridState} from "../types/GridStates.sol";

/// @title Demand response
/// @notice Operators ask devices of their zone for less or more, for some slots: by a level, a limit of power or a
/// price. Nothing is paid or charged; what is paid for flexibility is `IFlexibility`'s. A resource takes part when it
/// JOINED before the event starts: by its owner, or, in OPT_OUT events, by enrolment, which anybody may do and its owner
/// may undo until the start. A meter is in one event a slot: whoever takes part has reserved its meter in the
/// calendar that flexibility uses too. Events stay published until their planned end, also when they were
/// cancelled or ended early, so that no device misses how they went. Only resources bound to a meter take part.
///
/// Assumptions: the register, the calendar, the meters, the settlement and the grid's states are this
/// project's contracts, fixed at deployment; the calendar trusts this contract.
interface IDemandResponse {
    /* EVENTS */

    /// @notice An event was published. @param publisher operator, dispatcher, or whoever told the grid's state
    event EventPublished(
        uint32 indexed eventId,
        uint16 indexed zone,
        address indexed publisher,
        NewDemandEvent terms,
        bool byState,
        uint32[] participants
    );
    /// @notice An event was called off before its start.
    event EventCancelled(uint32 indexed eventId, uint16 indexed zone, uint40 stoppedAt);
    /// @notice An event was ended before its planned end: devices are free from this second on.
    event EventEnded(uint32 indexed eventId, uint16 indexed zone, uint40 stoppedAt);
    /// @notice A resource takes part. @param enrolled true: by enrolment, false: by its owner
    event ResourceJoined(
        uint32 indexed eventId, uint32 indexed resourceId, uint32 indexed meterId, bool enrolled
    );
    /// @notice A resource's owner does not want it to take part.
    event ResourceLeft(uint32 indexed eventId, uint32 indexed resourceId, uint32 indexed meterId);
    /// @notice A stopped event gave a meter back to the calendar. @param fromSlot first slot given back
    event MeterReleased(uint32 indexed eventId, uint32 indexed meterId, uint32 fromSlot);
    /// @notice The operator changed who may act for it.
    event DispatcherNamed(uint16 indexed zone, address oldDispatcher, address newDispatcher);
    /// @notice The operator changed what the grid's state may publish.
    event StatePlanSet(uint16 indexed zone, StatePlan oldPlan, StatePlan newPlan);

    /* ERRORS */

    /// @notice The caller is neither the zone's operator nor, where that is enough, its dispatcher.
    error NotZoneOperator(address caller, uint16 zone);
    /// @notice The caller does not own the resource.
    error NotResourceOwner(address caller, address owner);
    /// @notice Ids of events run from 1 without gaps.
    error UnknownEvent(uint32 eventId, uint32 eventCount);
    /// @notice Classes are bits below `allowed`, at least one.
    error ClassesInvalid(uint8 given, uint256 allowed);
    /// @notice The value does not fit its kind.
    error SignalOutOfRange(int64 given, int64 lowest, int64 highest);
    /// @notice The first slot must lie in [earliest, latest].
    error EventStartInvalid(uint32 given, uint256 earliest, uint256 latest);
    /// @notice An event takes at least 1 slot and at most `allowed`. @param given slots; 0 if it ends before it starts
    error EventLengthInvalid(uint256 given, uint256 allowed);
    /// @notice More resources named than one call or event takes.
    error TooManyResources(uint256 given, uint256 allowed);
    /// @notice Named resources are in ascending order, without repetition, and registered.
    error ParticipantsInvalid(uint256 index, uint32 given, uint32 resourceCount);
    /// @notice The zone has as many published events as it may have; the first to end makes room.
    error TooManyEvents(uint256 given, uint256 allowed);
    /// @notice The zone's operator has not said what the grid's state may publish.
    error NoStatePlan(uint16 zone);
    /// @notice A plan starts from a state of trouble; NORMAL is none.
    error StatePlanInvalid(GridState given, GridState lowestAllowed);
    /// @notice The grid's state does not call for an event.
    error StateTooMild(GridState given, GridState lowest);
    /// @notice The grid's state is too old to act upon. @param given unix seconds @param allowed oldest allowed
    error StateStale(uint40 given, uint256 allowed);
    /// @notice The zone's event by state is still published: one at a time.
    error StateEventPublished(uint32 eventId);
    /// @notice The action needs another standing of the event.
    error WrongEventStatus(uint32 eventId, EventStatus given, EventStatus needed);
    /// @notice The event was neither cancelled nor ended early: its meters stay reserved.
    error EventNotStopped(uint32 eventId);
    /// @notice Only OPT_OUT events enrol; others are joined.
    error NotOptOut(uint32 eventId);
    /// @notice The event is not for this resource: other zone, other class, inactive, not named or without meter.
    error NotTargeted(uint32 eventId, uint32 resourceId);
    /// @notice What is asked for has been decided already. @param given how it stands
    error AlreadyDecided(uint32 eventId, uint32 resourceId, Choice given);
    /// @notice The meter takes no part in the event, or has been given back.
    error MeterNotReserved(uint32 eventId, uint32 meterId);

    /* OPERATORS */

    /// @notice Publish an event. For the zone's operator or its dispatcher.
    /// @param terms fromSlot: a slot not begun, 7 days ahead at most; OPT_OUT leaves its owners a whole slot to leave. At
    /// most 96 slots. LEVEL 0 to 3, limits 0 to 2^32 - 1 W, prices any int64
    /// @param participants ascending ids of the only resources it is for, at most 256; empty: all of zone and classes
    /// @return eventId from 1, without gaps
    function publishEvent(NewDemandEvent calldata terms, uint32[] calldata participants)
        external
        returns (uint32 eventId);

    /// @notice Call an event off before it starts. For the zone's operator or its dispatcher.
    function cancelEvent(uint32 eventId) external;

    /// @notice End a running event at once. For the zone's operator or its dispatcher.
    function endEvent(uint32 eventId) external;

    /// @notice Name who may publish, cancel and end for the operator; zero: nobody. For the operator itself.
    function nameDispatcher(uint16 zone, address dispatcher) external;

    /// @notice Say what anybody may publish while the grid is in trouble. For the operator itself.
    /// @param plan `slots` 0: nothing
    function setStatePlan(uint16 zone, StatePlan calldata plan) external;

    /* ANYBODY */

    /// @notice Publish the zone's plan while its state of the last half hour calls for it: OPT_OUT, from the next slot on, for
    /// the plan's classes; one such event at a time, until its planned end.
    function publishByState(uint16 zone) external returns (uint32 eventId);

    /// @notice Let resources take part in an OPT_OUT event before it starts. Those that it is not for, that are in
    /// it already, whose owner left, or whose meter is taken for one of its slots are passed over.
    /// @param resourceIds at most 64
    /// @return enrolled how many take part now that did not before
    function enrol(uint32 eventId, uint32[] calldata resourceIds)
        external
        returns (uint256 enrolled);

    /// @notice Give meters of a cancelled or ended event back to the calendar, from the slot after the stop on.
    /// @param meterIds at most 64, each reserved by the event
    function release(uint32 eventId, uint32[] calldata meterIds) external;

    /* OWNERS */

    /// @notice Take part, until the event starts. For the resource's owner. Reverts with the calendar's error when the meter
    /// is taken for one of the slots.
    function join(uint32 eventId, uint32 resourceId) external;

    /// @notice Take no part, until the event starts. For the resource's owner. Who left may join again.
    function leave(uint32 eventId, uint32 resourceId) external;

    /* RESTRICTED */

    /// @notice Cancel or end an event of any zone. Restricted to GUARDIAN.
    function stopEvent(uint32 eventId) external;

    /* VIEWS */

    /// @notice Number of events ever published.
    function eventCount() external view returns (uint32);

    /// @notice An event's record. Reverts `UnknownEvent`.
    function eventOf(uint32 eventId) external view returns (DemandEvent memory);

    /// @notice An event's standing now; UNKNOWN if there is none.
    function statusOf(uint32 eventId) external view returns (EventStatus);

    /// @notice Resources an event names, ascending; empty if it is for all of its zone and classes.
    function participantsOf(uint32 eventId) external view returns (uint32[] memory);

    /// @notice Events of a zone whose planned end has not come, at most 17, in no particular order.
    function openEvents(uint16 zone) external view returns (uint32[] memory);

    /// @notice What is decided about a resource.
    function choiceOf(uint32 eventId, uint32 resourceId) external view returns (Choice);

    /// @notice Whether a resource takes part in an event that was not cancelled.
    function isParticipating(uint32 eventId, uint32 resourceId) external view returns (bool);

    /// @notice Whether an event is for a resource: active, with meter, of its zone and classes, and named if it names any.
    /// Who joined sees it whatever became of the resource since.
    function isVisibleTo(uint32 eventId, uint32 resourceId) external view returns (bool);

    /// @notice Published events that the resources on an account's meters see (at most 2 meters of 8 resources).
    function eventsOf(address account) external view returns (VisibleEvent[] memory);

    /// @notice Who acts for a zone's operator; zero if nobody.
    function dispatcherOf(uint16 zone) external view returns (address);

    /// @notice What the state of a zone may publish.
    function statePlan(uint16 zone) external view returns (StatePlan memory);
}
