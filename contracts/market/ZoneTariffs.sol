// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {ISettlementZones} from "../interfaces/ISettlementZones.sol";
import {TariffBounds} from "../types/Settlement.sol";
import {ZonePrices} from "./ZonePrices.sol";

/// @notice Setting tariffs and their bounds. See `ISettlementZones`.
abstract contract ZoneTariffs is ZonePrices {
    using Checkpoints for Checkpoints.Trace208;
    using SafeCast for uint256;

    /// @dev 2 days.
    uint256 private constant TARIFF_NOTICE_SLOTS = 192;
    /// @dev 67 days, the span over which market terms are fixed; a slip of the pen cannot block tariffs for years.
    uint256 private constant TARIFF_HORIZON_SLOTS = 6432;
    /// @dev Energy in Wh times such a price divides by 1,000 exactly.
    uint256 private constant PRICE_MULTIPLE = 1000;

    /* OPERATOR FUNCTIONS */

    /// @dev See `ISettlementZones.setTariff`.
    function setTariff(
        uint16 zone,
        uint32 fromSlot,
        uint256 retailPricePerKWh,
        uint256 feedInPricePerKWh
    ) external {
        if (zone == 0 || _zones[zone].operator != msg.sender) {
            revert ISettlementZones.NotTheOperator(msg.sender, zone);
        }
        Checkpoints.Trace208 storage history = _tariffs[zone];
        (bool exists, uint48 latest,) = history.latestCheckpoint();
        uint256 current = _currentSlot();
        // Nobody has relied on a tariff before the first one.
        uint256 earliest = exists ? current + TARIFF_NOTICE_SLOTS : current + 1;
        if (fromSlot < earliest) {
            revert ISettlementZones.TariffNoticeTooShort(fromSlot, earliest.toUint32());
        }
        uint256 furthest = current + TARIFF_HORIZON_SLOTS;
        if (fromSlot > furthest) {
            revert ISettlementZones.TariffTooFarAhead(fromSlot, furthest.toUint32());
        }
        if (fromSlot < latest) revert ISettlementZones.TariffOutOfOrder(fromSlot, uint32(latest));

        TariffBounds memory bounds = _tariffBounds;
        _requireTariff(retailPricePerKWh, bounds.retailMin, bounds.retailMax);
        _requireTariff(feedInPricePerKWh, bounds.feedInMin, bounds.feedInMax);
        if (feedInPricePerKWh > retailPricePerKWh) {
            revert ISettlementZones.FeedInAboveRetail(feedInPricePerKWh, retailPricePerKWh);
        }
        uint256 cap = MARKET.shortPriceCap(zone, fromSlot);
        if (retailPricePerKWh > cap) revert ISettlementZones.TariffAboveCap(retailPricePerKWh, cap);

        // Both prices are at most MAX_TARIFF, so they fit their fields.
        history.push(
            fromSlot,
            (uint208(fromSlot) << 128) | (uint208(retailPricePerKWh) << 64)
                | uint208(feedInPricePerKWh)
        );
        emit ISettlementZones.TariffSet(zone, fromSlot, retailPricePerKWh, feedInPricePerKWh);
    }

    /* RESTRICTED FUNCTIONS */

    /// @dev See `ISettlementZones.setTariffBounds`.
    function setTariffBounds(TariffBounds calldata bounds) external restricted {
        _setTariffBounds(bounds);
    }

    /* INTERNAL */

    function _requireTariff(uint256 price, uint256 lowest, uint256 highest) private pure {
        if (price % PRICE_MULTIPLE != 0) {
            revert ISettlementZones.TariffNotExact(price, PRICE_MULTIPLE);
        }
        if (price < lowest || price > highest) {
            revert ISettlementZones.TariffOutOfBounds(price, lowest, highest);
        }
    }
}
