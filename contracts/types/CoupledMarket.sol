// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {CoupledLink} from "./CoupledLink.sol";

/// @notice Energy of a zone's orders around one price: strictly better than it, and at least as good.
struct Sums {
    uint256 sellsBelow;
    uint256 sellsUpTo;
    uint256 buysAbove;
    uint256 buysFrom;
}

/// @notice A zone of a coupled auction, or a border that takes any energy at a given price.
/// Before verification `curve` of zones and `price` of borders are set; afterwards all fields hold the
/// outcome. Energies count whatever unit the curves and links count, prices ticks.
struct CoupledNode {
    /// @dev Zones: what the user of the verifier finds the zone's curve by.
    uint256 curve;
    int256 price;
    /// @dev Zones: how far orders at the price are filled, 0 to 2 in units of 2^-32.
    uint256 share;
    /// @dev What leaves over the links minus what comes in.
    int256 netExport;
    /// @dev Bit k: node k has the same price, and a link has room for sending it more.
    uint256 sendsMoreTo;
    /// @dev Bit k: node k has the same price, and a link has room for sending it less.
    uint256 sendsLessTo;
    /// @dev Zones: energy sold and bought. Both 0: the zone has no trade and so publishes no price.
    uint256 sold;
    uint256 bought;
    /// @dev Zones: orders of one side at the price itself are filled in part, `rationedFill` of
    /// `rationedTotal`; a total of 0 means that no order is.
    bool rationsBuys;
    uint256 rationedFill;
    uint256 rationedTotal;
}

/// @notice What a coupled auction clears: filled in by the user of the verifier, completed by it.
struct CoupledMarket {
    /// @dev First and last tick: no zone's price lies outside.
    int256 lowestPrice;
    int256 highestPrice;
    /// @dev Nodes 0 to `zones - 1` are zones, the rest borders.
    uint256 zones;
    CoupledNode[] nodes;
    CoupledLink[] links;
}
