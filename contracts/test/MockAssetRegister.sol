// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IAssetRegister} from "../interfaces/IAssetRegister.sol";

/// @notice Assets as a test sets them; one that was never set, or was burnt, does not exist.
contract MockAssetRegister is IAssetRegister {
    struct Binding {
        address owner;
        uint32 meterId;
    }

    mapping(uint256 assetId => Binding) private _bindings;

    error NoSuchAsset(uint256 assetId);

    function set(uint256 assetId, address owner, uint32 meterId) external {
        _bindings[assetId] = Binding(owner, meterId);
    }

    function bindingOf(uint256 assetId) external view returns (address, uint32) {
        Binding memory binding = _bindings[assetId];
        if (binding.owner == address(0)) revert NoSuchAsset(assetId);
        return (binding.owner, binding.meterId);
    }
}
