// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

import {ProductId} from "./Market.sol";

/// @notice What a trader asks for, in one word: calldata is the dearest part of a batch that a
/// contract can do something about, and the same word goes into the log unchanged.
///
/// ```
/// bit 223      152            112             56        48             32          0
///  +--------------+--------------+--------------+---------+--------------+-----------+
///  |     zero     | expiresAt 40 | productId 56 | side 8  | limitTick 16 |  lots 32  |
///  +--------------+--------------+--------------+---------+--------------+-----------+
/// ```
/// - `expiresAt`: unix second from which the order no longer trades; 0 or later than the gate means
///   the gate.
/// - `side`: 0 buy, 1 sell.
/// - `limitTick`: limit price in ticks, `pricePerKWh / TICK_SIZE`.
/// - `lots`: energy in lots per slot, `amountWh / (slots * LOT)`.
///
/// Why 224 bits: the compiler's dispatcher tries selectors in ascending order at 22 gas each, and this
/// width gives `placeOrder` and `replaceOrder`, the calls made most, selectors near the front.
type Quote is uint224;

using QuoteLib for Quote global;

/// @notice Packing and named access. Values come unchecked: the market refuses what does not fit.
library QuoteLib {
    /// @dev The bits of the fields, of `side` only the lowest.
    uint256 private constant FIELDS = ((1 << 152) - 1) ^ (0xfe << 48);

    /// @dev Warning: every argument must fit its field (`EnergyTrading.packQuote` checks).
    function pack(
        ProductId product_,
        uint256 side_,
        uint256 lots_,
        uint256 limitTick_,
        uint256 expiresAt_
    ) internal pure returns (Quote) {
        return Quote.wrap(
            // Sum of fields below bit 152.
            uint224((expiresAt_ << 112) | (uint256(ProductId.unwrap(product_)) << 56)
                | (side_ << 48) | (limitTick_ << 32) | lots_)
        );
    }

    /// @dev No bit above the fields, and a side that is 0 or 1.
    function isWellFormed(Quote quote) internal pure returns (bool) {
        return Quote.unwrap(quote) & ~FIELDS == 0;
    }

    function lots(Quote quote) internal pure returns (uint256) {
        return uint32(Quote.unwrap(quote));
    }

    function limitTick(Quote quote) internal pure returns (uint256) {
        return uint16(Quote.unwrap(quote) >> 32);
    }

    /// @notice 0 buy, 1 sell.
    function side(Quote quote) internal pure returns (uint256) {
        return (Quote.unwrap(quote) >> 48) & 1;
    }

    function isSell(Quote quote) internal pure returns (bool) {
        return side(quote) != 0;
    }

    function product(Quote quote) internal pure returns (ProductId) {
        return ProductId.wrap(uint56(Quote.unwrap(quote) >> 56));
    }

    function expiresAt(Quote quote) internal pure returns (uint256) {
        return uint40(Quote.unwrap(quote) >> 112);
    }
}
