// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {FlexDirection, FlexOffer, NewOffer} from "../types/Flexibility.sol";

/// @title Offers of flexibility
/// @notice An owner offers to change the power of a connection within a window, at a price per kWh or more, with a stake.
/// With the offer the baseline of every slot of the window is computed from the record of the meter and stored: before any
/// event it can be called for, and from days that were final by then. See `docs/flexibility.md`.
///
/// A zone and direction have a book of 500 places. A place is free if it is empty or its offer's window is over. In a full
/// book a newcomer takes the place of the dearest offer, if that is dearer than itself.
interface IFlexOffers {
    /// @notice @param stake units locked
    event OfferPlaced(
        uint32 indexed offerId,
        uint32 indexed resourceId,
        uint32 indexed meterId,
        address owner,
        uint16 zone,
        FlexDirection direction,
        uint32 powerW,
        uint40 pricePerKWh,
        uint32 fromSlot,
        uint32 toSlot,
        uint16 place,
        uint256 stake
    );
    /// @notice The baseline committed with an offer: export minus import in Wh of each slot of its window, 32 bits each,
    /// signed, eight a word from the low end.
    event BaselineCommitted(uint32 indexed offerId, uint32 indexed meterId, uint32 fromSlot, uint256[] words);
    /// @notice The offer takes part in no later allocation. @param by owner, whoever removed a dead one, or the newcomer
    event OfferRemoved(uint32 indexed offerId, address indexed by);
    /// @notice What was left of the stake is on the owner's free balance.
    event StakeReleased(uint32 indexed offerId, address indexed owner, uint256 amount);

    /// @notice No such offer.
    error UnknownOffer(uint32 offerId);
    /// @notice The caller does not own the resource or offer.
    error NotTheOwner(address caller, address owner);
    /// @notice The resource has been retired.
    error ResourceInactive(uint32 resourceId);
    /// @notice The resource has no meter of its own: its delivery could not be measured.
    error ResourceWithoutMeter(uint32 resourceId);
    /// @notice The meter is not the active connection meter of the owner.
    error MeterNotEligible(uint32 meterId);
    /// @notice Power outside what is allowed, in W.
    error OfferPowerOutOfRange(uint256 givenW, uint256 lowestW, uint256 highestW);
    /// @notice Price above the highest of any request.
    error OfferPriceTooHigh(uint256 given, uint256 allowed);
    /// @notice The resource is not available over the whole window.
    /// @param from first quarter hour of the day @param to exclusive
    error ResourceUnavailable(uint32 resourceId, uint256 from, uint256 to);
    /// @notice The window must begin after the current slot, not be empty, and lie inside one UTC day, today or tomorrow.
    error OfferWindowInvalid(uint32 fromSlot, uint32 toSlot, uint32 earliest);
    /// @notice A meter makes at most 8 offers a day.
    error TooManyOffers(uint32 meterId, uint32 day);
    /// @notice Too few similar days on record. @param slot first slot for which @param given days found @param required days
    error BaselineTooShort(uint32 slot, uint256 given, uint256 required);
    /// @notice The meter was in events on too many of the similar days.
    error TooManyEventDays(uint256 given, uint256 allowed);
    /// @notice The place is not free. @param occupant offer that holds it
    error PlaceTaken(uint256 place, uint32 occupant);
    /// @notice Places are filled in order; the book has 500. @param allowed highest place now
    error PlaceOutOfRange(uint256 place, uint256 allowed);
    /// @notice The book is full and the offer at that place is not the dearest, or not dearer than the newcomer.
    error NotTheDearest(uint256 place, uint256 price, uint256 dearest);
    /// @notice A place in the book is free (or holds an expired offer): evicting is not allowed.
    error BookNotFull(uint256 freePlace);
    /// @notice The offer has left the book, or its window is over.
    error OfferNotInBook(uint32 offerId);
    /// @notice Only the owner removes an offer whose resource and meter are sound.
    error OfferAlive(uint32 offerId);
    /// @notice The offer is still in the book. Remove it, or wait for the end of its window.
    error OfferStillOpen(uint32 offerId, uint256 endsAt);
    /// @notice Events of the window are not settled. @param slots of the day, one bit each
    error EventsNotSettled(uint32 offerId, uint256 slots);

    /// @notice Offer flexibility. The stake is taken from the free balance: power * time * penalty price, rounded up, or the
    /// least stake. Costs gas with the length of the window, for the baseline.
    /// @return offerId from 1, without gaps
    function placeOffer(NewOffer calldata offer) external returns (uint32 offerId);

    /// @notice Take an offer out of the book. It stays bound to what was allocated before. By its owner; by anybody if the
    /// resource is retired, or the meter is not the owner's active connection any more.
    function removeOffer(uint32 offerId) external;

    /// @notice Return what is left of a stake once the offer is out of the book or its window over, and every event inside its
    /// window is settled for it. Anybody may call.
    function releaseStake(uint32 offerId) external returns (uint256 amount);

    /// @notice An offer. Reverts `UnknownOffer`.
    function offerOf(uint32 offerId) external view returns (FlexOffer memory);

    /// @notice Number of offers ever made.
    function offerCount() external view returns (uint32);

    /// @notice Committed baselines of an offer's window: export minus import, in Wh.
    function baselineOf(uint32 offerId) external view returns (int256[] memory netWh);

    /// @notice Baselines that an offer placed now would get, in Wh. Reverts as `placeOffer` does.
    function previewBaseline(
        uint32 meterId,
        FlexDirection direction,
        uint32 fromSlot,
        uint32 toSlot
    )
        external
        view
        returns (int256[] memory netWh);

    /// @notice Stake of an offer.
    function stakeFor(uint32 powerW, uint32 slots) external view returns (uint256);

    /// @notice A place to give to `placeOffer` at a price. Asks much gas: for calls off chain.
    /// @return found false if the book is full and nothing in it dearer
    function placeFor(uint16 zone, FlexDirection direction, uint40 pricePerKWh)
        external
        view
        returns (bool found, uint16 place);

    /// @notice Offers in the book of a zone and direction, by place; 0 where there is none.
    function bookOf(uint16 zone, FlexDirection direction)
        external
        view
        returns (uint32[] memory offerIds);

    /// @notice Offers a meter made for a day, 0 filled at the end.
    function offersOfMeter(uint32 meterId, uint32 day)
        external
        view
        returns (uint32[8] memory offerIds);

    /// @notice Slots of a meter on a day, one bit each, bit 0 = 00:00 UTC.
    /// @return up taken by offers UP
    /// @return down taken by offers DOWN
    /// @return reserved taken by events elsewhere
    function takenSlots(uint32 meterId, uint32 day)
        external
        view
        returns (uint96 up, uint96 down, uint96 reserved);
}
