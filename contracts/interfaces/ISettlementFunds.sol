// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Money in and out, security deposits, arrears
/// @notice Amounts are settlement-token base units. Every unit received is in exactly one ledger:
/// `sum(free + locked) + sum(security) + sum(bonds) + clearing == trackedTotal <= token.balanceOf(this)`.
/// Tokens sent here without a deposit belong to no ledger and change nothing.
/// @dev Assumptions on the settlement token: an ERC-20 whose balances change by transfers only (no rebasing). It
/// may take a fee on transfers and may call back; missing return values are fine.
interface ISettlementFunds {
    /// @param payer who paid the tokens
    /// @param account who was credited
    /// @param amount units that arrived (after a transfer fee of the token, if it has one)
    event Deposited(address indexed payer, address indexed account, uint256 amount);
    /// @param account who was debited
    /// @param to who received the tokens
    event Withdrawn(address indexed account, address indexed to, uint256 amount);
    /// @notice Money moved from the free balance to the security deposit. @param security units posted now
    event SecurityPosted(address indexed account, uint256 amount, uint256 security);
    /// @notice Money moved from the security deposit to the free balance. @param security units left
    event SecurityWithdrawn(address indexed account, uint256 amount, uint256 security);
    /// @notice A debt was paid from the security deposit. @param security units left
    event SecurityUsed(address indexed account, uint256 amount, uint256 security);
    /// @notice A debt to the zone's operator could not be paid. @param arrears units owed now
    event ArrearsRecorded(
        address indexed account, uint16 indexed zone, uint256 amount, uint256 arrears
    );
    /// @notice Arrears were paid to the zone's operator, or set off against what it owed. @param arrears units left
    event ArrearsPaid(
        address indexed account, uint16 indexed zone, uint256 amount, uint256 arrears
    );
    /// @notice Money of the account moved between free and locked. @param lockDelta units, > 0 locked, < 0 released
    event LockAdjusted(address indexed account, int256 lockDelta);
    /// @notice Money of many accounts moved between free and locked; says what as many `LockAdjusted` would.
    /// @param changes 16 bytes each: accountId (3 bytes), lockDelta (13 bytes, two's complement, units, never 0)
    event LocksAdjusted(bytes changes);
    /// @notice The clearing account paid congestion rent into the free balance of an interconnector's owner.
    event RentCredited(address indexed owner, uint256 amount);

    /// @notice Amount zero, or nothing arrived.
    error NothingToMove();
    /// @notice The deposit would bring the ledgers above their limit. @param given new total @param allowed limit
    error DepositTooLarge(uint256 given, uint256 allowed);
    /// @notice Money cannot go to the zero address or to this contract: nobody could take it out.
    error InvalidRecipient(address to);
    /// @notice Too much asked from the security deposit. @param given units asked for @param allowed units that may go
    error SecurityStillRequired(uint256 given, uint256 allowed);
    /// @notice Grid operators hold no orders and are not settled themselves.
    error OperatorCannotTrade(address account);
    /// @notice The settlement token has too many decimals for 80-bit balances.
    error TooManyDecimals(uint256 given, uint256 allowed);

    /// @notice Pay tokens into the caller's free balance (arrears are paid from it first).
    /// @param amount units to transfer from the caller; the allowance must be given
    /// @return credited units that arrived
    function deposit(uint256 amount) external returns (uint256 credited);

    /// @notice Pay tokens into another account's free balance.
    function depositFor(address account, uint256 amount) external returns (uint256 credited);

    /// @notice `deposit` with the allowance given by an ERC-2612 signature of the caller.
    /// @dev A permit that somebody else has already submitted does no harm: the allowance decides.
    function depositWithPermit(uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        returns (uint256 credited);

    /// @notice Pay `amount` of the caller's free balance out to the caller. Never paused.
    function withdraw(uint256 amount) external;

    /// @notice Pay `amount` of the caller's free balance out to `to`. Never paused.
    function withdrawTo(address to, uint256 amount) external;

    /// @notice Pay the caller's whole free balance out to `to`. Never paused.
    /// @return amount units paid out
    function withdrawAll(address to) external returns (uint256 amount);

    /// @notice Move `amount` from the caller's free balance to its security deposit.
    function postSecurity(uint256 amount) external;

    /// @notice Move `amount` from the caller's security deposit back to its free balance: what exceeds the
    /// requirement at any time, everything once the account has no meter (any more).
    function withdrawSecurity(uint256 amount) external;

    /// @notice Security deposit of an account.
    function securityOf(address account) external view returns (uint256);

    /// @notice What an account owes its zone's operator and could not pay.
    function arrearsOf(address account) external view returns (uint256);

    /// @notice Units received by deposits and not yet paid out.
    function trackedTotal() external view returns (uint256);

    /// @notice Costs paid in by settled buyers less proceeds paid out to settled sellers. Negative only by
    /// what buyers not yet settled hold locked.
    function clearing() external view returns (int256);

    /// @notice Security deposit required of metered members.
    function securityDeposit() external view returns (uint256);

    /// @notice The settlement token.
    function settlementToken() external view returns (address);

    /// @notice Account that receives the trading fees, in its free balance.
    function treasury() external view returns (address);
}
