// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IGridTimelock} from "../interfaces/IGridTimelock.sol";

/// @notice See `IGridTimelock`.
contract GridTimelock is TimelockController, IGridTimelock {
    uint256 public constant LOWEST_DELAY = 12 hours;
    uint256 public constant HIGHEST_DELAY = 14 days;

    /// @param minDelay seconds from decision to execution
    /// @param proposers who schedule and cancel
    /// @param executors who execute; the zero address means anybody
    /// @param admin wires the roles of the timelock and renounces; zero for none
    constructor(
        uint256 minDelay,
        address[] memory proposers,
        address[] memory executors,
        address admin
    ) TimelockController(minDelay, proposers, executors, admin) {
        _requireDelay(minDelay);
    }

    /// @inheritdoc TimelockController
    function updateDelay(uint256 newDelay) public override {
        _requireDelay(newDelay);
        super.updateDelay(newDelay);
    }

    function _requireDelay(uint256 delay) private pure {
        if (delay < LOWEST_DELAY || delay > HIGHEST_DELAY) {
            revert DelayOutOfBounds(delay, LOWEST_DELAY, HIGHEST_DELAY);
        }
    }
}
