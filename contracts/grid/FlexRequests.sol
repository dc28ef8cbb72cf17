// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IFlexibility} from "../interfaces/IFlexibility.sol";
import {IGridStates} from "../interfaces/IGridStates.sol";
import {IGridZones} from "../interfaces/IGridZones.sol";
import {FLEX_BOOK_WORDS, FlexBooks, MeritPass} from "../libraries/FlexBooks.sol";
import {FlexNeeds} from "../libraries/FlexNeeds.sol";
import {FlexPayments} from "../libraries/FlexPayments.sol";
import {SLOT_SECONDS, SLOTS_PER_DAY} from "../libraries/MeterConstants.sol";
import {
    FlexDirection,
    FlexPhase,
    FlexRequest,
    StandingOrder
} from "../types/Flexibility.sol";
import {GridState} from "../types/GridStates.sol";
import {FlexBase} from "./FlexBase.sol";

/// @title Requests and their allocation
/// @notice Part of `Flexibility`; see `IFlexibility`.
abstract contract FlexRequests is IFlexibility, FlexBase {
    using FlexBooks for uint256[FLEX_BOOK_WORDS];

    /// @dev Longest event: 4 hours.
    uint256 private constant MAX_SLOTS = 16;

    /* OPERATOR */

    /// @inheritdoc IFlexibility
    function requestFlexibility(
        uint16 zone,
        FlexDirection direction,
        uint32 powerW,
        uint40 priceCap,
        uint32 fromSlot,
        uint32 toSlot,
        uint40 allocateFrom
    ) external returns (uint256 requestId) {
        // Check
        _requireOperator(zone);
        _requireTerms(powerW, priceCap);
        uint32 earliest = _currentSlot();
        if (
            fromSlot < earliest || toSlot <= fromSlot || toSlot - fromSlot > MAX_SLOTS
                || _dayOf(fromSlot) != _dayOf(toSlot - 1) || _dayOf(fromSlot) > _today() + 1
        ) revert RequestWindowInvalid(fromSlot, toSlot, earliest);
        uint256 latest = fromSlot * SLOT_SECONDS;
        if (latest < block.timestamp) latest = block.timestamp;
        if (allocateFrom > latest) revert AllocationTimeInvalid(allocateFrom, latest);

        // Effect
        uint256 reserved =
            FlexPayments.costUp(powerW, (toSlot - fromSlot) * SLOT_SECONDS, priceCap);
        _unfund(zone, reserved);
        requestId = _open(zone, direction, powerW, priceCap, fromSlot, toSlot);
        FlexRequest storage request = _requests[requestId];
        // At most the budget, which has 80 bits.
        request.reserved = uint80(reserved);
        request.allocateFrom = allocateFrom;
        emit FlexibilityRequested(
            requestId,
            zone,
            direction,
            false,
            powerW,
            priceCap,
            fromSlot,
            toSlot,
            allocateFrom,
            reserved
        );
    }

    /// @inheritdoc IFlexibility
    function cancelRequest(uint256 requestId) external {
        FlexRequest storage request = _knownRequest(requestId);
        _requireOperator(request.zone);
        if (request.phase != FlexPhase.OPEN) revert RequestNotOpen(requestId);
        _close(requestId, request);
    }

    /// @inheritdoc IFlexibility
    function setStandingOrder(uint16 zone, FlexDirection direction, StandingOrder calldata order)
        external
    {
        // Check
        _requireOperator(zone);
        if (order.powerW != 0) {
            _requireTerms(order.powerW, order.priceCap);
            if (order.slots == 0 || order.slots > MAX_SLOTS) {
                revert RequestOutOfRange("slots", order.slots, 1, MAX_SLOTS);
            }
        }

        // Effect
        uint256 bookId = _bookId(zone, direction);
        emit StandingOrderSet(zone, direction, _orders[bookId], order);
        _orders[bookId] = order;
    }

    /* ANYBODY */

    /// @inheritdoc IFlexibility
    function requestByState(uint16 zone, uint40 marginalPrice)
        external
        returns (uint256 requestId)
    {
        // Check
        (GridState state,,) = IGridStates(GRID).gridState(zone);
        if (state == GridState.NORMAL) revert GridStateNormal(zone);
        (bool known, FlexDirection direction) = neededDirection(zone);
        if (!known) revert NeedUnknown(zone);
        StandingOrder memory order = _orders[_bookId(zone, direction)];
        if (order.powerW == 0) revert NoStandingOrder(zone, direction);
        uint32 fromSlot = _currentSlot();
        uint32 toSlot = _freeRun(zone, fromSlot, order.slots);
        if (toSlot == fromSlot) {
            revert ZoneBusy(zone, _dayOf(fromSlot), _mask(fromSlot, fromSlot + 1));
        }

        // Effect: the budget is taken once the price is known, in the same call.
        requestId = _open(zone, direction, order.powerW, order.priceCap, fromSlot, toSlot);
        _requests[requestId].byState = true;
        emit FlexibilityRequested(
            requestId,
            zone,
            direction,
            true,
            order.powerW,
            order.priceCap,
            fromSlot,
            toSlot,
            uint40(block.timestamp),
            0
        );
        _allocate(requestId, _requests[requestId], marginalPrice);
    }

    /// @inheritdoc IFlexibility
    function allocate(uint256 requestId, uint40 marginalPrice)
        external
        returns (uint256 acceptedW)
    {
        // Check
        FlexRequest storage request = _knownRequest(requestId);
        if (request.phase != FlexPhase.OPEN) revert RequestNotOpen(requestId);
        if (block.timestamp < request.allocateFrom) {
            revert AllocationTooEarly(request.allocateFrom);
        }
        uint256 deadline = _allocationDeadline(request);
        if (block.timestamp >= deadline) revert AllocationTooLate(deadline);

        return _allocate(requestId, request, marginalPrice);
    }

    /* VIEWS */

    /// @inheritdoc IFlexibility
    function neededDirection(uint16 zone)
        public
        view
        returns (bool known, FlexDirection direction)
    {
        return
            FlexNeeds.direction(GRID_ORACLE.gridMetrics(zone), IGridZones(GRID).gridLimits(zone));
    }

    /// @inheritdoc IFlexibility
    function marginalPriceFor(
        uint16 zone,
        FlexDirection direction,
        uint32 powerW,
        uint40 priceCap,
        uint32 fromSlot,
        uint32 toSlot
    ) public view returns (bool found, uint40 price) {
        uint256 bookId = _bookId(zone, direction);
        MeritPass memory pass = _run(bookId, fromSlot, toSlot, priceCap, priceCap);
        if (pass.count == 0) return (false, 0);
        uint256 target = pass.belowW + pass.atW;
        if (target > powerW) target = powerW;
        // The lowest price at which as much is offered as can be had of the power asked for.
        uint256 low = 0;
        uint256 high = priceCap;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            pass = _run(bookId, fromSlot, toSlot, middle, middle);
            if (pass.belowW + pass.atW >= target) high = middle;
            else low = middle + 1;
        }
        // At most the cap.
        return (true, uint40(low));
    }

    /// @inheritdoc IFlexibility
    function proposalByState(uint16 zone)
        external
        view
        returns (
            bool possible,
            FlexDirection direction,
            uint32 fromSlot,
            uint32 toSlot,
            uint40 price
        )
    {
        (GridState state,,) = IGridStates(GRID).gridState(zone);
        (possible, direction) = neededDirection(zone);
        StandingOrder memory order = _orders[_bookId(zone, direction)];
        fromSlot = _currentSlot();
        toSlot = _freeRun(zone, fromSlot, order.slots);
        if (
            !possible || state == GridState.NORMAL || order.powerW == 0 || toSlot == fromSlot
        ) return (false, direction, fromSlot, toSlot, 0);
        (possible, price) = marginalPriceFor(
            zone, direction, order.powerW, order.priceCap, fromSlot, toSlot
        );
    }

    /// @inheritdoc IFlexibility
    function standingOrder(uint16 zone, FlexDirection direction)
        external
        view
        returns (StandingOrder memory)
    {
        return _orders[_bookId(zone, direction)];
    }

    /* INTERNAL */

    /// @dev Second from which an open request has lapsed: the end of its first slot.
    function _allocationDeadline(FlexRequest storage request) internal view returns (uint256) {
        return (uint256(request.fromSlot) + 1) * SLOT_SECONDS;
    }

    /// @dev What is left of the budget goes back, and to the allowance it came from.
    function _close(uint256 requestId, FlexRequest storage request) internal {
        uint256 rest = request.reserved;
        uint16 zone = request.zone;
        request.reserved = 0;
        request.phase = FlexPhase.CLOSED;
        _fund(zone, rest);
        if (request.byState) {
            StandingOrder storage order = _orders[_bookId(zone, request.direction)];
            uint256 allowance = order.allowance + rest;
            order.allowance = allowance > type(uint80).max ? type(uint80).max : uint80(allowance);
        }
        emit RequestClosed(requestId, zone, rest);
    }

    function _open(
        uint16 zone,
        FlexDirection direction,
        uint32 powerW,
        uint40 priceCap,
        uint32 fromSlot,
        uint32 toSlot
    ) private returns (uint256 requestId) {
        requestId = ++_requestCount;
        FlexRequest storage request = _requests[requestId];
        request.zone = zone;
        request.direction = direction;
        request.phase = FlexPhase.OPEN;
        request.fromSlot = fromSlot;
        request.toSlot = toSlot;
        request.powerW = powerW;
        request.priceCap = priceCap;
    }

    /// @dev Verify the marginal price, take the zone's slots, keep what can be owed, dispatch.
    function _allocate(uint256 requestId, FlexRequest storage stored, uint40 marginalPrice)
        private
        returns (uint256 acceptedW)
    {
        // Check
        FlexRequest memory request = stored;
        MeritPass memory found = _verified(request, marginalPrice);
        uint32 day = _dayOf(request.fromSlot);
        uint256 mask = _mask(request.fromSlot, request.toSlot);
        uint256 events = _zoneEvents[request.zone][day];
        uint256 clash = (events | (events >> SLOTS_PER_DAY)) & mask;
        if (clash != 0) revert ZoneBusy(request.zone, day, clash);

        // Effect
        _zoneEvents[request.zone][day] = events | (mask << _shift(request.direction));
        // Requests are counted in 32 bits.
        _dayRequests[request.zone][day].push(uint32(requestId));
        uint256 missing = request.powerW - found.belowW;
        uint256 marginNeedW = missing < found.atW ? missing : found.atW;
        acceptedW = found.belowW + marginNeedW;
        uint256 startsAt = request.fromSlot * SLOT_SECONDS;
        if (startsAt < block.timestamp) startsAt = block.timestamp;
        uint256 reserved = FlexPayments.costUp(
            acceptedW, request.toSlot * SLOT_SECONDS - startsAt, marginalPrice
        );
        _keep(request, reserved);

        request.phase = FlexPhase.ALLOCATED;
        request.number = ++_allocations;
        request.marginalPrice = marginalPrice;
        // Fits: powers are at most the power asked for; the sum of 500 offers of 26 bits has 35 bits.
        request.acceptedW = uint32(acceptedW);
        request.marginNeedW = uint32(marginNeedW);
        request.marginOfferedW = uint40(found.atW);
        request.startsAt = uint40(startsAt);
        request.participants = uint16(found.count);
        request.reserved = uint80(reserved);
        _requests[requestId] = request;
        emit Allocated(
            requestId,
            request.number,
            request.startsAt,
            marginNeedW,
            found.atW,
            found.count,
            reserved
        );
        emit Dispatched(
            requestId,
            request.zone,
            request.direction,
            request.fromSlot,
            request.toSlot,
            marginalPrice,
            acceptedW
        );
    }

    /// @dev Keep what can be owed: a call by state takes it from budget and allowance, another gives back what it kept more.
    function _keep(FlexRequest memory request, uint256 reserved) private {
        if (!request.byState) {
            // Not negative: neither price, power nor time is above what was kept for.
            _fund(request.zone, request.reserved - reserved);
            return;
        }
        StandingOrder storage order = _orders[_bookId(request.zone, request.direction)];
        uint256 allowance = order.allowance;
        if (reserved > allowance) revert AllowanceTooLow(reserved, allowance);
        order.allowance = uint80(allowance - reserved);
        _unfund(request.zone, reserved);
    }

    /// @dev The one pass. It costs about 525,000 gas of storage for 500 offers.
    function _verified(FlexRequest memory request, uint256 price)
        private
        view
        returns (MeritPass memory found)
    {
        uint256 cap = request.priceCap;
        if (price > cap) revert MarginalPriceAboveCap(price, cap);
        found = _run(
            _bookId(request.zone, request.direction), request.fromSlot, request.toSlot, price, cap
        );
        uint256 neededW = request.powerW;
        bool right = found.atW != 0 && found.belowW < neededW
            && (found.belowW + found.atW >= neededW || !found.dearer);
        if (!right) {
            revert MarginalPriceWrong(price, neededW, found.belowW, found.atW, found.dearer);
        }
    }

    function _run(uint256 bookId, uint256 fromSlot, uint256 toSlot, uint256 price, uint256 cap)
        private
        view
        returns (MeritPass memory)
    {
        return _books[bookId].run(_bookPlaces[bookId], fromSlot, toSlot, price, cap);
    }

    /// @dev End of the run of slots without an event of the zone, at most `slots` long and inside the day.
    function _freeRun(uint16 zone, uint32 fromSlot, uint256 slots)
        private
        view
        returns (uint32 toSlot)
    {
        uint32 day = _dayOf(fromSlot);
        uint256 events = _zoneEvents[zone][day];
        events |= events >> SLOTS_PER_DAY;
        toSlot = fromSlot;
        while (
            toSlot - fromSlot < slots && _dayOf(toSlot) == day
                && (events >> (toSlot % SLOTS_PER_DAY)) & 1 == 0
        ) ++toSlot;
    }

    function _requireTerms(uint256 powerW, uint256 priceCap) private view {
        if (powerW == 0) revert RequestOutOfRange("powerW", 0, 1, type(uint32).max);
        if (priceCap > PENALTY_PER_KWH) {
            revert RequestOutOfRange("priceCap", priceCap, 0, PENALTY_PER_KWH);
        }
    }
}
