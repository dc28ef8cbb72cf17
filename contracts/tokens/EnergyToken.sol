// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

import {IEnergyToken} from "../interfaces/IEnergyToken.sol";

/// @notice See `IEnergyToken`.
contract EnergyToken is ERC20, ERC20Permit, AccessManaged, IEnergyToken {
    /// @param authority access manager that says who may mint
    constructor(address authority)
        ERC20("Energy Certificate", "kWh")
        ERC20Permit("Energy Certificate")
        AccessManaged(authority)
    {}

    /// @inheritdoc IEnergyToken
    function mint(address to, uint256 energyWh) external restricted {
        _mint(to, energyWh);
        emit Minted(to, energyWh);
    }

    /// @inheritdoc IEnergyToken
    function retire(uint256 energyWh) external {
        _burn(msg.sender, energyWh);
        emit Retired(msg.sender, energyWh);
    }

    /// @notice 3: one token is a kWh, one base unit a Wh.
    function decimals() public pure override returns (uint8) {
        return 3;
    }
}
