// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IDemandResponse} from "../interfaces/IDemandResponse.sol";
import {IFeedRegister} from "../interfaces/IFeedRegister.sol";
import {IGridStates} from "../interfaces/IGridStates.sol";
import {IGuardian} from "../interfaces/IGuardian.sol";
import {IMarketZones} from "../interfaces/IMarketZones.sol";
import {IPriceOracle} from "../interfaces/IPriceOracle.sol";
import {LinearBucket, LinearBuckets} from "../libraries/LinearBuckets.sol";
import {Products} from "../libraries/Products.sol";
import {BucketLimits} from "../types/BucketLimits.sol";
import {DemandEvent} from "../types/DemandEvents.sol";
import {FeedState} from "../types/FeedState.sol";
import {GridState} from "../types/GridStates.sol";
import {GuardianPower, GuardianTargets} from "../types/GuardianPowers.sol";
import {HaltScope} from "../types/MarketTerms.sol";

/// @notice See `IGuardian`.
/// @dev Assumption: the targets are the project's own contracts, which call nobody back. A freeze that they join with one in
/// force ends at the later of both ends.
contract Guardian is AccessManaged, IGuardian {
    /// @notice Where a subject stands, one word.
    /// @param bucket see `LinearBucket`
    /// @param heldUntil unix second up to which it has been paid for
    struct Budget {
        uint136 bucket;
        uint40 heldUntil;
    }

    /* CONSTANTS */

    uint64 public constant FREEZE_SECONDS = 72 hours;
    /// @notice Longest by which a breaker of GridManagement prolongs a halt or outlasts an escalation.
    uint40 public constant BREAKER_SECONDS = 1 hours;
    uint64 public constant VETOES = 3;
    uint32 public constant REFILL_SECONDS = 30 days;

    /* IMMUTABLES */

    IMarketZones private immutable _MARKET;
    IPriceOracle private immutable _PRICES;
    IFeedRegister private immutable _GRID_ORACLE;
    IFeedRegister private immutable _WEATHER_ORACLE;
    IGridStates private immutable _STATES;
    IDemandResponse private immutable _EVENTS;
    TimelockController private immutable _TIMELOCK;

    /* STORAGE */

    /// @dev By `power 8 | oracle 160 | id 32`.
    mapping(uint256 subject => Budget) private _budgets;

    /* CONSTRUCTOR */

    /// @param authority access manager for the restricted functions
    /// @param targets_ what it acts upon
    constructor(address authority, GuardianTargets memory targets_) AccessManaged(authority) {
        _MARKET = IMarketZones(_requireCode(targets_.market));
        _PRICES = IPriceOracle(_requireCode(targets_.priceOracle));
        _GRID_ORACLE = IFeedRegister(_requireCode(targets_.gridOracle));
        _WEATHER_ORACLE = IFeedRegister(_requireCode(targets_.weatherOracle));
        _STATES = IGridStates(_requireCode(targets_.gridManagement));
        _EVENTS = IDemandResponse(_requireCode(targets_.demandResponse));
        _TIMELOCK = TimelockController(payable(_requireCode(targets_.timelock)));
    }

    /* RESTRICTED: WATCH */

    /// @inheritdoc IGuardian
    function haltZone(
        uint16 zone,
        HaltScope scope,
        uint32 fromSlot,
        uint32 toSlot,
        uint40 expiresAt
    ) external restricted {
        _holdTrading(zone, expiresAt);
        _MARKET.haltZone(zone, scope, fromSlot, toSlot, expiresAt);
    }

    /// @inheritdoc IGuardian
    function escalateZone(uint16 zone, GridState level, uint40 until) external restricted {
        _holdTrading(zone, until);
        _STATES.escalateZone(zone, level, until);
    }

    /// @inheritdoc IGuardian
    function freezeQuotes(uint16 zone, uint40 until) external restricted {
        _hold(GuardianPower.QUOTES, address(0), zone, _PRICES.pricingOf(zone).frozenUntil, until, 0);
        _PRICES.freezeQuotes(zone, until);
    }

    /// @inheritdoc IGuardian
    function freezeFeed(address oracle, uint32 feedId, uint40 until) external restricted {
        _holdFeed(oracle, feedId, until).freezeFeed(feedId, until);
    }

    /// @inheritdoc IGuardian
    function switchToFallback(address oracle, uint32 feedId, uint40 until) external restricted {
        _holdFeed(oracle, feedId, until).switchToFallback(feedId, until);
    }

    /// @inheritdoc IGuardian
    function stopEvent(uint32 eventId) external restricted {
        DemandEvent memory demand = _EVENTS.eventOf(eventId);
        // Slots have 32 bits.
        uint256 from = uint256(demand.fromSlot) * Products.SLOT_SECONDS;
        uint256 to = uint256(demand.toSlot) * Products.SLOT_SECONDS;
        if (from < block.timestamp) from = block.timestamp;
        // An event that is over is refused below.
        if (to > from) _spend(GuardianPower.EVENTS, address(0), demand.zone, to - from, 0);
        _EVENTS.stopEvent(eventId);
    }

    /* RESTRICTED: VETO */

    /// @inheritdoc IGuardian
    function cancelOperation(bytes32 operation) external restricted {
        _spend(GuardianPower.VETO, address(0), 0, 1, 0);
        emit OperationVetoed(operation, msg.sender);
        _TIMELOCK.cancel(operation);
    }

    /* RESTRICTED: GOVERNANCE */

    /// @inheritdoc IGuardian
    function renewBudget(GuardianPower power, address oracle, uint32 id) external restricted {
        Budget storage budget = _budgets[_subject(power, oracle, id)];
        uint256 left = LinearBucket.wrap(budget.bucket).available(_limits(power), block.timestamp);
        budget.bucket = 0;
        emit BudgetRenewed(power, oracle, id, left);
    }

    /* VIEWS */

    /// @inheritdoc IGuardian
    function budgetOf(GuardianPower power, address oracle, uint32 id)
        external
        view
        returns (uint256 left, uint40 heldUntil)
    {
        Budget memory budget = _budgets[_subject(power, oracle, id)];
        left = LinearBucket.wrap(budget.bucket).available(_limits(power), block.timestamp);
        heldUntil = budget.heldUntil;
    }

    /// @inheritdoc IGuardian
    function timeUntil(GuardianPower power, address oracle, uint32 id, uint256 amount)
        external
        view
        returns (uint256)
    {
        LinearBucket bucket = LinearBucket.wrap(_budgets[_subject(power, oracle, id)].bucket);
        return bucket.timeUntil(_limits(power), amount, block.timestamp);
    }

    /// @inheritdoc IGuardian
    function targets() external view returns (GuardianTargets memory) {
        return GuardianTargets({
            market: address(_MARKET),
            priceOracle: address(_PRICES),
            gridOracle: address(_GRID_ORACLE),
            weatherOracle: address(_WEATHER_ORACLE),
            gridManagement: address(_STATES),
            demandResponse: address(_EVENTS),
            timelock: address(_TIMELOCK)
        });
    }

    /* INTERNAL */

    /// @dev Halts and escalations of a zone count together: either keeps the zone from trading.
    function _holdTrading(uint16 zone, uint40 until) private {
        uint40 before = _MARKET.haltOf(zone).expiresAt;
        uint40 escalatedUntil = _STATES.zoneStatus(zone).escalatedUntil;
        if (before < escalatedUntil) before = escalatedUntil;
        _hold(GuardianPower.TRADING, address(0), zone, before, until, BREAKER_SECONDS);
    }

    function _holdFeed(address oracle, uint32 feedId, uint40 until)
        private
        returns (IFeedRegister register)
    {
        _requireOracle(oracle);
        register = IFeedRegister(oracle);
        FeedState memory state = register.feedState(feedId);
        uint40 before = state.frozenUntil;
        if (before < state.fallbackUntil) before = state.fallbackUntil;
        _hold(GuardianPower.FEED, oracle, feedId, before, until, 0);
    }

    /// @dev Spend what a call adds to what has been paid for.
    /// @param before end of what is in force
    /// @param until end of what is to be in force
    /// @param outlast how much longer it may hold
    function _hold(
        GuardianPower power,
        address oracle,
        uint32 id,
        uint40 before,
        uint40 until,
        uint40 outlast
    ) private {
        // The target joins both. It refuses ends more than 72 h ahead, so nothing overflows that is not undone.
        uint256 end = uint256(before < until ? until : before) + outlast;
        // What was lifted, or was begun by others, has not been paid for.
        uint256 from = uint256(before) + outlast;
        uint40 paidUntil = _budgets[_subject(power, oracle, id)].heldUntil;
        if (from > paidUntil) from = paidUntil;
        if (from < block.timestamp) from = block.timestamp;
        if (end <= from) return;
        // A bucket holds less than 2^40 seconds, so an end that can be paid for fits.
        _spend(power, oracle, id, end - from, uint40(end));
    }

    function _spend(
        GuardianPower power,
        address oracle,
        uint32 id,
        uint256 amount,
        uint40 heldUntil
    ) private {
        Budget storage budget = _budgets[_subject(power, oracle, id)];
        BucketLimits memory limits = _limits(power);
        LinearBucket bucket =
            LinearBucket.wrap(budget.bucket).take(limits, amount, block.timestamp);
        budget.bucket = uint136(LinearBucket.unwrap(bucket)); // all of it
        budget.heldUntil = heldUntil;
        uint256 left = bucket.available(limits, block.timestamp);
        emit BudgetSpent(power, oracle, id, msg.sender, amount, left, heldUntil);
    }

    function _limits(GuardianPower power) private pure returns (BucketLimits memory) {
        uint64 capacity = FREEZE_SECONDS;
        if (power == GuardianPower.TRADING) capacity += BREAKER_SECONDS;
        if (power == GuardianPower.VETO) capacity = VETOES;
        return BucketLimits(capacity, REFILL_SECONDS);
    }

    /// @dev Key of a subject.
    function _subject(GuardianPower power, address oracle, uint32 id)
        private
        view
        returns (uint256)
    {
        if (power == GuardianPower.FEED) _requireOracle(oracle);
        else if (oracle != address(0)) revert OracleUnknown(oracle);
        return (uint256(power) << 192) | (uint256(uint160(oracle)) << 32) | id;
    }

    function _requireOracle(address oracle) private view {
        bool isKnown = oracle == address(_PRICES) || oracle == address(_GRID_ORACLE)
            || oracle == address(_WEATHER_ORACLE);
        if (!isKnown) revert OracleUnknown(oracle);
    }

    function _requireCode(address target) private view returns (address) {
        if (target.code.length == 0) revert TargetWithoutCode(target);
        return target;
    }
}
