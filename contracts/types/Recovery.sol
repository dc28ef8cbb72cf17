// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Who may help an account whose key is lost, and what he has asked for.
/// @param helper named by the account; zero for nobody
/// @param nextHelper takes his place at `nextFrom`
/// @param nextFrom unix seconds; 0 if no change is announced
/// @param to address that takes the account's money from `openFrom` on
/// @param openFrom unix seconds; 0 if nothing is asked for
struct RecoveryState {
    address helper;
    address nextHelper;
    uint40 nextFrom;
    address to;
    uint40 openFrom;
}
