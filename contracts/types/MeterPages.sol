// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice The registers of up to 512 meters at one boundary, gathered by one bridge. Before it is revealed
/// only its hash is known; see `IMeterPages.pageHash`.
///
/// Entries follow one another without a gap, 17 bytes each, numbers big-endian:
///
/// ```
/// byte 0          3             7               12              17
///  +--------------+-------------+---------------+---------------+
///  | meterId 24   | sequence 32 | importWh 40   | exportWh 40   |
///  +--------------+-------------+---------------+---------------+
/// ```
/// @param bridge account that committed the page
/// @param boundary unix seconds UTC of the snapshots, a multiple of 900
/// @param index number of the page among those of the bridge at this boundary
/// @param previousBoundary boundary of the page of the same index that must be revealed before this one;
/// 0 if none
/// @param salt random bytes that keep the content from being guessed
/// @param signaturesHash keccak256 of the device signatures of the entries, 65 bytes each, in their order;
/// they stay with the bridge for disputes
/// @param entries the packed entries
struct MeterPage {
    address bridge;
    uint40 boundary;
    uint16 index;
    uint40 previousBoundary;
    bytes32 salt;
    bytes32 signaturesHash;
    bytes entries;
}

/// @notice A device's consent (EIP-712, same name with the prefix `Energy`, same fields, same order) that a
/// bridge reports it in pages.
/// @param meterId id of the meter
/// @param bridge the bridge
/// @param fromBoundary first boundary that may come in a page, a multiple of 900
struct MeterPageConsent {
    uint32 meterId;
    address bridge;
    uint40 fromBoundary;
}

/// @notice A commitment to be relayed, signed by the bridge (EIP-712, same name with the prefix `Energy`,
/// same fields, same order).
struct MeterPageCommitment {
    address bridge;
    uint40 boundary;
    uint16 index;
    bytes32 pageHash;
}

/// @notice Standing of a bridge.
/// - UNKNOWN: never appointed.
/// - ACTIVE: commits and reveals.
/// - SUSPENDED: neither, and its pages that are not revealed do not count, until it is appointed again.
enum BridgeStatus {
    UNKNOWN,
    ACTIVE,
    SUSPENDED
}

/// @notice Standing of a page.
/// - NONE: not committed, or so long ago that its place serves another one (1,024 slots).
/// - COMMITTED: its hash is on record.
/// - REVEALED: its entries were taken or skipped, for ever.
/// - WITHDRAWN: its bridge gave it up; it never counts.
enum PageStatus {
    NONE,
    COMMITTED,
    REVEALED,
    WITHDRAWN
}

/// @notice Why an entry of a page was skipped. If several apply, the first one.
/// - NOT_IN_BRIDGE: no such meter, not one of this bridge's (any more), or not yet at this boundary
/// - SIGNATURE_DEMANDED: only what the device itself signed counts at this boundary
/// - NOT_ACTIVE: the meter is quarantined or removed
/// - BEHIND: the record of the meter has reached the boundary already
/// - SEQUENCE: not above the last one, or more numbers than slots have passed since
/// - REGISTER_FELL: a register fell; a rollover is taken by signature only
/// - ABOVE_CAP: more energy than the rating allows
enum EntryRefusal {
    NONE,
    NOT_IN_BRIDGE,
    SIGNATURE_DEMANDED,
    NOT_ACTIVE,
    BEHIND,
    SEQUENCE,
    REGISTER_FELL,
    ABOVE_CAP
}

/// @notice A committed page as it stands on record.
/// @param status see `PageStatus`
/// @param committedAt unix seconds of the commitment
/// @param revealFrom first second at which it may be revealed
/// @param revealUntil first second at which it no longer may: the deadline of its readings
/// @param hashStart first 25 bytes of its hash
/// @param nextPlace number of its entries that were revealed in parts; 0 once it is revealed as a whole
struct PageRecord {
    PageStatus status;
    uint40 committedAt;
    uint40 revealFrom;
    uint40 revealUntil;
    bytes25 hashStart;
    uint16 nextPlace;
}

/// @notice A meter's dealings with bridges.
/// @param bridge the bridge that reports it; zero if none
/// @param sinceBoundary with a bridge: first boundary its pages may report. Without: the record up to here
/// may come from pages; 0 if it never was in a bridge
/// @param demandedFrom first boundary for which only signed readings count; 0 if none
/// @param demandedUntil last boundary for which only signed readings count
struct PageMeter {
    address bridge;
    uint40 sinceBoundary;
    uint40 demandedFrom;
    uint40 demandedUntil;
}

/// @notice An entry whose bridge has to show the device's signature.
/// @param bridge the bridge; zero if there is no accusation
/// @param boundary of the entry
/// @param sequence of the entry
/// @param importWh of the entry
/// @param exportWh of the entry
/// @param answerUntil first second at which an answer comes too late
struct PageAccusation {
    address bridge;
    uint40 boundary;
    uint32 sequence;
    uint40 importWh;
    uint40 exportWh;
    uint40 answerUntil;
}
