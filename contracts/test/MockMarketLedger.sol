// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IMarketLedger} from "../interfaces/IMarketLedger.sol";
import {IMarketPositions} from "../interfaces/IMarketPositions.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {SlotPosition} from "../types/Market.sol";

/// @notice The ledger side of `IMarketLedger` for tests of the market alone: same word, same errors,
/// same rules for locks. Settling pays trades as agreed and takes every slot up to `finalUntil` as
/// final; meters and imbalance do not exist here.
contract MockMarketLedger is IMarketLedger {
    address public immutable MARKET;

    mapping(address account => AccountWord) private _accounts;
    mapping(uint24 accountId => address) public accountOf;
    mapping(address account => uint256) public owed;

    uint24 public accountCount;
    uint32 public finalUntil;
    uint256 public fees;
    int256 public clearing;

    modifier onlyMarket() {
        if (msg.sender != MARKET) revert NotTheMarket(msg.sender);
        _;
    }

    /// @param market address at which the market will be deployed
    constructor(address market) {
        MARKET = market;
    }

    /* SETTING THE STAGE */

    /// @notice Enrol an account with a free balance.
    /// @param flags see `AccountWordLib`
    function enrol(
        address account,
        uint16 zone,
        uint256 capacityW,
        uint256 flags,
        uint256 free,
        uint32 settledUntil
    ) external returns (uint24 accountId) {
        accountId = ++accountCount;
        accountOf[accountId] = account;
        AccountWord word = AccountWord.wrap(0).withAccountId(accountId).withZone(zone)
            .withCapacityW(capacityW).withSettledUntil(settledUntil).withBalances(free, 0);
        _accounts[account] = word.withFlag(flags, flags != 0);
    }

    function setFlag(address account, uint256 flag, bool on) external {
        _accounts[account] = _accounts[account].withFlag(flag, on);
    }

    function setOwed(address account, uint256 amount) external {
        owed[account] = amount;
        _accounts[account] = _accounts[account].withFlag(AccountWordLib.FLAG_ARREARS, amount != 0);
    }

    function setFinalUntil(uint32 slot) external {
        finalUntil = slot;
    }

    function setSettledUntil(address account, uint32 slot) external {
        _accounts[account] = _accounts[account].withSettledUntil(slot);
    }

    /* IMarketLedger */

    /// @inheritdoc IMarketLedger
    function adjustLock(address account, int256 lockDelta)
        external
        onlyMarket
        returns (AccountWord word)
    {
        return _adjustLock(account, lockDelta);
    }

    /// @inheritdoc IMarketLedger
    function adjustLocks(address[] calldata accounts, int256[] calldata lockDeltas)
        external
        onlyMarket
    {
        if (lockDeltas.length != accounts.length) {
            revert LengthMismatch(lockDeltas.length, accounts.length);
        }
        for (uint256 i; i < accounts.length; ++i) {
            if (lockDeltas[i] != 0) _adjustLock(accounts[i], lockDeltas[i]);
        }
    }

    /// @inheritdoc IMarketLedger
    function creditRent(address owner, uint256 amount) external onlyMarket {
        clearing -= int256(amount);
        AccountWord word = _accounts[owner];
        _accounts[owner] = word.withBalances(word.free() + amount, word.locked());
    }

    /// @inheritdoc IMarketLedger
    function settleUpTo(address account, uint32 untilSlot) external returns (uint32 settledUntil) {
        AccountWord word = _accounts[account];
        settledUntil = word.settledUntil();
        uint32 until = untilSlot < finalUntil ? untilSlot : finalUntil;
        if (settledUntil >= until) return settledUntil;
        SlotPosition[] memory positions = IMarketPositions(MARKET).takePositions(
            word.accountId(), word.zone(), settledUntil, until - settledUntil
        );
        uint256 free = word.free();
        uint256 locked = word.locked();
        for (uint256 i; i < positions.length; ++i) {
            SlotPosition memory slot = positions[i];
            uint256 charged = slot.networkFee + slot.tradingFee;
            locked -= slot.unlocked;
            free = free + slot.unlocked + slot.proceeds - slot.cost - charged;
            fees += charged;
            clearing += int256(slot.cost) - int256(slot.proceeds);
        }
        _accounts[account] = word.withBalances(free, locked).withSettledUntil(until);
        return until;
    }

    /* VIEWS */

    /// @inheritdoc IMarketLedger
    function accountWords(address[] calldata accounts)
        external
        view
        returns (AccountWord[] memory words)
    {
        words = new AccountWord[](accounts.length);
        for (uint256 i; i < accounts.length; ++i) {
            words[i] = _forwarded(_accounts[accounts[i]]);
        }
    }

    function accountWord(address account) external view returns (AccountWord) {
        return _accounts[account];
    }

    function freeOf(address account) external view returns (uint256) {
        return _accounts[account].free();
    }

    function lockedOf(address account) external view returns (uint256) {
        return _accounts[account].locked();
    }

    function settledUntilOf(address account) external view returns (uint32) {
        return _accounts[account].settledUntil();
    }

    /* INTERNAL */

    function _adjustLock(address account, int256 lockDelta) private returns (AccountWord word) {
        AccountWord old = _accounts[account];
        word = _forwarded(old);
        if (lockDelta > 0) {
            uint256 amount = uint256(lockDelta);
            if (word.zone() == 0) revert NotEnrolled(account);
            if (word.has(AccountWordLib.FLAG_ARREARS)) {
                revert ArrearsOutstanding(account, owed[account]);
            }
            if (word.has(AccountWordLib.FLAG_METERED) && !word.has(AccountWordLib.FLAG_SECURED)) {
                revert SecurityDepositMissing(account);
            }
            if (word.free() < amount) revert InsufficientFree(amount, word.free());
            word = word.withBalances(word.free() - amount, word.locked() + amount);
        } else if (lockDelta < 0) {
            uint256 amount = uint256(-lockDelta);
            word = word.withBalances(word.free() + amount, word.locked() - amount);
        }
        if (AccountWord.unwrap(word) != AccountWord.unwrap(old)) _accounts[account] = word;
    }

    function _forwarded(AccountWord word) private view returns (AccountWord) {
        uint256 nowSlot = block.timestamp / 900;
        if (
            !word.has(AccountWordLib.FLAG_METERED) && word.locked() == 0 && word.zone() != 0
                && word.settledUntil() < nowSlot
        ) return word.withSettledUntil(nowSlot);
        return word;
    }
}
