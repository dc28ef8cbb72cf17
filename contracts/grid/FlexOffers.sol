// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {IFlexOffers} from "../interfaces/IFlexOffers.sol";
import {IResourceRegister} from "../interfaces/IResourceRegister.sol";
import {BookEntry, FLEX_BOOK_PLACES, FLEX_BOOK_WORDS, FlexBooks} from "../libraries/FlexBooks.sol";
import {FlexPayments} from "../libraries/FlexPayments.sol";
import {SLOT_SECONDS, SLOTS_PER_DAY} from "../libraries/MeterConstants.sol";
import {FlexDirection, FlexOffer, NewOffer} from "../types/Flexibility.sol";
import {Resource} from "../types/GridResources.sol";
import {MeterInfo} from "../types/MeterInfo.sol";
import {FlexBaselines} from "./FlexBaselines.sol";

/// @title Offers of flexibility
/// @notice Part of `Flexibility`; see `IFlexOffers`.
abstract contract FlexOffers is IFlexOffers, FlexBaselines {
    using FlexBooks for uint256[FLEX_BOOK_WORDS];
    using FlexBooks for BookEntry;

    uint256 private constant MIN_POWER_W = 100;

    /* OWNER */

    /// @inheritdoc IFlexOffers
    function placeOffer(NewOffer calldata given) external returns (uint32 offerId) {
        // Check
        Resource memory resource = IResourceRegister(GRID).resourceOf(given.resourceId);
        _requireSound(given, resource);
        (bool sound, MeterInfo memory info) = _meterOf(resource.meterId, msg.sender);
        if (!sound || info.zone != resource.zone) revert MeterNotEligible(resource.meterId);
        int256[] memory netWh = _baseline(
            info, resource.meterId, given.direction, given.fromSlot, given.toSlot
        );

        // Effect
        offerId = ++_offerCount;
        _take(resource.meterId, given.direction, given.fromSlot, given.toSlot);
        uint32 day = _dayOf(given.fromSlot);
        if (_noteOffer(resource.meterId, day, offerId)) {
            revert TooManyOffers(resource.meterId, day);
        }
        uint256 stake = stakeFor(given.powerW, given.toSlot - given.fromSlot);
        _debit(msg.sender, stake);
        _offers[offerId] = FlexOffer({
            owner: msg.sender,
            meterId: resource.meterId,
            resourceId: given.resourceId,
            zone: resource.zone,
            direction: given.direction,
            powerW: given.powerW,
            pricePerKWh: given.pricePerKWh,
            fromSlot: given.fromSlot,
            toSlot: given.toSlot,
            place: given.place,
            placedAt: _allocations,
            removedAt: 0,
            // Money has 80 bits.
            stake: uint128(stake),
            settledSlots: 0
        });
        _enter(_bookId(resource.zone, given.direction), given, offerId);
        emit OfferPlaced(
            offerId,
            given.resourceId,
            resource.meterId,
            msg.sender,
            resource.zone,
            given.direction,
            given.powerW,
            given.pricePerKWh,
            given.fromSlot,
            given.toSlot,
            given.place,
            stake
        );
        emit BaselineCommitted(
            offerId, resource.meterId, given.fromSlot, _commit(offerId, netWh)
        );
    }

    /// @inheritdoc IFlexOffers
    function removeOffer(uint32 offerId) external {
        // Check
        FlexOffer storage offer = _knownOffer(offerId);
        if (offer.removedAt != 0 || offer.toSlot <= _currentSlot()) revert OfferNotInBook(offerId);
        if (msg.sender != offer.owner && _isAlive(offer)) revert OfferAlive(offerId);

        // Effect
        _books[_bookId(offer.zone, offer.direction)].store(offer.place, 0);
        _remove(offerId, offer);
    }

    /* ANYBODY */

    /// @inheritdoc IFlexOffers
    function releaseStake(uint32 offerId) external returns (uint256 amount) {
        // Check
        FlexOffer storage offer = _knownOffer(offerId);
        if (offer.removedAt == 0 && offer.toSlot > _currentSlot()) {
            revert OfferStillOpen(offerId, offer.toSlot * SLOT_SECONDS);
        }
        uint256 unsettled = _unsettled(offer);
        if (unsettled != 0) revert EventsNotSettled(offerId, unsettled);

        // Effect
        return _release(offerId, offer);
    }

    /* VIEWS */

    /// @inheritdoc IFlexOffers
    function offerOf(uint32 offerId) external view returns (FlexOffer memory) {
        return _knownOffer(offerId);
    }

    /// @inheritdoc IFlexOffers
    function offerCount() external view returns (uint32) {
        return _offerCount;
    }

    /// @inheritdoc IFlexOffers
    function baselineOf(uint32 offerId) external view returns (int256[] memory netWh) {
        FlexOffer storage offer = _knownOffer(offerId);
        netWh = new int256[](offer.toSlot - offer.fromSlot);
        for (uint256 i = 0; i < netWh.length; ++i) netWh[i] = _committed(offerId, i);
    }

    /// @inheritdoc IFlexOffers
    function previewBaseline(
        uint32 meterId,
        FlexDirection direction,
        uint32 fromSlot,
        uint32 toSlot
    ) external view returns (int256[] memory netWh) {
        _requireWindow(fromSlot, toSlot);
        (, MeterInfo memory info) = _meterOf(meterId, address(0));
        bool sound;
        (sound, info) = _meterOf(meterId, info.owner);
        if (!sound) revert MeterNotEligible(meterId);
        return _baseline(info, meterId, direction, fromSlot, toSlot);
    }

    /// @inheritdoc IFlexOffers
    function stakeFor(uint32 powerW, uint32 slots) public view returns (uint256) {
        uint256 stake = FlexPayments.stakeUp(powerW, slots, PENALTY_PER_KWH);
        return stake < MIN_STAKE ? MIN_STAKE : stake;
    }

    /// @inheritdoc IFlexOffers
    function placeFor(uint16 zone, FlexDirection direction, uint40 pricePerKWh)
        external
        view
        returns (bool found, uint16 place)
    {
        uint256 bookId = _bookId(zone, direction);
        uint256 places = _bookPlaces[bookId];
        (bool free, uint256 at, uint256 dearest) = _books[bookId].scan(places, _currentSlot());
        if (free) return (true, uint16(at));
        if (places < FLEX_BOOK_PLACES) return (true, uint16(places));
        return (dearest > pricePerKWh, uint16(at));
    }

    /// @inheritdoc IFlexOffers
    function bookOf(uint16 zone, FlexDirection direction)
        external
        view
        returns (uint32[] memory offerIds)
    {
        uint256 bookId = _bookId(zone, direction);
        offerIds = new uint32[](_bookPlaces[bookId]);
        for (uint256 i = 0; i < offerIds.length; ++i) {
            offerIds[i] = uint32(_books[bookId].load(i).offerId);
        }
    }

    /// @inheritdoc IFlexOffers
    function offersOfMeter(uint32 meterId, uint32 day)
        external
        view
        returns (uint32[8] memory offerIds)
    {
        uint256 ids = _offersOf[meterId][day];
        for (uint256 i = 0; i < 8; ++i) offerIds[i] = uint32(ids >> (32 * i));
    }

    /// @inheritdoc IFlexOffers
    function takenSlots(uint32 meterId, uint32 day)
        external
        view
        returns (uint96 up, uint96 down, uint96 reserved)
    {
        uint256 taken = _taken[meterId][day];
        return (uint96(taken), uint96(taken >> SLOTS_PER_DAY), uint96(_reserved[meterId][day]));
    }

    /* INTERNAL */

    /// @dev Put an offer into its place, and whoever has to leave for it out.
    function _enter(uint256 bookId, NewOffer calldata given, uint32 offerId) private {
        uint256[FLEX_BOOK_WORDS] storage book = _books[bookId];
        uint256 places = _bookPlaces[bookId];
        uint256 place = given.place;
        if (place >= places) {
            uint256 allowed = places < FLEX_BOOK_PLACES ? places : FLEX_BOOK_PLACES - 1;
            if (place > allowed) revert PlaceOutOfRange(place, allowed);
            _bookPlaces[bookId] = places + 1;
        } else {
            BookEntry memory occupant = book.load(place);
            if (!occupant.isOver(_currentSlot())) {
                _evict(book, places, place, occupant, given.pricePerKWh);
            }
        }
        book.store(
            place,
            FlexBooks.pack(
                BookEntry({
                    pricePerKWh: given.pricePerKWh,
                    powerW: given.powerW,
                    fromSlot: given.fromSlot,
                    slots: given.toSlot - given.fromSlot,
                    offerId: offerId
                })
            )
        );
    }

    function _evict(
        uint256[FLEX_BOOK_WORDS] storage book,
        uint256 places,
        uint256 place,
        BookEntry memory occupant,
        uint256 price
    ) private {
        uint32 evictedId = uint32(occupant.offerId);
        if (places < FLEX_BOOK_PLACES) revert PlaceTaken(place, evictedId);
        (bool free, uint256 freePlace, uint256 dearest) = book.scan(places, _currentSlot());
        if (free) revert BookNotFull(freePlace);
        if (occupant.pricePerKWh != dearest || price >= dearest) {
            revert NotTheDearest(place, occupant.pricePerKWh, dearest);
        }
        _remove(evictedId, _offers[evictedId]);
    }

    /// @dev What follows once an offer has left the book.
    function _remove(uint32 offerId, FlexOffer storage offer) private {
        offer.removedAt = _allocations;
        _giveBack(offer);
        emit OfferRemoved(offerId, msg.sender);
        if (_unsettled(offer) == 0) _release(offerId, offer);
    }

    function _release(uint32 offerId, FlexOffer storage offer) private returns (uint256 amount) {
        amount = offer.stake;
        offer.stake = 0;
        _credit(offer.owner, amount);
        emit StakeReleased(offerId, offer.owner, amount);
    }

    /// @dev Slots of the window with an event of the zone that is not settled for this offer.
    function _unsettled(FlexOffer storage offer) private view returns (uint256) {
        uint256 events =
            _zoneEvents[offer.zone][_dayOf(offer.fromSlot)] >> _shift(offer.direction);
        return events & _mask(offer.fromSlot, offer.toSlot) & ~uint256(offer.settledSlots);
    }

    function _isAlive(FlexOffer storage offer) private view returns (bool sound) {
        if (!IResourceRegister(GRID).resourceOf(offer.resourceId).isActive) return false;
        (sound,) = _meterOf(offer.meterId, offer.owner);
    }

    function _requireSound(NewOffer calldata given, Resource memory resource) private view {
        if (msg.sender != resource.owner) revert NotTheOwner(msg.sender, resource.owner);
        if (!resource.isActive) revert ResourceInactive(given.resourceId);
        if (resource.meterId == 0) revert ResourceWithoutMeter(given.resourceId);
        uint256 highest = uint256(resource.ratedImportW) + resource.ratedExportW;
        if (highest > FlexBooks.MAX_POWER_W) highest = FlexBooks.MAX_POWER_W;
        if (given.powerW < MIN_POWER_W || given.powerW > highest) {
            revert OfferPowerOutOfRange(given.powerW, MIN_POWER_W, highest);
        }
        if (given.pricePerKWh > PENALTY_PER_KWH) {
            revert OfferPriceTooHigh(given.pricePerKWh, PENALTY_PER_KWH);
        }
        _requireWindow(given.fromSlot, given.toSlot);
        uint256 first = given.fromSlot % SLOTS_PER_DAY;
        uint256 last = (given.toSlot - 1) % SLOTS_PER_DAY;
        (uint256 opens, uint256 closes) = (resource.availableFrom, resource.availableTo);
        bool open = opens == closes
            || (opens < closes
                ? first >= opens && last < closes
                : first >= opens || last < closes);
        if (!open) revert ResourceUnavailable(given.resourceId, opens, closes);
    }

    function _requireWindow(uint32 fromSlot, uint32 toSlot) private view {
        uint32 earliest = _currentSlot() + 1;
        if (
            fromSlot < earliest || toSlot <= fromSlot || _dayOf(fromSlot) != _dayOf(toSlot - 1)
                || _dayOf(fromSlot) > _today() + 1
        ) revert OfferWindowInvalid(fromSlot, toSlot, earliest);
    }
}
