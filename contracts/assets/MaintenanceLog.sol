// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IEnergyAssets} from "../interfaces/IEnergyAssets.sol";
import {AssetTypedData} from "../libraries/AssetTypedData.sol";
import {AssetPermission, Maintenance} from "../types/Assets.sol";
import {AssetPermissions} from "./AssetPermissions.sol";

/// @title Maintenance
/// @notice Part of `EnergyAssetNFT`. Entries are signed by their technician and only ever added.
abstract contract MaintenanceLog is AssetPermissions {
    uint256 private constant MAX_URI_BYTES = 256;

    mapping(uint256 assetId => Maintenance[]) private _log;

    /* EVERYBODY */

    /// @inheritdoc IEnergyAssets
    function logMaintenance(uint256 assetId, Maintenance calldata entry, bytes calldata signature)
        external
    {
        // Check
        _requireOwned(assetId);
        address technician = entry.technician;
        if (!hasPermission(assetId, AssetPermission.MAINTAINER, technician)) {
            revert PermissionMissing(assetId, AssetPermission.MAINTAINER, technician);
        }
        if (entry.doneAt > block.timestamp) revert TimeInFuture(entry.doneAt, block.timestamp);
        if (entry.nextDueAt != 0 && entry.nextDueAt <= entry.doneAt) {
            revert DueBeforeDone(entry.nextDueAt, entry.doneAt);
        }
        if (entry.contentHash == 0) revert ZeroAssetField("contentHash");
        uint256 length = bytes(entry.uri).length;
        if (length > MAX_URI_BYTES) revert UriTooLong(length, MAX_URI_BYTES);
        bytes32 digest = maintenanceDigest(assetId, entry);
        if (!SignatureChecker.isValidSignatureNowCalldata(technician, digest, signature)) {
            revert ConsentInvalid(technician);
        }

        // Effect
        uint256 index = _log[assetId].length;
        _log[assetId].push(entry);
        _assets[assetId].nextDueAt = entry.nextDueAt;
        emit MaintenanceLogged(
            assetId,
            index,
            technician,
            entry.kind,
            entry.doneAt,
            entry.nextDueAt,
            entry.contentHash,
            entry.uri
        );
        _changed(assetId);
    }

    /* VIEWS */

    /// @inheritdoc IEnergyAssets
    function maintenanceCount(uint256 assetId) external view returns (uint256) {
        return _log[assetId].length;
    }

    /// @inheritdoc IEnergyAssets
    function maintenanceAt(uint256 assetId, uint256 index)
        external
        view
        returns (Maintenance memory)
    {
        return _log[assetId][index];
    }

    /// @inheritdoc IEnergyAssets
    function maintenanceDigest(uint256 assetId, Maintenance calldata entry)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            AssetTypedData.hashMaintenance(assetId, _log[assetId].length, entry)
        );
    }
}
