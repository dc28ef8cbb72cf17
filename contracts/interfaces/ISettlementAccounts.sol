// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {AccountWord} from "../types/AccountWord.sol";
import {AccountState} from "../types/Settlement.sol";

/// @title Who takes part: members, traders, their meters
/// @notice A member is an address with at most one connection meter; several homes are several addresses. Short
/// ids are given in order from 1 to members, traders and operators alike and are never reused.
interface ISettlementAccounts {
    /// @param account new account
    /// @param accountId its short id
    /// @param zone its home zone
    /// @param settledUntil first slot that will be settled for it
    /// @param capacityW rated feed-in power, W
    /// @param metered whether its slots wait for readings
    event AccountEnrolled(
        address indexed account,
        uint24 indexed accountId,
        uint16 indexed zone,
        uint32 settledUntil,
        uint256 capacityW,
        bool metered
    );
    /// @notice The meter of an account was taken over from the registry (again).
    /// @param meteredFrom first slot settled against readings
    /// @param meteredUntil first slot no longer settled against readings; 0 while the meter is there
    event MeterSynced(
        address indexed account, uint256 capacityW, uint32 meteredFrom, uint32 meteredUntil
    );
    /// @notice All metered slots of a removed meter are settled: the account is a plain trader from here on.
    event MeteringEnded(address indexed account, uint32 meteredUntil);

    /// @notice The address has an account already, in `zone`.
    error AlreadyEnrolled(address account, uint16 zone);
    /// @notice The address is the treasury or this contract, which hold money but take no part.
    error ReservedAddress(address account);
    /// @notice No connection meter is registered for the account: register one, or join as trader.
    error NoConnectionMeter(address account);
    /// @notice No operator is appointed for the zone, so nothing there can be settled.
    error ZoneWithoutOperator(uint16 zone);
    /// @notice The meter stands in another zone than the account: enrol another address there.
    error ZoneMismatch(uint16 homeZone, uint16 meterZone);
    /// @notice No more short ids. @param limit highest id
    error TooManyAccounts(uint256 limit);

    /// @notice Enrol the owner of a connection meter with its zone, first metered slot and rated feed-in power.
    /// Anybody may call: it neither moves money nor allows anything the owner would have to agree to.
    /// @return accountId short id of the new account
    function enrol(address account) external returns (uint24 accountId);

    /// @notice Enrol the caller without a meter. It settles with zero metered energy: whatever position it keeps
    /// at the gate is bought or sold at the imbalance prices. Limited per zone and in all (`ISettlementJoining`).
    function joinAsTrader(uint16 zone) external returns (uint24 accountId);

    /// @notice Take over what changed in the meter registry: a meter for an account that had none, a new rated
    /// power, or that the meter is gone (its slots up to the present are still settled, by default if need be).
    /// @dev A trader who gets a meter is metered from its first unsettled slot or the meter's first slot,
    /// whichever is later.
    function syncMeter(address account) external;

    /// @notice The account, packed (see the type). Zero for unknown addresses; the treasury has balances only.
    function accountWord(address account) external view returns (AccountWord);

    /// @notice The account, readable.
    function accountState(address account) external view returns (AccountState memory);

    /// @notice Number of accounts; ids run from 1 to this.
    function accountCount() external view returns (uint256);

    /// @notice Account by position, 0-based: the one with short id `index + 1`; zero beyond the last.
    function accountAt(uint256 index) external view returns (address);
}
