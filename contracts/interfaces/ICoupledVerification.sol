// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title What a proposal for a coupled auction can be refused for
/// @notice Rules: `docs/coupled-auction.md`. Zones and links are named by their place in the network,
/// from 0; energies and prices count the units of the market that clears.
interface ICoupledVerification {
    /// @notice The proposal has neither the length of one with a price interval nor of one without.
    /// @param allowed bytes without an interval
    error ProposalLength(uint256 given, uint256 allowed);
    /// @notice A market has 1 to 7 zones.
    error ZoneCount(uint256 given, uint256 allowed);
    /// @notice Zones and borders together are too many.
    error NodeCount(uint256 given, uint256 allowed);
    /// @notice A link joins a node that does not exist. @param allowed highest number of a node
    error UnknownNode(uint256 link, uint256 given, uint256 allowed);
    /// @notice A price lies outside the price range of the market.
    error PriceOutOfRange(uint256 zone, int256 given, int256 lowest, int256 highest);
    /// @notice A tie share lies above 2, in units of 2^-32.
    error ShareOutOfRange(uint256 zone, uint256 given, uint256 allowed);
    /// @notice A flow exceeds the link's capacity (a flow below the lower bound cannot be written).
    error FlowOutOfBounds(uint256 link, int256 given, int256 allowed);
    /// @notice Prices (or, where they are equal, tie shares) differ across a link that is not full:
    /// energy could still move to where it is worth more.
    /// @param allowed the bound at which the flow must stand
    error FlowNotAtBound(uint256 link, int256 given, int256 allowed);
    /// @notice At its price the zone's orders do not add up to this net export.
    error NetExportOutsideBand(uint256 zone, int256 given, int256 lowest, int256 highest);
    /// @notice Orders at the price are filled by more or less than the zone's tie share.
    /// @param given energy that the flows leave to the orders of one side at the price
    /// @param allowed energy that the tie share gives them, rounded down
    error ShareNotProportional(uint256 zone, uint256 given, uint256 allowed);
    /// @notice The price of the zone could be lower or higher and still be valid, so the proposal must
    /// bring the interval of valid prices.
    error PricesNotUnique(uint256 zone);
    /// @notice The prices are the only valid ones, and the proposal brings an interval all the same.
    error IntervalNotNeeded();
    /// @notice The zone's price is not the middle of its interval, rounded down.
    error NotTheMidpoint(uint256 zone, int256 given, int256 allowed);
    /// @notice The lower end of the interval is valid, but a lower one would be too.
    error IntervalNotLowest(uint256 zone);
    /// @notice The upper end of the interval is valid, but a higher one would be too.
    error IntervalNotHighest(uint256 zone);
}
