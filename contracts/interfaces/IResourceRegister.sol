// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    NewResource,
    Resource,
    ResourceClass,
    ResourceRatings,
    ResourceState
} from "../types/GridResources.sol";
import {MeterStatus} from "../types/MeterInfo.sol";

/// @title Register of distributed energy resources
/// @notice What stands behind which connection and what it can do. Owners register their own; the register holds no
/// money. A resource is bound to a connection meter of its owner, or to an asset (NFT) that names a meter. It counts
/// (`Resource.isActive`) only while that binding holds: once the meter is quarantined or deactivated, or the asset is
/// somebody else's, it does not, without anybody having to say so; should the binding come back, so does the resource.
///
/// What a meter's resources may draw together, and feed in together, is at most what the connection may: a rating is
/// what its owner lets a resource use of the connection, not its nameplate.
/// @dev Assumptions about what is called: `SmartMeter` is ours, and its `meterInfo` reverts for unknown ids alone. The
/// asset register is fixed at deployment; where it reverts, the resource does not count.
interface IResourceRegister {
    /// @notice A resource was registered; it is active.
    /// @param assetId 0 unless it is bound to an asset
    event ResourceRegistered(
        uint32 indexed resourceId,
        uint32 indexed meterId,
        address indexed owner,
        uint16 zone,
        ResourceClass kind,
        uint256 assetId,
        ResourceRatings ratings
    );

    /// @notice The owner declared other ratings.
    event ResourceChanged(
        uint32 indexed resourceId, ResourceRatings oldRatings, ResourceRatings newRatings
    );

    /// @notice A resource left the register for ever. @param by its owner, or the registrar
    event ResourceWithdrawn(uint32 indexed resourceId, uint32 indexed meterId, address indexed by);

    /// @notice The registrar suspended a resource.
    event ResourceFrozen(uint32 indexed resourceId);

    /// @notice The registrar ended the suspension.
    event ResourceUnfrozen(uint32 indexed resourceId);

    /// @notice No resource has this id. Ids run from 1 without gaps.
    error UnknownResource(uint256 resourceId);
    /// @notice A resource names a meter or an asset: one of them, not both, not none.
    error BindingNotSingle(uint32 meterId, uint256 assetId);
    /// @notice This deployment has no register of assets: bind the resource to a meter.
    error NoAssetRegister(uint256 assetId);
    /// @notice The meter is somebody else's.
    error NotMeterOwner(address caller, address owner);
    /// @notice The asset is somebody else's.
    error NotAssetOwner(address caller, address owner);
    /// @notice The resource is somebody else's.
    error NotResourceOwner(address caller, address owner);
    /// @notice A resource stands behind an active meter.
    error MeterOutOfUse(uint32 meterId, MeterStatus status);
    /// @notice The asset stands behind another meter now: withdraw this resource and register anew.
    error AssetMoved(uint256 assetId, uint32 meterId, uint32 registeredMeterId);
    /// @notice The meter lies in another zone now: withdraw this resource and register anew.
    error MeterMoved(uint32 meterId, uint16 zone, uint16 registeredZone);
    /// @notice A PRODUCTION meter settles nothing: bind the resource to the connection it stands behind.
    error NotAConnection(uint32 meterId);
    /// @notice What stores energy and feeds it in again stands only behind a CONNECTION_WITH_STORAGE, or its export would mint
    /// certificates.
    error StorageNotDeclared(uint32 meterId);
    /// @notice A meter has at most 8 resources.
    error TooManyResources(uint32 meterId, uint256 allowed);
    /// @notice A resource that neither draws nor feeds in.
    error NoPower();
    /// @notice More than a word of the register can hold. @param field name of the rating
    error RatingAboveLimit(bytes32 field, uint256 given, uint256 allowed);
    /// @notice The apparent power must be 0 or at least the larger active rating.
    error ApparentBelowActive(uint256 givenVa, uint256 smallestVa);
    /// @notice A quarter hour of the day is 0 to 95.
    error QuarterOutOfRange(uint256 given, uint256 allowed);
    /// @notice The connection may not draw what its resources would draw together.
    error ImportAboveConnection(uint256 givenW, uint256 allowedW);
    /// @notice The connection may not feed in what its resources would feed in together.
    error ExportAboveConnection(uint256 givenW, uint256 allowedW);
    /// @notice The action needs another state of the resource.
    error ResourceNotInState(uint32 resourceId, ResourceState state, ResourceState needed);

    /// @notice Register a resource of the caller.
    /// @dev Reverts `BindingNotSingle`, `NoAssetRegister`, `NotMeterOwner`, `NotAssetOwner`, `MeterOutOfUse`,
    /// `NotAConnection`, `StorageNotDeclared`, `TooManyResources`, and by the ratings `NoPower`, `RatingAboveLimit`,
    /// `ApparentBelowActive`, `QuarterOutOfRange`, `ImportAboveConnection`, `ExportAboveConnection`.
    /// @return resourceId the next id, from 1
    function registerResource(NewResource calldata resource) external returns (uint32 resourceId);

    /// @notice Declare other ratings. Only the owner, only while the resource counts.
    function changeResource(uint32 resourceId, ResourceRatings calldata ratings) external;

    /// @notice Take a resource out of the register for ever. Only its owner, also when its meter is gone; not while it is
    /// frozen, or an owner could leave and come back.
    function withdrawResource(uint32 resourceId) external;

    /// @notice Suspend a resource. Restricted to REGISTRAR.
    function freezeResource(uint32 resourceId) external;

    /// @notice End a suspension. Restricted to REGISTRAR.
    function unfreezeResource(uint32 resourceId) external;

    /// @notice Take a resource, frozen or not, out of the register for ever. Restricted to REGISTRAR.
    function removeResource(uint32 resourceId) external;

    /// @notice A resource and whether it counts now. Reverts `UnknownResource`.
    function resourceOf(uint32 resourceId) external view returns (Resource memory);

    /// @notice Whether a resource counts and may be asked for flexibility in a slot. Reverts `UnknownResource`.
    /// @param slot index of the quarter hour, unix time / 900
    function isAvailable(uint32 resourceId, uint32 slot) external view returns (bool);

    /// @notice Number of resources ever registered; ids run from 1 to it.
    function resourceCount() external view returns (uint32);

    /// @notice Resources that stand behind a meter and are not withdrawn, in the order of their ids; at most 8.
    function resourcesOfMeter(uint32 meterId) external view returns (uint32[] memory);
}
