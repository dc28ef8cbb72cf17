// SPDX-License-Identifier: MIT
pragma solidity 0.8.34;

import {AuctionClosing} from "./AuctionClosing.sol";
import {IAuctionClearing} from "../interfaces/IAuctionClearing.sol";
import {ICoupledClearing} from "../interfaces/ICoupledClearing.sol";
import {AuctionResult, AuctionResults} from "../libraries/AuctionResults.sol";
import {LevelSums} from "../libraries/LevelSums.sol";
import {BookHeads, LevelWord} from "../libraries/LevelWords.sol";
import {Products} from "../libraries/Products.sol";
import {ProductId} from "../types/Market.sol";

/// @title The call auction of one zone
/// @notice Anyone proposes the interval of clearing prices; the contract proves it, in a cost bounded
/// by the number of price levels.
///
/// For a price p let `Dge, Dgt` be the lots of buys with limit >= p, > p and `Sle, Slt` those of sells
/// with limit <= p, < p. p clears if `Sle >= Dgt` and `Dge >= Slt`: every order strictly better than p
/// can be filled in full and the volume `min(Dge, Sle)` is the largest of all prices. `Sle - Dgt` never
/// falls and `Dge - Slt` never rises with p, so the clearing prices are an interval. It has an end at
/// `low` iff `Dge(low) > Slt(low)` (then `low - 1` does not clear) or `low` is the first tick, and at
/// `high` iff `Sle(high) > Dgt(high)` or `high` is the last tick.
abstract contract CallAuction is AuctionClosing {
    using LevelSums for mapping(uint256 => LevelWord);
    using Products for ProductId;

    /// @dev Both sides of a book.
    struct Book {
        uint256 buyKey;
        uint256 buyWords;
        uint256 sellKey;
        uint256 sellWords;
    }

    /// @inheritdoc IAuctionClearing
    function clear(ProductId product, uint256 lowTick, uint256 highTick) external {
        // Check: time, halt, and that the zone is not cleared together with others.
        _requireClearable(product);
        _requireUncoupled(product);
        // Check: the proposal.
        AuctionResult result = _prove(product, lowTick, highTick);
        // Effect.
        if (_isExtensionDue(product, result.priceTick())) {
            _extend(product);
            return;
        }
        _results[product] = result;
        emit AuctionCleared(product, lowTick, highTick, result.priceTick(), result.boughtLots());
    }

    /// @dev Check: zones with interconnectors are cleared together first.
    function _requireUncoupled(ProductId product) private view {
        if (_regions[_regionOf(product.zone())].linkCount() == 0) return;
        uint256 until = _coupledUntil(product);
        if (block.timestamp < until) {
            revert ICoupledClearing.CoupledFirst(block.timestamp, until);
        }
    }

    /// @dev The result at the middle of the interval, if it is the interval.
    ///
    /// If low < high both clear, then `Sle(low) >= Dgt(low) >= Dge(high) >= Slt(high) >= Sle(low)`: all
    /// are equal, so nothing lies strictly between. The other way round, `Sle(low) = Dgt(low)` with
    /// nothing in between makes both clear. Hence one pair of sums proves both ends, and an end that is
    /// not the last tick of its side needs an order standing at it.
    function _prove(ProductId product, uint256 low, uint256 high)
        private
        view
        returns (AuctionResult)
    {
        if (low == 0 || low > high || high > MAX_TICK) revert NotTheClearingInterval(low, high);
        Book memory book = _bookOf(product);
        (uint256 buysAbove, uint256 buysAt) = _levels.above(book.buyWords, book.buyKey, low);
        (uint256 sellsBelow, uint256 sellsAt) = _levels.below(book.sellWords, book.sellKey, low);
        bool proven;
        // Sums of lots stay below 2^39.
        unchecked {
            uint256 buys = buysAbove + buysAt;
            uint256 sells = sellsBelow + sellsAt;
            if (low == high) {
                proven = sells >= buysAbove && buys >= sellsBelow
                    && (buys > sellsBelow || low == 1) && (sells > buysAbove || low == MAX_TICK);
                if (proven) return _resultAt(low, buysAbove, buysAt, sellsBelow, sellsAt);
            } else {
                proven = sells == buysAbove && (buysAt | sellsAt != 0 || low == 1)
                    && !_anyWithin(book, low + 1, high - 1)
                    && (high == MAX_TICK || _anyWithin(book, high, high));
                if (proven) {
                    uint256 price = (low + high) / 2;
                    // Nothing stands strictly above low up to the price: sells there are those of low.
                    return price == low
                        ? _resultAt(low, buysAbove, buysAt, sellsBelow, sellsAt)
                        : _resultAt(price, buysAbove, 0, sells, 0);
                }
            }
        }
        revert NotTheClearingInterval(low, high);
    }

    /// @dev The result at a clearing price, from the sums there.
    function _resultAt(
        uint256 price,
        uint256 buysAbove,
        uint256 buysAt,
        uint256 sellsBelow,
        uint256 sellsAt
    ) private pure returns (AuctionResult result) {
        unchecked {
            uint256 buys = buysAbove + buysAt;
            uint256 sells = sellsBelow + sellsAt;
            uint256 volume = buys < sells ? buys : sells;
            result = AuctionResults.create(price, volume, volume);
            // The longer side is rationed, and only at the price: it clears, so the volume covers all
            // that is strictly better on either side.
            if (buys > volume) return result.withRationing(BUY, volume - buysAbove, buysAt);
            if (sells > volume) return result.withRationing(SELL, volume - sellsBelow, sellsAt);
        }
    }

    function _anyWithin(Book memory book, uint256 first, uint256 last) private view returns (bool) {
        return _levels.anyWithin(book.buyWords, book.buyKey, first, last)
            || _levels.anyWithin(book.sellWords, book.sellKey, first, last);
    }

    /// @dev Heads of another turn mean empty sides.
    function _bookOf(ProductId product) internal view returns (Book memory book) {
        uint256 tag = product.tag();
        book.buyKey = BookHeads.key(product, BUY);
        book.buyWords = _heads[book.buyKey].ofTurn(tag).map();
        book.sellKey = BookHeads.key(product, SELL);
        book.sellWords = _heads[book.sellKey].ofTurn(tag).map();
    }
}
