// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {Period, ProductId, Session} from "../types/Market.sol";

/// @notice Products and their clock: what a product id says about zone, delivery and trading time.
/// Everything follows from the id by arithmetic, nothing is stored per product.
///
/// ```
/// bit 55     40         36          32              0
///  +---------+----------+-----------+---------------+
///  | zone 16 | period 4 | session 4 | startSlot 32  |
///  +---------+----------+-----------+---------------+
/// ```
library Products {
    uint256 internal constant SLOT_SECONDS = 900;

    /// @dev Storage of a product is reused by the product that starts this many slots (42.7 days)
    /// later; the tag tells them apart.
    uint256 internal constant RING_SLOTS = 4096;

    uint256 internal constant LAST_PERIOD = uint256(type(Period).max);

    /// @dev The gate of an auction moves at most once, by this.
    uint256 internal constant GATE_EXTENSION = 5 minutes;

    /// @dev One row of 64 bits a period, QUARTER_HOUR lowest:
    /// `opensAhead 28 | gateAhead 20 | length 16`, seconds before delivery and slots.
    uint256 private constant CONTINUOUS_CALENDAR = (2 days << _OPENS) | (5 minutes << _GATE) | 1
        | (((7 days << _OPENS) | (5 minutes << _GATE) | 4) << 64)
        | (((30 days << _OPENS) | (1 hours << _GATE) | 96) << 128)
        | (((60 days << _OPENS) | (12 hours << _GATE) | 672) << 192);
    uint256 private constant AUCTION_CALENDAR = (2 days << _OPENS) | (30 minutes << _GATE) | 1
        | (((7 days << _OPENS) | (60 minutes << _GATE) | 4) << 64)
        | (((30 days << _OPENS) | (12 hours << _GATE) | 96) << 128)
        | (((60 days << _OPENS) | (36 hours << _GATE) | 672) << 192);
    uint256 private constant _OPENS = 36;
    uint256 private constant _GATE = 16;

    /// @dev The unix epoch was a Thursday: the first Monday 00:00 UTC is slot 384, so that
    /// `(slot + 288) % 672 == 0` on Mondays. 288 is three days, hence no shift for the shorter periods.
    uint256 private constant WEEK_SHIFT = 672 - 384;

    function pack(uint16 zone_, Period period_, Session session_, uint256 startSlot_)
        internal
        pure
        returns (ProductId)
    {
        return ProductId.wrap(
            (uint56(zone_) << 40) | (uint56(uint8(period_)) << 36) | (uint56(uint8(session_)) << 32)
                // Callers pass slots of existing products or of unix times: below 2^32.
                | uint32(startSlot_)
        );
    }

    function zone(ProductId product) internal pure returns (uint16) {
        return uint16(ProductId.unwrap(product) >> 40);
    }

    function periodIndex(ProductId product) internal pure returns (uint256) {
        return (ProductId.unwrap(product) >> 36) & 0xf;
    }

    function sessionIndex(ProductId product) internal pure returns (uint256) {
        return (ProductId.unwrap(product) >> 32) & 0xf;
    }

    function isAuction(ProductId product) internal pure returns (bool) {
        return sessionIndex(product) == uint256(Session.AUCTION);
    }

    function startSlot(ProductId product) internal pure returns (uint256) {
        return ProductId.unwrap(product) & 0xffffffff;
    }

    /// @dev Zero for a period that does not exist.
    function lengthSlots(ProductId product) internal pure returns (uint256) {
        return _lengthOf(_row(CONTINUOUS_CALENDAR, periodIndex(product)));
    }

    /// @notice First second of trading, the same in both sessions.
    function opensAt(ProductId product) internal pure returns (uint256) {
        return _before(product, _opensAhead(_row(CONTINUOUS_CALENDAR, periodIndex(product))));
    }

    /// @notice First second at which the product's session is over; of an auction that is the nominal
    /// gate, which may be moved once by `GATE_EXTENSION`.
    function gateAt(ProductId product) internal pure returns (uint256) {
        return _before(product, _gateAhead(_row(_calendarOf(product), periodIndex(product))));
    }

    /// @notice First second of delivery.
    function deliveryAt(ProductId product) internal pure returns (uint256) {
        unchecked {
            return startSlot(product) * SLOT_SECONDS; // 32-bit slots do not overflow
        }
    }

    /// @notice Start of the product of a period that covers `slot`.
    function startCovering(Period period, uint256 slot) internal pure returns (uint256) {
        uint256 length = _lengthOf(_row(CONTINUOUS_CALENDAR, uint256(period)));
        uint256 into = (slot + WEEK_SHIFT) % length;
        // The first days of 1970 belong to no whole week: there the earliest product starts at 0.
        return slot > into ? slot - into : 0;
    }

    function isWeekStart(uint256 slot) internal pure returns (bool) {
        return weekStartFrom(slot) == slot;
    }

    /// @notice First Monday 00:00 UTC that is not before `slot`.
    function weekStartFrom(uint256 slot) internal pure returns (uint256) {
        uint256 length = _lengthOf(_row(CONTINUOUS_CALENDAR, uint256(Period.WEEK)));
        return slot + (length - (slot + WEEK_SHIFT) % length) % length;
    }

    /// @notice Whether the id names a product of the session.
    function isOf(ProductId product, Session session) internal pure returns (bool) {
        uint256 period = periodIndex(product);
        if (period > LAST_PERIOD || sessionIndex(product) != uint256(session)) return false;
        unchecked {
            // 32-bit slots do not overflow; the length is not zero for the four periods.
            uint256 length = _lengthOf(_row(CONTINUOUS_CALENDAR, period));
            return (startSlot(product) + WEEK_SHIFT) % length == 0;
        }
    }

    /// @notice Revert unless the id names a product of the session.
    /// @return length slots of the product
    function requireSession(ProductId product, Session session)
        internal
        pure
        returns (uint256 length)
    {
        return _lengthOf(_requireRow(product, session, CONTINUOUS_CALENDAR));
    }

    /// @notice Revert unless the id names a product of the continuous session.
    /// @return length slots of the product
    function requireContinuous(ProductId product) internal pure returns (uint256 length) {
        return requireSession(product, Session.CONTINUOUS);
    }

    /// @notice Revert unless the id names a product of the auction session.
    /// @return length slots of the product
    function requireAuction(ProductId product) internal pure returns (uint256 length) {
        return requireSession(product, Session.AUCTION);
    }

    /// @notice Revert unless the id names a product, of whichever session.
    function requireEither(ProductId product) internal pure {
        requireSession(product, isAuction(product) ? Session.AUCTION : Session.CONTINUOUS);
    }

    /// @notice Revert unless the id names a product of the session whose trading has begun.
    /// @return start its first slot
    /// @return length its slots
    /// @return gate its nominal gate
    function requireOpened(ProductId product, Session session)
        internal
        view
        returns (uint256 start, uint256 length, uint256 gate)
    {
        uint256 row = _requireRow(
            product,
            session,
            session == Session.AUCTION ? AUCTION_CALENDAR : CONTINUOUS_CALENDAR
        );
        length = _lengthOf(row);
        start = startSlot(product);
        // Sums of a unix time and at most 2^32 do not overflow. A delivery that is not further away
        // than the opening and later than the gate is later than 1970 plus the gate.
        unchecked {
            uint256 delivery = start * SLOT_SECONDS;
            if (block.timestamp + _opensAhead(row) < delivery) {
                revert IEnergyMarket.NotOpenYet(block.timestamp, opensAt(product));
            }
            uint256 gateAhead = _gateAhead(row);
            gate = delivery > gateAhead ? delivery - gateAhead : 0;
        }
    }

    /// @notice Revert unless the id names a product of the continuous session that is open now.
    /// @return start its first slot
    /// @return length its slots
    /// @return gate its gate
    function requireOpen(ProductId product)
        internal
        view
        returns (uint256 start, uint256 length, uint256 gate)
    {
        (start, length, gate) = requireOpened(product, Session.CONTINUOUS);
        if (block.timestamp >= gate) revert IEnergyMarket.GateClosed(block.timestamp, gate);
    }

    /// @notice Whether the (nominal) gate of the product's session has been reached.
    function isGateClosed(ProductId product) internal view returns (bool) {
        uint256 gateAhead = _gateAhead(_row(_calendarOf(product), periodIndex(product)));
        // Unix times and 32-bit slots do not overflow.
        unchecked {
            return block.timestamp + gateAhead >= startSlot(product) * SLOT_SECONDS;
        }
    }

    function requireBeforeGate(ProductId product) internal view {
        if (isGateClosed(product)) {
            revert IEnergyMarket.GateClosed(block.timestamp, gateAt(product));
        }
    }

    /* RING STORAGE */

    /// @notice Place in the ring: `zone 16 | period 4 | session 4 | startSlot mod 4096`, 36 bits.
    /// @dev Two products of one place never trade at a time: quarter hours, hours and days open less
    /// than 4,096 slots ahead, and week starts share a place only every 86,016 slots.
    function ringKey(ProductId product) internal pure returns (uint256) {
        uint256 id = ProductId.unwrap(product);
        return ((id >> 32) << 12) | (id & (RING_SLOTS - 1));
    }

    /// @notice Turn of the ring, from 1; never 0, so an untouched word never fits.
    /// @dev 16 bits hold it for products that open before the year 9,600.
    function tag(ProductId product) internal pure returns (uint256) {
        unchecked {
            return startSlot(product) / RING_SLOTS + 1; // below 2^21
        }
    }

    /// @notice Start slot of the product that used the place of `product` in turn `tag_`.
    function startOfTurn(ProductId product, uint256 tag_) internal pure returns (uint256) {
        return (tag_ - 1) * RING_SLOTS + startSlot(product) % RING_SLOTS;
    }

    /// @notice Key of what both sessions of a product share: `zone 16 | period 4 | startSlot mod 4096`.
    function openingKey(ProductId product) internal pure returns (uint256) {
        uint256 id = ProductId.unwrap(product);
        return ((id >> 36) << 12) | (id & (RING_SLOTS - 1));
    }

    /// @notice The same product in the other session.
    function sister(ProductId product) internal pure returns (ProductId) {
        return ProductId.wrap(ProductId.unwrap(product) ^ uint56(1 << 32));
    }

    /// @notice The product of the same period, session and start in another zone.
    function inZone(ProductId product, uint16 zone_) internal pure returns (ProductId) {
        return ProductId.wrap(
            (uint56(zone_) << 40) | (ProductId.unwrap(product) & type(uint40).max)
        );
    }

    function _before(ProductId product, uint256 ahead) private pure returns (uint256) {
        uint256 delivery = deliveryAt(product);
        return delivery > ahead ? delivery - ahead : 0;
    }

    function _calendarOf(ProductId product) private pure returns (uint256) {
        return isAuction(product) ? AUCTION_CALENDAR : CONTINUOUS_CALENDAR;
    }

    /// @dev The row of the product's period, if it is a product of the session.
    function _requireRow(ProductId product, Session session, uint256 calendar)
        private
        pure
        returns (uint256 row)
    {
        unchecked {
            uint256 given = sessionIndex(product);
            if (given != uint256(session)) revert IEnergyMarket.SessionUnavailable(given, session);
            uint256 period = periodIndex(product);
            if (period > LAST_PERIOD) revert IEnergyMarket.PeriodUnknown(period, LAST_PERIOD);
            row = _row(calendar, period);
            // 32-bit slots do not overflow; length is not zero for the four periods.
            uint256 length = _lengthOf(row);
            uint256 start = startSlot(product);
            uint256 into = (start + WEEK_SHIFT) % length;
            if (into != 0) revert IEnergyMarket.StartMisaligned(start, start + length - into);
        }
    }

    function _row(uint256 calendar, uint256 period) private pure returns (uint256) {
        return calendar >> (period << 6);
    }

    function _lengthOf(uint256 row) private pure returns (uint256) {
        return row & 0xffff;
    }

    function _gateAhead(uint256 row) private pure returns (uint256) {
        return (row >> _GATE) & 0xfffff;
    }

    function _opensAhead(uint256 row) private pure returns (uint256) {
        return (row >> _OPENS) & 0xfffffff;
    }
}
