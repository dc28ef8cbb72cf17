// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IMarketLedger} from "../interfaces/IMarketLedger.sol";
import {ISettlementAccounts} from "../interfaces/ISettlementAccounts.sol";
import {ISettlementExits} from "../interfaces/ISettlementExits.sol";
import {ISettlementFunds} from "../interfaces/ISettlementFunds.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {JoinLimits} from "../types/JoinLimits.sol";
import {Connection} from "../types/Metering.sol";
import {AccountState} from "../types/Settlement.sol";
import {SettlementLedger} from "./SettlementLedger.sol";

/// @notice Enrolment, meters and the locks of the market. See `ISettlementAccounts`.
abstract contract SettlementAccounts is SettlementLedger, IMarketLedger, ISettlementAccounts {
    using SafeCast for uint256;
    using SafeCast for int256;

    /// @dev One change in `LocksAdjusted`: account id 3 bytes, delta 13.
    uint256 private constant LOCK_CHANGE_BYTES = 16;

    /// @dev A meter begins: it is there, and was there for ever after.
    uint256 private constant METERED_FLAGS =
        AccountWordLib.FLAG_METERED | AccountWordLib.FLAG_WAS_METERED;

    /* ENROLMENT */

    /// @inheritdoc ISettlementAccounts
    function enrol(address account) external returns (uint24 accountId) {
        _requireOpen();
        Connection memory connection = METER.connectionOf(account);
        if (connection.meterId == 0) revert NoConnectionMeter(account);
        _requireZone(connection.zone);

        // Slots before ours have been or will be settled by the predecessor.
        uint32 firstSlot =
            connection.firstSlot > FIRST_SLOT ? connection.firstSlot : FIRST_SLOT.toUint32();
        AccountWord word = AccountWord.wrap(0).withFlag(METERED_FLAGS, true).withFlag(
            AccountWordLib.FLAG_SECURED, SECURITY_DEPOSIT == 0
        ).withSettledUntil(firstSlot).withCapacityW(connection.ratedExportW);
        accountId = _register(account, connection.zone, word);
        _members[account].meteredFrom = firstSlot;
    }

    /// @inheritdoc ISettlementAccounts
    function joinAsTrader(uint16 zone) external returns (uint24 accountId) {
        _requireOpen();
        _requireZone(zone);
        JoinLimits memory limits = _joinLimits;
        _joined = _joined.take(_perDay(limits.globalPerDay), 1, block.timestamp);
        _joinedZone[zone] =
            _joinedZone[zone].take(_perDay(limits.zonePerDay), 1, block.timestamp);
        uint256 current = _currentSlot();
        uint256 firstSlot = current > FIRST_SLOT ? current : FIRST_SLOT;
        accountId = _register(msg.sender, zone, AccountWord.wrap(0).withSettledUntil(firstSlot));
    }

    /// @inheritdoc ISettlementAccounts
    function syncMeter(address account) external {
        _requireOpen();
        AccountWord word = _enrolled(account);
        if (word.has(AccountWordLib.FLAG_OPERATOR)) {
            revert ISettlementFunds.OperatorCannotTrade(account);
        }
        Connection memory connection = METER.connectionOf(account);
        Member memory member = _members[account];
        bool metered = word.has(AccountWordLib.FLAG_METERED);

        if (connection.meterId == 0) {
            if (!metered) revert NoConnectionMeter(account);
            // Slots that have ended are still owed to the old meter; the present one cannot be metered any more.
            if (member.meteredUntil == 0) {
                uint256 current = _currentSlot();
                member.meteredUntil =
                    current > member.meteredFrom ? current.toUint32() : member.meteredFrom;
            }
        } else {
            if (connection.zone != word.zone()) revert ZoneMismatch(word.zone(), connection.zone);
            if (!metered) {
                word = _forwarded(word).withFlag(METERED_FLAGS, true).withFlag(
                    AccountWordLib.FLAG_SECURED, member.security >= SECURITY_DEPOSIT
                );
                uint32 settledUntil = word.settledUntil();
                member.meteredFrom =
                    connection.firstSlot > settledUntil ? connection.firstSlot : settledUntil;
            }
            member.meteredUntil = 0;
        }
        word = word.withCapacityW(connection.ratedExportW);
        _accounts[account] = word;
        _members[account] = member;
        emit MeterSynced(account, word.capacityW(), member.meteredFrom, member.meteredUntil);
    }

    /* LOCKS */

    /// @inheritdoc IMarketLedger
    function adjustLock(address account, int256 lockDelta)
        external
        onlyMarket
        returns (AccountWord word)
    {
        word = _enrolled(account);
        if (lockDelta == 0) return _forwarded(word);
        // Closing has released all: orders that are cancelled afterwards hold nothing.
        if (lockDelta < 0 && word.has(AccountWordLib.FLAG_CLOSED)) return word;
        emit ISettlementFunds.LockAdjusted(account, lockDelta);
        return _adjustLock(account, word, lockDelta);
    }

    /// @inheritdoc IMarketLedger
    function adjustLocks(address[] calldata accounts, int256[] calldata lockDeltas)
        external
        onlyMarket
    {
        if (lockDeltas.length != accounts.length) {
            revert LengthMismatch(lockDeltas.length, accounts.length);
        }
        // One more than needed: each change is written as a whole word.
        bytes memory changes = new bytes((accounts.length + 1) * LOCK_CHANGE_BYTES);
        uint256 length;
        for (uint256 i = 0; i < accounts.length; ++i) {
            int256 lockDelta = lockDeltas[i];
            if (lockDelta == 0) continue;
            AccountWord word = _enrolled(accounts[i]);
            if (lockDelta < 0 && word.has(AccountWordLib.FLAG_CLOSED)) continue;
            uint256 accountId = word.accountId();
            _adjustLock(accounts[i], word, lockDelta);
            // 13 bytes hold any change: balances have 80 bits.
            uint256 change = (accountId << 104) | uint104(int104(lockDelta));
            assembly ("memory-safe") {
                mstore(add(add(changes, 32), length), shl(128, change))
            }
            length += LOCK_CHANGE_BYTES;
        }
        assembly ("memory-safe") {
            mstore(changes, length) // without those that change nothing
        }
        if (length != 0) emit ISettlementFunds.LocksAdjusted(changes);
    }

    /* CONGESTION RENT */

    /// @inheritdoc IMarketLedger
    function creditRent(address owner, uint256 amount) external onlyMarket {
        if (owner == address(0) || owner == address(this)) {
            revert ISettlementFunds.InvalidRecipient(owner);
        }
        if (amount == 0) return;
        _totals.clearing = (int256(_totals.clearing) - amount.toInt256()).toInt112();
        emit ISettlementFunds.RentCredited(owner, amount);
        _credit(owner, amount);
    }

    /* VIEWS */

    /// @inheritdoc IMarketLedger
    function accountOf(uint24 accountId) external view returns (address) {
        return _accountById[accountId];
    }

    /// @inheritdoc IMarketLedger
    function accountWords(address[] calldata accounts)
        external
        view
        returns (AccountWord[] memory words)
    {
        words = new AccountWord[](accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            AccountWord word = _accounts[accounts[i]];
            words[i] = word.zone() == 0 ? word : _forwarded(word);
        }
    }

    /// @inheritdoc ISettlementAccounts
    function accountWord(address account) external view returns (AccountWord) {
        return _accounts[account];
    }

    /// @inheritdoc ISettlementAccounts
    function accountState(address account) external view returns (AccountState memory) {
        AccountWord word = _accounts[account];
        Member memory member = _members[account];
        return AccountState({
            accountId: word.accountId(),
            zone: word.zone(),
            settledUntil: word.settledUntil(),
            meteredFrom: member.meteredFrom,
            meteredUntil: member.meteredUntil,
            capacityW: word.capacityW(),
            free: word.free(),
            locked: word.locked(),
            security: member.security,
            arrears: member.arrears,
            metered: word.has(AccountWordLib.FLAG_METERED),
            secured: word.has(AccountWordLib.FLAG_SECURED),
            isOperator: word.has(AccountWordLib.FLAG_OPERATOR)
        });
    }

    /// @inheritdoc ISettlementAccounts
    function accountCount() external view returns (uint256) {
        return _totals.accounts;
    }

    /// @inheritdoc ISettlementAccounts
    function accountAt(uint256 index) external view returns (address) {
        return index < _totals.accounts ? _accountById[index + 1] : address(0);
    }

    /* INTERNAL */

    /// @dev Gives a new account its id and home zone. `word` brings flags, cursor and capacity.
    function _register(address account, uint16 zone, AccountWord word)
        internal
        returns (uint24 accountId)
    {
        AccountWord existing = _accounts[account];
        if (existing.zone() != 0) revert AlreadyEnrolled(account, existing.zone());
        if (account == TREASURY || account == address(this)) revert ReservedAddress(account);
        accountId = _totals.accounts;
        if (accountId == type(uint24).max) revert TooManyAccounts(type(uint24).max);
        ++accountId;

        _totals.accounts = accountId;
        _accountById[accountId] = account;
        // Whoever got congestion rent before keeps it.
        word = word.withZone(zone).withAccountId(accountId).withBalances(existing.free(), 0);
        _accounts[account] = word;
        emit AccountEnrolled(
            account,
            accountId,
            zone,
            word.settledUntil(),
            word.capacityW(),
            word.has(AccountWordLib.FLAG_METERED)
        );
    }

    /// @dev Changes one lock; the caller emits. A release is never refused, and arrears are paid from it.
    function _adjustLock(address account, AccountWord word, int256 lockDelta)
        private
        returns (AccountWord)
    {
        if (lockDelta < 0) {
            uint256 released = uint256(-lockDelta);
            word = word.withBalances(word.free() + released, word.locked() - released);
            if (!word.has(AccountWordLib.FLAG_ARREARS)) {
                _accounts[account] = word;
                return word;
            }
            _settleDebts(account, word);
            return _accounts[account];
        }
        uint256 needed = uint256(lockDelta);
        if (word.has(AccountWordLib.FLAG_OPERATOR)) {
            revert ISettlementFunds.OperatorCannotTrade(account);
        }
        if (word.has(AccountWordLib.FLAG_CLOSED)) revert ISettlementExits.AccountIsClosed(account);
        if (word.has(AccountWordLib.FLAG_ARREARS)) {
            revert ArrearsOutstanding(account, _members[account].arrears);
        }
        if (word.has(AccountWordLib.FLAG_METERED) && !word.has(AccountWordLib.FLAG_SECURED)) {
            revert SecurityDepositMissing(account);
        }
        _requireFree(word, needed);
        word = _forwarded(word);
        word = word.withBalances(word.free() - needed, word.locked() + needed);
        _accounts[account] = word;
        return word;
    }

    function _forwarded(AccountWord word) internal view returns (AccountWord) {
        uint256 current = _currentSlot();
        if (word.settledUntil() < current && _hasNothingToSettle(word)) {
            return word.withSettledUntil(current);
        }
        return word;
    }

    function _requireZone(uint16 zone) private view {
        if (_zones[zone].operator == address(0)) revert ZoneWithoutOperator(zone);
    }
}
