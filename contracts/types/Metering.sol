// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice What a meter measures.
/// - CONNECTION: the settled grid connection of an account without storage behind it.
/// - CONNECTION_WITH_STORAGE: the same, but a battery may sit behind it, so its export proves no
///   production by itself.
/// - PRODUCTION: a generation meter behind a connection; it is never settled, only certifies.
enum MeterKind {
    CONNECTION,
    CONNECTION_WITH_STORAGE,
    PRODUCTION
}

/// @notice How the energy of a slot is known.
/// - MISSING: no reading covers the slot (yet).
/// - MEASURED: true readings at both boundaries.
/// - ESTIMATED: interpolated between true readings; never mints.
enum Quality {
    MISSING,
    MEASURED,
    ESTIMATED
}

/// @notice Verified energy of one account in one slot, in Wh.
/// @param mintableWh export that may become certificates: 0 unless every meter involved is MEASURED
struct SlotEnergy {
    uint256 importWh;
    uint256 exportWh;
    uint256 mintableWh;
    Quality quality;
}

/// @notice The settled connection of an account.
/// @param meterId 0 if the account has no connection meter
/// @param zone zone of the connection
/// @param ratedExportW rated feed-in power in W
/// @param firstSlot first slot whose energy is metered
struct Connection {
    uint32 meterId;
    uint16 zone;
    uint32 ratedExportW;
    uint32 firstSlot;
}
