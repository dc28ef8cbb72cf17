// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ISettlementFunds} from "../interfaces/ISettlementFunds.sol";
import {ISettlementZones} from "../interfaces/ISettlementZones.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {SlotPosition} from "../types/Market.sol";
import {ZonePrices} from "./ZonePrices.sol";

/// @notice Who pays whom, in which order and from what. A run of slots is computed in memory and written once.
abstract contract SettlementPayments is ZonePrices {
    using SafeCast for uint256;
    using SafeCast for int256;

    /// @dev All money one account's run of slots can move. Token base units.
    /// @param operatorMoney what the operator can pay this account with: its free balance, or, while older claims wait,
    /// only what the account pays in this run (mutual debts are set off)
    /// @param fromSecurity taken from the security deposit in this run
    /// @param newArrears left unpaid by the account in this run
    /// @param paidArrears arrears paid or set off in this run
    /// @param fromBond taken from the operator's bond in this run
    /// @param claim left unpaid by the operator in this run
    /// @param closing whether the market is wound down: imbalance is noted and paid when the account is closed
    /// @param noted what the operator owes the account from this run then; < 0: is owed
    struct Purse {
        uint256 free;
        uint256 locked;
        uint256 security;
        uint256 arrears;
        uint256 operatorMoney;
        uint256 bond;
        uint256 tradingFees;
        int256 clearing;
        uint256 fromSecurity;
        uint256 newArrears;
        uint256 paidArrears;
        uint256 fromBond;
        uint256 claim;
        bool closing;
        int256 noted;
    }

    function _openPurse(AccountWord word, Member memory member)
        internal
        view
        returns (Purse memory purse)
    {
        Zone memory zone = _zones[word.zone()];
        purse.free = word.free();
        purse.locked = word.locked();
        purse.security = member.security;
        purse.arrears = member.arrears;
        purse.operatorMoney = zone.claimsOpen ? 0 : _accounts[zone.operator].free();
        purse.bond = zone.bond;
    }

    /// @dev One slot's trades: the market keeps enough locked for cost and fees of every slot.
    /// Warning: each amount of `position` must be known to be below 2^80 (`SettledFigures.append` sees to it).
    function _payTrades(Purse memory purse, SlotPosition memory position) internal pure {
        uint256 unlocked = position.unlocked;
        uint256 proceeds = position.proceeds;
        if (unlocked | proceeds == 0) return;
        uint256 cost = position.cost;
        purse.locked -= unlocked;
        // Unchecked: sums of a few hundred amounts below 2^80.
        unchecked {
            uint256 income = purse.free + proceeds + unlocked;
            uint256 charged = cost + position.networkFee + position.tradingFee;
            assert(charged <= income);
            purse.free = income - charged;
            purse.operatorMoney += position.networkFee;
            purse.tradingFees += position.tradingFee;
            purse.clearing += int256(cost) - int256(proceeds);
        }
    }

    /// @dev `imbalance` > 0: the account owes the operator; < 0: the operator owes the account.
    function _payImbalance(Purse memory purse, int256 imbalance) internal pure {
        if (purse.closing) {
            purse.noted -= imbalance;
            return;
        }
        if (imbalance > 0) _charge(purse, uint256(imbalance));
        else if (imbalance < 0) _reward(purse, uint256(-imbalance));
        if (purse.claim | purse.arrears != 0) _settleMutually(purse);
    }

    /// @dev Afterwards the account owes nothing it could pay, and the operator has nothing it could pay this account.
    function _settleMutually(Purse memory purse) private pure {
        if (purse.claim != 0) {
            uint256 setOff = _min(purse.arrears, purse.claim);
            purse.arrears -= setOff;
            purse.paidArrears += setOff;
            uint256 paid = _min(purse.claim - setOff, purse.operatorMoney);
            purse.claim -= setOff + paid;
            purse.operatorMoney -= paid;
            purse.free += paid;
        }
        if (purse.arrears != 0) {
            uint256 paid = _min(purse.free, purse.arrears);
            purse.free -= paid;
            purse.arrears -= paid;
            purse.paidArrears += paid;
            purse.operatorMoney += paid;
        }
    }

    /// @dev From the free balance (which holds the slot's proceeds and unlocked money by now), then from the security
    /// deposit, the rest as arrears.
    function _charge(Purse memory purse, uint256 due) private pure {
        uint256 free = purse.free;
        if (due <= free) {
            unchecked {
                purse.free = free - due;
            }
            purse.operatorMoney += due;
            return;
        }
        uint256 fromFree = _min(due, purse.free);
        uint256 fromSecurity = _min(due - fromFree, purse.security);
        uint256 unpaid = due - fromFree - fromSecurity;
        purse.free -= fromFree;
        purse.security -= fromSecurity;
        purse.arrears += unpaid;
        purse.operatorMoney += fromFree + fromSecurity;
        purse.fromSecurity += fromSecurity;
        purse.newArrears += unpaid;
    }

    /// @dev Set off against arrears, then from the operator's money, then from its bond, the rest as a claim.
    function _reward(Purse memory purse, uint256 due) private pure {
        uint256 money = purse.operatorMoney;
        if (due <= money && purse.arrears == 0) {
            unchecked {
                purse.operatorMoney = money - due;
            }
            purse.free += due;
            return;
        }
        uint256 setOff = _min(due, purse.arrears);
        purse.arrears -= setOff;
        purse.paidArrears += setOff;
        due -= setOff;
        uint256 fromMoney = _min(due, purse.operatorMoney);
        uint256 fromBond = _min(due - fromMoney, purse.bond);
        purse.operatorMoney -= fromMoney;
        purse.bond -= fromBond;
        purse.free += fromMoney + fromBond;
        purse.fromBond += fromBond;
        purse.claim += due - fromMoney - fromBond;
    }

    /// @dev Writes the run: account, operator, treasury and totals once each. `word` and `member` bring what else
    /// changed in them (cursor, flags, stretch).
    function _closePurse(
        address account,
        AccountWord word,
        Member memory member,
        bool memberChanged,
        Purse memory purse
    ) internal {
        uint16 zone = word.zone();
        if (purse.fromSecurity != 0) {
            emit ISettlementFunds.SecurityUsed(account, purse.fromSecurity, purse.security);
            if (purse.security < SECURITY_DEPOSIT) {
                word = word.withFlag(AccountWordLib.FLAG_SECURED, false);
            }
        }
        if (purse.newArrears != 0) {
            emit ISettlementFunds.ArrearsRecorded(
                account, zone, purse.newArrears, purse.arrears + purse.paidArrears
            );
        }
        if (purse.paidArrears != 0) {
            emit ISettlementFunds.ArrearsPaid(account, zone, purse.paidArrears, purse.arrears);
        }
        if (memberChanged || purse.fromSecurity | purse.newArrears | purse.paidArrears != 0) {
            member.security = purse.security.toUint80();
            member.arrears = purse.arrears.toUint80();
            _members[account] = member;
        }
        _accounts[account] = word.withBalances(purse.free, purse.locked).withFlag(
            AccountWordLib.FLAG_ARREARS, purse.arrears != 0
        );

        if (purse.fromBond != 0) {
            _setBond(zone, purse.bond);
            emit ISettlementZones.BondUsed(zone, purse.fromBond, purse.bond);
        }
        _closeOperator(account, zone, purse);
        if (purse.tradingFees != 0) {
            AccountWord treasuryWord = _accounts[TREASURY];
            _accounts[TREASURY] = treasuryWord.withBalances(
                treasuryWord.free() + purse.tradingFees, treasuryWord.locked()
            );
        }
        if (purse.noted != 0) _netBalances[account] += purse.noted;
        if (purse.clearing != 0) {
            _totals.clearing = (int256(_totals.clearing) + purse.clearing).toInt112();
        }
    }

    function _closeOperator(address account, uint16 zone, Purse memory purse) private {
        address operator = _zones[zone].operator;
        AccountWord word = _accounts[operator];
        bool claimsOpen = _zones[zone].claimsOpen;
        uint256 free = claimsOpen ? word.free() + purse.operatorMoney : purse.operatorMoney;
        if (free != word.free()) _accounts[operator] = word.withBalances(free, word.locked());
        if (purse.claim != 0) _queueClaim(zone, account, purse.claim);
        if (claimsOpen && free != 0) _payClaims(zone, CLAIMS_PER_ACTION);
    }

    function _min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
