// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Rooms of the market
/// @notice Contracts whose code the market runs on its own storage. Fixed at deployment.
interface IMarketRooms {
    /// @notice A room must be a contract deployed with the market's authority, ledger, tick size and lot.
    error RoomDiffers(address room);

    /// @notice The `MarketRegister`.
    function REGISTER() external view returns (address);

    /// @notice The `AuctionRoom`.
    function AUCTION_ROOM() external view returns (address);
}
