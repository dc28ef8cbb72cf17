// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice The old owner's consent (EIP-712, same name with the prefix `Energy`, same fields, same order) that
/// another meter takes over from his. It serves for one announcement only.
/// @param meterId the meter that ends
/// @param termsHash what was announced, see `IMeterSuccession.announceSuccession`
/// @param announcedAt unix seconds of the announcement
struct MeterSuccessionConsent {
    uint32 meterId;
    bytes32 termsHash;
    uint40 announcedAt;
}

/// @notice What is announced for a meter.
/// @param termsHash digest of the registration without its baseline; zero if nothing is announced
/// @param announcedAt unix seconds
/// @param openFrom first second at which anybody may open it
/// @param openUntil first second at which nobody may any more
/// @param consented the old owner has agreed; that is final
/// @param objected the old owner has objected; that counts once
struct SuccessionState {
    bytes32 termsHash;
    uint40 announcedAt;
    uint40 openFrom;
    uint40 openUntil;
    bool consented;
    bool objected;
}

/// @notice How many meters may be registered or announced in a day, and how many removed.
/// @param globalPerDay registrations and announcements of all registrars
/// @param registrarPerDay registrations and announcements of one registrar
/// @param removalsPerDay meters removed without a successor, by all registrars
struct MeterLimits {
    uint32 globalPerDay;
    uint32 registrarPerDay;
    uint32 removalsPerDay;
}
