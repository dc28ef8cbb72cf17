// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {TariffBounds, ZoneState} from "../types/Settlement.sol";

/// @title Zones, their operators, bonds, claims and tariffs
/// @notice The operator of a zone supplies what members take beyond their trades (at the retail tariff) and buys
/// what they deliver beyond them (at the feed-in tariff). It pays from its free balance, then from its bond; what
/// is then missing becomes a claim, and claims are paid oldest first before the operator may take money out.
/// Tariffs are settlement-token base units per kWh, multiples of 1,000, so that no payment rounds.
interface ISettlementZones {
    event OperatorAppointed(uint16 indexed zone, address indexed operator, uint24 accountId);
    /// @notice Money moved from the operator's free balance to its bond. @param bond units posted now
    event BondPosted(uint16 indexed zone, uint256 amount, uint256 bond);
    /// @notice Money moved from the bond to the operator's free balance. @param bond units left
    event BondWithdrawn(uint16 indexed zone, uint256 amount, uint256 bond);
    /// @notice Members were paid from the bond. @param bond units left
    event BondUsed(uint16 indexed zone, uint256 amount, uint256 bond);
    /// @notice The bond crossed its floor. @param fromSlot first slot it matters for @param sufficient new standing
    event BondStandingChanged(uint16 indexed zone, uint32 fromSlot, bool sufficient);
    /// @notice The operator could not pay a member. @param position place in the zone's queue, from 0
    event ClaimQueued(
        uint16 indexed zone, address indexed account, uint256 position, uint256 amount
    );
    /// @notice A claim was paid into the member's free balance. @param remaining units of the claim still owed
    event ClaimPaid(
        uint16 indexed zone,
        address indexed account,
        uint256 position,
        uint256 amount,
        uint256 remaining
    );
    event TariffSet(
        uint16 indexed zone,
        uint32 indexed fromSlot,
        uint256 retailPricePerKWh,
        uint256 feedInPricePerKWh
    );
    event TariffBoundsChanged(TariffBounds oldBounds, TariffBounds newBounds);

    /// @notice Zone 0 stands for "none".
    error InvalidZone(uint16 zone);
    /// @notice The zone has an operator already.
    error ZoneHasOperator(uint16 zone, address operator);
    /// @notice The caller is not the operator of the zone (of any zone, if `zone` is 0).
    error NotTheOperator(address caller, uint16 zone);
    /// @notice Members wait to be paid: money goes to them first. @param owed units outstanding
    error ClaimsOutstanding(uint16 zone, uint256 owed);
    /// @notice The bond may fall to its floor only. @param given units asked for @param allowed units above the floor
    error BondBelowFloor(uint256 given, uint256 allowed);
    /// @notice Tariffs need notice. @param given first slot asked for @param allowed earliest slot
    error TariffNoticeTooShort(uint32 given, uint32 allowed);
    /// @notice Tariffs may not be set further ahead. @param given first slot asked for @param allowed latest slot
    error TariffTooFarAhead(uint32 given, uint32 allowed);
    /// @notice Tariffs are set in slot order. @param given first slot asked for @param latest first slot of the latest
    error TariffOutOfOrder(uint32 given, uint32 latest);
    /// @notice Outside governance's bounds. @param given units per kWh @param lowest @param highest
    error TariffOutOfBounds(uint256 given, uint256 lowest, uint256 highest);
    /// @notice Not a multiple of 1,000 units per kWh.
    error TariffNotExact(uint256 given, uint256 multiple);
    /// @notice The feed-in tariff is above the retail tariff.
    error FeedInAboveRetail(uint256 feedIn, uint256 retail);
    /// @notice The retail tariff is above the market's cap on imbalance prices. @param allowed the cap
    error TariffAboveCap(uint256 given, uint256 allowed);
    /// @notice Bounds contradict each other or the limit in code. @param given offending bound @param allowed limit
    error InvalidTariffBounds(uint256 given, uint256 allowed);

    /// @notice Give a zone its operator, for good. Restricted (governor).
    /// @param operator an address that is not enrolled; it gets an account that cannot trade
    function appointOperator(uint16 zone, address operator) external returns (uint24 accountId);

    /// @notice Move `amount` of the calling operator's free balance to its bond.
    function postBond(uint256 amount) external;

    /// @notice Move `amount` of the bond back to the calling operator's free balance: what exceeds the floor,
    /// and only while no claim waits.
    function withdrawBond(uint256 amount) external;

    /// @notice Pay claims on a zone's operator from its free balance, oldest first. Anybody may call; it also
    /// happens by itself, up to 8 claims at a time, whenever the operator receives money.
    /// @param maxCount most claims to pay, at most 100
    /// @return paid units paid
    function payClaims(uint16 zone, uint256 maxCount) external returns (uint256 paid);

    /// @notice Set the tariffs of the calling operator's zone from a slot on.
    /// @param fromSlot at least 192 slots (2 days) ahead and at most 6,432 (67 days); a zone's first tariff may
    /// start with the next slot. Naming the slot of a tariff set before replaces that one.
    function setTariff(
        uint16 zone,
        uint32 fromSlot,
        uint256 retailPricePerKWh,
        uint256 feedInPricePerKWh
    ) external;

    /// @notice Change the limits for tariffs set from now on. Restricted (governor).
    function setTariffBounds(TariffBounds calldata bounds) external;

    /// @notice Prices of one slot's imbalance. Without auctions both are 0 before the zone's first tariff. Final once
    /// the slot has begun, for no auction of it is cleared later.
    /// @return shortPricePerKWh what an account pays per kWh it took beyond its position: the retail tariff or
    /// the highest auction price covering the slot, whichever is higher, at most the market's cap
    /// @return longPricePerKWh what it receives per kWh it delivered beyond it: the lowest of the feed-in tariff,
    /// the auction prices covering the slot and the short price; 0 if the operator's bond was below its floor when the slot began
    function imbalancePrices(uint16 zone, uint32 slot)
        external
        view
        returns (uint256 shortPricePerKWh, uint256 longPricePerKWh);

    /// @notice Operator, bond and debts of a zone.
    function zoneState(uint16 zone) external view returns (ZoneState memory);

    /// @notice A claim by its place in the zone's queue; amount 0 once paid.
    function claimAt(uint16 zone, uint256 position)
        external
        view
        returns (address account, uint256 amount);

    /// @notice Zones in the order of appointment, 0-based; 0 beyond the last.
    function zoneAt(uint256 index) external view returns (uint16);

    /// @notice Number of zones with an operator.
    function zoneCount() external view returns (uint256);

    /// @notice Limits for tariffs.
    function tariffBounds() external view returns (TariffBounds memory);

    /// @notice What an operator's bond must reach for its zone to pay the feed-in tariff.
    function bondFloor() external view returns (uint256);
}
