// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {
    SealedClock,
    SealedSession,
    SealedState,
    SealedZoneResult
} from "../types/SealedSession.sol";
import {ICoupledVerification} from "./ICoupledVerification.sol";

/// @title Sealed coupled auctions: committed curves, cleared by whoever brings the right prices
/// @notice How a national day-ahead market fits. Before the gate the market's committer seals a
/// session: the hashes of the network and of every zone's step curve. After the gate the curves are
/// published and anyone clears: the contract checks the curves against their seal and the proposed
/// prices, tie shares and flows against the rules of `docs/coupled-auction.md`. There is one right
/// outcome (up to one unit of energy in ties), so neither the committer nor the proposer chooses among
/// several.
///
/// Trust. The committer (role COMMITTER) runs the order register: it decides which orders enter the
/// curves, knows them before the gate, and what it does not publish nobody can clear. After the gate it
/// can change nothing: the seal is fixed, and every participant can look for its orders in the
/// published curve. A session without a seal at its gate, or not cleared
/// within the clearing time, is void: no price, no volume. No money or energy is held here.
///
/// Units: prices count verifier ticks between `LOWEST_PRICE` and `HIGHEST_PRICE` and may be negative;
/// orders stand on multiples of `ORDER_TICK` above the lowest price; energy counts units
/// of the market. The Italian replay counts 0.00001 EUR/MWh, orders on 0.01 EUR/MWh, and kWh.
///
/// Bytes (big endian, nothing between or after). Network: `zones 8 | borders 8 | price int32 of each
/// border | links`, a link being `from 8 | to 8 | back 40 | forward 40`. Curves: those of the zones in
/// their order, each as `PackedCurves` draws it. Proposal: see `CoupledVerification`.
interface ISealedAuction is ICoupledVerification {
    /// @notice A market was opened. Its clock never changes.
    event MarketOpened(uint32 indexed market, SealedClock clock);

    /// @notice A session was sealed, or sealed anew: the last seal before the gate counts.
    /// @param networkHash keccak256 of the packed network
    /// @param curveHashes keccak256 of the packed curve of every zone
    event SessionCommitted(
        SealedSession indexed session, bytes32 networkHash, bytes32[] curveHashes
    );

    /// @notice A session was cleared. @param rent congestion rent in ticks times energy
    event SessionCleared(SealedSession indexed session, uint256 rent);

    /// @notice The price range must be int32 numbers, rise, and be a whole number of order ticks.
    error PriceGridInvalid(int256 lowestPrice, int256 highestPrice, uint256 orderTick);
    /// @notice A clock needs an interval of at most 7 days, sessions, at most a day to clear, and a first gate in the future
    /// and at most a year ahead.
    error ClockInvalid(SealedClock given, uint256 earliestGate);
    /// @notice No such market.
    error UnknownMarket(uint256 given, uint256 allowed);
    /// @notice The gate has passed: the session's seal is fixed.
    error GateClosed(uint256 given, uint256 gate);
    /// @notice The session 4,096 before this one, whose storage it takes, can still be cleared.
    error CommitTooEarly(uint256 given, uint256 earliest);
    /// @notice Before the gate nothing is cleared.
    error GateStillOpen(uint256 given, uint256 gate);
    /// @notice The clearing time is over: the session is void.
    error ClearingTimeOver(uint256 given, uint256 end);
    /// @notice The session was not sealed before its gate: it is void.
    error NotCommitted(SealedSession session);
    /// @notice The session is cleared already.
    error AlreadyCleared(SealedSession session);
    /// @notice The network or a curve is not what was sealed. Both are 224 bits of a seal, see
    /// `commitmentOf`.
    error CommitmentMismatch(bytes28 given, bytes28 committed);
    /// @notice The sealed network is no whole number of links. @param allowed next shorter valid length
    error NetworkLength(uint256 given, uint256 allowed);
    /// @notice The curves are longer or shorter than their headers say.
    error CurvesLength(uint256 given, uint256 allowed);
    /// @notice A net export does not fit its 36 bits.
    error NetExportTooLarge(uint256 zone, int256 given, int256 allowed);
    /// @notice The session has no result: not cleared, or over-written 4,096 sessions later.
    error NotCleared(SealedSession session);
    /// @notice The session has no such zone.
    error UnknownZone(uint256 given, uint256 allowed);
    /// @notice A part of the orders at the price lies outside of them.
    error OutsideRationedOrders(uint256 given, uint256 allowed);

    /* RESTRICTED FUNCTIONS */

    /// @notice Open a market. Restricted to governance.
    /// @return market its number, from 1
    function openMarket(SealedClock calldata clock) external returns (uint32 market);

    /// @notice Seal a session, or replace its seal, before its gate. Restricted to the committer role.
    /// @dev The network's zones must be as many as the curves; otherwise nothing can clear the session.
    /// @param networkHash keccak256 of the packed network
    /// @param curveHashes keccak256 of the packed curve of every zone, 1 to 7
    function commit(SealedSession session, bytes32 networkHash, bytes32[] calldata curveHashes)
        external;

    /* USER FUNCTIONS */

    /// @notice Clear a sealed session. By anyone, from the gate until the clearing time is over.
    /// @dev Errors: above and those of `ICoupledVerification`. Rounding: the price is the middle of the
    /// valid ones rounded down, in favour of buyers by less than a verifier tick.
    /// @param network what was sealed
    /// @param proposal prices, tie shares, flows and, if prices are not unique, their interval
    /// @param curves the sealed curves one after the other
    /// @return rent congestion rent in ticks times energy, also added to the market's
    function clear(
        SealedSession session,
        bytes calldata network,
        bytes calldata proposal,
        bytes calldata curves
    ) external returns (uint256 rent);

    /* VIEWS */

    /// @notice First price of the range, in verifier ticks; a sell at it takes any price.
    function LOWEST_PRICE() external view returns (int256);

    /// @notice Last price of the range, in verifier ticks; a buy at it takes any price.
    function HIGHEST_PRICE() external view returns (int256);

    /// @notice Distance of order prices in verifier ticks.
    function ORDER_TICK() external view returns (uint256);

    /// @notice Markets opened so far.
    function marketCount() external view returns (uint32);

    /// @notice Clock of a market.
    function clockOf(uint32 market) external view returns (SealedClock memory);

    /// @notice Congestion rent of all sessions of a market, in ticks times energy.
    function rentOf(uint32 market) external view returns (uint256);

    /// @notice The number of a market's session: `market << 32 | number`.
    function sessionId(uint32 market, uint32 number) external pure returns (SealedSession);

    /// @notice Unix second at which a session is sealed for good.
    function gateOf(SealedSession session) external view returns (uint256);

    /// @notice Last unix second at which a session can be cleared.
    function clearingEndOf(SealedSession session) external view returns (uint256);

    /// @notice Where a session stands now. One whose storage a later turn has taken over reads as
    /// UNCOMMITTED.
    function stateOf(SealedSession session) external view returns (SealedState);

    /// @notice The seal: the upper 224 bits of `keccak256(networkHash, curveHashes...)`; 0 if there is
    /// none.
    function commitmentOf(SealedSession session) external view returns (bytes28);

    /// @notice What a cleared session brought each zone.
    function resultsOf(SealedSession session) external view returns (SealedZoneResult[] memory);

    /// @notice What a cleared session brought one zone.
    function resultOf(SealedSession session, uint256 zone)
        external
        view
        returns (SealedZoneResult memory);

    /// @notice Energy of an order that a cleared session fills: all of it if its limit is better than
    /// the price, nothing if worse, and at the price its part of the rationed energy.
    /// @dev Parts follow the cursor rule: taken in any order they add up to the rationed energy
    /// exactly, and each is within one unit of its proportion. The register of orders says which
    /// `before` is an order's own.
    /// @param isSell side of the order
    /// @param limit limit price in verifier ticks
    /// @param before energy of the orders of its side at the same limit that stand before it in the
    /// register
    /// @param energy energy of the order
    function filledEnergy(
        SealedSession session,
        uint256 zone,
        bool isSell,
        int256 limit,
        uint256 before,
        uint256 energy
    ) external view returns (uint256);
}
