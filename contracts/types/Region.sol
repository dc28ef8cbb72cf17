// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice A line between two zones of a region.
/// @param owner account that receives the congestion rent
/// @param fromZone zone where a forward flow leaves
/// @param toZone zone where it arrives
/// @param forwardW capacity from `fromZone` to `toZone` in W
/// @param backW capacity the other way in W
struct Interconnector {
    address owner;
    uint16 fromZone;
    uint16 toZone;
    uint256 forwardW;
    uint256 backW;
}
