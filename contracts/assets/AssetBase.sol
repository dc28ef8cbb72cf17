// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {
    ERC721Enumerable
} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Enumerable.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";

import {IEnergyAssets} from "../interfaces/IEnergyAssets.sol";
import {IMeterHistory} from "../interfaces/IMeterHistory.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {Asset, AssetKind, MeterBinding} from "../types/Assets.sol";

/// @title What the parts of `EnergyAssetNFT` share
abstract contract AssetBase is IEnergyAssets, ERC721Enumerable, AccessManaged, EIP712, Nonces {
    /// @dev `SmartMeter`, by two of its interfaces.
    IMeterRegistry internal immutable METERS;
    IMeterHistory internal immutable HISTORY;

    mapping(uint256 assetId => Asset) internal _assets;
    /// @dev In order of time, never overlapping.
    mapping(uint256 assetId => MeterBinding[]) internal _bindings;

    constructor(address authority, address smartMeter)
        ERC721("Energy Asset", "ASSET")
        AccessManaged(authority)
        EIP712("energy-grid EnergyAssetNFT", "1")
    {
        if (smartMeter == address(0)) revert ZeroAssetField("smartMeter");
        METERS = IMeterRegistry(smartMeter);
        HISTORY = IMeterHistory(smartMeter);
    }

    function _generates(AssetKind kind) internal pure returns (bool) {
        return kind <= AssetKind.COMBINED_HEAT_AND_POWER;
    }

    /// @dev What a market place shows of the asset has changed (ERC-4906).
    function _changed(uint256 assetId) internal {
        emit IERC4906.MetadataUpdate(assetId);
    }

    function _requireOwner(uint256 assetId) internal view {
        address owner = _requireOwned(assetId);
        if (owner != msg.sender) revert NotAssetOwner(msg.sender, owner);
    }
}
