// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ExitStage, ZoneExit} from "../types/SettlementExits.sol";

/// @title The end of the market: every account gets what is its own, and nobody has to let it go
/// @notice Governance winds the market down, once and for ever. From then on slots that have begun are settled as ever,
/// later ones are void: they cost nothing and owe nothing, whatever was agreed for them. All the rest is permissionless, in
/// any order, and the order changes no payment:
/// 1. Every account is settled up to `windDownSlot` (`settle`, `settleMany`). Trades are paid as ever. Imbalance is only noted,
///    in the account's net balance with its zone's operator, so that it does not matter who is settled first.
/// 2. Every account is closed (`closeAccounts`, `closeNext`): locks and security deposit become free money. What was owed
///    before (arrears, waiting claims) joins the net balance. If the account owes, it pays the operator; if it is owed, it
///    has a claim. What it cannot pay stays arrears.
/// 3. When all accounts are closed, each zone is counted up (`finalizeZone`): its claims are paid in full from the operator's
///    free money, security deposit and bond, or `floor(claim * pot / claims)` each if those do not suffice. The rest is the operator's.
/// Free money can be taken out at every moment, but for what the account is known to owe; an operator's after step 3.
/// Nothing ever takes money that its owner has not fetched.
interface ISettlementExits {
    /// @notice The market is being wound down. @param fromSlot first slot that is void
    event WindDownStarted(uint32 indexed fromSlot);
    /// @notice A claim that waited in the zone's queue joined the account's net balance.
    event ClaimGathered(
        uint16 indexed zone, address indexed account, uint256 position, uint256 amount
    );
    /// @notice The account is closed.
    /// @param free units it may take out now
    /// @param paid units it paid to its zone's operator
    /// @param claim units that its zone's operator owes it
    /// @param arrears units it still owes and had nothing to pay with
    event AccountClosed(
        address indexed account,
        uint16 indexed zone,
        uint256 free,
        uint256 paid,
        uint256 claim,
        uint256 arrears
    );
    /// @notice A zone is counted up. @param pot units set aside for claims @param claims units owed
    /// @param surplus units that are the operator's own
    event ZoneFinalized(uint16 indexed zone, uint256 pot, uint256 claims, uint256 surplus);
    /// @notice A claim was paid as far as the pot goes. @param claim units owed
    event ExitPaid(uint16 indexed zone, address indexed account, uint256 claim, uint256 paid);
    /// @notice All claims are paid; what rounding left of the pot went to the operator.
    event PotEmptied(uint16 indexed zone, uint256 remainder);

    /// @notice The market goes on: nothing is wound down.
    error StillOpen();
    /// @notice The market is being wound down from this slot on: nobody and nothing new is taken in.
    error WindingDown(uint32 fromSlot);
    /// @notice The account is closed and locks no money.
    error AccountIsClosed(address account);
    /// @notice The account cannot be closed yet: settle it first, or its zone's queue (`gatherClaims`) or a late reading is
    /// waited for until `openUntil` (unix second, 0 if nothing is known about the time).
    error NotClosable(address account, uint256 openUntil);
    /// @notice Accounts wait to be closed. @param passed accounts closed in order @param accounts all there are
    error AccountsOpen(uint256 passed, uint256 accounts);
    /// @notice The zone is counted up already.
    error ZoneIsFinal(uint16 zone);
    /// @notice The operator's money answers for its zone until the zone is counted up.
    error ZoneNotFinal(uint16 zone);

    /// @notice Wind the market down from the first slot that has not begun. Restricted (the shutdown contract).
    /// @return fromSlot first slot that is void
    function windDown() external returns (uint32 fromSlot);

    /// @notice Close accounts that are settled. Those closed before are passed over. Anybody may call.
    /// @param accounts at most 100
    function closeAccounts(address[] calldata accounts) external;

    /// @notice Go on through all accounts in the order of their ids: close those that are settled, stop at the first that
    /// cannot be closed yet. A trader with nothing to settle is closed without being settled, for less than
    /// it costs to open one, so empty accounts do not hold anybody up.
    /// @param maxCount at most 500
    /// @return passed accounts closed in order so far
    function closeNext(uint256 maxCount) external returns (uint256 passed);

    /// @notice Move claims that waited before the wind-down from the zone's queue to the net balances of those they
    /// belong to. Closing does it by itself, up to 100 at a time.
    /// @param maxCount at most 500
    function gatherClaims(uint16 zone, uint256 maxCount) external returns (uint256 gathered);

    /// @notice Count up a zone after all accounts are closed. Anybody may call.
    function finalizeZone(uint16 zone) external;

    /// @notice Pay claims of closed accounts into their free balances. Accounts without a claim are passed over.
    /// @param accounts at most 100, of zones that are final
    function payExits(address[] calldata accounts) external;

    /// @notice First slot that is void because the market is wound down; 0 while it goes on.
    function windDownSlot() external view returns (uint32);

    /// @notice How far the end is.
    function exitStage() external view returns (ExitStage);

    /// @notice Accounts closed in order: ids up to this need no further look.
    function accountsPassed() external view returns (uint256);

    /// @notice Whether the account is closed. Operators never are: `zoneExit` says when they may leave.
    function isClosed(address account) external view returns (bool);

    /// @notice What the account's zone's operator owes it (> 0) or is owed (< 0) since the wind-down, not paid yet.
    function netBalance(address account) external view returns (int256);

    /// @notice How far a zone is counted up and paid.
    function zoneExit(uint16 zone) external view returns (ZoneExit memory);
}
