// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {MeterKind} from "./Metering.sol";

/// @notice Standing of a meter.
/// - UNKNOWN: never registered.
/// - ACTIVE: readings are accepted.
/// - QUARANTINED: its key signed two different readings for one time or number; nothing is accepted
///   until the registrar releases it.
/// - DEACTIVATED: removed for ever; what it measured stays on record.
enum MeterStatus {
    UNKNOWN,
    ACTIVE,
    QUARANTINED,
    DEACTIVATED
}

/// @notice What the registry knows of a meter.
/// @param deviceKey address of the key that signs its readings
/// @param owner account whose energy it measures
/// @param zone grid zone
/// @param kind see `MeterKind`
/// @param status see `MeterStatus`
/// @param wideLanes false: 14-bit differences, 8 slots a word; true: 28-bit, 4 slots a word
/// @param ratedImportW rated power of import in W
/// @param ratedExportW rated power of export in W
/// @param registerWidthWh value at which the registers roll over to 0, in Wh
/// @param firstSlot first slot it measures
/// @param previousMeterId the meter of the same owner and role that it replaced; 0 if none
/// @param skippedSequences reading numbers that never arrived and no longer can (V3)
/// @param releasedAt unix seconds of the last release from quarantine; 0 if never. Conflicts between
/// readings up to then were judged and count no more
struct MeterInfo {
    address deviceKey;
    address owner;
    uint16 zone;
    MeterKind kind;
    MeterStatus status;
    bool wideLanes;
    uint32 ratedImportW;
    uint32 ratedExportW;
    uint64 registerWidthWh;
    uint32 firstSlot;
    uint32 previousMeterId;
    uint32 skippedSequences;
    uint40 releasedAt;
}
