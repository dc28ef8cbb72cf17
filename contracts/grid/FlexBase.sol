// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IFlexFunds} from "../interfaces/IFlexFunds.sol";
import {IFlexOffers} from "../interfaces/IFlexOffers.sol";
import {IFlexibility} from "../interfaces/IFlexibility.sol";
import {IGridOracle} from "../interfaces/IGridOracle.sol";
import {IMeterEnergy} from "../interfaces/IMeterEnergy.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {ISettlementZones} from "../interfaces/ISettlementZones.sol";
import {FLEX_BOOK_WORDS} from "../libraries/FlexBooks.sol";
import {DAY_SECONDS, SLOT_SECONDS, SLOTS_PER_DAY} from "../libraries/MeterConstants.sol";
import {
    FlexDirection,
    FlexOffer,
    FlexPhase,
    FlexRequest,
    FlexSetup,
    StandingOrder
} from "../types/Flexibility.sol";
import {MeterInfo, MeterStatus} from "../types/MeterInfo.sol";

/// @title What the parts of the flexibility market share
/// @notice All storage and immutables, money between its places, and who was accepted.
/// @dev Warning: `Flexibility` runs the code of `FlexDispatch` on its own storage. Never declare state in another part.
abstract contract FlexBase is AccessManaged, ReentrancyGuardTransient {
    using SafeCast for uint256;

    /// @dev Lanes of a committed baseline.
    uint256 internal constant LANE_BITS = 32;
    uint256 internal constant LANES = 8;

    /* IMMUTABLES */

    IERC20 internal immutable TOKEN;
    address internal immutable METER;
    ISettlementZones internal immutable SETTLEMENT;
    IGridOracle internal immutable GRID_ORACLE;
    address internal immutable GRID;
    uint256 internal immutable PENALTY_PER_KWH;
    uint256 internal immutable MIN_STAKE;

    /* STORAGE */

    mapping(address account => uint80) internal _free;
    mapping(uint16 zone => uint80) internal _budgets;
    uint80 internal _escrowed;
    uint32 internal _offerCount;
    uint32 internal _requestCount;
    /// @dev Allocations so far, plus 1: so that a `removedAt` of 0 means "never".
    uint32 internal _allocations = 1;

    mapping(uint32 offerId => FlexOffer) internal _offers;
    mapping(uint32 offerId => mapping(uint256 index => uint256 word)) internal _baselines;
    mapping(uint256 bookId => uint256[FLEX_BOOK_WORDS]) internal _books;
    mapping(uint256 bookId => uint256) internal _bookPlaces;
    mapping(uint256 requestId => FlexRequest) internal _requests;
    mapping(uint256 bookId => StandingOrder) internal _orders;
    /// @dev Slots of a day with an allocated event: UP in bits 0 to 95, DOWN in 96 to 191.
    mapping(uint16 zone => mapping(uint32 day => uint256 slots)) internal _zoneEvents;
    mapping(uint16 zone => mapping(uint32 day => uint32[] requestIds)) internal _dayRequests;
    /// @dev Slots of a day taken by offers, laid out likewise.
    mapping(uint32 meterId => mapping(uint32 day => uint256 slots)) internal _taken;
    /// @dev Slots of a day taken by events elsewhere, 96 bits.
    mapping(uint32 meterId => mapping(uint32 day => uint256 slots)) internal _reserved;
    /// @dev Offers of a meter for a day, eight of 32 bits each from the low end.
    mapping(uint32 meterId => mapping(uint32 day => uint256 offerIds)) internal _offersOf;

    constructor(FlexSetup memory setup) {
        TOKEN = IERC20(setup.settlementToken);
        METER = setup.smartMeter;
        SETTLEMENT = ISettlementZones(setup.settlement);
        GRID_ORACLE = IGridOracle(setup.gridOracle);
        GRID = setup.gridManagement;
        PENALTY_PER_KWH = setup.penaltyPerKWh;
        MIN_STAKE = setup.minStake;
    }

    /* MONEY */

    function _credit(address account, uint256 amount) internal {
        _free[account] = (_free[account] + amount).toUint80();
    }

    function _debit(address account, uint256 amount) internal {
        uint256 free = _free[account];
        if (amount > free) revert IFlexFunds.FlexBalanceTooLow(amount, free);
        // At most the old balance.
        _free[account] = uint80(free - amount);
    }

    function _fund(uint16 zone, uint256 amount) internal {
        _budgets[zone] = (_budgets[zone] + amount).toUint80();
    }

    function _unfund(uint16 zone, uint256 amount) internal {
        uint256 budget = _budgets[zone];
        if (amount > budget) revert IFlexFunds.FlexBudgetTooLow(amount, budget);
        // At most the old budget.
        _budgets[zone] = uint80(budget - amount);
    }

    /* ACCEPTANCE */

    /// @dev Whether an offer was in the book and cheap enough when the request was allocated, and the power accepted of it:
    /// all of it below the marginal price, its share rounded down at it.
    function _accepted(FlexRequest storage request, FlexOffer storage offer)
        internal
        view
        returns (bool takesPart, uint256 powerW)
    {
        uint256 number = request.number;
        if (number == 0 || offer.placedAt >= number) return (false, 0);
        uint256 removedAt = offer.removedAt;
        if (removedAt != 0 && removedAt < number) return (false, 0);
        if (offer.zone != request.zone || offer.direction != request.direction) return (false, 0);
        if (offer.fromSlot > request.fromSlot || offer.toSlot < request.toSlot) return (false, 0);
        uint256 price = offer.pricePerKWh;
        uint256 marginal = request.marginalPrice;
        if (price > marginal) return (false, 0);
        powerW = offer.powerW;
        if (price == marginal) {
            powerW = powerW * request.marginNeedW / request.marginOfferedW;
        }
        return (true, powerW);
    }

    /// @dev The request allocated for a slot of a zone, 0 if none.
    function _requestIn(uint16 zone, uint32 slot) internal view returns (uint256) {
        uint32[] storage ids = _dayRequests[zone][_dayOf(slot)];
        for (uint256 i = 0; i < ids.length; ++i) {
            FlexRequest storage request = _requests[ids[i]];
            if (request.fromSlot <= slot && slot < request.toSlot) return ids[i];
        }
        return 0;
    }

    /// @dev Whether a meter sells for its owner: active, the owner's, and its settled connection.
    function _meterOf(uint32 meterId, address owner)
        internal
        view
        returns (bool sound, MeterInfo memory info)
    {
        info = IMeterRegistry(METER).meterInfo(meterId);
        sound = info.status == MeterStatus.ACTIVE && info.owner == owner
            && IMeterEnergy(METER).connectionOf(owner).meterId == meterId;
    }

    function _requireOperator(uint16 zone) internal view {
        if (msg.sender != SETTLEMENT.zoneState(zone).operator) {
            revert IFlexFunds.NotTheZoneOperator(msg.sender, zone);
        }
    }

    /// @dev The committed baseline of the slot at `index` of an offer's window.
    function _committed(uint32 offerId, uint256 index) internal view returns (int256) {
        return int32(uint32(_baselines[offerId][index / LANES] >> (index % LANES * LANE_BITS)));
    }

    function _knownOffer(uint32 offerId) internal view returns (FlexOffer storage offer) {
        offer = _offers[offerId];
        if (offer.owner == address(0)) revert IFlexOffers.UnknownOffer(offerId);
    }

    function _knownRequest(uint256 requestId) internal view returns (FlexRequest storage request) {
        request = _requests[requestId];
        if (request.phase == FlexPhase.NONE) revert IFlexibility.UnknownRequest(requestId);
    }

    /* TIME AND PLACES */

    function _currentSlot() internal view returns (uint32) {
        // 32 bits of slots last for 120,000 years.
        return uint32(block.timestamp / SLOT_SECONDS);
    }

    function _today() internal view returns (uint32) {
        return uint32(block.timestamp / DAY_SECONDS);
    }

    function _dayOf(uint32 slot) internal pure returns (uint32) {
        return uint32(slot / SLOTS_PER_DAY);
    }

    /// @dev One bit a slot of a run inside one day. Warning: the caller has checked that it is.
    function _mask(uint32 fromSlot, uint32 toSlot) internal pure returns (uint256) {
        return ((1 << uint256(toSlot - fromSlot)) - 1) << (fromSlot % SLOTS_PER_DAY);
    }

    /// @dev The half of a day's word that belongs to a direction.
    function _shift(FlexDirection direction) internal pure returns (uint256) {
        return direction == FlexDirection.UP ? 0 : SLOTS_PER_DAY;
    }

    function _bookId(uint16 zone, FlexDirection direction) internal pure returns (uint256) {
        return uint256(zone) << 1 | uint256(direction);
    }
}
