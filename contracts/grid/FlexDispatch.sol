// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IFlexibility} from "../interfaces/IFlexibility.sol";
import {IMeterEnergy} from "../interfaces/IMeterEnergy.sol";
import {IResourceRegister} from "../interfaces/IResourceRegister.sol";
import {FlexPayments} from "../libraries/FlexPayments.sol";
import {SLOT_SECONDS} from "../libraries/MeterConstants.sol";
import {EnergyWord} from "../types/EnergyWord.sol";
import {
    FlexDirection,
    FlexOffer,
    FlexPhase,
    FlexRequest,
    FlexSetup,
    FlexStanding,
    SlotDelivery
} from "../types/Flexibility.sol";
import {Resource} from "../types/GridResources.sol";
import {MeterInfo, MeterStatus} from "../types/MeterInfo.sol";
import {FlexBase} from "./FlexBase.sol";
import {FlexRequests} from "./FlexRequests.sol";

/// @title Room of Flexibility: requests, allocation, delivery
/// @notice Answers `IFlexibility` at the address of `Flexibility`, on its storage.
/// @dev Warning: never called by itself; alone it has no offers and no money. `Flexibility` creates it with its own setup,
/// and both take their storage from `FlexBase`, which alone declares any.
contract FlexDispatch is FlexRequests {
    /// @dev Time for settling after the readings of the last slot are final: 7 days.
    uint256 private constant SETTLING_SECONDS = 7 days;

    /// @param setup trusted contracts and figures, fixed for ever
    constructor(FlexSetup memory setup) AccessManaged(setup.authority) FlexBase(setup) {}

    /* ANYBODY */

    /// @inheritdoc IFlexibility
    function settle(uint256 requestId, uint32[] calldata offerIds)
        external
        returns (uint256 count)
    {
        FlexRequest storage request = _knownRequest(requestId);
        if (request.number == 0) revert RequestNotAllocated(requestId);
        for (uint256 i = 0; i < offerIds.length; ++i) {
            if (_settleOne(requestId, request, offerIds[i])) ++count;
        }
    }

    /// @inheritdoc IFlexibility
    function closeRequest(uint256 requestId) external {
        // Check
        FlexRequest storage request = _knownRequest(requestId);
        if (request.phase == FlexPhase.CLOSED) revert RequestIsClosed(requestId);
        uint256 earliest = closesAt(requestId);
        if (block.timestamp < earliest) revert CloseTooEarly(earliest);

        // Effect
        _close(requestId, request);
    }

    /* VIEWS */

    /// @inheritdoc IFlexibility
    function requestOf(uint256 requestId) external view returns (FlexRequest memory) {
        return _knownRequest(requestId);
    }

    /// @inheritdoc IFlexibility
    function requestCount() external view returns (uint256) {
        return _requestCount;
    }

    /// @inheritdoc IFlexibility
    function requestsOfDay(uint16 zone, uint32 day)
        external
        view
        returns (uint32[] memory requestIds)
    {
        return _dayRequests[zone][day];
    }

    /// @inheritdoc IFlexibility
    function dispatchOf(uint32 resourceId, uint32 slot)
        external
        view
        returns (int256 powerW, uint256 requestId)
    {
        Resource memory resource = IResourceRegister(GRID).resourceOf(resourceId);
        requestId = _requestIn(resource.zone, slot);
        if (requestId == 0) return (0, 0);
        FlexRequest storage request = _requests[requestId];
        uint256 ids = _offersOf[resource.meterId][_dayOf(slot)];
        for (; ids != 0; ids >>= 32) {
            FlexOffer storage offer = _offers[uint32(ids)];
            if (offer.resourceId != resourceId) continue;
            (, uint256 accepted) = _accepted(request, offer);
            if (accepted == 0) continue;
            // Powers have 26 bits.
            powerW = int256(accepted);
            return (request.direction == FlexDirection.UP ? powerW : -powerW, requestId);
        }
        return (0, 0);
    }

    /// @inheritdoc IFlexibility
    function acceptedOf(uint256 requestId, uint32 offerId)
        external
        view
        returns (uint256 powerW)
    {
        (, powerW) = _accepted(_knownRequest(requestId), _knownOffer(offerId));
    }

    /// @inheritdoc IFlexibility
    function standingOf(uint256 requestId, uint32 offerId) external view returns (FlexStanding) {
        FlexRequest storage request = _knownRequest(requestId);
        FlexOffer storage offer = _knownOffer(offerId);
        uint256 slots = _overlap(request, offer);
        if (slots == 0) return FlexStanding.NONE;
        if (offer.settledSlots & slots != 0) return FlexStanding.SETTLED;
        (bool takesPart,) = _accepted(request, offer);
        if (!takesPart) return FlexStanding.NONE;
        if (request.phase == FlexPhase.CLOSED) return FlexStanding.READY;
        (bool ready,) = _measured(request, offer);
        return ready ? FlexStanding.READY : FlexStanding.WAITING;
    }

    /// @inheritdoc IFlexibility
    function deliveryOf(uint256 requestId, uint32 offerId)
        external
        view
        returns (SlotDelivery[] memory slots)
    {
        FlexRequest storage request = _knownRequest(requestId);
        FlexOffer storage offer = _knownOffer(offerId);
        (bool takesPart, uint256 powerW) = _accepted(request, offer);
        if (!takesPart) return slots;
        EnergyWord[] memory words;
        if (request.phase != FlexPhase.CLOSED) (, words) = _measured(request, offer);
        return _delivery(request, offer, offerId, powerW, words);
    }

    /// @inheritdoc IFlexibility
    function closesAt(uint256 requestId) public view returns (uint256) {
        FlexRequest storage request = _knownRequest(requestId);
        if (request.number == 0) return _allocationDeadline(request);
        return IMeterEnergy(METER).readingDeadline(request.toSlot - 1) + SETTLING_SECONDS;
    }

    /// @inheritdoc IFlexibility
    function penaltyPerKWh() external view returns (uint256) {
        return PENALTY_PER_KWH;
    }

    /* INTERNAL */

    /// @return done true if something was settled
    function _settleOne(uint256 requestId, FlexRequest storage request, uint32 offerId)
        private
        returns (bool done)
    {
        // Check
        FlexOffer storage offer = _knownOffer(offerId);
        uint256 slots = _overlap(request, offer);
        if (slots == 0 || offer.settledSlots & slots != 0) return false;
        (bool takesPart, uint256 powerW) = _accepted(request, offer);
        SlotDelivery[] memory delivered;
        if (takesPart) {
            EnergyWord[] memory words;
            if (request.phase != FlexPhase.CLOSED) {
                bool ready;
                (ready, words) = _measured(request, offer);
                if (!ready) return false;
            }
            delivered = _delivery(request, offer, offerId, powerW, words);
        }

        // Effect
        // A day has 96 slots.
        offer.settledSlots |= uint96(slots);
        _book(requestId, request, offer, offerId, delivered);
        if (takesPart && ++request.settled == request.participants) {
            if (request.phase == FlexPhase.ALLOCATED) _close(requestId, request);
        }
        return true;
    }

    /// @dev Move payment and penalty of a participant.
    function _book(
        uint256 requestId,
        FlexRequest storage request,
        FlexOffer storage offer,
        uint32 offerId,
        SlotDelivery[] memory delivered
    ) private {
        uint256 acceptedWh;
        uint256 deliveredWh;
        uint256 payment;
        uint256 penalty;
        for (uint256 i = 0; i < delivered.length; ++i) {
            acceptedWh += delivered[i].acceptedWh;
            deliveredWh += delivered[i].deliveredWh < delivered[i].acceptedWh
                ? delivered[i].deliveredWh
                : delivered[i].acceptedWh;
            payment += delivered[i].payment;
            penalty += delivered[i].penalty;
        }
        // Neither falls below 0: the budget keeps the marginal price of all that was accepted, the stake covers the
        // penalty of every slot of the window, and each slot is settled once.
        if (payment != 0) {
            request.reserved -= uint80(payment);
            _credit(offer.owner, payment);
        }
        if (penalty != 0) {
            offer.stake -= uint128(penalty);
            _fund(request.zone, penalty);
        }
        emit FlexSettled(
            requestId, offerId, offer.owner, acceptedWh, deliveredWh, payment, penalty
        );
    }

    /// @dev What the readings say.
    /// @return ready false while a reading may still come, or the meter is quarantined
    /// @return words energies of the event's slots; none if the meter is not what it was: nothing counts then
    function _measured(FlexRequest storage request, FlexOffer storage offer)
        private
        view
        returns (bool ready, EnergyWord[] memory words)
    {
        uint32 fromSlot = request.fromSlot;
        uint32 toSlot = request.toSlot;
        (bool sound, MeterInfo memory info) = _meterOf(offer.meterId, offer.owner);
        // A deactivated meter never comes back; one in quarantine may be released.
        if (info.status == MeterStatus.QUARANTINED) return (false, words);
        bool isFinal = block.timestamp >= IMeterEnergy(METER).readingDeadline(toSlot - 1);
        if (!sound) return (isFinal, words);
        words = IMeterEnergy(METER).slotEnergyWords(offer.owner, fromSlot, toSlot - fromSlot);
        if (isFinal) return (true, words);
        for (uint256 i = 0; i < words.length; ++i) {
            if (words[i].isMissing()) return (false, words);
        }
        ready = true;
    }

    /// @dev Slot by slot.
    /// @param words no words: nothing was delivered
    function _delivery(
        FlexRequest storage request,
        FlexOffer storage offer,
        uint32 offerId,
        uint256 powerW,
        EnergyWord[] memory words
    ) private view returns (SlotDelivery[] memory slots) {
        uint32 fromSlot = request.fromSlot;
        uint256 price = request.marginalPrice;
        bool isUp = request.direction == FlexDirection.UP;
        slots = new SlotDelivery[](request.toSlot - fromSlot);
        for (uint256 i = 0; i < slots.length; ++i) {
            SlotDelivery memory slot = slots[i];
            uint256 spanSeconds = SLOT_SECONDS;
            // The event begins within its first slot if that had begun at the allocation.
            if (i == 0) spanSeconds = (uint256(fromSlot) + 1) * SLOT_SECONDS - request.startsAt;
            slot.acceptedWh = FlexPayments.energyDown(powerW, spanSeconds);
            slot.baselineWh = _committed(offerId, fromSlot + i - offer.fromSlot);
            if (i < words.length && words[i].isMeasured()) {
                // Energies are below 2^64.
                slot.meteredWh = int256(words[i].exportWh()) - int256(words[i].importWh());
                int256 change = isUp
                    ? slot.meteredWh - slot.baselineWh
                    : slot.baselineWh - slot.meteredWh;
                if (change > 0) slot.deliveredWh = uint256(change);
            }
            (slot.payment, slot.penalty) =
                FlexPayments.settle(slot.acceptedWh, slot.deliveredWh, price, PENALTY_PER_KWH);
        }
    }

    /// @dev Slots of the event inside the offer's window, one bit each of their day; 0 if they have nothing in common.
    function _overlap(FlexRequest storage request, FlexOffer storage offer)
        private
        view
        returns (uint256)
    {
        if (offer.zone != request.zone || offer.direction != request.direction) return 0;
        uint32 from = request.fromSlot > offer.fromSlot ? request.fromSlot : offer.fromSlot;
        uint32 to = request.toSlot < offer.toSlot ? request.toSlot : offer.toSlot;
        return from < to ? _mask(from, to) : 0;
    }
}
