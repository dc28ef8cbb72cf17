// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ISettlementZones} from "../interfaces/ISettlementZones.sol";
import {TariffBounds} from "../types/Settlement.sol";
import {SettlementLedger} from "./SettlementLedger.sol";

/// @notice Imbalance prices of a zone over time: from its tariffs, its bond's standing, the prices of auctions or else the
/// slot's quote, and the market's cap.
abstract contract ZonePrices is SettlementLedger {
    using Checkpoints for Checkpoints.Trace208;
    using SafeCast for uint256;

    /// @dev What imbalance prices of a run of slots follow from.
    /// @param first first slot of the run
    /// @param last last slot of the run
    /// @param constant_ whether tariff, bond's standing and cap are the same throughout
    /// @param cap highest price for imbalance, of the last slot
    /// @param shortPrice retail tariff within the cap, of the last slot; so is `longPrice`, the feed-in tariff
    /// @param coveringPrices as `IMarketPositions.coveringPrices`, one entry a slot
    struct RunPrices {
        uint16 zone;
        uint256 first;
        uint256 last;
        bool constant_;
        uint256 cap;
        uint256 shortPrice;
        uint256 longPrice;
        uint256[] coveringPrices;
    }

    /// @dev Hard limit for any tariff: 2.8e14 units, 281 million coins of 6 decimals, 281 of 12.
    uint256 private constant MAX_TARIFF = type(uint48).max;

    /// @dev Prices of the slots `first` to `last` (inclusive, at most a week).
    function _runPrices(uint16 zone, uint256 first, uint256 last)
        internal
        view
        returns (RunPrices memory prices)
    {
        prices = _tariffPrices(zone, first, last);
        // Slots have 32 bits.
        prices.coveringPrices =
            MARKET.coveringPrices(zone, uint32(first), uint32(last - first + 1));
    }

    /// @dev Prices of one slot of the run.
    function _slotPrices(RunPrices memory prices, uint256 slot)
        internal
        view
        returns (uint256 shortPrice, uint256 longPrice)
    {
        uint256 covering = prices.coveringPrices[slot - prices.first];
        if (!prices.constant_) prices = _tariffPrices(prices.zone, slot, slot);
        shortPrice = prices.shortPrice;
        longPrice = prices.longPrice;
        if (covering == 0) return (shortPrice, longPrice);
        // Who sold without delivering, or bought without using, must not gain by it.
        uint256 highest = covering >> 128;
        if (highest > prices.cap) highest = prices.cap;
        if (highest > shortPrice) shortPrice = highest;
        uint256 lowest = uint128(covering);
        if (lowest < longPrice) longPrice = lowest;
    }

    /// @dev Highest short and lowest long price over [first, end): what estimated slots settle at.
    function _worstPrices(uint16 zone, uint256 first, uint256 end)
        internal
        view
        returns (uint256 highestShort, uint256 lowestLong)
    {
        RunPrices memory prices = _runPrices(zone, first, end - 1);
        lowestLong = type(uint256).max;
        for (uint256 slot = first; slot < end; ++slot) {
            (uint256 shortPrice, uint256 longPrice) = _slotPrices(prices, slot);
            if (shortPrice > highestShort) highestShort = shortPrice;
            if (longPrice < lowestLong) lowestLong = longPrice;
        }
    }

    /// @dev `RunPrices` without the market's part.
    function _tariffPrices(uint16 zone, uint256 first, uint256 last)
        private
        view
        returns (RunPrices memory prices)
    {
        uint256 tariff = _tariffs[zone].upperLookupRecent(uint48(last));
        uint256 standing = _bondStandings[zone].upperLookupRecent(uint48(last));
        uint256 cap = MARKET.shortPriceCap(zone, uint32(last));
        prices.zone = zone;
        prices.first = first;
        prices.last = last;
        prices.cap = cap;
        // In force before the first slot means in force throughout. Market terms change once in 67 days at most, so
        // equal caps at both ends of a run are equal within it.
        prices.constant_ = first == last
            || ((tariff >> 128) <= first && (standing >> 1) <= first
                && MARKET.shortPriceCap(zone, uint32(first)) == cap);
        uint256 retail = (tariff >> 64) & type(uint64).max;
        uint256 feedIn = standing & 1 == 1 ? tariff & type(uint64).max : 0;
        prices.shortPrice = retail < cap ? retail : cap;
        prices.longPrice = feedIn < prices.shortPrice ? feedIn : prices.shortPrice;
    }

    /// @dev Stores the bond. When it crosses the floor, slots that start later pay (or no longer pay) a feed-in
    /// tariff; the slot running now keeps what it began with.
    function _setBond(uint16 zone, uint256 bond) internal {
        Zone memory state = _zones[zone];
        bool sufficient = bond >= BOND_FLOOR;
        bool crossed = sufficient != state.bondSufficient;
        state.bond = bond.toUint80();
        state.bondSufficient = sufficient;
        _zones[zone] = state;
        if (crossed) {
            uint32 fromSlot = (_currentSlot() + 1).toUint32();
            _bondStandings[zone].push(
                fromSlot, (uint208(fromSlot) << 1) | (sufficient ? uint208(1) : 0)
            );
            emit ISettlementZones.BondStandingChanged(zone, fromSlot, sufficient);
        }
    }

    function _setTariffBounds(TariffBounds memory bounds) internal {
        if (bounds.retailMax > MAX_TARIFF) {
            revert ISettlementZones.InvalidTariffBounds(bounds.retailMax, MAX_TARIFF);
        }
        if (bounds.feedInMax > MAX_TARIFF) {
            revert ISettlementZones.InvalidTariffBounds(bounds.feedInMax, MAX_TARIFF);
        }
        if (bounds.retailMin > bounds.retailMax) {
            revert ISettlementZones.InvalidTariffBounds(bounds.retailMin, bounds.retailMax);
        }
        if (bounds.feedInMin > bounds.feedInMax) {
            revert ISettlementZones.InvalidTariffBounds(bounds.feedInMin, bounds.feedInMax);
        }
        emit ISettlementZones.TariffBoundsChanged(_tariffBounds, bounds);
        _tariffBounds = bounds;
    }
}
