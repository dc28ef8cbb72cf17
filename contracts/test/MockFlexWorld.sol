// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {EnergyWord, EnergyWords} from "../types/EnergyWord.sol";
import {Metric} from "../types/FeedState.sol";
import {GridLimits} from "../types/GridLimits.sol";
import {GridMetrics} from "../types/GridMetrics.sol";
import {Resource, ResourceClass} from "../types/GridResources.sol";
import {GridState} from "../types/GridStates.sol";
import {MeterInfo, MeterStatus} from "../types/MeterInfo.sol";
import {Connection, Quality} from "../types/Metering.sol";
import {ZoneState} from "../types/Settlement.sol";

/// @notice All that the flexibility market asks of others, as a test writes it down: meters and their record, resources,
/// operators, states and measured values.
contract MockFlexWorld {
    /// @dev What a meter shows where nothing else is written, from its first slot to `until`.
    struct Profile {
        uint64 importWh;
        uint64 exportWh;
        uint32 until;
    }

    MeterInfo[] private _meters;
    Resource[] private _resources;
    mapping(address owner => uint32) private _connections;
    mapping(address owner => Profile) private _profiles;
    mapping(address owner => mapping(uint32 slot => uint256)) private _written;
    mapping(uint16 zone => address) private _operators;
    mapping(uint16 zone => GridState) private _states;
    mapping(uint16 zone => GridMetrics) private _metrics;
    mapping(uint16 zone => GridLimits) private _limits;

    function addMeter(address owner, uint16 zone, uint32 firstSlot) external returns (uint32 meterId) {
        MeterInfo memory info;
        info.owner = owner;
        info.zone = zone;
        info.status = MeterStatus.ACTIVE;
        info.firstSlot = firstSlot;
        _meters.push(info);
        meterId = uint32(_meters.length);
        _connections[owner] = meterId;
    }

    function setStatus(uint32 meterId, MeterStatus status) external {
        _meters[meterId - 1].status = status;
    }

    function addResource(address owner, uint16 zone, uint32 meterId, uint32 importW, uint32 exportW)
        external
        returns (uint32)
    {
        Resource memory resource;
        resource.owner = owner;
        resource.zone = zone;
        resource.kind = ResourceClass.LOAD;
        resource.meterId = meterId;
        resource.ratedImportW = importW;
        resource.ratedExportW = exportW;
        resource.isActive = true;
        _resources.push(resource);
        return uint32(_resources.length);
    }

    function setActive(uint32 resourceId, bool isActive) external {
        _resources[resourceId - 1].isActive = isActive;
    }

    function setAvailable(uint32 resourceId, uint8 from, uint8 to) external {
        _resources[resourceId - 1].availableFrom = from;
        _resources[resourceId - 1].availableTo = to;
    }

    function setProfile(address owner, uint64 importWh, uint64 exportWh, uint32 until) external {
        _profiles[owner] = Profile(importWh, exportWh, until);
    }

    function write(
        address owner,
        uint32 fromSlot,
        uint32 count,
        uint64 importWh,
        uint64 exportWh,
        Quality quality
    ) external {
        uint256 word = EnergyWord.unwrap(EnergyWords.pack(importWh, exportWh, 0, quality));
        for (uint32 i = 0; i < count; ++i) _written[owner][fromSlot + i] = word | (1 << 255);
    }

    function setOperator(uint16 zone, address operator) external {
        _operators[zone] = operator;
    }

    function setState(uint16 zone, GridState state) external {
        _states[zone] = state;
    }

    function setMetrics(uint16 zone, GridMetrics calldata metrics) external {
        _metrics[zone] = metrics;
    }

    function setLimits(uint16 zone, GridLimits calldata limits) external {
        _limits[zone] = limits;
    }

    function resourceOf(uint32 resourceId) external view returns (Resource memory) {
        return _resources[resourceId - 1];
    }

    function meterInfo(uint32 meterId) external view returns (MeterInfo memory) {
        return _meters[meterId - 1];
    }

    function connectionOf(address account) external view returns (Connection memory connection) {
        connection.meterId = _connections[account];
    }

    function slotEnergyWords(address account, uint32 firstSlot, uint32 count)
        external
        view
        returns (EnergyWord[] memory words)
    {
        words = new EnergyWord[](count);
        Profile memory profile = _profiles[account];
        for (uint32 i = 0; i < count; ++i) {
            uint256 word = _written[account][firstSlot + i];
            if (word != 0) words[i] = EnergyWord.wrap(word & ~(uint256(1) << 255));
            else if (firstSlot + i < profile.until) {
                words[i] =
                    EnergyWords.pack(profile.importWh, profile.exportWh, 0, Quality.MEASURED);
            }
        }
    }

    function readingDeadline(uint32 slot) external pure returns (uint256) {
        return (uint256(slot) / 96 + 2) * 86_400;
    }

    function zoneState(uint16 zone) external view returns (ZoneState memory state) {
        state.operator = _operators[zone];
    }

    function gridState(uint16 zone) external view returns (GridState, uint40, uint40) {
        return (_states[zone], 0, 0);
    }

    function gridMetrics(uint16 zone) external view returns (GridMetrics memory) {
        return _metrics[zone];
    }

    function gridLimits(uint16 zone) external view returns (GridLimits memory) {
        return _limits[zone];
    }
}
