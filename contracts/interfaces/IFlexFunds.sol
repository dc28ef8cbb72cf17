// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Money of the flexibility market
/// @notice One pot of the settlement token; every unit in it belongs to somebody:
///
/// `escrowed == sum(free balances) + sum(stakes) + sum(budgets) + sum(reserved)`, exactly, between any two calls, and the
/// contract holds at least that many tokens. Taking out a free balance is never blocked.
/// @dev Assumptions on the token: it moves what it says or reverts. A fee on transfer is borne by the payer of a deposit,
/// who is credited what arrived. Calls it makes during a transfer find every function that moves tokens locked. A token
/// that changes balances by itself is not supported.
interface IFlexFunds {
    /// @notice @param amount units that arrived
    event FlexDeposited(address indexed payer, address indexed account, uint256 amount);
    event FlexWithdrawn(address indexed account, address indexed to, uint256 amount);
    /// @notice Money became part of a zone's budget. @param budget unreserved units after it
    event BudgetFunded(uint16 indexed zone, address indexed from, uint256 amount, uint256 budget);
    /// @notice The operator took money back. @param budget unreserved units after it
    event BudgetWithdrawn(uint16 indexed zone, address indexed operator, uint256 amount, uint256 budget);

    /// @notice A deposit, withdrawal or funding of nothing.
    error FlexAmountZero();
    /// @notice More than the account has free.
    error FlexBalanceTooLow(uint256 given, uint256 allowed);
    /// @notice More than is unreserved in the zone's budget.
    error FlexBudgetTooLow(uint256 given, uint256 allowed);
    /// @notice Not an address to send money to.
    error FlexRecipientInvalid(address to);
    /// @notice The contract holds at most 2^80 - 1 units.
    error FlexEscrowFull(uint256 given, uint256 allowed);
    /// @notice The caller is not the operator of the zone.
    error NotTheZoneOperator(address caller, uint16 zone);

    /// @notice Put tokens on one's free balance: for stakes and budgets.
    /// @return credited units that arrived
    function deposit(uint256 amount) external returns (uint256 credited);

    /// @notice Take free money out. Never blocked.
    function withdraw(uint256 amount, address to) external;

    /// @notice Take all free money out. Never blocked.
    function withdrawAll(address to) external returns (uint256 amount);

    /// @notice Move free money to the budget of a zone. Anybody may; only the zone's operator can take it back.
    function fundBudget(uint16 zone, uint256 amount) external;

    /// @notice Move unreserved budget to the free balance of the calling operator of the zone.
    function withdrawBudget(uint16 zone, uint256 amount) external;

    /// @notice Free units of an account.
    function balanceOf(address account) external view returns (uint256);

    /// @notice Unreserved units of a zone.
    function budgetOf(uint16 zone) external view returns (uint256);

    /// @notice Units that belong to somebody.
    function escrowed() external view returns (uint256);
}
