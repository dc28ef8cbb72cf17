// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IEventCalendar} from "../interfaces/IEventCalendar.sol";
import {SLOTS_PER_DAY} from "../libraries/MeterConstants.sol";
import {FlexDirection, FlexOffer, FlexRequest} from "../types/Flexibility.sol";
import {FlexBase} from "./FlexBase.sol";

/// @title Which slots of a meter are taken
/// @notice Part of `Flexibility`; see `IEventCalendar`.
abstract contract EventCalendar is IEventCalendar, FlexBase {
    /// @dev Longest run of slots: two days.
    uint256 private constant MAX_RUN = 192;
    uint256 private constant DAY_MASK = (1 << SLOTS_PER_DAY) - 1;
    uint256 private constant OFFERS_PER_DAY = 8;

    /* RESTRICTED FUNCTIONS */

    /// @inheritdoc IEventCalendar
    function reserve(uint32 meterId, uint32 fromSlot, uint32 toSlot) external restricted {
        uint32 earliest = _currentSlot() + 1;
        if (fromSlot < earliest || toSlot <= fromSlot || toSlot - fromSlot > MAX_RUN) {
            revert CalendarRunInvalid(fromSlot, toSlot, earliest);
        }
        for (uint32 from = fromSlot; from < toSlot;) {
            (uint32 day, uint32 to) = _dayRun(from, toSlot);
            uint256 mask = _mask(from, to);
            uint256 clash = _anyTaken(meterId, day) & mask;
            if (clash != 0) revert MeterTaken(meterId, day, clash);
            _reserved[meterId][day] |= mask;
            from = to;
        }
        emit SlotsReserved(meterId, msg.sender, fromSlot, toSlot);
    }

    /// @inheritdoc IEventCalendar
    function release(uint32 meterId, uint32 fromSlot, uint32 toSlot) external restricted {
        if (toSlot <= fromSlot || toSlot - fromSlot > MAX_RUN) {
            revert CalendarRunInvalid(fromSlot, toSlot, 0);
        }
        for (uint32 from = fromSlot; from < toSlot;) {
            (uint32 day, uint32 to) = _dayRun(from, toSlot);
            uint256 mask = _mask(from, to);
            uint256 missing = mask & ~_reserved[meterId][day];
            if (missing != 0) revert SlotsNotReserved(meterId, day, missing);
            _reserved[meterId][day] ^= mask;
            from = to;
        }
        emit SlotsReleased(meterId, msg.sender, fromSlot, toSlot);
    }

    /* VIEWS */

    /// @inheritdoc IEventCalendar
    function isFree(uint32 meterId, uint32 fromSlot, uint32 toSlot) external view returns (bool) {
        if (fromSlot <= _currentSlot() || toSlot <= fromSlot || toSlot - fromSlot > MAX_RUN) {
            return false;
        }
        for (uint32 from = fromSlot; from < toSlot;) {
            (uint32 day, uint32 to) = _dayRun(from, toSlot);
            if (_anyTaken(meterId, day) & _mask(from, to) != 0) return false;
            from = to;
        }
        return true;
    }

    /* INTERNAL */

    /// @dev Take the slots of an offer's window in its direction.
    function _take(uint32 meterId, FlexDirection direction, uint32 fromSlot, uint32 toSlot) internal {
        uint32 day = _dayOf(fromSlot);
        uint256 mask = _mask(fromSlot, toSlot);
        uint256 taken = _taken[meterId][day];
        uint256 clash = ((taken >> _shift(direction)) | _reserved[meterId][day]) & mask;
        if (clash != 0) revert MeterTaken(meterId, day, clash);
        _taken[meterId][day] = taken | (mask << _shift(direction));
    }

    /// @dev Give back the slots of an offer's window that have no event of its zone.
    function _giveBack(FlexOffer storage offer) internal {
        uint32 day = _dayOf(offer.fromSlot);
        uint256 mask = _mask(offer.fromSlot, offer.toSlot) << _shift(offer.direction);
        _taken[offer.meterId][day] &= ~(mask & ~_zoneEvents[offer.zone][day]);
    }

    /// @dev Whether a meter was in an event on a day: elsewhere, or accepted here with power.
    function _hadEvent(uint32 meterId, uint16 zone, uint32 day) internal view returns (bool) {
        if (_reserved[meterId][day] != 0) return true;
        uint256 taken = _taken[meterId][day];
        if (taken == 0 || taken & _zoneEvents[zone][day] == 0) return false;
        uint32[] storage requestIds = _dayRequests[zone][day];
        uint256 offerIds = _offersOf[meterId][day];
        for (; offerIds != 0; offerIds >>= 32) {
            FlexOffer storage offer = _offers[uint32(offerIds)];
            for (uint256 i = 0; i < requestIds.length; ++i) {
                (, uint256 powerW) = _accepted(_requests[requestIds[i]], offer);
                if (powerW != 0) return true;
            }
        }
        return false;
    }

    /// @dev Note an offer among those of its meter and day.
    /// @return full whether there were eight already
    function _noteOffer(uint32 meterId, uint32 day, uint32 offerId) internal returns (bool full) {
        uint256 ids = _offersOf[meterId][day];
        for (uint256 i = 0; i < OFFERS_PER_DAY; ++i) {
            if (uint32(ids >> (32 * i)) == 0) {
                _offersOf[meterId][day] = ids | (uint256(offerId) << (32 * i));
                return false;
            }
        }
        return true;
    }

    function _anyTaken(uint32 meterId, uint32 day) private view returns (uint256) {
        uint256 taken = _taken[meterId][day];
        return (taken | (taken >> SLOTS_PER_DAY) | _reserved[meterId][day]) & DAY_MASK;
    }

    /// @dev Day of a slot, and the end of a run in it.
    function _dayRun(uint32 fromSlot, uint32 toSlot) private pure returns (uint32 day, uint32 to) {
        day = _dayOf(fromSlot);
        uint256 end = (uint256(day) + 1) * SLOTS_PER_DAY;
        // Not above `toSlot`.
        to = toSlot < end ? toSlot : uint32(end);
    }
}
