// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ExitStage} from "../types/SettlementExits.sol";

/// @title The emergency shutdown: governance ends the market, for ever
/// @notice One call closes all zones to trading and winds the clearing house down from the first slot that has not begun
/// (`ISettlementExits`). There is no way back, and nobody is needed afterwards: what follows is permissionless. A guardian can
/// halt trading meanwhile, but cannot trigger this.
interface IEmergencyShutdown {
    /// @param by who triggered it @param fromSlot first slot that is void
    event ShutdownTriggered(address indexed by, uint32 indexed fromSlot);

    /// @notice More zones in one call than allowed.
    error TooManyZones(uint256 given, uint256 allowed);

    /// @notice Wind the market down and close its first 200 zones. Restricted (governor); works once.
    /// @return fromSlot first slot that is void
    function trigger() external returns (uint32 fromSlot);

    /// @notice After the trigger: close further zones, by their positions in `ISettlementZones.zoneAt`. Anybody may call.
    /// @param first position of the first zone
    /// @param count at most 200
    function closeZones(uint256 first, uint256 count) external;

    /// @notice How far the end is, as `ISettlementExits.exitStage`.
    function stage() external view returns (ExitStage);

    /// @notice The clearing house that is wound down.
    function settlement() external view returns (address);

    /// @notice The market that is closed.
    function market() external view returns (address);
}
