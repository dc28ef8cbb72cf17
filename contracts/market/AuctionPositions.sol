// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketRules} from "./MarketRules.sol";
import {AuctionFills} from "../libraries/AuctionFills.sol";
import {AuctionRecord} from "../libraries/AuctionRecords.sol";
import {AuctionResult} from "../libraries/AuctionResults.sol";
import {OrderIds} from "../libraries/OrderIds.sol";
import {OrderLocks} from "../libraries/OrderLocks.sol";
import {Products} from "../libraries/Products.sol";
import {PackedTerms, ZoneWord} from "../libraries/ZoneWords.sol";
import {CurveState} from "../types/Auction.sol";
import {ProductId, SlotPosition} from "../types/Market.sol";

/// @title What auctions agreed, slot by slot, for settlement
/// @notice Reads the curves and the results of their auctions; whatever follows from both is not stored.
/// Only a share at the price depends on who claimed before: it is fixed when settlement takes it.
abstract contract AuctionPositions is MarketRules {
    using OrderLocks for SlotPosition;
    using Products for ProductId;

    /// @dev Add the account's curve in an auction to those slots of it that were asked for.
    /// @return isMarginal whether a share at the price is in it that is not fixed yet; it counts as if
    /// it was fixed now
    function _addCurve(
        SlotPosition[] memory positions,
        uint256 firstSlot,
        ZoneWord word,
        ProductId product,
        uint24 accountId
    ) internal view returns (bool isMarginal) {
        AuctionRecord record = _curves[OrderIds.recordKey(product, accountId, 0)];
        if (record.tag() != product.tag() || record.steps().isEmpty()) return false;

        uint256 side;
        uint256 lots;
        uint256 tick;
        if (record.isOpen()) {
            AuctionResult result = _results[product];
            uint256 taken;
            (side, lots, taken) = AuctionFills.fill(record.steps(), result);
            tick = result.priceTick();
            isMarginal = taken != 0;
        } else {
            (side, lots, tick) = (record.fillSide(), record.filledLots(), record.fillTick());
        }
        uint256 start = product.startSlot();
        uint256 length = product.lengthSlots();
        PackedTerms terms = _requireTerms(word, product.zone(), start);
        uint256 unlocked = record.lockPerSlot(terms, LOT, LOT_TICK_VALUE);
        uint256 to = start + length;
        if (to > firstSlot + positions.length) to = firstSlot + positions.length;
        for (uint256 slot = start > firstSlot ? start : firstSlot; slot < to; ++slot) {
            SlotPosition memory position = positions[slot - firstSlot];
            position.unlocked += unlocked;
            position.addFillTo(
                side, lots, tick, terms, LOT, LOT_TICK_VALUE, slot - start, length
            );
        }
    }

    /// @dev Effect: fix a share at the price, so that it no longer depends on who claims later. The lock
    /// stays that of the steps: settlement has begun to release it slot by slot.
    function _fixShare(ProductId product, uint24 accountId) internal {
        uint256 key = OrderIds.recordKey(product, accountId, 0);
        AuctionRecord record = _curves[key];
        if (record.tag() != product.tag() || !record.isOpen()) return;
        AuctionResult result = _results[product];
        (uint256 side, uint256 lots, uint256 taken) = AuctionFills.fill(record.steps(), result);
        if (taken == 0) return;
        _curves[key] = record.withFill(CurveState.SHARED, side, lots, result.priceTick());
        _results[product] = result.withCursorMoved(taken);
    }
}
