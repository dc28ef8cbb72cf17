// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @notice Limits that governance sets for the tariffs of every zone, in settlement-token base units per kWh.
/// @param retailMin lowest retail tariff an operator may set
/// @param retailMax highest retail tariff an operator may set
/// @param feedInMin lowest feed-in tariff an operator may set
/// @param feedInMax highest feed-in tariff an operator may set
struct TariffBounds {
    uint64 retailMin;
    uint64 retailMax;
    uint64 feedInMin;
    uint64 feedInMax;
}

/// @notice What is fixed when `Settlement` is deployed.
/// @param securityDeposit units every metered member posts before it may lock money for orders
/// @param bondFloor units an operator's bond must reach for its zone to pay a feed-in tariff
/// @param tariffBounds first limits for tariffs; governance may change them later
struct SettlementParameters {
    uint256 securityDeposit;
    uint256 bondFloor;
    TariffBounds tariffBounds;
}

/// @notice The contracts and accounts that `Settlement` is fixed to.
/// @param authority access manager for the restricted functions
/// @param settlementToken token all money is counted in; at most 12 decimals
/// @param energyToken certificates; `Settlement` must hold its minter role
/// @param meter verified energies
/// @param market positions; the only contract that may lock money
/// @param treasury receives the trading fees
/// @param predecessor `Settlement` that this one follows on the same meters, being wound down; zero for none
struct SettlementAddresses {
    address authority;
    address settlementToken;
    address energyToken;
    address meter;
    address market;
    address treasury;
    address predecessor;
}

/// @notice One account in readable form. Amounts are settlement-token base units.
/// @param accountId short id, 1-based; 0 only for addresses that are not enrolled
/// @param zone home zone; 0 only for addresses that are not enrolled
/// @param settledUntil first slot that is not yet settled
/// @param meteredFrom first slot settled against readings; 0 for accounts without a meter
/// @param meteredUntil first slot after the meter was taken away; 0 while it is there
/// @param capacityW rated feed-in power in W, rounded down to 100 W
/// @param free money that may be withdrawn or locked
/// @param locked money held for orders and trades
/// @param security security deposit
/// @param arrears what the account owes its zone's operator and could not pay
/// @param metered whether slots of the account wait for readings
/// @param secured whether the required security deposit is posted in full
/// @param isOperator whether the account is a zone's grid operator
struct AccountState {
    uint24 accountId;
    uint16 zone;
    uint32 settledUntil;
    uint32 meteredFrom;
    uint32 meteredUntil;
    uint256 capacityW;
    uint256 free;
    uint256 locked;
    uint256 security;
    uint256 arrears;
    bool metered;
    bool secured;
    bool isOperator;
}

/// @notice A zone and its operator.
/// @param operator account of the operator; zero while nobody is appointed
/// @param bond units the operator has posted
/// @param claims units the operator owes members and could not pay
/// @param claimCount number of claims waiting in the queue
struct ZoneState {
    address operator;
    uint256 bond;
    uint256 claims;
    uint256 claimCount;
}

/// @notice On what a slot of an account was settled.
/// - UNMETERED: the account has no meter (in this slot): nothing imported, nothing exported.
/// - MEASURED: true readings at both boundaries.
/// - ESTIMATED: interpolated; settled at the worst prices of the stretch; never mints.
/// - DEFAULTED: no reading in time: exported nothing, imported all it bought.
enum SettlementBasis {
    UNMETERED,
    MEASURED,
    ESTIMATED,
    DEFAULTED
}

/// @notice How far one slot of an account is.
/// - NOT_ENROLLED: no such account, or an operator.
/// - FUTURE: the slot has not ended.
/// - WAITING: ended; its readings are neither there nor overdue.
/// - READY: energy known (or not needed), settlement may run.
/// - READY_BY_DEFAULT: readings overdue or inside a long gap, settles by the default rule.
/// - SETTLED: done, for ever.
enum SlotStatus {
    NOT_ENROLLED,
    FUTURE,
    WAITING,
    READY,
    READY_BY_DEFAULT,
    SETTLED
}

/// @notice Consecutive slots that were settled by default and wait for their one correction.
/// @param fromSlot first defaulted slot; 0 if there is no such stretch
/// @param untilSlot first slot after the stretch
/// @param assumedImportWh import that was assumed over the stretch (gross energy bought)
/// @param highestShortPrice highest short price of its slots, units per kWh
/// @param lowestLongPrice lowest long price of its slots, units per kWh
struct DefaultedStretch {
    uint32 fromSlot;
    uint32 untilSlot;
    uint64 assumedImportWh;
    uint64 highestShortPrice;
    uint64 lowestLongPrice;
}

/// @notice Certificate pool of one region and slot, in Wh.
/// @param givenWh minted energy that net sellers put in
/// @param wantedWh energy that net buyers ask for
/// @param enteredWh gross energy bought plus gross energy sold of all accounts entered so far
/// @param tradedWh energy traded in the region for the slot; complete once `enteredWh` is twice this
/// @param cursorWh entries that have claimed on the rationed side (see the cursor rule)
/// @param closed whether claims are open and entries are over
struct CertificatePool {
    uint256 givenWh;
    uint256 wantedWh;
    uint256 enteredWh;
    uint256 tradedWh;
    uint256 cursorWh;
    bool closed;
}

/// @notice What one account has in the certificate pool of one slot and has not claimed, in Wh.
/// @param amountWh energy given (giver) or wanted (buyer); 0 if nothing is left to claim
/// @param coverWh buyers: verified, measured import that a share can be retired against
/// @param giver true for net sellers
struct CertificateEntry {
    uint256 amountWh;
    uint256 coverWh;
    bool giver;
}
