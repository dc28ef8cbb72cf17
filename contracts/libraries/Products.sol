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

    // Tables over the four periods, 16 bits an entry, QUARTER_HOUR lowest.

    /// @dev Length in slots: 1, 4, 96, 672.
    uint256 private constant LENGTH_SLOTS = 1 | (4 << 16) | (96 << 32) | (672 << 48);
    /// @dev Trading starts 2, 7, 30, 60 days before delivery.
    uint256 private constant OPENS_DAYS = 2 | (7 << 16) | (30 << 32) | (60 << 48);
    /// @dev Continuous trading ends 5 min, 5 min, 1 h, 12 h before delivery.
    uint256 private constant GATE_MINUTES = 5 | (5 << 16) | (60 << 32) | (720 << 48);

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
        return _lengthSlots(periodIndex(product));
    }

    /// @notice First second of trading.
    function opensAt(ProductId product) internal pure returns (uint256) {
        uint256 delivery = startSlot(product) * SLOT_SECONDS;
        uint256 ahead = _entry(OPENS_DAYS, periodIndex(product)) * 1 days;
        return delivery > ahead ? delivery - ahead : 0;
    }

    /// @notice First second at which the continuous session is over.
    function gateAt(ProductId product) internal pure returns (uint256) {
        uint256 delivery = startSlot(product) * SLOT_SECONDS;
        uint256 ahead = _entry(GATE_MINUTES, periodIndex(product)) * 1 minutes;
        return delivery > ahead ? delivery - ahead : 0;
    }

    /// @notice Start of the product of a period that covers `slot`.
    function startCovering(Period period, uint256 slot) internal pure returns (uint256) {
        uint256 length = _lengthSlots(uint256(period));
        uint256 into = (slot + WEEK_SHIFT) % length;
        // The first days of 1970 belong to no whole week: there the earliest product starts at 0.
        return slot > into ? slot - into : 0;
    }

    function isWeekStart(uint256 slot) internal pure returns (bool) {
        return (slot + WEEK_SHIFT) % _lengthSlots(uint256(Period.WEEK)) == 0;
    }

    /// @notice First Monday 00:00 UTC that is not before `slot`.
    function weekStartFrom(uint256 slot) internal pure returns (uint256) {
        uint256 length = _lengthSlots(uint256(Period.WEEK));
        return slot + (length - (slot + WEEK_SHIFT) % length) % length;
    }

    /// @notice Revert unless the id names a product of the continuous session.
    /// @return length slots of the product
    function requireContinuous(ProductId product) internal pure returns (uint256 length) {
        uint256 period = periodIndex(product);
        if (period > LAST_PERIOD) revert IEnergyMarket.PeriodUnknown(period, LAST_PERIOD);
        uint256 session = sessionIndex(product);
        if (session != uint256(Session.CONTINUOUS)) {
            revert IEnergyMarket.SessionUnavailable(session, Session.CONTINUOUS);
        }
        length = _lengthSlots(period);
        uint256 start = startSlot(product);
        uint256 into = (start + WEEK_SHIFT) % length;
        if (into != 0) revert IEnergyMarket.StartMisaligned(start, start + length - into);
    }

    /// @notice Revert unless the product is open for trading now.
    /// @return gate its gate
    function requireOpen(ProductId product) internal view returns (uint256 gate) {
        uint256 opens = opensAt(product);
        if (block.timestamp < opens) revert IEnergyMarket.NotOpenYet(block.timestamp, opens);
        gate = requireBeforeGate(product);
    }

    function requireBeforeGate(ProductId product) internal view returns (uint256 gate) {
        gate = gateAt(product);
        if (block.timestamp >= gate) revert IEnergyMarket.GateClosed(block.timestamp, gate);
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
        return startSlot(product) / RING_SLOTS + 1;
    }

    /// @notice Start slot of the product that used the place of `product` in turn `tag_`.
    function startOfTurn(ProductId product, uint256 tag_) internal pure returns (uint256) {
        return (tag_ - 1) * RING_SLOTS + startSlot(product) % RING_SLOTS;
    }

    function _lengthSlots(uint256 period) private pure returns (uint256) {
        return _entry(LENGTH_SLOTS, period);
    }

    function _entry(uint256 table, uint256 period) private pure returns (uint256) {
        return (table >> (period * 16)) & 0xffff;
    }
}
