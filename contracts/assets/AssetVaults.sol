// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IAssetVaults} from "../interfaces/IAssetVaults.sol";
import {VaultTerms} from "../types/AssetShares.sol";
import {AssetShares} from "./AssetShares.sol";

/// @title AssetVaults
/// @notice See `IAssetVaults`.
contract AssetVaults is IAssetVaults {
    /// @inheritdoc IAssetVaults
    address public immutable assets;
    /// @inheritdoc IAssetVaults
    address public immutable settlement;

    address[] private _vaults;
    /// @inheritdoc IAssetVaults
    mapping(address vault => bool) public isVault;

    /// @param assets_ `EnergyAssetNFT`
    /// @param settlement_ `Settlement`, over the same `SmartMeter`
    constructor(address assets_, address settlement_) {
        (assets, settlement) = (assets_, settlement_);
    }

    /// @inheritdoc IAssetVaults
    function createVault(VaultTerms calldata terms) external returns (address vault) {
        uint256 number = _vaults.length + 1;
        vault = address(new AssetShares(assets, settlement, number, msg.sender, terms));
        _vaults.push(vault);
        isVault[vault] = true;
        emit VaultCreated(vault, msg.sender, number, terms);
    }

    /// @inheritdoc IAssetVaults
    function vaultCount() external view returns (uint256) {
        return _vaults.length;
    }

    /// @inheritdoc IAssetVaults
    function vaultAt(uint256 index) external view returns (address vault) {
        return index < _vaults.length ? _vaults[index] : address(0);
    }
}
