// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccountWord} from "../types/AccountWord.sol";

/// @title What the market asks of settlement: locks
/// @notice Only the market contract fixed at deployment may call `adjustLock` and `settleUpTo`.
interface IMarketLedger {
    /// @notice The caller is not the market contract.
    error NotTheMarket(address caller);
    /// @notice The account is not enrolled: enrol a meter or join a zone as trader first.
    error NotEnrolled(address account);
    /// @notice Free balance too small. @param needed units asked for @param available free units
    error InsufficientFree(uint256 needed, uint256 available);
    /// @notice A metered member must post its security deposit before it can lock more.
    error SecurityDepositMissing(address account);
    /// @notice Debts are paid before new orders and withdrawals. @param owed units outstanding
    error ArrearsOutstanding(address account, uint256 owed);

    /// @notice Move money between the free and the locked balance of `account`.
    /// @param account owner of the orders
    /// @param lockDelta units to lock (> 0, refused unless enrolled, secured, free of arrears and
    /// sufficiently funded) or to release (< 0, never refused); 0 only reads
    /// @return word the account after the change. For an account that never had a meter and has no
    /// locks `settledUntil` is first brought forward to the current slot: it has nothing to settle.
    function adjustLock(address account, int256 lockDelta) external returns (AccountWord word);

    /// @notice Settle `account` slot by slot as far as readings are final, at most to `untilSlot`.
    /// @return settledUntil first slot not settled afterwards
    function settleUpTo(address account, uint32 untilSlot) external returns (uint32 settledUntil);

    /// @notice Address of a short account id; zero if none.
    function accountOf(uint24 accountId) external view returns (address);
}
