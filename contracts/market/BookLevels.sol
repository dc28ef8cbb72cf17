// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {MarketOpenings} from "./MarketOpenings.sol";
import {IAuctionEntry} from "../interfaces/IAuctionEntry.sol";
import {BookHead, BookHeads, LevelWord, LevelWords} from "../libraries/LevelWords.sol";
import {Opening} from "../libraries/Openings.sol";
import {Products} from "../libraries/Products.sol";
import {CurveSteps, CurveStepsLib} from "../types/Auction.sol";
import {ProductId} from "../types/Market.sol";

/// @title Price levels of all books
/// @notice Two kinds of storage words for each product of either session: one for eight neighbouring price levels, the
/// sums of the open orders there, and one head a side, the map of level words that are not empty.
/// @dev The head is touched only when a level word changes between empty and not empty. There, and only there, the
/// collar is checked: what is in a level word already was let in by it, so in the steady state it costs nothing.
abstract contract BookLevels is MarketOpenings {
    using Products for ProductId;

    uint256 private constant NO_PLACE = type(uint256).max;

    function _addToLevel(ProductId product, uint256 side, uint256 tick, uint256 lots) internal {
        uint256 key = LevelWords.key(product, side, tick);
        LevelWord word = _levels[key].ofTurn(product.tag());
        if (word.isEmpty()) _enterHead(product, side, tick);
        _levels[key] = word.plus(tick, lots);
    }

    function _takeFromLevel(ProductId product, uint256 side, uint256 tick, uint256 lots) internal {
        uint256 key = LevelWords.key(product, side, tick);
        LevelWord word = _levels[key];
        // An expired order may be removed so late that the next turn's product has the word already.
        if (!word.isOfTurn(product.tag())) return;
        word = word.minus(tick, lots);
        _levels[key] = word;
        if (word.isEmpty()) _leaveHead(product, side, tick);
    }

    /// @dev In one level word, as when a quote moves by a tick or two, one read and one write do.
    function _moveLevel(
        ProductId product,
        uint256 side,
        uint256 oldTick,
        uint256 oldLots,
        uint256 newTick,
        uint256 newLots
    ) internal {
        if (oldTick / LevelWords.TICKS_PER_WORD == newTick / LevelWords.TICKS_PER_WORD) {
            uint256 key = LevelWords.key(product, side, newTick);
            // Not empty before or after, so the head stays as it is.
            _levels[key] = _levels[key].minus(oldTick, oldLots).plus(newTick, newLots);
        } else {
            _takeFromLevel(product, side, oldTick, oldLots);
            _addToLevel(product, side, newTick, newLots);
        }
    }

    /// @dev Put the steps of one curve in the place of those of another, each level word read and written once.
    /// @param old steps in the book, canonical or none
    /// @param next steps to come, canonical or none
    function _moveSteps(ProductId product, CurveSteps old, CurveSteps next) internal {
        uint256 oldPlace = _firstPlace(old);
        uint256 nextPlace = _firstPlace(next);
        while (true) {
            uint256 place = oldPlace < nextPlace ? oldPlace : nextPlace;
            if (place == NO_PLACE) return;

            uint256 key = LevelWords.keyOf(product, place);
            LevelWord word = _levels[key].ofTurn(product.tag());
            bool wasEmpty = word.isEmpty();
            uint256 step;
            while (oldPlace == place) {
                step = old.first();
                word = word.minus(CurveStepsLib.limitTick(step), CurveStepsLib.lots(step));
                old = old.rest();
                oldPlace = _firstPlace(old);
            }
            while (nextPlace == place) {
                step = next.first();
                word = word.plus(CurveStepsLib.limitTick(step), CurveStepsLib.lots(step));
                next = next.rest();
                nextPlace = _firstPlace(next);
            }
            if (wasEmpty != word.isEmpty()) {
                // Side and tick of whichever step came last: all are of this level word.
                uint256 side = CurveStepsLib.side(step);
                uint256 tick = CurveStepsLib.limitTick(step);
                if (wasEmpty) _enterHead(product, side, tick);
                else _leaveHead(product, side, tick);
            }
            _levels[key] = word;
        }
    }

    function _matchedLots(ProductId product) internal view returns (uint256) {
        return _heads[BookHeads.key(product, BUY)].ofTurn(product.tag()).matchedLots();
    }

    /// @dev Zero if the side is empty.
    function _bestTick(ProductId product, uint256 side) internal view returns (uint256 tick) {
        BookHead head = _heads[BookHeads.key(product, side)].ofTurn(product.tag());
        if (head.map() == 0) return 0;
        tick = head.bestWord(side == BUY) * LevelWords.TICKS_PER_WORD;
        tick += _levels[LevelWords.key(product, side, tick)].bestLane(side == BUY);
    }

    /// @dev A level word is used first: check the collar, put the word on the map.
    function _enterHead(ProductId product, uint256 side, uint256 tick) private {
        uint256 key = BookHeads.key(product, side);
        uint256 tag = product.tag();
        BookHead head = _heads[key];
        if (!head.isOfTurn(tag)) {
            Opening opening = _ensureOpening(product);
            head = BookHeads.create(tag, opening.lowWord(), opening.highWord());
        }
        uint256 place = tick / LevelWords.TICKS_PER_WORD;
        if (place < head.lowWord() || place > head.highWord()) {
            Opening opening = _ensureOpening(product);
            revert IAuctionEntry.PriceOutsideCollar(
                tick, opening.lowestTick(), opening.highestTick()
            );
        }
        _heads[key] = head.withWord(tick);
    }

    /// @dev A level word was left by its last order. It is not empty only while its bit is set in the head of the same
    /// turn, so the head is of this turn.
    function _leaveHead(ProductId product, uint256 side, uint256 tick) private {
        uint256 key = BookHeads.key(product, side);
        _heads[key] = _heads[key].withoutWord(tick);
    }

    /// @dev `side 1 | word 7` of the first step.
    function _firstPlace(CurveSteps steps) private pure returns (uint256) {
        uint256 step = steps.first();
        return step == 0 ? NO_PLACE : CurveStepsLib.order(step) / LevelWords.TICKS_PER_WORD;
    }
}
