// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AuctionBook} from "./AuctionBook.sol";
import {Interconnectors} from "./Interconnectors.sol";
import {MarketPositions} from "./MarketPositions.sol";
import {MarketStorage} from "./MarketStorage.sol";
import {MarketZones} from "./MarketZones.sol";
import {OrderBook} from "./OrderBook.sol";
import {ReferencePrices} from "./ReferencePrices.sol";
import {IMarketLedger} from "../interfaces/IMarketLedger.sol";

/// @title What the market has on record
/// @notice The room of `EnergyTrading` for all that is not trading itself: terms and halts of the zones (`MarketZones`),
/// regions and lines (`Interconnectors`), reference prices, positions for settlement (`MarketPositions`), and the views of books, orders and auctions
/// (`OrderBook`, `AuctionBook`).
/// @dev Run by `delegatecall` on the market's storage; called directly it works on its own, empty one, and no ledger
/// listens to it.
contract MarketRegister is
    MarketZones,
    Interconnectors,
    ReferencePrices,
    OrderBook,
    AuctionBook,
    MarketPositions
{
    /// @param authority the AccessManager
    /// @param ledger_ `Settlement`, which holds all money; fixed for ever
    /// @param tickSize settlement-token base units per kWh of one tick, a multiple of 1,000
    /// @param lotWh Wh of one lot
    constructor(address authority, IMarketLedger ledger_, uint256 tickSize, uint256 lotWh)
        MarketStorage(authority, ledger_, tickSize, lotWh)
    {}
}
