// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AuctionClaims} from "./AuctionClaims.sol";
import {CoupledClearing} from "./CoupledClearing.sol";
import {MarketStorage} from "./MarketStorage.sol";
import {SignedOrders} from "./SignedOrders.sol";
import {IMarketLedger} from "../interfaces/IMarketLedger.sol";

/// @title Signed orders, and what happens to auctions after their gates
/// @notice The room of `EnergyTrading` that places batches of signed orders (`SignedOrders`), clears (`CallAuction`,
/// `CoupledClearing`) and pays out (`AuctionClaims`, congestion rent).
/// @dev Run by `delegatecall` on the market's storage; called directly it works on its own, empty one, and the
/// ledger refuses it.
contract AuctionRoom is AuctionClaims, CoupledClearing, SignedOrders {
    /// @param authority the AccessManager
    /// @param ledger_ `Settlement`, which holds all money; fixed for ever
    /// @param tickSize settlement-token base units per kWh of one tick, a multiple of 1,000
    /// @param lotWh Wh of one lot
    constructor(address authority, IMarketLedger ledger_, uint256 tickSize, uint256 lotWh)
        MarketStorage(authority, ledger_, tickSize, lotWh)
    {}
}
