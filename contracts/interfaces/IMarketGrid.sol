// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Units and ledger of the market
/// @notice Fixed at deployment, the same in every room of the market.
interface IMarketGrid {
    /// @notice The tick size must be a multiple of 1,000 (so that money is exact for any lot), neither
    /// it nor the lot zero, both below 2^64.
    error GridInvalid(uint256 tickSize, uint256 lotWh);
    /// @notice The ledger address has no code.
    error LedgerInvalid(address given);

    /// @notice The `IMarketLedger` that holds the money.
    function ledger() external view returns (address);

    /// @notice Base units per kWh of one tick.
    function TICK_SIZE() external view returns (uint256);

    /// @notice Wh of one lot.
    function LOT() external view returns (uint256);
}
