// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {GridBase} from "./GridBase.sol";
import {GridBreakers} from "./GridBreakers.sol";
import {ResourceRoom} from "./ResourceRoom.sol";
import {StabilityScores} from "./StabilityScores.sol";

/// @title GridManagement
/// @notice Keeps the market within the limits of the grid: see `IGridManagement`. Zones, states, stability and breakers are
/// here; energy resources and set-points run in `ResourceRoom` by `delegatecall`. Market and dispatch level, seconds to
/// minutes; never plant protection.
contract GridManagement is GridBreakers, StabilityScores {
    /// @dev Created here, fixed for ever; see the warning of `GridBase`.
    address private immutable ROOM;

    /// @param authority the AccessManager
    /// @param gridOracle_ demand, supply, frequency, voltage and line loading of the zones
    /// @param smartMeter_ meters and their owners
    /// @param market_ takes halts and capacities; this contract must hold its roles BREAKER and GRID
    /// @param assetRegister_ register of asset NFTs, or zero while there is none
    constructor(
        address authority,
        address gridOracle_,
        address smartMeter_,
        address market_,
        address assetRegister_
    ) GridBase(authority, gridOracle_, smartMeter_, market_, assetRegister_) {
        ROOM = address(
            new ResourceRoom(authority, gridOracle_, smartMeter_, market_, assetRegister_)
        );
    }

    /// @dev Run what is not in this contract in the room, on this contract's storage, and end the call with the room's
    /// answer or error. Safe because the code at `ROOM` is created by our constructor, cannot change, and shares
    /// `GridBase`.
    fallback() external {
        address room = ROOM;
        assembly ("memory-safe") {
            let data := mload(0x40)
            calldatacopy(data, 0, calldatasize())
            let success := delegatecall(gas(), room, data, calldatasize(), 0, 0)
            returndatacopy(data, 0, returndatasize())
            if success { return(data, returndatasize()) }
            revert(data, returndatasize())
        }
    }

    /* VIEWS */

    /// @notice Where the values come from.
    function gridOracle() external view returns (address) {
        return address(GRID_ORACLE);
    }

    /// @notice Meters and their owners.
    function smartMeter() external view returns (address) {
        return address(SMART_METER);
    }

    /// @notice The market that halts and capacities go to.
    function market() external view returns (address) {
        return address(MARKET);
    }

    /// @notice Register of asset NFTs; zero while there is none.
    function assetRegister() external view returns (address) {
        return ASSET_REGISTER;
    }

    /// @notice The code that runs resources and set-points.
    function resourceRoom() external view returns (address) {
        return ROOM;
    }
}
