// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice What a distributed energy resource is. The numbers are those of the twin and of Python.
enum ResourceClass {
    PV,
    WIND,
    BATTERY,
    EV,
    HEAT_PUMP,
    LOAD,
    GENERATOR
}

/// @notice What stands in the register about a resource's right to act; see `IResourceRegister`.
enum ResourceState {
    UNKNOWN,
    ACTIVE,
    /// The registrar has suspended it; its owner can neither change nor withdraw it.
    FROZEN,
    /// Withdrawn by its owner or removed by the registrar, for ever.
    WITHDRAWN
}

/// @notice What a resource can do, as its owner declares it.
/// @param ratedImportW most it draws from the grid, W
/// @param ratedExportW most it feeds into the grid, W; one of the two must not be 0
/// @param ratedVa apparent power of its inverter, VA: at least the larger rating, or 0 for a resource that cannot
/// control reactive power
/// @param energyWh usable storage, Wh; 0 without
/// @param rampWPerSecond fastest change of its power on command, W/s; 0: no limit worth naming
/// @param availableFrom first quarter hour of the UTC day in which it may be asked for flexibility, 0 to 95
/// @param availableTo quarter hour in which that ends, exclusive, 0 to 95; before `availableFrom`: over midnight;
/// equal to it: always
struct ResourceRatings {
    uint32 ratedImportW;
    uint32 ratedExportW;
    uint32 ratedVa;
    uint32 energyWh;
    uint32 rampWPerSecond;
    uint8 availableFrom;
    uint8 availableTo;
}

/// @notice A resource to be registered, bound to a meter or to an asset.
/// @param kind what it is
/// @param meterId the caller's connection meter that it stands behind; 0 if bound to an asset
/// @param assetId NFT of the caller that says which meter it stands behind; 0 if bound to a meter
struct NewResource {
    ResourceClass kind;
    uint32 meterId;
    uint256 assetId;
    ResourceRatings ratings;
}

/// @notice A registered resource, as it is now.
/// @param owner account that registered it
/// @param zone grid zone, of the meter when it was registered
/// @param kind what it is
/// @param meterId meter it stands behind, also if it is bound to an asset
/// @param assetId NFT it is bound to; 0 if none
/// @param ratedImportW see `ResourceRatings`, and so on down to `availableTo`
/// @param isActive whether it counts: neither frozen nor withdrawn, its meter active and in the same zone, and the
/// meter (or the asset) still its owner's. Whoever plans with a resource asks this first
/// @param state what the register itself says
/// @param changedAt unix second since which these ratings hold
struct Resource {
    address owner;
    uint16 zone;
    ResourceClass kind;
    uint32 meterId;
    uint256 assetId;
    uint32 ratedImportW;
    uint32 ratedExportW;
    uint32 ratedVa;
    uint32 energyWh;
    uint32 rampWPerSecond;
    uint8 availableFrom;
    uint8 availableTo;
    bool isActive;
    ResourceState state;
    uint40 changedAt;
}
