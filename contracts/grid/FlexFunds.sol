// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IFlexFunds} from "../interfaces/IFlexFunds.sol";
import {FlexBase} from "./FlexBase.sol";

/// @title Free balances and budgets
/// @notice Part of `Flexibility`; see `IFlexFunds`.
abstract contract FlexFunds is IFlexFunds, FlexBase {
    using SafeERC20 for IERC20;

    /* ANYBODY */

    /// @inheritdoc IFlexFunds
    function deposit(uint256 amount) external nonReentrant returns (uint256 credited) {
        // Check
        if (amount == 0) revert FlexAmountZero();

        // Interaction: first, because only the change of our balance says what arrived. All functions that move
        // tokens are guarded, so nothing can be counted twice.
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        credited = TOKEN.balanceOf(address(this)) - before;

        // Effect
        if (credited == 0) revert FlexAmountZero();
        uint256 total = _escrowed + credited;
        if (total > type(uint80).max) revert FlexEscrowFull(total, type(uint80).max);
        _escrowed = uint80(total);
        _credit(msg.sender, credited);
        emit FlexDeposited(msg.sender, msg.sender, credited);
    }

    /// @inheritdoc IFlexFunds
    function withdraw(uint256 amount, address to) external nonReentrant {
        _withdraw(amount, to);
    }

    /// @inheritdoc IFlexFunds
    function withdrawAll(address to) external nonReentrant returns (uint256 amount) {
        amount = _free[msg.sender];
        _withdraw(amount, to);
    }

    /// @inheritdoc IFlexFunds
    function fundBudget(uint16 zone, uint256 amount) external {
        if (amount == 0) revert FlexAmountZero();
        _debit(msg.sender, amount);
        _fund(zone, amount);
        emit BudgetFunded(zone, msg.sender, amount, _budgets[zone]);
    }

    /* OPERATOR */

    /// @inheritdoc IFlexFunds
    function withdrawBudget(uint16 zone, uint256 amount) external {
        _requireOperator(zone);
        if (amount == 0) revert FlexAmountZero();
        _unfund(zone, amount);
        _credit(msg.sender, amount);
        emit BudgetWithdrawn(zone, msg.sender, amount, _budgets[zone]);
    }

    /* VIEWS */

    /// @inheritdoc IFlexFunds
    function balanceOf(address account) external view returns (uint256) {
        return _free[account];
    }

    /// @inheritdoc IFlexFunds
    function budgetOf(uint16 zone) external view returns (uint256) {
        return _budgets[zone];
    }

    /// @inheritdoc IFlexFunds
    function escrowed() external view returns (uint256) {
        return _escrowed;
    }

    /* INTERNAL */

    function _withdraw(uint256 amount, address to) private {
        // Check
        if (to == address(0) || to == address(this)) revert FlexRecipientInvalid(to);
        if (amount == 0) revert FlexAmountZero();

        // Effect: free balances are part of what is escrowed.
        _debit(msg.sender, amount);
        _escrowed = uint80(_escrowed - amount);
        emit FlexWithdrawn(msg.sender, to, amount);

        // Interaction
        TOKEN.safeTransfer(to, amount);
    }
}
