// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {VaultTerms} from "../types/AssetShares.sol";

/// @title Vaults of energy assets
/// @notice Creates a vault (`IAssetShares`) for whoever wants to divide the ownership of an asset. A vault is genuine if
/// this contract has created it: its code is that of this deployment and cannot change. Nobody has power over it but
/// those whom its own rules name.
interface IAssetVaults {
    /// @notice A vault was created. `AssetLocked` of the vault tells of its asset.
    /// @param number 1 for the first
    event VaultCreated(
        address indexed vault, address indexed founder, uint256 indexed number, VaultTerms terms
    );

    /// @notice Create a vault with the caller as its founder.
    function createVault(VaultTerms calldata terms) external returns (address vault);

    /// @notice Whether this contract has created it.
    function isVault(address vault) external view returns (bool);

    /// @notice Number of vaults.
    function vaultCount() external view returns (uint256);

    /// @notice Vaults in order, 0-based; zero beyond the last.
    function vaultAt(uint256 index) external view returns (address vault);

    /// @notice `EnergyAssetNFT`.
    function assets() external view returns (address);

    /// @notice `Settlement`.
    function settlement() external view returns (address);
}
