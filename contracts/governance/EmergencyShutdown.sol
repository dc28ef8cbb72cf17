// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IEmergencyShutdown} from "../interfaces/IEmergencyShutdown.sol";
import {IMarketZones} from "../interfaces/IMarketZones.sol";
import {ISettlement} from "../interfaces/ISettlement.sol";
import {ISettlementExits} from "../interfaces/ISettlementExits.sol";
import {ExitStage} from "../types/SettlementExits.sol";

/// @notice See `IEmergencyShutdown`.
/// @dev Holds no money and no state: where the end stands is known to the clearing house. It alone has the role that may
/// call `windDown` and `closeZones`.
contract EmergencyShutdown is AccessManaged, IEmergencyShutdown {
    /// @dev About 3 million gas.
    uint256 private constant MAX_ZONES = 200;

    ISettlement private immutable _SETTLEMENT;
    IMarketZones private immutable _MARKET;

    /// @param authority access manager for the restricted functions
    /// @param settlement_ the clearing house
    /// @param market_ the market whose accounts it keeps
    constructor(address authority, ISettlement settlement_, IMarketZones market_)
        AccessManaged(authority)
    {
        _SETTLEMENT = settlement_;
        _MARKET = market_;
    }

    /// @inheritdoc IEmergencyShutdown
    function trigger() external restricted returns (uint32 fromSlot) {
        fromSlot = _SETTLEMENT.windDown();
        emit ShutdownTriggered(msg.sender, fromSlot);
        _closeZones(0, MAX_ZONES, fromSlot);
    }

    /// @inheritdoc IEmergencyShutdown
    function closeZones(uint256 first, uint256 count) external {
        if (count > MAX_ZONES) revert TooManyZones(count, MAX_ZONES);
        uint32 fromSlot = _SETTLEMENT.windDownSlot();
        if (fromSlot == 0) revert ISettlementExits.StillOpen();
        _closeZones(first, count, fromSlot);
    }

    /// @inheritdoc IEmergencyShutdown
    function stage() external view returns (ExitStage) {
        return _SETTLEMENT.exitStage();
    }

    /// @inheritdoc IEmergencyShutdown
    function settlement() external view returns (address) {
        return address(_SETTLEMENT);
    }

    /// @inheritdoc IEmergencyShutdown
    function market() external view returns (address) {
        return address(_MARKET);
    }

    function _closeZones(uint256 first, uint256 count, uint32 fromSlot) private {
        uint256 zones = _SETTLEMENT.zoneCount();
        if (first >= zones) return;
        if (count > zones - first) count = zones - first;
        uint16[] memory closing = new uint16[](count);
        for (uint256 i = 0; i < count; ++i) closing[i] = _SETTLEMENT.zoneAt(first + i);
        _MARKET.closeZones(closing, fromSlot);
    }
}
