// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccountWord} from "../types/AccountWord.sol";

/// @title What the market asks of settlement: locks, settling, congestion rent
/// @notice Only the market contract fixed at deployment may call the functions that change anything.
interface IMarketLedger {
    /// @notice The caller is not the market contract.
    error NotTheMarket(address caller);
    /// @notice The account is not enrolled: enrol a meter or join a zone as trader first.
    error NotEnrolled(address account);
    /// @notice Free balance too small. @param needed units asked for @param available free units
    error InsufficientFree(uint256 needed, uint256 available);
    /// @notice As many deltas as accounts are needed. @param given deltas @param expected accounts
    error LengthMismatch(uint256 given, uint256 expected);
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

    /// @notice `adjustLock` for many accounts, with one event (`LocksAdjusted`) for all of them.
    /// @param accounts owners of the orders; one may stand more than once, its changes are made in order
    /// @param lockDeltas units, one for each account; 0 changes nothing. If one is refused, all are
    function adjustLocks(address[] calldata accounts, int256[] calldata lockDeltas) external;

    /// @notice Pay congestion rent from the clearing account: what buyers pay for energy that came through an
    /// interconnector beyond what its sellers receive.
    /// @param owner of the interconnector. It need not be enrolled; arrears and claims are paid from it first, like
    /// from every credit
    /// @param amount units
    function creditRent(address owner, uint256 amount) external;

    /// @notice Settle `account` slot by slot as far as readings are final, at most to `untilSlot`.
    /// @return settledUntil first slot not settled afterwards
    function settleUpTo(address account, uint32 untilSlot) external returns (uint32 settledUntil);

    /// @notice Accounts as `adjustLock` by 0 would answer, but without refusing anybody.
    /// @param accounts owners; one that is not enrolled has zone 0
    /// @return words one a given account, in order
    function accountWords(address[] calldata accounts)
        external
        view
        returns (AccountWord[] memory words);

    /// @notice Address of a short account id; zero if none.
    function accountOf(uint24 accountId) external view returns (address);
}
