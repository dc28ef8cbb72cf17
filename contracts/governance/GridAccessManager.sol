// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title The one authority: who may call which restricted function
/// @notice OpenZeppelin's AccessManager, unchanged. Ids of the roles and what each may call are tabled in
/// `docs/specification.md`, section 8, and wired by `scripts/deploy.py`. The admin role (0) is the
/// governor: it grants roles and calls every restricted function that no other role is set for.
contract GridAccessManager is AccessManager {
    /// @param initialAdmin first holder of the admin role
    constructor(address initialAdmin) AccessManager(initialAdmin) {}
}
