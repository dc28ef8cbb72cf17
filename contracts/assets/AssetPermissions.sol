// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEnergyAssets} from "../interfaces/IEnergyAssets.sol";
import {IERC4907} from "../interfaces/IERC4907.sol";
import {AssetPermission} from "../types/Assets.sol";
import {AssetBase} from "./AssetBase.sol";

/// @title Who else may do something with an asset
/// @notice Part of `EnergyAssetNFT`. All of it ends with every transfer: it belongs to an epoch of the asset.
abstract contract AssetPermissions is IERC4907, AssetBase {
    struct User {
        address account;
        uint64 expires;
    }

    mapping(
        uint256 assetId
            => mapping(
            uint256 epoch
                => mapping(AssetPermission permission => mapping(address account => uint40))
        )
    ) private _expiresAt;
    mapping(uint256 assetId => User) private _users;

    /* OWNERS */

    /// @inheritdoc IEnergyAssets
    function setPermission(
        uint256 assetId,
        AssetPermission permission,
        address account,
        uint40 expiresAt
    ) external {
        _requireOwner(assetId);
        if (account == address(0)) revert ZeroAssetField("account");
        _setPermission(assetId, permission, account, expiresAt);
    }

    /// @inheritdoc IEnergyAssets
    function renouncePermission(uint256 assetId, AssetPermission permission) external {
        if (!hasPermission(assetId, permission, msg.sender)) {
            revert PermissionMissing(assetId, permission, msg.sender);
        }
        _setPermission(assetId, permission, msg.sender, 0);
    }

    /// @inheritdoc IERC4907
    function setUser(uint256 tokenId, address user, uint64 expires) external {
        _checkAuthorized(_requireOwned(tokenId), msg.sender, tokenId);
        _users[tokenId] = User(user, expires);
        emit UpdateUser(tokenId, user, expires);
    }

    /* VIEWS */

    /// @inheritdoc IEnergyAssets
    function hasPermission(uint256 assetId, AssetPermission permission, address account)
        public
        view
        returns (bool)
    {
        return
            block.timestamp < _expiresAt[assetId][_assets[assetId].epoch][permission][account];
    }

    /// @inheritdoc IERC4907
    function userOf(uint256 tokenId) external view returns (address) {
        User memory user = _users[tokenId];
        return block.timestamp <= user.expires ? user.account : address(0);
    }

    /// @inheritdoc IERC4907
    function userExpires(uint256 tokenId) external view returns (uint256) {
        return _users[tokenId].expires;
    }

    /* INTERNAL */

    /// @dev At a transfer: permissions and use belong to the past.
    function _endPermissions(uint256 assetId) internal {
        // 2^32 transfers of one asset are more than a chain can do.
        emit PermissionsEnded(assetId, ++_assets[assetId].epoch);
        if (_users[assetId].account != address(0)) {
            delete _users[assetId];
            emit UpdateUser(assetId, address(0), 0);
        }
    }

    function _setPermission(
        uint256 assetId,
        AssetPermission permission,
        address account,
        uint40 expiresAt
    ) private {
        uint32 epoch = _assets[assetId].epoch;
        _expiresAt[assetId][epoch][permission][account] = expiresAt;
        emit PermissionSet(assetId, account, permission, expiresAt, epoch);
    }
}
