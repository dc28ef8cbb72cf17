// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {Resource, ResourceClass} from "../types/GridResources.sol";
import {GridState} from "../types/GridStates.sol";
import {MeterInfo} from "../types/MeterInfo.sol";
import {SetPoint} from "../types/SetPoints.sol";
import {ZoneState} from "../types/Settlement.sol";

/// @notice What `DemandResponse` asks of its neighbours, as a test says: resources, states, meters and operators;
/// and what a bridge asks of grid management.
contract MockDemandWorld {
    error UnknownResource(uint256 resourceId);

    Resource[] private _resources;
    mapping(uint16 zone => GridState) private _states;
    mapping(uint16 zone => uint40) private _updatedAt;
    mapping(uint16 zone => address) private _operators;
    mapping(address owner => uint32[2]) private _metersOf;
    mapping(uint32 meterId => uint16) private _zoneOf;
    SetPoint private _setPoint;

    function addMeter(address owner, uint32 connectionId, uint32 productionId, uint16 zone)
        external
    {
        _metersOf[owner] = [connectionId, productionId];
        _zoneOf[connectionId] = zone;
        _zoneOf[productionId] = zone;
    }

    function addResource(address owner, uint16 zone, ResourceClass kind, uint32 meterId) external {
        Resource memory resource;
        resource.owner = owner;
        resource.zone = zone;
        resource.kind = kind;
        resource.meterId = meterId;
        resource.isActive = true;
        _resources.push(resource);
    }

    function setActive(uint32 resourceId, bool isActive) external {
        _resources[resourceId - 1].isActive = isActive;
    }

    function setMeter(uint32 resourceId, uint32 meterId) external {
        _resources[resourceId - 1].meterId = meterId;
    }

    function setState(uint16 zone, GridState state, uint40 updatedAt) external {
        (_states[zone], _updatedAt[zone]) = (state, updatedAt);
    }

    function setSetPoint(
        int256 lowestW,
        int256 highestW,
        int256 droopW,
        int256 reactiveVar,
        uint40 basedOn
    ) external {
        _setPoint.lowestW = lowestW;
        _setPoint.highestW = highestW;
        _setPoint.droopW = droopW;
        _setPoint.reactiveVar = reactiveVar;
        _setPoint.basedOn = basedOn;
    }

    function setOperator(uint16 zone, address operator) external {
        _operators[zone] = operator;
    }

    function resourceCount() external view returns (uint32) {
        return uint32(_resources.length);
    }

    function resourceOf(uint32 resourceId) external view returns (Resource memory) {
        if (resourceId == 0 || resourceId > _resources.length) revert UnknownResource(resourceId);
        return _resources[resourceId - 1];
    }

    function resourcesOfMeter(uint32 meterId) external view returns (uint32[] memory found) {
        found = new uint32[](_resources.length);
        uint256 count;
        for (uint256 i; i < _resources.length; ++i) {
            if (_resources[i].meterId == meterId) found[count++] = uint32(i + 1);
        }
        assembly ("memory-safe") { mstore(found, count) }
    }

    function gridState(uint16 zone) external view returns (GridState, uint40, uint40) {
        return (_states[zone], 0, _updatedAt[zone]);
    }

    function setpoint(uint32) external view returns (SetPoint memory) {
        return _setPoint;
    }

    function zoneState(uint16 zone) external view returns (ZoneState memory state) {
        state.operator = _operators[zone];
    }

    function metersOf(address owner) external view returns (uint32, uint32) {
        return (_metersOf[owner][0], _metersOf[owner][1]);
    }

    function meterInfo(uint32 meterId) external view returns (MeterInfo memory info) {
        info.zone = _zoneOf[meterId];
    }
}
