// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {GridState} from "../types/GridStates.sol";
import {GuardianPower, GuardianTargets} from "../types/GuardianPowers.sol";
import {HaltScope} from "../types/MarketTerms.sol";

/// @title Guardian: freezes at once, never for ever
/// @notice The only holder of the roles GUARDIAN and, beside GridManagement, BREAKER. People and programs that watch
/// (WATCH) call it; it forwards to the contract concerned, whose own rules hold (72 h at most, only joined with what is
/// in force). Nothing here lifts, shortens or moves anything: only time and governance loosen.
///
/// **Budgets.** Each subject has a budget of 72 hours that flows back linearly in 30 days; governance may renew it at once.
/// A call spends the seconds that it adds: from the end of what has been paid for, or from now if that is over, to the end
/// of what will be in force. So a longer expiry costs the difference, a freeze beside one in force as long as that costs
/// nothing, and what governance has lifted is paid for again. Over any time T the guardian can hold a subject for 72 hours
/// and about a tenth of T at most without governance.
/// - A zone's halts and escalations share one budget, with one hour more: the longest by which a breaker of GridManagement
///   can prolong what the guardian has begun. That hour is part of what a halt or an escalation costs. Where a halt of
///   GridManagement is in force, the guardian pays for all of it, since the market joins the two.
/// - Freezing a feed and switching it to its fallback share the budget of the feed.
/// - Stopping an event costs what is left of the event; all events of a zone share a budget.
/// Spending what is not there reverts `LinearBuckets.RateLimited(given, allowed)`.
///
/// **Vetoes.** This contract is the only canceller of the timelock beside the governor. The people who guard (VETO) may
/// cancel three operations of the timelock in 30 days, refilled likewise: enough to stop a decision that was a mistake,
/// not enough to rule by refusal.
interface IGuardian {
    /// @notice Part of a budget was spent.
    /// @param power what for
    /// @param oracle of the feed; zero for other powers
    /// @param id zone or feed; 0 for vetoes
    /// @param by who called
    /// @param spent seconds, or operations
    /// @param left what can be spent now, rounded down
    /// @param heldUntil unix second up to which the subject has been paid for; 0 for events and vetoes
    event BudgetSpent(
        GuardianPower indexed power,
        address indexed oracle,
        uint32 indexed id,
        address by,
        uint256 spent,
        uint256 left,
        uint40 heldUntil
    );

    /// @notice Governance filled a budget. @param left what could have been spent before
    event BudgetRenewed(
        GuardianPower indexed power, address indexed oracle, uint32 indexed id, uint256 left
    );

    /// @notice An operation of the timelock was cancelled.
    event OperationVetoed(bytes32 indexed operation, address by);

    /// @notice A target is no contract.
    error TargetWithoutCode(address target);
    /// @notice The address is none of the three oracles, or a power other than FEED names one.
    error OracleUnknown(address oracle);

    /* WATCH */

    /// @notice Halt trading in a zone: see `IMarketZones.haltZone`. Restricted.
    function haltZone(
        uint16 zone,
        HaltScope scope,
        uint32 fromSlot,
        uint32 toSlot,
        uint40 expiresAt
    ) external;

    /// @notice Raise the state of a zone's grid: see `IGridStates.escalateZone`. Restricted.
    function escalateZone(uint16 zone, GridState level, uint40 until) external;

    /// @notice Have nothing quoted in a zone: see `IPriceOracle.freezeQuotes`. Restricted.
    function freezeQuotes(uint16 zone, uint40 until) external;

    /// @notice Take a feed away from its readers: see `IFeedRegister.freezeFeed`. Restricted.
    /// @param oracle one of the three oracles
    function freezeFeed(address oracle, uint32 feedId, uint40 until) external;

    /// @notice Let readers have a feed's approved fallback: see `IFeedRegister.switchToFallback`. Restricted.
    /// @param oracle one of the three oracles
    function switchToFallback(address oracle, uint32 feedId, uint40 until) external;

    /// @notice End an event of demand response: see `IDemandResponse.stopEvent`. Restricted.
    function stopEvent(uint32 eventId) external;

    /* VETO */

    /// @notice Cancel an operation that waits in the timelock. Restricted.
    function cancelOperation(bytes32 operation) external;

    /* GOVERNANCE */

    /// @notice Fill a budget. Restricted.
    /// @param oracle of a feed; zero for other powers
    /// @param id zone or feed; 0 for vetoes
    function renewBudget(GuardianPower power, address oracle, uint32 id) external;

    /* VIEWS */

    /// @notice What can be spent on a subject now.
    /// @param oracle of a feed; zero for other powers
    /// @param id zone or feed; 0 for vetoes
    /// @return left seconds, or operations, rounded down
    /// @return heldUntil unix second up to which the subject has been paid for; 0 for events and vetoes
    function budgetOf(GuardianPower power, address oracle, uint32 id)
        external
        view
        returns (uint256 left, uint40 heldUntil);

    /// @notice Seconds until `amount` can be spent on a subject; 0 if now, the highest uint256 if never at once.
    function timeUntil(GuardianPower power, address oracle, uint32 id, uint256 amount)
        external
        view
        returns (uint256);

    /// @notice What it acts upon.
    function targets() external view returns (GuardianTargets memory);
}
