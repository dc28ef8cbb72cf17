// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {MeterPage} from "../types/MeterPages.sol";
import {DefaultedStretch, SettlementBasis, SlotStatus} from "../types/Settlement.sol";

/// @title Delivery settlement: what was agreed against what was metered
/// @notice Each account has one cursor, `settledUntil`, and is settled slot by slot in order. With
/// `position = bought - sold`, `metered = import - export` and `delta = metered - position`, the account owes
/// the zone's operator `delta * shortPrice / 1000` if `delta > 0` and receives `-delta * longPrice / 1000` from it
/// if `delta < 0`. Nothing rounds: prices are multiples of 1,000 per kWh. Settling is permissionless and never paused.
///
/// Order of payment, slot by slot: cost and fees from the money unlocked for the slot (it always suffices), then
/// the imbalance from what is left of it, the proceeds and the free balance, then from the security deposit; the
/// rest becomes arrears, paid from every later credit. What the operator owes is first set off against the
/// account's arrears and what the account pays in the same call.
///
/// A slot is settled by default if no reading came by its deadline, or at once inside a stretch of more than 96
/// slots between two true readings: export counts 0, import counts all energy bought. When the next true reading
/// is known, one correction follows per stretch: real less assumed net energy, at the highest short or lowest long
/// price of the defaulted slots. A stretch closed more than 30 days (2,880 slots) after its first slot stays
/// uncorrected. Settled slots never reopen.
interface ISettlementDelivery {
    /// @notice Consecutive slots of one account are settled, for ever.
    /// @param firstSlot first of them
    /// @param figures slot by slot what was agreed, metered, paid and minted, three or four words a slot packed as in
    /// `libraries/SettledFigures.sol`; `energy_grid.settled_slots` unpacks them
    event SlotsSettled(address indexed account, uint32 indexed firstSlot, bytes figures);
    /// @notice An account that never had a meter and has no locks had nothing to settle from `fromSlot` to `settledUntil`
    /// (exclusive): only its cursor moved.
    event AccountPassedOver(address indexed account, uint32 fromSlot, uint32 settledUntil);
    /// @notice Defaulted slots got their one correction.
    /// @param deltaWh real less assumed net energy (import - export)
    /// @param imbalance > 0: owed by the account to its zone's operator; < 0: owed to the account
    event DefaultCorrected(
        address indexed account,
        uint32 indexed fromSlot,
        uint32 untilSlot,
        int256 deltaWh,
        int256 imbalance
    );
    /// @notice The true reading came too late: the defaulted slots stay as they are.
    event CorrectionLapsed(address indexed account, uint32 indexed fromSlot, uint32 untilSlot);

    /// @notice More accounts in one call than allowed.
    error TooManyInBatch(uint256 given, uint256 allowed);

    /// @notice Settle `account` slot by slot as far as slots have ended and their energy is known or overdue, at
    /// most 672 slots and at most to `untilSlot` (exclusive). Anybody may call; calling again does nothing.
    /// @return settledUntil first slot not settled afterwards
    function settle(address account, uint32 untilSlot) external returns (uint32 settledUntil);

    /// @notice `settle` for many accounts; those that cannot advance are passed over.
    /// @param accounts at most 100
    /// @return slotsSettled number of (account, slot) pairs settled
    function settleMany(address[] calldata accounts, uint32 untilSlot)
        external
        returns (uint256 slotsSettled);

    /// @notice Reveal a page of readings (`IMeterPages.revealPage`, whose errors this passes on) and settle
    /// accounts as `settleMany` does, in one transaction. A page that somebody else has revealed meanwhile does
    /// not stand in the way.
    /// @param page the page
    /// @param accounts at most 100
    /// @return readingsAccepted entries of the page on record now
    /// @return slotsSettled number of (account, slot) pairs settled
    function settlePage(MeterPage calldata page, address[] calldata accounts, uint32 untilSlot)
        external
        returns (uint256 readingsAccepted, uint256 slotsSettled);

    /// @notice How far a slot of an account is.
    function settlementStatus(address account, uint32 slot) external view returns (SlotStatus);

    /// @notice Slots of the account that wait for a correction.
    function defaultedStretch(address account) external view returns (DefaultedStretch memory);
}
