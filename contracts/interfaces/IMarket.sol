// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";

import {IAuctionMarket} from "./IAuctionMarket.sol";
import {ICoupledMarket} from "./ICoupledMarket.sol";
import {IEnergyMarket} from "./IEnergyMarket.sol";
import {IMarketPositions} from "./IMarketPositions.sol";
import {IMarketRooms} from "./IMarketRooms.sol";
import {IMarketZones} from "./IMarketZones.sol";
import {IOrderBook} from "./IOrderBook.sol";
import {IReferencePrices} from "./IReferencePrices.sol";
import {ISignedOrders} from "./ISignedOrders.sol";

/// @title The market: everything that `EnergyTrading` answers at its one address
/// @notice Whichever room of the market runs a function, callers see this interface.
interface IMarket is
    IEnergyMarket,
    IOrderBook,
    IMarketZones,
    IMarketPositions,
    IAuctionMarket,
    ISignedOrders,
    ICoupledMarket,
    IReferencePrices,
    IMarketRooms,
    IAccessManaged
{}
