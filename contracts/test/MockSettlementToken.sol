// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @notice A 6-decimal coin with permit for local chains. Anybody can mint: never deploy it where money is meant.
contract MockSettlementToken is ERC20, ERC20Permit {
    constructor() ERC20("Mock Euro", "mEUR") ERC20Permit("Mock Euro") {}

    /// @notice Create `amount` base units for `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice 6, like the common euro and dollar coins.
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
