// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What the resource register asks a register of assets
interface IAssetRegister {
    /// @notice Who owns an asset and which connection meter it stands behind. Reverts for an asset that does not exist.
    /// @dev Warning: an asset takes one of the eight places behind its meter, and of what the connection may draw and feed
    /// in. It must be bound to a meter only with the consent of the meter's owner.
    function bindingOf(uint256 assetId) external view returns (address owner, uint32 meterId);
}
