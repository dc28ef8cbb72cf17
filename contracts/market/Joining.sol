// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ISettlementJoining} from "../interfaces/ISettlementJoining.sol";
import {JoinLimits} from "../types/JoinLimits.sol";
import {SettlementLedger} from "./SettlementLedger.sol";

/// @notice Limits of joining as a trader. See `ISettlementJoining`.
abstract contract Joining is SettlementLedger, ISettlementJoining {
    uint256 private constant LOWEST_LIMIT = 100;
    uint256 private constant HIGHEST_LIMIT = 20_000;

    /// @inheritdoc ISettlementJoining
    function setJoinLimits(JoinLimits calldata limits) external restricted {
        _requireLimit(limits.globalPerDay, HIGHEST_LIMIT);
        _requireLimit(limits.zonePerDay, limits.globalPerDay);

        emit JoinLimitsChanged(_joinLimits, limits);
        _joinLimits = limits;
    }

    /// @inheritdoc ISettlementJoining
    function joinLimits() external view returns (JoinLimits memory) {
        return _joinLimits;
    }

    /// @inheritdoc ISettlementJoining
    function joinAllowances(uint16 zone) external view returns (uint256 total, uint256 ofZone) {
        JoinLimits memory limits = _joinLimits;
        total = _joined.available(_perDay(limits.globalPerDay), block.timestamp);
        ofZone = _joinedZone[zone].available(_perDay(limits.zonePerDay), block.timestamp);
    }

    function _requireLimit(uint256 given, uint256 highest) private pure {
        if (given < LOWEST_LIMIT || given > highest) {
            revert JoinLimitOutOfRange(given, LOWEST_LIMIT, highest);
        }
    }
}
