// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IDemandResponse} from "../interfaces/IDemandResponse.sol";
import {IEventCalendar} from "../interfaces/IEventCalendar.sol";
import {IGridStates} from "../interfaces/IGridStates.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {IResourceRegister} from "../interfaces/IResourceRegister.sol";
import {ISettlementZones} from "../interfaces/ISettlementZones.sol";
import {DemandRules} from "../libraries/DemandRules.sol";
import {
    Choice,
    DemandEvent,
    EventMode,
    EventStatus,
    VisibleEvent
} from "../types/DemandEvents.sol";
import {Resource} from "../types/GridResources.sol";
import {DemandPublishing} from "./DemandPublishing.sol";

/// @title DemandResponse
/// @notice Who takes part in which event; the events themselves are `DemandPublishing`'s. See `IDemandResponse`.
contract DemandResponse is DemandPublishing {
    using DemandRules for DemandEvent;

    /// @dev One word. @param meterId the meter that was reserved
    struct Participation {
        Choice choice;
        uint32 meterId;
    }

    /* CONSTANTS */

    uint256 private constant MAX_PER_CALL = 64;
    uint256 private constant METERS_OF_ACCOUNT = 2;
    uint256 private constant RESOURCES_OF_METER = 8;

    /* IMMUTABLES */

    IEventCalendar private immutable CALENDAR;
    IMeterRegistry private immutable METERS;

    /* STORAGE */

    mapping(uint32 eventId => mapping(uint32 resourceId => Participation)) private _choices;
    /// @dev Resources of a meter that take part: its slots are reserved while there are any.
    mapping(uint32 eventId => mapping(uint32 meterId => uint8)) private _joinedOfMeter;

    /// @param authority access manager whose GUARDIAN may stop events
    /// @param resources register of resources
    /// @param calendar reservations of meters, shared with flexibility; has to trust this contract
    /// @param states states of the zones
    /// @param meters register of meters
    /// @param zones register of the zones' operators
    constructor(
        address authority,
        IResourceRegister resources,
        IEventCalendar calendar,
        IGridStates states,
        IMeterRegistry meters,
        ISettlementZones zones
    ) AccessManaged(authority) DemandPublishing(resources, states, zones) {
        CALENDAR = calendar;
        METERS = meters;
    }

    /* ANYBODY */

    /// @inheritdoc IDemandResponse
    function enrol(uint32 eventId, uint32[] calldata resourceIds)
        external
        returns (uint256 enrolled)
    {
        DemandEvent memory demand = _known(eventId);
        if (demand.mode != EventMode.OPT_OUT) revert NotOptOut(eventId);
        _requireStatus(eventId, demand, EventStatus.UPCOMING);
        if (resourceIds.length > MAX_PER_CALL) {
            revert TooManyResources(resourceIds.length, MAX_PER_CALL);
        }
        uint32 count = RESOURCES.resourceCount();
        for (uint256 i; i < resourceIds.length; ++i) {
            uint32 resourceId = resourceIds[i];
            if (resourceId == 0 || resourceId > count) continue;
            if (_choices[eventId][resourceId].choice != Choice.NONE) continue;
            Resource memory resource = RESOURCES.resourceOf(resourceId);
            if (!_isTarget(eventId, demand, resourceId, resource)) continue;
            if (
                _joinedOfMeter[eventId][resource.meterId] == 0
                    && !CALENDAR.isFree(resource.meterId, demand.fromSlot, demand.toSlot)
            ) continue;
            _join(eventId, demand, resourceId, resource.meterId, true);
            ++enrolled;
        }
    }

    /// @inheritdoc IDemandResponse
    function release(uint32 eventId, uint32[] calldata meterIds) external {
        DemandEvent memory demand = _known(eventId);
        if (demand.stoppedAt == 0) revert EventNotStopped(eventId);
        if (meterIds.length > MAX_PER_CALL) {
            revert TooManyResources(meterIds.length, MAX_PER_CALL);
        }
        uint32 fromSlot = demand.freeFrom();
        for (uint256 i; i < meterIds.length; ++i) {
            uint32 meterId = meterIds[i];
            if (_joinedOfMeter[eventId][meterId] == 0) revert MeterNotReserved(eventId, meterId);
            delete _joinedOfMeter[eventId][meterId];
            emit MeterReleased(eventId, meterId, fromSlot);
            if (fromSlot < demand.toSlot) CALENDAR.release(meterId, fromSlot, demand.toSlot);
        }
    }

    /* OWNERS */

    /// @inheritdoc IDemandResponse
    function join(uint32 eventId, uint32 resourceId) external {
        (DemandEvent memory demand, Resource memory resource) = _ownersChoice(eventId, resourceId);
        Choice choice = _choices[eventId][resourceId].choice;
        if (choice == Choice.JOINED) revert AlreadyDecided(eventId, resourceId, choice);
        if (!_isTarget(eventId, demand, resourceId, resource)) {
            revert NotTargeted(eventId, resourceId);
        }
        _join(eventId, demand, resourceId, resource.meterId, false);
    }

    /// @inheritdoc IDemandResponse
    function leave(uint32 eventId, uint32 resourceId) external {
        (DemandEvent memory demand, Resource memory resource) = _ownersChoice(eventId, resourceId);
        // Check: who is in may always leave, who is not needs something to leave.
        (Choice choice, uint32 meterId) = (
            _choices[eventId][resourceId].choice, _choices[eventId][resourceId].meterId
        );
        if (choice == Choice.LEFT) revert AlreadyDecided(eventId, resourceId, choice);
        if (choice == Choice.NONE && !_isTarget(eventId, demand, resourceId, resource)) {
            revert NotTargeted(eventId, resourceId);
        }
        // Effect. The meter is the one that was reserved, whatever the resource stands behind by now.
        if (choice == Choice.NONE) meterId = resource.meterId;
        _choices[eventId][resourceId] = Participation(Choice.LEFT, meterId);
        emit ResourceLeft(eventId, resourceId, meterId);
        // Interaction: the last of its meter gives the slots back.
        if (choice == Choice.JOINED && --_joinedOfMeter[eventId][meterId] == 0) {
            CALENDAR.release(meterId, demand.fromSlot, demand.toSlot);
        }
    }

    /* VIEWS */

    /// @inheritdoc IDemandResponse
    function choiceOf(uint32 eventId, uint32 resourceId) external view returns (Choice) {
        return _choices[eventId][resourceId].choice;
    }

    /// @inheritdoc IDemandResponse
    function isParticipating(uint32 eventId, uint32 resourceId) external view returns (bool) {
        return _choices[eventId][resourceId].choice == Choice.JOINED
            && _events[eventId].statusAt(block.timestamp) != EventStatus.CANCELLED;
    }

    /// @inheritdoc IDemandResponse
    function isVisibleTo(uint32 eventId, uint32 resourceId) public view returns (bool) {
        if (_choices[eventId][resourceId].choice == Choice.JOINED) return true;
        if (resourceId == 0 || resourceId > RESOURCES.resourceCount()) return false;
        return _isTarget(
            eventId, _events[eventId], resourceId, RESOURCES.resourceOf(resourceId)
        );
    }

    /// @inheritdoc IDemandResponse
    function eventsOf(address account) external view returns (VisibleEvent[] memory visible) {
        uint32[METERS_OF_ACCOUNT] memory meterIds;
        (meterIds[0], meterIds[1]) = METERS.metersOf(account);
        visible = new VisibleEvent[](
            METERS_OF_ACCOUNT * RESOURCES_OF_METER * (MAX_OPERATOR_EVENTS + 1)
        );
        uint256 count;
        for (uint256 i; i < METERS_OF_ACCOUNT; ++i) {
            if (meterIds[i] == 0) continue;
            uint32[] memory resourceIds = RESOURCES.resourcesOfMeter(meterIds[i]);
            uint32[] memory open = openEvents(METERS.meterInfo(meterIds[i]).zone);
            for (uint256 j; j < resourceIds.length; ++j) {
                for (uint256 k; k < open.length; ++k) {
                    if (!isVisibleTo(open[k], resourceIds[j])) continue;
                    visible[count++] = VisibleEvent({
                        eventId: open[k],
                        resourceId: resourceIds[j],
                        choice: _choices[open[k]][resourceIds[j]].choice,
                        status: _events[open[k]].statusAt(block.timestamp)
                    });
                }
            }
        }
        // The list only gets shorter.
        assembly ("memory-safe") { mstore(visible, count) }
    }

    /* PRIVATE */

    function _join(
        uint32 eventId,
        DemandEvent memory demand,
        uint32 resourceId,
        uint32 meterId,
        bool enrolled
    ) private {
        // Effect. A meter has at most 8 resources.
        _choices[eventId][resourceId] = Participation(Choice.JOINED, meterId);
        uint8 joined = ++_joinedOfMeter[eventId][meterId];
        emit ResourceJoined(eventId, resourceId, meterId, enrolled);
        // Interaction: the first of its meter takes the slots, or the call fails.
        if (joined == 1) CALENDAR.reserve(meterId, demand.fromSlot, demand.toSlot);
    }

    function _isTarget(
        uint32 eventId,
        DemandEvent memory demand,
        uint32 resourceId,
        Resource memory resource
    ) private view returns (bool) {
        return resource.isActive && resource.meterId != 0 && resource.zone == demand.zone
            && DemandRules.includes(demand.classes, resource.kind)
            && (demand.listed == 0 || DemandRules.contains(_participants[eventId], resourceId));
    }

    function _ownersChoice(uint32 eventId, uint32 resourceId)
        private
        view
        returns (DemandEvent memory demand, Resource memory resource)
    {
        demand = _known(eventId);
        _requireStatus(eventId, demand, EventStatus.UPCOMING);
        resource = RESOURCES.resourceOf(resourceId);
        if (msg.sender != resource.owner) revert NotResourceOwner(msg.sender, resource.owner);
    }
}
