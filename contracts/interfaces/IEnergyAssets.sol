// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    Asset,
    AssetKind,
    AssetPermission,
    AssetSpec,
    DayProduction,
    Maintenance,
    MaintenanceKind,
    MeterBinding
} from "../types/Assets.sol";
import {MeterStatus} from "../types/MeterInfo.sol";

/// @title Energy assets
/// @notice A token for each asset. Its production history is written from the verified record of its meter alone.
///
/// Rules that keep production with its asset (decision 0030):
/// - a meter is bound by REGISTRAR, with the signed consent of its owner, who owns the asset;
/// - an account has one bound generating asset at a time, so that no slot of an account counts for two;
/// - while the meter is in use the asset stays with the meter's owner: it moves once REGISTRAR has released the binding
///   or removed the meter.
interface IEnergyAssets {
    /// @notice An asset was registered; `Transfer` from zero names its owner.
    event AssetRegistered(
        uint256 indexed assetId, AssetKind kind, uint32 ratedW, bytes4 cell, uint40 commissionedAt
    );
    /// @notice From `fromSlot` on the meter measures for the asset.
    event MeterBound(uint256 indexed assetId, uint32 indexed meterId, uint32 fromSlot);
    /// @notice From `toSlot` on the meter no longer measures for the asset.
    event MeterReleased(uint256 indexed assetId, uint32 indexed meterId, uint32 toSlot);
    /// @notice Verified production was added to a day.
    /// @param energyWh added to the day and its month
    /// @param measuredSlots slots with a MEASURED reading among those added
    /// @param recordedQuarters quarter hours of the day on record from now on
    event ProductionRecorded(
        uint256 indexed assetId,
        uint32 indexed day,
        uint64 energyWh,
        uint8 measuredSlots,
        uint8 recordedQuarters
    );
    /// @notice A permission lasts until `expiresAt` (unix seconds, exclusive); 0: it ended.
    event PermissionSet(
        uint256 indexed assetId,
        address indexed account,
        AssetPermission permission,
        uint40 expiresAt,
        uint32 epoch
    );
    /// @notice All permissions ended with a transfer.
    event PermissionsEnded(uint256 indexed assetId, uint32 newEpoch);
    /// @notice An entry was added to a maintenance log.
    event MaintenanceLogged(
        uint256 indexed assetId,
        uint256 indexed index,
        address indexed technician,
        MaintenanceKind kind,
        uint40 doneAt,
        uint40 nextDueAt,
        bytes32 contentHash,
        string uri
    );

    /// @notice A field must not be zero.
    error ZeroAssetField(bytes32 field);
    /// @notice A cell is four characters of the geohash alphabet.
    error CellInvalid(bytes4 given);
    /// @notice A time that must have passed lies ahead.
    error TimeInFuture(uint256 given, uint256 allowed);
    /// @notice The signature is not that of the account, for exactly this.
    error ConsentInvalid(address account);
    /// @notice The consent was given until `deadline`.
    error ConsentExpired(uint256 given, uint256 deadline);
    /// @notice The meter belongs to another account than the asset.
    error MeterOfAnother(uint32 meterId, address meterOwner, address assetOwner);
    /// @notice The meter is not in use.
    error MeterNotInUse(uint32 meterId, MeterStatus status);
    /// @notice A generating asset needs a meter whose export proves production: a PRODUCTION meter, or a connection
    /// without storage.
    error ExportProvesNothing(uint32 meterId);
    /// @notice What does not generate stands behind a connection, not behind a PRODUCTION meter.
    error NotAConnectionMeter(uint32 meterId);
    /// @notice The production of this account counts for another asset already.
    error AccountHasGenerator(address account, uint256 assetId);
    /// @notice The asset has a meter: release it first.
    error AlreadyBound(uint256 assetId, uint32 meterId);
    /// @notice The asset has no meter.
    error NotBound(uint256 assetId);
    /// @notice An asset changes its meter at most 64 times.
    error TooManyBindings(uint256 assetId, uint256 allowed);
    /// @notice The meter still earns for its owner: have it released or removed before the asset moves or ends.
    error MeterStillEarns(uint256 assetId, uint32 meterId, address meterOwner);
    /// @notice Such an asset has no production history.
    error NotGenerating(uint256 assetId);
    /// @notice Readings for the day may still come until `deadline`.
    error DayNotFinal(uint256 given, uint256 deadline);
    /// @notice The meter's record of single slots no longer reaches back to the day.
    error DayTooOld(uint32 given, uint256 earliest);
    /// @notice Nothing of the day is left to be recorded: it is on record as far as the asset had a meter.
    error NothingToRecord(uint256 assetId, uint32 day);
    /// @notice The account lacks the permission now.
    error PermissionMissing(uint256 assetId, AssetPermission permission, address account);
    /// @notice The caller is not the asset's owner.
    error NotAssetOwner(address caller, address owner);
    /// @notice A next date must lie after what was done.
    error DueBeforeDone(uint256 given, uint256 doneAt);
    /// @notice The address of a report is too long.
    error UriTooLong(uint256 given, uint256 allowed);

    /* REGISTRAR */

    /// @notice Register an asset for the owner of a meter and bind it. Restricted to REGISTRAR.
    /// @param deadline last second of the consent
    /// @param consent signature of `consentDigest(0, spec, meterId, deadline)` by the meter's owner; ERC-1271 counts
    function registerAsset(
        AssetSpec calldata spec,
        uint32 meterId,
        uint40 deadline,
        bytes calldata consent
    ) external returns (uint256 assetId);

    /// @notice Bind a meter of the asset's owner to an asset without one. Restricted to REGISTRAR.
    /// @param consent signature of `consentDigest(assetId, spec of the asset, meterId, deadline)` by the owner
    function bindMeter(uint256 assetId, uint32 meterId, uint40 deadline, bytes calldata consent)
        external;

    /// @notice End the binding: at the last reading of a removed meter, else with the slot that has begun. Restricted
    /// to REGISTRAR. What was measured until then stays the asset's.
    function releaseMeter(uint256 assetId) external;

    /* EVERYBODY */

    /// @notice Put the verified production of a UTC day on record: MEASURED slots of the meter bound in each slot.
    /// After the day's reading deadline, for about 40 days.
    /// @dev Each quarter hour counts once. If a binding ended within the day, the rest of the day follows with the
    /// next.
    /// @param day unix time / 86,400
    function recordProduction(uint256 assetId, uint32 day) external returns (uint256 energyWh);

    /// @notice Add an entry to the log. By anybody who holds the technician's signature.
    /// @param entry `technician` must be MAINTAINER of the asset
    /// @param signature of `maintenanceDigest(assetId, entry)`: good for the next place in the log only
    function logMaintenance(uint256 assetId, Maintenance calldata entry, bytes calldata signature)
        external;

    /* OWNERS */

    /// @notice Grant, prolong, shorten or end (0) a permission.
    /// @param expiresAt unix seconds; from then on it has ended
    function setPermission(
        uint256 assetId,
        AssetPermission permission,
        address account,
        uint40 expiresAt
    ) external;

    /// @notice Give up a permission of one's own.
    function renouncePermission(uint256 assetId, AssetPermission permission) external;

    /// @notice End an asset that is no more, by its owner or who he approved. Its history stays readable.
    function retireAsset(uint256 assetId) external;

    /* VIEWS */

    /// @notice What an asset is. Also of a retired one; all zero if never registered.
    function assetOf(uint256 assetId) external view returns (Asset memory);

    /// @notice All bindings of an asset, in order of time.
    function bindingsOf(uint256 assetId) external view returns (MeterBinding[] memory);

    /// @notice The bound generating asset of an account; 0 if none.
    function generatorOf(address account) external view returns (uint256 assetId);

    /// @notice What is on record of a day (unix time / 86,400).
    function productionOfDay(uint256 assetId, uint32 day)
        external
        view
        returns (DayProduction memory);

    /// @notice Verified production of a calendar month (UTC) as far as its days are on record, in Wh.
    /// @param year such as 2026
    /// @param month 1 to 12
    function productionOfMonth(uint256 assetId, uint16 year, uint8 month)
        external
        view
        returns (uint256 energyWh);

    /// @notice All verified production on record, in Wh.
    function totalProduction(uint256 assetId) external view returns (uint256 energyWh);

    /// @notice Whether an account holds a permission now.
    function hasPermission(uint256 assetId, AssetPermission permission, address account)
        external
        view
        returns (bool);

    /// @notice Number of entries of a maintenance log.
    function maintenanceCount(uint256 assetId) external view returns (uint256);

    /// @notice An entry of a maintenance log, the oldest at 0.
    function maintenanceAt(uint256 assetId, uint256 index)
        external
        view
        returns (Maintenance memory);

    /// @notice What the owner of a meter signs to have an asset bound to it. Uses his current `nonces(owner)`.
    /// @param assetId 0 for an asset that is to be registered
    function consentDigest(
        uint256 assetId,
        AssetSpec calldata spec,
        uint32 meterId,
        uint40 deadline
    ) external view returns (bytes32);

    /// @notice What a technician signs for the next entry of an asset's log.
    function maintenanceDigest(uint256 assetId, Maintenance calldata entry)
        external
        view
        returns (bytes32);
}
