// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title EnergyToken: certificates of verified renewable export
/// @notice ERC-20 with permit; 1 token = 1 kWh, 3 decimals, so one base unit is 1 Wh. Supply changes by minting and
/// retiring only: `totalSupply == minted - retired`, both as sums of the two events below.
interface IEnergyToken is IERC20 {
    /// @param to first holder @param energyWh verified export, Wh
    event Minted(address indexed to, uint256 energyWh);
    /// @param holder whose tokens were destroyed for good @param energyWh Wh
    event Retired(address indexed holder, uint256 energyWh);

    /// @notice Create certificates. Restricted (minter: the settlement contract, which mints verified export once
    /// per account and slot).
    function mint(address to, uint256 energyWh) external;

    /// @notice Destroy the caller's own certificates: they are used up and can never be traded or minted again.
    function retire(uint256 energyWh) external;
}
