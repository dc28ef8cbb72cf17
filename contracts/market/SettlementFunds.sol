// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ISettlementFunds} from "../interfaces/ISettlementFunds.sol";
import {AccountWord, AccountWordLib} from "../types/AccountWord.sol";
import {SettlementLedger} from "./SettlementLedger.sol";

/// @notice Deposits, withdrawals and security deposits. See `ISettlementFunds`.
abstract contract SettlementFunds is SettlementLedger, ISettlementFunds {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /* DEPOSITS */

    /// @inheritdoc ISettlementFunds
    function deposit(uint256 amount) external nonReentrant returns (uint256 credited) {
        return _deposit(msg.sender, amount);
    }

    /// @inheritdoc ISettlementFunds
    function depositFor(address account, uint256 amount)
        external
        nonReentrant
        returns (uint256 credited)
    {
        return _deposit(account, amount);
    }

    /// @inheritdoc ISettlementFunds
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        nonReentrant
        returns (uint256 credited)
    {
        // Whoever submits the same permit first only spares us the work: the transfer fails if no allowance is there.
        try IERC20Permit(address(TOKEN)).permit(
            msg.sender, address(this), amount, deadline, v, r, s
        ) {} catch {}
        return _deposit(msg.sender, amount);
    }

    /* WITHDRAWALS */

    /// @inheritdoc ISettlementFunds
    function withdraw(uint256 amount) external nonReentrant {
        _withdraw(msg.sender, amount);
    }

    /// @inheritdoc ISettlementFunds
    function withdrawTo(address to, uint256 amount) external nonReentrant {
        _withdraw(to, amount);
    }

    /// @inheritdoc ISettlementFunds
    function withdrawAll(address to) external nonReentrant returns (uint256 amount) {
        uint256 free = _accounts[msg.sender].free();
        uint256 reserved = _reservedOf(msg.sender);
        amount = free > reserved ? free - reserved : 0;
        _withdraw(to, amount);
    }

    /* SECURITY DEPOSITS */

    /// @inheritdoc ISettlementFunds
    function postSecurity(uint256 amount) external {
        if (amount == 0) revert NothingToMove();
        AccountWord word = _enrolled(msg.sender);
        _requireNoDebts(msg.sender, word);
        _requireFree(word, amount);
        _moveSecurity(word, word.free() - amount, _members[msg.sender].security + amount);
        emit SecurityPosted(msg.sender, amount, _members[msg.sender].security);
    }

    /// @inheritdoc ISettlementFunds
    function withdrawSecurity(uint256 amount) external {
        if (amount == 0) revert NothingToMove();
        AccountWord word = _enrolled(msg.sender);
        _requireNoDebts(msg.sender, word);
        uint256 security = _members[msg.sender].security;
        uint256 required = word.has(AccountWordLib.FLAG_METERED) ? SECURITY_DEPOSIT : 0;
        uint256 allowed = security > required ? security - required : 0;
        if (amount > allowed) revert SecurityStillRequired(amount, allowed);
        _moveSecurity(word, word.free() + amount, security - amount);
        emit SecurityWithdrawn(msg.sender, amount, security - amount);
    }

    /* VIEWS */

    /// @inheritdoc ISettlementFunds
    function securityOf(address account) external view returns (uint256) {
        return _members[account].security;
    }

    /// @inheritdoc ISettlementFunds
    function arrearsOf(address account) external view returns (uint256) {
        return _members[account].arrears;
    }

    /// @inheritdoc ISettlementFunds
    function trackedTotal() external view returns (uint256) {
        return _totals.tracked;
    }

    /// @inheritdoc ISettlementFunds
    function clearing() external view returns (int256) {
        return _totals.clearing;
    }

    /// @inheritdoc ISettlementFunds
    function securityDeposit() external view returns (uint256) {
        return SECURITY_DEPOSIT;
    }

    /// @inheritdoc ISettlementFunds
    function settlementToken() external view returns (address) {
        return address(TOKEN);
    }

    /// @inheritdoc ISettlementFunds
    function treasury() external view returns (address) {
        return TREASURY;
    }

    /* INTERNAL */

    function _deposit(address account, uint256 amount) private returns (uint256 credited) {
        // Check: a typing error in the account must not swallow money.
        if (amount == 0) revert NothingToMove();
        _enrolled(account);

        // Interaction: first, because only the change of our balance says what arrived. All functions that move
        // tokens are guarded, so nothing can be counted twice.
        uint256 balanceBefore = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        credited = TOKEN.balanceOf(address(this)) - balanceBefore;

        // Effect:
        if (credited == 0) revert NothingToMove();
        uint256 tracked = _totals.tracked + credited;
        if (tracked > MAX_TRACKED) revert DepositTooLarge(tracked, MAX_TRACKED);
        _totals.tracked = tracked.toUint80();
        emit Deposited(msg.sender, account, credited);
        _credit(account, credited);
    }

    function _withdraw(address to, uint256 amount) private {
        // Check: (the treasury has money here without being enrolled)
        if (to == address(0) || to == address(this)) revert InvalidRecipient(to);
        AccountWord word = _accounts[msg.sender];
        _requireNoDebts(msg.sender, word);
        if (amount == 0) revert NothingToMove();
        _requireFree(word, amount + _reservedOf(msg.sender));

        // Effect:
        _accounts[msg.sender] = word.withBalances(word.free() - amount, word.locked());
        _totals.tracked = (_totals.tracked - amount).toUint80();
        emit Withdrawn(msg.sender, to, amount);

        // Interaction:
        TOKEN.safeTransfer(to, amount);
    }

    function _moveSecurity(AccountWord word, uint256 free, uint256 security) private {
        _members[msg.sender].security = security.toUint80();
        _accounts[msg.sender] = word.withBalances(free, word.locked()).withFlag(
            AccountWordLib.FLAG_SECURED, security >= SECURITY_DEPOSIT
        );
    }
}
