// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Standing of a vault. It only moves forward.
/// - EMPTY: no shares; the asset may be on its way (registered for the vault, or locked by the founder).
/// - OPEN: the asset is locked and shares exist.
/// - REDEEMED: one account held all shares and burnt them; the asset is its.
/// - SOLD: an offer for all shares was accepted; the asset is the buyer's. Shares stay as receipts that say who is paid.
enum VaultStatus {
    EMPTY,
    OPEN,
    REDEEMED,
    SOLD
}

/// @notice What shares earn: the settlement token, and certificates of what the asset exported (EnergyToken).
enum Revenue {
    MONEY,
    CERTIFICATES
}

/// @notice What the founder of a vault fixes, for ever but for the manager.
/// @param shares number of shares, indivisible, 1 to 2^96 - 1
/// @param reserve units of the settlement token that `collect` leaves in the vault's account to work with
/// @param manager who runs the asset first: names the market's delegate, consents to bindings, grants permissions
struct VaultTerms {
    uint96 shares;
    uint128 reserve;
    address manager;
}

/// @notice A question put to the holders. Votes are those of one second before it was put.
/// @param subject the candidate, or who offers to buy
/// @param amount units offered for all shares, as they arrived; 0: the question is who shall be manager
/// @param snapshot unix seconds
/// @param endsAt unix seconds from which nobody votes any more
/// @param votes shares in favour
struct Motion {
    address subject;
    uint128 amount;
    uint40 snapshot;
    uint40 endsAt;
    uint96 votes;
}
