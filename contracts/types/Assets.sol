// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice What an asset is. The first four generate and have a production history.
enum AssetKind {
    SOLAR,
    WIND,
    HYDRO,
    COMBINED_HEAT_AND_POWER,
    BATTERY,
    CHARGER,
    HEAT_PUMP,
    OTHER
}

/// @notice What the owner of an asset may let others do. Ends with its expiry and with every transfer.
/// - OPERATOR: runs it; keepers and devices ask for this.
/// - MAINTAINER: signs entries of the maintenance log.
/// - DATA_READER: may be served its data by off-chain services. What is on chain is open to everybody.
enum AssetPermission {
    OPERATOR,
    MAINTAINER,
    DATA_READER
}

/// @notice What was done to an asset.
enum MaintenanceKind {
    INSPECTION,
    CLEANING,
    REPAIR,
    REPLACEMENT,
    CALIBRATION,
    SOFTWARE_UPDATE
}

/// @notice What is fixed when an asset is registered.
/// @param kind see `AssetKind`
/// @param ratedW rated power in W, not 0
/// @param cell geohash of four characters (about 39 km x 20 km): a region, no address
/// @param commissionedAt unix seconds, not in the future
struct AssetSpec {
    AssetKind kind;
    uint32 ratedW;
    bytes4 cell;
    uint40 commissionedAt;
}

/// @notice An asset as it stands; one storage slot.
/// @param spec see `AssetSpec`
/// @param meterId the meter it is bound to now; 0 if none
/// @param freeFromSlot end of its last binding that ended: the next begins here or later
/// @param epoch number of its transfers; permissions belong to one epoch
/// @param nextDueAt unix seconds of the next maintenance by its newest log entry; 0 if none
struct Asset {
    AssetSpec spec;
    uint32 meterId;
    uint32 freeFromSlot;
    uint32 epoch;
    uint40 nextDueAt;
}

/// @notice A run of slots that a meter measured for an asset.
/// @param meterId the meter
/// @param fromSlot first slot
/// @param toSlot slot after the last; 0 while the binding lasts
struct MeterBinding {
    uint32 meterId;
    uint32 fromSlot;
    uint32 toSlot;
}

/// @notice What is on record of a UTC day of an asset.
/// @param energyWh verified production of the slots that count
/// @param measuredSlots slots of the day with a MEASURED reading, 0 to 96
/// @param recordedQuarters quarter hours of the day recorded so far; 0: none, 96: the day is complete
struct DayProduction {
    uint64 energyWh;
    uint8 measuredSlots;
    uint8 recordedQuarters;
}

/// @notice An entry of a maintenance log.
/// @param kind what was done
/// @param doneAt unix seconds
/// @param nextDueAt unix seconds of the next one; 0 = none planned
/// @param technician who signed
/// @param contentHash hash of the report
/// @param uri where the report is
struct Maintenance {
    MaintenanceKind kind;
    uint40 doneAt;
    uint40 nextDueAt;
    address technician;
    bytes32 contentHash;
    string uri;
}
