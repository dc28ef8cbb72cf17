// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {RecoveryState} from "../types/Recovery.sol";

/// @title When the key of an account is lost
/// @notice An account names a helper while it can (another key of its owner, a Safe of relatives). If the key is lost, the
/// helper asks for recovery to a new address. Seven days later that address may take what is free in the account, now
/// and whenever more becomes free. In those days, and ever after, the account itself can cancel.
///
/// Recovery only adds a hand that may take out free money. It moves no order, no position, no debt and no claim: arrears
/// are paid first, locks are released by settlement alone, the security deposit goes when the account has no meter.
/// Trading goes on under a new account, to whose owner the meter is handed over (`IMeterSuccession`).
/// Not recoverable: what is not money in this contract (certificates, assets and shares are tokens of the old address),
/// and the office of a grid operator with its bond.
///
/// A change of the helper takes seven days as well: who has stolen the key cannot get rid of him at once. What he has
/// asked for until then still counts. All functions are called at `Settlement`; none is ever paused or limited.
interface ISettlementRecovery {
    /// @notice The account has another helper from `fromTime` on.
    /// @param previous helper until then; zero for nobody
    /// @param current helper from then on; zero for nobody
    event RecoveryHelperNamed(
        address indexed account, address indexed previous, address indexed current, uint40 fromTime
    );
    /// @notice From `openFrom` on `to` may take what is free in the account.
    event RecoveryRequested(
        address indexed account, address indexed helper, address indexed to, uint40 openFrom
    );
    /// @notice The account has cancelled what its helper asked for.
    event RecoveryCancelled(address indexed account, address indexed to);

    /// @notice Nobody can be his own helper, and this contract is none.
    error InvalidHelper(address helper);
    /// @notice The caller is not the helper of the account.
    error NotTheHelper(address account, address caller);
    /// @notice Nothing is asked for this account.
    error NothingRequested(address account);
    /// @notice The caller is not the address that may take the money.
    error NotTheRecipient(address account, address caller);
    /// @notice The account may still cancel before anything is taken.
    error RecoveryNotOpen(uint256 blockTimestamp, uint256 openFrom);

    /// @notice Name the helper of the caller's account. The first one counts at once, a change in seven days.
    /// @dev A change that waits is replaced, and waits anew. Naming the present helper takes it back.
    /// @param helper zero: nobody
    function nameRecoveryHelper(address helper) external;

    /// @notice Ask that `to` may take the free money of an account. By its helper. Asking again begins anew.
    function requestRecovery(address account, address to) external;

    /// @notice Cancel what the caller's helper has asked for, at any time.
    function cancelRecovery() external;

    /// @notice Take all that is free in the account, and the part of its security deposit that is not required any more.
    /// By the address the helper named, from the opening on, as often as there is something.
    /// @dev Reverts `NothingRequested`, `NotTheRecipient`, `RecoveryNotOpen`; then as `withdraw`: `ArrearsOutstanding`,
    /// `ClaimsOutstanding`, `NothingToMove`.
    /// @return amount units paid out to the caller
    function takeRecovered(address account) external returns (uint256 amount);

    /// @notice Helper and request of an account as they stand now.
    function recoveryOf(address account) external view returns (RecoveryState memory);
}
