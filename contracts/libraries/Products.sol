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

    /// @dev One row of 64 bits a period, QUARTER_HOUR lowest:
    /// `opensAhead 32 | gateAhead 16 | length 16`, seconds before delivery and slots.
    uint256 private constant CALENDAR = _QUARTER_HOUR | (_HOUR << 64) | (_DAY << 128) | (_WEEK << 192);
    uint256 private constant _QUARTER_HOUR = (2 days << 32) | (5 minutes << 16) | 1;
    uint256 private constant _HOUR = (7 days << 32) | (5 minutes << 16) | 4;
    uint256 private constant _DAY = (30 days << 32) | (1 hours << 16) | 96;
    uint256 private constant _WEEK = (60 days << 32) | (12 hours << 16) | 672;

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

    function startSlot(ProductId product) internal pure returns (uint256) {
        return ProductId.unwrap(product) & 0xffffffff;
    }

    /// @dev Zero for a period that does not exist.
    function lengthSlots(ProductId product) internal pure returns (uint256) {
        return _row(periodIndex(product)) & 0xffff;
    }

    /// @notice First second of trading.
    function opensAt(ProductId product) internal pure returns (uint256) {
        uint256 delivery = startSlot(product) * SLOT_SECONDS;
        uint256 ahead = (_row(periodIndex(product)) >> 32) & 0xffffffff;
        return delivery > ahead ? delivery - ahead : 0;
    }

    /// @notice First second at which the continuous session is over.
    function gateAt(ProductId product) internal pure returns (uint256) {
        uint256 delivery = startSlot(product) * SLOT_SECONDS;
        uint256 ahead = (_row(periodIndex(product)) >> 16) & 0xffff;
        return delivery > ahead ? delivery - ahead : 0;
    }

    /// @notice Start of the product of a period that covers `slot`.
    function startCovering(Period period, uint256 slot) internal pure returns (uint256) {
        uint256 length = _row(uint256(period)) & 0xffff;
        uint256 into = (slot + WEEK_SHIFT) % length;
        // The first days of 1970 belong to no whole week: there the earliest product starts at 0.
        return slot > into ? slot - into : 0;
    }

    function isWeekStart(uint256 slot) internal pure returns (bool) {
        return weekStartFrom(slot) == slot;
    }

    /// @notice First Monday 00:00 UTC that is not before `slot`.
    function weekStartFrom(uint256 slot) internal pure returns (uint256) {
        uint256 length = _row(uint256(Period.WEEK)) & 0xffff;
        return slot + (length - (slot + WEEK_SHIFT) % length) % length;
    }

    /// @notice Revert unless the id names a product of the continuous session.
    /// @return length slots of the product
    function requireContinuous(ProductId product) internal pure returns (uint256 length) {
        (, length) = _requireContinuous(product);
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
        uint256 row;
        (row, length) = _requireContinuous(product);
        start = startSlot(product);
        // Sums of a unix time and at most 2^32 do not overflow, and the gate is subtracted only after
        // the comparison has shown that it is not negative.
        unchecked {
            uint256 delivery = start * SLOT_SECONDS;
            if (block.timestamp + ((row >> 32) & 0xffffffff) < delivery) {
                revert IEnergyMarket.NotOpenYet(block.timestamp, opensAt(product));
            }
            uint256 gateAhead = (row >> 16) & 0xffff;
            if (block.timestamp + gateAhead >= delivery) {
                revert IEnergyMarket.GateClosed(block.timestamp, gateAt(product));
            }
            gate = delivery - gateAhead;
        }
    }

    function isGateClosed(ProductId product) internal view returns (bool) {
        uint256 gateAhead = (_row(periodIndex(product)) >> 16) & 0xffff;
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

    function _requireContinuous(ProductId product)
        private
        pure
        returns (uint256 row, uint256 length)
    {
        uint256 period = periodIndex(product);
        if (period > LAST_PERIOD) revert IEnergyMarket.PeriodUnknown(period, LAST_PERIOD);
        uint256 session = sessionIndex(product);
        if (session != uint256(Session.CONTINUOUS)) {
            revert IEnergyMarket.SessionUnavailable(session, Session.CONTINUOUS);
        }
        row = _row(period);
        length = row & 0xffff;
        unchecked {
            // 32-bit slots do not overflow; length is not zero for the four periods.
            uint256 start = startSlot(product);
            uint256 into = (start + WEEK_SHIFT) % length;
            if (into != 0) revert IEnergyMarket.StartMisaligned(start, start + length - into);
        }
    }

    function _row(uint256 period) private pure returns (uint256) {
        return CALENDAR >> (period << 6);
    }
}
