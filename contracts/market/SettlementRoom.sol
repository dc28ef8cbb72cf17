// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SettlementAddresses, SettlementParameters} from "../types/Settlement.sol";
import {SettlementStorage} from "./SettlementStorage.sol";

/// @notice A part of `Settlement` with code of its own.
/// @dev One contract would exceed the 24,576 bytes of EIP-170 (and its creation code the 49,152 of EIP-3860), so
/// `Settlement` runs the functions of its rooms by `delegatecall`, on its own storage and under its own address. Their
/// addresses are immutable: nothing can be exchanged later. They are deployed before it with the same values; it takes
/// them only if `CONFIGURATION` is its own. Called directly, a room works on its own, empty storage: there is no account,
/// no money and no certificate it could touch.
abstract contract SettlementRoom is SettlementStorage {
    /// @notice What the contract was deployed with, hashed.
    bytes32 public immutable CONFIGURATION;

    constructor(SettlementAddresses memory addresses, SettlementParameters memory parameters)
        SettlementStorage(addresses, parameters)
    {
        CONFIGURATION = _configurationOf(addresses, parameters);
    }
}
