// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ProductId} from "../types/Market.sol";
import {Interconnector} from "../types/Region.sol";

/// @title Regions and their interconnectors
/// @notice Zones of one region are cleared together over their interconnectors and share certificates. The id of a
/// region is that of its head zone; a zone that never joined another is a region of its own.
interface IInterconnectors {
    /// @notice A zone became part of a region.
    event RegionJoined(uint16 indexed zone, uint16 indexed region);

    /// @notice An interconnector was added. Capacities in W, `forward` from `fromZone` to `toZone`.
    event InterconnectorAdded(
        uint16 indexed region,
        uint256 indexed index,
        uint16 fromZone,
        uint16 toZone,
        uint256 forwardW,
        uint256 backW,
        address owner
    );

    /// @notice Capacities in W, for clearings from now on.
    event CapacitySet(
        uint16 indexed region,
        uint256 indexed index,
        uint256 oldForwardW,
        uint256 oldBackW,
        uint256 newForwardW,
        uint256 newBackW
    );

    /// @notice A zone joins before its first market terms only.
    error ZoneHasTerms(uint16 zone);
    /// @notice The zone belongs to a region already, or is the head of one.
    error ZoneInRegion(uint16 zone, uint16 region);
    /// @notice The zone named as region is not a head: it belongs to `region` itself.
    error NotAHeadZone(uint16 given, uint16 region);
    /// @notice A region is full.
    error TooManyZones(uint256 given, uint256 allowed);
    /// @notice A region has as many interconnectors as it can have.
    error TooManyInterconnectors(uint256 given, uint256 allowed);
    /// @notice An interconnector joins two different zones of one region.
    error NotOneRegion(uint16 fromZone, uint16 toZone);
    /// @notice Somebody must receive the rent.
    error OwnerZero();
    /// @notice More than the field holds. In W.
    error CapacityTooLarge(uint256 givenW, uint256 allowedW);
    /// @notice The region has no such interconnector. @param count how many it has
    error InterconnectorUnknown(uint16 region, uint256 index, uint256 count);

    /// @notice Make `zone` part of the region of head zone `region`, before the zone's first market terms. At most 7
    /// zones. Restricted.
    function joinRegion(uint16 zone, uint16 region) external;

    /// @notice Add an interconnector between two zones of one region, at most two for each zone of the region and 12
    /// together. It carries from the next clearing on. Restricted.
    /// @param forwardW capacity from `fromZone` to `toZone` in W; a slot carries `W / 4` Wh in whole lots, rounded down
    /// @param backW capacity the other way in W
    /// @param owner account that receives the congestion rent
    /// @return index number within the region, from 0
    function addInterconnector(
        uint16 fromZone,
        uint16 toZone,
        uint256 forwardW,
        uint256 backW,
        address owner
    ) external returns (uint256 index);

    /// @notice Change capacities; holds for clearings from then on. Restricted.
    function setCapacity(uint16 region, uint256 index, uint256 forwardW, uint256 backW) external;

    /// @notice Zones of a region, head first.
    function zonesOf(uint16 region) external view returns (uint16[] memory);

    /// @notice Lots per slot over an interconnector in an auction of the region's head zone, positive from `fromZone`
    /// to `toZone`; 0 if the region was not cleared as one.
    function flowOf(ProductId regionProduct, uint256 index) external view returns (int256 lots);

    /// @notice Interconnectors of a region by index.
    function interconnectorsOf(uint16 region) external view returns (Interconnector[] memory);
}
