// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IMarketLedger} from "../interfaces/IMarketLedger.sol";
import {ISettlementExits} from "../interfaces/ISettlementExits.sol";
import {ISettlementFunds} from "../interfaces/ISettlementFunds.sol";
import {ISettlementZones} from "../interfaces/ISettlementZones.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {BucketLimits} from "../types/BucketLimits.sol";
import {SettlementStorage} from "./SettlementStorage.sol";

/// @notice The ledgers of `Settlement` and the one way a credit reaches an account: arrears are paid from it first,
/// and an operator's credit pays the claims on it. Every unit is in one of: free, locked, security, bond, clearing.
abstract contract SettlementLedger is SettlementStorage {
    using SafeCast for uint256;

    /// @dev Claims paid along with another action; keeps every action's gas bounded.
    uint256 internal constant CLAIMS_PER_ACTION = 8;

    modifier onlyMarket() {
        if (msg.sender != address(MARKET)) revert IMarketLedger.NotTheMarket(msg.sender);
        _;
    }

    /* CREDITS */

    /// @dev Adds `amount` to the free balance of an account, then lets it pay what it owes.
    function _credit(address account, uint256 amount) internal {
        AccountWord word = _accounts[account];
        _settleDebts(account, word.withBalances(word.free() + amount, word.locked()));
    }

    /// @dev Stores `word` after paying arrears from its free balance; an operator's money then pays claims.
    function _settleDebts(address account, AccountWord word) internal {
        if (word.has(AccountWordLib.FLAG_ARREARS) && !_isNetted(word)) {
            Member storage member = _members[account];
            (AccountWord paidWord, uint256 paid) = _payArrears(account, word, member);
            _accounts[account] = paidWord;
            if (paid != 0) _credit(_zones[word.zone()].operator, paid);
            return;
        }
        _accounts[account] = word;
        if (word.has(AccountWordLib.FLAG_OPERATOR) && _zones[word.zone()].claimsOpen) {
            _payClaims(word.zone(), CLAIMS_PER_ACTION);
        }
    }

    /// @dev Whether debts are left to the closing of the account, which nets them with what it is owed.
    function _isNetted(AccountWord word) private view returns (bool) {
        return _totals.windDownSlot != 0 && !word.has(AccountWordLib.FLAG_CLOSED);
    }

    /// @dev Takes arrears out of the free balance; the caller stores the word and credits the operator.
    function _payArrears(address account, AccountWord word, Member storage member)
        private
        returns (AccountWord, uint256 paid)
    {
        uint256 free = word.free();
        uint256 arrears = member.arrears;
        paid = free < arrears ? free : arrears;
        if (paid == 0) return (word, 0);
        arrears -= paid;
        member.arrears = arrears.toUint80();
        word = word.withBalances(free - paid, word.locked()).withFlag(
            AccountWordLib.FLAG_ARREARS, arrears != 0
        );
        emit ISettlementFunds.ArrearsPaid(account, word.zone(), paid, arrears);
        return (word, paid);
    }

    /* CLAIMS ON OPERATORS */

    function _queueClaim(uint16 zone, address account, uint256 amount) internal {
        ClaimQueue storage queue = _claimQueues[zone];
        uint256 position = queue.tail;
        queue.claims[position] = Claim({account: account, amount: amount.toUint96()});
        queue.tail = (position + 1).toUint64();
        queue.total += amount.toUint128();
        _zones[zone].claimsOpen = true;
        emit ISettlementZones.ClaimQueued(zone, account, position, amount);
    }

    /// @dev Pays the oldest claims from the operator's free balance. A member in arrears hands its part straight
    /// back, which may pay the next claim. When the market is wound down nobody comes first any more.
    function _payClaims(uint16 zone, uint256 maxCount) internal returns (uint256 paidTotal) {
        if (_totals.windDownSlot != 0) return 0;
        ClaimQueue storage queue = _claimQueues[zone];
        address operator = _zones[zone].operator;
        AccountWord operatorWord = _accounts[operator];
        uint256 available = operatorWord.free();
        uint256 head = queue.head;
        uint256 tail = queue.tail;

        for (uint256 i = 0; i < maxCount && head < tail && available != 0; ++i) {
            Claim memory claim = queue.claims[head];
            uint256 paid = available < claim.amount ? available : claim.amount;
            uint256 remaining = claim.amount - paid;
            available -= paid;
            paidTotal += paid;
            emit ISettlementZones.ClaimPaid(zone, claim.account, head, paid, remaining);
            if (remaining == 0) {
                delete queue.claims[head];
                ++head;
            } else {
                queue.claims[head].amount = remaining.toUint96();
            }

            AccountWord word = _accounts[claim.account];
            word = word.withBalances(word.free() + paid, word.locked());
            if (word.has(AccountWordLib.FLAG_ARREARS)) {
                uint256 back;
                (word, back) = _payArrears(claim.account, word, _members[claim.account]);
                available += back;
            }
            _accounts[claim.account] = word;
        }

        if (paidTotal == 0) return 0;
        uint256 owed = queue.total - paidTotal;
        queue.total = owed.toUint128();
        queue.head = head.toUint64();
        if (owed == 0) _zones[zone].claimsOpen = false;
        _accounts[operator] = operatorWord.withBalances(available, operatorWord.locked());
    }

    /* CHECKS */

    function _enrolled(address account) internal view returns (AccountWord word) {
        word = _accounts[account];
        if (word.zone() == 0) revert IMarketLedger.NotEnrolled(account);
    }

    /// @dev Money leaves an account only if it owes nobody.
    function _requireNoDebts(address account, AccountWord word) internal view {
        if (word.has(AccountWordLib.FLAG_ARREARS)) {
            revert IMarketLedger.ArrearsOutstanding(account, _members[account].arrears);
        }
        if (!word.has(AccountWordLib.FLAG_OPERATOR)) return;
        uint16 zone = word.zone();
        if (_totals.windDownSlot != 0) {
            if (!_zoneExits[zone].isFinal) revert ISettlementExits.ZoneNotFinal(zone);
        } else if (_zones[zone].claimsOpen) {
            revert ISettlementZones.ClaimsOutstanding(zone, _claimQueues[zone].total);
        }
    }

    /// @dev Since the wind-down: what the account is known to owe when it is closed.
    function _reservedOf(address account) internal view returns (uint256) {
        if (_totals.windDownSlot == 0) return 0;
        int256 net = _netBalances[account];
        return net < 0 ? uint256(-net) : 0;
    }

    /// @dev Nothing begins any more once the market is wound down.
    function _requireOpen() internal view {
        uint32 fromSlot = _totals.windDownSlot;
        if (fromSlot != 0) revert ISettlementExits.WindingDown(fromSlot);
    }

    /// @dev True of traders that never had a meter and hold no locks: they can only sell what they bought in the same
    /// product, and a purchase holds a lock until it is settled. A member's sale at the cap holds none (it can owe no
    /// more than it earns), so whoever has had a meter is settled slot by slot even after it was taken away.
    function _hasNothingToSettle(AccountWord word) internal pure returns (bool) {
        return word.locked() == 0 && !word.has(AccountWordLib.FLAG_WAS_METERED);
    }

    function _requireFree(AccountWord word, uint256 needed) internal pure {
        if (word.free() < needed) revert IMarketLedger.InsufficientFree(needed, word.free());
    }

    function _perDay(uint32 capacity) internal pure returns (BucketLimits memory) {
        return BucketLimits(capacity, 1 days);
    }

    function _currentSlot() internal view returns (uint256) {
        return block.timestamp / SLOT_SECONDS;
    }

    /// @dev Exact for prices that are multiples of 1,000.
    function _money(uint256 energyWh, uint256 pricePerKWh) internal pure returns (uint256) {
        return energyWh * pricePerKWh / WH_PER_KWH;
    }
}
