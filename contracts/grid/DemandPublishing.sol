// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IDemandResponse} from "../interfaces/IDemandResponse.sol";
import {IGridStates} from "../interfaces/IGridStates.sol";
import {IResourceRegister} from "../interfaces/IResourceRegister.sol";
import {ISettlementZones} from "../interfaces/ISettlementZones.sol";
import {DemandRules} from "../libraries/DemandRules.sol";
import {SLOT_SECONDS, SLOTS_PER_DAY} from "../libraries/MeterConstants.sol";
import {
    DemandEvent,
    EventMode,
    EventStatus,
    NewDemandEvent,
    StatePlan
} from "../types/DemandEvents.sol";
import {GridState} from "../types/GridStates.sol";

/// @title The events themselves
/// @notice Part of `DemandResponse`: who publishes and stops events, and which are published. See `IDemandResponse`.
abstract contract DemandPublishing is IDemandResponse, AccessManaged {
    using DemandRules for DemandEvent;

    /* CONSTANTS */

    uint256 private constant MAX_EVENT_SLOTS = SLOTS_PER_DAY;
    /// @dev As far as meters are registered ahead.
    uint256 private constant MAX_LEAD_SLOTS = 7 * SLOTS_PER_DAY;
    /// @dev Owners have one whole slot to leave an operator's OPT_OUT event.
    uint256 private constant OPT_OUT_LEAD_SLOTS = 2;
    /// @dev Published at a time by a zone's operator; the grid's state has a place of its own beside them.
    uint256 internal constant MAX_OPERATOR_EVENTS = 16;
    uint256 private constant MAX_LISTED = 256;
    /// @dev Two heartbeats of the grid's feeds: the state of an update that came too late for one is still taken.
    uint256 private constant STATE_MAX_AGE = 30 minutes;

    /* IMMUTABLES */

    IResourceRegister internal immutable RESOURCES;
    IGridStates private immutable STATES;
    ISettlementZones private immutable ZONES;

    /* STORAGE */

    /// @inheritdoc IDemandResponse
    uint32 public eventCount;

    mapping(uint32 eventId => DemandEvent) internal _events;
    mapping(uint32 eventId => uint32[]) internal _participants;

    mapping(uint16 zone => uint32[]) private _open;
    mapping(uint16 zone => uint32) private _stateEvents;
    mapping(uint16 zone => StatePlan) private _plans;
    mapping(uint16 zone => address) private _dispatchers;

    constructor(IResourceRegister resources, IGridStates states, ISettlementZones zones) {
        RESOURCES = resources;
        STATES = states;
        ZONES = zones;
    }

    /* OPERATORS */

    /// @inheritdoc IDemandResponse
    function publishEvent(NewDemandEvent calldata terms, uint32[] calldata participants)
        external
        returns (uint32 eventId)
    {
        // Check.
        _requireOperator(terms.zone);
        DemandRules.checkSignal(terms.classes, terms.kind, terms.value);
        uint256 nowSlot = block.timestamp / SLOT_SECONDS;
        uint256 earliest = nowSlot + (terms.mode == EventMode.OPT_OUT ? OPT_OUT_LEAD_SLOTS : 1);
        if (terms.fromSlot < earliest || terms.fromSlot > nowSlot + MAX_LEAD_SLOTS) {
            revert EventStartInvalid(terms.fromSlot, earliest, nowSlot + MAX_LEAD_SLOTS);
        }
        uint256 length = terms.toSlot > terms.fromSlot ? terms.toSlot - terms.fromSlot : 0;
        if (length == 0 || length > MAX_EVENT_SLOTS) {
            revert EventLengthInvalid(length, MAX_EVENT_SLOTS);
        }
        _checkParticipants(participants);
        _forgetPast(terms.zone);
        uint256 byOperator = _open[terms.zone].length;
        if (byOperator != 0 && !_isOver(_stateEvents[terms.zone])) --byOperator;
        if (byOperator >= MAX_OPERATOR_EVENTS) {
            revert TooManyEvents(byOperator + 1, MAX_OPERATOR_EVENTS);
        }
        // Effect.
        eventId = _publish(terms, participants, false);
    }

    /// @inheritdoc IDemandResponse
    function cancelEvent(uint32 eventId) external {
        DemandEvent memory demand = _known(eventId);
        _requireOperator(demand.zone);
        _requireStatus(eventId, demand, EventStatus.UPCOMING);
        _stop(eventId, demand);
    }

    /// @inheritdoc IDemandResponse
    function endEvent(uint32 eventId) external {
        DemandEvent memory demand = _known(eventId);
        _requireOperator(demand.zone);
        _requireStatus(eventId, demand, EventStatus.ACTIVE);
        _stop(eventId, demand);
    }

    /// @inheritdoc IDemandResponse
    function nameDispatcher(uint16 zone, address dispatcher) external {
        _requireOperatorItself(zone);
        emit DispatcherNamed(zone, _dispatchers[zone], dispatcher);
        _dispatchers[zone] = dispatcher;
    }

    /// @inheritdoc IDemandResponse
    function setStatePlan(uint16 zone, StatePlan calldata plan) external {
        // Check.
        _requireOperatorItself(zone);
        if (plan.slots != 0) {
            if (plan.lowest == GridState.NORMAL) {
                revert StatePlanInvalid(plan.lowest, GridState.ALERT);
            }
            if (plan.slots > MAX_EVENT_SLOTS) {
                revert EventLengthInvalid(plan.slots, MAX_EVENT_SLOTS);
            }
            DemandRules.checkSignal(plan.classes, plan.kind, plan.value);
        }
        // Effect.
        emit StatePlanSet(zone, _plans[zone], plan);
        _plans[zone] = plan;
    }

    /* ANYBODY */

    /// @inheritdoc IDemandResponse
    function publishByState(uint16 zone) external returns (uint32 eventId) {
        // Check.
        StatePlan memory plan = _plans[zone];
        if (plan.slots == 0) revert NoStatePlan(zone);
        uint32 former = _stateEvents[zone];
        if (!_isOver(former)) revert StateEventPublished(former);
        (GridState state,, uint40 updatedAt) = STATES.gridState(zone);
        if (DemandRules.severity(state) < DemandRules.severity(plan.lowest)) {
            revert StateTooMild(state, plan.lowest);
        }
        uint256 oldest = block.timestamp - STATE_MAX_AGE;
        if (updatedAt < oldest) revert StateStale(updatedAt, oldest);
        // Effect.
        _forgetPast(zone);
        // Below 2^31: block times have 40 bits, a slot 900 s.
        uint32 fromSlot = uint32(block.timestamp / SLOT_SECONDS) + 1;
        eventId = _publish(
            NewDemandEvent({
                zone: zone,
                classes: plan.classes,
                kind: plan.kind,
                mode: EventMode.OPT_OUT,
                fromSlot: fromSlot,
                toSlot: fromSlot + plan.slots,
                value: plan.value
            }),
            new uint32[](0),
            true
        );
        _stateEvents[zone] = eventId;
    }

    /* RESTRICTED */

    /// @inheritdoc IDemandResponse
    function stopEvent(uint32 eventId) external restricted {
        DemandEvent memory demand = _known(eventId);
        if (demand.statusAt(block.timestamp) != EventStatus.UPCOMING) {
            _requireStatus(eventId, demand, EventStatus.ACTIVE);
        }
        _stop(eventId, demand);
    }

    /* VIEWS */

    /// @inheritdoc IDemandResponse
    function eventOf(uint32 eventId) external view returns (DemandEvent memory) {
        return _known(eventId);
    }

    /// @inheritdoc IDemandResponse
    function statusOf(uint32 eventId) external view returns (EventStatus) {
        return _events[eventId].statusAt(block.timestamp);
    }

    /// @inheritdoc IDemandResponse
    function participantsOf(uint32 eventId) external view returns (uint32[] memory) {
        return _participants[eventId];
    }

    /// @inheritdoc IDemandResponse
    function openEvents(uint16 zone) public view returns (uint32[] memory open) {
        open = _open[zone];
        uint256 kept;
        for (uint256 i; i < open.length; ++i) {
            if (!_isOver(open[i])) open[kept++] = open[i];
        }
        // The list only gets shorter.
        assembly ("memory-safe") { mstore(open, kept) }
    }

    /// @inheritdoc IDemandResponse
    function dispatcherOf(uint16 zone) external view returns (address) {
        return _dispatchers[zone];
    }

    /// @inheritdoc IDemandResponse
    function statePlan(uint16 zone) external view returns (StatePlan memory) {
        return _plans[zone];
    }

    /* INTERNAL */

    function _known(uint32 eventId) internal view returns (DemandEvent memory) {
        if (eventId == 0 || eventId > eventCount) revert UnknownEvent(eventId, eventCount);
        return _events[eventId];
    }

    function _requireStatus(uint32 eventId, DemandEvent memory demand, EventStatus needed)
        internal
        view
    {
        EventStatus status = demand.statusAt(block.timestamp);
        if (status != needed) revert WrongEventStatus(eventId, status, needed);
    }

    /* PRIVATE */

    function _publish(NewDemandEvent memory terms, uint32[] memory participants, bool byState)
        private
        returns (uint32 eventId)
    {
        eventId = ++eventCount;
        _events[eventId] = DemandEvent({
            zone: terms.zone,
            classes: terms.classes,
            kind: terms.kind,
            mode: terms.mode,
            fromSlot: terms.fromSlot,
            toSlot: terms.toSlot,
            value: terms.value,
            byState: byState,
            listed: uint16(participants.length), // at most 256
            stoppedAt: 0
        });
        if (participants.length != 0) _participants[eventId] = participants;
        _open[terms.zone].push(eventId);
        emit EventPublished(eventId, terms.zone, msg.sender, terms, byState, participants);
    }

    function _stop(uint32 eventId, DemandEvent memory demand) private {
        // Block times have 40 bits for 34,000 years.
        uint40 stoppedAt = uint40(block.timestamp);
        bool hasStarted = demand.statusAt(block.timestamp) == EventStatus.ACTIVE;
        _events[eventId].stoppedAt = stoppedAt;
        if (hasStarted) emit EventEnded(eventId, demand.zone, stoppedAt);
        else emit EventCancelled(eventId, demand.zone, stoppedAt);
    }

    /// @dev Drop events from a zone's list whose planned end has come; at most 17.
    function _forgetPast(uint16 zone) private {
        uint32[] storage open = _open[zone];
        for (uint256 i = open.length; i > 0; --i) {
            if (!_isOver(open[i - 1])) continue;
            open[i - 1] = open[open.length - 1];
            open.pop();
        }
    }

    function _isOver(uint32 eventId) private view returns (bool) {
        return _events[eventId].isOver(block.timestamp);
    }

    function _checkParticipants(uint32[] calldata participants) private view {
        if (participants.length == 0) return;
        if (participants.length > MAX_LISTED) {
            revert TooManyResources(participants.length, MAX_LISTED);
        }
        uint32 count = RESOURCES.resourceCount();
        uint32 previous;
        for (uint256 i; i < participants.length; ++i) {
            if (participants[i] <= previous || participants[i] > count) {
                revert ParticipantsInvalid(i, participants[i], count);
            }
            previous = participants[i];
        }
    }

    function _requireOperator(uint16 zone) private view {
        if (msg.sender != _dispatchers[zone]) _requireOperatorItself(zone);
    }

    function _requireOperatorItself(uint16 zone) private view {
        if (msg.sender != ZONES.zoneState(zone).operator) {
            revert NotZoneOperator(msg.sender, zone);
        }
    }
}
