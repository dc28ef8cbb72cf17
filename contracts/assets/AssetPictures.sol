// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AssetMetadata} from "../libraries/AssetMetadata.sol";
import {Asset} from "../types/Assets.sol";

/// @title Metadata of assets
/// @notice Writes names, attributes and pictures for `EnergyAssetNFT`, which creates it and hands it the figures. Apart
/// from it only because of the size that a contract may have; it has no state.
contract AssetPictures {
    /// @notice See `AssetMetadata.uri`.
    function uri(
        uint256 assetId,
        Asset calldata asset,
        uint256 newestMonth,
        uint256[12] calldata monthsWh,
        uint256 totalWh
    ) external pure returns (string memory) {
        return AssetMetadata.uri(assetId, asset, newestMonth, monthsWh, totalWh);
    }
}
